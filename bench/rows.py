# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""The table: one row for each thing measured."""

from dataclasses import dataclass
from typing import Optional


@dataclass
class Row:
    """
    :param str what: name of the measurement
    :param str value: its result, in words
    :param str aim: the wanted result, "" for a figure without an aim
    :param bool good: whether it is; None without an aim
    """

    what: str
    value: str
    aim: str = ""
    good: Optional[bool] = None


def at_most(what: str, value: float, limit: float, text: str) -> Row:
    """A row with an upper limit. ``text`` shows a number, such as ``"{:.1f} times"``."""
    return Row(what, text.format(value), "<= " + text.format(limit), value <= limit)


def at_least(what: str, value: float, limit: float, text: str) -> Row:
    """A row with a lower limit."""
    return Row(what, text.format(value), ">= " + text.format(limit), value >= limit)
