# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.application`
================================================================================

An application: the files of its folder, checked, and what its author should know about them.
Shared by the packer and by ``board prepare``, so that a slot holds the same whether it came over
the air or over the desk.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List

from .app_folder import AppFolder
from .keys import private_key_in
from .release_paths import PathRules, Unfit

ENTRIES = ("code.py", "code.mpy")
"""What a board runs: one of these, at the top of the folder."""
MAX_CODE = 80_000
"""Bytes of a ``code.py`` that a board loaded whole, with 195 KB of heap; 100,000 failed."""
_OTHER_ENTRIES = ("main.py", "main.mpy", "code.txt", "main.txt")  # CircuitPython runs some of them
# Read by the display or the sound while code runs, between two byte codes.
_IN_BACKGROUND = (".bmp", ".wav", ".mp3", ".gif")


@dataclass(frozen=True)
class Application:
    """
    What belongs into a release.

    :param dict files: path, with ``/`` between its parts -> content
    :param list warnings: what works otherwise on a board than at the desk, in words
    """

    files: Dict[str, bytes]
    warnings: List[str]

    @property
    def size(self) -> int:
        """Bytes of all files (read-only)."""
        return sum(map(len, self.files.values()))


def read(folder, output=None) -> Application:
    """
    Read an application's folder. What `nerveshub_tools.app_folder` leaves out is not in it.

    :param folder: the folder
    :param output: path of the archive that will be written; it is no part of the application
    :raises Unfit: if a board would not take it, or a private key is in it; with the reason
    """
    root = Path(folder)
    _check_entry(root)
    walk = AppFolder(root, output)
    rules = PathRules()
    files = {}
    try:
        for path, source in walk.files():
            data = _content(source)
            kind = private_key_in(data)
            if kind:
                raise Unfit(
                    f"'{path}' holds a private key ({kind}). Whoever gets a release or a board"
                    " could read it: move it out of the folder"
                )
            files[rules.add(path)] = data
    except Unfit as error:
        shown = str(error)
        raise Unfit(shown if shown.startswith(str(root)) else f"{root}: {shown}") from error
    if not any(entry in files for entry in ENTRIES):
        raise Unfit(f"{root} is no application: its code.py is left out by .nerveshubignore")
    words = _warnings(files)
    if walk.left_out:
        words.append(f"left out: {_listed(walk.left_out)}")
    return Application(files, words)


def _check_entry(root: Path) -> None:
    """The entry is looked for first: any other folder, such as ``/``, is not walked through."""
    try:
        names = {path.name for path in root.iterdir() if path.is_file()}
    except OSError as error:
        raise Unfit(f"{root} can't be read: {error.strerror}") from error
    if names.intersection(ENTRIES):
        return
    for name in sorted(names):
        if name.lower() in ENTRIES + _OTHER_ENTRIES:
            right = "code.mpy" if name.lower().endswith(".mpy") else "code.py"
            raise Unfit(f"{root} has no code.py: call '{name}' {right}, nothing else is run")
    raise Unfit(f"{root} is no application: it has no code.py")


def _content(source: Path) -> bytes:
    try:
        return source.read_bytes()
    except OSError as error:
        raise Unfit(f"{source} can't be read: {error.strerror}") from error


def _warnings(files: Dict[str, bytes]) -> List[str]:
    words = []
    code = files.get("code.py")
    if code is not None and len(code) > MAX_CODE:
        words.append(
            f"code.py has {len(code):,} bytes. A board loads it in one piece, which is known to"
            f" work up to {MAX_CODE:,}: move parts of it into modules"
        )
    if code is not None and "code.mpy" in files:
        words.append("there is a code.py and a code.mpy: a board runs code.py")
    elif code is None:
        words.append("code.mpy is imported as a module: in it, __name__ is 'code', not '__main__'")
    read_later = sorted(path for path in files if path.lower().endswith(_IN_BACKGROUND))
    if read_later:
        words.append(
            f"{_listed(read_later)}: what a display or the sound reads in the background"
            " (OnDiskBitmap, WaveFile, MP3Decoder) must be opened in /media, not in /slot"
        )
    return words


def without_link(files: Dict[str, bytes]) -> List[str]:
    """
    A warning if no module of an application makes a link; compiled modules have the names of what
    they import in them, too.
    """
    programs = [data for path, data in files.items() if path.endswith((".py", ".mpy"))]
    if any(b"nerveshub_link" in data for data in programs):
        return []
    return [
        "no module of it imports nerveshub_link: a board that runs it takes no further update,"
        " until somebody comes to it"
    ]


def _listed(names: List[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
