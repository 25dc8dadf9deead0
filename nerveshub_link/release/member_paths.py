# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.release.member_paths`
====================================================

Which paths of an archive may become files on a board's drive: none that leaves its folder, none
that FAT can't hold or takes for another one, none that would never take effect.

Give each path to `PathRules.add` before anything is written. This is a module of its own so that
the rules stand in one place.
"""

from ..errors import UpdateError

MAX_PATH = 96
"""Characters that CircuitPython takes in the path of a module."""
MAX_NAME = MAX_PATH + len("data/")
"""Bytes of the longest name that a member of an archive can have."""

_MAX_PARTS = 8
_FORBIDDEN = '"*:<>?\\|'
_DEVICES = ("con", "prn", "aux", "nul")
_PORTS = ("com", "lpt")
_ROOT_FILES = ("boot.py", "safemode.py", "settings.toml", "boot_out.txt")
# Would be found before the guard's own.
_GUARD_FILES = ("nh_boot.py", "nh_run.py", "nh_trial.py", "nh_wake.py")


def decode_path(name: bytes) -> str:
    """
    Turn the name of a member into a path.

    ASCII only: zip has two encodings for the rest, macOS writes accents as two characters, and
    FAT takes ``É`` and ``é`` for the same, which CircuitPython's ``lower()`` does not know.

    :param bytes name: as the archive has it
    :raises UpdateError: if it has other characters, or control characters
    """
    path = shown(name)
    if path.encode() != name:
        raise _refusal(path, "it has other characters than printable ASCII")
    return path


def shown(name: bytes) -> str:
    """A name for an error's text, whatever it holds: ``_`` for all that is no printable ASCII."""
    return "".join([chr(char) if 32 <= char < 127 else "_" for char in name])


def _refusal(path: str, reason: str) -> UpdateError:
    return UpdateError("'%s' can't be installed: %s" % (path, reason))


def _check_part(path: str, part: str) -> None:
    """One name between two slashes."""
    if part in ("", ".", ".."):
        raise _refusal(path, "'%s' is no name of a file or folder" % part)
    for char in part:
        if char in _FORBIDDEN:
            raise _refusal(path, "FAT forbids " + char)
    if part[-1] in ". ":
        raise _refusal(path, "a name must not end with a dot or a space, FAT drops those")
    stem = part.lower()
    dot = stem.find(".")
    stem = (stem[:dot] if dot >= 0 else stem).rstrip(" ")
    if stem in _DEVICES or len(stem) == 4 and stem[:3] in _PORTS and stem[3].isdigit():
        raise _refusal(path, "%s is a device on Windows" % stem.upper())
    tilde = part.find("~")
    if tilde >= 0 and part[tilde + 1 : tilde + 2].isdigit():
        raise _refusal(path, "FAT gives such names with ~ to others as their short ones")


class PathRules:
    """
    Checks the paths of one archive, one after the other.

    :param str prefix: what will stand before each path on the drive, such as ``"/slots/a/"``; it
        counts for the length
    :param int max_files: how many files, and folders that they are in, there may be
    """

    def __init__(self, prefix: str = "", max_files: int = 400) -> None:
        self._room = MAX_PATH - len(prefix)
        self._max_files = max_files
        # Lower case -> as spelled; folders with a slash at the end. FAT finds a name in any case.
        self._names = {}

    def add(self, path: str) -> None:
        """
        Check a path, also against all others so far.

        :param str path: relative, with ``/`` between its parts; one at the end makes it a folder
        :raises UpdateError: if it can't be installed; its text names path and rule
        """
        folder = path.endswith("/")
        parts = (path[:-1] if folder else path).split("/")
        if path.startswith("/"):
            raise _refusal(path, "an absolute path would leave the application's folder")
        if len(path) > self._room:
            words = "with the folder before it, it is longer than %d characters"
            raise _refusal(path, words % MAX_PATH)
        if len(parts) > _MAX_PARTS:
            raise _refusal(path, "it lies deeper than %d folders" % (_MAX_PARTS - 1))
        for part in parts:
            _check_part(path, part)
        first = parts[0].lower()
        if first == ".nh":
            raise _refusal(path, ".nh is kept for this library")
        if len(parts) == 1 and first in _ROOT_FILES:
            words = "it would never take effect, CircuitPython reads %s only at the drive's root"
            raise _refusal(path, words % first)
        if len(parts) == 1 and first in _GUARD_FILES:
            raise _refusal(path, "it has the name of a file of the boot guard")
        self._enter(path, folder)
        if len(self._names) > self._max_files:
            raise UpdateError("the archive has more than %d files and folders" % self._max_files)

    def _enter(self, path: str, folder: bool) -> None:
        names = self._names
        lower = path.lower()
        if lower == path:
            lower = path  # one text in memory instead of two
        slash = path.find("/")
        while slash >= 0:
            above, key = path[: slash + 1], lower[: slash + 1]
            if key[:-1] in names:
                raise _refusal(path, "'%s' is a file, too" % names[key[:-1]])
            known = names.get(key)
            if known is None:
                names[key] = key if key == above else above
            elif known != above:
                raise _refusal(path, "'%s' differs from it in case only" % known)
            slash = path.find("/", slash + 1)
        if folder:
            return
        if lower in names:
            words = "it comes twice"
            if names[lower] != path:
                words = "'%s' differs from it in case only" % names[lower]
            raise _refusal(path, words)
        if lower + "/" in names:
            raise _refusal(path, "it is a folder, too")
        names[lower] = path
