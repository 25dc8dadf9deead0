# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.board_status`
================================================================================

Reads a prepared drive back, in words: what the record says, what the slots hold, what would start,
and whether something is wrong.
"""

from typing import Callable, List

from nerveshub_link.slots.record import DeviceState

from . import (
    board_files,
    board_layout,
    board_library,
    board_settings,
    board_slots,
    settings_faults,
)
from .board_drive import BoardError, Drive, kilobytes

_WHY = {
    "crashed": "crashed",
    "hung": "hung",
    "power": "lost power",
    "unconfirmed": "was not confirmed in time",
    "torn": "had a damaged image",
}
_ENDS = {
    "c": "crashed",
    "e": "ended by itself",
    "h": "hung",
    "p": "lost power",
    "r": "reset itself",
    "u": "was not confirmed in time",
    "?": "has not ended yet",
}


class Status:
    """
    One look at a drive.

    :param Drive drive: the board's drive
    :param tell: function of a heading and a line that shows them
    """

    def __init__(self, drive: Drive, tell: Callable[[str, str], None]) -> None:
        self._drive = drive
        self._tell = tell
        self.faults: List[str] = []
        """What is wrong, in words."""

    def run(self) -> bool:
        """Look at everything; True if nothing is wrong."""
        self._board()
        slots = {
            slot: board_slots.examine(self._drive.file(board_slots.path_of(slot)))
            for slot in board_slots.SLOTS
        }
        state = DeviceState(str(self._drive.path)).load()
        self._record(state, slots)
        for slot, report in slots.items():
            self._slot(slot, report, state)
        self._rescue()
        self._guard()
        self.faults += board_library.faults(self._drive)
        self._settings()
        return not self.faults

    def _board(self) -> None:
        try:
            info = self._drive.info()
            self._tell("board", f"{info.board_id}, CircuitPython {info.version}, {info.chip}")
            if info.unsupported():
                self.faults.append(info.unsupported())
            elif info.untried:
                self._tell("", info.untried)
        except BoardError as error:
            self.faults.append(str(error))
        size = kilobytes(self._drive.free())
        self._tell("drive", f"{size} free, clusters of {self._drive.cluster()} bytes")

    def _record(self, state: dict, slots: dict) -> None:
        if "run" not in state:
            self._tell("record", "none: all copies are missing or torn")
            self.faults.append("there is no record: the guard will try the newest whole slot")
            return
        self._tell("record", _starts(state))
        for name in board_layout.RECORD:
            path = self._drive.file(name)
            if not path.is_file() or path.stat().st_size != board_layout.RECORD_SIZE:
                self.faults.append(
                    f"{name}, one of the record's copies, is lost: the others do its work, but"
                    " erase the drive and prepare it again when you can"
                )
        if state.get("rev"):
            why = _WHY.get(state.get("why"), "failed")
            self._tell("went back", f"release {state.get('bad')} {why}")
        if state.get("crashes"):
            self._tell("crashes", f"{state['crashes']} without ten steady minutes in between")
        if state.get("safe"):
            self._tell("safe mode", f"{state['safe']} starts without ten steady minutes in between")
        if state.get("tb"):
            self._tell("last words", state["tb"])
        if state.get("min"):
            self._tell("lowest", f"no release below {state['min']} is taken any more")
        run = state["run"]
        if run in slots and not slots[run].whole:
            self.faults.append(
                f"slot {run} is to run and is not whole: the guard will not start it"
            )
        old = state.get("old")
        if old in slots and not slots[old].whole:
            self.faults.append(f"slot {old} is to go back to and is not whole")

    def _slot(self, slot: str, report: board_slots.SlotReport, state: dict) -> None:
        split = slot in state.get("split", "")
        if not report.size and state.get("make"):
            size = kilobytes(state["make"] * 512)
            self._tell(f"slot {slot}", f"the board makes it at its first start: {size}")
            return
        pieces = ", in pieces" if split else ", in one piece"
        if state.get("make"):
            pieces = "; whether it lies in one piece the board sees at its first start"
        size = f"; file of {kilobytes(report.size)}{pieces}" if report.size else ""
        self._tell(f"slot {slot}", report.words() + size)
        if not report.size:
            self.faults.append(
                f"the file of slot {slot} is lost: the board takes no updates. Erase the drive and"
                " prepare it again"
            )
        elif split:
            self.faults.append(
                f"slot {slot} does not lie in one piece: the board takes no updates. Erase the"
                " drive and prepare it again"
            )
        elif report.faults and slot not in {state.get("run"), state.get("old")}:
            self.faults += [f"slot {slot}: {fault}" for fault in report.faults]

    def _rescue(self) -> None:
        meta = board_layout.rescue_meta(self._drive)
        code = self._drive.file("app/code.py")
        whole = meta is not None and code.is_file() and code.stat().st_size > 0
        if not whole:
            self._tell("rescue", "not whole")
            self.faults.append("the rescue application is not whole")
            return
        ours = self._drive.holds("app/code.py", board_files.read("app/code.py"))
        words = "as these tools have it" if ours else "another code.py than these tools have"
        self._tell("rescue", f"for {meta['product']}; {words}")

    def _guard(self) -> None:
        words = []
        for name in board_files.GUARD:
            path = self._drive.file(name)
            if not path.is_file():
                self.faults.append(f"{name} is missing")
            elif not self._drive.holds(name, board_files.read(name)):
                words.append(f"{name} is another version than these tools have")
        for name in board_files.ENTRIES:
            path = self._drive.file(name)
            text = path.read_bytes() if path.is_file() else b""
            if board_files.is_unfinished(text):
                self.faults.append(f"{name}: board prepare did not end: run it again")
            elif not board_files.calls_guard(text):
                self.faults.append(f"{name} does not call the guard")
        if self._drive.file("code.txt").exists():
            self.faults.append("code.txt is there, and CircuitPython takes it instead of code.py")
        self._tell("guard", "; ".join(words) if words else "as these tools have it")

    def _settings(self) -> None:
        try:
            settings = board_settings.of_drive(self._drive)
        except BoardError:  # that it is no board was told under "board"
            settings = board_settings.load(self._drive.file(board_settings.NAME))
        there = self._drive.file(board_settings.NAME).is_file()
        lacking = settings.lacking() if there else []
        faults = settings_faults.faults(settings, self._drive.file)
        if not there:
            self._tell("settings", "missing")
            self.faults.append(f"{board_settings.NAME} is missing")
        else:
            state = "wrong" if faults else "complete"
            self._tell("settings", "lacking: " + ", ".join(lacking) if lacking else state)
            for line in settings.advice():
                self._tell("", f"better with {line}")
        self.faults += [f"{board_settings.NAME} lacks {name}" for name in lacking]
        self.faults += [f"{board_settings.NAME}: {fault}" for fault in faults]
        for remark in settings.remarks() + board_settings.misnamed(self._drive):
            self._tell("", remark)
        keys = (settings.text("NERVESHUB_PUBLIC_KEYS") or "").replace(",", " ").split()
        if keys:
            shown = ", ".join(key[:8] + "..." for key in keys)
            self._tell("takes", f"only releases signed by {shown} (public keys)")
        if settings.develops():
            self._tell("develop", "NERVESHUB_DEVELOP leaves the drive to the computer: no updates")


def _starts(state: dict) -> str:
    run, old = state["run"], state.get("old")
    words = f"slot {run} runs" if run else "the rescue application runs"
    if not run:
        return words
    if state.get("trial"):
        ends = state.get("ends", "")
        words += ", on trial"
        if ends:
            words += ": " + ", ".join(f"start {_ENDS.get(end, end)}" for end in ends)
    else:
        words += ", confirmed"
    return words + (f"; slot {old} is kept to go back to" if old else "; nothing to go back to")
