# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""New firmware on trial: how the link calls a writer's poll() and feeds its watchdog."""

import pytest
from support.desk import Desk, RecordingClient, RecordingWriter, update
from support.fakes import FakeClock

from nerveshub_link import Extension
from nerveshub_link.errors import TransportError


class TrialWriter(RecordingWriter):
    """A writer on trial, whose ``poll`` and ``last_failure`` answer what the test says."""

    failure = None
    over = False
    broken = None
    polls = 0
    watchdog_seconds = None

    def __init__(self, **options):
        super().__init__(validated=False, **options)

    def fwup_confirm(self):
        super().fwup_confirm()
        self.validated = True

    def poll(self):
        self.polls += 1
        if self.broken is not None:
            raise self.broken
        return self.over

    def last_failure(self):
        return self.failure


def test_the_writer_is_polled_some_forty_times_a_second_from_the_first_poll_on(clock_gain):
    writer = TrialWriter()
    desk = Desk(fwup_writer=writer)
    desk.wait(10)
    least = 370 if clock_gain else 390  # of a poll's 25 ms, reading the clock takes one or two
    assert least <= writer.polls <= 410  # and once before each step that blocks
    assert desk.link.state != "joined"


def test_a_trial_that_is_over_restarts_the_board_and_says_so():
    writer = TrialWriter()
    desk = Desk(fwup_writer=writer, auto_confirm=False)
    peer = desk.joined()
    peer.heard()
    writer.over = True
    desk.until(lambda: desk.client.named("reboot"), 3)
    assert ("rebooting", {}) in peer.events()
    assert "was not confirmed in time" in desk.log.text


def test_a_trial_that_is_over_restarts_the_board_without_a_network_too():
    writer = TrialWriter()
    desk = Desk(fwup_writer=writer)
    writer.over = True
    desk.until(lambda: desk.client.named("reboot"), 3)


def test_a_writer_whose_poll_raises_is_left_alone_for_a_minute():
    writer = TrialWriter()
    desk = Desk(fwup_writer=writer)
    writer.broken = OSError(5, "Input/output error")
    desk.wait(59)
    assert writer.polls == 1
    assert "fwup_writer.poll: " in desk.log.text
    desk.wait(2)
    assert writer.polls == 2
    writer.broken = None
    desk.wait(61)
    assert writer.polls > 10


def looping(desk, seconds, pause):
    """Let time pass in an application whose loop takes so long; the server answers heartbeats."""
    peer = desk.peer
    for _ in range(seconds // pause):
        desk.clock.advance(pause * 1000)
        desk.poll(3)
        for frame in peer.heard():
            if isinstance(frame, list) and frame[2] == "phoenix":
                peer.reply(frame[1], "phoenix")
    assert desk.link.connected


@pytest.mark.parametrize("pause", [1, 11, 30, 60, 85])
def test_loop_of_up_to_90_seconds_confirms(pause):
    writer = TrialWriter()
    desk = Desk(fwup_writer=writer, confirm_after=60)
    desk.joined()
    looping(desk, 180, pause)
    assert writer.named("fwup_confirm") == [("fwup_confirm",)]
    assert "do not count" not in desk.log.text


def test_slower_loop_does_not_confirm_and_is_told_once_with_its_number():
    writer = TrialWriter()
    desk = Desk(fwup_writer=writer, confirm_after=60)
    desk.joined()
    looping(desk, 910, 91)
    assert writer.named("fwup_confirm") == []
    line = "poll() was not called for 91 s: more than 90 s do not count for a confirmation"
    assert desk.log.text.count(line) == 1


def test_pause_that_is_too_long_is_left_out_of_the_time_that_counts():
    writer = TrialWriter()
    desk = Desk(fwup_writer=writer, confirm_after=60, heartbeat_interval=150)
    desk.joined()
    desk.wait(50)
    desk.clock.advance(91_000)  # the application did something else
    desk.wait(5)
    assert writer.named("fwup_confirm") == []
    desk.wait(6)
    assert writer.named("fwup_confirm") == [("fwup_confirm",)]


def test_time_before_the_join_does_not_count():
    writer = TrialWriter()
    desk = Desk(fwup_writer=writer, confirm_after=60)
    peer = desk.connect()
    peer.accept()
    desk.wait(0.1)
    peer.reply(peer.heard()[0][1], "device")
    desk.clock.advance(60_000)
    desk.poll()
    assert desk.link.connected
    assert writer.named("fwup_confirm") == []


# A restart that is due


def test_reboot_that_raises_starves_neither_the_writer_nor_the_confirmation():
    writer = TrialWriter()
    desk = Desk(fwup_writer=writer, client=RecordingClient("reboot"), confirm_after=60)
    peer = desk.joined()
    peer.say(None, None, "device", "reboot", {})
    desk.wait(1)
    before = writer.polls
    looping(desk, 300, 1)
    assert writer.polls - before >= 300
    assert len(desk.client.named("reboot")) == 6  # once, and each minute
    assert writer.named("fwup_confirm") == [("fwup_confirm",)]


def test_reboot_asked_for_again_and_again_is_not_put_off():
    desk = Desk(fwup_writer=TrialWriter())
    peer = desk.joined()
    for _ in range(10):
        peer.say(None, None, "device", "reboot", {})
        desk.wait(0.2)
    assert desk.client.named("reboot")
    desk = Desk(client=RecordingClient("reboot"))
    peer = desk.joined()
    for _ in range(100):
        peer.say(None, None, "device", "reboot", {})
        desk.wait(0.2)
    assert len(desk.client.named("reboot")) == 1  # the next one comes after a minute
    assert peer.events().count(("rebooting", {})) == 1


def test_trial_that_has_failed_is_not_confirmed_while_the_restart_is_due():
    writer = TrialWriter()
    desk = Desk(fwup_writer=writer, client=RecordingClient("reboot"), confirm_after=60)
    desk.joined()
    looping(desk, 50, 1)
    writer.over = True
    desk.wait(1)
    looping(desk, 120, 1)
    assert desk.client.named("reboot")
    assert writer.named("fwup_confirm") == []
    assert desk.link.confirm_update() is False
    assert desk.link.last_error == "not confirmed: a restart into other firmware is due"


def test_nothing_is_confirmed_once_another_update_is_installed():
    writer = TrialWriter()
    desk = Desk(fwup_writer=writer, client=RecordingClient("reboot"), confirm_after=60)
    hub = desk.joined()
    hub.say(None, None, "device", "update", update(b"x" * 100))
    desk.connect(5).answer(200, body=b"x" * 100)
    desk.until(lambda: desk.client.named("reboot"), 5)
    for _ in range(120):
        desk.wait(1)
        for frame in hub.heard():
            if isinstance(frame, list) and frame[2] == "phoenix":
                hub.reply(frame[1], "phoenix")
    assert desk.link.connected
    assert writer.named("fwup_confirm") == []
    assert desk.link.confirm_update() is False


# The trial's watchdog, and steps that block


class Watched(TrialWriter):
    """A writer whose ``poll`` feeds a watchdog; it notes how long that was not fed."""

    watchdog_seconds = 90
    worst = 0
    fed = None

    def poll(self):
        now = self.clock._passed
        if self.fed is not None:
            self.worst = max(self.worst, now - self.fed)
        self.fed = now
        return super().poll()


@pytest.mark.parametrize(
    "watchdog, asked, used", [(90, 60, 22), (90, 10, 10), (4, 60, 1), (2, 10, 1), (None, 60, 60)]
)
def test_waits_of_a_connect_are_shorter_than_the_trials_watchdog(watchdog, asked, used):
    writer = TrialWriter()
    writer.watchdog_seconds = watchdog
    desk = Desk(fwup_writer=writer, connect_timeout=asked)
    assert desk.connect().address[3] == used
    assert desk.client.named("handle_blocking") == [("handle_blocking", "connect", used)]


class Asking(Extension):
    """An extension that keeps what it may use of the link."""

    def setup(self, port):
        self.port = port


def test_downloads_and_others_that_connect_feed_the_watchdog_and_wait_no_longer():
    writer = TrialWriter()
    writer.watchdog_seconds = 40
    asking = Asking()
    desk = Desk(fwup_writer=writer, connect_timeout=60, extensions={"mine": asking})
    for made in (asking.port.transport(), desk.link._updates._image.loader._transport):
        before = writer.polls
        assert made._before_open(60) == 10
        assert made._before_open(5) == 5
        assert writer.polls == before + 2


def test_watchdog_is_fed_right_before_each_step_that_blocks():
    writer = Watched()
    clock = writer.clock = FakeClock()

    class Radio:
        enabled = True
        connected = False
        ipv4_address = "10.0.0.7"

        def connect(self, ssid, password, timeout):
            clock.advance(timeout * 1000)
            self.connected = True

    desk = Desk(clock=clock, fwup_writer=writer, radio=Radio(), wifi_ssid="x", connect_timeout=60)
    desk.client.doing["handle_blocking"] = lambda: clock.advance(20_000)

    def slow(transport, address):
        clock.advance(3 * 1000 * address[3])  # TCP, and two waits of the handshake
        raise TransportError("can't connect: ETIMEDOUT")

    desk.network.open = slow
    desk.wait(300)
    assert writer.worst <= 70_000
    assert desk.network.peers == []


def test_what_went_wrong_before_is_told_once_after_the_first_join():
    writer = TrialWriter()
    writer.failure = "went back: release new crashed: ValueError: a bug"
    desk = Desk(fwup_writer=writer, extensions={"logging": True})
    peer = desk.joined()
    line = "earlier: went back: release new crashed: ValueError: a bug"
    assert desk.log.text.count(line) == 1
    assert desk.link._logs._lines[0][1] == line
    peer.end()
    desk.join()
    assert desk.log.text.count(line) == 1


def test_a_traceback_in_what_went_wrong_before_is_told_in_one_line_with_the_error_first():
    writer = TrialWriter()
    writer.failure = 'Traceback (most recent call last):\r\n  File "x.py", line 1\r\nOSError: 5\r\n'
    desk = Desk(fwup_writer=writer)
    desk.joined()
    assert 'earlier: OSError: 5 (File "x.py", line 1)' in desk.log.text


def test_a_writer_that_can_t_tell_what_went_wrong_holds_nothing_up():
    writer = TrialWriter()
    desk = Desk(fwup_writer=writer)
    writer.last_failure = None  # not even callable
    desk.joined()
    assert desk.link.connected
