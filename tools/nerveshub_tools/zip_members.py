# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.zip_members`
================================================================================

Reads a zip file twice: by the directory at its end, as NervesHub does, and by the heads of its
members, as a board does while it comes. Tells where the two differ, what is damaged, and what a
board can't read.

Separate from what the members mean (`nerveshub_tools.release_file`).
"""

import io
import struct
import zipfile
import zlib
from dataclasses import dataclass
from typing import List, Optional

from .signatures import SIGNATURE

_HEAD = struct.Struct("<4s2xHH4xIIIHH")
_LOCAL = b"PK\x03\x04"
_DESCRIPTOR = b"PK\x07\x08"
_DESCRIBED, _UTF8 = 0x8, 0x800
_MOST_EXTRA, _MOST_NAME = 256, 64  # of a board
_MOST_SIZE = 1 << 30


@dataclass(frozen=True)
class Member:
    """
    A member.

    :param str name: its name
    :param int at: where its bytes begin in the file
    :param int stored: how many these are
    :param bytes content: what they become; None if they become nothing
    """

    name: str
    at: int
    stored: int
    content: Optional[bytes]


class _Head:
    """The head in front of a member."""

    def __init__(self, data: bytes, at: int) -> None:
        fields = _HEAD.unpack(data[at : at + _HEAD.size].ljust(_HEAD.size, b"\0"))
        self.start, self.flags, self.method, self.crc, self.stored, self.size = fields[:6]
        name, self.extra = fields[6:]
        begin = at + _HEAD.size
        coding = "utf-8" if self.flags & _UTF8 else "cp437"
        self.name = data[begin : begin + name].decode(coding, "replace")
        self.end = begin + name + self.extra
        self.described = bool(self.flags & _DESCRIBED)


class ZipMembers:
    """
    :param bytes data: the whole file
    :raises zipfile.BadZipFile: if it has no directory, and what else zipfile raises
    """

    def __init__(self, data: bytes) -> None:
        self.members: List[Member] = []
        """In the order in which they stand in the file"""
        self.damage: List[str] = []
        """What is wrong, and where"""
        self.unreadable: List[str] = []
        """What is allowed in a zip file, and a board does not read"""
        self._data = data
        self._deflated: List[str] = []
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = sorted(archive.infolist(), key=lambda entry: entry.header_offset)
            end = archive.start_dir
        at = 0
        for entry in entries:
            if entry.header_offset != at:
                self.damage.append(f"{at:,} bytes into the file, no member begins")
            at = self._read(entry)
        if at != end:
            self.damage.append(f"{at:,} bytes into the file, something follows that is no member")
        if self._deflated:
            more = len(self._deflated) - 1
            self.unreadable.append(
                f"deflated: '{self._deflated[0]}'{f' and {more} more' if more else ''}. fwup packs"
                " and signs so, a board takes stored members: nerveshub-link pack --private-key"
                " makes them"
            )

    def _read(self, entry: zipfile.ZipInfo) -> int:
        """Add a member; where the next one should begin."""
        name, head = entry.filename, _Head(self._data, entry.header_offset)
        if head.start != _LOCAL:
            self.damage.append(
                f"'{name}' does not begin {entry.header_offset:,} bytes into the file"
            )
            return entry.header_offset
        end = head.end + entry.compress_size
        if head.name != name or head.method != entry.compress_type:
            self.damage.append(f"'{name}': its head and the archive's directory differ")
        stated = (entry.CRC, entry.compress_size, entry.file_size)
        if not head.described and (head.crc, head.stored, head.size) != stated:
            self.damage.append(f"'{name}': its head and the archive's directory differ in a length")
        content = _content(self._data[head.end : end], entry)
        where = f"'{name}' (bytes {head.end:,} to {end:,} of the file)"
        if content is None:
            self.damage.append(f"{where} can't be read")
        elif zlib.crc32(content) != entry.CRC:
            self.damage.append(f"{where} is damaged: its CRC-32 is wrong")
        self.members.append(Member(name, head.end, entry.compress_size, content))
        self._check_for_board(name, head)
        if head.described:
            end += 16 if self._data[end : end + 4] == _DESCRIPTOR else 12
        return end

    def _check_for_board(self, name: str, head: _Head) -> None:
        if head.method:
            self._deflated.append(name)
        elif name == SIGNATURE:
            if head.flags & ~(_UTF8 | _DESCRIBED) or {head.stored, head.size} - {0, 64}:
                self.unreadable.append(f"'{name}' has a head that a board can't read")
        elif head.flags & ~_UTF8 or head.stored != head.size:
            self.unreadable.append(f"'{name}' has no length in its head, which a board needs")
        if head.extra > _MOST_EXTRA or len(name) > _MOST_NAME or not name.isascii():
            self.unreadable.append(
                f"'{name[:80]}' has a name or extra field that a board can't read"
            )


def _content(data: bytes, entry: zipfile.ZipInfo) -> Optional[bytes]:
    if entry.flag_bits & 1 or entry.file_size > _MOST_SIZE:
        return None
    if entry.compress_type == zipfile.ZIP_STORED:
        return data if len(data) == entry.file_size else None
    if entry.compress_type != zipfile.ZIP_DEFLATED:
        return None
    try:
        content = zlib.decompressobj(-15).decompress(data, entry.file_size + 1)
    except zlib.error:
        return None
    return content if len(content) == entry.file_size else None
