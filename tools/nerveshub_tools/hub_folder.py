# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.hub_folder`
================================================================================

The folder that ``nerveshub-link hub`` serves: its firmware, including files that appear later, and
the product's key and secret, which are the same at each start.
"""

import json
import os
from pathlib import Path
from typing import Callable, Optional

from .auth import new_key
from .images import read_meta
from .signatures import BROKEN

KEYS = ".nerveshub-hub.json"
"""Name of the file with key, secret and token. Nobody else may read it."""
_SUFFIXES = {".fw", ".bin"}
_NAMES = {"key": "nhp_", "secret": "", "token": "nhu_"}


def kept_keys(folder) -> dict:
    """
    Key and secret of the product, and the operator's token: those of this folder, made up at the
    first start.

    :return: ``key``, ``secret`` and ``token``
    :raises ValueError: if the file is damaged
    :raises OSError: if it can't be read, or can't be written at the first start
    """
    path = Path(folder) / KEYS
    if path.exists():
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            keys = {name: found[name] for name in _NAMES}
        except (KeyError, TypeError, ValueError):
            keys = {}
        if not keys or not all(isinstance(text, str) and text for text in keys.values()):
            raise ValueError(f"{path} is damaged: remove it, and the hub makes new keys")
        return keys
    keys = {name: new_key(prefix) for name, prefix in _NAMES.items()}
    new = path.with_name(KEYS + ".part")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(keys, file)
    os.replace(new, path)
    return keys


class FirmwareFolder:
    """
    Adds the firmware in a folder to a hub.

    :param hub: the hub
    :param folder: where ``.fw`` and ``.bin`` files are
    :param tell: function of a line for each file, and of a flag: is it a fault?
    """

    def __init__(self, hub, folder, tell: Callable[[str, bool], None]) -> None:
        self._hub = hub
        self._folder = Path(folder)
        self._tell = tell
        self._taken: dict = {}
        """Name to what the file was like when it was looked into"""
        self._seen: Optional[dict] = None

    def look(self) -> None:
        """
        Take what is new. A file that appears after the first look is taken when the next look finds
        it as it was: before, it may still be copied.
        """
        try:
            seen = self._states()
        except OSError:
            return  # the folder is gone, perhaps for now only
        for name, state in seen.items():
            steady = self._seen is None or self._seen.get(name) == state
            if steady and self._taken.get(name) != state:
                self._taken[name] = state
                self._add(self._folder / name)
        self._seen = seen

    def _states(self) -> dict:
        states = {}
        for path in sorted(self._folder.iterdir()):
            if path.suffix.lower() in _SUFFIXES:
                try:
                    found = path.stat()
                    states[path.name] = (found.st_ino, found.st_size, found.st_mtime_ns)
                except OSError:
                    states[path.name] = ()  # a link to nothing
        return states

    def _add(self, path: Path) -> None:
        if not path.is_file():
            what = "a folder" if path.is_dir() else "a link to nothing" if path.is_symlink() else ""
            self._tell(f"skipped: {path.name} is {what or 'no file'}", True)
            return
        try:
            meta = read_meta(path)
            uuid = self._hub.add_firmware(path.read_bytes(), meta)
        except BROKEN as error:
            reason = error if isinstance(error, ValueError) else f"{path.name} is damaged: {error}"
            self._tell(f"skipped: {reason}", True)
            return
        self._tell(f"{path.name}: {meta.get('product')} {meta.get('version')}, {uuid}", False)
