# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.board_pull`
================================================================================

Unpacks the release in a slot into a folder on this computer: what runs on a board, to look at or to
go on with.
"""

from pathlib import Path
from typing import Optional

from nerveshub_link.slots.record import DeviceState

from . import board_slots
from .board_drive import BoardError, Drive


def pull(drive: Drive, target, slot: Optional[str] = None) -> board_slots.SlotReport:
    """
    Unpack a slot.

    :param Drive drive: the board's drive
    :param target: the folder; made if it is not there, refused if something is in it
    :param str slot: ``"a"`` or ``"b"``; None for the one that runs
    :raises BoardError: if there is nothing to unpack, or the folder can't take it
    """
    if slot is None:
        slot = DeviceState(str(drive.path)).load().get("run")
        if not slot:
            raise BoardError(
                "no slot runs: the board has no record, or runs its rescue application. Say which"
                " slot you want: --slot a"
            )
    report = board_slots.examine(drive.file(board_slots.path_of(slot)))
    if report.header is None:
        raise BoardError(f"slot {slot} holds no release: {report.words()}")
    if report.faults:
        raise BoardError(f"slot {slot} is not whole: {'; '.join(report.faults)}")
    target = Path(target)
    try:
        if target.exists() and any(target.iterdir()):
            raise BoardError(f"{target} is not empty: give a new folder")
        target.mkdir(parents=True, exist_ok=True)
        for path, data in report.files.items():
            place = target / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
    except OSError as error:
        raise BoardError(f"{error.filename or target}: {error.strerror}") from error
    return report
