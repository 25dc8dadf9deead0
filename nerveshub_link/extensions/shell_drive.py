# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.extensions.shell_drive`
====================================================

The commands of `nerveshub_link.extensions.local_shell` for files. Each is a generator of texts that
does a small piece of work before each of them, so that the main loop goes on.
"""

import os

from micropython import const

from ..errors import NervesHubError

_BLOCK = const(512)
_FOLDER = const(0x4000)
_PART = const("/.cp.part")


class DriveCommands:
    """The commands for files, and the shell's current folder."""

    def __init__(self) -> None:
        self._folder = os.getcwd()

    def _path(self, text: str) -> str:
        """Make a path absolute. The shell has its own current folder, not the application's."""
        parts = []
        if not text.startswith("/"):
            text = self._folder + "/" + text
        for part in text.split("/"):
            if part == "..":
                parts = parts[:-1]
            elif part and part != ".":
                parts.append(part)
        return "/" + "/".join(parts)

    def _ls(self, args):
        long = "-l" in args
        for arg in [arg for arg in args if arg != "-l"] or ["."]:
            path = self._path(arg)
            if not _is_folder(path):
                yield _entry(path, arg, long)
                continue
            for name in sorted(os.listdir(path)):
                yield _entry(path.rstrip("/") + "/" + name, name, long)

    def _cat(self, args):
        _need(args, 1)
        for arg in args:
            with open(self._path(arg), "rb") as file:
                yield from _texts(file)
        yield "\n"

    def _head(self, args):
        left = 10
        if args[:1] == ["-n"]:
            _need(args, 3)
            left, args = _number(args[1]), args[2:]
        _need(args, 1)
        with open(self._path(args[0]), "rb") as file:
            for text in _texts(file):
                if left <= 0:
                    return
                lines = text.split("\n")
                yield "\n".join(lines[:left]) + ("\n" if len(lines) > left else "")
                left -= len(lines) - 1
        if left > 0:
            yield "\n"

    def _cp(self, args):
        _need(args, 2)
        source, target = self._two(args)
        block = memoryview(bytearray(_BLOCK))
        folder = target.rpartition("/")[0]
        os.stat(folder or "/")  # raises an error that does not name the temporary file
        part = folder + _PART
        with open(source, "rb") as file:
            done = False
            copy = open(part, "wb")  # an existing target stays until the copy is complete
            try:
                count = file.readinto(block)
                while count:
                    if copy.write(block[:count]) != count:
                        raise OSError(28)
                    yield ""
                    count = file.readinto(block)
                copy.close()
                done = True
            finally:
                if not done:
                    copy.close()
                    os.remove(part)
        os.rename(part, target)

    def _mv(self, args):
        _need(args, 2)
        source, target = self._two(args)
        os.rename(source, target)
        yield ""

    def _two(self, args) -> tuple:
        """
        Return source and target of cp and mv, as the drive spells them: for FAT ``CODE.PY`` and
        ``code.py`` are the same file, which copying onto itself would empty.
        """
        source, target = _spelled(self._path(args[0])), _spelled(self._into(args))
        if source == target:
            raise NervesHubError("both are the same file")
        return source, target

    def _into(self, args) -> str:
        """Return the target of cp and mv: in a folder the file keeps its name."""
        target = self._path(args[1])
        try:
            is_folder = _is_folder(target)
        except OSError:
            is_folder = False  # it does not exist yet
        if is_folder:
            target = target.rstrip("/") + "/" + self._path(args[0]).split("/")[-1]
        return target

    def _rm(self, args):
        _need(args, 1)
        for arg in args:
            path = self._path(arg)
            if _is_folder(path):
                os.rmdir(path)
            else:
                os.remove(path)
            yield ""

    def _mkdir(self, args):
        _need(args, 1)
        os.mkdir(self._path(args[0]))
        yield ""

    def _cd(self, args):
        path = self._path(args[0] if args else "/")
        if not _is_folder(path):
            raise OSError(20)
        self._folder = path
        yield ""

    def _pwd(self, args):
        yield self._folder + "\n"

    def _df(self, args):
        found = os.statvfs(self._path(args[0] if args else "/"))
        total, free = found[1] * found[2] // 1024, found[1] * found[4] // 1024
        yield "%d KB, %d KB used, %d KB free\n" % (total, total - free, free)


def _spelled(path: str) -> str:
    """
    Return a path as the drive spells it.

    :param str path: absolute path
    :return: the path in the drive's spelling
    :raises NervesHubError: if a file exists under an unknown spelling, such as with other umlauts,
        or FAT's short name
    """
    spelled, rest = "", path[1:].split("/") if path != "/" else []
    while rest:
        part = rest[0]
        try:
            os.stat(spelled + "/" + part)
        except OSError:
            break  # it does not exist yet
        names = os.listdir(spelled or "/")
        if part not in names:
            names = [name for name in names if name.lower() == part.lower()]
            if len(names) != 1:
                raise NervesHubError(path + " is another name of a file that is there")
            part = names[0]
        spelled += "/" + part
        rest.pop(0)
    return spelled + "/" + "/".join(rest) if rest else spelled or "/"


def _need(args, count: int) -> None:
    if len(args) < count:
        raise NervesHubError("an argument is missing; help tells which")


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise NervesHubError(text + " is not a number") from None


def _is_folder(path: str) -> bool:
    return path == "/" or os.stat(path)[0] & 0xF000 == _FOLDER


def _entry(path: str, name: str, long: bool) -> str:
    found = os.stat(path)
    folder = found[0] & 0xF000 == _FOLDER
    size = "%8s  " % ("" if folder else found[6]) if long else ""
    return size + name + ("/" if folder else "") + "\n"


def _texts(file):
    """Yield a file piece by piece, as texts that are harmless for a terminal."""
    from ..common.utf8 import cut, is_ascii, mend  # noqa: PLC0415

    rest = b""
    while True:
        data = file.read(_BLOCK)
        if not data:
            break
        data = rest + data
        end = cut(data)
        rest, data = data[end:], data[:end]
        text = (data if is_ascii(data) else mend(data)).decode()
        yield _bearable(text)
    if rest:
        yield "?"


def _bearable(text: str) -> str:
    """Replace control characters. Without a list of characters, which needs a large block."""
    text = text.replace("\r", "")
    for char in text:
        if char < " " and char not in "\n\t":
            text = text.replace(char, ".")
    return text
