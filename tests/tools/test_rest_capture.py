# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
NervesHub's REST API on the development hub: the captured calls of the real server, played to the
hub over HTTP. Status and keys of every answer must be the server's, and so must its values where
the capture itself made what it shows.
"""

import base64
import http.client
import json
import re
import urllib.parse

import pytest
from hub_replay import TRANSCRIPTS
from nerveshub_tools import rest_api
from nerveshub_tools.ca import Authority
from nerveshub_tools.keys import make_keys, read_key
from nerveshub_tools.packer import pack
from nerveshub_tools.server import HubThread
from support.board import application

CAPTURE = [
    json.loads(line)
    for line in (TRANSCRIPTS / "m_rest_api.jsonl").read_text(encoding="utf-8").splitlines()
]
UUIDS = {
    "rest-1.0.0.fw": "24e660ba-c707-547a-75fb-fe98f2042c2e",
    "rest-1.1.0.fw": "86412943-f425-5a4c-f8a1-eefea37adcf3",
}
# Times, numbers and names that differ each time, and two counts that the server had not read anew.
VARIES = {"inserted_at", "updated_at", "serial", "not_before", "not_after", "id", "created_by"}
VARIES |= {"token", "url", "confirmation_code", "delta_updatable", "releases_count"}
BOUNDARY = "boundary-of-a-test"
META = {"product": "greenhouse", "platform": "simulated", "architecture": "xtensa"}


def archives(folder):
    """The files that the capture uploaded, made anew; gives their uuids and the known key."""
    app = application(folder / "app", "print(1)\n")
    known, other = (make_keys(folder / name) for name in ("known", "other"))
    signed = {"key": read_key(known[1])}
    uuids = {}
    for name, version, options in (
        ("rest-1.0.0.fw", "7.0.0", signed),
        ("rest-1.1.0.fw", "7.1.0", signed),
        ("rest-unsigned.fw", "7.2.0", {}),
        ("rest-otherkey.fw", "7.3.0", {"key": read_key(other[1])}),
    ):
        uuids[name] = pack(app, folder / name, {**META, "version": version}, **options).uuid
    elsewhere = {**META, "version": "7.4.0", "product": "elsewhere"}
    pack(app, folder / "rest-otherproduct.fw", elsewhere, **signed)
    (folder / "garbage.fw").write_bytes(b"garbage")
    return uuids, known[0].read_text()


def been_here(hub, identifier, platform, version="1.1.0"):
    """A device that was connected once."""
    connection = hub.connect(identifier)
    fields = {
        "nerves_fw_uuid": f"uuid of {version}",
        "nerves_fw_product": "greenhouse",
        "nerves_fw_architecture": "xtensa",
        "nerves_fw_version": version,
        "nerves_fw_platform": platform,
    }
    connection.text(json.dumps(["1", "1", "device", "phx_join", fields]))
    hub.disconnected(connection)


class Replay:
    """One hub, and the capture's calls to it."""

    def __init__(self, hub, folder):
        self.hub, self.folder = hub, folder
        uuids, key = archives(folder)
        self.names = {UUIDS[name]: uuids[name] for name in UUIDS}
        self.names["SESSION-TOKEN"] = "SESSION-TOKEN"
        hub.public_keys = [key, base64.b64encode(bytes(32)).decode()]
        hub.organization.key_names = {key: "signing"}
        hub.organization.begin_login("another one")
        # What was there before the capture began.
        hub.add_firmware(b"PK\x03\x04", {"uuid": "u-1", "version": "1.1.0", "platform": "pc"})
        hub.add_firmware(b"PK\x03\x04", {"uuid": "u-2", "version": "1.5.0", "platform": "pc"})
        been_here(hub, "Gewächshaus 1 ✓", "pc", "1.0.0")
        for identifier in ("ar-1", "ar-tls", "board-1", "sim-1"):
            been_here(hub, identifier, "simulated")
            hub.change_device(identifier, deployment_id=1)
        hub.change_device("ar-1", tags=["ar"])
        hub.create_group("g1", "u-1", tags=["g1"])
        hub.create_group("g4", "u-2", tags=["g4"])
        hub.organization.scripts.clear()

    def call(self, item):
        """Status, content type, location and body of the hub's answer to a captured request."""
        asked = item["request"]
        path = self.ours(asked["path"])
        headers = {"Host": "localhost"}
        if asked["authorization"] != "none":
            good = asked["authorization"] == "token ..."
            headers["Authorization"] = f"token {self.hub.organization.token if good else 'x'}"
        body = self.body(asked["body"], headers)
        connection = http.client.HTTPConnection("127.0.0.1", self.hub.port, timeout=10)
        try:
            connection.request(asked["method"], path, body, headers)
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        found = json.loads(text) if text else ""
        if item["what"] == "start the browser login":
            self.names["SESSION-TOKEN"] = found["data"]["token"]
        return answer.status, answer.getheader("content-type"), answer.getheader("location"), found

    def body(self, given, headers):
        if given is None:
            return None
        if isinstance(given, str):  # it names a file
            headers["Content-Type"] = f"multipart/form-data; boundary={BOUNDARY}"
            return self.form(given.rpartition(" ")[2])
        headers["Content-Type"] = "application/json"
        if "cert" in given:
            cert, _ = Authority(self.folder / "ca").client("rest-dev-1")
            pem = open(cert, "rb").read()
            given = {"cert": base64.b64encode(pem) if "base64" in given["cert"] else pem}
            given = {"cert": given["cert"].decode()}
        return self.ours(json.dumps(given)).encode()

    def form(self, name):
        head = (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="firmware"; filename="{name}"'
            "\r\nContent-Type: application/octet-stream\r\n\r\n"
        )
        data = (self.folder / name).read_bytes()
        return head.encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()

    def ours(self, text):
        """Captured text with the uuids of our own archives."""
        for theirs, ours in self.names.items():
            text = text.replace(theirs, ours)
        return text


def agree(theirs, ours):
    """The same keys, all the way down; what is null or empty on one side has none to compare."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        assert sorted(theirs) == sorted(ours)
        for key, value in theirs.items():
            agree(value, ours[key])
    elif isinstance(theirs, list) and isinstance(ours, list) and theirs and ours:
        agree(theirs[0], ours[0])
    elif theirs is not None and ours is not None:
        assert type(theirs) is type(ours), (theirs, ours)


def settled(value):
    """Without what is different each time."""
    if isinstance(value, dict):
        return {key: settled(item) for key, item in value.items() if key not in VARIES}
    return [settled(item) for item in value] if isinstance(value, list) else value


@pytest.fixture(name="replay", scope="module")
def played(tmp_path_factory):
    """The hub's answers to all calls, in the order of the capture, each beside the server's."""
    with HubThread(product="greenhouse", organization="Org1") as hub:
        replay = Replay(hub, tmp_path_factory.mktemp("rest"))
        yield replay, [(item, replay.call(item)) for item in CAPTURE]


def test_every_captured_call_has_the_servers_status_and_keys(replay):
    _, answers = replay
    assert len(answers) == 56
    for item, (status, kind, location, body) in answers:
        what = f"{item['what']}: {item['request']['method']} {item['request']['path']}: {body}"
        assert status == item["status"], what
        assert kind == item["content_type"], what
        agree(item["body"], body)
        assert (location is None) == ("location" not in item), what


def test_refusals_have_the_servers_words(replay):
    answers = [(item, body) for item, (_, _, _, body) in replay[1] if item["status"] >= 400]
    assert len(answers) == 20
    for item, body in answers:
        assert body == item["body"], item["what"]


def test_what_the_capture_made_itself_has_the_servers_values_and_location(replay):
    played, answers = replay
    count = 0
    for item, (_, _, location, body) in answers:
        made = item["request"]["method"] in {"POST", "PUT"} or "rest%20group" in str(item)
        if item["status"] >= 400 or not made or not item["body"]:
            continue
        captured = json.loads(played.ours(json.dumps(item["body"])))
        assert settled(body) == settled(captured), item["what"]
        if "location" in item and "certificates" not in item["location"]:
            assert location == played.ours(item["location"])
        count += 1
    assert count == 13


def test_pages_and_filters_give_what_they_say(replay):
    devices = {
        item["what"]: body for item, (_, _, _, body) in replay[1] if "devices" in item["what"]
    }
    found = {what: [item["identifier"] for item in body["data"]] for what, body in devices.items()}
    assert found == {
        "devices": ["Gewächshaus 1 ✓", "ar-1", "ar-tls", "board-1", "sim-1"],
        "devices, page": ["ar-tls", "board-1"],
        "devices, filter": ["ar-1", "ar-tls", "board-1", "sim-1"],  # by their platform, too
    }
    page = {"page_size": 2, "total_entries": 5, "page_number": 2, "total_pages": 3}
    assert devices["devices, page"]["pagination"] == page


def test_login_hands_its_token_out_once_after_a_person_has_let_it_in(tmp_path):
    with HubThread() as hub:
        base = f"http://localhost:{hub.port}"
        connection = http.client.HTTPConnection("localhost", hub.port, timeout=10)

        def ask(method, path, body=None, **headers):
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

        _, text = ask("POST", "/api/auth/cli_session", '{"note": "<desk>"}')
        begun = json.loads(text)["data"]
        assert begun["url"] == f"http://127.0.0.1:{hub.port}/auth/cli/{begun['token']}"
        check = f"/api/auth/cli_session/{begun['token']}"
        page = urllib.parse.urlsplit(begun["url"]).path
        status, shown = ask("GET", page)
        assert (status, "&lt;desk&gt;" in shown) == (200, True)
        assert re.search(r"<b>(\d+)</b>", shown)[1] == str(begun["confirmation_code"])
        assert ask("POST", page, Origin="http://evil.example")[0] == 403
        assert json.loads(ask("GET", check)[1]) == {"data": {"status": "waiting"}}
        assert ask("POST", page, Origin=base)[0] == 200
        ready = {"status": "ready", "user_token": hub.organization.token}
        assert json.loads(ask("GET", check)[1]) == {"data": ready}
        assert ask("GET", check)[0] == 404
        assert ask("GET", page)[0] == 404
        connection.close()


def test_every_call_but_a_login_wants_the_users_token():
    with HubThread() as hub:
        hub.add_device("dev")
        connection = http.client.HTTPConnection("localhost", hub.port, timeout=10)
        routes = [route for route in rest_api.routes() if "/auth/" not in route.path]
        names = {"org": "desk", "product": "demo", "identifier": "dev"}
        assert len(routes) > 30
        for route in routes:
            path = re.sub(
                r"{(\w+)(:[^}]*)?}", lambda name: names.get(name[1], "reboot"), route.path
            )
            for wrong in ({}, {"Authorization": "token"}, {"Authorization": b"token \xff"}):
                connection.request(route.method, "/api" + path, "{}", wrong)
                answer = connection.getresponse()
                assert (answer.status, b"Insufficient" in answer.read()) == (401, True), path
        connection.close()


def test_an_upload_beyond_the_servers_limit_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(rest_api, "MAX_UPLOAD", 1000)
    with HubThread(product="greenhouse", organization="Org1") as hub:
        replay = Replay(hub, tmp_path)
        (tmp_path / "rest-1.0.0.fw").write_bytes(b"PK\x03\x04" + bytes(1000))
        (item,) = [item for item in CAPTURE if item["what"] == "upload, signed by a known key"]
        status, _, _, body = replay.call(item)
        assert (status, body["errors"]["detail"]) == (413, "Request Entity Too Large")
