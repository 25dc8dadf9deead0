# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.common.ticks`
====================================================

Compares ticks: the milliseconds of ``adafruit_ticks``, which wrap around to zero every 2**29
(6.2 days). All modules use `elapsed`; none computes with ticks itself.

``adafruit_ticks.ticks_diff`` is not used: it is negative for ticks older than 3.1 days, so for
example the first log line after a quiet week would be delayed for days.
"""

from micropython import const

_TICKS = const((1 << 29) - 1)
_OLDEST = const((1 << 29) - (1 << 25))  # 5.8 days

LONGEST = const(3 * 86400)
"""Longest waiting time of an option in seconds: three days, which ticks can measure safely."""


def elapsed(now: int, since: int) -> int:
    """
    Return how many milliseconds have passed between two ticks.

    If ``since`` is later than ``now``, the result is 0. That happens, since `NervesHubLink.poll`
    reads the clock at its beginning, and a callback or a connect within it reads it again. Ticks
    must not be kept for more than five days: after 5.8 days they count as later than ``now``.

    :param int now: ticks in milliseconds
    :param int since: earlier ticks in milliseconds
    :return: milliseconds, from 0 to 5.8 days
    """
    passed = (now - since) & _TICKS
    return passed if passed < _OLDEST else 0
