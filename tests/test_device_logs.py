# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""The extension ``logging``: lines wait, are paced, are counted when dropped, and have a time."""

import pytest
from support.desk import Desk
from support.fakes import FakeClock

NOW = 1_795_000_000
DATE = "date: Thu, 18 Nov 2026 12:26:40 GMT"
AT_DATE = 1_795_004_800


def attach(desk, peer=None):
    """Join device and extensions; attach logging."""
    peer = peer or desk.connect()
    desk.join(peer)
    peer.say(None, None, "device", "extensions:get", {})
    desk.wait(0.05)
    peer.reply(peer.heard()[-1][1], "extensions", ["logging"])
    desk.wait(0.05)
    first, *peer.further = peer.events("extensions")
    assert first == ("logging:attached", {})
    return peer


def logging(**options):
    return Desk(extensions={"logging": True}, **options)


def sent(peer):
    """The lines since the last call."""
    events, peer.further = peer.further + peer.events("extensions"), []
    return [payload for event, payload in events if event == "logging:send"]


def test_line_goes_out_with_level_message_and_microseconds_as_a_text():
    desk = logging(clock=FakeClock(unix_time=NOW))
    peer = attach(desk)
    desk.clock.advance(60_000 - desk.clock.time() % 60)
    now = desk.clock.time()
    desk.link.log("warning", "the door is open")
    desk.wait(0.3)
    (line,) = sent(peer)
    assert line["level"] == "warning"
    assert line["message"] == "the door is open"
    assert line["meta"] == {"time": str(now) + "000000"}
    assert set(line) == {"level", "message", "meta"}


def test_thirty_lines_leave_a_quarter_of_a_second_apart_in_order():
    desk = logging()
    peer = attach(desk)
    for number in range(30):
        desk.link.log("info", "line %d" % number)
    times, lines = [], []
    for tick in range(400):
        desk.wait(0.025)
        got = sent(peer)
        assert len(got) <= 1
        lines += got
        times += [tick * 25] * len(got)
    assert [line["message"] for line in lines] == ["line %d" % number for number in range(30)]
    gaps = [after - before for before, after in zip(times, times[1:])]
    assert min(gaps) >= 250
    assert max(gaps) <= 275


def test_lines_wait_while_the_device_is_offline_and_keep_their_time():
    desk = logging(clock=FakeClock(unix_time=NOW))
    desk.link.log("error", "before the network was there")
    desk.wait(20)
    peer = attach(desk, desk.peer)
    desk.wait(1)
    (line,) = sent(peer)
    assert abs(int(line["meta"]["time"]) - NOW * 1_000_000) <= 1_000_000


def test_oldest_lines_go_first_and_their_number_is_said():
    desk = logging()
    for number in range(40):
        desk.link.log("info", "line %d" % number)
    peer = attach(desk)
    desk.wait(10)
    messages = [line["message"] for line in sent(peer)]
    assert messages == ["8 older log lines were dropped"] + ["line %d" % n for n in range(8, 40)]


def test_drop_is_said_once_and_as_a_warning():
    desk = logging()
    for number in range(33):
        desk.link.log("debug", "line %d" % number)
    peer = attach(desk)
    desk.wait(10)
    lines = sent(peer)
    assert [line["level"] for line in lines].count("warning") == 1
    assert lines[0]["level"] == "warning"


def test_lines_wait_for_the_clock_and_then_have_the_right_time():
    desk = logging(clock=FakeClock(unix_time=946_684_800))
    desk.link.log("info", "booted")
    desk.connect().answer(401)
    desk.wait(0.5)
    peer = attach(desk)
    desk.wait(5)
    assert sent(peer) == []
    peer.end()
    desk.wait(0.1)
    desk.connect().answer(401, DATE)
    peer = attach(desk)
    desk.wait(1)
    (line,) = sent(peer)
    age = desk.clock.time() - 946_684_800
    assert abs(int(line["meta"]["time"]) // 1_000_000 - (AT_DATE - age)) <= 3


def test_long_line_is_cut():
    desk = logging()
    peer = attach(desk)
    desk.link.log("info", "x" * 5000)
    desk.wait(0.5)
    assert len(sent(peer)[0]["message"]) == 1000


def test_line_that_is_no_text_becomes_one():
    desk = logging()
    peer = attach(desk)
    desk.link.log("info", 42)
    desk.link.log("info", None)
    desk.wait(1)
    assert [line["message"] for line in sent(peer)] == ["42", "None"]


@pytest.mark.parametrize("level", ["fatal", "", None, 20, "INFO"])
def test_level_that_is_none_raises(level):
    with pytest.raises(ValueError, match="level must be one of debug, info, warning, error"):
        logging().link.log(level, "x")


def test_line_goes_to_the_logger_too():
    desk = Desk()
    for level in ("debug", "info", "warning", "error"):
        desk.link.log(level, "a " + level)
    assert desk.log.lines == [(10, "a debug"), (20, "a info"), (30, "a warning"), (40, "a error")]


def test_links_own_lines_do_not_go_to_the_server():
    desk = logging()
    peer = attach(desk)
    desk.wait(1)
    assert sent(peer) == []
    assert "joined" in desk.log.text


def test_no_line_leaves_after_a_detach_until_the_next_attach():
    desk = logging()
    peer = attach(desk)
    peer.say(None, None, "extensions", "detach", {"extensions": ["logging"]})
    desk.wait(0.1)
    desk.link.log("info", "kept")
    desk.wait(2)
    assert sent(peer) == []
    peer.say(None, None, "extensions", "attach", {"extensions": ["logging"]})
    desk.wait(0.5)
    assert [line["message"] for line in sent(peer)] == ["kept"]


@pytest.mark.parametrize("milliseconds", [1, 25, 3000])
def test_line_written_within_a_callback_that_takes_its_time_has_the_present_time(milliseconds):
    desk = logging(clock=FakeClock(unix_time=NOW))
    peer = attach(desk)
    desk.wait(1)
    before = desk.clock.time()

    def speak():
        desk.clock.advance(milliseconds)
        desk.link.log("info", "here I am")

    desk.client.doing["identify"] = speak
    peer.say(None, None, "device", "identify", {})
    desk.wait(1)
    (line,) = sent(peer)
    assert before <= int(line["meta"]["time"]) // 1_000_000 <= desk.clock.time()


def test_lines_have_the_right_time_when_the_clock_was_set_after_the_servers_date_was_taken():
    clock = FakeClock(unix_time=NOW)
    off = [946_684_800 - NOW]
    desk = logging(clock=clock, time=lambda: clock.time() + off[0])
    desk.connect().answer(401, DATE)
    peer = attach(desk)
    off[0] = 0  # NTP
    desk.link.log("info", "the time is right")
    desk.wait(0.5)
    (line,) = sent(peer)
    assert abs(int(line["meta"]["time"]) // 1_000_000 - clock.time()) <= 1
