# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.board_files`
================================================================================

The files of the boot guard and of the rescue application, and where they are: in a checkout in
``examples/board``, the one true copy; else beside this module, where the build has put them.
"""

from pathlib import Path

GUARD = ("nh_boot.py", "nh_run.py", "nh_trial.py", "nh_wake.py", "nh_slots.py")
"""The guard and the launchers. Ours: an older version of them is replaced."""
ENTRIES = ("boot.py", "code.py", "safemode.py")
"""What CircuitPython starts. A board may have its own; those are kept under another name."""


def folder() -> Path:
    """
    Where they are.

    :raises FileNotFoundError: if they are nowhere
    """
    here = Path(__file__).resolve().parent
    for found in (here.parents[1] / "examples" / "board", here / "board"):
        if (found / GUARD[0]).is_file():
            return found
    raise FileNotFoundError("the boot guard's files are missing: install nerveshub-tools anew")


def read(name: str) -> bytes:
    """One of the files, such as ``nh_boot.py`` or ``app/code.py``."""
    return (folder() / name).read_bytes()


_UNFINISHED = b"# board prepare did not end: run it again"


def unfinished(name: str) -> bytes:
    """
    What stands in one of `ENTRIES` until everything else is there: comments, of the same length.
    CircuitPython does nothing then, and leaves the drive to the computer.
    """
    return _UNFINISHED.ljust(len(read(name)) - 1) + b"\n"


def is_unfinished(text: bytes) -> bool:
    """Is this file an entry of a preparation that did not end?"""
    return text.startswith(_UNFINISHED)


def calls_guard(text: bytes) -> bool:
    """Is this file an entry that calls the guard?"""
    return b"import nh_boot" in text
