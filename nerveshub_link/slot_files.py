# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.slot_files`
====================================================

One slot's files on the drive: what an `ArchiveReader` hands out becomes files, each read back.
Apart from `AppSlotWriter`, which knows when a slot may be written and when it counts.
"""

import os

from .errors import UpdateError
from .fwup_meta import length_of, resources
from .slot_manifest import FOLDER, NAME, checksum

_FOLDER_BIT = 0x4000
_SPARE = 8  # clusters: for folders and the manifest


class Slot:
    """
    The slot that an update is unpacked into; the sink of an `ArchiveReader`.

    :param str path: its folder, which must exist
    :param str drive: a path on the drive, for its free space
    """

    def __init__(self, path: str, drive: str) -> None:
        self._path = path
        self._drive = drive
        self._cluster = os.statvfs(drive)[1]
        self.manifest = None
        """The `Manifest` in the making."""
        self._cleared = False
        self._folders = set()
        self._file = None
        self._name = ""
        self._length = 0
        self._code = False
        self._buffer = bytearray(512)

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
        if not self._cleared:
            self._clear()
        self._check(self._clusters(size or 0))
        folder = ""
        for part in path.split("/")[:-1]:
            folder += "/" + part
            if folder not in self._folders:
                os.mkdir(self._path + folder)
                self._folders.add(folder)
        self._name, self._length = path, 0
        self._code = self._code or path == "code.py"
        self._file = open(self._path + "/" + path, "wb")

    def file_data(self, data) -> None:
        """Write the file's next bytes."""
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
        found = sum(1 for _ in _walk(self._path))
        if found != self.manifest.count:
            raise UpdateError("%d files, %d were unpacked" % (found, self.manifest.count))
        self.manifest.write(self._path)

    def close(self) -> None:
        """Close the file that is open, if one is. Never raises."""
        file, self._file = self._file, None
        if file is not None:
            try:
                file.close()
            except OSError:
                pass

    # The drive

    def _clusters(self, length: int) -> int:
        return (length + self._cluster - 1) // self._cluster

    def _check(self, needed: int) -> None:
        """Is there room for so many clusters?"""
        free = os.statvfs(self._drive)[3]
        if not self._cleared:
            free += sum(self._clusters(os.stat(path)[6]) for path in _walk(self._path))
        if needed > free:
            words = "no room: %d KB are needed, %d KB are free"
            size = self._cluster
            raise UpdateError(words % (needed * size // 1024, free * size // 1024))

    def _clear(self) -> None:
        """Remove all that is in the slot. From its first file on it is no slot any more."""
        self._cleared = True
        try:
            os.remove(self._path + "/" + NAME)
        except OSError:
            pass  # it was none
        try:
            _remove_all(self._path)
        except (OSError, ValueError):
            # A power cut has torn a folder in it, and what that held can't be reached any more.
            _put_aside(self._path)


def _walk(folder: str):
    """All files in a folder and below, without those in ``.nh``. Torn folders are passed over."""
    folders = [folder]
    while folders:
        here = folders.pop()
        try:
            names = os.listdir(here)
        except (OSError, ValueError):
            continue
        for name in names:
            path = here + "/" + name
            try:
                is_folder = os.stat(path)[0] & _FOLDER_BIT
            except (OSError, ValueError):
                continue
            if not is_folder:
                yield path
            elif here != folder or name != FOLDER:
                folders.append(path)


def _remove_all(folder: str) -> None:
    """
    Remove what is in a folder.

    :raises OSError: if something could not be removed; all else is
    """
    folders, failure = [folder], None
    for here in folders:  # grows as it goes: a folder comes before what is in it
        try:
            names = os.listdir(here)
        except (OSError, ValueError) as error:
            names, failure = [], error
        for name in names:
            path = here + "/" + name
            try:
                if os.stat(path)[0] & _FOLDER_BIT:
                    folders.append(path)
                else:
                    os.remove(path)
            except (OSError, ValueError) as error:
                failure = error
    for here in reversed(folders[1:]):
        try:
            os.rmdir(here)
        except (OSError, ValueError) as error:
            failure = error
    if failure is not None:
        raise OSError(str(failure))


def _put_aside(folder: str) -> None:
    """Give the slot a folder that is well."""
    for number in range(100):
        try:
            os.rename(folder, "%s.torn%d" % (folder, number))
            break
        except OSError:
            pass  # that name is taken
    os.mkdir(folder)
