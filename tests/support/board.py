# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Helpers for a simulated board: lay out its drive, wait for its events, fill its slots."""

import contextlib
import queue
import time
from pathlib import Path

from nerveshub_tools import board_slots
from nerveshub_tools.packer import release
from nerveshub_tools.simulated_board import SimulatedBoard, make_drive

from nerveshub_link.slots.record import DeviceState

from . import slots

TIMEOUT = 30
META = {"product": "demo", "version": "1.0.0"}


class Events(queue.Queue):
    """The board's events, in order."""

    def __init__(self):
        super().__init__()
        self.closed = []
        """Files that the end of a VM has closed: for each, a folder was written."""

    def put(self, event):
        """Add an event; called by the board."""
        if event["event"] == "folder_written":
            self.closed.append(event["file"])
        super().put(event)

    def until(self, name, **fields):
        """Wait for the first event of this name and with these fields; all before are dropped."""
        deadline = time.monotonic() + TIMEOUT
        dropped = []
        while time.monotonic() < deadline:  # also if a board sends events without end
            try:
                event = self.get(timeout=deadline - time.monotonic())
            except queue.Empty:
                break
            if event["event"] == name and fields.items() <= event.items():
                return event
            dropped.append(event)
        raise AssertionError(f"no {name} {fields} within {TIMEOUT} s; last: {dropped[-12:]}")

    def said(self, text):
        """Wait for a line that the board prints."""
        return self.until("output", text=text)

    def ends(self, file, how):
        """Wait until a file's run ends like this."""
        self.until("started", file=file)
        return self.until("ended", how=how)


def application(folder: Path, source: str, **files: str) -> str:
    """Make an application's folder: its code.py, and further files by their paths."""
    for name, text in {"code.py": source, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return str(folder)


def fill(drive: Path, slot: str, source: str, number: int, **state) -> None:
    """Put a release into a slot, as `AppSlotWriter` does, and remember ``state``."""
    path = drive / board_slots.path_of(slot)
    size = path.stat().st_size if path.exists() else recorded(drive)["make"] * 512
    meta = {**META, "uuid": f"uuid-{slot}", "platform": "p", "architecture": "x"}
    made = release({"code.py": source.encode()})
    path.write_bytes(board_slots.whole_file(made, meta, number, size))
    if state:
        remember(drive, **state)


def remember(drive: Path, **state) -> None:
    """Write the record."""
    record = DeviceState(str(drive))
    record.load()
    record.save(state)


def recorded(drive: Path) -> dict:
    """Read the record."""
    return DeviceState(str(drive)).load()


def new_drive(folder: Path, source: str, **settings) -> Path:
    """A prepared drive whose slot a holds this application, after the first start."""
    app = application(folder / "first", source)
    return started_once(make_drive(folder / "CIRCUITPY", app=app, meta=META, settings=settings))


def started_once(drive: Path) -> Path:
    """Make missing slots, as the first start of a prepared drive does."""
    state = recorded(drive)
    size = state.pop("make") * slots.SECTOR
    for slot in "ab":
        path = slots.path_of(drive, slot)
        if not path.exists():
            path.write_bytes(bytes(size))
    remember(drive, **state)
    return drive


@contextlib.contextmanager
def running(drive, **options):
    """A simulated board that is on, and its events. The guard's waits pass at once."""
    events = Events()
    with SimulatedBoard(drive, events.put, **{"sleep_scale": 0, **options}) as board:
        yield board, events
