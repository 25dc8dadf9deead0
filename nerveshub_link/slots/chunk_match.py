# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.slots.chunk_match`
====================================================

Finds the chunks of a release that the running slot has, too, and decides which of these are worth a
gap in the download. Not in `nerveshub_link.slots.delta`, so that this can be removed from memory
before chunks are copied.

The running slot's table is read in pieces, and never whole in memory. If its SHA-256 differs from
the slot's header, no chunk is used.
"""

import hashlib
from struct import pack_into, unpack_from

from micropython import const

from .delta import DOWNLOAD, download, source_of
from .slot_file import IMAGE_AT, SECTOR

_HEAD = const(16)
_ROW = const(36)
_HASH_AT = const(20)  # in a row: of the unpacked bytes
_ROWS = const(14)  # compared in one call: they lie within two sectors
_FORM = b"NHct\x01\x00"  # how a table of version 1 begins
_MOST_TABLE = const(65536)  # bytes


class ChunkMatch:
    """
    Compares one release with the running slot.

    :param ImageInstall install: the release, with its table
    :param SlotFile slot: the running slot
    """

    def __init__(self, install, slot) -> None:
        self._table = install._table
        self._data = install._table_data
        self._begin = install._chunk  # chunks before it were received already
        self._slot = slot
        self._header = slot.header()
        self.sources = bytearray(b"\xff" * (2 * self._table.count))
        """For each chunk of the release 2 bytes, for `source_of`."""
        self._piece = memoryview(bytearray(2 * SECTOR))
        self._hash = hashlib.new("sha256")
        self._at = self._sector = 0  # how much of the running slot's table and image was compared

    def compare(self) -> bool:
        """
        Compare the next rows of the running slot's table.

        :return: False if there are more
        """
        header = self._header
        if header is None or header.table_length > _MOST_TABLE:
            return True
        if self._at < header.table_length:
            return not self._compare(header)
        if self._hash.digest() != header.table_hash:
            download(self.sources, 0, self._table.count)
        return True

    def _compare(self, header) -> bool:
        """Compare the next rows; return False if the table is invalid."""
        at = self._at
        count = min(_ROWS * _ROW if at else _HEAD, header.table_length - at)
        sector = IMAGE_AT + (header.image_length + at) // SECTOR
        self._slot.read_into(sector, self._piece)
        rows = self._piece[at % SECTOR : at % SECTOR + count]
        self._hash.update(rows)
        self._at += count
        if not at and bytes(rows[: len(_FORM)]) != _FORM:
            download(self.sources, 0, self._table.count)
            return False
        for row in range(0, count - _ROW + 1 if at else 0, _ROW):
            sectors = unpack_from("<H", rows, row)[0]
            if self._sector + sectors < DOWNLOAD:
                self._note(bytes(rows[row + _HASH_AT : row + _ROW]), sectors)
            self._sector += sectors
        return True

    def _note(self, hash_, sectors: int) -> None:
        """Note the position of a chunk of the running slot for equal chunks of the release."""
        data = self._data
        at = data.find(hash_)
        while at >= 0:
            number, offset = divmod(at - _HEAD, _ROW)
            if offset == _HASH_AT and self._table.row(number)[0] == sectors:
                if source_of(self.sources, number) != DOWNLOAD:
                    return  # an equal chunk was noted before
                pack_into("<H", self.sources, 2 * number, self._sector)
            at = data.find(hash_, at + 1)

    def _gaps(self):
        """Yield the runs of chunks that can be copied: first, after the last one, bytes."""
        first, size = self._begin, 0
        for number in range(first, self._table.count):
            if source_of(self.sources, number) != DOWNLOAD:
                size += self._table.row(number)[1]
                continue
            if size:
                yield first, number, size
            first, size = number + 1, 0
        if size:
            yield first, self._table.count, size

    def choose(self, least: int, parts: int) -> int:
        """
        Decide which gaps are left out: the greatest ones; the others are downloaded, too.

        :param int least: smallest gap in bytes
        :param int parts: most parts of the download
        :return: bytes that are not downloaded
        """
        greatest = []  # sizes of the gaps that need their own request, in ascending order
        for first, last, size in self._gaps():
            if size >= least and not self._is_outer(first, last):
                greatest.append(size)
                greatest.sort()
                if len(greatest) >= parts:
                    greatest.pop(0)
        smallest = greatest[0] if greatest else self._table.stored_length + 1
        equal = greatest.count(smallest)
        saved = 0
        for first, last, size in self._gaps():
            passed = size >= least
            if passed and not self._is_outer(first, last):
                passed = size > smallest or (size == smallest and equal > 0)
                if size == smallest:
                    equal -= 1
            if passed:
                saved += size
            else:
                download(self.sources, first, last)
        return saved

    def _is_outer(self, first: int, last: int) -> bool:
        """Tell whether a gap is at the beginning or end, and needs no further request."""
        return first == self._begin or last == self._table.count
