# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.application`
================================================================================

An application's folder: which of its files belong to a release, and whether a board would take
them. Shared by the packer and by ``board prepare``, so that a slot holds the same whether it came
over the air or over the desk.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import List

from nerveshub_link.errors import UpdateError
from nerveshub_link.release.member_paths import PathRules, decode_path

MAX_FILES = 400
"""Files and folders that `AppSlotWriter` takes; about what fits into a ``meta.conf``."""
_SLOT = "/slots/a/"
_SKIPPED = re.compile(r"\..*|__pycache__|Thumbs\.db|desktop\.ini|.*\.pyc", re.IGNORECASE)


class Unfit(ValueError):
    """Raised when a folder is no application that a board would take."""


@dataclass(frozen=True)
class AppFile:
    """
    One file of a release.

    :param str path: from the slot on, with ``/``
    :param Path source: where it is here
    """

    path: str
    source: Path

    @property
    def size(self) -> int:
        """Its length in bytes (read-only)."""
        return self.source.stat().st_size


def collect(folder) -> List[AppFile]:
    """
    The files of a release, in the order of their paths. Hidden files, ``__pycache__`` and what
    desktops leave in folders are left out.

    :param folder: the application's folder
    :raises Unfit: if a board would refuse it, with the reason
    """
    root = Path(folder)
    found = []
    for here, folders, names in os.walk(root, followlinks=True):
        folders[:] = sorted(name for name in folders if not _SKIPPED.fullmatch(name))
        for name in names:
            if not _SKIPPED.fullmatch(name):
                source = Path(here) / name
                found.append(AppFile(source.relative_to(root).as_posix(), source))
    found.sort(key=lambda file: file.path)
    if not any(file.path == "code.py" for file in found):
        raise Unfit(f"{root} is no application: it has no code.py")
    rules = PathRules(_SLOT, MAX_FILES)
    try:
        for file in found:
            rules.add(decode_path(os.fsencode(file.path)))  # the board's own rules
    except UpdateError as error:
        raise Unfit(f"{root}: {error}") from error
    return found
