# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.slots.delta`
====================================================

Only what changed travels: which chunks of a release the running slot has already, and which parts
of the archive are still needed. Imported for a signed release, when its ``meta.conf`` was verified
and its chunk table has come; a part of `ImageInstall`, whose private attributes it uses.

=================  ================================================================================
step               what is done in one call of `Delta.next`
=================  ================================================================================
compare            14 rows of the running slot's table: chunks of the same hash are noted
choose             once: which of them are worth a gap in the download
copy               one chunk: read from the running slot, hashed, written like any other
ask                which part of the archive is needed next
=================  ================================================================================

A torn table in the running slot, or nothing in common, only means that the whole travels. A chunk
that is read with another hash than the table says is downloaded. Memory: two bytes for each chunk
of the release, and one sector; while tables are compared, two more.
"""

import hashlib
from struct import pack_into, unpack_from

from micropython import const

from ..errors import DownloadError
from .slot_file import IMAGE_AT, SECTOR, SlotFile

_MOST_PARTS = const(8)  # of an update: each may need a connection, and that blocks
_LEAST_GAP = const(1024)  # bytes that are worth a request
_LEAST_GAP_CLOSED = const(16 * 1024)  # that are worth a connection, too
_HEADS = const(1024)  # bytes for meta.conf and the heads in front of the table
_TABLE_HEAD = const(16)
_ROW = const(36)
_HASH_AT = const(20)  # in a row: of the unpacked bytes
_ROWS = const(14)  # compared in one call: they lie within two sectors
_FORM = b"NHct\x01\x00"  # how a table of version 1 begins
_MOST_TABLE = const(65536)  # bytes
_UNREAD = const(8 * 1024)  # bytes to ask for while it is not known where the table ends
_DOWNLOAD = const(0xFFFF)  # a chunk that has to come


def first_part(path: str) -> int:
    """
    Return how many bytes of an archive hold its table, if it is like that of the running slot.

    :param str path: the running slot's file
    :return: bytes; 0 if that slot has nothing to copy
    """
    try:
        slot = SlotFile(path)
        try:
            header = slot.header()
        finally:
            slot.close()
    except (OSError, MemoryError):
        return 0
    return 0 if header is None else _HEADS + min(header.table_length, _MOST_TABLE)


def next_part(writer, path: str, received: int, kept: bool):
    """
    Do a piece of work for `AppSlotWriter.fwup_next`, whose private attributes this uses.

    :param AppSlotWriter writer: has a release whose ``meta.conf`` was verified
    :param str path: the running slot's file
    :param int received: bytes of the archive that were taken
    :param bool kept: whether a further part would come over the same connection
    :return: as `FwupWriter.fwup_next`
    :raises DownloadError: if the download has to start from zero
    """
    install, delta = writer._install, writer._delta
    if delta is None:
        stop = _end_of_table(install, path, received)
        if stop > received:
            writer._parts += 1
            return received, stop
        begin = received + writer._reader.left - install._length
        try:
            parts = max(_MOST_PARTS - writer._parts, 1)
            delta = writer._delta = Delta(install, path, begin, parts)
        except (OSError, MemoryError):
            return received, 0
    if not delta.compared:
        try:
            if not delta.compare(kept):
                return False
        except (OSError, MemoryError):
            delta.close()
            return received, 0
        if not delta.words:
            writer.log(
                "info", "all of the release travels: too little of it is in the running slot"
            )
            return received, 0
        writer.log("info", delta.words)
        writer._reader = delta
    try:
        return delta.next(received, kept)
    except MemoryError:  # a chunk may be written in part
        raise DownloadError("no memory to copy a chunk", "restart") from None


def _end_of_table(install, path: str, received: int) -> int:
    """Where the table ends, as far as that is known; ``received`` if it has come."""
    if install._table is not None:
        return received
    data = install._table_data
    if data is not None:
        return received + len(data) - install._have
    first = first_part(path)  # it may have broken off
    return first if first > received else received + _UNREAD


class Delta:
    """
    The rest of one release, in parts. Takes the place of the `FwReader` when parts are left out.

    :param ImageInstall install: the release, with its table
    :param str path: the running slot's file
    :param int begin: where the container begins in the archive, in bytes
    :param int parts: that the download may still have
    :raises OSError: if the running slot can't be opened
    """

    def __init__(self, install, path: str, begin: int, parts: int) -> None:
        self._install = install
        self._table = install._table
        self._counted = 0  # chunks in front of the next place
        self._place = begin + len(install._table_data)
        self._slot = SlotFile(path)
        self._header = header = self._slot.header()
        if header is not None and header.table_length > _MOST_TABLE:
            self._header = None
        # Where each chunk lies in the running slot's image, in sectors; 2 bytes for each.
        self._sources = bytearray(b"\xff" * (2 * self._table.count))
        self._piece = memoryview(bytearray(2 * SECTOR))
        self._hash = hashlib.new("sha256")
        self._at = self._sector = 0  # of the running slot's table and image: compared so far
        self._parts = parts
        self._torn = False  # was anything in the running slot wrong?
        self._rest = b""  # what was not taken yet
        self._stop = 0  # where the part ends that was asked for last
        self.compared = False
        """True once it is known what travels."""
        self.words = ""
        """What travels, for the log; empty if all of it does."""

    # What the writer calls in place of a `FwReader`

    def feed(self, data: memoryview) -> bool:
        """Take the next bytes of the part that was asked for, as `FwReader.feed` does."""
        install = self._install
        if len(self._rest):
            data, self._rest = self._rest, b""
        install.work()
        taken = install.file_data(data)
        if taken < len(data):
            self._rest = data[taken:]
        return not install.busy

    def finish(self) -> None:
        """All parts were taken: are all chunks there?"""
        self.close()
        self._install.file_end()

    def close(self) -> None:
        """Close the running slot's file."""
        self._slot.close()

    # Comparing

    def compare(self, kept: bool) -> bool:
        """
        Compare a piece of the running slot's table with the release's.

        :param bool kept: whether further parts would come over the same connection
        :return: False if there is more to do; True if it is known what travels
        """
        header = self._header
        if header is not None and self._at < header.table_length:
            if self._compare(header):
                return False
        elif header is None or self._hash.digest() != header.table_hash:
            self._forget(0, self._table.count)
        self._piece = self._hash = self._header = None
        self._choose(kept)
        self.compared = True
        if not self.words:
            self.close()
        return True

    def _compare(self, header) -> bool:
        """Compare the next rows. False if this is no table that can be read."""
        at = self._at
        count = min(_ROWS * _ROW if at else _TABLE_HEAD, header.table_length - at)
        sector = IMAGE_AT + (header.image_length + at) // SECTOR
        self._slot.read_into(sector, self._piece)
        rows = self._piece[at % SECTOR : at % SECTOR + count]
        self._hash.update(rows)
        self._at += count
        if not at and bytes(rows[: len(_FORM)]) != _FORM:
            self._forget(0, self._table.count)
            return False
        for row in range(0, count - _ROW + 1 if at else 0, _ROW):
            sectors = unpack_from("<H", rows, row)[0]
            if self._sector + sectors < _DOWNLOAD:
                self._note(bytes(rows[row + _HASH_AT : row + _ROW]), sectors)
            self._sector += sectors
        return True

    def _note(self, hash_, sectors: int) -> None:
        """A chunk of the running slot: the release's chunks that are the same come from there."""
        data = self._install._table_data
        at = data.find(hash_)
        while at >= 0:
            number, offset = divmod(at - _TABLE_HEAD, _ROW)
            if offset == _HASH_AT and self._table.row(number)[0] == sectors:
                if self._source(number) != _DOWNLOAD:
                    return  # the same chunk was met before
                pack_into("<H", self._sources, 2 * number, self._sector)
            at = data.find(hash_, at + 1)

    def _source(self, number: int) -> int:
        return unpack_from("<H", self._sources, 2 * number)[0]

    def _forget(self, first: int, last: int) -> None:
        """These chunks are downloaded."""
        self._sources[2 * first : 2 * last] = b"\xff" * (2 * (last - first))

    # Choosing

    def _gaps(self):
        """Go through the runs of chunks that need not come: first, behind the last one, bytes."""
        first, size = self._install._chunk, 0
        for number in range(first, self._table.count):
            if self._source(number) != _DOWNLOAD:
                size += self._table.row(number)[1]
                continue
            if size:
                yield first, number, size
            first, size = number + 1, 0
        if size:
            yield first, self._table.count, size

    def _choose(self, kept: bool) -> None:
        """Small gaps come with what is around them. So do all but the greatest."""
        least = _LEAST_GAP if kept else _LEAST_GAP_CLOSED
        greatest = []  # of the gaps that need a request of their own, in ascending order
        for first, last, size in self._gaps():
            if size >= least and not self._is_outer(first, last):
                greatest.append(size)
                greatest.sort()
                if len(greatest) >= self._parts:
                    greatest.pop(0)
        equal = greatest.count(greatest[0]) if greatest else 0  # of the smallest
        saved = 0
        for first, last, size in self._gaps():
            passed = size >= least
            if passed and not self._is_outer(first, last):
                passed = bool(greatest) and size >= greatest[0]
                if passed and size == greatest[0]:
                    passed = equal > 0
                    equal -= 1
            if passed:
                saved += size
            else:
                self._forget(first, last)
        if saved:
            whole = self._install._length
            self.words = (
                "only what changed travels: %d KB of %d KB; the running slot has the rest"
                % (
                    -(-(whole - saved) // 1024),
                    -(-whole // 1024),
                )
            )

    def _is_outer(self, first: int, last: int) -> bool:
        """Needs this gap no request of its own?"""
        return first == self._install._chunk or last == self._table.count

    # Copying, and asking

    def next(self, received: int, kept: bool):
        """
        Copy the next chunk, or tell which part is needed next.

        :param int received: bytes of the archive that were taken
        :param bool kept: whether a further part would come over the same connection
        :return: as `FwupWriter.fwup_next`
        """
        install = self._install
        number = install._chunk
        if received < self._stop:  # it broke off: the chunk comes once more, from its beginning
            install._have = 0
            return self._offset(number), self._stop
        if not self._stop and not kept:  # so may have the part with the table
            install._have = 0
        if number == self._table.count:
            return None
        if self._source(number) != _DOWNLOAD:
            install._have = 0
            if self._copy(number):
                return self._offset(number + 1)
            self._forget(number, number + 1)
            self._torn = True
        return self._ask(number)

    def _copy(self, number: int) -> bool:
        """Copy a chunk. False if the running slot has it no more."""
        install = self._install
        view = install._buffer[: self._table.row(number)[0] * SECTOR]
        try:
            count = self._slot.read_into(IMAGE_AT + self._source(number), view)
            if count != len(view) or not self._table.is_unpacked(number, view):
                return False
        except (OSError, MemoryError):
            return False
        install._chunk = number + 1
        install._append(view)
        install.work()  # one chunk in a poll is enough
        return True

    def _ask(self, number: int) -> tuple:
        start = stop = end = self._offset(number)
        last = number
        final = self._parts <= 1  # then all comes up to the last chunk that is needed
        for here in range(number, self._table.count):
            end += self._table.row(here)[1]
            if self._source(here) == _DOWNLOAD or (final and self._torn):
                last, stop = here, end
            elif not final:
                break
        self._parts -= 1
        self._forget(number, last + 1)
        self._stop = stop
        return start + self._install._have, stop

    def _offset(self, number: int) -> int:
        """Where a chunk begins in the archive; not one in front of the last that was asked for."""
        while self._counted < number:
            self._place += self._table.row(self._counted)[1]
            self._counted += 1
        return self._place
