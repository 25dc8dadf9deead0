# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.fat_image`
================================================================================

Makes a read-only FAT file system of an application's files: the image that a slot holds. The same
files give the same bytes.

Written here and not by a library, because what a slot needs is what formatters do not offer: a root
folder and a FAT of exactly the size needed, no free cluster, each file in one piece in the order of
the paths, and no time. The layout is stated in ``docs/release_format.rst``; FatFs, in the small VM,
and ``fsck.fat`` read it in the tests.
"""

import struct
import zlib
from dataclasses import dataclass, field
from typing import Dict, List, Optional

from . import fat_reader
from .fat_layout import Layout, fresh, like

SECTOR = 512
_ENTRY = 32
_FAT12_MOST = 4084  # clusters; one more makes it FAT16
_FAT16_MOST = 65524
_LEAST = 128  # sectors: FatFs from R0.14b on takes a smaller volume for something else
_DATE = 0x0021  # 1980-01-01: 0 would be day 0 of month 0
_FOLDER, _FILE, _LONG_NAME = 0x10, 0x20, 0x0F
_LAST_LONG = 0x40
# What a short name may consist of, beside letters and digits.
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'()-@^_`{}~")


class TooLarge(ValueError):
    """Raised when the files are more than a file system of this kind can hold."""


class NoRoom(TooLarge):
    """Raised when an image with gaps would be too large. Without them there may be room."""


@dataclass(frozen=True)
class Piece:
    """
    A part of the image that belongs together.

    :param str path: the file's; ``""`` for the file system's own sectors, the folders, and what a
        very small image is filled up with
    :param int first: its first sector
    :param int sectors: how many it has, at least 1
    """

    path: str
    first: int
    sectors: int


@dataclass(frozen=True)
class FatImage:
    """
    A finished image.

    :param bytes data: all of it, in whole sectors
    :param list pieces: what its sectors are, in order and without a gap
    """

    data: bytes
    pieces: List[Piece]


@dataclass
class _Folder:
    path: str
    parent: "_Folder" = None
    names: List[tuple] = field(default_factory=list)  # (name, folder or data)
    cluster: int = 0
    clusters: int = 0


def build(
    files: Dict[str, bytes], old: Optional[Layout] = None, most: int = _FAT16_MOST
) -> FatImage:
    """
    Make an image.

    :param dict files: path, with ``/`` between its parts -> content
    :param Layout old: where an earlier image had its files; None to leave no gap between them
    :param int most: clusters that there may be, if gaps are left
    :raises TooLarge: if they need more than 65,524 clusters of 512 bytes; `NoRoom`, if it is for
        the gaps that they need more than there may be
    """
    root, folders = _tree(files)
    for folder in folders:
        entries = sum(_entries_of(name) for name, _ in folder.names)
        folder.clusters = _sectors((entries + (2 if folder.parent else 0)) * _ENTRY) or 1
    needs = {folder.path + "/": folder.clusters for folder in folders[1:]}
    needs |= {path: _sectors(len(files[path])) for path in sorted(files, key=str.encode)}
    layout = fresh(needs) if old is None else like(needs, old, most)
    if layout is None:
        raise NoRoom("there are gaps that no file fits into")
    root.clusters = max(root.clusters, layout.root)
    clusters = max(layout.clusters, _LEAST - 2 - root.clusters)  # 1 for boot sector, 1 for FAT
    if clusters > _FAT16_MOST:
        raise TooLarge(
            f"the files need {clusters:,} clusters of 512 bytes, a FAT16 has {_FAT16_MOST:,}"
        )
    fat = _Fat(clusters, layout)
    for folder in folders[1:]:
        folder.cluster = _cluster(layout, folder.path + "/")
    body = {folder.path + "/": _folder_bytes(folder, files, layout) for folder in folders}
    own = fat.data() + body.pop("/")
    content = bytearray(clusters * SECTOR)
    for path, (first, _) in layout.places.items():
        data = body[path] if path in body else files[path]
        content[first * SECTOR : first * SECTOR + len(data)] = data
    rest = own + bytes(content)
    boot = _boot_sector(fat, root.clusters, clusters, zlib.crc32(rest))
    return FatImage(boot + rest, _pieces(layout, 1 + len(own) // SECTOR, clusters))


def _pieces(layout: Layout, own: int, clusters: int) -> List[Piece]:
    """What the sectors are: the file system's own, files, gaps."""
    pieces = [Piece("", 0, own)]
    at = 0
    for path, (first, count) in sorted(layout.places.items(), key=lambda item: item[1]):
        if path.endswith("/") and pieces[-1].path == "" and first == at:
            # Folders lie behind the file system's own sectors, and belong to them.
            pieces[-1] = Piece("", pieces[-1].first, pieces[-1].sectors + count)
        else:
            if first > at:
                pieces.append(Piece("", own + at, first - at))
            pieces.append(Piece("" if path.endswith("/") else path, own + first, count))
        at = first + count
    if clusters > at:
        pieces.append(Piece("", own + at, clusters - at))
    return pieces


def layout_of(data: bytes) -> Layout:
    """
    Where an image has its files.

    :param bytes data: an image that `build` made
    :raises fat_reader.BadImage: if it is another kind of image
    """
    return Layout(*fat_reader.chains(data, SECTOR))


def _cluster(layout: Layout, path: str) -> int:
    """The number that a folder's entry has of a first cluster: 0 for none."""
    return layout.places[path][0] + 2 if path in layout.places else 0


def _sectors(size: int) -> int:
    return -(-size // SECTOR)


def _tree(files: Dict[str, bytes]) -> tuple:
    """The root folder, and all folders in the order of their paths, it first."""
    root = _Folder("")
    known = {"": root}
    for path in sorted(files, key=str.encode):
        *above, name = path.split("/")
        here = root
        for part in above:
            inner = f"{here.path}/{part}" if here.path else part
            if inner not in known:
                known[inner] = _Folder(inner, here)
                here.names.append((part, known[inner]))
            here = known[inner]
        here.names.append((name, path))
    return root, [known[path] for path in sorted(known, key=str.encode)]


class _Fat:
    """The allocation table."""

    def __init__(self, clusters: int, layout: Layout) -> None:
        self.wide = wide = clusters > _FAT12_MOST
        size = (clusters + 2) * 2 if wide else ((clusters + 2) * 3 + 1) // 2
        self.sectors = max(_sectors(size), layout.fat)
        last = 0xFFFF if wide else 0xFFF
        self._values = [last & ~7, last] + [0] * clusters
        for first, count in layout.places.values():
            chain = [*range(first + 3, first + 2 + count), last]
            self._values[first + 2 : first + 2 + count] = chain

    def data(self) -> bytes:
        if self.wide:
            packed = struct.pack(f"<{len(self._values)}H", *self._values)
        else:
            values = [*self._values, 0]
            packed = b"".join(
                (low | high << 12).to_bytes(3, "little")
                for low, high in zip(values[::2], values[1::2])
            )
        return packed.ljust(self.sectors * SECTOR, b"\0")


def _boot_sector(fat: _Fat, root_sectors: int, clusters: int, serial: int) -> bytes:
    total = 1 + fat.sectors + root_sectors + clusters
    sector = bytearray(SECTOR)
    struct.pack_into(
        "<3s8sHBHBHHBHHHII",
        sector,
        0,
        b"\xeb\x3c\x90",
        b"MSDOS5.0",
        SECTOR,
        1,  # sectors a cluster
        1,  # reserved sectors: this one
        1,  # FATs
        root_sectors * SECTOR // _ENTRY,
        total if total < 0x10000 else 0,
        0xF8,  # a fixed disk
        fat.sectors,
        63,  # sectors a track and
        255,  # heads: nobody uses them
        0,  # hidden sectors
        total if total >= 0x10000 else 0,
    )
    kind = b"FAT16   " if fat.wide else b"FAT12   "
    struct.pack_into("<BBBI11s8s", sector, 36, 0x80, 0, 0x29, serial, b"NO NAME    ", kind)
    sector[510:] = b"\x55\xaa"
    return bytes(sector)


# Folders


def _folder_bytes(folder: _Folder, files: dict, layout: Layout) -> bytes:
    entries = []
    if folder.parent is not None:
        entries.append(_entry(b".          ", _FOLDER, folder.cluster, 0))
        entries.append(_entry(b"..         ", _FOLDER, folder.parent.cluster, 0))
    short_names = set()
    for name, inside in folder.names:
        plain = _plain_short(name)
        short = plain if plain else _alias(name, short_names)
        short_names.add(short)
        if not plain:
            entries += _long_entries(name, short)
        if isinstance(inside, _Folder):
            entries.append(_entry(short, _FOLDER, inside.cluster, 0))
        else:
            entries.append(_entry(short, _FILE, _cluster(layout, inside), len(files[inside])))
    return b"".join(entries).ljust(folder.clusters * SECTOR, b"\0")


def _entries_of(name: str) -> int:
    return 1 if _plain_short(name) else 1 + -(-_units(name) // 13)


def _units(name: str) -> int:
    return len(name.encode("utf-16-le")) // 2


def _plain_short(name: str) -> bytes:
    """The 11 bytes of a name that needs no long one; empty if it needs one."""
    stem, dot, ending = name.partition(".")
    good = _PLAIN.issuperset(stem) and _PLAIN.issuperset(ending) and (ending or not dot)
    if not good or not 0 < len(stem) <= 8 or len(ending) > 3:
        return b""
    return stem.ljust(8).encode("ascii") + ending.ljust(3).encode("ascii")


def _alias(name: str, taken: set) -> bytes:
    """A short name for a long one, unique in its folder."""
    stem, _, ending = name.rpartition(".") if "." in name.lstrip(".") else (name, "", "")
    stem = "".join(char for char in stem.upper() if char in _PLAIN)[:6] or "_"
    ending = "".join(char for char in ending.upper() if char in _PLAIN)[:3]
    for number in range(1, 1_000_000):
        tail = f"~{number}"
        short = (stem[: 8 - len(tail)] + tail).ljust(8) + ending.ljust(3)
        if short.encode("ascii") not in taken:
            return short.encode("ascii")
    raise TooLarge(f"too many names like {name} in one folder")


def _long_entries(name: str, short: bytes) -> List[bytes]:
    """The entries of a long name, as they stand before the short one: the last part first."""
    check = 0
    for byte in short:
        check = ((check >> 1) + ((check & 1) << 7) + byte) & 0xFF
    units = name.encode("utf-16-le")
    if len(units) % 26:
        units += b"\0\0"
        units += b"\xff" * (-len(units) % 26)
    count = len(units) // 26
    entries = []
    for number in range(count, 0, -1):
        part = units[(number - 1) * 26 : number * 26]
        order = number | (_LAST_LONG if number == count else 0)
        entries.append(
            struct.pack(
                "<B10sBBB12sH4s",
                order,
                part[:10],
                _LONG_NAME,
                0,
                check,
                part[10:22],
                0,
                part[22:],
            )
        )
    return entries


def _entry(name: bytes, kind: int, cluster: int, size: int) -> bytes:
    return struct.pack(
        "<11sBBBHHHHHHHI", name, kind, 0, 0, 0, _DATE, _DATE, 0, 0, _DATE, cluster, size
    )
