# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.board_status`
================================================================================

Reads a prepared drive back, in words: what the record says, what the slots hold, what would start,
and whether something is wrong.
"""

import zlib
from dataclasses import dataclass
from typing import Callable, List, Optional

from nerveshub_link.slots.record import DeviceState
from nerveshub_link.slots.slot_manifest import NAME as MANIFEST
from nerveshub_link.slots.slot_manifest import checksum, read_meta

from . import board_files, board_settings
from .board_drive import BoardError, Drive, kilobytes

_WHY = {
    "crashed": "crashed",
    "hung": "hung",
    "power": "was cut off by the power",
    "unconfirmed": "was not confirmed in time",
    "torn": "had torn files",
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


@dataclass
class SlotReport:
    """
    What a slot holds.

    :param dict meta: the release's metadata; None if the slot is empty
    :param int files: how many files its manifest lists
    :param int size: their bytes
    :param list faults: what is wrong with it, in words; empty for a whole slot
    """

    meta: Optional[dict]
    files: int
    size: int
    faults: List[str]

    @property
    def whole(self) -> bool:
        """Would the guard start it? (read-only)"""
        return self.meta is not None and not self.faults

    def words(self) -> str:
        """The report in a line."""
        if self.meta is None:
            return "empty" if not self.faults else "no release: " + "; ".join(self.faults)
        release = " ".join(str(self.meta.get(key)) for key in ("product", "version", "uuid"))
        state = "whole" if self.whole else "torn: " + "; ".join(self.faults)
        return f"{release}, {self.files} files, {kilobytes(self.size)}, {state}"


def examine(drive: Drive, folder: str) -> SlotReport:
    """Check a slot, or the rescue application, as the guard does."""
    path = drive.file(folder)
    meta = read_meta(str(path))
    if not path.is_dir():
        return SlotReport(None, 0, 0, [f"/{folder} is missing"])
    if meta is None:
        left = sum(1 for _ in drive.files(folder))
        return SlotReport(None, 0, 0, [f"{left} files without a manifest"] if left else [])
    crc, count, size, faults, ended = 0, 0, 0, [], False
    for line in (path / MANIFEST).read_bytes().splitlines(keepends=True):
        if line.startswith(b"end "):
            ended = line == b"end %08x\n" % crc
            break
        crc = zlib.crc32(line, crc)
        if line.startswith(b"nh1 "):
            continue
        try:
            expected, length, name = line.decode().rstrip("\n").split(" ", 2)
            wanted = int(length), int(expected, 16)
        except ValueError:
            break
        count, size = count + 1, size + wanted[0]
        try:
            if checksum(str(path / name)) != wanted:
                faults.append(f"{name} is not what it was")
        except OSError:
            faults.append(f"{name} is missing")
    if not ended:
        faults.append("its manifest is damaged")
    return SlotReport(meta, count, size, faults)


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
        slots = {slot: examine(self._drive, "slots/" + slot) for slot in ("a", "b")}
        rescue = examine(self._drive, "app")
        state = DeviceState(str(self._drive.path)).load()
        self._record(state, slots)
        for slot, report in slots.items():
            self._tell(f"slot {slot}", report.words())
        self._tell("rescue", rescue.words())
        if not rescue.whole:
            self.faults.append("the rescue application is not whole")
        self._guard()
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
            self._tell("record", "none: both copies are missing or torn")
            self.faults.append("there is no record: the guard will try the newest whole slot")
            return
        self._tell("record", _starts(state))
        if state.get("rev"):
            why = _WHY.get(state.get("why"), "failed")
            self._tell("went back", f"release {state.get('bad')} {why}")
        if state.get("crashes"):
            self._tell("crashes", f"{state['crashes']} without ten steady minutes in between")
        if state.get("safe"):
            self._tell("safe mode", f"{state['safe']} starts without ten steady minutes in between")
        if state.get("tb"):
            self._tell("last words", state["tb"])
        run = state["run"]
        if run and not slots[run].whole:
            self.faults.append(
                f"slot {run} is to run and is not whole: the guard will not start it"
            )
        old = state.get("old")
        if old and not slots[old].whole:
            self.faults.append(f"slot {old} is to go back to and is not whole")

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
            if not path.is_file() or not board_files.calls_guard(path.read_bytes()):
                self.faults.append(f"{name} does not call the guard")
        if self._drive.file("code.txt").exists():
            self.faults.append("code.txt is there, and CircuitPython takes it instead of code.py")
        self._tell("guard", "; ".join(words) if words else "as these tools have it")

    def _settings(self) -> None:
        try:
            settings = board_settings.of_drive(self._drive)
        except BoardError:  # told already
            settings = board_settings.load(self._drive.file(board_settings.NAME))
        lacking = settings.lacking()
        self._tell("settings", "lacking: " + ", ".join(lacking) if lacking else "complete")
        for remark in settings.remarks():
            self._tell("", remark)
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
