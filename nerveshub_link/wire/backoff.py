# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.wire.backoff`
====================================================

How long to wait before the next try: exponential back-off with jitter, so that the devices of a
fleet that lost their server at the same time do not all reconnect at the same time. Pure
arithmetic; the caller owns the clock.
"""


class Backoff:
    """
    Waiting times that double from a minimum to a maximum, each with up to half of itself added.

    :param int minimum: first waiting time in milliseconds, without jitter: the option
        ``backoff_minimum``
    :param int maximum: longest waiting time in milliseconds, without jitter, which may add half of
        it: the option ``backoff_maximum``
    :param random: function that returns a float from 0 to 1, such as ``random.random``
    """

    def __init__(self, minimum: int, maximum: int, random) -> None:
        self._minimum = minimum
        self._maximum = maximum
        self._random = random
        self._delay = minimum

    def next(self) -> int:
        """Return the waiting time in milliseconds for this failure, and double the next one."""
        delay = self._delay
        self._delay = min(delay * 2, self._maximum)
        return delay + int(delay * 0.5 * self._random())

    def reset(self) -> None:
        """
        Start again at the minimum. Call it when the device has stayed joined for a minute: a
        connect, or a join alone, is no success yet.
        """
        self._delay = self._minimum
