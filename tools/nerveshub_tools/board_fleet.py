# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.board_fleet`
================================================================================

Prepares the boards of a table (`nerveshub_tools.fleet_table`), one after the other, as they are
plugged in: the drives of this computer, and the wait for the next one.
"""

import os
import re
import sys
import time
from pathlib import Path
from typing import Callable, List, Optional, Tuple

from . import board_settings
from .board_drive import BOOT_OUT, BoardError, Drive, in_words
from .fleet_table import IDENTIFIER, Done, Row

_PAUSE = 1  # second between two looks; a drive that was seen gets one to settle


def _uid(path: Path) -> str:
    """The chip's unique id as boot_out.txt tells it; ``""`` if it does not."""
    try:
        text = (path / BOOT_OUT).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    found = re.search(r"^UID:\s*(\S+)", text, re.M)
    return found[1] if found else ""


def mounted() -> List[Path]:
    """The drives of CircuitPython that are mounted on this computer."""
    if sys.platform == "win32":
        places = [Path(f"{letter}:\\") for letter in "DEFGHIJKLMNOPQRSTUVWXYZ"]
    elif sys.platform == "darwin":
        places = list(Path("/Volumes").glob("*"))
    else:
        try:
            with open("/proc/mounts", "rb") as file:
                places = [Path(_unescaped(line.split()[1])) for line in file if b" vfat " in line]
        except FileNotFoundError:  # other systems that mount there
            places = list(Path("/media").glob("*")) + list(Path("/media").glob("*/*"))
    return [path for path in places if _is_file(path / BOOT_OUT)]


def _unescaped(place: bytes) -> str:
    """A path of /proc/mounts, which writes blanks in octal."""
    return os.fsdecode(re.sub(rb"\\(\d{3})", lambda found: bytes((int(found[1], 8),)), place))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a drive that is just going
        return False


class FleetRun:
    """
    Where boards are plugged in.

    :param rows: of the table
    :param Done done: which are prepared already
    :param prepare: function of a drive and a row that prepares one board; False if the user did not
        want it. It may raise BoardError or ValueError: then the row stays open
    :param tell: shows a line
    :param look: gives the drives that are mounted
    :param sleep: waits some seconds
    """

    def __init__(  # noqa: PLR0913, PLR0917 - and the two parts of the world that tests replace
        self,
        rows: List[Row],
        done: Done,
        prepare: Callable[[Drive, Row], bool],
        tell: Callable[[str], None],
        look: Callable[[], List[Path]] = mounted,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rows = rows
        self._done = done
        self._prepare = prepare
        self._tell = tell
        self._look = look
        self._sleep = sleep
        self._known: set = set()  # path and unique id of the drives that were dealt with

    @property
    def left(self) -> List[Row]:
        """The rows that are still open (read-only)."""
        return [row for row in self._rows if row.identifier not in self._done.boards]

    def words(self) -> str:
        """How far it is, for the user."""
        count = len(self._rows)
        ready = count - len(self.left)
        if not self.left:
            return f"All {count} boards are prepared: {self._done.path}"
        return f"{ready} of {count} boards are prepared; the same command goes on from there"

    def run(self) -> None:
        """Prepare a board for each open row; ends when there is none."""
        if len(self.left) < len(self._rows):
            self._tell(self.words())
        asked = None
        while self.left:
            if asked != self.left[0]:
                asked = self.left[0]
                number = len(self._rows) - len(self.left) + 1
                self._tell(
                    f"Plug in the board for {asked.identifier} ({number} of {len(self._rows)})."
                )
            found = self._next()
            if found is None:
                self._sleep(_PAUSE)
                continue
            self._sleep(_PAUSE)
            self._board(*found)

    def _next(self) -> Optional[Tuple[Path, str]]:
        """A drive that was not there before, and its board's unique id."""
        here = {(path, _uid(path)) for path in self._look()}
        self._known &= here
        for path, uid in sorted(here - self._known):
            self._known.add((path, uid))
            names = [name for name, other in self._done.boards.items() if uid and uid == other]
            if not names:
                return path, uid
            self._tell(f"{path}: this board is {names[-1]}, and prepared already")
        return None

    def _board(self, path: Path, uid: str) -> None:
        try:
            drive = Drive(path)
            row = self._row_for(drive)
            self._tell(f"{path} becomes {row.identifier}")
            if not self._prepare(drive, row):
                self._tell(f"{path}: nothing was changed; {row.identifier} is still open")
                return
            board_id = drive.info().board_id
        except (BoardError, ValueError, OSError) as error:
            self._tell(f"{path}: {in_words(error)}")
            self._tell("Unplug it, and plug it in again; or another board")
            return
        self._done.add(row.identifier, uid, board_id)
        self._tell(
            f"{row.identifier} is prepared. Eject the drive, press reset, let it start once, and"
            " unplug it"
        )

    def _row_for(self, drive: Drive) -> Row:
        """The first open row, but that of a board which was given one before it was interrupted."""
        name = board_settings.of_drive(drive).text(IDENTIFIER)
        for row in self.left:
            if row.identifier == name:
                return row
        return self.left[0]
