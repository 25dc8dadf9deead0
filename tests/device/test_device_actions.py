# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""The join's payload, and an operator's commands: identify, restart, public keys."""

import base64
import sys
import types

import pytest
from support.desk import Desk, RecordingClient

from nerveshub_link import Client

KEY = bytes(range(32))
OTHER = bytes(range(100, 132))
PEM = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQ=\n-----END PUBLIC KEY-----\n"


def text(key):
    return base64.b64encode(key).decode()


class Radio:
    enabled = connected = True
    ipv4_address = "192.0.2.7"
    connect = ap_info = None


# Connection types


@pytest.mark.parametrize(
    "options, said",
    [
        ({"radio": Radio()}, ["wifi"]),
        ({"radio": Radio(), "connection_types": ["wifi", "cellular"]}, ["wifi", "cellular"]),
        ({"connection_types": ("ethernet",)}, ["ethernet"]),
        ({"radio": Radio(), "connection_types": []}, None),
        ({}, None),
    ],
)
def test_connection_types_are_told_at_each_join(options, said):
    desk = Desk(**options)
    told = {"connection_types": {"values": said}} if said else {}
    events = [("report_network_interface", {"interface": "wlan0"}), *told.items()]
    peer = desk.joined()
    desk.wait(0.1)
    assert peer.events() == events
    peer.end()
    desk.wait(0.1)
    peer = desk.joined()
    desk.wait(0.1)
    assert peer.events() == events


# Public keys


def test_keys_are_asked_for_only_if_the_option_says_so():
    assert "fwup_public_keys" not in Desk().join()
    payload = Desk(request_public_keys=True).join()
    assert payload["fwup_public_keys"] == payload["archive_public_keys"] == "on_connect"


def test_keys_are_handed_over_and_kept_without_what_is_no_key():
    desk = Desk(request_public_keys=True)
    peer = desk.joined()
    listed = [text(KEY), PEM, text(OTHER), text(KEY), "", None, 5, text(bytes(31)), text(bytes(33))]
    listed += [text(KEY)[:-1], "*" + text(KEY)[1:], text(KEY)[:20] + "\n" + text(KEY)[20:]]
    peer.say(None, None, "device", "fwup_public_keys", {"keys": listed})
    peer.say(None, None, "device", "archive_public_keys", {"keys": [text(OTHER)]})
    desk.wait(0.1)
    assert desk.link.public_keys == {"fwup": [KEY, OTHER], "archive": [OTHER]}
    assert desk.client.named("public_keys") == [
        ("public_keys", "fwup", [KEY, OTHER]),
        ("public_keys", "archive", [OTHER]),
    ]


@pytest.mark.parametrize("payload", [{}, {"keys": None}, {"keys": "x"}, {"keys": {"a": 1}}])
def test_list_of_keys_that_is_invalid_is_no_key(payload):
    desk = Desk(request_public_keys=True)
    desk.joined().say(None, None, "device", "fwup_public_keys", payload)
    desk.wait(0.1)
    assert desk.link.public_keys == {"fwup": []}
    assert "fault" not in desk.log.text


def test_keys_that_nobody_asked_for_are_not_kept():
    desk = Desk()
    desk.joined().say(None, None, "device", "fwup_public_keys", {"keys": [text(KEY)]})
    desk.wait(0.1)
    assert desk.link.public_keys == {}
    assert desk.client.named("public_keys") == []


def test_client_that_changes_its_list_does_not_change_what_is_kept():
    client = RecordingClient()
    client.public_keys = lambda kind, keys: keys.clear()
    desk = Desk(request_public_keys=True, client=client)
    desk.joined().say(None, None, "device", "fwup_public_keys", {"keys": [text(KEY)]})
    desk.wait(0.1)
    assert desk.link.public_keys == {"fwup": [KEY]}


# Identify


class Pins:
    """A board's pins: one user each, and a record of what was done."""

    def __init__(self):
        self.log = []
        self.users = {}
        self.broken = False


@pytest.fixture
def pins(monkeypatch):
    pins = Pins()

    class DigitalInOut:
        def __init__(self, pin):
            if pin in pins.users:
                raise ValueError(pin + " in use")
            pins.users[pin] = self
            self.pin = pin

        def switch_to_output(self, value):
            self.value = value

        def __setattr__(self, name, value):
            if name == "value":
                if pins.broken:
                    raise OSError("pin")
                pins.log.append((self.pin, value))
            object.__setattr__(self, name, value)

        def deinit(self):
            del pins.users[self.pin]

    def neopixel_write(pin, colours):
        pins.log.append((pin.pin, bytes(colours)))

    monkeypatch.setitem(sys.modules, "digitalio", types.SimpleNamespace(DigitalInOut=DigitalInOut))
    monkeypatch.setitem(
        sys.modules, "neopixel_write", types.SimpleNamespace(neopixel_write=neopixel_write)
    )
    pins.board = types.SimpleNamespace(board_id="some_board", LED="LED", NEOPIXEL="NEOPIXEL")
    monkeypatch.setitem(sys.modules, "board", pins.board)
    return pins


class Quiet(Client):
    """Everything by default, but no restart."""

    def reboot(self):
        pass


def identified(**options):
    desk = Desk(client=Quiet(), **options)
    desk.joined().say(None, None, "device", "identify", {})
    desk.wait(0.05)
    return desk


def test_neopixel_blinks_for_ten_seconds_and_is_free_again(pins):
    desk = identified()
    desk.wait(11)
    written = [value for pin, value in pins.log if pin == "NEOPIXEL" and isinstance(value, bytes)]
    assert written[:3] == [b"\x18\x18\x18", bytes(3), b"\x18\x18\x18"]
    assert written.count(b"\x18\x18\x18") == 20
    assert written[-1] == bytes(3)
    assert pins.users == {}
    assert desk.link.last_error is None


def test_led_blinks_where_there_is_no_neopixel_or_it_is_in_use(pins):
    pins.users["NEOPIXEL"] = "the application"
    desk = identified()
    desk.wait(0.1)
    assert pins.log[-1] == ("LED", True)
    desk.wait(11)
    assert pins.users == {"NEOPIXEL": "the application"}


def test_neopixel_without_its_driver_leaves_the_led(pins, monkeypatch):
    monkeypatch.setitem(sys.modules, "neopixel_write", None)
    identified()
    assert pins.log[-1] == ("LED", True)
    assert "NEOPIXEL" not in pins.users


def test_board_without_a_light_says_so(pins):
    del pins.board.LED, pins.board.NEOPIXEL
    desk = identified()
    assert "no free LED or NeoPixel" in desk.link.last_error
    assert desk.link.connected


def test_machine_that_is_no_board_says_so():
    desk = identified()
    assert "no free LED or NeoPixel" in desk.link.last_error
    assert desk.link.connected


def test_light_that_fails_is_said_and_the_pin_is_free(pins):
    desk = identified()
    desk.wait(0.1)
    del pins.board.NEOPIXEL
    desk.peer.say(None, None, "device", "identify", {})
    desk.wait(0.1)
    pins.broken = True
    desk.wait(1)
    assert "identify: OSError: pin" in desk.log.text
    assert pins.users == {}
    assert desk.link.connected


def test_second_wish_to_identify_begins_anew(pins):
    desk = identified()
    desk.wait(6)
    desk.peer.say(None, None, "device", "identify", {})
    desk.wait(9)
    assert list(pins.users) == ["NEOPIXEL"]
    desk.wait(2)
    assert pins.users == {}
    assert desk.link.last_error is None


def test_light_is_free_after_deinit(pins):
    desk = identified()
    assert pins.users
    desk.link.deinit()
    assert pins.users == {}


def test_generator_of_the_client_is_led_on_by_the_clock():
    steps = []

    class Mine(Quiet):
        def identify(self):
            for step in range(3):
                steps.append(step)
                yield 1000

    desk = Desk(client=Mine())
    desk.joined().say(None, None, "device", "identify", {})
    desk.wait(0.1)
    assert steps == [0]
    desk.wait(1)
    assert steps == [0, 1]
    desk.wait(10)
    assert steps == [0, 1, 2]


@pytest.mark.parametrize("pause", ["soon", None])
def test_generator_of_the_client_that_raises_or_yields_nonsense_is_said(pause):
    class Mine(Quiet):
        def identify(self):
            yield pause

    desk = Desk(client=Mine())
    desk.joined().say(None, None, "device", "identify", {})
    desk.wait(1)
    assert "identify: " in desk.log.text
    assert desk.link.connected


# Restart


def test_restart_is_the_boards_by_default(monkeypatch):
    calls = []
    chip = types.SimpleNamespace(reset=lambda: calls.append("reset"))
    monkeypatch.setitem(sys.modules, "microcontroller", chip)
    desk = Desk(client=Client())
    peer = desk.joined()
    peer.say(None, None, "device", "reboot", {})
    desk.wait(0.1)
    assert peer.events()[-1] == ("rebooting", {})
    assert calls == []  # not before that has gone out
    desk.wait(1)
    assert calls == ["reset"]
