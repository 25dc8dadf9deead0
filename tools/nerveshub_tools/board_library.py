# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.board_library`
================================================================================

`nerveshub_link` and what it needs, in a board's ``/lib``: what is to be written there, known before
anything is, and what is there. `nerveshub_tools.library_sources` finds it.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List

from .board_drive import Drive

PACKAGE = "nerveshub_link"
NEEDS = ("adafruit_connection_manager", "adafruit_ticks")
"""The same as in the library's requirements.txt."""
COMPILED_BY_CIRCUITPYTHON = b"C\x06"
"""How a .mpy begins that CircuitPython 9 to 11 take (``py/persistentcode.h``)."""
SUFFIXES = (".mpy", ".py")
NEWEST = "slots/app_slot_writer"
"""A module that older releases lack."""


@dataclass(frozen=True)
class Library:
    """
    What is to be written.

    :param dict files: path on the drive to content, in the order of writing. The package's
        ``__init__`` comes last: a library that was interrupted can't be imported, and is seen
    :param str words: where it comes from, for the user; ``""`` if there is nothing to say
    """

    files: Dict[str, bytes]
    words: str = ""

    @property
    def size(self) -> int:
        """Bytes of all files (read-only)."""
        return sum(map(len, self.files.values()))

    @property
    def is_compiled(self) -> bool:
        """Is no file of the package source? (read-only)"""
        return not any(name.endswith(".py") and name.count("/") > 1 for name in self.files)


def library(modules: Dict[str, bytes], words: str) -> Library:
    """The library of modules: path below ``lib`` to content."""
    names = sorted(modules, key=lambda name: (name.startswith(PACKAGE + "/__init__."), name))
    return Library({"lib/" + name: modules[name] for name in names}, words)


def is_hidden(path) -> bool:
    """Is a part of this path what desktops hide?"""
    return any(part[0] == "." for part in path.parts)


def installed(drive: Drive) -> List[Path]:
    """The modules of the library that are on the drive; not what desktops and Python add."""
    root = drive.file(f"lib/{PACKAGE}")
    return [
        path
        for path in drive.files(f"lib/{PACKAGE}")
        if path.suffix in SUFFIXES and not is_hidden(path.relative_to(root))
    ]


def is_same(drive: Drive, library: Library) -> bool:
    """Is exactly this library on the drive?"""
    expected = [name for name in library.files if name.startswith(f"lib/{PACKAGE}/")]
    return (
        len(installed(drive)) == len(expected)
        and not any(_twin(drive, name).exists() for name in library.files)
        and all(drive.holds(name, data) for name, data in library.files.items())
    )


def is_whole(drive: Drive) -> bool:
    """Is there a library that was written to its end?"""
    return any(_is_there(drive, f"lib/{PACKAGE}/__init__{suffix}") for suffix in SUFFIXES)


def clean(drive: Drive, library: Library) -> None:
    """Remove older copies: a stale .py hides a newer .mpy, and a module that is gone stays."""
    shutil.rmtree(drive.file(f"lib/{PACKAGE}"), ignore_errors=True)
    for name in library.files:
        _twin(drive, name).unlink(missing_ok=True)


def _twin(drive: Drive, name: str) -> Path:
    """The same module, source for compiled and the other way round."""
    return drive.file(name).with_suffix(".mpy" if name.endswith(".py") else ".py")


def faults(drive: Drive) -> List[str]:
    """What of the library a start would miss, in words."""
    words = []
    if not is_whole(drive):
        there = drive.file(f"lib/{PACKAGE}").exists()
        words.append(f"lib/{PACKAGE} is " + ("not whole" if there else "missing"))
    for name in NEEDS:
        if not any(_is_there(drive, f"lib/{name}{suffix}") for suffix in SUFFIXES):
            words.append(f"lib/{name} is missing")
    if not words and not any(
        _is_there(drive, f"lib/{PACKAGE}/{NEWEST}{suffix}") for suffix in SUFFIXES
    ):
        words.append(f"lib/{PACKAGE} is older than these tools: run board prepare again")
    for path in installed(drive):
        shown = path.relative_to(drive.path).as_posix()
        if path.suffix == ".mpy" and path.read_bytes()[:2] != COMPILED_BY_CIRCUITPYTHON:
            words.append(f"{shown} was not compiled for CircuitPython 9 to 11, or is torn")
        elif path.suffix == ".mpy" and path.with_suffix(".py").is_file():
            words.append(f"{shown} is not used: there is a .py of this name, too")
    return words


def _is_there(drive: Drive, name: str) -> bool:
    path = drive.file(name)
    return path.is_file() and path.stat().st_size > 0
