# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.slots.delta`
====================================================

Downloads only what changed: finds the chunks of a release that the running slot has already, copies
them, and requests the other parts of the archive. Imported for a signed release, when its
``meta.conf`` was verified and its chunk table was received; a part of `ImageInstall`, whose private
attributes it uses.

=================  ================================================================================
step               work of one call of `next_part`
=================  ================================================================================
compare            14 rows of the running slot's table: find chunks with the same hash
choose             once: decide which are worth a gap in the download. Both in `chunk_match`
copy               one chunk: read it from the running slot, hash it, write it like any other
ask                request the part of the archive that is needed next
=================  ================================================================================

If the running slot's table is damaged, or has no common chunks, the whole release is downloaded. So
is a chunk whose bytes in the running slot have a wrong hash. Memory: two bytes for each chunk of
the release, and one sector; while tables are compared, two more.
"""

from struct import unpack_from

from micropython import const

from ..common.memory import forget
from ..errors import DownloadError, describe
from .slot_file import IMAGE_AT, SECTOR, SlotFile

_MOST_PARTS = const(8)  # of an update: each may need a connection, which blocks
_LEAST_GAP = const(1024)  # bytes that are worth a request
_LEAST_GAP_CLOSED = const(16 * 1024)  # bytes that are worth a request and a connection
_HEADS = const(1024)  # bytes for meta.conf and the heads before the table
_MOST_TABLE = const(65536)  # bytes
_UNREAD = const(8 * 1024)  # bytes to ask for while it is not known where the table ends
DOWNLOAD = const(0xFFFF)
"""The source of a chunk that must be downloaded."""


def first_part(path: str) -> int:
    """
    Estimate how many bytes of an archive contain its table, by the length of the running slot's.

    :param str path: path of the running slot's file
    :return: bytes; 0 if that slot has no release
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
    Do a slice of the work of `AppSlotWriter.fwup_next`, whose private attributes this uses.

    :param AppSlotWriter writer: a writer with a release whose ``meta.conf`` was verified
    :param str path: path of the running slot's file
    :param int received: bytes of the archive that were written
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
    except MemoryError:  # a chunk may be partly written
        raise DownloadError("no memory to copy a chunk", "restart") from None


def _end_of_table(install, path: str, received: int) -> int:
    """Return the table's end in the archive, or an estimate; ``received`` if it is complete."""
    if install._table is not None:
        return received
    data = install._table_data
    if data is not None:
        return received + len(data) - install._have
    first = first_part(path)  # the first part may have been interrupted
    return first if first > received else received + _UNREAD


def source_of(sources, number: int) -> int:
    """Return a chunk's position in the running slot's image, in sectors, or `DOWNLOAD`."""
    return unpack_from("<H", sources, 2 * number)[0]


def download(sources, first: int, last: int) -> None:
    """Mark the chunks from ``first`` to ``last - 1`` to be downloaded."""
    sources[2 * first : 2 * last] = b"\xff" * (2 * (last - first))


class Delta:
    """
    Downloads the rest of one release in parts. Replaces the `FwReader` when parts are left out.

    :param ImageInstall install: the release, with its table
    :param str path: path of the running slot's file
    :param int begin: offset of the container in the archive, in bytes
    :param int parts: most further parts of the download
    :raises OSError: if the running slot can't be opened
    """

    def __init__(self, install, path: str, begin: int, parts: int) -> None:
        from .chunk_match import ChunkMatch  # noqa: PLC0415 removed from memory by compare()

        self._install = install
        self._table = install._table
        self._counted = 0  # chunks before `_place`
        self._place = begin + len(install._table_data)
        self._slot = SlotFile(path)
        self._match = ChunkMatch(install, self._slot)  # None once it is decided what to download
        self._sources = self._match.sources
        self._parts = parts
        self._torn = False  # True if the running slot had wrong bytes
        self._rest = b""  # bytes that were not taken yet
        self._stop = 0  # end of the last requested part

    @property
    def compared(self) -> bool:
        """True once it is decided what is downloaded (read-only)."""
        return self._match is None

    def compare(self, kept: bool):
        """
        Decide what is downloaded, in several calls.

        :param bool kept: whether further parts would come over the same connection
        :return: None if there is more work; else how many bytes are not downloaded
        """
        match = self._match
        if not match.compare():
            return None
        saved = match.choose(_LEAST_GAP if kept else _LEAST_GAP_CLOSED, self._parts)
        self._match = None
        del match
        forget("slots.chunk_match")
        return saved

    # Called by the writer instead of the `FwReader`

    def feed(self, data: memoryview) -> bool:
        """Handle the next bytes of the requested part, as `FwReader.feed` does."""
        install = self._install
        if len(self._rest):
            data, self._rest = self._rest, b""
        install.work()
        taken = install.file_data(data)
        if taken < len(data):
            self._rest = data[taken:]
        return not install.busy

    def finish(self) -> None:
        """Check that all chunks are written."""
        self.close()
        self._install.file_end()

    def close(self) -> None:
        """Close the running slot's file."""
        self._slot.close()

    # Copying and requesting

    def next(self, received: int, kept: bool):
        """
        Copy the next chunk, or return the part that is needed next.

        :param int received: bytes of the archive that were written
        :param bool kept: whether a further part would come over the same connection
        :return: as `FwupWriter.fwup_next`
        """
        install = self._install
        number = install._chunk
        if received < self._stop:  # interrupted: request the chunk again, from its beginning
            install._have = 0
            return self._offset(number), self._stop
        if not self._stop and not kept:  # the part with the table may be interrupted, too
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
        """Copy a chunk; return False if the running slot's bytes are wrong."""
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
        install.work()  # copy at most one chunk in a poll
        return True

    def _ask(self, number: int) -> tuple:
        start = stop = end = self._offset(number)
        last = number
        final = self._parts <= 1  # the last part has all chunks up to the last one that is needed
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
        """Return a chunk's offset in the archive; chunks must be asked for in ascending order."""
        while self._counted < number:
            self._place += self._table.row(self._counted)[1]
            self._counted += 1
        return self._place
