# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.release.chunk_table`
====================================================

Parses the table at the beginning of a release's container, and unpacks chunks. The format is stated
in ``docs/release_format.rst``. The caller has the complete table and checks its hash; `ChunkTable`
checks its lengths, before they are used to allocate memory or to write.
"""

import hashlib
import zlib
from struct import unpack_from

from micropython import const

from ..errors import UpdateError

SECTOR = const(512)
CHUNK = const(4096)
"""Most bytes of a chunk, stored or unpacked."""
HASH = const(16)
"""Bytes of each SHA-256 in a row: its first half."""
_HEAD = const(16)
_ROW = const(36)
_MOST_ROWS = const(0xFFFF)
_MAGIC = const(b"NHct")
_VERSION = const(1)
_WINDOW = const(-15)  # a raw deflate stream
_BAD_STREAM = getattr(zlib, "error", ValueError)  # CPython's is not a ValueError


def most_bytes(image_length: int) -> int:
    """
    Return the longest table that an image may have: each chunk has at least one sector.

    :param int image_length: bytes of the image
    :return: bytes of the table
    """
    return _HEAD + min(image_length // SECTOR, _MOST_ROWS) * _ROW


class ChunkTable:
    """
    The rows of a chunk table.

    :param data: the complete table, as bytes or a bytearray, which is not copied
    :raises UpdateError: if the table is invalid, or has an unknown version
    """

    def __init__(self, data) -> None:
        self._data = data
        if len(data) < _HEAD or bytes(data[:4]) != _MAGIC:
            raise UpdateError("the release has no chunk table: was it made by nerveshub-link pack?")
        version, self.count, self.image_length, self.stored_length = unpack_from("<HHII", data, 4)
        if version != _VERSION:
            words = (
                "the release's chunk table has version %d, this library knows %d: update it first"
            )
            raise UpdateError(words % (version, _VERSION))
        if not self.count or len(data) != _HEAD + self.count * _ROW:
            raise UpdateError("the chunk table's length does not fit its number of rows")
        sectors = stored = 0
        for number in range(self.count):
            here, size = self.row(number)
            if not 1 <= here <= CHUNK // SECTOR or not 1 <= size <= here * SECTOR:
                raise UpdateError("the chunk table has an invalid length")
            sectors += here
            stored += size
        if sectors * SECTOR != self.image_length or stored != self.stored_length:
            raise UpdateError("the chunk table's lengths contradict each other")

    def row(self, number: int) -> tuple:
        """
        Return a chunk's lengths.

        :param int number: the chunk's number, from 0 on
        :return: its sectors in the image, and its stored length in bytes
        """
        return unpack_from("<HH", self._data, _HEAD + number * _ROW)

    def is_stored(self, number: int, data) -> bool:
        """Tell whether these are a chunk's stored bytes, by their SHA-256."""
        return self._is(_HEAD + number * _ROW + 4, data)

    def is_unpacked(self, number: int, data) -> bool:
        """Tell whether these are a chunk's bytes in the image, by their SHA-256."""
        return self._is(_HEAD + number * _ROW + 4 + HASH, data)

    def _is(self, at: int, data) -> bool:
        return hashlib.new("sha256", data).digest()[:HASH] == self._data[at : at + HASH]


def unpack(data, size: int):
    """
    Unpack a chunk. Call it only with bytes whose hash is right: the native decompressor does not
    limit its output.

    :param data: the stored chunk
    :param int size: its unpacked length in bytes; a stored chunk of this length is not packed
    :return: the unpacked bytes, as a buffer
    :raises UpdateError: if the chunk does not unpack to this length
    """
    if len(data) == size:
        return data
    try:
        unpacked = zlib.decompress(data, _WINDOW)
    except _BAD_STREAM as error:
        raise UpdateError("a chunk can't be unpacked: %s" % error) from None
    if len(unpacked) != size:
        raise UpdateError("a chunk has %d bytes unpacked instead of %d" % (len(unpacked), size))
    return unpacked
