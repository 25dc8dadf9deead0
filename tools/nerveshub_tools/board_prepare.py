# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.board_prepare`
================================================================================

Lays out a CIRCUITPY for `AppSlotWriter`: record, guard, rescue application, library, slots, in the
order that `nerveshub_tools.board_layout` gives. Run again, it goes on where it was interrupted, or
brings guard and library up to date.

Until the end, what CircuitPython starts by itself (`board_files.ENTRIES`) are comments: a board
that was interrupted starts nothing, and leaves the drive to the computer.
"""

import os
from typing import Callable, List, Sequence

from nerveshub_link.slots.record import StateError

from . import (
    board_files,
    board_layout,
    board_library,
    board_settings,
    board_slots,
    settings_faults,
)
from .board_drive import BoardError, Drive
from .board_plan import HIDING, Plan, Wish

__all__ = ("Preparation", "Wish", "still_needed")


class Preparation(Plan):
    """One run of ``board prepare``; made as its `Plan` is."""

    _open: Sequence[str] = ()
    _done: Sequence[str] = ()

    def run(self) -> bool:
        """
        Do it all.

        :return: False if the user did not want it
        :raises BoardError: if something failed; `unfinished` tells what is there then
        """
        self.check_room()
        if not self._prepared:
            self._drive.check_tables()
        changes = self.changes()
        if changes and not self._ask("\n".join(changes)):
            return False
        steps = {
            "the library": self._install_library,
            "the boot guard": self._write_guard,
            "the settings": self._make_places,
            "the slots": self._fill,
            "the start": self._finish,
        }
        self._open = list(steps)
        self._done = []
        if not self._prepared:
            self._write(board_layout.FIRST_PAD, bytes(board_layout.PAD_SIZE))
            self._make_record()
        if self._library.words:
            self._tell(self._library.words)
        for name, step in steps.items():
            step()
            self._done.append(self._open.pop(0))
        if hasattr(os, "sync"):
            os.sync()
        return True

    def unfinished(self) -> str:
        """What is on the drive after `run` failed or was interrupted, in words."""
        if not self._open:
            return ""
        there = ", ".join(self._done) or "nothing that counts"
        words = f"Half of it is there: {there}; still to come: {', '.join(self._open)}. "
        if self._prepared:
            words += "The slots and the record are as they were. "
        else:
            words += "The board starts none of it yet. "
        return words + "Run this again before you reset the board: it goes on from there"

    def _write_guard(self) -> None:
        for name in board_files.ENTRIES + HIDING:
            self._keep(name)
        for name, data in self._files.items():
            later = name in board_files.ENTRIES and not self._drive.holds(name, data)
            self._write(name, board_files.unfinished(name) if later else data)

    def _make_places(self) -> None:
        for folder in board_layout.FOLDERS:
            self._make_folder(folder)
        for pad, places in board_layout.PLACES:
            self._write(pad, bytes(board_layout.PAD_SIZE))
            for place in places:
                if place == board_settings.NAME:
                    self._write_settings()
                else:
                    self._make_folder(place)

    def _make_folder(self, name: str) -> None:
        try:
            self._drive.file(name).mkdir(exist_ok=True)
        except OSError as error:
            raise self._drive.failure(error, name, self._drive.cluster()) from error

    def _make_record(self) -> None:
        """The files, empty. One that is there already lies where it belongs."""
        for name in board_layout.RECORD:
            path = self._drive.file(name)
            if not path.is_file() or path.stat().st_size != board_layout.RECORD_SIZE:
                self._drive.write(name, bytes(board_layout.RECORD_SIZE))

    def _write_settings(self) -> None:
        name, old = board_settings.NAME, board_settings.on(self._drive)
        new = self._settings
        if new is None and not old:
            new = board_settings.template(**self._wish.settings).encode()
        if new is None or new == old:
            return
        if old.strip():
            self._drive.write(self._spare_name(name), old)
            self._drive.overwrite(name, new)
        else:
            self._drive.write(name, new)

    def _keep(self, name: str) -> None:
        path = self._drive.file(name)
        if path.is_file() and path.stat().st_size and not self._is_ours(name):
            path.rename(self._drive.file(self._spare_name(name)))

    def _write(self, name: str, data: bytes) -> None:
        if not self._drive.holds(name, data):
            self._drive.write(name, data)
        self._progress(len(data))

    def _install_library(self) -> None:
        if not self._same_library():
            board_library.clean(self._drive, self._library)
        for name, data in self._library.files.items():
            self._write(name, data)

    def _fill(self) -> None:
        """The slots, and the record's content."""
        if self._prepared:
            self._tell("Prepared before: the slots and the record are as they were.")
            if self._wish.app is not None:
                self._tell("--app was ignored: --reset installs it.")
            return
        reports = {
            slot: board_slots.examine(self._drive.file(board_slots.path_of(slot)))
            for slot in board_slots.SLOTS
        }
        for slot, report in reports.items():
            content = self._slot_a if slot == "a" and self._slot_a else b""
            self._fill_slot(slot, report, content)
        if self._slot_a:
            self._tell(f"Slot a holds {self._app_words}.")
        elif not self._wish.reset and any(report.header for report in reports.values()):
            self._tell("The slots hold releases: the guard chooses the newest whole one.")
            return
        else:
            self._tell("The slots are empty: the rescue application fetches the first release.")
        try:
            before = self._record.load()
            state = {"run": "a" if self._slot_a else ""}
            if "run" not in before or "make" in before:
                state["make"] = self._slot_size // 512  # the board looks at them at its first start
            elif before.get("split"):
                state["split"] = before["split"]
            self._record.save(state)
        except StateError as error:
            raise BoardError(f"{error}: is the drive full, or damaged?") from error

    def _fill_slot(self, slot: str, report: board_slots.SlotReport, content: bytes) -> None:
        """
        A file that is not there is written whole. Now and not at the board's first start: who edits
        settings.toml before that leaves a gap, and the board would begin the file in it.
        """
        name = board_slots.path_of(slot)
        if report.size != self._slot_size:
            self._drive.write(name, content or bytes(self._slot_size))
        elif content and not self._drive.holds(name, content):
            self._in_place(name, lambda path: board_slots.fill(path, content))
        elif not content and self._wish.reset:
            self._in_place(name, board_slots.clear)
        self._progress(self._slot_size)

    def _finish(self) -> None:
        """Let CircuitPython start it: the entries, where their comments lie."""
        for name in board_files.ENTRIES:
            if not self._drive.holds(name, self._files[name]):
                self._drive.overwrite(name, self._files[name])

    def _in_place(self, name: str, change: Callable) -> None:
        try:
            change(self._drive.file(name))
        except OSError as error:
            raise self._drive.failure(error, name, self._slot_size) from error


def still_needed(drive: Drive) -> List[str]:
    """What the board still needs when the drive is laid out, in words."""
    words = []
    settings = board_settings.of_drive(drive)
    lacking = settings.lacking() + settings.advice()
    if lacking:
        words.append("settings.toml still lacks: " + ", ".join(lacking))
    words += ["settings.toml: " + fault for fault in settings_faults.faults(settings, drive.file)]
    words += ["settings.toml: " + remark for remark in settings.remarks()]
    words += board_settings.misnamed(drive)
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
