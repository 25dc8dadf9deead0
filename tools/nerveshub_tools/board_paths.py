# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.board_paths`
================================================================================

Makes a folder the root of the file system, for one process: ``open("/data/x")``, ``os.stat``,
``os.getcwd``, ``import`` and certificates of ``ssl`` see the drive as a board's code does. An image
that is mounted is a folder of its own, which nothing can be written to.

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
from typing import Callable, Dict, Iterator

from .board_images import read_only, unpack

_ONE_PATH = """
stat lstat listdir scandir mkdir remove unlink rmdir statvfs chdir open access utime truncate chmod
chown mkfifo mknod
""".split()
_TWO_PATHS = ("rename", "replace")
_LOOKS = frozenset("stat lstat listdir scandir statvfs chdir access".split())
_LINKS = ("link", "symlink", "readlink")


class DrivePaths:
    """
    :param Path drive: the folder that is the drive
    :param images: the folder that takes what is in mounted images; None if none is mounted
    :param read_only: function that tells whether the drive can't be written now
    """

    def __init__(
        self, drive: Path, images=None, read_only: Callable[[], bool] = lambda: False
    ) -> None:
        self._drive = os.path.realpath(drive)
        self._images = os.path.realpath(images or "/nowhere")
        self._read_only = read_only
        self._mounts: Dict[str, str] = {}  # path on the board -> folder of this computer
        self._mounting = False  # then the paths are those of this computer
        # Files that are open for writing, with their paths. Kept even if the code has lost them: a
        # board's collector comes late.
        self._written: list = []
        self._lstat = os.lstat
        self._getcwd = os.getcwd
        self._computer: tuple = ()  # where this computer's own modules come from

    def install(self) -> None:
        """Install it, for the rest of this process."""
        _Loader.paths = self
        self._computer = tuple(os.path.abspath(path) for path in sys.path if path)
        for name in _ONE_PATH:
            if hasattr(os, name):
                writes = _opens if name == "open" else lambda _, looks=name in _LOOKS: not looks
                setattr(os, name, self._translated(getattr(os, name), 1, writes))
        for name in _TWO_PATHS:
            setattr(os, name, self._translated(getattr(os, name), 2, lambda _: True))
        for name in _LINKS:
            setattr(os, name, _no_links)
        os.getcwd = self._seen_folder
        # By its other name, too: that is what pathlib calls.
        builtins.open = io.open = self._noted(self._translated(builtins.open, 1, _opens))
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
        if isinstance(path, int) or self._mounting:
            return path
        real = self._place(os.fsdecode(path))
        if self._has_link(real):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return real

    # Images

    def mount(self, path: str, image: bytes) -> None:
        """
        Show an image's files at a path.

        :raises OSError: if it can't be read
        """
        folder = self._images + path
        self._mounting = True
        try:
            unpack(image, folder)
        finally:
            self._mounting = False
        self._mounts[path] = folder
        sys.path_importer_cache.clear()

    def umount(self, path: str) -> None:
        """Show what the drive has there again."""
        del self._mounts[path]

    def shown(self, text: str) -> str:
        """A text, such as a traceback, with the board's paths instead of this computer's."""
        for path, folder in self._mounts.items():
            text = text.replace(folder, path)
        return text.replace(self._drive, "")

    def close_all(self) -> Iterator[str]:
        """
        Close the files that are open for writing, as the end of a VM does. That writes the folder
        of each: yields the files' paths.
        """
        for file, path in self._written:
            if not file.closed:
                file.close()
                yield path

    # Where a path leads

    def _place(self, path: str) -> str:
        inner = self._inner(path)
        for mounted, folder in self._mounts.items():
            if inner == mounted or inner.startswith(mounted + "/"):
                return folder + inner[len(mounted) :]
        return self._drive + (inner if inner != "/" else "")

    def _inner(self, path: str) -> str:
        """The path as the board's code would say it, from the root on."""
        shown = self._shown_folder(path)
        # A path that begins with the drive is that of a module (__file__), and is taken as it is.
        if shown is None:
            shown = os.path.join("/", self._seen_folder(), path)
        return os.path.normpath("/" + shown.lstrip("/"))

    def _shown_folder(self, path: str):
        """Where the board's code sees a path of this computer; None if it does not."""
        for real, shown in ((self._drive, ""), *((self._mounts[at], at) for at in self._mounts)):
            if path == real or path.startswith(real + "/"):
                return shown + path[len(real) :] or "/"
        return None

    def _is_mounted(self, real: str) -> bool:
        return any((real + "/").startswith(folder + "/") for folder in self._mounts.values())

    def _has_link(self, real: str) -> bool:
        if self._is_mounted(real):
            return False
        at = self._drive
        for name in real[len(self._drive) :].split("/"):
            at = f"{at}/{name}" if name else at
            try:
                if stat.S_ISLNK(self._lstat(at).st_mode):
                    return at != self._drive
            except (OSError, ValueError):
                return False  # what is not there, the operating system will tell
        return False

    def _seen_folder(self) -> str:
        return self._shown_folder(self._getcwd()) or "/"

    def _noted(self, function):
        def noted(*given, **named):
            file = function(*given, **named)
            if file.writable():
                path = given[0] if given else named["file"]
                self._written = [entry for entry in self._written if not entry[0].closed]
                if not isinstance(path, int):
                    self._written.append((file, self._inner(os.fsdecode(path))))
            return file

        return noted

    def _translated(self, function, paths: int, writes):
        def translated(*given, **named):
            real = [self.real(path) for path in given[:paths]]
            for name in ("path", "file", "src", "dst"):
                if name in named:
                    named[name] = self.real(named[name])
            if not self._mounting and writes({**dict(enumerate(given)), **named}):
                for path in (*real, *named.values()):
                    if isinstance(path, str) and path.startswith("/"):
                        if self._read_only() or self._is_mounted(path):
                            raise read_only(self.shown(path))
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
        if self._shown_folder(path) is None and path.startswith(self._computer):
            raise ImportError("a folder of this computer")
        real = self._place(path)
        if self._has_link(real):
            return _EmptyFolder
        loader = (_Loader, importlib.machinery.SOURCE_SUFFIXES)
        return _Finder(real, loader)


def _opens(arguments: dict) -> bool:
    """Is a file opened for writing, by ``open`` or by ``os.open``?"""
    mode = arguments.get("flags", arguments.get(1, arguments.get("mode", "r")))
    if isinstance(mode, int):
        return bool(mode & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    return not set("wax+").isdisjoint(mode)


class _Finder(importlib.machinery.FileFinder):
    """Finds modules; their ``__file__`` is a path of the board."""

    def find_spec(self, fullname, target=None):
        spec = super().find_spec(fullname, target)
        if spec is not None and spec.has_location:
            spec.origin = _Loader.paths.shown(spec.origin)
        return spec


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
