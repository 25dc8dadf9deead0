# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.common.ticks`
====================================================

How long ago something was, in the milliseconds of ``adafruit_ticks``, which begin again at zero
every 2**29 (6.2 days). Every module that waits for something asks here, and none computes with
ticks itself.

``adafruit_ticks.ticks_diff`` is not used for it: it is negative for whatever is older than 3.1
days, so the first log line after a quiet week would wait for days.
"""

from micropython import const

_TICKS = const((1 << 29) - 1)
_OLDEST = const((1 << 29) - (1 << 25))  # 5.8 days

LONGEST = const(3 * 86400)
"""Seconds that an option may ask for as a time to wait: three days, well within what is told."""


def elapsed(now: int, since: int) -> int:
    """
    Return how many milliseconds have passed.

    A moment later than ``now`` has not passed: 0. It happens since one `NervesHubLink.poll` reads
    the clock at its beginning, and a callback or a connect within it reads it again. Whoever keeps
    a moment for longer than five days drops it when its time is up: after 5.8 days it cannot be
    told from one that is still to come.

    :param int now: ticks in milliseconds
    :param int since: ticks in milliseconds
    """
    passed = (now - since) & _TICKS
    return passed if passed < _OLDEST else 0
