# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.slots.image_install`
====================================================

Installs one release into the idle slot; the sink of a `FwReader`. Everything that can be checked
before the idle slot's header is erased is checked before, and the release is valid only when the
header is written:

=====================  ============================================================================
step                   what is checked
=====================  ============================================================================
``meta.conf``          with public keys: its signature, in slices, then a signed minimum version.
                       Always: product, platform, architecture, that the image has room
chunk table            its SHA-256, and its lengths against each other. Then the header is erased
each chunk             the SHA-256 of the stored bytes, then of the unpacked bytes; then the sectors
                       that differ are written
``verify``, in slices  the table and the whole image, read back: SHA-256 and CRC-32
``commit``             the header is written, and read back
=====================  ============================================================================

Chunks begin where files begin, but the flash is erased in blocks of 4 KB. So unpacked bytes are
collected in a window of 4 KB, which is aligned to 4 KB in the slot file, and written from there.
"""

import gc
import hashlib
from binascii import crc32

from micropython import const

from ..common.memory import forget
from ..errors import DownloadError, UpdateError, printable
from ..release.chunk_table import CHUNK, ChunkTable, unpack
from .slot_file import HEADER_AT, IMAGE_AT, SECTOR, Header

_RESOURCE = const(b"app.img")
_SLICE = const(4)  # windows of 4 KB that one call of verify() reads


class ImageInstall:
    """
    Installs one release.

    :param SlotFile slot: the idle slot
    :param dict device: ``product``, ``platform`` and ``architecture`` that a release must have;
        empty or missing ones are not checked
    :param str uuid: the release's uuid by the server
    :param int number: of this installation
    :param tuple keys: public keys, by one of which the release must be signed; empty to accept
        unsigned releases
    :param lowest: version below which a signed release is refused, or None
    """

    def __init__(  # noqa: PLR0913, PLR0917 what one installation is
        self, slot, device: dict, uuid: str, number: int, keys: tuple = (), lowest=None
    ) -> None:
        self._slot = slot
        self._device = device
        self._uuid = uuid
        self._number = number
        self._keys = keys
        self._lowest = lowest
        self._signed = self._conf = None  # while the signature is checked
        self.min_version = None
        """Lowest version that the signed release allows from now on, text or None."""
        self.meta = None
        """The release's metadata from ``meta.conf``, and its uuid. None before ``meta.conf``."""
        self.written = 0
        """Number of sectors that were written."""
        self.busy = False
        """True if one ``poll()`` must not do more. `work` continues."""
        self._committing = False  # True if the slot may hold this release's header
        self._length = self._image_length = 0
        self._image_hash = self._table_hash = None
        self._table_data = None
        self._table = None
        self._have = 0  # bytes of the table, of the current chunk, then of the table again
        self._chunk = 0  # number of the current chunk
        self._buffer = memoryview(bytearray(CHUNK))  # a stored chunk
        self._window = memoryview(bytearray(CHUNK))  # sectors to write
        self._reserve = bytearray(CHUNK + SECTOR)  # reserves memory to unpack a chunk
        self._filled = 0  # bytes in the window
        self._sector = IMAGE_AT  # where the window is written
        self._hash = None  # of the image that is read back
        self._crc = self._done = 0

    # Called by the FwReader

    def archive_meta(self, conf: bytes, signature) -> None:
        """Check the release's metadata: at once, or after its signature was checked."""
        if self._keys:
            from ..release.signed_only import SignedOnly  # noqa: PLC0415 with public keys only

            self._reserve = None  # the check of the signature may take its room
            self._signed = SignedOnly(self._keys, conf, signature)
            self._conf, self.busy = conf, True
        else:
            self._take_meta(conf)

    def _take_meta(self, conf: bytes) -> None:
        self._reserve = None  # the modules that read meta.conf may take its room
        try:
            length = self._read_meta(conf)
        finally:
            forget("slots.release_meta", "release.fwup_meta", "release.min_version")
        self._table_data = bytearray(length)  # one block of memory
        self._reserve = bytearray(CHUNK + SECTOR)

    def _read_meta(self, conf: bytes) -> int:
        """Take over what ``meta.conf`` says; return the length of the chunk table."""
        from .release_meta import ReleaseMeta  # noqa: PLC0415 needed for a moment

        said = ReleaseMeta(conf, self._device, self._uuid, self._slot.room)
        if self._keys:
            said.check_version(self._lowest)
        self.meta, self.min_version = said.meta, said.min_version
        self._length, self._image_length = said.length, said.image_length
        self._image_hash, self._table_hash = said.image_hash, said.table_hash
        return said.table_length

    def file_begin(self, name: str, size: int) -> None:
        """Check name and length of the resource against ``meta.conf``."""
        if name.encode() != _RESOURCE or size != self._length:
            words = "'%s' has %d bytes, meta.conf says %d of app.img"
            raise UpdateError(words % (printable(name), size, self._length))

    def file_data(self, view: memoryview) -> int:
        """
        Handle the next bytes of table and chunks, until a window of 4 KB is written: a few bytes
        may unpack to a hundred times as many, which would take too long for one ``poll()``.

        :param memoryview view: the bytes
        :return: number of bytes handled; fewer than given if `busy` is True now
        """
        at = 0
        while at < len(view) and not self.busy:
            if self._table is None:
                at += self._collect(self._table_data, view[at:])
                if self._have == len(self._table_data):
                    self._take_table()
                continue
            if self._chunk == self._table.count:
                raise UpdateError("the release continues after its last chunk")
            size = self._table.row(self._chunk)[1]
            if not self._have and len(view) - at >= size:
                chunk = view[at : at + size]
                at += size
            else:
                chunk = self._buffer[:size]
                at += self._collect(chunk, view[at:])
                if self._have < size:
                    break
                self._have = 0
            self._take_chunk(chunk)
        return at

    def work(self) -> None:
        """At the next ``poll()``: check a slice of the signature, or get ready for more bytes."""
        if self._signed is not None:
            if not self._signed.step():
                return
            conf = self._conf
            self._signed.drop()
            self._signed = self._conf = None
            self._take_meta(conf)
        self.busy = False

    def file_end(self) -> None:
        """Check that all chunks have come, at the end of the resource."""
        if self._table is None or self._chunk < self._table.count:
            raise UpdateError("the release ends before its last chunk")

    def _collect(self, target, view: memoryview) -> int:
        """Fill ``target``; return how many bytes of ``view`` were used."""
        count = min(len(view), len(target) - self._have)
        target[self._have : self._have + count] = view[:count]
        self._have += count
        return count

    def _take_table(self) -> None:
        data = self._table_data
        if hashlib.new("sha256", data).digest() != self._table_hash:
            raise UpdateError("the chunk table's SHA-256 differs from meta.conf")
        table = ChunkTable(data)
        if table.image_length != self._image_length:
            raise UpdateError("chunk table and meta.conf name different image lengths")
        if len(data) + table.stored_length != self._length:
            raise UpdateError("chunk table and meta.conf name different lengths")
        # From here on the slot has no release, until the new header is written.
        self.revoke()
        self._table = table
        self._reserve = None
        self._have = 0

    def _take_chunk(self, data: memoryview) -> None:
        number = self._chunk
        if not self._table.is_stored(number, data):
            raise DownloadError("chunk %d is damaged" % number, "restart")
        size = self._table.row(number)[0] * SECTOR
        try:
            unpacked = unpack(data, size)
        except MemoryError:
            gc.collect()  # it needs one block of up to 4 KB
            unpacked = unpack(data, size)
        if not self._table.is_unpacked(number, unpacked):
            raise UpdateError("chunk %d has a wrong SHA-256 after unpacking" % number)
        self._chunk = number + 1
        self._append(memoryview(unpacked))

    def _append(self, view: memoryview) -> None:
        """Append bytes to the image; they are written in windows of 4 KB."""
        while len(view):
            count = min(len(view), CHUNK - self._filled)
            self._window[self._filled : self._filled + count] = view[:count]
            self._filled += count
            view = view[count:]
            if self._filled == CHUNK:
                self._flush()

    def _flush(self) -> None:
        """Write the window's sectors; the last one is padded with zeros."""
        window = self._window
        sectors = -(-self._filled // SECTOR)
        for at in range(self._filled, sectors * SECTOR):
            window[at] = 0
        self.written += self._slot.write(self._sector, window[: sectors * SECTOR])
        self._sector += sectors
        self._filled = 0
        self.busy = True

    # Called by the writer

    @property
    def percent(self) -> int:
        """Percentage of the image that was read back (read-only)."""
        return self._done * 100 // (self._image_length or 1)

    def verify(self) -> bool:
        """
        Read a piece of the image back.

        :return: False if there is more; True if the whole image was read and is right
        :raises UpdateError: if it is wrong
        """
        if self._hash is None:
            self._write_table()
            return False
        for _ in range(_SLICE):
            view = self._window[: min(self._image_length - self._done, CHUNK)]
            if not len(view):
                break
            if self._slot.read_into(IMAGE_AT + self._done // SECTOR, view) != len(view):
                raise _unreadable("the image")
            self._hash.update(view)
            self._crc = crc32(view, self._crc)
            self._done += len(view)
        if self._done < self._image_length:
            return False
        if self._hash.digest() != self._image_hash:
            raise _unreadable("the image")
        return True

    def _write_table(self) -> None:
        """Write a piece of the table after the image; when it is complete, read it back."""
        data = memoryview(self._table_data)
        if self._have < len(data):
            self._append(data[self._have : self._have + CHUNK])
            self._have += CHUNK
            return
        self._flush()
        piece = self._buffer[:SECTOR]
        sector = IMAGE_AT + self._image_length // SECTOR
        for at in range(0, len(data), SECTOR):
            part = data[at : at + SECTOR]
            count = self._slot.read_into(sector, piece)
            if count != SECTOR or piece[: len(part)] != part:
                raise _unreadable("the chunk table")
            sector += 1
        self._hash = hashlib.new("sha256")

    def commit(self) -> None:
        """
        Write the header, with which the slot's release becomes valid. Call it when
        `ImageInstall.verify` has returned True.

        :raises UpdateError: if it can't be read back
        """
        header = Header(
            self._number,
            self._image_length,
            len(self._table_data),
            self._crc,
            self._image_hash,
            self._table_hash,
            self.meta,
        )
        sector = memoryview(header.pack())
        self._committing = True
        self._slot.write(HEADER_AT, sector)
        if not self._slot.holds(HEADER_AT, sector):
            raise _unreadable("the slot's header")
        self._table_data = self._table = self._buffer = self._window = None

    def abort(self) -> None:
        """Erase the header if it may be written already, and close the slot."""
        if self._signed is not None:
            self._signed.drop()
        try:
            if self._committing:
                self.revoke()
        finally:
            self._slot.close()

    def revoke(self) -> None:
        """
        Erase the slot's header: it has no release from now on.

        :raises UpdateError: if the old header can still be read
        """
        empty = memoryview(bytearray(SECTOR))
        self._slot.write(HEADER_AT, empty)
        if not self._slot.holds(HEADER_AT, empty):
            raise _unreadable("the slot's header")


def _unreadable(what: str) -> UpdateError:
    return UpdateError(what + " can't be read back as it was written: is the flash worn?")
