# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.board_plan`
================================================================================

Plans a run of ``board prepare``: which files it will write and replace, and whether there is room.
Writes nothing; `nerveshub_tools.board_prepare` does.
"""

from dataclasses import dataclass, field
from typing import Callable, Dict, List, Optional, Sequence

from nerveshub_link.slots.record import DeviceState

from . import (
    application,
    board_files,
    board_layout,
    board_library,
    board_settings,
    board_slots,
    library_sources,
    packer,
)
from .board_drive import ERASE_FIRST, BoardError, Drive, kilobytes
from .images import fwup_uuid

_KEPT = ".before-nerveshub"
# CircuitPython takes the first of code.txt, code.py, main.txt, main.py; likewise boot.
HIDING = ("code.txt",)
_SPARE = 16  # clusters, for what grows


@dataclass
class Wish:
    """
    What the user wants.

    :param app: folder of the application for slot a, or None
    :param dict meta: product, version, platform, architecture and so on, as far as given
    :param bool reset: begin anew: slots and record
    :param str library: ``auto``, ``circup``, ``copy`` or ``none``
    :param archives: zips with the library, which come before all that
    :param find: finds the library; as `library_sources.find`
    :param dict settings: values for a new settings.toml
    :param int slot_size: bytes of each slot's file; None for that of `board_layout.default_slot`
    """

    app: Optional[str] = None
    meta: Dict[str, str] = field(default_factory=dict)
    reset: bool = False
    library: str = "auto"
    archives: Sequence[str] = ()
    find: Callable = library_sources.find
    settings: Dict[str, str] = field(default_factory=dict)
    slot_size: Optional[int] = None


class Plan:
    """
    What one run of ``board prepare`` is about to do.

    :param Drive drive: the board's drive
    :param Wish wish: what the user wants
    :param ask: function of a text that returns whether to go on
    :param tell: function that shows a line
    :param progress: called with the number of bytes written, for a bar
    :raises BoardError: if the board or the drive is not fit for it
    :raises ValueError: if the application or what it is called is not
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
        self._meta = board_layout.described(drive, self.info, wish.meta, wish.app is not None)
        self._files = board_layout.fixed_files(self._meta)
        self._library = wish.find(drive, wish.library, wish.archives)
        self._settings: Optional[bytes] = None
        self._slot_size = self._size_of_slots()
        self._slot_a = b""  # the whole file, if there is an application
        if wish.app is not None and not self._prepared:
            self._read_app(wish.app)

    def _size_of_slots(self) -> int:
        """As they are if they are there: what is made once, stays."""
        wanted = self._wish.slot_size
        for slot in board_slots.SLOTS:
            path = self._drive.file(board_slots.path_of(slot))
            if path.is_file() and path.stat().st_size:
                size = path.stat().st_size
                if wanted not in {None, size}:
                    raise BoardError(
                        f"slot {slot} has {kilobytes(size)}, not {kilobytes(wanted)}, and stays so."
                        f" {ERASE_FIRST}"
                    )
                return size
        return wanted or board_layout.default_slot(self._drive)

    def _read_app(self, folder: str) -> None:
        app = application.read(folder)
        made = packer.release(app.files)
        words = app.warnings + packer.check_fits(made, self._slot_size)
        words += application.without_link(app.files)
        uuid = fwup_uuid(packer.meta_conf(self._meta, made.resource(packer.IMAGE)))
        meta = {**self._meta, "uuid": uuid}
        self._slot_a = board_slots.whole_file(made, meta, 1, self._slot_size)
        for text in words:
            self._tell("warning: " + text)
        self._app_words = f"{meta['product']} {meta['version']}, {uuid}"

    def use_settings(self, data: bytes) -> None:
        """Let this be the board's settings.toml. One that is there already is kept beside it."""
        self._settings = data

    def use_files(self, files: Dict[str, bytes]) -> None:
        """Let these files be on the drive, too: path to content. The board does not write them."""
        self._files.update(files)

    @property
    def product(self) -> str:
        """The product's name in NervesHub (read-only)."""
        return self._meta["product"]

    @property
    def total(self) -> int:
        """Bytes that will be written, for a bar (read-only)."""
        slots = 0 if self._prepared else 2 * self._slot_size
        return sum(len(data) for data in self._files.values()) + self._library.size + slots

    # Before anything is written

    def changes(self) -> List[str]:
        """What would be changed that is there already, in words."""
        found = []
        if self._used and not self._prepared and not self._drive.file("nh_a").exists():
            found.append(
                "This drive is not empty. On an empty one the record and the slots lie apart from"
                f" all other files, and a power cut can't tear them. {ERASE_FIRST}"
            )
        for name in board_files.ENTRIES + HIDING:
            path = self._drive.file(name)
            if path.is_file() and path.stat().st_size and not self._is_ours(name):
                found.append(f"{name} is kept as {self._spare_name(name)}")
        for name, data in self._files.items():
            path = self._drive.file(name)
            if path.is_file() and path.stat().st_size and not self._drive.holds(name, data):
                if name not in board_files.ENTRIES or board_files.calls_guard(path.read_bytes()):
                    found.append(f"{name} is replaced by this version")
        if board_library.is_whole(self._drive) and not self._same_library():
            found.append("lib/nerveshub_link and what it needs are replaced")
        old = board_settings.on(self._drive)
        if old.strip() and self._settings not in {None, old}:
            spare = self._spare_name(board_settings.NAME)
            found.append(f"{board_settings.NAME} is changed, and kept as it was as {spare}")
        return found if self._prepared else found + self._slot_changes()

    def _slot_changes(self) -> List[str]:
        found = []
        for slot in board_slots.SLOTS:
            report = board_slots.examine(self._drive.file(board_slots.path_of(slot)))
            if report.header is None:
                continue
            meta = report.header.meta
            release = f"slot {slot} with {meta['product']} {meta['version']}"
            if self._wish.reset:
                found.append(f"{release} is cleared")
            elif slot == "a" and self._slot_a and not self._holds_app():
                found.append(f"{release} is replaced by the application")
        return found

    def _holds_app(self) -> bool:
        return self._drive.holds(board_slots.path_of("a"), self._slot_a)

    def _is_ours(self, name: str) -> bool:
        text = self._drive.file(name).read_bytes()
        return board_files.calls_guard(text) or board_files.is_unfinished(text)

    def _same_library(self) -> bool:
        return not self._library.files or board_library.is_same(self._drive, self._library)

    def check_room(self) -> None:
        """
        Is there room for all of it, the two slots included?

        :raises BoardError: if not, with the numbers
        """
        drive = self._drive
        sizes = {name: len(data) for name, data in self._files.items()}
        sizes.update({pad: board_layout.PAD_SIZE for pad, _ in board_layout.PLACES})
        old = board_settings.on(drive)
        sizes["settings.toml, old and new"] = len(old) + max(len(self._settings or b""), 2048)
        sizes.update(dict.fromkeys(board_layout.RECORD, board_layout.RECORD_SIZE))
        sizes.update({board_slots.path_of(slot): self._slot_size for slot in board_slots.SLOTS})
        sizes[board_layout.FIRST_PAD] = board_layout.PAD_SIZE
        there = [drive.file(name) for name in sizes]
        library = drive.room({name: len(data) for name, data in self._library.files.items()})
        if library:
            there += drive.files("lib/" + board_library.PACKAGE)
            there += [drive.file(name) for name in self._library.files if name.count("/") == 1]
        needed = drive.room(sizes) + library + _SPARE * drive.cluster()
        free = drive.free() + sum(
            drive.taken(path.stat().st_size) for path in there if path.is_file()
        )
        if needed > free:
            compiled = (
                ""
                if self._library.is_compiled
                else ". Compiled, the library takes a quarter of that"
                ": pip install circup, or --library-zip"
            )
            raise BoardError(
                f"no room: {kilobytes(needed)} are needed, {kilobytes(2 * self._slot_size)} of it"
                f" for two slots and {kilobytes(library)} for the library; {kilobytes(free)} are"
                " free. Remove what the board does not need, or give a smaller --slot-size"
                + compiled
            )

    def _spare_name(self, name: str) -> str:
        spare, number = name + _KEPT, 1
        while self._drive.file(spare).exists():
            number += 1
            spare = f"{name}{_KEPT}-{number}"
        return spare
