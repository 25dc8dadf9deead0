# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.slots.slot_file`
====================================================

A slot: one file of fixed length that holds a header and an image, see ``docs/release_format.rst``.
This module implements its layout and the access to it.

A slot file is written in whole sectors, in place, and never flushed or closed: so FatFs writes
these sectors and nothing else. Closing the file, also by the garbage collector, would rewrite the
folder's sector; a power cut at that moment would lose the slot's clusters for good. So the file
that is open for writing belongs to this module, and stays open as long as the VM lives. Never
remove this module from ``sys.modules`` while `is_open`.
"""

import os
import sys
from binascii import crc32
from struct import pack_into, unpack_from

from micropython import const

from ..errors import UpdateError

SECTOR = const(512)
HEADER_AT = const(7)
"""The header's sector: those before it are padding."""
IMAGE_AT = const(8)
"""The image's first sector."""
PAD = const(7)
"""Sectors of padding at the end."""
MAX_TEXTS = const(416)
"""Bytes of all texts in a header, each with a byte for its length."""
TEXTS = ("product", "version", "platform", "architecture", "uuid")
_MAGIC = const(b"NHsl")
_VERSION = const(1)
_TEXTS_AT = const(92)
_CRC_AT = const(508)
_RUN = const(8)  # sectors written in one call at most

_open = {}  # path -> the file that is open for writing


class Header:
    """
    The values of a slot's header.

    :param int number: number of the installation
    :param int image_length: bytes of the image
    :param int table_length: bytes of the chunk table after it
    :param int crc: CRC-32 of the image
    :param bytes image_hash: SHA-256 of the image
    :param bytes table_hash: SHA-256 of the table
    :param dict meta: `TEXTS`
    """

    def __init__(  # noqa: PLR0913, PLR0917 a record
        self,
        number: int,
        image_length: int,
        table_length: int,
        crc: int,
        image_hash: bytes,
        table_hash: bytes,
        meta: dict,
    ) -> None:
        self.number = number
        self.image_length = image_length
        self.table_length = table_length
        self.crc = crc
        self.image_hash = image_hash
        self.table_hash = table_hash
        self.meta = meta

    def pack(self) -> bytearray:
        """
        Encode the header.

        :return: its sector
        :raises UpdateError: if the texts don't fit
        """
        texts = texts_of(self.meta)
        sector = bytearray(SECTOR)
        pack_into(
            "<4sHHIIII",
            sector,
            0,
            _MAGIC,
            _VERSION,
            len(texts),
            self.number,
            self.image_length,
            self.table_length,
            self.crc,
        )
        sector[24:56] = self.image_hash
        sector[56:88] = self.table_hash
        sector[_TEXTS_AT : _TEXTS_AT + len(texts)] = texts
        pack_into("<I", sector, _CRC_AT, crc32(memoryview(sector)[:_CRC_AT]))
        return sector


def texts_of(meta: dict) -> bytes:
    """
    Encode the texts of a header.

    :param dict meta: `TEXTS`
    :return: the bytes
    :raises UpdateError: if they don't fit
    """
    texts = b""
    for name in TEXTS:
        text = (meta.get(name) or "").encode()
        if len(text) > 255:
            raise UpdateError("%s has %d bytes, a slot keeps 255" % (name, len(text)))
        texts += bytes((len(text),)) + text
    if len(texts) > MAX_TEXTS:
        words = "product, version, platform, architecture and uuid have %d bytes, a slot keeps %d"
        raise UpdateError(words % (len(texts) - len(TEXTS), MAX_TEXTS - len(TEXTS)))
    return texts


def unpack(sector):
    """
    Decode the header in a sector.

    :param sector: 512 bytes
    :return: the `Header`, or None if it is invalid or of another version
    """
    crc = crc32(memoryview(sector)[:_CRC_AT])
    if unpack_from("<I", sector, _CRC_AT)[0] != crc:
        return None
    magic, version, length, number, image, table, crc = unpack_from("<4sHHIIII", sector, 0)
    if magic != _MAGIC or version != _VERSION or length > MAX_TEXTS:
        return None
    meta = {}
    at = _TEXTS_AT
    try:
        for name in TEXTS:
            end = at + 1 + sector[at]
            meta[name] = bytes(sector[at + 1 : end]).decode()
            at = end
    except (ValueError, IndexError):  # UnicodeError is a ValueError
        return None
    if at != _TEXTS_AT + length:
        return None
    return Header(number, image, table, crc, bytes(sector[24:56]), bytes(sector[56:88]), meta)


class SlotFile:
    """
    One slot's file.

    :param str path: such as ``/images/a/app.img``
    :raises OSError: if it is missing
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._sectors = os.stat(path)[6] // SECTOR
        self._reader = _opened(path, "rb")
        self._buffer = memoryview(bytearray(SECTOR))

    @property
    def room(self) -> int:
        """Most sectors of an image and its table together (read-only)."""
        return max(self._sectors - IMAGE_AT - PAD, 0)

    def close(self) -> None:
        """Close the file that is open for reading. The one for writing stays open, see above."""
        self._reader.close()

    def read_into(self, sector: int, view: memoryview) -> int:
        """
        Read bytes.

        :param int sector: first sector, from the file's beginning
        :param memoryview view: the buffer to fill
        :return: number of bytes read
        """
        self._reader.seek(sector * SECTOR)
        return self._reader.readinto(view) or 0

    def header(self):
        """Return the `Header`, or None if the slot holds no release."""
        if self.read_into(HEADER_AT, self._buffer) != SECTOR:
            return None
        return unpack(self._buffer)

    def write(self, sector: int, view: memoryview) -> int:
        """
        Write those sectors that differ from the file's content.

        :param int sector: first sector, from the file's beginning
        :param memoryview view: whole sectors
        :return: number of sectors written
        :raises UpdateError: if they are not within the file
        :raises OSError: if the drive can't be written
        """
        count = len(view) // SECTOR
        if count * SECTOR != len(view) or not HEADER_AT <= sector <= self._sectors - PAD - count:
            raise UpdateError("a write would leave the slot")  # would be a bug of this library
        written = 0
        start = None
        for number in range(count + 1):
            differs = number < count and not self._is_same(sector + number, view, number)
            if differs and start is None:
                start = number
            if start is not None and (not differs or number - start == _RUN):
                self._put(sector + start, view[start * SECTOR : number * SECTOR])
                written += number - start
                start = number if differs else None
        return written

    def holds(self, sector: int, view: memoryview) -> bool:
        """
        Tell whether the file holds these sectors, by reading them.

        :param int sector: first sector, from the file's beginning
        :param memoryview view: whole sectors
        :return: True if it does
        """
        for number in range(len(view) // SECTOR):
            if not self._is_same(sector + number, view, number):
                return False
        return True

    def _is_same(self, sector: int, view: memoryview, number: int) -> bool:
        count = self.read_into(sector, self._buffer)
        return count == SECTOR and self._buffer == view[number * SECTOR : (number + 1) * SECTOR]

    def _put(self, sector: int, view: memoryview) -> None:
        file = _open.get(self._path)
        if file is None:
            file = _open[self._path] = _opened(self._path, "r+b")
        file.seek(sector * SECTOR)
        if file.write(view) != len(view):
            raise OSError(28)  # ENOSPC, the only reason of a short write


def _opened(path: str, mode: str):
    if sys.implementation.name == "cpython":
        return open(path, mode, buffering=0)  # so that one file object sees the other's writes
    return open(path, mode)


def is_open() -> bool:
    """
    Tell whether a slot was written in this VM. If so, the VM must end by a reset of the board,
    which closes no file.

    :return: True if it was
    """
    return bool(_open)
