# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.board_paths`
================================================================================

Makes a folder the root of the file system, for one process: ``open("/data/x")``, ``os.stat``,
``os.getcwd`` and ``import`` see the drive as a board's code does. Only names that stand in the
drive's root are looked up there; every other absolute path is this computer's.
"""

import builtins
import importlib.machinery
import os
import sys
from pathlib import Path

_OF_OS = "stat listdir mkdir remove rmdir statvfs chdir".split()


class DrivePaths:
    """
    :param Path drive: the folder that is the drive
    """

    def __init__(self, drive: Path) -> None:
        self._drive = os.path.realpath(drive)
        self._exists = os.path.lexists
        self._getcwd = os.getcwd

    def install(self) -> None:
        """Put it in place. There is no way back: the process is the board's."""
        # Bound now: os.path looks os.stat up when it is called.
        stat = os.stat

        def exists(path: str) -> bool:
            try:
                stat(path)
            except (OSError, ValueError):
                return False
            return True

        self._exists = exists
        for name in _OF_OS:
            if hasattr(os, name):
                setattr(os, name, self._wrapped(getattr(os, name)))
        rename, real_open = os.rename, builtins.open
        os.rename = lambda old, new: rename(self.real(old), self.real(new))
        os.getcwd = self._seen_folder
        builtins.open = lambda file, *rest, **more: real_open(self.real(file), *rest, **more)
        sys.path_hooks.insert(0, self._finder)
        sys.path_importer_cache.clear()

    def real(self, path):
        """Where a path of the board is on this computer."""
        if not isinstance(path, str) or not path.startswith("/") or self._is_real(path):
            return path
        if path == "/":
            return self._drive
        first = path.split("/", 2)[1]
        return self._drive + path if self._exists(f"{self._drive}/{first}") else path

    def _is_real(self, path: str) -> bool:
        return path == self._drive or path.startswith(self._drive + "/")

    def _seen_folder(self) -> str:
        here = self._getcwd()
        return (here[len(self._drive) :] or "/") if self._is_real(here) else here

    def _wrapped(self, function):
        def translated(path=".", *rest, **more):
            return function(self.real(path), *rest, **more)

        return translated

    def _finder(self, path: str):
        real = self.real(path)
        if not self._is_real(real):
            raise ImportError("not on the drive")
        loaders = (importlib.machinery.SourceFileLoader, importlib.machinery.SOURCE_SUFFIXES)
        return importlib.machinery.FileFinder(real, loaders)
