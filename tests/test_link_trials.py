# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""New firmware on trial: what the link does for a writer that watches over it."""

from support.desk import Desk, RecordingWriter


class TrialWriter(RecordingWriter):
    """A writer on trial, whose ``poll`` and ``last_failure`` answer what the test says."""

    failure = None
    over = False
    broken = None
    polls = 0

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
    assert least <= writer.polls <= 401
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


def test_only_steady_polling_confirms():
    writer = TrialWriter()
    desk = Desk(fwup_writer=writer, confirm_after=60, heartbeat_interval=150)
    desk.joined()
    desk.wait(59)
    desk.clock.advance(11_000)  # the application did something else
    desk.wait(59)
    assert writer.named("fwup_confirm") == []
    desk.wait(2)
    assert writer.named("fwup_confirm") == [("fwup_confirm",)]


def test_what_went_wrong_before_is_told_once_after_the_first_join():
    writer = TrialWriter()
    writer.failure = "went back: release new crashed: ValueError: a bug"
    desk = Desk(fwup_writer=writer, extensions={"logging": True})
    peer = desk.joined()
    line = "earlier: went back: release new crashed: ValueError: a bug"
    assert desk.log.text.count(line) == 1
    assert desk.link._parts.logs._lines[0][1] == line
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
