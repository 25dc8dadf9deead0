# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.release_settings`
================================================================================

What ``release`` finds in a project: the table ``[tool.nerveshub_link]`` of its ``pyproject.toml``,
and the version that git knows.
"""

import difflib
import os
import subprocess
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Optional, Tuple

from .metadata import is_prerelease, parse_version

FILE = "pyproject.toml"
TABLE = "[tool.nerveshub_link]"
_TEXTS = (
    "product version platform architecture description author vcs-identifier misc min-version"
    " group uri org"
).split()
_PATHS = ("app", "private-key", "output", "like")
_KINDS = {
    **{name: (str, "a text in quotes") for name in (*_TEXTS, *_PATHS)},
    "slot-size": (int, "a whole number of KB"),
    "timeout": (int, "a whole number of seconds"),
    "create": (bool, "true or false"),
    "tags": (list, "a list of texts"),
}


class BadSettings(ValueError):
    """Raised when a project's settings can't be used; the text names the setting and the fix."""


@dataclass(frozen=True)
class Project:
    """
    A folder with releases to make.

    :param Path root: where ``pyproject.toml`` is, or would be
    :param dict settings: name, with dashes, to value; paths are complete
    """

    root: Path
    settings: Dict[str, Any] = field(default_factory=dict)

    @property
    def file(self) -> Path:
        """Its ``pyproject.toml`` (read-only)."""
        return self.root / FILE


def find(folder) -> Project:
    """
    The project of a folder: the ``pyproject.toml`` there or, as for other tools, above it.

    :raises BadSettings: if the file can't be read, or a setting is unknown or of another kind
    """
    start = Path(folder).resolve()
    for root in (start, *start.parents):
        table = _table(root / FILE)
        if table is not None:
            return Project(root, _checked(table, root))
    return Project(start)


def _table(file: Path) -> Any:
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:  # a TOMLDecodeError is a ValueError
        raise BadSettings(f"{file} can't be read: {error}") from None
    tools = found.get("tool")
    return tools.get("nerveshub_link") if isinstance(tools, dict) else None


def _checked(table: Any, root: Path) -> Dict[str, Any]:
    file = root / FILE
    if not isinstance(table, dict):
        raise BadSettings(f"{file}: nerveshub_link must be a table, {TABLE}")
    settings = {}
    for given, value in table.items():
        name = given.replace("_", "-")
        if name not in _KINDS:
            near = difflib.get_close_matches(name, _KINDS, 1)
            known = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(_KINDS))}"
            raise BadSettings(f"{file}: {TABLE} has no setting {given!r}; {known}")
        kind, words = _KINDS[name]
        right = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
        if right and kind is list:
            right = all(isinstance(item, str) for item in value)
        if not right:
            raise BadSettings(f"{file}: {given} in {TABLE} must be {words}, not {value!r}")
        settings[name] = str(root / value) if name in _PATHS else value
    return settings


def missing(name: str, project: Project, example: str) -> BadSettings:
    """The error for a setting that is needed and not there; to be raised."""
    return BadSettings(
        f"{name} is not set: write {name} = {example} under {TABLE} in {project.file}, or give"
        f" --{name}"
    )


def version_from_git(folder, project: Project) -> Tuple[str, str]:
    """
    Version and commit of a folder that git looks after: that of the tag, which may begin with a
    ``v``. Commits behind the tag ``1.2.3`` make it ``1.2.4-dev.5+g0123456``.

    :raises BadSettings: if git knows none, or the folder has changes that are in no commit
    """
    folder = Path(folder)
    folder = folder if folder.is_dir() else folder.parent
    try:
        top = _git(folder, "rev-parse", "--verify", "HEAD")
        changes = _git(folder, "status", "--porcelain", "--", ".")
    except (OSError, subprocess.CalledProcessError) as error:
        words = (getattr(error, "stderr", None) or str(error)).strip().partition("\n")[0]
        raise _no_version(project, f"git knows none of {folder} ({words})") from None
    if changes:
        first = changes.splitlines()[0][3:]
        words = f"{folder} has changes that are not committed, such as {first}: commit them"
        raise _no_version(project, words)
    try:
        matches = ("--match", "[0-9]*", "--match", "v[0-9]*")
        said = _git(folder, "describe", "--tags", "--long", *matches)
    except subprocess.CalledProcessError:
        words = f"git has no tag like 1.2.3 for {folder}: git tag 1.0.0 makes one"
        raise _no_version(project, words) from None
    version = _version_of(*said.rsplit("-", 2))
    if version is None:
        raise _no_version(project, f"git's tag is not like 1.2.3 ({said})")
    return version, top


def _version_of(tag: str, count: str, commit: str) -> Optional[str]:
    """The version so many commits behind a tag; None if the tag is none."""
    version = tag.removeprefix("v")
    numbers = parse_version(version)
    if numbers is None or "+" in version:
        return None
    if count == "0":
        return version
    major, minor, patch = numbers
    after = f"{version}." if is_prerelease(version) else f"{major}.{minor}.{patch + 1}-"
    return f"{after}dev.{count}+{commit}"


def _no_version(project: Project, why: str) -> BadSettings:
    return BadSettings(
        f"no version: {why}. Or give --version, or set version under {TABLE} in {project.file}"
    )


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *words],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "LC_ALL": "C"},
    )
    return done.stdout.strip("\n")
