# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.board_prepare`
================================================================================

Lays out a CIRCUITPY for `AppSlotWriter`: record, guard, rescue application, library, slots, in the
order that `nerveshub_tools.board_layout` gives. Run again, it goes on where it was interrupted, or
brings guard and library up to date.
"""

import os
import shutil
from dataclasses import dataclass, field
from typing import Callable, Dict, List, Optional

from nerveshub_link.slots.record import DeviceState, StateError
from nerveshub_link.slots.slot_manifest import NAME as MANIFEST
from nerveshub_link.slots.slot_manifest import read_meta

from . import board_files, board_layout, board_library, board_settings
from .application import AppFile, collect
from .board_drive import BoardError, Drive, kilobytes

_KEPT = ".before-nerveshub"
# CircuitPython takes the first of code.txt, code.py, main.txt, main.py; likewise boot.
_HIDING = ("code.txt",)
_SPARE = 32  # clusters: folders, manifests, growth


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
        self._meta = board_layout.described(drive, self.info, wish.meta, bool(self._app))
        self._files = board_layout.fixed_files(drive, self._meta, wish.settings)
        self._library = {} if wish.library == "none" else board_library.copies()

    @property
    def total(self) -> int:
        """Bytes that will be written, for a bar (read-only)."""
        library = sum(path.stat().st_size for path in self._library.values())
        fixed = sum(len(data) for data in self._files.values())
        return fixed + library + sum(file.size for file in self._app)

    # Before anything is written

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
        sizes.update({pad: board_layout.PAD_SIZE for pad, _ in board_layout.PLACES})
        needed = sum(drive.taken(size) for size in sizes.values())
        there = [drive.file(name) for name in sizes]
        if not self._prepared:
            for name in board_layout.RECORD:
                needed += drive.taken(board_layout.RECORD_SIZE)
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
            self._write(board_layout.FIRST_PAD, bytes(board_layout.PAD_SIZE))
            self._create_record()
        for name in board_files.ENTRIES + _HIDING:
            self._keep(name)
        for name, data in self._files.items():
            self._write(name, data)
        self._install_library()
        self._make_folder(board_layout.SLOTS)
        for pad, folder in board_layout.PLACES:
            self._write(pad, bytes(board_layout.PAD_SIZE))
            self._make_folder(folder)
        if self._prepared:
            self._tell("Prepared before: the slots and the record are as they were.")
            if self._wish.app is not None:
                self._tell("--app was left out of account: --reset installs it anew.")
        else:
            self._fill()
        if hasattr(os, "sync"):
            os.sync()
        return True

    def _make_folder(self, name: str) -> None:
        try:
            self._drive.file(name).mkdir(exist_ok=True)
        except OSError as error:
            raise self._drive.failure(error, name, self._drive.cluster()) from error

    def _create_record(self) -> None:
        copies = [self._drive.file(name) for name in board_layout.RECORD]
        if all(
            path.is_file() and path.stat().st_size == board_layout.RECORD_SIZE for path in copies
        ):
            return  # an earlier run has made them where they belong
        try:
            self._record.create()
        except OSError as error:
            raise self._drive.failure(error, "the record", board_layout.RECORD_SIZE) from error

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
            if any(self._drive.files("slots/a")):  # else its folder stays in the place it has
                self._clear("slots/a")
                self._make_folder("slots/a")
            header = board_layout.release_header(self._meta, self._app)
            contents = {}
            for file in self._app:
                contents[file.path] = file.source.read_bytes()
                self._write("slots/a/" + file.path, contents[file.path])
            self._drive.write("slots/a/" + MANIFEST, board_layout.manifest(header, contents))
            pad = bytes(board_layout.SLOT_PAD_SIZE)
            self._drive.write("slots/a/" + board_layout.SLOT_PAD, pad)
            self._tell(f"Slot a holds {header['product']} {header['version']}, {header['uuid']}.")
        elif read_meta(str(self._drive.file("slots/a"))) is not None:
            self._tell("The slots hold releases: the guard chooses the newest whole one.")
            return
        else:
            self._tell("The slots are empty: the rescue application fetches the first release.")
        try:
            self._record.load()
            self._record.save({"run": "a" if self._app else ""})
        except StateError as error:
            raise BoardError(f"{error}: is the drive full, or damaged?") from error


def still_needed(drive: Drive) -> List[str]:
    """What the board still needs when the drive is laid out, in words."""
    words = []
    settings = board_settings.of_drive(drive)
    lacking = settings.lacking()
    if lacking:
        words.append("settings.toml still lacks: " + ", ".join(lacking))
    words += ["settings.toml: " + remark for remark in settings.remarks()]
    if not settings.develops():
        words.append(
            "Eject the drive and press reset. boot.py then gives the drive to the board's code, and"
            " the computer sees it read-only. Let the board start once before it goes out: its"
            " first start writes boot_out.txt. To edit it again: at the serial prompt, put the"
            " line NERVESHUB_DEVELOP = 1 at the beginning of /settings.toml and press reset; or"
            " start in safe mode"
        )
    else:
        words.append(
            "NERVESHUB_DEVELOP in settings.toml leaves the drive to the computer: nerveshub-link"
            " board develop PATH off takes that back, or the board can't install updates"
        )
    words.append(
        "Updates of CircuitPython itself (DualBankWriter) need more: storage that is not extended."
        " storage.erase_filesystem(extended=False) does that, and wipes the drive"
    )
    return words
