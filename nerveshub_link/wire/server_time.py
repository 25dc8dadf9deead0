# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.wire.server_time`
====================================================

The server's clock, as far as this device knows it. A shared-secret signature is refused when it is
one second in the future or 90 seconds old, and most boards boot in the year 2000: so the ``Date``
header of the server's answers is taken as the truth while the board's own clock is not set, or off.
The board's clock itself is not changed. Whole seconds in integers only: a CircuitPython float can't
hold today's date to the second.
"""

from micropython import const

from ..common.ticks import elapsed

_UNSET = 1_600_000_000  # 2020; a board without a set clock counts from 2000-01-01
_LATEST = 4_102_444_800  # 2100: a date beyond is a mistake, not a time
_OFF = const(5)  # seconds: less than this is the way of the answer
_JUMP = const(2)  # seconds: by more, a clock that nobody sets never differs from the ticks
_REFRESH = const(60 * 60 * 1000)


class ServerTime:
    """
    A clock that can be corrected by what the server says.

    :param time: function that returns seconds since 1970, such as ``time.time``
    :param clock: function that returns ticks: they tell whether somebody has set the other clock
    """

    def __init__(self, time, clock) -> None:
        self._time = time
        self._clock = clock
        self._offset = 0
        self._seen = 0  # the clock, and the ticks of that moment
        self._ticks = 0

    @property
    def is_set(self) -> bool:
        """True once the clock shows a date after 2020 (read-only)."""
        return self.now() >= _UNSET

    def now(self) -> int:
        """Return the server's time in whole seconds since 1970, as far as it is known."""
        seconds = int(self._time())
        if self._offset:
            ticks = self._clock()
            moved = seconds - self._seen - elapsed(ticks, self._ticks) // 1000
            self._seen, self._ticks = seconds, ticks
            if not -_JUMP <= moved <= _JUMP and seconds >= _UNSET:
                # Somebody has set the clock since, by NTP for one: the offset is from before that.
                self._offset = 0
        return seconds + self._offset

    def tick(self, ticks: int) -> None:
        """
        Look at the clock now and then, so that the last look is never older than ticks can tell.

        :param int ticks: the ticks now
        """
        if self._offset and elapsed(ticks, self._ticks) >= _REFRESH:
            self.now()

    def correct(self, date) -> int:
        """
        Take over the time from a ``Date`` header, if the clock is not set or off.

        :param str date: the header's value, or None where there was none
        :return: by how many seconds the clock moved; 0 if it was right, or the header is missing,
            unreadable or not of this century
        """
        if date is None:
            return 0
        from .http_date import parse_http_date  # noqa: PLC0415 seldom needed

        seen = parse_http_date(date)
        if seen is None or not _UNSET <= seen < _LATEST:
            return 0
        moved = seen - self.now()
        if -_OFF < moved < _OFF:
            return 0
        self._seen, self._ticks = int(self._time()), self._clock()
        self._offset = seen - self._seen
        return moved
