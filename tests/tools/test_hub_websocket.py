# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""The hub over real sockets: what only the wire can show."""

import json
import re
import ssl

import aiohttp
import hub_replay
import pytest
from hub_wire import Wire, device, hub_headers
from nerveshub_tools.ca import Authority
from nerveshub_tools.server import HubThread
from nerveshub_tools.strict_websocket import MaskWatch, StrictWebSocket
from nerveshub_tools.tls import ServerTls

HEARTBEAT = '[null,"9","phoenix","heartbeat",{}]'
HEARTBEAT_REPLY = [None, "9", "phoenix", "phx_reply", {"status": "ok", "response": {}}]
JOIN = {"device_api_version": "1.0.0"}
AIOHTTP = tuple(int(number) for number in aiohttp.__version__.split(".")[:2])


@pytest.fixture(name="hub")
def running_hub():
    with HubThread() as hub:
        yield hub


@pytest.fixture(name="authority", scope="module")
def throwaway_authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


def trusting(authority, client=None):
    context = ssl.create_default_context(cafile=authority.cert)
    if client:
        context.load_cert_chain(*authority.client(client))
    return context


def operate(hub, who, note):
    for pattern, action in hub_replay.ACTIONS:
        if note.startswith("operator") and callable(action) and re.search(pattern, note):
            action(hub, who)
            return


def expect(wire, item):
    if "frame" in item:
        assert wire.message() == json.loads(item["frame"])
    elif item.get("control") == "pong":
        assert wire.receive() == (10, item["payload"].encode())
    else:
        assert wire.close_code() == item["code"]


def play(hub, name):
    """The client's frames of a captured transcript, over real sockets; counts the answers."""
    wires, who, answers = {}, None, 0
    for item in hub_replay.load(name):
        conn, note = item.get("conn", ""), item.get("note", "")
        if "http" in item and "Sec-WebSocket-Key" in item["http"]["request"]:
            _, headers = hub_replay.parse_request(item["http"]["request"])
            who = hub_replay.Replay.identity(headers)
            wires[conn] = device(hub, who)
        elif "dir" not in item:
            operate(hub, who, note)
            if "control ping" in note:
                wires[conn].frame("hello", opcode=9)
        elif conn not in wires:
            continue  # closed: what follows is the other half of it
        elif item["dir"] == "server" and item.get("event") != "tcp_eof":
            expect(wires[conn], item)
            answers += 1
            if item.get("control") == "close":
                wires.pop(conn).sock.close()
        elif "frame" in item:
            wires[conn].frame(item["frame"])
        elif item.get("control") == "close":
            wires[conn].frame(item["code"].to_bytes(2, "big"), opcode=8)
    assert not wires
    return answers


@pytest.mark.parametrize(("name", "answers"), [("a1", 7), ("a2", 4), ("b2", 9), ("i4", 7)])
def test_transcript_over_a_real_socket_is_answered_as_captured(hub, name, answers):
    assert play(hub, name) == answers


def test_identify_reboot_and_reconnect_arrive_as_captured(hub):
    assert play(hub, "d") == 5


@pytest.mark.parametrize("size", [100_000, 1_000_000, 8_000_000])
def test_large_messages_are_taken(hub, size):
    with device(hub, join=JOIN) as wire:
        wire.frame('["2","2","console","phx_join",{}]')
        assert wire.message()[4]["status"] == "ok"
        wire.frame(json.dumps(["2", "50", "console", "up", {"data": "x" * size}]))
        wire.frame(HEARTBEAT)
        assert wire.message() == HEARTBEAT_REPLY
    assert not hub.violations


def test_too_large_message_closes_with_1009(hub):
    with device(hub) as wire:
        wire.send(b"\x81\xff" + (10_000_001).to_bytes(8, "big") + b"\0\0\0\0")
        if AIOHTTP < (3, 14):
            # It goes by the head's word since then; before, everything has to come.
            wire.send(b" " * 10_000_001)
        assert wire.close_code() == 1009
    hub.wait(lambda hub: hub.violations)


def test_unmasked_frame_closes_with_1002(hub):
    with device(hub) as wire:
        wire.frame(HEARTBEAT, masked=False)
        assert wire.close_code() == 1002
    hub.wait(lambda hub: any("mask" in text for text in hub.violations))


def test_text_that_is_no_utf8_closes_with_1007(hub):
    with device(hub) as wire:
        wire.frame(b'[null,"1","phoenix","\xff\xfe",{}]')
        assert wire.close_code() == 1007
    hub.wait(lambda hub: hub.violations)


@pytest.mark.parametrize("text", ["", "{not json", '{"topic":"phoenix"}', '["1","1","a","b"]'])
def test_text_that_is_no_message_closes_with_1011(hub, text):
    with device(hub) as wire:
        wire.frame(text)
        assert wire.close_code() == 1011
    assert hub.violations


def test_binary_message_closes_with_1011(hub):
    with device(hub) as wire:
        wire.frame(HEARTBEAT, opcode=2)
        assert wire.close_code() == 1011
    assert hub.violations == ["binary message on a JSON socket"]


@pytest.mark.parametrize(
    "head", [b"\xc1\x80", b"\x83\x80", b"\x09\x80", b"\x80\x80"], ids=["rsv", "op", "frag", "cont"]
)
def test_impossible_frame_closes_with_1002(hub, head):
    with device(hub) as wire:
        wire.send(head + b"\0\0\0\0")
        assert wire.close_code() == 1002
    hub.wait(lambda hub: hub.violations)


def test_fragmented_message_with_a_ping_between_is_understood(hub):
    with device(hub) as wire:
        wire.frame(HEARTBEAT[:10], fin=False)
        wire.frame("mid", opcode=9)
        wire.frame(HEARTBEAT[10:20], opcode=0, fin=False)
        wire.frame(HEARTBEAT[20:], opcode=0)
        assert wire.receive() == (10, b"mid")
        assert wire.message() == HEARTBEAT_REPLY
    assert not hub.violations


def test_abruptly_closed_connection_is_noticed(hub):
    with device(hub, join=JOIN):
        assert hub.device("dev-1").joined
    hub.wait(lambda hub: not hub.device("dev-1").connected)
    assert not hub.device("dev-1").joined


def test_silent_socket_is_closed_with_1002_after_180_seconds():
    clock = hub_replay.Clock(1_788_000_000.0)
    with HubThread(clock=clock) as hub, device(hub) as wire:
        clock.now += 179
        hub.tick()
        wire.frame(HEARTBEAT)
        assert wire.message() == HEARTBEAT_REPLY
        clock.now += 180
        hub.tick()
        assert wire.close_code() == 1002
        assert "idle" in hub.violations[0]


def test_newer_connection_of_a_device_ends_the_older_with_1001(hub):
    with device(hub, join=JOIN) as older, device(hub) as newer:
        assert older.close_code() == 1001
        newer.frame(HEARTBEAT)
        assert newer.message() == HEARTBEAT_REPLY
    assert hub.device("dev-1").connections == 2


def test_drain_closes_everybody_with_1012(hub):
    with device(hub, "a") as first, device(hub, "b", join=JOIN) as second:
        hub.drain()
        assert first.close_code() == 1012
        assert second.close_code() == 1012


def test_nothing_is_offered_or_compressed_in_the_handshake(hub):
    with Wire(hub.port) as wire:
        code, headers, _ = wire.upgrade(
            hub_headers(hub, "dev"), Sec_WebSocket_Extensions="permessage-deflate"
        )
    assert code == 101
    assert sorted(headers) == [
        "cache-control",
        "connection",
        "date",
        "sec-websocket-accept",
        "upgrade",
    ]


def test_refusal_has_an_empty_body_and_a_date_and_leaves_the_connection_open():
    clock = hub_replay.Clock(1_795_458_540.0)
    with HubThread(clock=clock) as hub, Wire(hub.port) as wire:
        headers = hub_headers(hub, "dev")
        headers["x-nh-signature"] += "x"
        for _ in range(2):  # the second one on the same connection
            code, answer, body = wire.upgrade(headers)
            assert (code, answer["content-length"], body) == (401, "0", b"")
            assert answer["date"] == "Mon, 23 Nov 2026 18:29:00 GMT"
            assert "connection" not in answer
            assert "nh-connection-error-reason" not in answer
        assert len(hub.violations) == 2


def test_request_without_any_credentials_is_told_so(hub):
    with Wire(hub.port) as wire:
        code, answer, body = wire.upgrade({})
    text = "no certificate pair or shared secrets connection settings were provided"
    assert (code, answer["nh-connection-error-reason"], body.decode()) == (401, text, text)


def test_unavailable_platform_answers_503(hub):
    hub.unavailable = "platform is down"
    with Wire(hub.port) as wire:
        code, answer, body = wire.upgrade(hub_headers(hub, "dev"))
    assert (code, answer["nh-connection-error-reason"], body) == (
        503,
        "platform is down",
        b"platform is down",
    )
    assert not hub.violations


@pytest.mark.parametrize(
    "changes",
    [
        {"Upgrade": None},
        {"Connection": "keep-alive"},
        {"Sec_WebSocket_Version": "12"},
        {"Sec_WebSocket_Key": "c2hvcnQ="},
        {"Sec_WebSocket_Key": None},
    ],
)
def test_incomplete_handshake_is_answered_400(hub, changes):
    with Wire(hub.port) as wire:
        assert wire.upgrade(hub_headers(hub, "dev"), **changes)[0] == 400
    assert hub.violations


def test_upgrade_can_be_redirected_some_times(hub):
    hub.redirects = [(301, "/device-socket/websocket?vsn=2.0.0"), (307, "wss://elsewhere/")]
    with Wire(hub.port) as wire:
        headers = hub_headers(hub, "dev")
        assert wire.upgrade(headers)[1]["location"] == "/device-socket/websocket?vsn=2.0.0"
        assert wire.upgrade(headers)[0] == 307
        assert wire.upgrade(headers)[0] == 101


def test_other_paths_are_redirected_and_alive_is_alive(hub):
    with Wire(hub.port) as wire:
        code, answer, _ = wire.request("/nothing?a=1", host="example:1")
        assert (code, answer["location"]) == (301, "https://example/nothing?a=1")
        assert wire.request("/status/alive")[2] == b"Hello, Friend!"


def test_tls_takes_both_socket_paths_and_a_client_certificate_wins_over_headers(authority):
    tls = ServerTls(*authority.server(), client_ca=authority.cert)
    with HubThread(tls=tls) as hub:
        assert hub.url.startswith("https://")
        for target in ("/socket/websocket?vsn=2.0.0", "/device-socket/websocket?vsn=2.0.0"):
            with Wire(hub.port, trusting(authority)) as wire:
                assert wire.sock.version() == "TLSv1.2"
                assert wire.upgrade(hub_headers(hub, "by secret"), target)[0] == 101
            with Wire(hub.port, trusting(authority, "by certificate")) as wire:
                headers = {**hub_headers(hub, "by secret"), "x-nh-signature": "wrong"}
                assert wire.upgrade(headers, target)[0] == 101
        assert hub.identifiers() == ["by secret", "by certificate"]
        with Wire(hub.port, trusting(authority)) as wire:
            code, answer, _ = wire.request("/")
            assert (code, answer["location"]) == (301, "https://docs.nerves-hub.org/")
        assert not hub.violations


def test_mask_watch_follows_frames_through_any_cuts():
    stream = b"".join(
        b"\x81" + size + b"mask" + b"\0" * count
        for size, count in [
            (b"\x80", 0),
            (b"\x85", 5),
            (b"\xfe\x01\x00", 256),
            (b"\xff\0\0\0\0\0\x01\0\0", 65536),
        ]
    )
    for step in (1, 3, 70_000):
        watch = MaskWatch()
        pieces = [stream[at : at + step] for at in range(0, len(stream), step)]
        assert all(watch.feed(piece) for piece in pieces)
        assert not watch.feed(b"\x81\x05hello")


@pytest.mark.parametrize("late", [False, True])
def test_a_device_that_hangs_up_in_its_upgrade_is_no_error_of_the_hub(
    hub, monkeypatch, caplog, late
):
    real = StrictWebSocket.prepare

    async def prepare(self, request):
        if not late and request.transport is not None:
            request.transport.abort()
        writer = await real(self, request)
        if late and request.transport is not None:
            request.transport.abort()
        return writer

    monkeypatch.setattr(StrictWebSocket, "prepare", prepare)
    with Wire(hub.port) as wire:
        with pytest.raises((EOFError, ConnectionError)):
            wire.upgrade(hub_headers(hub, "dev-1"))
            wire.message()
    hub.wait(lambda hub: hub.device("dev-1").connections and not hub.device("dev-1").connected)
    monkeypatch.undo()
    device(hub, "dev-2", join=JOIN)  # whoever comes next is served
    assert [record.getMessage() for record in caplog.records] == []
