# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Joining the Wi-Fi again, and restarting the board when that does not help."""

from types import SimpleNamespace

import pytest
from support.desk import NEW_META, Desk, RecordingWriter, update
from support.wires import Network as Connections

from nerveshub_link.errors import TransportError
from nerveshub_link.wire.wifi_radio import WifiRadio

HALF_AN_HOUR = 1800


class Radio:
    """
    What ``wifi.radio`` does, traps included: while it is off, everything about it is None or
    False; being connected does not mean having an address; connecting blocks, and raises
    ConnectionError where there is no such network.
    """

    def __init__(self, clock=None):
        self._enabled = True
        self.up = False
        self.address = "10.0.0.7"
        self.in_reach = True
        self.calls = []
        self.clock = clock
        self.blocks = 0

    @property
    def enabled(self):
        return self._enabled

    @enabled.setter
    def enabled(self, value):
        self._enabled = value
        if not value:
            self.up = False

    @property
    def connected(self):
        return self._enabled and self.up

    @property
    def ipv4_address(self):
        return self.address if self.connected else None

    def connect(self, ssid, password=b"", *, channel=0, bssid=None, timeout=None):
        assert self._enabled, "the real one raises RuntimeError: wifi is not enabled"
        self.calls.append((ssid, password, timeout))
        if self.clock is not None:
            self.clock.advance(self.blocks)
        if not self.in_reach:
            raise ConnectionError("No network with that ssid")
        self.up = True


def network_of(radio, **options):
    config = {"wifi_ssid": None, "wifi_password": None}
    config.update({"network_reset_after": 1800, "server_reset_after": 21600}, **options)
    return WifiRadio(SimpleNamespace(radio=radio, **config), 0)


def with_radio(**options):
    radio = Radio()
    options.setdefault("wifi_ssid", "home")
    options.setdefault("wifi_password", "word")
    desk = Desk(radio=radio, **options)
    radio.clock = desk.clock
    return desk, radio


def test_radio_that_is_up_is_left_alone():
    desk, radio = with_radio()
    radio.up = True
    desk.join()
    assert radio.calls == []


def test_wifi_is_joined_before_the_first_connect():
    desk, radio = with_radio(connect_timeout=7)
    desk.connect()
    assert radio.calls == [("home", "word", 7)]


def test_blocking_for_the_wifi_is_announced_before_it_blocks():
    desk, radio = with_radio(connect_timeout=7)
    desk.connect()
    assert desk.client.heard == [("handle_blocking", "wifi", 7), ("handle_blocking", "connect", 7)]


def test_network_that_is_not_there_is_waited_for_longer_and_longer():
    desk, radio = with_radio()
    radio.in_reach = False
    desk.wait(0.1)
    assert desk.link.state == "waiting_for_network"
    assert desk.link.last_error == "ConnectionError: No network with that ssid"
    desk.wait(8)
    assert len(radio.calls) == 4
    assert desk.network.attempts == []
    radio.in_reach = True
    desk.join()
    assert desk.link.connected


def test_wifi_that_is_lost_is_joined_again():
    desk, radio = with_radio()
    peer = desk.joined()
    radio.up = False
    peer.end()
    desk.join()
    assert len(radio.calls) == 2


def test_radio_that_was_switched_off_is_switched_on():
    desk, radio = with_radio()
    radio.enabled = False
    desk.join()
    assert radio.enabled


def test_radio_that_is_connected_without_an_address_is_started_afresh():
    desk, radio = with_radio()
    radio.up = True
    radio.address = None
    desk.wait(0.5)
    assert desk.link.state == "waiting_for_network"
    assert desk.link.last_error == "the Wi-Fi gave no address"
    assert radio.calls == [("home", "word", 10)]
    radio.address = "10.0.0.7"
    desk.join()


def test_radio_that_lost_its_address_gets_another_by_a_fresh_start():
    desk, radio = with_radio()
    peer = desk.joined()
    switched = []

    class Noting(Radio):
        @property
        def enabled(self):
            return Radio.enabled.fget(self)

        @enabled.setter
        def enabled(self, value):
            switched.append(value)
            Radio.enabled.fset(self, value)

        def connect(self, *args, **options):
            super().connect(*args, **options)
            self.address = "10.0.0.8"

    radio.__class__ = Noting
    radio.address = None
    peer.end()
    desk.join()
    assert switched == [False, True]
    assert len(radio.calls) == 2


def test_network_that_came_up_by_itself_is_taken():
    desk, radio = with_radio()
    radio.in_reach = False
    desk.wait(0.5)
    radio.up = True  # CircuitPython or the application joined it
    desk.join()
    assert len(radio.calls) == 1


def test_name_of_the_network_comes_from_the_settings_by_default(monkeypatch):
    monkeypatch.setenv("CIRCUITPY_WIFI_SSID", "from settings")
    monkeypatch.setenv("CIRCUITPY_WIFI_PASSWORD", "secret word")
    desk, radio = with_radio(wifi_ssid=None, wifi_password=None)
    desk.join()
    assert radio.calls == [("from settings", "secret word", 10)]


@pytest.mark.parametrize("name", ["CIRCUITPY_WIFI_SSID", "CIRCUITPY_WIFI_PASSWORD"])
def test_a_setting_that_circuitpython_can_t_read_is_told_by_its_name(monkeypatch, name):
    def getenv(key, default=None):
        if key == name:
            raise ValueError("invalid syntax for integer with base 10")
        return default

    monkeypatch.setattr("os.getenv", getenv)
    with pytest.raises(ValueError, match=name + ": settings.toml needs"):
        with_radio(wifi_ssid=None, wifi_password=None)


def test_a_password_of_digits_alone_is_a_text_for_the_radio(monkeypatch):
    # CircuitPython 10.1 reads what stands there without quotes as a number.
    monkeypatch.setattr("os.getenv", {"CIRCUITPY_WIFI_PASSWORD": 12345678}.get)
    desk, radio = with_radio(wifi_password=None)
    desk.join()
    assert radio.calls == [("home", "12345678", 10)]


def test_open_network_needs_no_password(monkeypatch):
    monkeypatch.delenv("CIRCUITPY_WIFI_PASSWORD", raising=False)
    radio = Radio()
    network_of(radio, wifi_ssid="open").connect(5, 0)
    assert radio.calls == [("open", "", 5)]


def test_missing_name_of_the_network_is_said_and_waited_for(monkeypatch):
    monkeypatch.delenv("CIRCUITPY_WIFI_SSID", raising=False)
    desk, radio = with_radio(wifi_ssid=None)
    desk.wait(1)
    assert "CIRCUITPY_WIFI_SSID is not in settings.toml" in desk.link.last_error
    assert desk.link.state == "waiting_for_network"


def test_password_never_shows_up_in_what_is_said():
    desk, radio = with_radio(wifi_password="hidden word")
    radio.in_reach = False
    desk.wait(100)
    assert "hidden word" not in desk.log.text + repr(desk.client.heard)


def test_callback_that_raises_does_not_keep_the_wifi_from_being_joined():
    desk, radio = with_radio()
    desk.client.raising = {"handle_blocking"}
    desk.join()
    assert len(radio.calls) == 1


# Restart after a long time without network


def test_board_is_restarted_after_half_an_hour_without_network():
    desk, radio = with_radio()
    radio.in_reach = False
    desk.wait(HALF_AN_HOUR - 1, step=250)
    assert desk.client.named("reboot") == []
    desk.wait(2, step=250)
    assert desk.client.named("reboot") == [("reboot",)]
    assert "no network for too long: restarting" in desk.log.text


def test_restart_that_did_not_happen_is_asked_for_again_half_an_hour_later():
    desk, radio = with_radio()
    desk.client.raising = {"reboot"}
    radio.in_reach = False
    desk.wait(2 * HALF_AN_HOUR - 10, step=250)
    assert len(desk.client.named("reboot")) == 1
    desk.wait(20, step=250)
    assert len(desk.client.named("reboot")) == 2


def test_time_without_network_counts_from_its_loss():
    desk, radio = with_radio()
    peer = desk.joined()
    for _ in range(600):
        desk.wait(5, step=250)
        for frame in peer.heard():
            if frame[2] == "phoenix":
                peer.reply(frame[1], "phoenix")
    radio.in_reach = radio.up = False
    peer.end()
    desk.wait(HALF_AN_HOUR - 5, step=250)
    assert desk.client.named("reboot") == []
    desk.wait(10, step=250)
    assert len(desk.client.named("reboot")) == 1


@pytest.mark.parametrize("answer", ["refused connection", "HTTP refusal"])
def test_server_that_answers_no_is_no_reason_to_restart(answer):
    desk, radio = with_radio()
    until = 4000
    while until > 0:
        if answer == "HTTP refusal":
            if desk.network.peers and desk.peer.asked and not desk.peer.closed:
                desk.peer.answer(401)
        else:
            desk.network.refusals = [TransportError("no", reached=True)]
        desk.wait(1, step=250)
        until -= 1
    assert len(desk.network.attempts) > 30
    assert desk.client.named("reboot") == []


def unreachable(**options):
    """A desk whose Wi-Fi works, and whose server does not answer."""
    desk, radio = with_radio(**options)
    radio.up = True
    desk.network.refusals = [TransportError("no route")] * 100_000
    return desk, radio


def test_server_that_can_not_be_reached_is_no_reason_to_restart_for_hours():
    desk, radio = unreachable()
    desk.wait(5.9 * 3600, step=1000)
    assert desk.client.named("reboot") == []
    desk.wait(0.2 * 3600, step=1000)
    assert len(desk.client.named("reboot")) == 1
    assert "the server was not reached for too long: restarting" in desk.log.text


def test_restart_for_the_server_that_did_not_happen_comes_after_6_12_and_24_hours_and_then_daily():
    desk, radio = unreachable(backoff_minimum=600, backoff_maximum=600)
    hours = []
    desk.client.doing["reboot"] = lambda: hours.append(round(desk.clock._passed / 3_600_000))
    desk.wait(80 * 3600, step=30_000)
    assert hours == [6, 12, 24, 48, 72]


def test_wifi_is_joined_anew_each_half_hour_in_which_the_server_is_not_reached():
    desk, radio = unreachable()
    desk.wait(HALF_AN_HOUR - 100, step=250)
    assert radio.calls == []
    desk.wait(200, step=250)
    assert radio.calls == [("home", "word", 10)]
    desk.wait(HALF_AN_HOUR, step=250)
    assert len(radio.calls) == 2


def test_wifi_is_not_dropped_by_a_link_that_does_not_know_its_name(monkeypatch):
    monkeypatch.delenv("CIRCUITPY_WIFI_SSID", raising=False)
    desk, radio = unreachable(wifi_ssid=None)
    desk.wait(2 * HALF_AN_HOUR, step=250)
    assert radio.up
    assert radio.calls == []


def test_server_that_answers_again_ends_the_count():
    desk, radio = unreachable()
    desk.wait(5 * 3600, step=1000)
    desk.network.refusals = []
    peer = desk.joined()
    desk.wait(0.1)
    desk.network.refusals = [TransportError("no route")] * 10_000
    peer.end()
    desk.wait(5.9 * 3600, step=1000)
    assert desk.client.named("reboot") == []
    desk.wait(0.2 * 3600, step=1000)
    assert len(desk.client.named("reboot")) == 1


def test_restart_for_the_server_is_an_option():
    desk, radio = unreachable(server_reset_after=3600)
    desk.wait(3500, step=1000)
    assert desk.client.named("reboot") == []
    desk.wait(200, step=1000)
    assert len(desk.client.named("reboot")) == 1


@pytest.mark.parametrize("option", ["server_reset_after", "network_reset_after"])
def test_zero_means_that_a_server_out_of_reach_restarts_nothing(option):
    desk, radio = unreachable(backoff_minimum=600, backoff_maximum=600, **{option: 0})
    desk.wait(30 * 3600, step=30_000)
    assert desk.client.named("reboot") == []


def test_wifi_that_is_lost_while_the_server_is_out_of_reach_has_half_an_hour_of_its_own():
    desk, radio = unreachable()
    desk.wait(HALF_AN_HOUR - 200, step=250)
    radio.up = radio.in_reach = False
    desk.wait(HALF_AN_HOUR - 200, step=250)
    assert desk.client.named("reboot") == []
    desk.wait(400, step=250)
    assert len(desk.client.named("reboot")) == 1


def test_pauses_longer_than_half_an_hour_do_not_make_a_network_that_works_a_lost_one():
    desk, radio = unreachable(backoff_minimum=3600, backoff_maximum=3600)
    desk.wait(3 * HALF_AN_HOUR, step=250)
    assert desk.client.named("reboot") == []


class Broken(Radio):
    """A radio whose driver has died: whatever is asked raises."""

    asked = 0

    def __init__(self):
        super().__init__()
        self.error = RuntimeError("wifi driver")

    def ask(self, *args):
        self.asked += 1
        raise self.error

    enabled = connected = ipv4_address = property(ask, ask)


class Mute(Exception):
    """An exception that can't be shown."""

    def __str__(self):
        raise ValueError("no text")


@pytest.mark.parametrize("error", [RuntimeError("wifi driver"), Mute()])
def test_radio_that_raises_is_asked_at_each_try_only_and_the_board_is_restarted(error):
    desk, good = with_radio()
    radio = Broken()
    radio.error = error
    desk.link._connection._network._radio = radio
    desk.wait(HALF_AN_HOUR - 10, step=25)
    assert desk.link.state == "waiting_for_network"
    assert 20 < radio.asked < 200
    assert desk.network.attempts == []
    assert type(error).__name__ in desk.link.last_error
    assert desk.client.named("reboot") == []
    desk.wait(20, step=25)
    assert len(desk.client.named("reboot")) == 1


def test_radio_that_raises_for_a_moment_is_joined_again():
    desk, radio = with_radio()
    desk.link._connection._network._radio = Broken()
    desk.wait(5)
    desk.link._connection._network._radio = radio
    desk.join()
    assert desk.link.connected


def test_without_a_radio_the_board_is_never_restarted():
    desk = Desk()
    desk.network.refusals = [TransportError("no route")] * 999
    desk.wait(3 * HALF_AN_HOUR, step=250)
    assert desk.client.named("reboot") == []


def test_zero_means_never():
    desk, radio = with_radio(network_reset_after=0)
    radio.in_reach = False
    desk.wait(3 * HALF_AN_HOUR, step=250)
    assert desk.client.named("reboot") == []


def test_update_in_hand_is_not_cut_short_by_a_restart():
    desk, radio = with_radio(
        fwup_writer=RecordingWriter(), idle_timeout=600, minimum_speed=0, network_reset_after=60
    )
    hub = desk.joined()
    image = b"x" * 5000
    hub.say(None, None, "device", "update", update(image))
    files = desk.connect(5)
    files.put(b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n" + image[:1000])
    desk.wait(0.2)
    radio.up = radio.in_reach = False
    hub.end()
    desk.wait(500, step=250)
    assert desk.client.named("reboot") == []
    files.put(image[1000:])
    desk.until(lambda: desk.writer.named("fwup_finish"), 5)
    assert desk.client.named("reboot") == []
    desk.until(lambda: desk.client.named("reboot"), 100)


def test_long_download_alone_is_no_loss_of_network_and_its_failure_is_told_after_the_join():
    desk, radio = with_radio(
        fwup_writer=RecordingWriter(),
        network=Connections(room=1),
        network_reset_after=300,
        minimum_speed=0,
        download_retries=0,
    )
    hub = desk.joined()
    hub.say(None, None, "device", "update", update(bytes(100_000)))
    files = desk.connect(5)
    assert hub.closed
    files.put(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
    for _ in range(40):  # 400 seconds
        files.put(bytes(1000))
        desk.wait(10, step=250)
    files.end()
    payload = desk.join()
    desk.wait(1)
    assert desk.client.named("reboot") == []
    assert payload["currently_downloading_uuid"] == NEW_META["uuid"]
    (last,) = [value for name, value in desk.peer.events() if value.get("status") == "failed"]
    assert last["reason"].startswith("download: ended after 40000 of 100000 bytes")


def test_network_that_is_lost_after_a_download_alone_counts_from_its_end():
    desk, radio = with_radio(
        fwup_writer=RecordingWriter(),
        network=Connections(room=1),
        network_reset_after=300,
        minimum_speed=0,
        retry_delay=3600,
    )
    desk.joined().say(None, None, "device", "update", update(bytes(100_000)))
    files = desk.connect(5)
    files.put(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
    for _ in range(40):
        files.put(bytes(1000))
        desk.wait(10, step=250)
    radio.up = radio.in_reach = False
    files.end()
    desk.wait(295, step=250)
    assert desk.client.named("reboot") == []
    desk.wait(10, step=250)
    assert len(desk.client.named("reboot")) == 1
