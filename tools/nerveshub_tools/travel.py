# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.travel`
================================================================================

Which bytes of a release travel to a device that runs another one: the ranges that it will ask for.
No I/O. The rules are those of the device.

A chunk that the running release has, too, is copied on the device. The rest is fetched in at most
`MOST_RANGES` ranges. The first one has the chunk table. What is copied and lies between two chunks
that are fetched is passed over if that saves enough for a request, or, where the server closes the
connection after each answer, for a new connection.
"""

from dataclasses import dataclass
from typing import Iterator, List, Tuple

from .container import Chunk, table_length

MOST_RANGES = 8
LEAST_GAP = 1024
"""Bytes that are worth a request."""
LEAST_GAP_CLOSED = 16 * 1024
"""Bytes that are worth a connection."""
HEADS = 1024
"""Bytes that the first range has for what stands in front of the chunk table."""
UNREAD = 8 * 1024
"""Bytes of the next one, as long as ``meta.conf`` has not come."""
_NAME = len("data/app.img")
_HEAD = 30  # of a member


@dataclass(frozen=True)
class Plan:
    """
    What travels.

    :param list ranges: first byte, and the byte behind the last one, in the order in which they are
        asked for
    :param list fetched: for each chunk of the release: does it travel?
    """

    ranges: List[Tuple[int, int]]
    fetched: List[bool]

    @property
    def size(self) -> int:
        """Bytes of all ranges (read-only)."""
        return sum(stop - start for start, stop in self.ranges)


class _Planner:
    def __init__(self, old: List[Chunk], new: List[Chunk], begin: int, size: int) -> None:
        known = {(chunk.sectors, chunk.image_hash) for chunk in old}
        self.copied = [(chunk.sectors, chunk.image_hash) in known for chunk in new]
        self._new = new
        self._begin, self._size = begin, size
        self._offsets = [begin + table_length(new)]
        for chunk in new:
            self._offsets.append(self._offsets[-1] + chunk.stored)
        self.ranges: List[Tuple[int, int]] = []

    def plan(self, first: int, kept: bool) -> Plan:
        if first >= self._size or not self._has_table(first):
            return self._whole()
        position = self.ranges[-1][1]
        if position >= self._offsets[-1]:
            return self._whole()
        number = next(at for at in range(len(self._new)) if self._offsets[at + 1] > position)
        self._choose(number, kept)
        if not any(self.copied[number:]):
            return self._whole()
        # The part of a chunk that came with the table counts, unless the connection ended there.
        self._ask(number, position if kept else self._offsets[number])
        return Plan(self.ranges, [not copied for copied in self.copied])

    def _whole(self) -> Plan:
        return Plan([(0, self._size)], [True] * len(self._new))

    def _has_table(self, position: int) -> bool:
        """Ask until the table has come. False if nothing is left to leave out."""
        self.ranges.append((0, position))
        table = self._offsets[0] - self._begin
        while position < self._offsets[0]:
            if position < self._begin - _HEAD - _NAME:
                more = UNREAD
            else:
                more = table - max(position - self._begin, 0)
            self.ranges.append((position, position + more))
            position += more
            if position >= self._size or len(self.ranges) >= MOST_RANGES:
                return False
        return True

    def _gaps(self, first: int) -> Iterator[Tuple[int, int, int]]:
        """Runs of chunks that are copied: first, behind the last one, bytes."""
        for number in range(first, len(self._new) + 1):
            if number < len(self._new) and self.copied[number]:
                continue
            if number > first:
                yield first, number, self._offsets[number] - self._offsets[first]
            first = number + 1

    def _choose(self, begin: int, kept: bool) -> None:
        """Small gaps travel with what is around them. So do all but the greatest."""
        self.copied[:begin] = [False] * begin
        gaps = list(self._gaps(begin))
        least = LEAST_GAP if kept else LEAST_GAP_CLOSED
        # At the ends no further range is needed.
        outer = [gap for gap in gaps if gap[0] == begin or gap[1] == len(self._new)]
        inner = [gap for gap in gaps if gap not in outer and gap[2] >= least]
        inner.sort(key=lambda gap: -gap[2])  # of those as long as each other, the first ones
        passed = [gap for gap in outer if gap[2] >= least]
        passed += inner[: max(MOST_RANGES - len(self.ranges) - 1, 0)]
        for gap in gaps:
            if gap not in passed:
                self.copied[gap[0] : gap[1]] = [False] * (gap[1] - gap[0])

    def _ask(self, number: int, position: int) -> None:
        count = len(self._new)
        while number < count:
            if self.copied[number]:
                number += 1
                continue
            last = number
            while last < count and not self.copied[last]:
                last += 1
            self.ranges.append((max(position, self._offsets[number]), self._offsets[last]))
            number = last


def plan(old: List[Chunk], new: List[Chunk], *, begin: int, size: int, kept: bool = True) -> Plan:
    """
    Which bytes of a release travel.

    :param list old: chunks of the release that the device runs
    :param list new: chunks of the release that it gets
    :param int begin: where the chunk table begins in the archive, in bytes
    :param int size: bytes of the archive
    :param bool kept: does the server keep the connection open?
    """
    return _Planner(old, new, begin, size).plan(HEADS + table_length(old), kept)
