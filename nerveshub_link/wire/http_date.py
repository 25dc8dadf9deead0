# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.wire.http_date`
====================================================

Parses the ``Date`` header of an HTTP response. Imported only when the clock needs it.
"""

from micropython import const

_MONTHS = const("JanFebMarAprMayJunJulAugSepOctNovDec")


def parse_http_date(text):
    """
    Parse an HTTP date (RFC 9110, 5.6.7, the preferred form).

    :param str text: such as ``"Mon, 23 Nov 2026 18:29:08 GMT"``
    :return: seconds since 1970, or None if the text is not such a date
    """
    try:
        words = text.split()
        if len(words) > 6 and words[5] == "GMT,":
            words = words[:5] + ["GMT"]  # a proxy has repeated the header: use the first date
        _, day, month, year, clock, zone = words
        hours, minutes, seconds = clock.split(":")
        index = _MONTHS.find(month)
        if zone != "GMT" or len(month) != 3 or index < 0 or index % 3:
            return None
        if len(year) != 4:
            return None
        year, month = int(year), index // 3 + 1
        day, hours = _number(day, 31), _number(hours, 23)
        minutes, seconds = _number(minutes, 59), _number(seconds, 60)
    except (ValueError, TypeError, AttributeError):
        return None
    # Days before this date. The year begins in March here, so that the leap day comes last.
    if month < 3:
        year -= 1
        month += 12
    days = 365 * year + year // 4 - year // 100 + year // 400 + (153 * (month - 3) + 2) // 5
    days += day - 719469
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def _number(text: str, most: int) -> int:
    """Parse a number of one or two digits, from 0 to ``most``."""
    value = int(text)
    if len(text) > 2 or not 0 <= value <= most:
        raise ValueError
    return value
