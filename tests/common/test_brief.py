# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""A traceback in one line: the error first, then where it happened."""

import traceback

import pytest

from nerveshub_link.common.brief import brief

BOARD = (
    "Traceback (most recent call last):\r\n"
    '  File "/nh_run.py", line 35, in run\r\n'
    '  File "/slot/code.py", line 12, in <module>\r\n'
    '  File "/slot/lib/pump.py", line 7, in start\r\n'
    "ValueError: no such pump\r\n"
)


def test_the_error_comes_first_then_the_deepest_frame():
    assert brief(BOARD) == ('ValueError: no such pump (File "/slot/lib/pump.py", line 7, in start)')


def test_what_is_in_front_of_the_traceback_stays_there():
    assert brief("release new crashed: " + BOARD).startswith(
        "release new crashed: ValueError: no such pump (File"
    )


@pytest.mark.parametrize("cut", range(0, BOARD.index('"/slot/lib/pump.py"') - 6, 9))
def test_a_traceback_whose_beginning_is_lost_reads_the_same(cut):
    assert brief(BOARD[cut:]).endswith(
        'ValueError: no such pump (File "/slot/lib/pump.py", line 7, in start)'
    )


def test_if_no_frame_is_left_the_error_is_told():
    assert brief(BOARD[BOARD.index("line 7") :]) == "line 7, in start | ValueError: no such pump"
    assert brief(BOARD[-26:]) == "ValueError: no such pump"


def test_an_error_of_several_lines_is_joined():
    text = BOARD.replace("no such pump", "no such pump:\r\n1\r\n2")
    assert brief(text).startswith('ValueError: no such pump: | 1 | 2 (File "/slot/lib/pump.py')


def test_a_long_error_leaves_room_for_the_frame():
    text = brief(BOARD.replace("no such pump", "x" * 500))
    assert text == "ValueError: " + "x" * 108 + ' (File "/slot/lib/pump.py", line 7, in start)'


def test_cpython_s_lines_of_source_are_passed_over():
    def fails():
        raise KeyError("pump")

    try:
        fails()
    except KeyError:
        text = brief(traceback.format_exc())
    assert text.startswith("KeyError: 'pump' (File \"")
    assert text.endswith(", in fails)")


@pytest.mark.parametrize(
    "text", ["", "watchdog: the application did not call poll()", "safe mode: BROWNOUT"]
)
def test_a_text_of_one_line_is_left_alone(text):
    assert brief(text) == text


def test_other_lines_are_joined():
    assert brief("one\r\n  two\n\nthree\n") == "one | two | three"
