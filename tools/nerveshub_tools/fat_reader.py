# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.fat_reader`
================================================================================

Reads the files out of an image that `nerveshub_tools.fat_image` made, or that lies in a board's
slot: any FAT12 or FAT16 file system without a partition table. What comes from a board may be
damaged, so every number in it is checked, and a name that could lead out of a folder is refused.
"""

import struct
from typing import Dict, Iterator, List, Tuple

_ENTRY = 32
_FAT12_MOST = 4084
_FAT16_MOST = 65524
_LONG_NAME, _FOLDER, _LABEL = 0x0F, 0x10, 0x08
_LAST_LONG = 0x40
_DELETED = 0xE5
_DEEPEST = 100  # folders within each other


class BadImage(ValueError):
    """Raised when bytes are no image that can be read; the text says why."""


def read(data: bytes) -> Dict[str, bytes]:
    """
    Read all files of an image.

    :param bytes data: the image; what follows it is not looked at
    :return: path, with ``/`` between its parts -> content; folders without a file do not appear
    :raises BadImage: if it can't be read, or two files have the same path
    """
    image = _Image(data)
    files: Dict[str, bytes] = {}
    image.collect("", image.root(), files)
    return files


def places(data: bytes) -> Dict[str, int]:
    """
    Where the files of an image begin.

    :param bytes data: an image that `read` can read
    :return: path -> position in bytes; files without content do not appear
    """
    image = _collected(data)
    return {
        path: image.position(clusters[0])
        for path, clusters in image.chains.items()
        if not path.endswith("/")
    }


def chains(data: bytes, sector: int) -> Tuple[Dict[str, Tuple[int, int]], int, int]:
    """
    The clusters of an image that has one FAT, and clusters of one sector.

    :param int sector: bytes of a sector
    :return: path, of a folder with a slash at its end -> first cluster, counted from 0, and how
        many; sectors of the FAT; sectors of the root folder
    :raises BadImage: if it is another kind of image, or a file does not lie in one piece
    """
    image = _collected(data)
    found = {}
    for path, clusters in image.chains.items():
        found[path] = (clusters[0] - 2, len(clusters))
        if clusters[-1] - clusters[0] != len(clusters) - 1:
            raise BadImage(f"{path} does not lie in one piece")
    fat, root = image.layout(sector)
    return found, fat, root


def _collected(data: bytes) -> "_Image":
    image = _Image(data)
    image.collect("", image.root(), {})
    return image


class _Image:
    def __init__(self, data: bytes) -> None:
        if len(data) < 512 or data[510:512] != b"\x55\xaa":
            raise BadImage("this is no FAT image: it has no boot sector")
        (self._sector, per_cluster, reserved, fats, self._entries, total, fat) = struct.unpack_from(
            "<HBHBHH1xH", data, 11
        )
        total = total or struct.unpack_from("<I", data, 32)[0]
        if self._sector not in {512, 1024, 2048, 4096} or not per_cluster or not fats or not fat:
            raise BadImage("this is no FAT12 or FAT16 image")
        self._root_at = (reserved + fats * fat) * self._sector
        self._data_at = self._root_at + self._entries * _ENTRY
        self._cluster = per_cluster * self._sector
        if total * self._sector > len(data):
            said = total * self._sector
            raise BadImage(f"the image says that it has {said:,} bytes, there are {len(data):,}")
        self._clusters = (total * self._sector - self._data_at) // self._cluster
        if not 0 < self._clusters <= _FAT16_MOST:
            raise BadImage("this is no FAT12 or FAT16 image")
        self._data = data
        self._fat = data[reserved * self._sector : (reserved + fat) * self._sector]
        self._wide = self._clusters > _FAT12_MOST
        self._taken: set = set()
        self.chains: Dict[str, List[int]] = {}
        """The clusters of files, and of folders with a slash behind their path."""

    def root(self) -> bytes:
        return self._data[self._root_at : self._data_at]

    def collect(self, above: str, folder: bytes, files: Dict[str, bytes]) -> None:
        for name, is_folder, cluster, size in _entries(folder):
            path = f"{above}/{name}" if above else name
            if path.count("/") > _DEEPEST:
                raise BadImage("the image has more folders within each other than any application")
            if path in files:
                raise BadImage(f"two files are called {path}")
            if is_folder:
                self.collect(path, b"".join(self._chain(cluster, path + "/")), files)
                continue
            content = b"".join(self._chain(cluster, path)) if cluster else b""
            if len(content) < size:
                raise BadImage(f"{path} ends after {len(content):,} of {size:,} bytes")
            files[path] = content[:size]

    def position(self, cluster: int) -> int:
        return self._data_at + (cluster - 2) * self._cluster

    def layout(self, sector: int) -> Tuple[int, int]:
        own = (len(self._fat) + self._entries * _ENTRY) // sector
        if self._sector != sector or self._cluster != sector or self._data_at // sector != 1 + own:
            raise BadImage("the image has other clusters, or more than one FAT")
        return len(self._fat) // sector, self._entries * _ENTRY // sector

    def _chain(self, cluster: int, path: str) -> List[bytes]:
        """The clusters of a file or a folder. None belongs to two, so this ends in any case."""
        found: List[bytes] = []
        end = 0xFFF8 if self._wide else 0xFF8
        while cluster < end:
            if not 2 <= cluster < self._clusters + 2 or cluster in self._taken:
                raise BadImage(f"the clusters of {path} are damaged")
            self._taken.add(cluster)
            self.chains.setdefault(path, []).append(cluster)
            at = self.position(cluster)
            found.append(self._data[at : at + self._cluster])
            cluster = self._next(cluster)
        return found

    def _next(self, cluster: int) -> int:
        try:
            if self._wide:
                return struct.unpack_from("<H", self._fat, cluster * 2)[0]
            pair = struct.unpack_from("<H", self._fat, cluster * 3 // 2)[0]
        except struct.error:
            raise BadImage("the allocation table is too short") from None
        return pair >> 4 if cluster & 1 else pair & 0xFFF


def _entries(folder: bytes) -> Iterator[tuple]:
    """Name, whether it is a folder, first cluster and size of all that a folder holds."""
    parts: List[bytes] = []  # of a long name, its last part first
    for at in range(0, len(folder) - _ENTRY + 1, _ENTRY):
        entry = folder[at : at + _ENTRY]
        if not entry[0]:
            return
        if entry[0] == _DELETED:
            parts = []
        elif entry[11] == _LONG_NAME:
            if entry[0] & _LAST_LONG:
                parts = []
            parts.append(entry[1:11] + entry[14:26] + entry[28:32])
        else:
            name = _name(parts, entry)
            parts = []
            if not entry[11] & _LABEL and name not in {".", ".."}:
                cluster, size = struct.unpack_from("<HI", entry, 26)
                yield name, bool(entry[11] & _FOLDER), cluster, size


def _name(parts: List[bytes], entry: bytes) -> str:
    if parts:
        try:
            name = b"".join(reversed(parts)).decode("utf-16-le").partition("\0")[0]
        except UnicodeDecodeError:
            raise BadImage("a name in the image is damaged") from None
        if name in {".", ".."}:
            raise BadImage(f"a file in the image is called {name}")
    else:
        lower = entry[12]  # Windows marks short names in lower case here, and so does FatFs
        stem, ending = (part.decode("cp437").rstrip() for part in (entry[:8], entry[8:11]))
        stem = stem.lower() if lower & 0x08 else stem
        ending = ending.lower() if lower & 0x10 else ending
        name = f"{stem}.{ending}" if ending else stem
    if not name or any(char in '/\\:*?"<>|' or char < " " for char in name):
        raise BadImage("a name in the image is not allowed in FAT")
    return name
