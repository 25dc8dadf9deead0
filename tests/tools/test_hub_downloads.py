# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Firmware over HTTP: the captured requests, and the detours that a download may take."""

import hashlib
import random

import hub_replay
import pytest
from hub_wire import Wire
from nerveshub_tools.devices import Inflight
from nerveshub_tools.download_faults import Fault
from nerveshub_tools.downloads import redirecting_url
from nerveshub_tools.firmware import BEYOND, WHOLE, proxied, select
from nerveshub_tools.server import HubThread

SIZE = 70_000
# The captured file's bytes are not published: ours are other bytes of the same length and kind.
IMAGE = b"\xe9" + random.Random(1).randbytes(SIZE - 1)
UUID = hub_replay.UUIDS["1.1.0"]
ARCHIVE = b"PK\x03\x04" + random.Random(2).randbytes(80_742 - 4)
ARCHIVE_UUID = "5a27a280-bace-5f98-2225-374a23120959"


@pytest.fixture(name="hub", scope="module")
def running_hub():
    with HubThread() as hub:
        hub.add_firmware(IMAGE, {"uuid": UUID, "version": "1.1.0"})
        hub.add_firmware(ARCHIVE, {"uuid": ARCHIVE_UUID, "version": "1.1.0"})
        yield hub


def fetch(hub, url, headers=None, method="GET"):
    with Wire(hub.port) as wire:
        return wire.request(url.replace(hub.url, ""), headers, method)


def captured(name):
    for item in hub_replay.load(name):
        http = item.get("http", {})
        request, headers = hub_replay.parse_request(http.get("request", ""))
        # Left out: HTTP/1.0, and the redirect of the real server's web endpoint to https.
        wanted = request.endswith("HTTP/1.1") and headers.get("host") == "localhost:4000"
        if wanted and "/firmware/" in request:
            del headers["host"]
            yield http, request, headers


@pytest.mark.parametrize(("name", "count"), [("c1", 14), ("c3", 2), ("c8", 6), ("c9", 16)])
def test_captured_downloads_are_answered_as_on_the_real_server(hub, name, count):
    compared = 0
    with Wire(hub.port) as kept:
        for http, request, headers in captured(name):
            method, target, _ = request.split(" ")
            close = headers.get("connection") == "close"
            # The tag is the server's; what matters is that ours is taken for its.
            if "if-none-match" in headers:
                headers["if-none-match"] = hub.firmwares[UUID].etag
            wire = Wire(hub.port) if close else kept
            code, answer, body = wire.request(target, headers, method)
            line, expected = hub_replay.parse_request(http["response"])
            assert code == int(line.split(" ")[1]), headers
            names = ["accept-ranges", "content-range", "cache-control"]
            if code < 400:
                names += ["content-length", "content-type"]
                assert ("etag" in answer) == ("etag" in expected)
                assert len(body) == http["body_len"]
                data = ARCHIVE if target.endswith(".fw") else IMAGE
                assert body in data
            else:
                assert answer["content-type"] == expected["content-type"]
                assert body.startswith(b"<!DOCTYPE html>")
                names = ["accept-ranges", "content-range"]
            for field in names:
                assert answer.get(field) == expected.get(field), (headers, field)
            compared += 1
            if close:
                wire.sock.close()
    assert compared == count


def test_ranges_on_one_connection_join_to_the_file(hub):
    parts = []
    with Wire(hub.port) as wire:
        for start in range(0, SIZE, 16384):
            headers = {"Range": f"bytes={start}-{start + 16383}"}
            code, _, body = wire.request(f"/firmware/1/{UUID}.bin", headers)
            assert code == 206
            parts.append(body)
    assert b"".join(parts) == IMAGE


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, WHOLE),
        ("bytes=0-", WHOLE),
        ("bytes=0-9", WHOLE),
        ("bytes=0-10", WHOLE),
        ("bytes=1-", (1, 9)),
        ("bytes=9-", (9, 9)),
        ("bytes=10-", BEYOND),
        ("bytes=20-30", BEYOND),
        ("bytes=7-3", WHOLE),
        ("bytes=-0", WHOLE),
        ("bytes=-10", WHOLE),
        ("bytes=-11", WHOLE),
        ("bytes=-3", (7, 9)),
        ("bytes=-", WHOLE),
        ("bytes=1-2,4-5", WHOLE),
        ("bytes= 1-2", WHOLE),
        ("Bytes=1-2", (1, 2)),
        ("items=1-2", WHOLE),
        ("bytes=a", WHOLE),
        ("bytes=\u0661-", WHOLE),
    ],
)
def test_range_of_a_file_of_ten_bytes(header, expected):
    assert select(header, 10) == expected


def test_payload_describes_the_file(hub):
    payload = hub.update_payload(UUID, size=5)
    assert payload["checksum"] == hashlib.sha256(IMAGE).hexdigest().upper()
    assert payload["partials_checksums"] == [payload["checksum"]]
    assert payload["firmware_url"] == f"{hub.url}/firmware/1/{UUID}.bin"
    assert payload["size"] == 5  # a tweak
    assert fetch(hub, payload["firmware_url"])[2] == IMAGE


def test_partials_are_of_one_mebibyte_the_last_one_short():
    data = bytes(2 * 1024 * 1024 + 1)
    with HubThread() as hub:
        uuid = hub.add_firmware(data, {"uuid": "u", "version": "1.0.0"})
        partials = hub.firmwares[uuid].partials
    assert len(partials) == 3
    assert partials[2] == hashlib.sha256(b"\0").hexdigest().upper()


def test_redirects_lead_to_the_file(hub):
    url, hops = redirecting_url(hub, hub.presigned_url(UUID), 3), 0
    while True:
        code, headers, body = fetch(hub, url)
        if code == 200:
            break
        assert code == 302
        url, hops = headers["location"], hops + 1
    assert (hops, body) == (3, IMAGE)


def test_proxy_fetches_what_its_parameter_says(hub):
    url = proxied(f"{hub.url}/proxy", hub.firmware_url(UUID))
    assert fetch(hub, url, {"Range": "bytes=10-19"})[2] == IMAGE[10:20]
    assert fetch(hub, "/proxy?firmware=%ff")[0] == 400
    assert fetch(hub, "/proxy")[0] == 404


def test_presigned_address_is_good_for_get_only_and_as_it_stands_only(hub):
    url = hub.presigned_url(UUID)
    assert fetch(hub, url)[2] == IMAGE
    for bad, method in ((url, "HEAD"), (url + "0", "GET"), (url.split("?")[0], "GET")):
        code, headers, body = fetch(hub, bad, method=method)
        assert (code, headers["content-type"][:15]) == (403, "application/xml")
        assert method == "HEAD" or b"SignatureDoesNotMatch" in body
    code, headers, _ = fetch(hub, url, {"Range": "bytes=0-"})
    assert (code, headers["content-range"]) == (206, f"bytes 0-{SIZE - 1}/{SIZE}")
    assert fetch(hub, url, {"Range": f"bytes={SIZE}-"})[0] == 416


def test_slowed_down_download_is_complete(hub):
    hub.download_rate = 50_000_000
    try:
        assert fetch(hub, f"/firmware/1/{UUID}.bin")[2] == IMAGE
    finally:
        hub.download_rate = None


def test_download_that_is_slowed_down_goes_on_when_that_ends(hub):
    hub.download_rate = 160_000  # a chunk in a tenth of a second, and there are five
    try:
        with Wire(hub.port) as wire:
            wire.send(f"GET /firmware/1/{UUID}.bin HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            head = wire.take(4)
            while not head.endswith(b"\r\n\r\n"):
                head += wire.take(1)
            hub.download_rate = None
            assert wire.take(SIZE) == IMAGE
    finally:
        hub.download_rate = None


def test_presigned_address_expires_by_the_hubs_clock():
    now = [1_800_000_000]
    with HubThread(clock=lambda: now[0], idle_timeout=10**9) as hub:
        hub.add_firmware(IMAGE, {"uuid": UUID, "version": "1.1.0"})
        hub.url_lifetime = 86_400
        url = hub.update_payload(UUID)["firmware_url"]
        assert url.startswith(f"{hub.url}/s3/{UUID}.bin?X-Amz-Algorithm=")
        now[0] += 86_399
        assert fetch(hub, url)[2] == IMAGE
        now[0] += 1
        code, headers, body = fetch(hub, url)
        assert (code, headers["content-type"][:15]) == (403, "application/xml")
        assert b"AccessDenied" in body and b"Request has expired" in body
        assert fetch(hub, hub.update_payload(UUID)["firmware_url"])[2] == IMAGE
        assert hub.violations == []  # to ask too late is nothing forbidden


# What goes wrong on purpose


@pytest.fixture(name="faults")
def planned_faults(hub):
    yield hub.download_faults
    hub.download_faults.clear()


def whole(hub, **headers):
    """Status, headers and body of a download that may end early."""
    with Wire(hub.port) as wire:
        headers["Connection"] = "close"
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        wire.send(f"GET /firmware/1/{UUID}.bin HTTP/1.1\r\nHost: a\r\n{lines}\r\n".encode())
        data = b""
        while True:
            try:
                part = wire.sock.recv(65536)
            except ConnectionError:
                part = b""
            if not part:
                head, _, body = data.partition(b"\r\n\r\n")
                return head, body
            data += part


def test_download_is_cut_off_as_often_and_where_the_plan_says(hub, faults):
    faults.add(Fault(cut=10), Fault(cut=0), Fault(cut=SIZE - 1))
    assert [len(whole(hub)[1]) for _ in range(4)] == [10, 0, SIZE - 1, SIZE]
    faults.add(Fault(cut=7), times=None)
    assert [len(whole(hub)[1]) for _ in range(3)] == [7, 7, 7]
    faults.clear()
    assert whole(hub)[1] == IMAGE


def test_download_may_be_dropped_refused_or_damaged_or_be_the_whole_file(hub, faults):
    faults.add(Fault(drop=True), Fault(status=503), Fault(corrupt=3), Fault(ignore_range=True))
    faults.add(Fault(content_range="bytes 0-9/10"))
    ranged = {"Range": "bytes=2-9"}
    assert whole(hub) == (b"", b"")
    assert whole(hub)[0].startswith(b"HTTP/1.1 503 ")
    assert whole(hub, **ranged)[1] == IMAGE[2:3] + bytes([IMAGE[3] ^ 1]) + IMAGE[4:10]
    head, body = whole(hub, **ranged)
    assert head.startswith(b"HTTP/1.1 200 ") and b"content-range" not in head
    assert body == IMAGE
    head, body = whole(hub, **ranged)
    assert head.startswith(b"HTTP/1.1 206 ") and b"content-range: bytes 0-9/10" in head
    assert body == IMAGE[2:10]


def test_server_without_ranges_refuses_those_and_serves_the_whole(hub, faults):
    faults.add(Fault(range_status=416), Fault(range_status=403), times=2)
    assert whole(hub, Range="bytes=2-9")[0].startswith(b"HTTP/1.1 416 ")
    assert whole(hub)[1] == IMAGE
    assert whole(hub, Range="bytes=2-9")[0].startswith(b"HTTP/1.1 403 ")


def test_range_may_be_of_another_length_of_file_or_version_or_be_shorter_than_asked(hub, faults):
    faults.add(Fault(total=71_000), Fault(etag='"other"'), Fault(shorten=3))
    head, body = whole(hub, Range="bytes=2-9")
    assert b"content-range: bytes 2-9/71000\r\n" in head + b"\r\n" and body == IMAGE[2:10]
    head, body = whole(hub, Range="bytes=2-9")
    assert b'etag: "other"\r\n' in head and body == IMAGE[2:10]
    head, body = whole(hub, Range="bytes=2-9")
    assert b"content-range: bytes 2-4/70000" in head and body == IMAGE[2:5]
    assert b"content-length: 3\r\n" in head


def test_range_is_cut_in_the_middle_and_nothing_else_of_it_changes(hub, faults):
    faults.add(Fault(cut=5))
    head, body = whole(hub, Range="bytes=2-9")
    assert b"content-length: 8\r\n" in head and body == IMAGE[2:7]


def test_connection_is_kept_unless_the_plan_says_that_it_ends(hub, faults):
    path, ranged = f"/firmware/1/{UUID}.bin", {"Range": "bytes=2-9"}
    faults.add(Fault(), Fault(total=70_000), Fault(close=True), Fault(), Fault(hang_up=True))
    for told in ([None, None, "close"], [None, None]):
        with Wire(hub.port) as wire:
            for connection in told:
                code, headers, body = wire.request(path, ranged)
                assert (code, headers.get("connection"), body) == (206, connection, IMAGE[2:10])
            assert wire.sock.recv(1) == b""


def test_bytes_that_travelled_are_counted_by_update_and_device(hub, faults):
    hub.url_lifetime = 60
    try:
        before = hub.downloads.body_bytes(UUID)
        mine, other = (
            hub.update_payload(UUID, identifier=name)["firmware_url"] for name in ("me", "other")
        )
    finally:
        hub.url_lifetime = None
    fetch(hub, mine, {"Range": "bytes=2-9"})
    fetch(hub, mine, {"Range": "bytes=0-8191"})
    fetch(hub, other, {"Range": "bytes=10-"})
    faults.add(Fault(cut=5), Fault(range_status=416))
    assert whole(hub, Range="bytes=2-9")[1] == IMAGE[2:7]
    fetch(hub, other, {"Range": "bytes=2-9"})
    assert hub.downloads.body_bytes(UUID, "me") == 8 + 8192
    assert hub.downloads.body_bytes(UUID, "other") == SIZE - 10
    assert hub.downloads.body_bytes(UUID) == before + 8 + 8192 + SIZE - 10 + 5
    assert hub.downloads.body_bytes(ARCHIVE_UUID, "me") == 0
    ranged, again = hub.downloads.entries[-2:]
    assert (ranged.status, ranged.start, ranged.sent) == (206, 10, SIZE - 10)
    assert (again.status, again.start, again.sent) == (206, 2, 5)


def test_download_from_the_servers_own_files_is_the_one_devices_that_is_updating():
    with HubThread() as hub:
        hub.add_firmware(IMAGE, {"uuid": UUID, "version": "1.1.0"})
        for name, uuid in (("a", UUID), ("b", ARCHIVE_UUID)):
            hub.add_device(name, inflight=Inflight("started", hub.clock(), uuid))
        fetch(hub, f"/firmware/1/{UUID}.bin", {"Range": "bytes=0-9"})
        assert (hub.downloads.body_bytes(UUID, "a"), hub.downloads.body_bytes(UUID, "b")) == (10, 0)
        hub.change_device("b", inflight=Inflight("started", hub.clock(), UUID))
        fetch(hub, f"/firmware/1/{UUID}.bin", {"Range": "bytes=0-9"})
        assert [one.identifier for one in hub.downloads.entries] == ["a", None]


def test_stalled_download_holds_the_line_and_a_dripping_one_gets_there(hub, faults):
    faults.add(Fault(stall=5), Fault(drip=10_000))
    with Wire(hub.port) as wire:
        wire.send(f"GET /firmware/1/{UUID}.bin HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += wire.take(1)
        assert wire.take(5) == IMAGE[:5]
        wire.sock.setblocking(False)
        with pytest.raises(BlockingIOError):
            wire.sock.recv(1)
    assert whole(hub, Range="bytes=0-99")[1] == IMAGE[:100]


def test_fault_may_be_for_one_device_alone():
    with HubThread() as hub:
        hub.add_firmware(IMAGE, {"uuid": UUID, "version": "1.1.0"})
        hub.url_lifetime = 60
        hub.download_faults.add(Fault(status=503), times=None, identifier="a/\u00e4?")
        for identifier, code in (("b", 200), ("a/\u00e4?", 503), (None, 200), ("a/\u00e4?", 503)):
            url = hub.update_payload(UUID, identifier=identifier)["firmware_url"]
            assert fetch(hub, url)[0] == code


def test_what_is_not_there_is_404(hub):
    for path in (f"/firmware/1/{UUID}.fw", "/firmware/1/x.bin", "/firmware/", "/redirect/x"):
        assert fetch(hub, path)[0] == 404
