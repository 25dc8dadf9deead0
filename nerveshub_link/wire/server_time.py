# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.wire.server_time`
====================================================

Keeps the server's time. The server refuses a shared-secret signature that is one second in the
future or 90 seconds old, and most boards boot in the year 2000: so the ``Date`` header of the
server's responses replaces the board's clock while that is not set, or wrong. The board's clock
itself is not changed. Times are whole seconds in integers: a CircuitPython float can't hold today's
date to the second.
"""

from micropython import const

from ..common.memory import forget
from ..common.ticks import elapsed

_UNSET = const(1_600_000_000)  # 2020; a board without a set clock counts from 2000-01-01
_LATEST = const(4_102_444_800)  # 2100: a later date is wrong
_OFF = const(5)  # seconds: a smaller difference may be the response's travel time
_JUMP = const(2)  # seconds: a greater difference to the ticks means that the clock was set
_REFRESH = const(60 * 60 * 1000)


class ServerTime:
    """
    A clock that is corrected by the server's ``Date`` headers.

    :param time: function that returns seconds since 1970, such as ``time.time``
    :param clock: function that returns ticks in milliseconds, which show when ``time`` was set
    """

    def __init__(self, time, clock) -> None:
        self._time = time
        self._clock = clock
        self._offset = 0
        self._seen = 0  # the clock's seconds when it was last read
        self._ticks = 0  # the ticks at that moment

    @property
    def is_set(self) -> bool:
        """True once the clock shows a date after 2020 (read-only)."""
        return self.now() >= _UNSET

    def now(self) -> int:
        """Return the server's time in whole seconds since 1970: the best estimate so far."""
        seconds = int(self._time())
        if self._offset:
            ticks = self._clock()
            moved = seconds - self._seen - elapsed(ticks, self._ticks) // 1000
            self._seen, self._ticks = seconds, ticks
            if not -_JUMP <= moved <= _JUMP and seconds >= _UNSET:
                # The clock was set since then, for example by NTP: the offset is out of date.
                self._offset = 0
        return seconds + self._offset

    def tick(self, ticks: int) -> None:
        """
        Read the clock once an hour: ticks can't measure more than some days.

        :param int ticks: ticks in milliseconds
        """
        if self._offset and elapsed(ticks, self._ticks) >= _REFRESH:
            self.now()

    def correct(self, date) -> int:
        """
        Take over the time from a ``Date`` header, if the clock is not set or wrong.

        :param str date: the header's value, or None without such a header
        :return: by how many seconds the clock moved; 0 if it was right, or the header is missing,
            invalid or not of this century
        """
        if date is None:
            return 0
        from .http_date import parse_http_date  # noqa: PLC0415 seldom needed

        seen = parse_http_date(date)
        del parse_http_date
        forget("wire.http_date")
        if seen is None or not _UNSET <= seen < _LATEST:
            return 0
        moved = seen - self.now()
        if -_OFF < moved < _OFF:
            return 0
        self._seen, self._ticks = int(self._time()), self._clock()
        self._offset = seen - self._seen
        return moved
