# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.container`
================================================================================

The resource of a release: the image of a slot as a chunk table and chunks. `make` makes it, `read`
takes it apart again and checks it as a board does. The format is stated in
``docs/release_format.rst``.
"""

import hashlib
import struct
import zlib
from dataclasses import dataclass
from typing import Iterator, List, Optional, Tuple

from .fat_image import SECTOR, FatImage
from .fw_file import section

MAGIC = b"NHct"
VERSION = 1
_HEAD = struct.Struct("<4sHHII")
_ROW = struct.Struct("<HH16s16s")
STEP = 8
"""Sectors of a chunk at most: 4 KB, what a board erases at once."""
_MOST_ROWS = 0xFFFF
_WINDOW = -12  # raw deflate, and 4 KB are as far back as a chunk can look


class BadContainer(ValueError):
    """Raised when bytes are no container that a board would take; the text says why."""


@dataclass(frozen=True)
class Chunk:
    """
    A row of the table.

    :param int sectors: of the image
    :param int stored: bytes as they are stored
    :param bytes stored_hash: 16 bytes of the SHA-256 of these
    :param bytes image_hash: 16 bytes of the SHA-256 of the unpacked bytes
    """

    sectors: int
    stored: int
    stored_hash: bytes
    image_hash: bytes


@dataclass(frozen=True)
class Container:
    """
    A container, as a whole and in its parts.

    :param bytes table: head and rows
    :param list chunks: the rows, as `Chunk`
    :param list bodies: the bytes of each chunk, as they are stored
    :param bytes image: what they are unpacked
    """

    table: bytes
    chunks: List[Chunk]
    bodies: List[bytes]
    image: bytes

    @property
    def data(self) -> bytes:
        """The resource: table and chunks (read-only)."""
        return self.table + b"".join(self.bodies)

    def resource(self, name: str = "app.img", more: Optional[dict] = None) -> str:
        """
        Its section in ``meta.conf``, with fwup's keys and ours.

        :param dict more: further keys -> text
        """
        ours = {
            "table-sha256": hashlib.sha256(self.table).hexdigest(),
            "table-length": len(self.table),
            "image-sha256": hashlib.sha256(self.image).hexdigest(),
            "image-length": len(self.image),
        }
        return section(name, self.data, {**ours, **(more or {})})


def make(image: FatImage) -> Container:
    """
    Cut an image into chunks, each at the beginning of a file or 4 KB further, and pack each.

    :raises BadContainer: if there are more chunks than a table can hold
    """
    chunks, bodies = [], []
    for piece in image.pieces:
        for first in range(piece.first, piece.first + piece.sectors, STEP):
            last = min(first + STEP, piece.first + piece.sectors)
            data = image.data[first * SECTOR : last * SECTOR]
            body = _packed(data)
            chunks.append(Chunk(last - first, len(body), _hash(body), _hash(data)))
            bodies.append(body)
    if len(chunks) > _MOST_ROWS:
        raise BadContainer(f"{len(chunks):,} chunks, a table holds {_MOST_ROWS:,}")
    rows = b"".join(
        _ROW.pack(chunk.sectors, chunk.stored, chunk.stored_hash, chunk.image_hash)
        for chunk in chunks
    )
    stored = sum(len(body) for body in bodies)
    head = _HEAD.pack(MAGIC, VERSION, len(chunks), len(image.data), stored)
    return Container(head + rows, chunks, bodies, image.data)


def _packed(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, _WINDOW, 9)
    packed = packer.compress(data) + packer.flush()
    return packed if len(packed) < len(data) else data


def _hash(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()[:16]


def read_table(data: bytes) -> List[Chunk]:
    """
    The rows at the beginning of a container.

    :raises BadContainer: if these are none, or contradict each other
    """
    if len(data) < _HEAD.size or data[:4] != MAGIC:
        raise BadContainer("this is no container of chunks")
    _, version, count, image, stored = _HEAD.unpack_from(data)
    if version != VERSION:
        raise BadContainer(f"the chunk table has version {version}, this tool knows {VERSION}")
    end = _HEAD.size + count * _ROW.size
    if not count or len(data) < end:
        raise BadContainer("the chunk table is cut off")
    chunks = [Chunk(*row) for row in _ROW.iter_unpack(data[_HEAD.size : end])]
    for chunk in chunks:
        if not 1 <= chunk.sectors <= STEP or not 1 <= chunk.stored <= chunk.sectors * SECTOR:
            raise BadContainer("a chunk has a length that is not allowed")
    if sum(chunk.sectors for chunk in chunks) * SECTOR != image:
        raise BadContainer("the chunks do not make up the image's length")
    if sum(chunk.stored for chunk in chunks) != stored:
        raise BadContainer("the chunks do not make up the stored length")
    return chunks


def table_length(chunks: List[Chunk]) -> int:
    """Bytes of a table with these rows."""
    return _HEAD.size + len(chunks) * _ROW.size


def read(data: bytes) -> Container:
    """
    Take a container apart and check every chunk.

    :raises BadContainer: if something in it is wrong
    """
    chunks = read_table(data)
    at = table_length(chunks)
    table, bodies, image = data[:at], [], []
    for _, body, unpacked, fault in look_at_chunks(data, chunks):
        if fault:
            raise BadContainer(fault)
        bodies.append(body)
        image.append(unpacked)
        at += len(body)
    if at != len(data):
        raise BadContainer(f"{len(data) - at} bytes follow behind the last chunk")
    return Container(table, chunks, bodies, b"".join(image))


def look_at_chunks(data: bytes, chunks: List[Chunk]) -> Iterator[Tuple[int, bytes, bytes, str]]:
    """
    Unpack each chunk, the good ones and the others.

    :return: where it begins, its bytes as they are stored, what they unpack to (zeros for a chunk
        that is damaged), and what is wrong with it, in words
    """
    at = table_length(chunks)
    for number, chunk in enumerate(chunks):
        body, size, fault = data[at : at + chunk.stored], chunk.sectors * SECTOR, ""
        unpacked = bytes(size)
        if len(body) != chunk.stored or _hash(body) != chunk.stored_hash:
            fault = f"chunk {number} is not what the table says"
        else:
            try:
                unpacked = _unpacked(body, size, number)
            except BadContainer as error:
                fault = str(error)
        if not fault and _hash(unpacked) != chunk.image_hash:
            fault = f"chunk {number} does not become what the table says"
        yield at, body, unpacked, fault
        at += chunk.stored


def _unpacked(body: bytes, size: int, number: int) -> bytes:
    if len(body) == size:
        return body
    unpacker = zlib.decompressobj(_WINDOW)
    try:
        data = unpacker.decompress(body, size + 1)
    except zlib.error as error:
        raise BadContainer(f"chunk {number} can't be unpacked: {error}") from None
    if len(data) != size or not unpacker.eof or unpacker.unused_data:
        raise BadContainer(f"chunk {number} does not unpack to {size} bytes")
    return data
