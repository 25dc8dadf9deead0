# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Elapsed time, with ticks that wrap around every 2**29 milliseconds."""

import re
from pathlib import Path

import pytest

import nerveshub_link
from nerveshub_link.common.ticks import LONGEST, elapsed

PACKAGE = Path(nerveshub_link.__file__).parent
END = 1 << 29


@pytest.mark.parametrize(
    ("now", "since", "passed"),
    [
        (1000, 1000, 0),
        (1025, 1000, 25),
        (5, END - 5, 10),  # the ticks began anew in between
        (259_200_000, 0, 259_200_000),  # three days, the longest time that an option can ask for
        (432_000_000, 0, 432_000_000),  # five days
    ],
)
def test_elapsed_counts_the_milliseconds_since_a_moment(now, since, passed):
    assert elapsed(now, since) == passed


@pytest.mark.parametrize("ahead", [1, 25, 110_000, 9 * 3600 * 1000])
def test_a_moment_later_than_now_has_not_passed(ahead):
    # With a mask alone, one millisecond ahead was six days ago.
    assert elapsed(1000, 1000 + ahead) == 0
    assert elapsed(END - 1, (END - 1 + ahead) % END) == 0


def test_what_an_option_may_ask_for_is_within_what_can_be_told():
    assert LONGEST == 259_200
    assert elapsed(LONGEST * 1000 + 60_000, 0) == LONGEST * 1000 + 60_000


def test_no_other_module_computes_with_ticks():
    masks = re.compile(r"1 ?<< ?29|ticks_diff|ticks_less|ticks_add|& _TICKS")
    found = {path.name for path in PACKAGE.rglob("*.py") if masks.search(path.read_text("utf-8"))}
    assert found == {"ticks.py"}
