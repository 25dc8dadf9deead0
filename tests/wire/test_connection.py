# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Opening a WebSocket: signing, refusals, redirects, the clock; and secrets that stay secret."""

import base64
import hashlib
import hmac

import pytest
from support.desk import KEY, SECRET, Desk, RecordingWriter, signature_term, update
from support.fakes import FakeClock
from support.raw_server import upgrade_answer

from nerveshub_link.errors import TransportError

NOW = 1_795_000_000
DATE = "date: Thu, 18 Nov 2026 12:26:40 GMT"  # unix time 1795004800
AT_DATE = 1_795_004_800


class Context:
    """An SSL context for a transport that never uses it."""

    def __init__(self):
        self.loaded = None

    def load_cert_chain(self, certfile, keyfile):
        self.loaded = (certfile, keyfile)


def test_upgrade_request_asks_for_the_device_socket_and_offers_nothing():
    desk = Desk()
    peer = desk.connect()
    assert peer.head.startswith(b"GET /device-socket/websocket?vsn=2.0.0 HTTP/1.1\r\n")
    assert peer.headers["host"] == "hub.example:4000"
    assert set(peer.headers) == {
        "host",
        "user-agent",
        "x-nh-alg",
        "x-nh-key",
        "x-nh-time",
        "x-nh-signature",
        "upgrade",
        "connection",
        "sec-websocket-key",
        "sec-websocket-version",
    }


def test_signature_is_that_of_the_secret_and_ten_seconds_old():
    desk = Desk(clock=FakeClock(unix_time=NOW))
    headers = desk.connect().headers
    assert headers["x-nh-key"] == KEY
    assert headers["x-nh-time"] == str(NOW - 10)
    salt = "NH1:device-socket:shared-secret:connect\n\nx-nh-alg=%s\nx-nh-key=%s\nx-nh-time=%s\n" % (
        headers["x-nh-alg"],
        KEY,
        headers["x-nh-time"],
    )
    key = hashlib.pbkdf2_hmac("sha256", SECRET.encode(), salt.encode(), 1000, 32)
    signed, _, signature = headers["x-nh-signature"].rpartition(".")
    digest = hmac.new(key, signed.encode(), hashlib.sha256).digest()
    assert base64.urlsafe_b64encode(digest).decode().rstrip("=") == signature
    assert signature_term(headers)[3:13] == b"m\x00\x00\x00\x05dev-1"
    assert signature_term(headers)[16:22] == ((NOW - 10) * 1000).to_bytes(6, "little")


def test_each_try_is_signed_anew():
    desk = Desk(clock=FakeClock(unix_time=NOW))
    desk.connect().end()
    first = desk.peer.headers["x-nh-time"]
    desk.wait(0.2)
    desk.clock.advance(50_000)
    assert int(desk.connect().headers["x-nh-time"]) >= int(first) + 50


def test_certificate_is_loaded_and_nothing_is_signed():
    context = Context()
    desk = Desk(
        device_cert="/device.pem",
        device_key="/device.key",
        ssl=True,
        ssl_context=context,
        port=443,
        identifier=None,
    )
    peer = desk.connect()
    assert context.loaded == ("/device.pem", "/device.key")
    assert peer.address == ("hub.example", 443, True, 10)
    assert peer.headers["host"] == "hub.example"
    assert not [name for name in peer.headers if name.startswith("x-")]


# Refusals


@pytest.mark.parametrize(
    "status, lines, said",
    [
        (
            401,
            [],
            "refused by the server (HTTP 401): check product_key, product_secret and identifier",
        ),
        (403, [], "refused by the server (HTTP 403): is host a NervesHub server?"),
        (503, [], "refused by the server (HTTP 503): the server is not available"),
        (
            503,
            ["nh-connection-error-reason: platform is down"],
            "refused by the server (HTTP 503): platform is down",
        ),
        (
            401,
            ["nh-connection-error-reason: no certificate pair or shared secrets"],
            "refused by the server (HTTP 401): no certificate pair or shared secrets",
        ),
        (
            400,
            [],
            "refused by the server (HTTP 400): "
            "does a proxy on the way drop the headers Connection and Upgrade?",
        ),
        (404, [], "refused by the server (HTTP 404): not an answer to a WebSocket upgrade"),
        (200, [], "refused by the server (HTTP 200): not an answer to a WebSocket upgrade"),
        (301, [], "refused by the server (HTTP 301): not an answer to a WebSocket upgrade"),
    ],
)
def test_refusal_is_put_into_words_and_the_connection_closed(status, lines, said):
    desk = Desk()
    desk.connect().answer(status, *lines)
    desk.wait(0.2)
    assert desk.link.last_error == said
    assert desk.link.state == "waiting"
    assert desk.peer.closed
    assert desk.network.open_connections == 0


def test_refused_certificate_is_put_into_words():
    desk = Desk(device_cert="a", device_key="b", ssl=True, ssl_context=Context())
    desk.connect().answer(401, DATE)
    desk.wait(0.2)
    assert (
        desk.link.last_error
        == "refused by the server (HTTP 401): the server does not know the certificate"
    )


def test_reason_with_control_characters_is_made_harmless():
    desk = Desk()
    desk.connect().answer(503, "nh-connection-error-reason: down\x1b[31m" + "x" * 500)
    desk.wait(0.2)
    assert "\x1b" not in desk.link.last_error
    assert len(desk.link.last_error) < 260


# The clock


def test_clock_that_is_not_set_is_said_and_learned_from_the_refusal():
    desk = Desk(clock=FakeClock(unix_time=946_684_800))  # as CircuitPython boots: 2000-01-01
    peer = desk.connect()
    assert "the clock is not set: asking the server for the time" in desk.log.text
    peer.answer(401, DATE)
    assert desk.until(lambda: len(desk.network.peers) == 2, 2) <= 75
    desk.until(lambda: desk.peer.asked, 1)
    assert desk.peer.headers["x-nh-time"] == str(AT_DATE - 10)
    assert "using the server's time" in desk.log.text
    desk.join(desk.peer)


def test_clock_before_1970_and_ten_seconds_is_signed_as_zero():
    desk = Desk(clock=FakeClock(unix_time=3))
    assert desk.connect().headers["x-nh-time"] == "0"


def test_clock_that_is_not_set_and_a_refusal_without_a_date_say_what_to_do():
    desk = Desk(clock=FakeClock(unix_time=0))
    desk.connect().answer(401)
    desk.wait(0.2)
    assert desk.link.last_error == (
        "refused by the server (HTTP 401): the clock is not set, and the answer has no date; "
        "set it by NTP"
    )


@pytest.mark.parametrize("off", [-86_400, -91, -6, 6, 60, 86_400])
def test_clock_that_is_off_either_way_is_corrected_and_the_retry_comes_at_once(off):
    desk = Desk(clock=FakeClock(unix_time=AT_DATE + off))
    desk.connect().answer(401, DATE)
    assert desk.until(lambda: len(desk.network.peers) == 2, 2) <= 75
    desk.until(lambda: desk.peer.asked, 1)
    assert desk.peer.headers["x-nh-time"] == str(AT_DATE - 10)


def test_retry_at_once_comes_once_only():
    desk = Desk(clock=FakeClock(unix_time=0))
    desk.connect().answer(401, DATE)
    desk.connect(1).answer(401, "date: Fri, 19 Nov 2027 12:26:40 GMT")
    assert 900 < desk.until(lambda: len(desk.network.peers) == 3, 5) < 1_200
    desk.until(lambda: desk.peer.asked, 1)
    desk.peer.answer(401, DATE)
    assert 1_900 < desk.until(lambda: len(desk.network.peers) == 4, 5) < 2_200


def test_retry_at_once_is_there_again_after_a_join():
    desk = Desk(clock=FakeClock(unix_time=0))
    desk.connect().answer(401, DATE)
    desk.join()
    desk.peer.end()
    desk.wait(0.1)
    desk.connect().answer(401, "date: Fri, 19 Nov 2027 12:26:40 GMT")
    assert desk.until(lambda: len(desk.network.peers) == 4, 5) <= 75


def test_right_clock_and_wrong_secret_wait_as_usual():
    desk = Desk(clock=FakeClock(unix_time=AT_DATE + 2))
    desk.connect().answer(401, DATE)
    assert 900 < desk.until(lambda: len(desk.network.peers) == 2, 5) < 1_200
    assert "check product_key" in desk.link.last_error


@pytest.mark.parametrize("date", ["date: yesterday", "date:", "date: Mon, 99 Foo 2026 1:2:3 GMT"])
def test_date_that_is_invalid_changes_nothing(date):
    desk = Desk(clock=FakeClock(unix_time=NOW))
    desk.connect().answer(401, date)
    desk.wait(0.2)
    assert int(desk.connect().headers["x-nh-time"]) in (NOW - 9, NOW - 8)


@pytest.mark.parametrize(
    "date",
    [
        "date: Thu, 18 Nov " + "2" * 700 + " 12:26:40 GMT",
        "date: Thu, 18 Nov 9999 12:26:40 GMT",
        "date: Thu, 01 Jan 1970 00:00:00 GMT",
        "date: Thu, 18 Nov -026 12:26:40 GMT",
        "date: Thu, " + "1" * 700 + " Nov 2026 12:26:40 GMT",
    ],
)
def test_date_that_can_not_be_is_not_taken_and_signing_goes_on(date):
    desk = Desk(clock=FakeClock(unix_time=NOW))
    desk.connect().answer(401, date)
    desk.wait(0.2)
    peer = desk.connect()
    assert int(peer.headers["x-nh-time"]) in (NOW - 9, NOW - 8)
    peer.answer(401, DATE)
    assert desk.connect(1).headers["x-nh-time"] == str(AT_DATE - 10)


@pytest.mark.parametrize("answer", [(503,), (302, "location: /there")])
def test_each_answer_tells_the_time_to_a_clock_that_is_not_set(answer):
    desk = Desk(clock=FakeClock(unix_time=946_684_800))
    desk.connect().answer(*answer, DATE)
    peer = desk.connect()
    assert AT_DATE - 10 <= int(peer.headers["x-nh-time"]) <= AT_DATE - 8


def accepted_with(desk, line):
    peer = desk.connect()
    answer = upgrade_answer(peer.head)
    peer.put(answer.replace(b"\r\n\r\n", b"\r\n" + line.encode() + b"\r\n\r\n"))
    desk.until(lambda: desk.link.state == "joining", 1)
    return peer


def test_accepted_certificate_tells_the_time_too():
    desk = Desk(
        clock=FakeClock(unix_time=946_684_800),
        device_cert="a",
        device_key="b",
        ssl=True,
        ssl_context=Context(),
    )
    accepted_with(desk, DATE)
    assert abs(desk.link._connection.time.now() - AT_DATE) <= 1


def test_accepted_signature_proves_the_clock_and_a_proxy_with_a_wrong_one_spoils_nothing():
    desk = Desk(clock=FakeClock(unix_time=NOW))
    accepted_with(desk, "date: Fri, 19 Nov 2027 12:26:40 GMT")
    assert abs(desk.link._connection.time.now() - NOW) <= 1


def test_clock_that_is_put_right_later_counts_from_then_on():
    desk = Desk(clock=FakeClock(unix_time=AT_DATE + 3600))
    desk.connect().answer(401, DATE)
    desk.join()
    desk.clock.set_time(desk.clock.time() - 3600)  # NTP
    desk.wait(0.1)
    desk.peer.end()
    desk.wait(0.5)
    assert int(desk.connect().headers["x-nh-time"]) == desk.clock.time() - 10


# Lists

UPGRADES = [
    ("connection: Upgrade", "connection: keep-alive", "upgrade: websocket"),  # nginx
    ("connection: keep-alive, Upgrade", "upgrade: websocket, h2c"),
    ("connection: UPGRADE", "upgrade: h2c", "upgrade: WebSocket"),
]


def upgraded(desk, *lines):
    peer = desk.connect()
    accept = [line for line in upgrade_answer(peer.head).decode().split("\r\n") if "Accept" in line]
    assert len(accept) == 1
    peer.put(("HTTP/1.1 101 X\r\n" + "\r\n".join([*lines, *accept]) + "\r\n\r\n").encode())
    desk.wait(0.2)


@pytest.mark.parametrize("lines", UPGRADES)
def test_headers_of_the_upgrade_are_lists(lines):
    desk = Desk()
    upgraded(desk, *lines)
    assert desk.link.state == "joining"


@pytest.mark.parametrize(
    "lines",
    [
        ("connection: upgraded", "upgrade: websocket"),
        ("connection: upgrade", "upgrade: websocket2"),
        ("connection: keep-alive", "upgrade: websocket"),
        ("connection: upgrade",),
    ],
)
def test_upgrade_that_is_not_in_the_lists_is_refused(lines):
    desk = Desk()
    upgraded(desk, *lines)
    assert desk.link.last_error == "the server's upgrade answer is not for this connection"


# Redirects


def redirect(desk, location, status=302):
    desk.peer.answer(status, "location: " + location)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_followed_at_once(status):
    desk = Desk()
    desk.connect()
    redirect(desk, "http://HUB.example:81/somewhere?vsn=2.0.0", status)
    peer = desk.connect(1)
    assert peer.address[:3] == ("HUB.example", 81, False)
    assert peer.target == "/somewhere?vsn=2.0.0"
    assert "x-nh-signature" in peer.headers
    desk.join(peer)


def test_two_redirects_are_followed_and_a_third_is_not():
    desk = Desk()
    desk.connect()
    redirect(desk, "/one")
    assert desk.connect(1).target == "/one"
    redirect(desk, "/two")
    assert desk.connect(1).target == "/two"
    redirect(desk, "/three")
    desk.wait(0.5)
    assert desk.link.last_error == "upgrade redirected: more than 2 redirects"
    assert len(desk.network.peers) == 3
    # And the next try begins at the configured place, with redirects allowed anew.
    assert desk.connect().target == "/device-socket/websocket?vsn=2.0.0"
    redirect(desk, "/one")
    assert desk.connect(1).target == "/one"


@pytest.mark.parametrize("location", ["ws://hub.example/x", "http://hub.example/x"])
def test_redirect_from_tls_to_plain_text_is_refused(location):
    desk = Desk(ssl=True, ssl_context=Context(), port=443)
    desk.connect()
    redirect(desk, location)
    desk.wait(0.5)
    assert desk.link.last_error == "upgrade redirected: redirect from TLS to plain text"
    assert len(desk.network.peers) == 1


def test_signature_does_not_go_to_another_host():
    desk = Desk()
    desk.connect()
    redirect(desk, "http://other.example/device-socket/websocket?vsn=2.0.0")
    desk.wait(0.5)
    assert len(desk.network.attempts) == 1
    assert desk.link.last_error == (
        "upgrade redirected: to other.example; if that is right, set host to it"
    )


def test_device_with_a_certificate_signs_nothing_and_follows_to_another_host():
    desk = Desk(device_cert="a", device_key="b", ssl=True, ssl_context=Context(), port=443)
    desk.connect()
    redirect(desk, "https://other.example/device-socket/websocket?vsn=2.0.0")
    assert desk.connect(1).address[:3] == ("other.example", 443, True)


def test_redirect_from_plain_text_to_tls_is_followed():
    desk = Desk(ssl_context=Context())
    desk.connect()
    redirect(desk, "wss://hub.example/x")
    assert desk.connect(1).address[:3] == ("hub.example", 443, True)


@pytest.mark.parametrize("location", ["ftp://x/", "http://", "http://a b/", "http://u:p@host/"])
def test_redirect_to_nowhere_is_said(location):
    desk = Desk()
    desk.connect()
    redirect(desk, location)
    desk.wait(0.5)
    assert desk.link.last_error.startswith("upgrade redirected: ")
    assert desk.link.state == "waiting"


# What nobody may read


def test_secret_and_signature_never_show_up_in_what_is_said():
    desk = Desk(fwup_writer=RecordingWriter(), clock=FakeClock(unix_time=0))
    desk.network.refusals = [TransportError("can't connect"), None]
    desk.connect().answer(401, DATE)
    desk.connect(1)
    redirect(desk, "http://hub.example/there?token=hidden")
    desk.connect(1).answer(401, "nh-connection-error-reason: no")
    desk.join()
    peer = desk.peer
    peer.say(None, None, "device", "update", update(b"x"))
    desk.connect(5).answer(302, "location: http://f.example/x?signature=hidden")
    desk.wait(0.3)
    desk.peer.answer(403)
    desk.wait(0.3)
    peer.end()
    desk.wait(1)
    said = desk.log.text + repr(desk.client.heard) + str(desk.link.last_error)
    signatures = [
        one.headers["x-nh-signature"]
        for one in desk.network.peers
        if one.asked and "x-nh-signature" in one.headers
    ]
    assert len(signatures) >= 4
    for hidden in signatures + [SECRET, "hidden", "token"]:
        assert hidden not in said
    events = repr(peer.heard())
    assert "hidden" not in events and SECRET not in events


def test_headers_of_the_signature_do_not_go_to_the_file_server():
    desk = Desk(fwup_writer=RecordingWriter())
    desk.joined().say(None, None, "device", "update", update(b"x"))
    peer = desk.connect(5)
    assert not [name for name in peer.headers if name.startswith("x-")]
