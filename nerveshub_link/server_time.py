# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.server_time`
====================================================

The server's clock, as far as this device knows it. A shared-secret signature is refused when it is
one second in the future or 90 seconds old, and most boards boot in the year 2000: so the ``Date``
header of a refusal is taken as the truth, whichever way it differs. Whole seconds in integers
only: a CircuitPython float can't hold today's date to the second.
"""

_MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"
_UNSET = 1_600_000_000  # 2020; a board without a set clock counts from 2000-01-01


def parse_http_date(text):
    """
    Read an HTTP date (RFC 9110, 5.6.7, the preferred form).

    :param str text: such as ``"Mon, 23 Nov 2026 18:29:08 GMT"``
    :return: seconds since 1970, or None if the text is anything else
    """
    try:
        _, day, month, year, clock, zone = text.split()
        hours, minutes, seconds = clock.split(":")
        index = _MONTHS.find(month)
        if zone != "GMT" or len(month) != 3 or index < 0 or index % 3:
            return None
        year, month = int(year), index // 3 + 1
        # Days before this date, with the year beginning in March, so that the leap day comes last.
        if month < 3:
            year -= 1
            month += 12
        days = 365 * year + year // 4 - year // 100 + year // 400 + (153 * (month - 3) + 2) // 5
        days += int(day) - 719469
        return ((days * 24 + int(hours)) * 60 + int(minutes)) * 60 + int(seconds)
    except (ValueError, TypeError, AttributeError):
        return None


class ServerTime:
    """
    A clock that can be corrected by what the server says.

    :param time: function that returns seconds since 1970, such as ``time.time``
    """

    def __init__(self, time) -> None:
        self._time = time
        self._offset = 0
        self._was_set = True  # when the offset was taken

    @property
    def is_set(self) -> bool:
        """True once the clock shows a date after 2020 (read-only)."""
        return self.now() >= _UNSET

    def now(self) -> int:
        """Return the server's time in whole seconds since 1970, as far as it is known."""
        seconds = int(self._time())
        if seconds >= _UNSET and not self._was_set:
            # Somebody has set the clock since, by NTP for one: the offset is from before that.
            self._offset = 0
            self._was_set = True
        return seconds + self._offset

    def correct(self, date) -> int:
        """
        Take over the time from a ``Date`` header.

        :param str date: the header's value, or None where there was none
        :return: by how many seconds the clock moved, 0 if the header was missing or unreadable
        """
        seen = parse_http_date(date)
        if seen is None:
            return 0
        moved = seen - self.now()
        self._offset += moved
        self._was_set = int(self._time()) >= _UNSET
        return moved
