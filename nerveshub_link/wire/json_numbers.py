# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.wire.json_numbers`
====================================================

Finds numbers in JSON that are too long to parse. A board parses a number of 16,000 digits for many
seconds, which would block the main loop, and CPython refuses it. Imported for long messages only,
since a short one has no room for such a number.
"""

import re

LONGEST = 64
"""Most digits that a number may have."""

_LONG = re.compile("[0-9]" * (LONGEST + 1))


def has_long_number(text: str) -> bool:
    """
    Tell whether there is a number of more than 64 digits in a JSON text, outside of its strings.

    :param str text: the JSON text
    :return: True if there is one
    """
    if not _LONG.search(text):
        return False
    start = 0
    while True:
        quote = text.find('"', start)
        if _LONG.search(text[start:] if quote < 0 else text[start:quote]):
            return True
        if quote < 0:
            return False
        start = _behind(text, quote + 1)


def _behind(text: str, start: int) -> int:
    """Return the index after the JSON string whose content begins at ``start``."""
    while True:
        quote = text.find('"', start)
        if quote < 0:
            return len(text)
        at = quote
        while at > start and text[at - 1] == "\\":
            at -= 1
        start = quote + 1
        if (quote - at) % 2 == 0:
            return start
