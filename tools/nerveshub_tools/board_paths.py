# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.board_paths`
================================================================================

Makes a folder the root of the file system, for one process: ``open("/data/x")``, ``os.stat``,
``os.getcwd``, ``import`` and certificates of ``ssl`` see the drive as a board's code does.

Every path is one of the drive, whether its name is there or not, and ``..`` does not lead out of
it. A drive has no links: a path through one is not found, and none can be made. (A simulation is no
sandbox: code that starts programs or opens files from C has the rights of this process.)
"""

import builtins
import errno
import importlib.machinery
import io
import os
import stat
import sys
from pathlib import Path

_ONE_PATH = """
stat lstat listdir scandir mkdir remove unlink rmdir statvfs chdir open access utime truncate chmod
chown mkfifo mknod
""".split()
_TWO_PATHS = ("rename", "replace")
_LINKS = ("link", "symlink", "readlink")


class DrivePaths:
    """
    :param Path drive: the folder that is the drive
    """

    def __init__(self, drive: Path) -> None:
        self._drive = os.path.realpath(drive)
        self._lstat = os.lstat
        self._getcwd = os.getcwd
        self._computer: tuple = ()  # where this computer's own modules come from

    def install(self) -> None:
        """Put it in place. There is no way back: the process is the board's."""
        _Loader.paths = self
        self._computer = tuple(os.path.abspath(path) for path in sys.path if path)
        for name in _ONE_PATH:
            if hasattr(os, name):
                setattr(os, name, self._translated(getattr(os, name), 1))
        for name in _TWO_PATHS:
            setattr(os, name, self._translated(getattr(os, name), 2))
        for name in _LINKS:
            setattr(os, name, _no_links)
        os.getcwd = self._seen_folder
        # By its other name, too: that is what pathlib calls.
        builtins.open = io.open = self._translated(builtins.open, 1)
        self._install_ssl()
        sys.path_hooks.insert(0, self._finder)
        sys.path_importer_cache.clear()

    def _install_ssl(self) -> None:
        import ssl  # noqa: PLC0415 a board without it would not need this

        load, verify = ssl.SSLContext.load_cert_chain, ssl.SSLContext.load_verify_locations

        def load_cert_chain(context, certfile, keyfile=None, password=None):
            key = None if keyfile is None else self.real(keyfile)
            load(context, self.real(certfile), key, password)

        def load_verify_locations(context, cafile=None, capath=None, cadata=None):
            paths = [None if path is None else self.real(path) for path in (cafile, capath)]
            verify(context, *paths, cadata)

        ssl.SSLContext.load_cert_chain = load_cert_chain
        ssl.SSLContext.load_verify_locations = load_verify_locations

    def real(self, path):
        """
        Where a path of the board is on this computer; a number, which is an open file, stays.

        :raises FileNotFoundError: if it leads through a link
        """
        if isinstance(path, int):
            return path
        real = self._place(os.fsdecode(path))
        if self._has_link(real):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return real

    def _place(self, path: str) -> str:
        if not self._is_real(path):
            path = self._drive + os.path.normpath(os.path.join("/", self._seen_folder(), path))
        # A path that begins with the drive is that of a module (__file__), and is taken as it is.
        inner = os.path.normpath("/" + path[len(self._drive) :].lstrip("/"))
        return self._drive + (inner if inner != "/" else "")

    def _has_link(self, real: str) -> bool:
        at = self._drive
        for name in real[len(self._drive) :].split("/"):
            at = f"{at}/{name}" if name else at
            try:
                if stat.S_ISLNK(self._lstat(at).st_mode):
                    return at != self._drive
            except (OSError, ValueError):
                return False  # what is not there, the operating system will tell
        return False

    def _is_real(self, path: str) -> bool:
        return path == self._drive or path.startswith(self._drive + "/")

    def _seen_folder(self) -> str:
        here = self._getcwd()
        return (here[len(self._drive) :] or "/") if self._is_real(here) else "/"

    def _translated(self, function, paths: int):
        def translated(*given, **named):
            real = [self.real(path) for path in given[:paths]]
            for name in ("path", "file", "src", "dst"):
                if name in named:
                    named[name] = self.real(named[name])
            try:
                return function(*real, *given[paths:], **named)
            except OSError as error:
                # As the board's code calls it, without this computer's folders.
                if given and error.filename is not None:
                    error.filename = given[0]
                    if error.filename2 is not None:
                        error.filename2 = given[1]
                raise

        return translated

    def _finder(self, path: str):
        if not self._is_real(path) and path.startswith(self._computer):
            raise ImportError("a folder of this computer")
        real = self._place(path)
        if self._has_link(real):
            return _EmptyFolder
        loader = (_Loader, importlib.machinery.SOURCE_SUFFIXES)
        return importlib.machinery.FileFinder(real, loader)


class _EmptyFolder:
    """What imports find behind a link."""

    @staticmethod
    def find_spec(name, target=None):
        """Nothing."""


class _Loader(importlib.machinery.SourceFileLoader):
    """Reads no file that a link leads to."""

    paths: DrivePaths

    def get_data(self, path):
        try:
            real = self.paths.real(path)
        except FileNotFoundError:
            if path == self.path:
                raise ImportError(f"{path} is a link") from None
            raise
        return super().get_data(real)


def _no_links(*_paths, **_named):
    raise PermissionError(errno.EPERM, "a drive has no links")
