# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""The WebSocket client: upgrade, messages, close handshake; exact bytes both ways."""

import base64
import json
import os
import socket as socket_pool  # CPython's socket module is one
import threading
from pathlib import Path

import pytest
from support.ca import ThrowawayCa
from support.driving import Deadline, events
from support.fakes import AGAIN, END, FakeTransport
from support.raw_server import (
    DEADLINE,
    RawServer,
    accept_key,
    hold,
    read_frame,
    read_head,
    read_to_end,
    reset,
    server_frame,
    upgrade,
    upgrade_answer,
)

from nerveshub_link.errors import TransportError
from nerveshub_link.wire import websocket
from nerveshub_link.wire.frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, encode
from nerveshub_link.wire.http_head import Url
from nerveshub_link.wire.transport import Transport
from nerveshub_link.wire.websocket import (
    BUSY,
    CLOSED,
    CLOSING,
    ENDED,
    MESSAGE,
    NOTHING,
    OPEN,
    OPENED,
    OPENING,
    OVERLONG,
    REFUSED,
    WebSocket,
)

TRANSCRIPTS = Path(__file__).parents[1] / "data" / "transcripts"

KEY = b"\x37\xfa\x21\x3d"
NONCE = b"the sample nonce"  # of the example in RFC 6455, 1.3
URL = Url(True, "h.example", 4001, "/device-socket/websocket?vsn=2.0.0")
REQUEST = (
    b"GET /device-socket/websocket?vsn=2.0.0 HTTP/1.1\r\nHost: h.example:4001\r\n"
    b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
ANSWER = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)


def urandom(count):
    return NONCE if count == 16 else KEY


def opening(*incoming, size=1024, limit=16384, room=()):
    """A WebSocket that has sent its request: ``(socket, transport)``."""
    transport = FakeTransport(*incoming, room=room)
    socket = WebSocket(transport, size, limit, urandom)
    socket.open(URL, {}, 10)
    return socket, transport


def opened(*incoming, **options):
    """A WebSocket that is open, and what comes next."""
    socket, transport = opening(ANSWER, **options)
    assert socket.step() == OPENED
    transport.incoming += incoming
    assert transport.take() == REQUEST
    return socket, transport


def steps(socket, most=1000):
    """All events up to the first `NOTHING` or the end."""
    found = []
    while len(found) < most:
        event = socket.step()
        if event == NOTHING:
            return found
        found.append(event)
        if event in (ENDED, REFUSED):
            return found
    raise AssertionError("no end of events")


def texts(socket):
    """The texts of all messages up to the first `NOTHING`."""
    found = []
    while True:
        event = socket.step()
        if event == NOTHING:
            return found
        if event == MESSAGE:
            found.append(socket.text)


def closing(code):
    """The close frame that the client sends."""
    return bytes(encode(CLOSE, code.to_bytes(2, "big"), KEY))


def captured(want_101):
    """The real server's answers to upgrades: file and line, request, response."""
    found = []
    for path in sorted(TRANSCRIPTS.glob("*.jsonl")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            http = json.loads(line).get("http", {})
            if "Sec-WebSocket-Key" not in http.get("request", ""):
                continue
            if http["response"].startswith("HTTP/1.1 101") == want_101:
                name = "{}:{}".format(path.stem.split("_")[0], number)
                found.append(pytest.param(http["request"], http["response"], id=name))
    return found


# The upgrade


def test_request_is_exact_and_offers_no_extension_and_names_no_origin():
    socket, transport = opening()
    assert socket.state == OPENING
    assert socket.step() == NOTHING
    assert bytes(transport.sent) == REQUEST
    assert transport.opened == [("h.example", 4001, True, 10)]


def test_headers_of_the_caller_are_sent_too():
    transport = FakeTransport()
    socket = WebSocket(transport, 1024, 16384, urandom)
    socket.open(URL, {"x-nh-alg": "NH1", "x-nh-time": "5"}, 10)
    socket.step()
    lines = bytes(transport.sent).split(b"\r\n")
    assert b"x-nh-alg: NH1" in lines
    assert b"x-nh-time: 5" in lines


def test_answer_of_the_rfc_opens_the_connection():
    socket, _ = opening(ANSWER)
    assert socket.step() == OPENED
    assert socket.state == OPEN


def test_answer_may_come_byte_by_byte():
    socket, _ = opening(*[ANSWER[at : at + 1] for at in range(len(ANSWER))])
    for _ in range(len(ANSWER) - 1):
        assert socket.step() == BUSY
    assert socket.step() == OPENED


def test_answer_may_be_written_in_other_letters():
    answer = (
        b"HTTP/1.1 101 OK\r\nUPGRADE: WebSocket\r\nconnection: keep-alive, upgrade\r\n"
        b"sec-websocket-accept:   s3pPLMBiTxaQ9kYGzzhZRbK+xOo=  \r\n\r\n"
    )
    assert steps(opening(answer)[0]) == [OPENED]


@pytest.mark.parametrize(("request_text", "response"), captured(want_101=True))
def test_captured_upgrade_is_accepted_unless_it_chose_an_extension(request_text, response):
    key = request_text.partition("Sec-WebSocket-Key: ")[2].partition("\r\n")[0]
    transport = FakeTransport(response.encode())
    socket = WebSocket(transport, 1024, 16384, lambda count: base64.b64decode(key)[:count])
    socket.open(URL, {}, 10)
    event = socket.step()
    if "sec-websocket-extensions" in response.lower():
        assert event == ENDED
        assert "not offered" in socket.close_reason
    else:
        assert event == OPENED


@pytest.mark.parametrize(("request_text", "response"), captured(want_101=False))
def test_captured_refusal_is_told_with_status_and_headers(request_text, response):
    socket, transport = opening(response.encode())
    assert socket.step() == REFUSED
    assert socket.response.status == int(response[9:12])
    assert socket.response.headers["date"] in response
    assert socket.state == CLOSED
    assert not transport.is_open
    assert socket.step() == NOTHING


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOp="),
        (b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", b"S3PPLMBITXAQ9KYGZZHZRBK+XOO="),
        (b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n", b""),
        (b"Upgrade: websocket\r\n", b""),
        (b"Upgrade: websocket\r\n", b"Upgrade: h2c\r\n"),
        (b"Connection: Upgrade\r\n", b""),
        (b"Connection: Upgrade\r\n", b"Connection: close\r\n"),
        (b"\r\n\r\n", b"\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"),
        (b"\r\n\r\n", b"\r\nSec-WebSocket-Protocol: phoenix\r\n\r\n"),
    ],
)
def test_upgrade_answer_that_is_not_ours_ends_the_connection(old, new):
    assert old in ANSWER
    socket, transport = opening(ANSWER.replace(old, new) + server_frame(TEXT, b"hi"))
    assert steps(socket) == [ENDED]
    assert socket.state == CLOSED
    assert not transport.is_open
    assert bytes(transport.sent) == REQUEST  # no frame: there was no WebSocket yet
    assert socket.step() == NOTHING


def test_answer_without_an_end_ends_the_connection():
    socket, transport = opening(b"HTTP/1.1 200 OK\r\nA: " + b"b" * 20_000, size=512)
    assert steps(socket)[-1] == ENDED
    assert socket.close_reason == "response head longer than 16384 bytes"
    assert not transport.is_open


def test_needed_header_longer_than_the_buffer_names_the_option():
    socket, transport = opening(b"HTTP/1.1 302 Found\r\nLocation: /" + b"b" * 5000, size=512)
    assert steps(socket)[-1] == ENDED
    assert socket.close_reason == (
        "the answer's header location is longer than 512 bytes; increase receive_buffer"
    )
    assert not transport.is_open


def test_answer_that_is_not_http_ends_the_connection():
    socket, _ = opening(b"SSH-2.0-OpenSSH_9.6\r\n")
    assert steps(socket) == [ENDED]
    assert socket.close_reason == "the answer is not HTTP/1"


def test_mute_server_is_waited_for_until_the_caller_gives_up():
    socket, transport = opening(AGAIN)
    assert [socket.step() for _ in range(5)] == [NOTHING] * 5
    assert socket.state == OPENING
    socket.abort()
    assert socket.state == CLOSED
    assert not transport.is_open
    assert socket.step() == NOTHING


@pytest.mark.parametrize("cut", [0, 1, 30, len(ANSWER) - 1])
def test_socket_that_dies_within_the_answer_ends_the_connection(cut):
    socket, transport = opening(*([ANSWER[:cut]] if cut else []), END)
    assert steps(socket)[-1] == ENDED
    assert socket.close_code == 1006
    assert socket.close_reason == "connection closed by the server"
    assert not transport.is_open


def test_failed_connect_is_raised_and_leaves_it_closed():
    socket = WebSocket(FakeTransport(refusal=TransportError("no")), 1024, 16384, urandom)
    with pytest.raises(TransportError, match="no"):
        socket.open(URL, {}, 10)
    assert socket.state == CLOSED
    assert socket.step() == NOTHING
    assert not socket.send_text("x")


def test_request_that_the_network_takes_in_parts_arrives_whole():
    socket, transport = opening(room=[10, 0, 1, 50])
    for _ in range(4):
        assert socket.step() == NOTHING
    assert bytes(transport.sent) == REQUEST


# Messages in


def test_frames_in_the_packet_of_the_answer_are_messages():
    data = ANSWER + server_frame(TEXT, b"one") + server_frame(TEXT, b"two") + b"\x81\x05th"
    socket, transport = opening(data)
    assert socket.step() == OPENED
    assert texts(socket) == ["one", "two"]
    transport.incoming.append(b"ree")
    assert texts(socket) == ["three"]


def test_each_step_returns_one_message():
    socket, _ = opened(server_frame(TEXT, b"one") + server_frame(TEXT, b"two"))
    assert socket.step() == MESSAGE
    assert socket.text == "one"
    assert socket.step() == MESSAGE
    assert socket.text == "two"
    assert socket.step() == NOTHING


def test_messages_are_found_however_the_packets_are_cut():
    data = (
        server_frame(TEXT, b"one")
        + server_frame(TEXT, "t\u00e9".encode()[:2], final=False)
        + server_frame(PING, b"!")
        + server_frame(CONTINUATION, "t\u00e9".encode()[2:])
        + server_frame(TEXT, b"x" * 300)
    )
    for cut in range(1, len(data)):
        socket, transport = opened(data[:cut], data[cut:])
        assert texts(socket) == ["one", "t\u00e9", "x" * 300]
        assert bytes(transport.sent) == bytes(encode(PONG, b"!", KEY))
    socket, _ = opened(*[data[at : at + 1] for at in range(len(data))])
    assert texts(socket) == ["one", "t\u00e9", "x" * 300]


def test_nothing_yet_is_not_the_end():
    socket, transport = opened(AGAIN)
    assert socket.step() == NOTHING
    transport.incoming.append(b"\x81")
    assert steps(socket) == [BUSY]
    transport.incoming = [AGAIN]
    assert socket.step() == NOTHING
    assert socket.state == OPEN
    transport.incoming = [b"\x01a"]
    assert texts(socket) == ["a"]


def test_idle_step_reads_nothing():
    socket, transport = opened()
    reads = len(transport.reads)
    assert socket.step() == NOTHING
    assert len(transport.reads) == reads


@pytest.mark.parametrize(
    "data",
    [
        b"\xff",
        b"a\x80",
        b"\xc0\x80",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xe2\x82",
    ],
)
def test_text_that_is_no_utf_8_ends_the_connection_with_1007(data):
    socket, transport = opened(server_frame(TEXT, data))
    assert steps(socket) == [ENDED]
    assert bytes(transport.sent) == closing(1007)
    assert socket.close_code == 1007
    assert not transport.is_open


def test_utf_8_may_be_split_between_fragments():
    data = "\u20ac\U0001f600".encode()
    for cut in range(len(data) + 1):
        socket, _ = opened(
            server_frame(TEXT, data[:cut], final=False) + server_frame(CONTINUATION, data[cut:])
        )
        assert texts(socket) == ["\u20ac\U0001f600"]


def test_binary_message_ends_the_connection_with_1003():
    socket, transport = opened(server_frame(BINARY, b"\0"))
    assert steps(socket) == [ENDED]
    assert bytes(transport.sent) == closing(1003)


@pytest.mark.parametrize(
    "data", [b"\xc1\x00", b"\x81\x80\0\0\0\0", b"\x83\x00", b"\x80\x00", b"\x09\x00", b"\x89\x7e"]
)
def test_broken_rule_ends_the_connection_with_1002(data):
    socket, transport = opened(server_frame(TEXT, b"fine") + data)
    assert steps(socket) == [MESSAGE, ENDED]
    assert bytes(transport.sent) == closing(1002)
    assert socket.close_code == 1002
    assert socket.close_reason
    assert not transport.is_open


def test_message_over_the_limit_is_told_and_the_next_one_understood():
    socket, _ = opened(
        server_frame(TEXT, b"x" * 5001) + server_frame(TEXT, b"next"), size=256, limit=5000
    )
    found = [event for event in steps(socket) if event != BUSY]
    assert found == [OVERLONG, MESSAGE]
    assert socket.overlong == 5001
    assert socket.text == "next"


def test_message_without_memory_for_its_text_is_told_as_overlong(monkeypatch):
    def no_memory(*args):
        raise MemoryError

    socket, _ = opened(server_frame(TEXT, b"x" * 300), server_frame(TEXT, b"next"))
    with monkeypatch.context() as patch:
        patch.setattr(websocket, "str", no_memory, raising=False)
        assert [socket.step() for _ in range(4)] == [NOTHING] * 3 + [OVERLONG]
    assert socket.overlong == 300
    assert texts(socket) == ["next"]


def test_message_is_taken_as_soon_as_there_is_memory_for_it(monkeypatch):
    def no_memory(*args):
        raise MemoryError

    socket, _ = opened(server_frame(TEXT, b"first"), server_frame(TEXT, b"next"))
    with monkeypatch.context() as patch:
        patch.setattr(websocket, "str", no_memory, raising=False)
        assert [socket.step(), socket.step()] == [NOTHING] * 2
    assert socket.step() == MESSAGE
    assert socket.again(socket.text)  # nor is there memory to understand it
    assert texts(socket) == ["first", "next"]


# Pings


@pytest.mark.parametrize("payload", [b"", b"hello", b"\xff" * 125])
def test_ping_is_answered_with_its_own_payload(payload):
    socket, transport = opened(server_frame(PING, payload))
    assert steps(socket) == [BUSY]
    assert bytes(transport.sent) == bytes(encode(PONG, payload, KEY))


def test_pong_needs_no_answer():
    socket, transport = opened(server_frame(PONG, b"unasked"))
    assert steps(socket) == [BUSY]
    assert bytes(transport.sent) == b""


def test_pings_that_can_not_be_answered_now_do_not_pile_up():
    # RFC 6455, 5.5.3: it is enough to answer the most recent one.
    pings = [server_frame(PING, b"%d" % number) for number in range(1000)]
    socket, transport = opened(*pings)
    transport.room = [0] * 5000
    steps(socket, most=3000)
    assert len(transport.room) < 5000
    transport.room = []
    socket.step()
    assert socket.flushed
    assert len(transport.sent) < 20 * 12
    assert bytes(transport.sent).endswith(bytes(encode(PONG, b"999", KEY)))


def test_pong_that_was_sent_in_part_is_never_replaced_by_a_newer_one():
    socket, transport = opened(server_frame(PING, b"first"), server_frame(PING, b"second"))
    transport.room = [3] + [0] * 10
    steps(socket, most=6)
    transport.room = []
    socket.step()
    assert bytes(transport.sent).endswith(
        bytes(encode(PONG, b"first", KEY)) + bytes(encode(PONG, b"second", KEY))
    )


# Messages out


def test_text_is_sent_at_once_masked_with_a_fresh_key():
    keys = [NONCE, b"\1\2\3\4", b"\5\6\7\x08"]
    transport = FakeTransport(ANSWER)
    socket = WebSocket(transport, 1024, 16384, lambda count: keys.pop(0))
    socket.open(URL, {}, 10)
    assert socket.step() == OPENED
    transport.take()
    assert socket.send_text("Hello")
    assert transport.take() == bytes(encode(TEXT, b"Hello", b"\1\2\3\4"))
    assert socket.send_text("\u20ac")
    assert transport.take() == bytes(encode(TEXT, b"\xe2\x82\xac", b"\5\6\7\x08"))
    assert socket.flushed


def test_part_that_was_not_taken_is_offered_again_with_the_very_same_bytes():
    socket, transport = opened()
    frame = bytes(encode(TEXT, b"Hello", KEY))
    transport.offered = []
    transport.room = [0, 4, 0, 0, 1]
    assert socket.send_text("Hello")
    assert not socket.flushed
    for _ in range(5):
        assert socket.step() == NOTHING
    assert transport.offered == [frame, frame, frame[4:], frame[4:], frame[4:], frame[5:]]
    assert transport.take() == frame
    assert socket.flushed


def test_nothing_gets_between_the_parts_of_a_frame():
    socket, transport = opened()
    transport.room = [4, 0, 0, 0, 3, 0]
    socket.send_text("Hello")
    transport.incoming.append(server_frame(PING, b"p"))
    socket.step()
    socket.send_text("World")
    socket.close()
    for _ in range(4):
        socket.step()
    assert transport.take() == (
        bytes(encode(TEXT, b"Hello", KEY))
        + bytes(encode(PONG, b"p", KEY))
        + bytes(encode(TEXT, b"World", KEY))
        + closing(1000)
    )


@pytest.mark.parametrize("taken", range(0, 30, 3))
def test_frames_arrive_whole_however_little_the_network_takes(taken):
    socket, transport = opened()
    sent = b""
    transport.room = ([taken, 0] * 100) if taken else [1] * 200
    for number in range(5):
        socket.send_text("message %d" % number)
        sent += bytes(encode(TEXT, b"message %d" % number, KEY))
    for _ in range(300):
        socket.step()
    assert socket.flushed
    assert transport.take() == sent


def test_congestion_is_told_until_the_network_takes_more():
    socket, transport = opened()
    transport.room = [0] * 8
    for _ in range(7):
        socket.send_text("x")
    assert not socket.congested
    socket.send_text("x")
    assert socket.congested
    transport.room = []
    socket.step()
    assert not socket.congested


def test_nothing_is_received_while_the_network_takes_too_little():
    socket, transport = opened(room=[1000] + [0] * 30)
    for _ in range(8):
        assert socket.send_text("x" * 100)
    assert socket.congested
    transport.incoming.append(server_frame(TEXT, b"question"))
    reads = len(transport.reads)
    assert socket.step() == NOTHING
    assert len(transport.reads) == reads
    transport.room = []  # the network takes everything again
    assert socket.step() == MESSAGE
    assert not socket.congested


def test_too_much_that_waits_ends_the_connection_and_one_long_frame_does_not():
    socket, transport = opened(room=[1000] + [0] * 30)
    assert socket.send_text("x" * 100_000)
    assert socket.send_text("x" * 32_760)
    assert socket.step() == NOTHING  # one long frame may go its way
    assert socket.send_text("y")
    assert not socket.send_text("z")
    assert socket.step() == ENDED
    assert socket.close_reason == "the server does not read: %d bytes are queued" % (
        100_014 + 32_768 + 7
    )
    assert not socket.send_text("z")


def test_connection_that_breaks_while_sending_is_told_by_the_next_step():
    socket, transport = opened()
    transport.room = [TransportError("connection broke: reset")] * 2
    assert socket.send_text("x")
    assert socket.step() == ENDED
    assert socket.close_code == 1006
    assert socket.close_reason == "connection broke: reset"
    assert not socket.send_text("x")


def test_text_is_not_sent_unless_the_connection_is_open():
    socket, transport = opening()
    assert not socket.send_text("early")
    socket.step()
    assert transport.take() == REQUEST
    socket, transport = opened()
    socket.close()
    transport.take()
    assert not socket.send_text("late")
    assert transport.take() == b""


# The end


@pytest.mark.parametrize("cut", [1, 2, 5, 9])
def test_socket_that_dies_within_a_frame_ends_the_connection(cut):
    data = server_frame(TEXT, b"x" * 200)
    socket, transport = opened(data[:cut], END)
    assert steps(socket) == [BUSY, ENDED]
    assert (socket.close_code, socket.close_reason) == (1006, "connection closed by the server")
    assert not transport.is_open


def test_socket_that_dies_between_frames_ends_the_connection_after_the_last_message():
    socket, _ = opened(server_frame(TEXT, b"last"), END)
    assert steps(socket) == [MESSAGE, ENDED]
    assert socket.text == ""
    assert socket.close_code == 1006


@pytest.mark.parametrize(
    "code", [1000, 1001, 1002, 1003, 1007, 1011, 1012, 1014, 3000, 3999, 4000, 4999]
)
@pytest.mark.parametrize("reason", [b"", b"going away"])
def test_close_of_the_server_is_answered_with_its_code(code, reason):
    socket, transport = opened(server_frame(CLOSE, code.to_bytes(2, "big") + reason))
    assert steps(socket) == [ENDED]
    assert bytes(transport.sent) == closing(code)
    assert socket.close_code == code
    assert not transport.is_open


def test_close_of_the_server_without_a_code_is_answered_alike():
    socket, transport = opened(server_frame(CLOSE))
    assert steps(socket) == [ENDED]
    assert bytes(transport.sent) == b"\x88\x80" + KEY
    assert socket.close_code == 1005


@pytest.mark.parametrize(
    "payload",
    [b"\x03"]
    + [
        code.to_bytes(2, "big")
        for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)
    ],
)
def test_close_with_a_code_that_may_not_be_sent_is_a_broken_rule(payload):
    socket, transport = opened(server_frame(CLOSE, payload))
    assert steps(socket) == [ENDED]
    assert bytes(transport.sent) == closing(1002)
    assert socket.close_code == 1002


def test_close_of_the_server_is_told_even_if_the_answer_can_not_be_sent():
    socket, transport = opened(server_frame(CLOSE, b"\x03\xf4"))
    transport.room = [TransportError("connection broke: reset")]
    assert steps(socket) == [ENDED]
    assert socket.close_code == 1012


def test_own_close_waits_for_the_answer():
    socket, transport = opened()
    socket.close(1001)
    assert socket.state == CLOSING
    assert transport.take() == closing(1001)
    assert socket.step() == NOTHING
    socket.close(1000)
    transport.incoming.append(server_frame(CLOSE, b"\x03\xe9"))
    assert steps(socket) == [ENDED]
    assert transport.take() == b""  # the answer to our own is not answered
    assert socket.close_code == 1001
    assert socket.state == CLOSED
    assert not transport.is_open


def test_messages_and_pings_after_the_own_close_are_passed_over():
    socket, transport = opened()
    socket.close()
    transport.take()
    transport.incoming += [
        server_frame(TEXT, b"too late"),
        server_frame(PING, b"too late"),
        server_frame(CLOSE, b"\x03\xe8"),
    ]
    assert steps(socket) == [BUSY, BUSY, ENDED]
    assert transport.take() == b""


def test_own_close_that_is_answered_by_the_end_of_the_stream_ends_too():
    socket, _ = opened(END)
    socket.close()
    assert steps(socket) == [ENDED]
    assert socket.close_code == 1006


def test_close_before_the_upgrade_is_answered_just_closes():
    socket, transport = opening()
    socket.close()
    assert socket.state == CLOSED
    assert not transport.is_open
    assert bytes(transport.sent) == b""


def test_nothing_that_came_before_the_abort_is_told_after_it():
    socket, _ = opened(
        server_frame(TEXT, b"one")
        + server_frame(PING, b"two")
        + server_frame(TEXT, b"three")
        + server_frame(CLOSE, b"\x03\xe8")
    )
    assert socket.step() == MESSAGE
    socket.abort()
    assert [socket.step() for _ in range(4)] == [NOTHING] * 4
    assert socket.state == CLOSED


def test_nothing_that_follows_the_servers_close_is_told():
    socket, _ = opened(
        server_frame(CLOSE, b"\x03\xe8") + server_frame(CLOSE, b"\x03\xe9") + b"\xff"
    )
    assert socket.step() == ENDED
    assert [socket.step() for _ in range(3)] == [NOTHING] * 3
    assert socket.close_code == 1000


def test_connection_can_be_opened_again_with_nothing_left_of_the_old_one():
    socket, transport = opened(server_frame(TEXT, b"half", final=False) + b"\x00", END)
    transport.room = [2, 0]
    socket.send_text("half sent")
    transport.room = [0] * 100
    assert steps(socket)[-1] == ENDED
    transport.take()
    transport.room = []
    transport.incoming = [ANSWER + server_frame(TEXT, b"new")]
    socket.open(URL, {}, 10)
    assert socket.close_reason == ""
    assert steps(socket) == [OPENED, MESSAGE]
    assert socket.text == "new"
    assert transport.take() == REQUEST


def test_open_drops_the_connection_that_was_there():
    socket, transport = opened(server_frame(TEXT, b"old"))
    transport.incoming = []
    socket.open(URL, {}, 10)
    assert socket.state == OPENING
    assert len(transport.opened) == 2


# Real sockets


@pytest.fixture(params=["tcp", "tls"])
def contexts(request, tmp_path):
    """Server and client context for TLS, or two times None."""
    if request.param == "tcp":
        return None, None
    ca = ThrowawayCa(tmp_path)
    return ca.server_context(), ca.client_context()


def connect(server, client_context, size=1024, limit=200_000):
    transport = Transport(socket_pool, client_context)
    socket = WebSocket(transport, size, limit, os.urandom)
    url = Url(client_context is not None, server.host, server.port, "/socket?vsn=2.0.0")
    socket.open(url, {}, DEADLINE)
    return socket, transport


def test_real_conversation_ends_with_a_close_handshake(contexts):
    seen = []

    def behave(peer):
        seen.append(upgrade(peer))
        seen.append(read_frame(peer))
        peer.sendall(server_frame(TEXT, "gr\u00fc\u00dfe".encode()))
        seen.append(read_frame(peer))
        peer.sendall(server_frame(CLOSE, b"\x03\xe8"))
        seen.append(read_to_end(peer))

    with RawServer(behave, tls=contexts[0]) as server:
        socket, transport = connect(server, contexts[1])
        assert events(socket, transport, OPENED) == OPENED
        assert socket.send_text("hello")
        assert events(socket, transport, MESSAGE) == MESSAGE
        assert socket.text == "gr\u00fc\u00dfe"
        socket.close()
        assert events(socket, transport, ENDED) == ENDED
        assert socket.close_code == 1000
    assert seen[0].startswith(b"GET /socket?vsn=2.0.0 HTTP/1.1\r\nHost: 127.0.0.1:")
    assert seen[1:] == [(TEXT, b"hello"), (CLOSE, b"\x03\xe8"), b""]


def test_message_longer_than_one_read_arrives_without_further_packets(contexts):
    # Under TLS the rest waits deciphered in the TLS layer, where poll() does not see it.
    messages = ["a" * 16000, "b" * 100, "c" * 150_000, "d"]

    def behave(peer):
        head = read_head(peer)
        peer.sendall(
            upgrade_answer(head)
            + b"".join(server_frame(TEXT, message.encode()) for message in messages)
        )
        hold(peer)

    with RawServer(behave, tls=contexts[0]) as server:
        socket, transport = connect(server, contexts[1], size=512)
        events(socket, transport, OPENED)
        for message in messages:
            events(socket, transport, MESSAGE)
            assert socket.text == message
        socket.abort()


def test_server_that_reads_late_gets_every_byte_in_order(contexts):
    read_now = threading.Event()
    seen = []

    def behave(peer):
        upgrade(peer)
        assert read_now.wait(DEADLINE)
        while True:
            opcode, payload = read_frame(peer)
            if opcode == CLOSE:
                peer.sendall(server_frame(CLOSE, payload))
                return
            seen.append(payload)

    with RawServer(behave, tls=contexts[0]) as server:
        socket, transport = connect(server, contexts[1])
        events(socket, transport, OPENED)
        sent = []
        while not socket.congested:
            text = "%06d" % len(sent) + "x" * 4000
            sent.append(text.encode())
            assert socket.send_text(text)
            assert len(sent) < 20_000, "the network takes everything"
        read_now.set()
        socket.close()
        events(socket, transport, ENDED)
    assert seen == sent


def test_server_that_does_not_read_is_given_up_before_the_memory_is_full(contexts):
    def behave(peer):
        upgrade(peer)
        hold(peer)

    with RawServer(behave, tls=contexts[0]) as server:
        socket, transport = connect(server, contexts[1])
        events(socket, transport, OPENED)
        deadline = Deadline()
        while socket.send_text("x" * 4000):
            deadline.check()
        assert socket.step() == ENDED
        assert socket.close_reason.startswith("the server does not read: ")
        assert int(socket.close_reason.split(" ")[5]) < 45_000


def test_captured_401_over_a_real_socket_is_a_refusal_with_a_date(contexts):
    ((_, response),) = [param.values for param in captured(want_101=False) if param.id == "i1:2"]

    def behave(peer):
        read_head(peer)
        peer.sendall(response.encode())
        hold(peer)  # the real server keeps the connection open

    with RawServer(behave, tls=contexts[0]) as server:
        socket, transport = connect(server, contexts[1])
        events(socket, transport, REFUSED)
        assert socket.response.status == 401
        assert socket.response.headers["date"] == "Mon, 23 Nov 2026 18:37:54 GMT"


def test_server_that_dies_in_the_middle_is_told(contexts):
    def dies_before_the_head(peer):
        read_head(peer)

    def dies_in_the_head(peer):
        peer.sendall(upgrade_answer(read_head(peer))[:50])

    def dies_in_a_frame(peer):
        upgrade(peer)
        peer.sendall(server_frame(TEXT, b"x" * 300)[:100])

    with RawServer(
        dies_before_the_head, dies_in_the_head, dies_in_a_frame, tls=contexts[0]
    ) as server:
        for first in (ENDED, ENDED, OPENED):
            socket, transport = connect(server, contexts[1])
            if first == OPENED:
                events(socket, transport, OPENED)
            events(socket, transport, ENDED)
            assert socket.close_code == 1006
            assert socket.state == CLOSED


def test_reset_by_the_server_is_told():
    def behave(peer):
        upgrade(peer)
        read_frame(peer)
        reset(peer)

    with RawServer(behave) as server:
        socket, transport = connect(server, None)
        events(socket, transport, OPENED)
        socket.send_text("x")
        events(socket, transport, ENDED)
        assert socket.close_code == 1006
        assert socket.close_reason.startswith("connection broke: ")


def test_accept_key_of_the_raw_server_is_the_one_of_the_rfc():
    assert accept_key(REQUEST) == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
