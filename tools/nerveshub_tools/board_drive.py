# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.board_drive`
================================================================================

A mounted CIRCUITPY, seen from the computer: which board it is, how much room it has, and writing to
it in an order that stays.
"""

import errno
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Dict, Iterator, Optional

from .metadata import CHIPS

BOOT_OUT = "boot_out.txt"
OLDEST = (10, 1)
"""The first CircuitPython whose hashlib knows SHA-256."""
ERASE_FIRST = (
    "Erase it first, at the board's serial prompt: import storage; storage.erase_filesystem()"
)
_SECTOR = 512
_ENTRY = 32  # bytes of a name in a folder
_VERSION = re.compile(r"CircuitPython (\d+)\.(\d+)\.(\S+) on .* with (\S+)")
_BOARD_ID = re.compile(r"^Board ID:\s*(\S+)", re.M)
_ARCHITECTURES = {**dict(CHIPS.values()), "esp32c61": "riscv"}
# The family of an Espressif chip; what follows is its package: ESP32-S3FN8, ESP32-D0WD-V3.
_FAMILY = re.compile(r"esp32(?:-?[chps]\d+)?")
_TRIED = {"esp32s2", "esp32s3"}
# What CircuitPython and desktops put on every drive.
_OF_EVERY_DRIVE = {"boot_out.txt", "code.py", "settings.toml", "sd", "system volume information"}


class BoardError(Exception):
    """Raised when a drive can't be used. Says what to do about it."""


@dataclass
class BoardInfo:
    """
    What ``boot_out.txt`` tells.

    :param str board_id: as ``board.board_id``
    :param str version: of CircuitPython
    :param str chip: such as ``ESP32S3``
    """

    board_id: str
    version: str
    chip: str

    @property
    def family(self) -> Optional[str]:
        """The chip without its package, such as ``esp32s3``; None if it is not Espressif's."""
        found = _FAMILY.match(self.chip.lower())
        return found[0].replace("-", "") if found else None

    @property
    def architecture(self) -> Optional[str]:
        """What NervesHub calls the chip's architecture; None if that is unknown (read-only)."""
        return _ARCHITECTURES.get(self.family or "")

    @property
    def untried(self) -> Optional[str]:
        """The words for a chip that nobody has tried this on; None for the others (read-only)."""
        if self.family in _TRIED:
            return None
        return (
            f"untried: nerveshub_link is made for ESP32-S2 and ESP32-S3, and this is {self.chip}."
            " Try updates, and a release that crashes, while you can still reach the board"
        )

    def unsupported(self) -> Optional[str]:
        """The words for a chip that this can't work on; None for the others."""
        if self.family is not None:
            return None
        return (
            f"{self.chip} is not supported: nerveshub_link is made for CircuitPython on ESP32-S2"
            " and ESP32-S3"
        )


class Drive:
    """
    A drive.

    :param path: where it is mounted
    :raises BoardError: if it is no CIRCUITPY
    """

    def __init__(self, path) -> None:
        self.path = Path(path)
        if not (self.path / BOOT_OUT).is_file():
            raise BoardError(
                f"{self.path} has no {BOOT_OUT}: give the folder where CIRCUITPY is mounted, such"
                " as /media/you/CIRCUITPY, /Volumes/CIRCUITPY or D:\\. If it is the right one,"
                " press the board's reset button: CircuitPython writes the file when it starts"
            )

    def info(self) -> BoardInfo:
        """
        Which board, and which CircuitPython.

        :raises BoardError: if that can't be read
        """
        text = (self.path / BOOT_OUT).read_text(encoding="utf-8", errors="replace")
        version, board = _VERSION.search(text), _BOARD_ID.search(text)
        if not version or not board:
            raise BoardError(
                f"{BOOT_OUT} does not tell the board and the version of CircuitPython: is this"
                " CircuitPython? Press reset, so that it is written anew"
            )
        return BoardInfo(board[1], ".".join(version.group(1, 2, 3)), version[4])

    def check(self) -> BoardInfo:
        """
        Can this board run the library, and may we write to it?

        :raises BoardError: if not
        """
        info = self.info()
        if info.unsupported():
            raise BoardError(info.unsupported())
        if tuple(int(part) for part in info.version.split(".")[:2]) < OLDEST:
            raise BoardError(
                f"this board runs CircuitPython {info.version}, and nerveshub_link needs 10.1 or"
                " newer. Get it at https://circuitpython.org/downloads, install it, and come back"
            )
        if not os.access(self.path, os.W_OK):
            raise BoardError(self.read_only())
        return info

    def read_only(self) -> str:
        """The words for a drive that the computer may not write to."""
        return (
            f"{self.path} is read-only. A prepared board keeps the drive for its own code: at its"
            " serial prompt, put the line NERVESHUB_DEVELOP = 1 at the beginning of /settings.toml"
            " and press reset, or start the board in safe mode. If the drive is damaged, let the"
            " computer repair it"
        )

    # Room

    def cluster(self) -> int:
        """Bytes of the smallest piece that a file can take."""
        return os.statvfs(self.path).f_frsize if hasattr(os, "statvfs") else _SECTOR

    def free(self) -> int:
        """Bytes that are free."""
        if hasattr(os, "statvfs"):
            found = os.statvfs(self.path)
            return found.f_bavail * found.f_frsize
        return shutil.disk_usage(self.path).free

    def taken(self, size: int) -> int:
        """Bytes that a file of this size takes."""
        cluster = self.cluster()
        return (size + cluster - 1) // cluster * cluster

    def room(self, sizes: Dict[str, int]) -> int:
        """
        Bytes that new files take at most, with the folders that they are in.

        :param dict sizes: path to bytes
        """
        folders: Dict[str, set] = {}
        for name in sizes:
            path = PurePosixPath(name)
            for inner, outer in zip((path, *path.parents), path.parents):
                folders.setdefault(str(outer), set()).add(inner.name)
        folders.pop(".", None)
        return sum(map(self.taken, sizes.values())) + sum(map(self._folder, folders.values()))

    def _folder(self, names) -> int:
        """Bytes of a folder at most: a long name has an entry for each 13 letters."""
        return self.taken((2 + sum(2 + len(name) // 13 for name in names)) * _ENTRY)

    def size(self) -> int:
        """Bytes of all of it."""
        if hasattr(os, "statvfs"):
            found = os.statvfs(self.path)
            return found.f_blocks * found.f_frsize
        return shutil.disk_usage(self.path).total

    def is_mounted(self) -> bool:
        """Is it a drive of its own, and no folder?"""
        return os.path.ismount(self.path)

    def check_tables(self) -> None:
        """
        Does each cluster that is in use belong to a file or a folder? After a power cut or a bad
        eject some may not; then new files would not lie in one piece.

        :raises BoardError: if the sums differ
        """
        if not self.is_mounted() or not hasattr(os, "statvfs"):
            return
        used = self.size() - self.free()
        try:
            least, most = self._accounted()
        except OSError:
            return  # desktops have folders that nobody may read: no sum is possible
        if least <= used <= most:
            return
        if used > most:
            words = f"{kilobytes(used - most)} of the drive are in use and belong to no file"
        else:
            words = f"the drive's files have {kilobytes(least - used)} more than are in use"
        raise BoardError(
            f"{words}: a power cut, or being unplugged, has damaged its tables. {ERASE_FIRST}"
        )

    def _accounted(self) -> tuple:
        """Bytes that files and folders take: at least, and at most."""
        cluster = self.cluster()
        least, most = 0, cluster  # the root folder of a FAT16 has none; of a FAT32 it has

        def failed(error: OSError) -> None:
            raise error

        for here, folders, names in os.walk(self.path, onerror=failed):
            size = sum(self.taken(os.lstat(os.path.join(here, name)).st_size) for name in names)
            least, most = least + size, most + size
            if os.path.samefile(here, self.path):
                continue
            entries = folders + names
            short = self.taken((2 + len(entries)) * _ENTRY)
            # What was removed may leave its own entries.
            least, most = least + short, most + self._folder(entries) + cluster
        return least, most

    def is_used(self) -> bool:
        """Does it hold more than CircuitPython puts on an empty drive?"""
        for path in self.path.iterdir():
            if path.name.startswith(".") or path.name.lower() in _OF_EVERY_DRIVE:
                continue
            if path.is_file() or any(path.iterdir()):
                return True
        return False

    # Files

    def file(self, name: str) -> Path:
        """Where a file of this path is."""
        return self.path / name

    def files(self, folder: str) -> Iterator[Path]:
        """All files in a folder of the drive and below."""
        for path in sorted(self.file(folder).rglob("*")):
            if path.is_file():
                yield path

    def holds(self, name: str, data: bytes) -> bool:
        """Is this file there, with exactly these bytes?"""
        path = self.file(name)
        return path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data

    def write(self, name: str, data: bytes) -> None:
        """
        Write a file, and wait until the drive has it, so that the next one comes behind it.

        :raises BoardError: if the drive does not take it
        """
        path = self.file(name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(path, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise self.failure(error, name, len(data)) from error

    def overwrite(self, name: str, data: bytes) -> None:
        """
        Write over a file that is there. Its content is not lost before, and it stays where it lies,
        but for what it has more.

        :raises BoardError: if the drive does not take it
        """
        try:
            with open(self.file(name), "r+b") as file:
                file.write(data)
                file.truncate()
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise self.failure(error, name, len(data)) from error

    def failure(self, error: OSError, name: str, size: int) -> BoardError:
        """What an error of the operating system means here."""
        if error.errno == errno.ENOSPC:
            return BoardError(
                f"the drive is full: {name} needs {kilobytes(size)}, {kilobytes(self.free())} are"
                " free. Remove what the board does not need, and run this again"
            )
        if error.errno == errno.EROFS:
            return BoardError(self.read_only())
        return BoardError(f"{name} can't be written: {error.strerror or error}")


def in_words(error: Exception) -> str:
    """What a person is told: of the system's error the file, and what may have happened."""
    if not isinstance(error, OSError):
        return str(error)
    name = f"{error.filename}: " if error.filename else ""
    return f"{name}{error.strerror or error}. Was the board unplugged?"


def kilobytes(size: int) -> str:
    """Bytes in words."""
    return f"{(size + 1023) // 1024:,} KB"
