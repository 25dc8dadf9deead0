# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.board_library`
================================================================================

Brings `nerveshub_link` and what it needs into a board's ``/lib``: with circup, which knows the
compiled releases, else as copies of what is installed on this computer.
"""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Dict, Optional

from .board_drive import BoardError, Drive

PACKAGE = "nerveshub_link"
NEEDS = ("adafruit_connection_manager", "adafruit_requests", "adafruit_ticks")
"""The same as in the library's requirements.txt."""
COMPILED = 180 * 1024
"""What circup's compiled modules take on a small drive: 167 KB in 2026, and some to spare."""
_TIMEOUT = 180


def copies() -> Dict[str, Path]:
    """
    What would be copied: path on the drive -> file here.

    :raises BoardError: if something is not installed
    """
    found = {}
    for name in (PACKAGE, *NEEDS):
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise BoardError(
                f"{name} is not installed on this computer: pip install . './tools[device]'"
                " in a clone of nerveshub_link, or install circup, which fetches it"
            )
        source = Path(spec.origin)
        if spec.submodule_search_locations:
            for path in sorted(source.parent.rglob("*.py")):
                found[f"lib/{name}/{path.relative_to(source.parent).as_posix()}"] = path
        else:
            found[f"lib/{name}.py"] = source
    return found


def installed(drive: Drive) -> list:
    """The modules of the library that are on the drive; not what desktops and Python add."""
    root = drive.file(f"lib/{PACKAGE}")
    return [
        path
        for path in drive.files(f"lib/{PACKAGE}")
        if path.suffix in {".py", ".mpy"}
        and not any(part[0] == "." for part in path.relative_to(root).parts)
    ]


def is_same(drive: Drive, files: Dict[str, Path]) -> bool:
    """Is exactly this library on the drive?"""
    expected = [name for name in files if name.startswith(f"lib/{PACKAGE}/")]
    return len(installed(drive)) == len(expected) and all(
        drive.holds(name, path.read_bytes()) for name, path in files.items()
    )


def room(drive: Drive, way: str, files: Dict[str, Path]) -> int:
    """
    Bytes that the library will take on the drive.

    :param str way: ``auto``, ``circup``, ``copy`` or ``none``
    :param dict files: what would be copied
    """
    if way == "none":
        return 0
    if way == "circup" or (way == "auto" and _command() is not None):
        return COMPILED
    return sum(drive.taken(path.stat().st_size) for path in files.values())


def clean(drive: Drive) -> None:
    """Remove older copies: a stale .py hides a newer .mpy, and a module that is gone stays."""
    shutil.rmtree(drive.file(f"lib/{PACKAGE}"), ignore_errors=True)
    for name in NEEDS:
        for suffix in (".py", ".mpy"):
            drive.file(f"lib/{name}{suffix}").unlink(missing_ok=True)


def circup(drive: Drive) -> Optional[str]:
    """
    Let circup install the library.

    :return: None if it did; else why not, in words
    """
    command = _command()
    if command is None:
        return "circup is not installed (pip install circup)"
    try:
        done = subprocess.run(
            [*command, "--path", str(drive.path.resolve()), "install", "--upgrade", PACKAGE],
            cwd=drive.path,  # in a folder that holds something of this name, it would copy that
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"circup failed: {error.__class__.__name__}"
    # It ends with 0 even when it did not find the library.
    folder = drive.file(f"lib/{PACKAGE}")
    if done.returncode == 0 and any(folder.rglob("app_slot_writer.*")):
        return None
    if done.returncode == 0 and folder.is_dir():
        return "circup's nerveshub_link is too old for this"
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    return "circup did not install it: " + (lines[-1].strip()[:200] if lines else "it said nothing")


def _command() -> Optional[list]:
    if importlib.util.find_spec("circup"):
        return [sys.executable, "-c", "from circup import main; main()"]
    found = shutil.which("circup")
    return [found] if found else None
