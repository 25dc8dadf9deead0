# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.release.huffman`
====================================================

Makes the tables in which `nerveshub_link.release.inflate` looks up symbols. A module of its own,
since it is another algorithm than decoding.

A table is indexed with the next bits of the input, the first one lowest. An entry is ``symbol << 4
| length of its code``. Where a code is longer than the index, the entry is a link instead:
``0x8000 | start << 4 | bits``, and the ``bits`` that follow in the input are the index of the table
of the second level that begins at ``start``.
"""

from micropython import const

from ..errors import UpdateError

_LINK = const(0x8000)
_LONGEST = const(15)
_DIGITS = bytes(range(_LONGEST + 1))


def fill_table(table, root: int, lengths: bytearray, unused=None) -> None:
    """
    Fill a table from the lengths of the codes.

    :param table: a memoryview of 16-bit numbers, with room for all levels
    :param int root: bits of the index
    :param bytearray lengths: bits of each symbol's code, 0 to 15; 0 for symbols that are not used
    :param int unused: the symbol for codes that nothing is assigned to; None if there must be none.
        Such are allowed where there is no symbol, or one with a code of one bit, as zlib does
    :raises UpdateError: if the codes are too many for their lengths, or too few
    """
    counts = [0] * (_LONGEST + 1)
    for length in lengths:
        counts[length] += 1
    free = 1
    for length in range(1, _LONGEST + 1):
        free = 2 * free - counts[length]
        if free < 0:
            raise UpdateError("deflate: more codes than fit")
    table[0] = table[1] = 0
    if free:
        used = len(lengths) - counts[0]
        if unused is None or used > 1 or used != counts[1]:
            raise UpdateError("deflate: codes are missing")
        table[0] = table[1] = unused << 4 | 1
    _assign(table, root, lengths, counts)


def _assign(table, root: int, lengths: bytearray, counts: list) -> None:
    """
    Codes are assigned in order of length, so a table for codes of up to so many bits, doubled, is
    the begin of that for one bit more: slices copy it, and each code is one entry.
    """
    code = 0  # its first bit lowest, as the input has it
    top = 1 << root  # where the next table of the second level begins
    link = -1  # the entry that links to the last one
    for length in range(1, _LONGEST + 1):
        if 1 < length <= root:
            half = 1 << length - 1
            table[half : 2 * half] = table[:half]
        symbol = -1
        for index in range(counts[length]):
            symbol = lengths.find(_DIGITS[length : length + 1], symbol + 1)
            entry = symbol << 4 | length
            if length <= root:
                table[code] = entry
            else:
                low = code & (1 << root) - 1
                if low != link:
                    link, start = low, top
                    wide = _width(counts, length, index, root)
                    top += 1 << wide
                    table[link] = _LINK | start << 4 | wide
                for at in range(start + (code >> root), top, 1 << length - root):
                    table[at] = entry
            # One more, counted from the other end.
            bit = 1 << length - 1
            while code & bit:
                code ^= bit
                bit >>= 1
            code |= bit


def _width(counts: list, length: int, index: int, root: int) -> int:
    """Bits of a second level that begins with this code: as many as those left need to fill it."""
    wide = length - root
    free = (1 << wide) - counts[length] + index
    while free > 0:
        wide += 1
        free = 2 * free - counts[root + wide]
    return wide
