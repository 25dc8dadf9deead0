# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.board_prepare`
================================================================================

Lays out a CIRCUITPY for `AppSlotWriter`: record, guard, rescue application, library, slots.

The order matters. A new drive gives its clusters out one after the other, and each write erases the
4 KB around it. What is written rarely and what is written often must not share such a block:

1. the record, whose two files bring their own distance;
2. guard, settings, rescue application, library: never written by the board;
3. 4 KB of nothing, ``/nh_pad.bin``: behind them ends the last block of 2;
4. the slots and ``/data``, which updates and the application write;
5. the record's content, last: only now the guard has something to start.
"""

import os
import shutil
import tempfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Dict, List, Optional

from nerveshub_link.device_state import DeviceState
from nerveshub_link.slot_manifest import NAME as MANIFEST
from nerveshub_link.slot_manifest import Manifest, read_meta

from . import board_files, board_library, board_settings
from .application import AppFile, collect
from .board_drive import BoardError, Drive, kilobytes
from .images import fwup_uuid
from .packer import meta_conf

PAD = "nh_pad.bin"
_PAD_SIZE = 4096
_RECORD = ("nh_a/state.bin", "nh_b/state.bin")
_RECORD_SIZE = 15 * 512
_FOLDERS = ("slots/a", "slots/b", "data")
_KEPT = ".before-nerveshub"
# CircuitPython takes the first of code.txt, code.py, main.txt, main.py; likewise boot.
_HIDING = ("code.txt",)
_SPARE = 32  # clusters: folders, manifests, growth
_RESCUE_VERSION = "0.0.0"


@dataclass
class Wish:
    """
    What the user wants.

    :param app: folder of the application for slot a, or None
    :param dict meta: product, version, platform, architecture and so on, as far as given
    :param bool reset: begin anew: slots and record
    :param str library: ``auto``, ``circup``, ``copy`` or ``none``
    :param dict settings: values for a new settings.toml
    """

    app: Optional[str] = None
    meta: Dict[str, str] = field(default_factory=dict)
    reset: bool = False
    library: str = "auto"
    settings: Dict[str, str] = field(default_factory=dict)


class Preparation:
    """
    One run of ``board prepare``.

    :param Drive drive: the board's drive
    :param Wish wish: what the user wants
    :param ask: function of a text that returns whether to go on
    :param tell: function that shows a line
    :param progress: called with the number of bytes written, for a bar
    """

    def __init__(
        self,
        drive: Drive,
        wish: Wish,
        ask: Callable[[str], bool],
        tell: Callable[[str], None],
        progress: Callable[[int], None] = lambda size: None,
    ) -> None:
        self._drive = drive
        self._wish = wish
        self._ask = ask
        self._tell = tell
        self._progress = progress
        self.info = drive.check()
        self._used = drive.is_used()
        self._record = DeviceState(str(drive.path))
        self._prepared = "run" in self._record.load() and not wish.reset
        self._app: List[AppFile] = []
        if wish.app is not None and not self._prepared:
            self._app = collect(wish.app)
        self._meta = self._complete(dict(wish.meta))
        self._files = self._fixed_files()
        self._library = {} if wish.library == "none" else board_library.copies()

    @property
    def total(self) -> int:
        """Bytes that will be written, for a bar (read-only)."""
        library = sum(path.stat().st_size for path in self._library.values())
        fixed = sum(len(data) for data in self._files.values())
        return fixed + library + sum(file.size for file in self._app)

    # Before anything is written

    def _complete(self, meta: dict) -> dict:
        """What the board reports: as given, else as prepared before, else as the board is."""
        before = read_meta(str(self._drive.file("app"))) or {}
        for key in ("product", "version", "platform", "architecture"):
            meta[key] = meta.get(key) or before.get(key)
        meta["platform"] = meta["platform"] or self.info.board_id
        meta["architecture"] = meta["architecture"] or self.info.architecture
        if not meta["product"]:
            raise BoardError("--product is needed: the product's name in NervesHub")
        if not meta["architecture"]:
            raise BoardError(
                f"the architecture of {self.info.chip} is unknown: give --architecture, as the"
                " uploaded firmware has it"
            )
        if not meta["version"]:
            if self._app:
                raise BoardError("--version is needed: that of the application, such as 1.0.0")
            meta["version"] = _RESCUE_VERSION
        return {key: meta[key] for key in meta if meta[key]}

    def _fixed_files(self) -> Dict[str, bytes]:
        """Everything of step 2 but the library, in order."""
        names = board_files.GUARD + board_files.ENTRIES
        files = {name: board_files.read(name) for name in names}
        if not self._drive.file(board_settings.NAME).exists() or not (
            self._drive.file(board_settings.NAME).stat().st_size
        ):
            text = board_settings.template(**self._wish.settings)
            files[board_settings.NAME] = text.encode()
        rescue = board_files.read("app/code.py")
        files["app/code.py"] = rescue
        source = board_files.folder() / "app" / "code.py"
        conf = meta_conf(
            {**self._meta, "description": "rescue application"}, [AppFile("code.py", source)]
        )
        header = {**self._meta, "uuid": fwup_uuid(conf)}
        files["app/" + MANIFEST] = _manifest(header, {"code.py": rescue})
        return files

    def changes(self) -> List[str]:
        """What would be changed that is there already, in words."""
        found = []
        for name in board_files.ENTRIES + _HIDING:
            path = self._drive.file(name)
            if path.is_file() and path.stat().st_size and not self._is_ours(name):
                found.append(f"{name} is kept as {self._spare_name(name)}")
        for name, data in self._files.items():
            path = self._drive.file(name)
            if path.is_file() and path.stat().st_size and not self._drive.holds(name, data):
                if name not in board_files.ENTRIES or self._is_ours(name):
                    found.append(f"{name} is replaced by this version")
        folder = self._drive.file("lib/" + board_library.PACKAGE)
        if folder.exists() and self._wish.library != "none" and not self._same_library():
            found.append("lib/nerveshub_link and what it needs are replaced")
        if self._wish.reset or not self._prepared:
            for slot in ("a", "b"):
                count = sum(1 for _ in self._drive.files("slots/" + slot))
                if count and (self._wish.reset or (slot == "a" and self._app)):
                    found.append(f"slots/{slot} and its {count} files are removed")
        return found

    def _is_ours(self, name: str) -> bool:
        return board_files.calls_guard(self._drive.file(name).read_bytes())

    def _same_library(self) -> bool:
        folder = "lib/" + board_library.PACKAGE
        found = sum(1 for _ in self._drive.files(folder))
        expected = [name for name in self._library if name.startswith(folder + "/")]
        return found == len(expected) and all(
            self._drive.holds(name, path.read_bytes()) for name, path in self._library.items()
        )

    def check_room(self) -> None:
        """
        Is there room for all of it, and for a second copy of the application?

        :raises BoardError: if not, with the numbers
        """
        drive = self._drive
        sizes = {name: len(data) for name, data in self._files.items()}
        sizes.update({name: path.stat().st_size for name, path in self._library.items()})
        sizes[PAD] = _PAD_SIZE
        needed = sum(drive.taken(size) for size in sizes.values())
        there = [drive.file(name) for name in sizes]
        if not self._prepared:
            for name in _RECORD:
                needed += drive.taken(_RECORD_SIZE)
                there.append(drive.file(name))
            if self._app or self._wish.reset:
                there += [*drive.files("slots/a"), *drive.files("slots/b")]
        app = sum(drive.taken(file.size) for file in self._app)
        needed += 2 * app + _SPARE * drive.cluster()
        free = drive.free() + sum(
            drive.taken(path.stat().st_size) for path in there if path.is_file()
        )
        if needed > free:
            twice = f", {kilobytes(2 * app)} of it for the application, twice" if app else ""
            raise BoardError(
                f"no room: {kilobytes(needed)} are needed{twice}; {kilobytes(free)} are free. An"
                " update is unpacked beside what runs, so both must fit. Remove what the board does"
                " not need, or make the application smaller (.mpy instead of .py)"
            )

    # The work

    def run(self) -> bool:
        """
        Do it all.

        :return: False if the user did not want it
        :raises BoardError: if something failed; running it again goes on from there
        """
        self.check_room()
        if self._used and not self._prepared and not self._drive.file("nh_a").exists():
            self._tell(
                "This drive is not empty. Best is to erase it first, at the board's serial prompt:"
                " import storage; storage.erase_filesystem(). On an empty drive the record lies"
                " apart from all other files, and a power cut can't tear it with them."
            )
        changes = self.changes()
        if changes and not self._ask("\n".join(changes)):
            return False
        if self._wish.reset:
            self._clear("nh_a", "nh_b", "slots/a", "slots/b")
        if not self._prepared:
            self._create_record()
        for name in board_files.ENTRIES + _HIDING:
            self._keep(name)
        for name, data in self._files.items():
            self._write(name, data)
        self._install_library()
        self._write(PAD, bytes(_PAD_SIZE))
        for name in _FOLDERS:
            self._drive.file(name).mkdir(parents=True, exist_ok=True)
        if self._prepared:
            self._tell("Prepared before: the slots and the record are as they were.")
            if self._wish.app is not None:
                self._tell("--app was left out of account: --reset installs it anew.")
        else:
            self._fill()
        if hasattr(os, "sync"):
            os.sync()
        return True

    def _create_record(self) -> None:
        copies = [self._drive.file(name) for name in _RECORD]
        if all(path.is_file() and path.stat().st_size == _RECORD_SIZE for path in copies):
            return  # an earlier run has made them where they belong
        try:
            self._record.create()
        except OSError as error:
            raise self._drive.failure(error, "the record", _RECORD_SIZE) from error

    def _clear(self, *names: str) -> None:
        for name in names:
            shutil.rmtree(self._drive.file(name), ignore_errors=True)

    def _keep(self, name: str) -> None:
        path = self._drive.file(name)
        if path.is_file() and path.stat().st_size and not self._is_ours(name):
            path.rename(self._drive.file(self._spare_name(name)))

    def _spare_name(self, name: str) -> str:
        spare, number = name + _KEPT, 1
        while self._drive.file(spare).exists():
            number += 1
            spare = f"{name}{_KEPT}-{number}"
        return spare

    def _write(self, name: str, data: bytes) -> None:
        if not self._drive.holds(name, data):
            self._drive.write(name, data)
        self._progress(len(data))

    def _install_library(self) -> None:
        way = self._wish.library
        if way == "none":
            return
        if way in {"auto", "circup"}:
            why = board_library.circup(self._drive)
            if why is None:
                self._tell("The library was installed by circup.")
                self._progress(sum(path.stat().st_size for path in self._library.values()))
                return
            if way == "circup":
                raise BoardError(why + ". --library copy takes what is installed here")
            self._tell(f"The library is copied from this computer: {why}.")
        if not self._same_library():
            board_library.clean(self._drive)
        for name, path in self._library.items():
            self._write(name, path.read_bytes())

    def _fill(self) -> None:
        """Slot a, and the record's content."""
        if self._app:
            self._clear("slots/a")
            header = {**self._meta, "uuid": fwup_uuid(meta_conf(self._meta, self._app)), "n": 1}
            contents = {}
            for file in self._app:
                contents[file.path] = file.source.read_bytes()
                self._write("slots/a/" + file.path, contents[file.path])
            self._drive.write("slots/a/" + MANIFEST, _manifest(header, contents))
            self._tell(f"Slot a holds {header['product']} {header['version']}, {header['uuid']}.")
        elif read_meta(str(self._drive.file("slots/a"))) is not None:
            self._tell("The slots hold releases: the guard chooses the newest whole one.")
            return
        else:
            self._tell("The slots are empty: the rescue application fetches the first release.")
        self._record.load()
        self._record.save({"run": "a" if self._app else ""})


def _manifest(header: dict, contents: Dict[str, bytes]) -> bytes:
    """The text of a slot's manifest."""
    manifest = Manifest(header)
    for path, data in contents.items():
        manifest.add(path, len(data), zlib.crc32(data))
    with tempfile.TemporaryDirectory() as folder:
        manifest.write(folder)
        return (Path(folder) / MANIFEST).read_bytes()


def still_needed(drive: Drive) -> List[str]:
    """What the board still needs when the drive is laid out, in words."""
    words = []
    settings = board_settings.read(drive.file(board_settings.NAME))
    lacking = board_settings.lacking(settings)
    if lacking:
        words.append("settings.toml still lacks: " + ", ".join(lacking))
    if settings.get("NERVESHUB_DEVELOP", "0") in {"", "0"}:
        words.append(
            "Eject the drive and press reset. boot.py then gives the drive to the board's code, and"
            " the computer sees it read-only. To edit it again: at the serial prompt, add the line"
            " NERVESHUB_DEVELOP = 1 to /settings.toml and press reset; or start in safe mode"
        )
    else:
        words.append(
            "NERVESHUB_DEVELOP in settings.toml leaves the drive to the computer: take it out, or"
            " the board can't install updates"
        )
    words.append(
        "Updates of CircuitPython itself (DualBankWriter) need more: storage that is not extended."
        " storage.erase_filesystem(extended=False) does that, and wipes the drive"
    )
    return words
