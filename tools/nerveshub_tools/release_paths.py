# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.release_paths`
================================================================================

Which paths may be in a release: none that FAT can't hold or takes for another one, none that
CircuitPython can't import, none that would never take effect. Checked here, at the desk: a board
mounts the image as it is.
"""

import unicodedata
from typing import Dict

MAX_PATH = 96
"""Characters that CircuitPython takes in the path of a module."""
SLOT = "/slot/"
"""Where a board mounts a release: counts for the length."""

_MAX_NAME = 255  # UTF-16 units, of FAT
_FORBIDDEN = frozenset('"*:<>?\\|')
_DEVICES = frozenset(("con", "prn", "aux", "nul"))
_PORTS = frozenset(("com", "lpt"))
_ROOT_FILES = ("boot.py", "safemode.py", "settings.toml", "boot_out.txt")
_GUARD_FILES = ("nh_boot.py", "nh_run.py", "nh_trial.py")


class Unfit(ValueError):
    """Raised when a folder or a file is nothing that a board would take; the text says why."""


class PathRules:
    """Checks the paths of one release, one after the other."""

    def __init__(self) -> None:
        # As FAT compares names -> as spelled; folders with a slash at the end.
        self._names: Dict[str, str] = {}

    def add(self, path: str) -> str:
        """
        Check a path, also against all others so far.

        :param str path: relative, with ``/`` between its parts
        :return: the path as it stands in the release: macOS spells accents with two characters, and
            the release with one
        :raises Unfit: if it can't be in a release; its text names path and rule
        """
        path = unicodedata.normalize("NFC", path)
        if len(SLOT + path) > MAX_PATH and path.endswith((".py", ".mpy")):
            words = f"with {SLOT} before it, it is longer than the {MAX_PATH} characters that"
            raise _refusal(path, f"{words} CircuitPython takes in the path of a module")
        parts = path.split("/")
        for part in parts:
            _check_part(path, part)
        if len(parts) == 1 and path.lower() in _ROOT_FILES:
            words = "it would never take effect, CircuitPython reads it only at the drive's root"
            raise _refusal(path, words)
        if len(parts) == 1 and path.lower() in _GUARD_FILES:
            raise _refusal(path, "it has the name of a file of the boot guard")
        self._enter(path)
        return path

    def _enter(self, path: str) -> None:
        names = self._names
        parts = path.split("/")
        for count in range(1, len(parts)):
            above = "/".join(parts[:count]) + "/"
            key = above.upper()
            if key[:-1] in names:
                raise _refusal(path, f"'{names[key[:-1]]}' is a file, too")
            if names.setdefault(key, above) != above:
                raise _refusal(path, f"'{names[key]}' differs from it in case only")
        key = path.upper()
        if key in names:
            same = names[key] == path
            words = "it comes twice" if same else f"'{names[key]}' differs from it in case only"
            raise _refusal(path, words)
        if key + "/" in names:
            raise _refusal(path, "it is a folder, too")
        names[key] = path


def _check_part(path: str, part: str) -> None:
    """One name between two slashes."""
    for char in part:
        if char in _FORBIDDEN:
            raise _refusal(path, f"FAT forbids {char}")
        if ord(char) < ord(" ") or 0xD800 <= ord(char) < 0xE000:
            raise _refusal(path, "it has a character that is no text")
    if part[-1:] in {".", " ", ""}:
        raise _refusal(path, "a name must not be empty or end with a dot or a space")
    if len(part.encode("utf-16-le")) > 2 * _MAX_NAME:
        raise _refusal(path, f"a name of it is longer than {_MAX_NAME} characters")
    stem = part.lower().partition(".")[0].rstrip(" ")
    if stem in _DEVICES or (len(stem) == 4 and stem[:3] in _PORTS and stem[3].isdigit()):
        raise _refusal(path, f"{stem.upper()} is a device on Windows")


def _refusal(path: str, reason: str) -> Unfit:
    shown = "".join(char if char.isprintable() else "?" for char in path)
    return Unfit(f"'{shown}' can't be in a release: {reason}")
