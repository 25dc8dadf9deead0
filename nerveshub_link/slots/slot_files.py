# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.slots.slot_files`
====================================================

One slot's files on the drive: what an `FwReader` hands out becomes files, each read back.
Apart from `AppSlotWriter`, which knows when a slot may be written and when it counts.

The idle slot holds the release before last, and most files are the same in the next one. So it is
not emptied: a file is compared with what is there, sector by sector, and written where it differs.
What the new release does not have is removed at the end, or when room is short. That saves most of
the flash's erases, and most of those that hit the block with boot record and FAT: rewriting a file
in place changes no chain of clusters.
"""

import os
from binascii import crc32

from ..errors import UpdateError
from ..release.fwup_meta import length_of, resources
from .slot_manifest import FOLDER, checksum, invalidate

_FOLDER_BIT = 0x4000
_SPARE = 8  # clusters: for folders and the manifest
_SECTOR = 512
_PAD = 7 * 512  # and wherever a block of 4 KB ends, it ends within that or at its ends
_OURS = FOLDER + "/"


class Slot:
    """
    The slot that an update is unpacked into; the sink of an `FwReader`.

    :param str path: its folder, which must exist
    :param str drive: a path on the drive, for its free space
    """

    def __init__(self, path: str, drive: str) -> None:
        self._path = path
        self._drive = drive
        self._cluster = os.statvfs(drive)[1]
        self.manifest = None
        """The `Manifest` in the making."""
        self._begun = False
        self._folders = set()
        self._kept = set()  # sums of the new release's paths, for they take less memory
        self._file = None
        self._name = ""
        self._length = 0
        self._old = 0  # bytes of the open file that were there before
        self._code = False
        self._buffer = memoryview(bytearray(_SECTOR))

    # What the archive says

    def archive_meta(self, conf) -> None:
        """A ``.fw`` lists its files first: is there room for them all?"""
        needed = _SPARE
        for _, values in resources(conf):
            needed += self._clusters(length_of(values))
        self._check(needed)

    def file_begin(self, path: str, size) -> None:
        """
        Open the next file.

        :param str path: from the slot on; checked already
        :param int size: length in bytes, or None
        """
        if not self._begun:
            self._begin()
        self._name, self._length = path, 0
        self._code = self._code or path == "code.py"
        self._kept.add(_sum(path))
        there = self._length_of(self._path + "/" + path)
        # Before its folders are made: making room removes those that are empty.
        self._make_room(self._clusters(size or 0) - self._clusters(there))
        folder = ""
        for part in path.split("/")[:-1]:
            folder += "/" + part
            if folder not in self._folders:
                self._make_folder(self._path + folder)
                self._folders.add(folder)
        path = self._path + "/" + path
        # A file can't be shortened but by emptying it.
        in_place = size is not None and 0 < there <= size
        self._file = open(path, "r+b" if in_place else "wb")
        self._old = there if in_place else 0

    def file_data(self, data) -> None:
        """Write the file's next bytes, as far as they are not there already."""
        if self._length >= self._old:
            self._write(data)
            return
        for at in range(0, len(data), _SECTOR):
            piece = data[at : at + _SECTOR]
            size = len(piece)
            there = self._buffer[:size]
            if self._file.readinto(there) == size and there == piece:
                self._length += size
            else:
                self._file.seek(self._length)
                self._write(piece)

    def _write(self, data) -> None:
        if self._file.write(data) != len(data):
            raise OSError(28, "no space left")
        self._length += len(data)

    def file_end(self, crc: int) -> None:
        """
        Close the file, and read it back.

        :param int crc: CRC-32 that it must have
        """
        file, self._file = self._file, None
        file.close()
        if checksum(self._path + "/" + self._name, self._buffer) != (self._length, crc):
            raise UpdateError(self._name + " can't be read back: is the flash worn out?")
        self.manifest.add(self._name, self._length, crc)

    # From the writer

    def check_room(self, size) -> None:
        """
        Refuse what can't fit, before anything is removed.

        :param int size: of the archive
        :raises UpdateError: with both numbers
        """
        # Of a plain zip nobody knows yet how much it holds; hardly less than half of its length.
        self._check(self._clusters(size or 0) // 2)

    def finish(self) -> None:
        """
        Everything is unpacked: is it an application, and nothing else? Then write the manifest.

        :raises UpdateError: if not
        """
        if not self._code:
            raise UpdateError("the archive has no code.py")
        self._remove_others()
        found = sum(1 for _ in self._files())
        if found != self.manifest.count:
            raise UpdateError("%d files, %d were unpacked" % (found, self.manifest.count))
        self.manifest.write(self._path)
        keep_apart(self._path)

    def close(self) -> None:
        """Close the file that is open, if one is. Never raises."""
        file, self._file = self._file, None
        if file is not None:
            try:
                file.close()
            except OSError:
                pass

    def discard(self) -> None:
        """
        What was unpacked must not run, though its manifest may be whole. Before the first file this
        does nothing: the release before is still there.

        :raises OSError: if the drive did not take it
        """
        if self._begun:
            invalidate(self._path)

    # The drive

    def _clusters(self, length: int) -> int:
        return (length + self._cluster - 1) // self._cluster

    def _check(self, needed: int) -> None:
        """Is there room for so many clusters, if all that may go goes?"""
        free = os.statvfs(self._drive)[3]
        if needed > free:
            try:
                for path, length in self._files():
                    if _sum(path) not in self._kept:
                        free += self._clusters(length)
            except (OSError, ValueError):
                pass  # a torn folder
        if needed > free:
            words = "no room: %d KB are needed, %d KB are free"
            size = self._cluster
            raise UpdateError(words % (needed * size // 1024, free * size // 1024))

    def _make_room(self, needed: int) -> None:
        if needed > os.statvfs(self._drive)[3]:
            self._remove_others()
            self._check(needed)

    def _begin(self) -> None:
        """From its first file on it is no slot any more."""
        self._begun = True
        invalidate(self._path)
        drive = os.statvfs(self._drive)
        try:
            if max([length for _, length in _walk(self._path)] or [0]) > drive[1] * drive[2]:
                raise OSError("a torn length")
        except (OSError, ValueError):
            # A power cut has torn a folder in it, and what that held can't be reached any more.
            _remove_all(self._path)
            _put_aside(self._path)

    def _files(self):
        """Paths and lengths of all files in the slot, without those in ``.nh``."""
        start = len(self._path) + 1
        for path, length in _walk(self._path):
            if length >= 0 and path[start : start + len(_OURS)] != _OURS:
                yield path[start:], length

    def _remove_others(self) -> None:
        """Remove what the new release does not have, as far as it is known. Empty folders, too."""
        for path, _ in self._files():
            if _sum(path) not in self._kept:
                os.remove(self._path + "/" + path)
        folders = [path for path, length in _walk(self._path) if length < 0]
        for folder in reversed(folders):
            try:
                os.rmdir(folder)
                self._folders.discard(folder[len(self._path) :])
            except OSError:
                pass  # something is in it

    def _make_folder(self, folder: str) -> None:
        try:
            os.mkdir(folder)
            return
        except OSError:
            if os.stat(folder)[0] & _FOLDER_BIT:
                return
        os.remove(folder)  # the release before had a file of that name
        os.mkdir(folder)

    @staticmethod
    def _length_of(path: str) -> int:
        """Bytes of a file; 0 if there is none."""
        try:
            stat = os.stat(path)
        except OSError:
            return 0
        if not stat[0] & _FOLDER_BIT:
            return stat[6]
        _remove_all(path)  # the release before had a folder of that name
        os.rmdir(path)
        return 0


def keep_apart(slot: str) -> None:
    """
    Give a slot, once, some clusters that nobody writes, behind its files. Else a write to the other
    slot's first file erases the end of this one's last with it.

    :param str slot: its folder
    """
    path = slot + "/" + FOLDER + "/pad"
    try:
        os.stat(path)
    except OSError:
        try:
            with open(path, "wb") as file:
                file.seek(_PAD)  # takes clusters without writing into them
        except OSError:
            pass  # no room: so be it


def _sum(path: str) -> int:
    """FAT does not tell upper from lower case."""
    return crc32(path.lower().encode()) & 0x3FFFFFFF


def _walk(folder: str):
    """
    Paths and lengths of all that is in a folder, -1 for a folder; that comes before what is in it.

    :raises OSError: if something is torn; ValueError as well
    """
    folders = [folder]
    for here in folders:  # grows as it goes
        for name in os.listdir(here):
            path = here + "/" + name
            stat = os.stat(path)
            if stat[0] & _FOLDER_BIT:
                folders.append(path)
                yield path, -1
            else:
                yield path, stat[6]


def _remove_all(folder: str) -> None:
    """Remove what is in a folder, as far as that can be."""
    folders = [folder]
    for here in folders:
        try:
            names = os.listdir(here)
        except (OSError, ValueError):
            continue
        for name in names:
            path = here + "/" + name
            try:
                if os.stat(path)[0] & _FOLDER_BIT:
                    folders.append(path)
                else:
                    os.remove(path)
            except (OSError, ValueError):
                pass
    for here in reversed(folders[1:]):
        try:
            os.rmdir(here)
        except (OSError, ValueError):
            pass


def _put_aside(folder: str) -> None:
    """Give the slot a folder that is well."""
    for number in range(100):
        try:
            os.rename(folder, "%s.torn%d" % (folder, number))
            break
        except OSError:
            pass  # that name is taken
    os.mkdir(folder)
