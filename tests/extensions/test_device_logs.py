# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""The extension ``logging``: lines wait, are paced, are counted when dropped, and have a time."""

import logging as python_logging
import sys
import types

import pytest
from support.desk import SECRET, Desk
from support.fakes import FakeClock
from support.raw_server import upgrade_answer

from nerveshub_link import DeviceLogs

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
    now = desk.clock.time()
    desk.link.log("warning", "the door is open")
    desk.wait(0.3)
    (line,) = sent(peer)
    assert line["level"] == "warning"
    assert line["message"] == "the door is open"
    assert isinstance(line["meta"]["time"], str)
    assert abs(int(line["meta"]["time"]) - now * 1_000_000) <= 1_000_000
    assert set(line["meta"]) == {"time"}
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
def test_level_that_is_invalid_raises(level):
    with pytest.raises(ValueError, match="level must be one of debug, info, warning, error"):
        logging().link.log(level, "x")


def test_line_goes_to_the_logger_too():
    desk = Desk()
    for level in ("debug", "info", "warning", "error"):
        desk.link.log(level, "a " + level)
    said = desk.log.lines[1:]  # the first one warns of ssl=False
    assert said == [(10, "a debug"), (20, "a info"), (30, "a warning"), (40, "a error")]


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


# Order, bounds, levels


def test_lines_of_one_second_and_of_one_millisecond_keep_their_order():
    desk = logging()
    peer = attach(desk)
    for number in range(12):
        desk.link.log("info", "line %d" % number)
        if number % 3 == 2:
            desk.clock.advance(50)
    desk.wait(4)
    lines = sent(peer)
    times = [int(line["meta"]["time"]) for line in lines]
    assert [line["message"] for line in lines] == ["line %d" % number for number in range(12)]
    assert times == sorted(set(times))


def test_times_go_on_in_step_for_days():
    desk = logging(clock=FakeClock(unix_time=NOW))
    peer = attach(desk)
    for _ in range(10):
        for _ in range(40):
            desk.clock.advance(20_000_000 // 40)
            desk.poll(2)
            for frame in peer.heard():
                if frame[3] == "heartbeat":
                    peer.reply(frame[1], "phoenix")
            desk.poll(2)
        now = desk.clock.time()
        desk.link.log("info", "tick")
        desk.wait(0.5)
        (line,) = sent(peer)
        assert abs(int(line["meta"]["time"]) // 1_000_000 - now) <= 3


def test_lines_together_take_no_more_memory_than_was_said():
    logs = DeviceLogs(capacity=100, memory=2500)
    desk = Desk(extensions={"logging": logs})
    for number in range(5):
        desk.link.log("info", str(number) * 900)
    peer = attach(desk)
    desk.wait(2)
    messages = [line["message"] for line in sent(peer)]
    assert messages == ["3 older log lines were dropped", "3" * 900, "4" * 900]


def test_level_can_be_changed_while_it_runs():
    logs = DeviceLogs(level="warning")
    desk = Desk(extensions={"logging": logs})
    peer = attach(desk)
    desk.link.log("info", "no")
    desk.link.log("error", "yes")
    logs.setLevel("info")
    desk.link.log("debug", "no")
    desk.link.log("info", "yes, too")
    desk.wait(2)
    assert [line["message"] for line in sent(peer)] == ["yes", "yes, too"]
    assert logs.level_name == "info"


@pytest.mark.parametrize("level", ["loud", None, 1.5, True, "INFO", []])
def test_level_that_is_invalid_is_refused(level):
    with pytest.raises(ValueError, match="level must be one of debug, info, warning, error"):
        DeviceLogs(level=level)


@pytest.mark.parametrize("secret", [SECRET, "the-wifi-password"])
def test_secrets_of_the_link_never_leave(secret):
    logs = DeviceLogs()
    logs.add("info", "before there was a link: " + secret)
    desk = Desk(extensions={"logging": logs}, wifi_password="the-wifi-password")
    peer = attach(desk)
    desk.link.log("info", "connecting with " + secret + "!")
    desk.wait(1)
    assert [line["message"] for line in sent(peer)] == [
        "before there was a link: ***",
        "connecting with ***!",
    ]


# As a handler


@pytest.fixture
def logger():
    made = python_logging.Logger("app", python_logging.DEBUG)
    made.propagate = False
    return made


def test_logger_of_cpython_is_heard(logger):
    logs = DeviceLogs(level="info")
    logger.addHandler(logs)
    desk = Desk(extensions={"logging": logs})
    peer = attach(desk)
    logger.debug("too fine")
    logger.info("%d %s", 3, "pumps")
    logger.critical("100% broken")
    try:
        raise OSError(5, "no sensor")
    except OSError:
        logger.exception("measuring")
    desk.wait(2)
    lines = sent(peer)
    assert [(line["level"], line["message"]) for line in lines[:2]] == [
        ("info", "3 pumps"),
        ("error", "100% broken"),
    ]
    assert lines[2]["message"].startswith("measuring\nTraceback")
    assert "no sensor" in lines[2]["message"]


class AdafruitRecord:
    """As adafruit_logging 5.6 makes them: a complete message, with the arguments beside it."""

    def __init__(self, levelno, msg, args=()):
        self.name, self.levelno, self.levelname = "app", levelno, "X"
        self.msg, self.created, self.args = msg, 12.5, args


@pytest.mark.parametrize(
    "number, level",
    [(0, "debug"), (10, "debug"), (20, "info"), (25, "info"), (30, "warning"), (50, "error")],
)
def test_record_of_adafruit_logging_is_taken_as_it_is(number, level):
    logs = DeviceLogs()
    desk = Desk(extensions={"logging": logs})
    logs.setLevel(0)
    peer = attach(desk)
    logs.emit(AdafruitRecord(number, "100% of 3 pumps", (3,)))
    desk.wait(1)
    (line,) = sent(peer)
    assert (line["level"], line["message"]) == (level, "100% of 3 pumps")


def test_logger_of_adafruit_is_heard():
    adafruit_logging = pytest.importorskip("adafruit_logging")
    logs = DeviceLogs()
    logger = adafruit_logging.getLogger("nerveshub_link test")
    logger.setLevel(adafruit_logging.INFO)
    logger.addHandler(logs)
    desk = Desk(extensions={"logging": logs})
    peer = attach(desk)
    logger.debug("too fine")
    logger.warning("%d%% of %s", 100, "pumps")
    desk.wait(1)
    assert [(line["level"], line["message"]) for line in sent(peer)] == [
        ("warning", "100% of pumps")
    ]


def test_formatter_makes_the_text(logger):
    logs = DeviceLogs()
    logs.setFormatter(python_logging.Formatter("%(name)s: %(message)s"))
    logger.addHandler(logs)
    desk = Desk(extensions={"logging": logs})
    peer = attach(desk)
    logger.info("hello")
    desk.wait(1)
    assert [line["message"] for line in sent(peer)] == ["app: hello"]


def test_record_that_can_not_be_shown_is_said_and_does_no_harm(logger):
    logs = DeviceLogs()
    logger.addHandler(logs)
    desk = Desk(extensions={"logging": logs})
    peer = attach(desk)
    logger.info("%d pumps", "no number")
    logs.emit(None)
    desk.wait(1)
    assert [line["message"] for line in sent(peer)] == [
        "a log record can't be shown: TypeError",
        "a log record can't be shown: AttributeError",
    ]


def test_line_of_the_link_is_sent_once_where_its_logger_is_heard_too(logger):
    logs = DeviceLogs(level="error")
    logger.addHandler(logs)
    desk = Desk(extensions={"logging": logs}, logger=logger)
    peer = attach(desk)
    desk.link.log("error", "once")
    logger.setLevel(python_logging.CRITICAL)  # now the logger keeps it to itself
    desk.link.log("error", "once, too")
    desk.wait(2)
    assert [line["message"] for line in sent(peer)] == ["once", "once, too"]


# What ended the run before


def test_traceback_of_the_previous_run_is_told_its_end_above_all(monkeypatch):
    found = "Traceback (most recent call last):\r\n" + "  x\r\n" * 500 + "OSError: it rained"
    supervisor = types.SimpleNamespace(get_previous_traceback=lambda: found)
    monkeypatch.setitem(sys.modules, "supervisor", supervisor)
    desk = logging()
    peer = attach(desk)
    desk.wait(2)
    (line,) = sent(peer)
    assert line["level"] == "error"
    assert line["message"].startswith("previous run: ")
    assert line["message"].endswith("OSError: it rained")
    assert len(line["message"]) <= 1000


def test_no_previous_traceback_is_no_line(monkeypatch):
    supervisor = types.SimpleNamespace(get_previous_traceback=lambda: None)
    monkeypatch.setitem(sys.modules, "supervisor", supervisor)
    desk = logging()
    peer = attach(desk)
    desk.wait(2)
    assert sent(peer) == []


@pytest.mark.parametrize("days", [1, 5.9, 6.1])
def test_line_after_a_quiet_week_leaves_at_once(days):
    # After 5.8 days ticks can't tell any more how long ago the line before was.
    desk = logging(clock=FakeClock(unix_time=NOW))
    peer = attach(desk)
    desk.link.log("info", "one")
    desk.wait(0.3)
    desk.idle(days * 86_400)
    sent(peer)
    desk.link.log("info", "two")
    desk.wait(0.1)
    assert [line["message"] for line in sent(peer)] == ["two"]


@pytest.mark.parametrize("days", [1, 5.9, 6.5, 20])
def test_line_that_waited_for_days_has_the_time_at_which_it_was_logged(days):
    desk = logging(clock=FakeClock(unix_time=NOW), network_reset_after=0)
    peer = attach(desk)
    peer.end()
    desk.wait(0.1)
    at = desk.clock.time()
    desk.link.log("error", "the pump is dry")
    desk.clock.advance(round(days * 86_400_000))
    peer = attach(desk)
    desk.wait(0.3)
    (line,) = sent(peer)
    assert abs(int(line["meta"]["time"]) // 1_000_000 - at) <= 1


def test_device_with_a_certificate_and_without_a_clock_logs_with_the_servers_time():
    desk = logging(
        clock=FakeClock(unix_time=946_684_800),
        product_key=None,
        product_secret=None,
        device_cert="a",
        device_key="b",
        ssl=True,
        ssl_context=types.SimpleNamespace(load_cert_chain=lambda cert, key: None),
    )
    desk.link.log("error", "the pump is dry")
    peer = desk.connect()
    answer = upgrade_answer(peer.head)
    peer.put(answer.replace(b"\r\n\r\n", b"\r\n" + DATE.encode() + b"\r\n\r\n"))
    desk.until(lambda: desk.link.state == "joining", 1)
    peer.reply(peer.heard()[0][1], "device")
    desk.wait(0.1)
    peer.say(None, None, "device", "extensions:get", {})
    desk.wait(0.1)
    peer.reply(peer.heard()[-1][1], "extensions", ["logging"])
    desk.wait(0.5)
    peer.further = []
    (line,) = sent(peer)
    assert line["message"] == "the pump is dry"
    assert abs(int(line["meta"]["time"]) // 1_000_000 - AT_DATE) <= 2
