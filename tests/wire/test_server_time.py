# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""The server's clock: reading HTTP dates exactly, and taking them over."""

import random
from email.utils import formatdate, parsedate_to_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fakes import FakeClock

from nerveshub_link.wire.http_date import parse_http_date
from nerveshub_link.wire.server_time import ServerTime


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 784111777),
        ("Tue, 29 Feb 2000 23:59:59 GMT", 951868799),
        ("Wed, 01 Mar 2000 00:00:00 GMT", 951868800),
        ("Mon, 23 Nov 2026 18:29:08 GMT", 1795458548),
        ("Thu, 31 Dec 2037 23:59:59 GMT", 2145916799),
        ("Tue, 19 Jan 2038 03:14:08 GMT", 2147483648),
        ("Mon, 01 Mar 2100 00:00:00 GMT", 4107542400),
    ],
)
def test_http_date_is_seconds_since_1970(text, seconds):
    assert parse_http_date(text) == seconds
    assert type(parse_http_date(text)) is int


def test_many_http_dates_agree_with_the_standard_library():
    dice = random.Random(2)
    for _ in range(5000):
        seconds = dice.randrange(0, 2**32)
        text = formatdate(seconds, usegmt=True)
        assert parse_http_date(text) == seconds, text


def test_first_and_last_second_of_every_month_agree_with_the_standard_library():
    for year in range(1970, 2110):
        for month in "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split():
            text = "Mon, 01 {} {} 00:00:00 GMT".format(month, year)
            seconds = parse_http_date(text)
            assert seconds == int(parsedate_to_datetime(text).timestamp())
            if seconds:
                assert parse_http_date(formatdate(seconds - 1, usegmt=True)) == seconds - 1


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "yesterday",
        "1795458548",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49 GMT",
        "Sun, 06 anF 1994 08:49:37 GMT",
        "Sun, 06 ov 1994 08:49:37 GMT",
        "Sun, 06 JanFeb 1994 08:49:37 GMT",
        "Sun, six Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT GMT",
        "Sun, 06 Nov " + "1" * 700 + " 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 32 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:-7 GMT",
        b"Sun, 06 Nov 1994 08:49:37 GMT",
        17,
    ],
)
def test_anything_else_is_no_http_date(text):
    assert parse_http_date(text) is None


@given(st.text())
def test_any_text_is_a_date_or_none(text):
    assert parse_http_date(text) is None or isinstance(parse_http_date(text), int)


def test_clock_of_a_board_that_just_booted_is_not_set_until_the_server_tells_the_time():
    clock = FakeClock(unix_time=946684805)
    time = ServerTime(clock.time, clock)
    assert not time.is_set
    assert time.now() == 946684805
    assert time.correct("Mon, 23 Nov 2026 18:29:08 GMT") == 1795458548 - 946684805
    assert time.is_set
    assert time.now() == 1795458548
    clock.advance(90_000)
    assert time.now() == 1795458548 + 90


def test_clock_that_is_fast_is_put_back():
    time = ServerTime(lambda: 1795458548 + 3600, FakeClock())
    assert time.is_set
    assert time.correct("Mon, 23 Nov 2026 18:29:08 GMT") == -3600
    assert time.now() == 1795458548


def test_second_correction_replaces_the_first():
    clock = FakeClock(unix_time=0)
    time = ServerTime(clock.time, clock)
    time.correct("Mon, 23 Nov 2026 18:29:08 GMT")
    clock.advance(10_000)
    assert time.correct("Mon, 23 Nov 2026 18:29:08 GMT") == -10
    assert time.now() == 1795458548


def test_clock_that_is_set_after_the_servers_date_was_taken_counts_from_then_on():
    clock = FakeClock(unix_time=946684805)
    time = ServerTime(clock.time, clock)
    time.correct("Mon, 23 Nov 2026 18:29:08 GMT")
    clock.advance(10_000)
    assert time.now() == 1795458548 + 10
    clock.set_time(1795458548 + 20)  # NTP
    assert time.now() == 1795458548 + 20
    assert time.is_set
    clock.advance(3_600_000)
    assert time.now() == 1795458548 + 3620


def test_clock_that_was_set_to_a_wrong_time_is_corrected_by_the_server_again():
    clock = FakeClock(unix_time=0)
    time = ServerTime(clock.time, clock)
    time.correct("Mon, 23 Nov 2026 18:29:08 GMT")
    clock.set_time(1795458548 + 3600)  # somebody's local time
    assert time.now() == 1795458548 + 3600
    assert time.correct("Mon, 23 Nov 2026 18:29:08 GMT") == -3600
    clock.advance(5000)
    assert time.now() == 1795458548 + 5


@pytest.mark.parametrize("off", [3600, -3600, 86_400, -60])
def test_wrong_clock_that_is_put_right_later_leaves_no_offset(off):
    clock = FakeClock(unix_time=1795458548 + off)
    time = ServerTime(clock.time, clock)
    assert time.correct("Mon, 23 Nov 2026 18:29:08 GMT") == -off
    clock.advance(100_000)
    clock.set_time(1795458548 + 100)  # NTP
    assert time.now() == 1795458548 + 100


def test_offset_stays_for_weeks_in_which_nobody_asks_for_the_time():
    clock = FakeClock(ticks=5, unix_time=1795458548 + 3600)
    time = ServerTime(clock.time, clock)
    time.correct("Mon, 23 Nov 2026 18:29:08 GMT")
    for _ in range(15 * 24 * 6):
        clock.advance(600_000)
        time.tick(clock())
    assert time.now() == 1795458548 + 15 * 86_400


@pytest.mark.parametrize("off", [-4, 0, 4])
def test_clock_that_is_right_but_for_the_way_of_the_answer_is_left_alone(off):
    time = ServerTime(lambda: 1795458548 + off, FakeClock())
    assert time.correct("Mon, 23 Nov 2026 18:29:08 GMT") == 0
    assert time.now() == 1795458548 + off


@pytest.mark.parametrize("year", ["1994", "9999", "2100", "0000"])
def test_date_of_another_century_moves_nothing(year):
    time = ServerTime(lambda: 1795458548, FakeClock())
    assert time.correct("Mon, 23 Nov %s 18:29:08 GMT" % year) == 0
    assert time.now() == 1795458548


def test_of_a_date_that_a_proxy_repeats_the_first_counts():
    text = "Mon, 23 Nov 2026 18:29:08 GMT, Mon, 23 Nov 2026 19:00:00 GMT"
    assert parse_http_date(text) == 1795458548


@pytest.mark.parametrize("date", [None, "", "tomorrow"])
def test_missing_or_unreadable_date_moves_nothing(date):
    time = ServerTime(lambda: 1795458548, FakeClock())
    assert time.correct(date) == 0
    assert time.now() == 1795458548


def test_time_is_whole_seconds_even_of_a_clock_with_fractions():
    time = ServerTime(lambda: 1795458548.9, FakeClock())
    assert time.now() == 1795458548
    assert type(time.now()) is int
