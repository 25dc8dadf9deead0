# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.application`
================================================================================

An application's folder: which of its files belong to a release, and whether a board would take
them. Shared by the packer and by ``board prepare``, so that a slot holds the same whether it came
over the air or over the desk.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import List

MAX_FILES = 400
"""What `AppSlotWriter` takes, and about what fits into a ``meta.conf``."""
MAX_PATH = 96
_ROOM = len("/slots/a/")
# They would have no effect in a slot, or would be mistaken for what stands in the root directory.
_ROOT_ONLY = ("boot.py", "safemode.py", "settings.toml")
_SKIPPED = re.compile(r"\..*|__pycache__|Thumbs\.db|desktop\.ini|.*\.pyc", re.IGNORECASE)
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f"*:<>?\\|]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


class Unfit(ValueError):
    """Raised when a folder is no application that a board would take."""


@dataclass(frozen=True)
class AppFile:
    """
    One file of a release.

    :param str path: from the slot on, with ``/``
    :param Path source: where it is here
    """

    path: str
    source: Path

    @property
    def size(self) -> int:
        """Its length in bytes (read-only)."""
        return self.source.stat().st_size


def collect(folder) -> List[AppFile]:
    """
    The files of a release, in the order of their paths. Hidden files, ``__pycache__`` and what
    desktops leave in folders are left out.

    :param folder: the application's folder
    :raises Unfit: if a board would refuse it, with the reason
    """
    root = Path(folder)
    found = []
    for here, folders, names in os.walk(root, followlinks=True):
        folders[:] = sorted(name for name in folders if not _SKIPPED.fullmatch(name))
        for name in names:
            if not _SKIPPED.fullmatch(name):
                source = Path(here) / name
                found.append(AppFile(source.relative_to(root).as_posix(), source))
    found.sort(key=lambda file: file.path)
    _check(root, [file.path for file in found])
    return found


def _check(root: Path, paths: List[str]) -> None:
    if "code.py" not in paths:
        raise Unfit(f"{root} is no application: it has no code.py")
    for name in _ROOT_ONLY:
        if name in paths:
            raise Unfit(
                f"{root / name} can't be part of an application: it belongs to the board's root"
                " directory, which no update touches"
            )
    if len(paths) > MAX_FILES:
        raise Unfit(f"{root} has {len(paths)} files, a release may have {MAX_FILES}")
    seen = {}
    for path in paths:
        if not path.isascii() or _FORBIDDEN.search(path):
            raise Unfit(f"{path}: its name has a character that the board's drive does not take")
        if any(_RESERVED.fullmatch(part) or part[-1] in ". " for part in path.split("/")):
            raise Unfit(f"{path}: this name is reserved on FAT drives")
        if len(path) > MAX_PATH - _ROOM:
            raise Unfit(f"{path}: a path may have {MAX_PATH - _ROOM} characters")
        # FAT does not tell upper case from lower case.
        parts = path.lower().split("/")
        for depth in range(1, len(parts) + 1):
            lowered, written = "/".join(parts[:depth]), "/".join(path.split("/")[:depth])
            if seen.setdefault(lowered, written) != written:
                raise Unfit(f"{path} and {seen[lowered]} differ only in upper and lower case")
