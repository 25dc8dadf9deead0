# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Failing updates from end to end: the real link, a real hub, a misbehaving firmware server. Each time
the hub must get `failed` with the reason, the link must stay joined, nothing may be installed, and
a good update must succeed right afterwards.
"""

import json
import random
import select
import socket

import pytest
from adafruit_ticks import ticks_ms
from nerveshub_tools.downloads import redirecting_url
from nerveshub_tools.server import HubThread
from support.ca import ThrowawayCa
from support.desk import META, NEW_META, Log, RecordingClient, RecordingWriter
from support.raw_server import DEADLINE, RawServer, hold, read_head, reset

from nerveshub_link import FileWriter, NervesHubLink

IMAGE = b"\xe9" + random.Random(6).randbytes(40_000)
UUID = NEW_META["uuid"]
NAME = "dev-1"
SECRET = "topsecret"
SIZE = len(IMAGE)


class Pool:
    """A socket pool that remembers its sockets, so that a test can wait for them."""

    SOCK_STREAM = socket.SOCK_STREAM

    def __init__(self):
        self._sockets = []

    getaddrinfo = staticmethod(socket.getaddrinfo)

    def socket(self, *args):
        self._sockets.append(socket.socket(*args))
        return self._sockets[-1]

    def wait(self):
        """Until something comes, or a few milliseconds for what no socket tells."""
        self._sockets = [one for one in self._sockets if one.fileno() >= 0]
        select.select(self._sockets, [], [], 0.005)


class Board:
    """A device: the link, its application and its flash. Time may be moved forward."""

    def __init__(self, hub, writer=None, ssl_context=None, **options):
        self._hub = hub
        self._ahead = 0
        self._pool = Pool()
        self.client = RecordingClient()
        self.writer = writer or RecordingWriter()
        self.log = Log()
        self.link = NervesHubLink(
            self._pool,
            ssl_context,
            host=hub.host,
            port=hub.port,
            ssl=False,
            product_key=hub.product_key,
            product_secret=hub.product_secret,
            identifier=NAME,
            client=self.client,
            fwup_writer=self.writer,
            logger=self.log,
            clock=lambda: (ticks_ms() + self._ahead) % (1 << 29),
            **dict(
                # What breaks has failed: further tries are the business of tests/faults.
                {"heartbeat_interval": 30, "reply_timeout": 120, "download_retries": 0},
                **options,
            ),
        )
        self.until(lambda: self.link.connected)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.link.deinit()

    @property
    def device(self):
        """What the hub knows of us."""
        return self._hub.device(NAME)

    @property
    def events(self):
        """What the hub heard on the device topic."""
        return [(event, what) for topic, event, what in self.device.events if topic == "device"]

    @property
    def statuses(self):
        return [what for event, what in self.events if event == "status_update"]

    @property
    def heartbeats(self):
        return sum(who == "client" and frame[3] == "heartbeat" for who, frame in self.device.frames)

    def until(self, condition):
        """Poll, as a main loop does, until something is so."""
        began = ticks_ms()
        while not condition():
            assert (ticks_ms() - began) % (1 << 29) < DEADLINE * 1000, self.log.text
            self.link.poll()
            self._pool.wait()

    def half_a_minute(self):
        """Let 30 s pass, and with them a heartbeat. It is sent only if the last was answered."""
        count = self.heartbeats
        self._ahead += 30_000
        self.until(lambda: self.heartbeats > count)

    def update(self, **tweaks):
        """Push an update and see it end, well or not."""
        ended = len(self.client.named("fwup_error")) + len(self.client.named("reboot"))
        self._hub.push_update(NAME, UUID, **tweaks)
        self.until(
            lambda: ended < len(self.client.named("fwup_error")) + len(self.client.named("reboot"))
        )


@pytest.fixture(name="hub")
def running_hub():
    with HubThread() as hub:
        hub.add_firmware(IMAGE, dict(NEW_META))
        yield hub
        assert hub.violations == []


@pytest.fixture(name="board")
def joined_board(hub):
    with Board(hub) as board:
        yield board


def url_of(server, scheme="http"):
    return "%s://%s:%d/new.fw?X-Amz-Signature=%s" % (scheme, server.host, server.port, SECRET)


def assert_survived(hub, board, reason):
    """The hub was told the reason; the link never left; nothing was installed; a retry works."""
    told = {"status": "failed", "reason": reason}
    assert board.client.named("fwup_error") == [("fwup_error", reason)]
    board.until(lambda: board.statuses[-1:] == [told])
    assert [status["status"] for status in board.statuses].count("failed") == 1
    assert board.events[-1] == ("status_update", told)
    assert board.device.inflight is None
    assert len(board.writer.named("fwup_abort")) == len(board.writer.named("fwup_begin"))
    assert board.writer.named("fwup_finish") == []
    assert board.client.named("reboot") == []
    assert SECRET not in board.log.text + reason + json.dumps(board.device.events)
    board.half_a_minute()
    board.half_a_minute()
    still_joined(board)

    board.writer.heard.clear()
    board.update()
    assert board.client.named("reboot") == [("reboot",)]
    assert board.writer.image == IMAGE
    assert board.writer.heard[-1] == ("fwup_finish",)
    hub.wait(lambda _: board.events[-1] == ("rebooting", {}))
    assert board.statuses[-1] == {"status": "completed"}
    assert board.device.inflight.status == "completed"
    still_joined(board)
    assert hub.violations == []


def still_joined(board):
    assert board.link.state == "joined"
    assert (board.device.joined, board.device.connections) == (True, 1)
    assert board.client.named("handle_disconnected") == []
    assert "fault" not in board.log.text


def answering(answer, then=None):
    def behave(peer):
        read_head(peer)
        try:
            peer.sendall(answer)
        except OSError:
            return  # the client knows enough
        if then is not None:
            then(peer)

    return behave


OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n" % SIZE
HTML = b"<html><body>Welcome to the hotel</body></html>"
XML = b"<Error><Code>AccessDenied</Code></Error>"


# What the hub says is wrong


@pytest.mark.parametrize(
    ("tweaks", "reason"),
    [
        ({"size": SIZE - 1}, "download: the image has %d bytes, the update said %d"),
        ({"size": SIZE + 1}, "download: the image has %d bytes, the update said %d"),
        ({"size": 0}, "update: the update has a bad size"),
        ({"size": "many"}, "update: the update has a bad size"),
        ({"checksum": None}, "update: the update has no checksum, and allow_unverified is off"),
        ({"checksum": "C0FFEE"}, "update: the update's checksum is not a SHA-256"),
        ({"firmware_url": "ftp://h/?topsecret"}, "update: firmware_url: not an http or https URL"),
        (
            {"firmware_url": "http://h/a\tb?topsecret"},
            "update: firmware_url: URL with a control character",
        ),
        (
            {"firmware_url": "http://user:topsecret@h/"},
            "update: firmware_url: URL with a user name or without a host",
        ),
        (
            {"firmware_meta": dict(NEW_META, version="2024.01.15")},
            "update: the update's firmware_meta: version must be like 1.2.3 or 1.2.3-rc.1 (SemVer,"
            " no leading zeros): NervesHub ignores any other",
        ),
    ],
)
def test_update_that_is_wrongly_described_fails(hub, board, tweaks, reason):
    board.update(**tweaks)
    if "%d" in reason:
        reason %= (SIZE, tweaks["size"])
    assert_survived(hub, board, reason)


def test_update_with_another_images_checksum_fails(hub, board):
    board.update(checksum="AB" * 32)
    found = hub.firmwares[UUID].checksum.lower()
    assert_survived(hub, board, "verify: checksum is %s, should be %s" % (found, "ab" * 32))


def test_update_that_is_not_there_fails(hub, board):
    board.update(firmware_url=hub.url + "/firmware/1/gone.fw?" + SECRET)
    shown = "http://%s:%d/firmware/1/gone.fw" % (hub.host, hub.port)
    assert_survived(hub, board, "download: HTTP 404 from %s: not found" % shown)


def test_too_many_redirects_fail_and_five_do_not(hub, board):
    board.update(firmware_url=redirecting_url(hub, hub.firmware_url(UUID), 6))
    assert_survived(hub, board, "download: more than 5 redirects")
    board.writer.heard.clear()
    with Board(hub) as other:
        other.update(firmware_url=redirecting_url(hub, hub.presigned_url(UUID), 5))
        assert other.writer.image == IMAGE


# What the firmware server does is wrong


@pytest.mark.parametrize(
    ("behave", "reason"),
    [
        (answering(b"HTTP/1.1 401 Unauthorized\r\n\r\n" + XML), "HTTP 401 from http://HOST/new.fw"),
        (answering(b"HTTP/1.1 500 Oops\r\n\r\n"), "HTTP 500 from http://HOST/new.fw"),
        (
            answering(b"HTTP/1.1 206 Partial Content\r\nContent-Length: 5\r\n\r\n12345"),
            "HTTP 206 from http://HOST/new.fw",
        ),
        (
            answering(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + HTML),
            "ended after 46 of 40001 bytes: connection closed by the server"
            " (the server calls it text/html)",
        ),
        (
            answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n"),
            "ended after 5 of 40001 bytes: connection closed by the server",
        ),
        (
            answering(OK + b"Content-Encoding: gzip\r\n\r\n" + IMAGE),
            "a body in gzip encoding is not supported",
        ),
        (answering(b"+OK POP3 ready\r\n"), "the answer is not HTTP/1"),
        (
            answering(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 17000),
            "response head longer than 16384 byt",
        ),
        (answering(b""), "connection closed by the server"),
        (answering(b"HTTP/1.1 200 OK\r\nContent-"), "connection closed by the server"),
        (answering(OK + b"\r\n"), "ended after 0 of 40001 bytes: connection closed by the server"),
        (
            answering(OK + b"\r\n" + IMAGE[:-1]),
            "ended after 40000 of 40001 bytes: connection closed by the server",
        ),
        (
            answering(b"HTTP/1.1 200 OK\r\n\r\n" + IMAGE[:30_000]),
            "ended after 30000 of 40001 bytes: connection closed by the server",
        ),
        (
            answering(b"HTTP/1.1 200 OK\r\n\r\n" + IMAGE + b"x"),
            "longer than the announced 40001 bytes",
        ),
        (answering(OK.replace(b"%d" % SIZE, b"0") + b"\r\n"), "the image has 0 bytes, the update"),
        (
            answering(b"HTTP/1.1 302 Found\r\nLocation: ftp://h/?topsecret\r\n\r\n"),
            "not an http or https URL",
        ),
    ],
)
def test_firmware_server_that_misbehaves_fails_the_update_and_nothing_else(
    hub, board, behave, reason
):
    with RawServer(behave) as server:
        board.update(firmware_url=url_of(server))
        reason = "download: " + reason.replace("HOST", "%s:%d" % (server.host, server.port))
        told = board.client.named("fwup_error")[0][1]
    assert told.startswith(reason)
    assert_survived(hub, board, told)


def test_firmware_server_that_resets_the_connection(hub, board):
    with RawServer(answering(OK + b"\r\n" + IMAGE[:100], then=reset)) as server:
        board.update(firmware_url=url_of(server))
    reason = board.client.named("fwup_error")[0][1]
    assert reason.startswith("download: ")
    assert_survived(hub, board, reason)


def test_firmware_server_that_does_not_listen(hub, board):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    board.update(firmware_url="http://127.0.0.1:%d/?%s" % (port, SECRET))
    reason = board.client.named("fwup_error")[0][1]
    assert reason.startswith("download: can't connect to 127.0.0.1: ")
    assert_survived(hub, board, reason)


def test_wrong_bytes_of_the_right_length_are_not_installed(hub, board):
    with RawServer(answering(OK + b"\r\n" + IMAGE[:-1] + b"\0")) as server:
        board.update(firmware_url=url_of(server))
    reason = board.client.named("fwup_error")[0][1]
    assert reason.startswith("verify: checksum is ")
    assert reason.endswith(hub.firmwares[UUID].checksum.lower())
    assert_survived(hub, board, reason)


@pytest.mark.parametrize(
    ("answer", "count"),
    [
        (b"", 0),
        (b"HTTP/1.1 200 OK\r\n", 0),
        (OK + b"\r\n", 0),
        (OK + b"\r\n" + IMAGE[:1000], 1000),
    ],
)
def test_mute_firmware_server_is_given_up_while_heartbeats_go_on(hub, board, answer, count):
    with RawServer(answering(answer, then=hold)) as server:
        hub.push_update(NAME, UUID, firmware_url=url_of(server))
        board.until(lambda: server.connections and len(board.writer.image) == count)
        if answer.endswith(b"\r\n\r\n"):  # the silence begins when the head has come
            board.until(lambda: board.writer.named("fwup_begin"))
        board.half_a_minute()
        assert board.client.named("fwup_error") == []
        still_joined(board)
        # A third one if the first was over before the silence began.
        for _ in range(2):
            if not board.client.named("fwup_error"):
                board.half_a_minute()
        board.until(lambda: board.client.named("fwup_error"))
    reason = "download: the server went silent after %d bytes" % count
    assert_survived(hub, board, reason)


def test_update_over_tls_from_a_server_that_is_not_trusted_fails(hub, tmp_path):
    ours, theirs = ThrowawayCa(tmp_path, "ours"), ThrowawayCa(tmp_path, "theirs")
    with Board(hub, ssl_context=ours.client_context()) as board:
        with RawServer(answering(OK), tls=theirs.server_context()) as server:
            board.update(firmware_url=url_of(server, "https"))
        reason = board.client.named("fwup_error")[0][1]
        assert reason.startswith("download: can't connect to 127.0.0.1: ")
        assert_survived(hub, board, reason)


def test_redirect_from_tls_to_plain_text_fails(hub, tmp_path):
    ca = ThrowawayCa(tmp_path)
    away = b"HTTP/1.1 302 Found\r\nLocation: %s\r\n\r\n" % hub.firmware_url(UUID).encode()
    with Board(hub, ssl_context=ca.client_context()) as board:
        with RawServer(answering(away), tls=ca.server_context()) as server:
            board.update(firmware_url=url_of(server, "https"))
        assert_survived(hub, board, "download: redirect from TLS to plain text")


# The device's own faults


@pytest.mark.parametrize("name", ["fwup_begin", "fwup_chunk", "fwup_finish"])
def test_writer_that_raises_fails_the_update_and_nothing_else(hub, board, name):
    board.writer.raising = {name}
    board.writer.error = RuntimeError("no room for http://h/new.fw?X-Amz-Signature=" + SECRET)
    board.update()
    board.writer.raising = set()
    reason = name + ": RuntimeError: no room for http://h/new.fw?..."
    assert board.client.named("fwup_error") == [("fwup_error", reason)]
    hub.wait(lambda _: board.statuses[-1:] == [{"status": "failed", "reason": reason}])
    assert len(board.writer.named("fwup_abort")) == 1
    board.writer.heard.clear()
    board.update()
    assert board.writer.image == IMAGE
    still_joined(board)


def test_application_that_raises_puts_a_deployment_update_off_by_an_hour(hub, board):
    board.client.raising = {"update_available"}
    hub.deploy(UUID)
    board.until(lambda: board.statuses[-1:] and board.statuses[-1]["status"] != "received")
    assert [status["status"] for status in board.statuses] == ["received", "rescheduled"]
    assert board.statuses[-1]["delay_for"] == 3_600_000
    assert "the application's mistake" in board.statuses[-1]["reason"]
    assert board.device.inflight is None
    assert board.device.blocked_until is not None
    still_joined(board)


def test_failed_deployment_update_blocks_the_device_and_the_server_knows_why(hub):
    with RawServer(answering(b"HTTP/1.1 403 Forbidden\r\n\r\n")) as server, Board(hub) as board:
        hub.firmware_proxy_url = "http://%s:%d/proxy" % (server.host, server.port)
        hub.deploy(UUID)
        board.until(lambda: board.client.named("fwup_error"))
        told = hub.wait(lambda _: [line for line in board.device.audit if "failed" in line])
        assert "HTTP 403 from http://%s:%d/proxy, at a new" % (server.host, server.port) in told[0]
        assert server.connections == 2  # at each of the two offers
        assert board.device.blocked_until is not None
        still_joined(board)


# And when nothing goes wrong


def test_update_becomes_what_runs_after_the_restart_and_is_confirmed(hub, tmp_path):
    path = str(tmp_path / "image")
    writer = FileWriter(path, META)
    with Board(hub, writer) as board:
        board.update(firmware_url=hub.presigned_url(UUID))
    assert (tmp_path / "image").read_bytes() == IMAGE
    with Board(hub, FileWriter(path, META), confirm_after=0) as board:
        hub.wait(lambda _: board.device.meta["uuid"] == UUID)
        assert board.device.join["meta"]["firmware_validated"] is False
        board.until(lambda: board.device.validated)
        assert board.device.inflight is None
    assert FileWriter(path, META).firmware_validated() is True
