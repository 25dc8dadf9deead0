# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.app_folder`
================================================================================

Walks an application's folder: which of its files are meant for the board. Leaves out what editors,
desktops and earlier runs of the packer leave in folders, and what ``.nerveshubignore`` names;
refuses what has no end or lies elsewhere.
"""

import os
import re
import stat
from pathlib import Path
from typing import List, Optional, Tuple

import pathspec

from .release_paths import Unfit

IGNORE_FILE = ".nerveshubignore"
"""Names what else stays at home, by the rules of ``.gitignore``."""
MOST_FILES = 5_000
"""More is no application, but a folder that was given by mistake."""

# Nobody misses these; all other names that are left out are told.
_SILENT = re.compile(r"\..*|__pycache__|.*\.pyc|Thumbs\.db|desktop\.ini", re.IGNORECASE)
_LEFT_OUT = re.compile(
    r".*~|#.*#|.*\.(bak|orig|rej|swp|tmp|fw|fw\.part)|.*\.before-nerveshub(-\d+)?"
    r"|System Volume Information|\$RECYCLE\.BIN|FOUND\.\d+|__MACOSX",
    re.IGNORECASE,
)
_OF_A_DRIVE = "boot_out.txt"  # every copy of a drive has it, at the top


class AppFolder:
    """
    One walk through a folder.

    :param folder: the application's folder
    :param output: a file that the packer is about to write; left out if it lies in the folder
    """

    def __init__(self, folder, output=None) -> None:
        self.root = Path(folder)
        self.left_out: List[str] = []
        """Paths of what was left out and might be missed."""
        self._real_root = os.path.realpath(folder)
        self._output = None if output is None else os.path.realpath(output)
        self._ignored = self._read_rules()
        self._found: List[Tuple[str, Path]] = []

    def files(self) -> List[Tuple[str, Path]]:
        """
        Walk.

        :return: path with ``/`` between its parts, and where the file is; in the order of the paths
        :raises Unfit: naming what can't be taken
        """
        self._walk(self.root, "", (self._real_root,))
        self._found.sort(key=lambda found: found[0].encode(errors="surrogateescape"))
        return self._found

    def _read_rules(self) -> Optional[pathspec.GitIgnoreSpec]:
        path = self.root / IGNORE_FILE
        if not path.is_file():
            return None
        try:
            return pathspec.GitIgnoreSpec.from_lines(path.read_text(encoding="utf-8").splitlines())
        except (OSError, ValueError) as error:
            raise Unfit(f"{path} can't be read: {error}") from error

    def _walk(self, here: Path, above: str, reals: tuple) -> None:
        try:
            entries = sorted(os.scandir(here), key=lambda entry: entry.name)
        except OSError as error:
            raise Unfit(f"{here} can't be read: {error.strerror}") from error
        for entry in entries:
            path = above + entry.name
            if self._stays(entry, path):
                continue
            real, kind = self._looked_at(entry, path)
            if stat.S_ISDIR(kind):
                if real in reals:
                    raise Unfit(f"{self.root}: '{path}' is a link to a folder above it: no end")
                self._walk(Path(entry.path), path + "/", (*reals, real))
            elif stat.S_ISREG(kind):
                self._found.append((path, Path(entry.path)))
                if len(self._found) > MOST_FILES:
                    raise Unfit(f"{self.root} holds more than {MOST_FILES:,} files")
            else:
                raise Unfit(f"{self.root}: '{path}' is a pipe, a socket or a device, and no file")

    def _stays(self, entry: os.DirEntry, path: str) -> bool:
        """Does this stay at home?"""
        if _SILENT.fullmatch(entry.name) or path.lower() == _OF_A_DRIVE:
            return True
        if self._output is not None and os.path.realpath(entry.path) == self._output:
            return True
        if _LEFT_OUT.fullmatch(entry.name):
            self.left_out.append(path)
            return True
        folder = entry.is_dir(follow_symlinks=False)
        return self._ignored is not None and self._ignored.match_file(path + "/" * folder)

    def _looked_at(self, entry: os.DirEntry, path: str) -> tuple:
        """Where something really is, and what it is."""
        try:
            kind = entry.stat().st_mode
        except OSError as error:
            if entry.is_symlink():
                words = f"'{path}' is a link to {os.readlink(entry.path)}, which is not there"
                raise Unfit(f"{self.root}: {words}") from None
            raise Unfit(f"{self.root}: '{path}' can't be read: {error.strerror}") from error
        real = os.path.realpath(entry.path)
        inside = self._real_root.rstrip(os.sep) + os.sep
        if real != self._real_root and not real.startswith(inside):
            raise Unfit(
                f"{self.root}: '{path}' is a link that leads out of the folder, to {real}. Copy"
                f" what it names, or put it into {IGNORE_FILE}"
            )
        return real, kind
