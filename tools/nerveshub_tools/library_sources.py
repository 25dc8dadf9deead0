# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.library_sources`
================================================================================

Where `nerveshub_link` and what it needs come from, for a board's ``/lib``. In this order:

1. a release's zip that is named: then nothing else is asked;
2. circup, which fetches the compiled release. It installs into a folder of this computer;
3. what circup has fetched earlier;
4. what is installed on this computer: source, which takes four times the room.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import Dict, Optional, Sequence, Union

from .board_drive import BOOT_OUT, BoardError, Drive
from .board_library import (
    COMPILED_BY_CIRCUITPYTHON,
    NEEDS,
    NEWEST,
    PACKAGE,
    SUFFIXES,
    Library,
    is_hidden,
    library,
)

_TIMEOUT = 180
_LARGEST = 1 << 20  # bytes of one module; who unpacks a zip must not believe all that it says


def find(drive: Drive, way: str, archives: Sequence = ()) -> Library:
    """
    The library for a board.

    :param Drive drive: the board's
    :param str way: ``auto``, ``circup``, ``copy`` or ``none``
    :param archives: paths of zips with libraries; they come before all else
    :raises BoardError: if it is nowhere, or not what CircuitPython takes
    """
    if archives:
        return from_archives(drive, archives)
    if way == "none":
        return Library({})
    if way == "copy":
        return copies()
    found = circup(drive)
    if isinstance(found, Library):
        return found
    if way == "circup":
        raise BoardError(found + ". --library copy takes what is installed here")
    modules = _cached(drive)
    if not _fault(modules) and all(_has(modules, name) for name in NEEDS):
        return library(modules, f"The library is what circup has fetched earlier: {found}.")
    return Library(copies().files, f"The library is copied from this computer: {found}.")


def copies() -> Library:
    """
    What is installed on this computer.

    :raises BoardError: if something is not
    """
    return library(_installed_here((PACKAGE, *NEEDS)), "")


def _installed_here(names) -> Dict[str, bytes]:
    modules = {}
    for name in names:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise BoardError(
                f"{name} is not installed on this computer: pip install . './tools[device]'"
                " in a clone of nerveshub_link, or install circup, which fetches it"
            )
        source = Path(spec.origin)
        if spec.submodule_search_locations:
            modules.update(_read(source.parent, name, (".py",)))
        else:
            modules[f"{name}.py"] = source.read_bytes()
    return modules


def _read(folder: Path, name: str, suffixes=SUFFIXES) -> Dict[str, bytes]:
    """The modules of a package's folder: path below ``lib`` to content."""
    return {
        f"{name}/{path.relative_to(folder).as_posix()}": path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.suffix in suffixes and path.is_file() and not is_hidden(path.relative_to(folder))
    }


def from_archives(drive: Drive, archives: Sequence) -> Library:
    """
    The library out of zips as releases have them, such as ``nerveshub-link-10.x-mpy-1.3.0.zip``.
    What it needs and they lack comes from what circup has fetched, or from this computer.

    :raises BoardError: if the package is in none of them, or not as CircuitPython takes it
    """
    modules: Dict[str, bytes] = {}
    for archive in archives:
        for name, data in _unzipped(archive).items():
            modules.setdefault(name, data)
    fault = _fault(modules)
    if fault:
        raise BoardError(f"{', '.join(map(str, archives))}: {fault}")
    lacking = [name for name in NEEDS if not _has(modules, name)]
    cached = _cached(drive, lacking) if lacking else {}
    modules.update(cached)
    here = [name for name in lacking if not _has(cached, name)]
    modules.update(_installed_here(here))
    words = f"The library is that of {', '.join(Path(archive).name for archive in archives)}"
    if here:
        words += f"; {', '.join(here)}, as source, from this computer"
    return library(modules, words + ".")


def _unzipped(archive) -> Dict[str, bytes]:
    modules = {}
    try:
        with zipfile.ZipFile(archive) as file:
            for info in file.infolist():
                parts = PurePosixPath(info.filename).parts
                at = parts.index("lib") + 1 if "lib" in parts[:2] else len(parts)
                name = "/".join(parts[at:])
                top, suffix = name.split("/")[0], PurePosixPath(name).suffix
                if top != PACKAGE and top not in {need + suffix for need in NEEDS}:
                    continue
                if suffix not in SUFFIXES or is_hidden(PurePosixPath(name)):
                    continue
                if info.file_size > _LARGEST:
                    raise BoardError(f"{archive}: {name} has {info.file_size:,} bytes")
                modules[name] = file.read(info)
    except (OSError, ValueError, RuntimeError, NotImplementedError, zipfile.BadZipFile) as error:
        raise BoardError(f"{archive} can't be read as a zip: {error}") from None
    return modules


def _has(modules: Dict[str, bytes], name: str) -> bool:
    return any(name + suffix in modules for suffix in SUFFIXES)


def _fault(modules: Dict[str, bytes]) -> Optional[str]:
    """Why these modules are no good, in words; None if they are."""
    if not _has(modules, f"{PACKAGE}/__init__"):
        return (
            f"no lib/{PACKAGE}/__init__ in it: a release's zip is called"
            " nerveshub-link-10.x-mpy-VERSION.zip"
        )
    if not _has(modules, f"{PACKAGE}/{NEWEST}"):
        return f"this {PACKAGE} is too old for these tools"
    for name, data in modules.items():
        if name.endswith(".mpy") and data[:2] != COMPILED_BY_CIRCUITPYTHON:
            return f"{name} was not compiled for CircuitPython 9 to 11"
    return None


def _cached(drive: Drive, names: Sequence = (PACKAGE, *NEEDS)) -> Dict[str, bytes]:
    """What circup has fetched earlier for the board's version, as far as it is there."""
    major = drive.info().version.split(".")[0]
    modules: Dict[str, bytes] = {}
    for name in names:
        # Vendor, bundle, release: <data>/adafruit/adafruit-...-10mpy/adafruit-...-20261101/lib
        found = sorted(
            _circups_data().glob(f"*/*-{major}mpy/*/lib/{name}*"),
            key=lambda path: (path.parent.stat().st_mtime, str(path)),
        )
        found = [path for path in found if path.stem == name and not is_hidden(Path(path.name))]
        if not found:
            continue
        if found[-1].is_dir():
            modules.update(_read(found[-1], name))
        elif found[-1].suffix in SUFFIXES:
            modules[found[-1].name] = found[-1].read_bytes()
    return modules


def _circups_data() -> Path:
    """The folder where circup keeps what it has fetched (appdirs' user_data_dir)."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", "."), "adafruit", "circup")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "circup"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share", "circup")


def circup(drive: Drive) -> Union[Library, str]:
    """
    Let circup install the library into a folder of this computer.

    :param Drive drive: the board's; circup asks it for the version of CircuitPython
    :return: the library; else why there is none, in words
    """
    command = _command()
    if command is None:
        return "circup is not installed (pip install circup)"
    with tempfile.TemporaryDirectory(prefix="nerveshub-link-") as folder:
        shutil.copy(drive.file(BOOT_OUT), folder)
        (Path(folder) / "lib").mkdir()
        try:
            done = subprocess.run(
                [*command, "--path", folder, "install", PACKAGE],
                cwd=folder,  # in a folder that holds something of this name, it would copy that
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
        modules = {
            name.removeprefix("lib/"): data
            for name, data in _read(Path(folder) / "lib", "lib").items()
        }
    # It ends with 0 even when it did not find the library.
    fault = _fault(modules)
    if done.returncode == 0 and not fault:
        return library(modules, "The library was fetched by circup.")
    if done.returncode == 0 and _has(modules, f"{PACKAGE}/__init__"):
        return f"circup: {fault}"
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    return "circup did not install it: " + (lines[-1].strip()[:200] if lines else "it said nothing")


def _command() -> Optional[list]:
    if importlib.util.find_spec("circup"):
        return [sys.executable, "-c", "from circup import main; main()"]
    found = shutil.which("circup")
    return [found] if found else None
