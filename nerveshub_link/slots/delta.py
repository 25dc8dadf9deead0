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
step               what is done in one call of `next_part`
=================  ================================================================================
compare            14 rows of the running slot's table: chunks of the same hash are noted
choose             once: which of them are worth a gap in the download. Both in `chunk_match`
copy               one chunk: read from the running slot, hashed, written like any other
ask                which part of the archive is needed next
=================  ================================================================================

A torn table in the running slot, or nothing in common, only means that the whole travels. A chunk
that is read with another hash than the table says is downloaded. Memory: two bytes for each chunk
of the release, and one sector; while tables are compared, two more.
"""

from struct import unpack_from

from micropython import const

from ..common.memory import forget
from ..errors import DownloadError, describe
from .slot_file import IMAGE_AT, SECTOR, SlotFile

_MOST_PARTS = const(8)  # of an update: each may need a connection, and that blocks
_LEAST_GAP = const(1024)  # bytes that are worth a request
_LEAST_GAP_CLOSED = const(16 * 1024)  # that are worth a connection, too
_HEADS = const(1024)  # bytes for meta.conf and the heads in front of the table
_MOST_TABLE = const(65536)  # bytes
_UNREAD = const(8 * 1024)  # bytes to ask for while it is not known where the table ends
DOWNLOAD = const(0xFFFF)
"""The source of a chunk that has to come."""


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
        why = "too little of it is in the running slot"
        try:
            saved = delta.compare(kept)
        except (OSError, MemoryError) as error:
            saved, why = 0, describe(error)
        if saved is None:
            return False
        if not saved:
            writer._end_delta()
            writer.log("info", "all of the release travels: " + why)
            return received, 0
        whole = install._length
        words = "only what changed travels: %d KB of %d KB; the running slot has the rest"
        writer.log("info", words % (-(-(whole - saved) // 1024), -(-whole // 1024)))
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


def source_of(sources, number: int) -> int:
    """Where a chunk lies in the running slot's image, in sectors; `DOWNLOAD` if it is not there."""
    return unpack_from("<H", sources, 2 * number)[0]


def download(sources, first: int, last: int) -> None:
    """Note that the chunks from ``first`` to ``last - 1`` have to come."""
    sources[2 * first : 2 * last] = b"\xff" * (2 * (last - first))


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
        from .chunk_match import ChunkMatch  # noqa: PLC0415 its memory is wanted back

        self._install = install
        self._table = install._table
        self._counted = 0  # chunks in front of the next place
        self._place = begin + len(install._table_data)
        self._slot = SlotFile(path)
        self._match = ChunkMatch(install, self._slot)  # until it is known what travels
        self._sources = self._match.sources
        self._parts = parts
        self._torn = False  # was anything in the running slot wrong?
        self._rest = b""  # what was not taken yet
        self._stop = 0  # where the part ends that was asked for last

    @property
    def compared(self) -> bool:
        """True once it is known what travels (read-only)."""
        return self._match is None

    def compare(self, kept: bool):
        """
        Find out what travels, a piece with each call.

        :param bool kept: whether further parts would come over the same connection
        :return: None if there is more to do; else how many bytes need not travel
        """
        match = self._match
        if not match.compare():
            return None
        saved = match.choose(_LEAST_GAP if kept else _LEAST_GAP_CLOSED, self._parts)
        self._match = None
        del match
        forget("slots.chunk_match")
        return saved

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

    # What is left to do

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
        if source_of(self._sources, number) != DOWNLOAD:
            install._have = 0
            if self._copy(number):
                return self._offset(number + 1)
            download(self._sources, number, number + 1)
            self._torn = True
        return self._ask(number)

    def _copy(self, number: int) -> bool:
        """Copy a chunk. False if the running slot has it no more."""
        install = self._install
        view = install._buffer[: self._table.row(number)[0] * SECTOR]
        try:
            count = self._slot.read_into(IMAGE_AT + source_of(self._sources, number), view)
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
            if source_of(self._sources, here) == DOWNLOAD or (final and self._torn):
                last, stop = here, end
            elif not final:
                break
        self._parts -= 1
        download(self._sources, number, last + 1)
        self._stop = stop
        return start + self._install._have, stop

    def _offset(self, number: int) -> int:
        """Where a chunk begins in the archive; not one in front of the last that was asked for."""
        while self._counted < number:
            self._place += self._table.row(self._counted)[1]
            self._counted += 1
        return self._place
