# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.slots.slot_drive`
====================================================

Checks that `AppSlotWriter` does at construction only: the drive, the slots' files, and which
application was started. A module of its own, so that it can be removed from memory after that.
"""

import gc
import json
import os
import sys

from micropython import const

from .slot_file import SECTOR, TEXTS, SlotFile

_LEAST = const(64)  # sectors for image and table: no application is smaller
_FRAGMENT = const(16)  # bytes of heap that each further piece of a file takes


def read_only(root: str):
    """
    Tell why code can't write to the drive.

    :param str root: the drive
    :return: the reason, in words; None if code can write
    """
    try:
        import storage  # noqa: PLC0415 only boards have it

        if not storage.getmount(root or "/").readonly:
            return None
    except (ImportError, OSError):
        return None
    from ..config.settings import develops  # noqa: PLC0415 seldom needed

    if develops():
        return "NERVESHUB_DEVELOP in settings.toml leaves the drive to the computer"
    return (
        "the drive is read-only for code: /boot.py must call nh_boot.boot(); if it does,"
        " /boot_out.txt says what failed"
    )


def running(root: str) -> str:
    """
    Tell which application was started.

    :param str root: the drive
    :return: the slot, ``"a"`` or ``"b"``; ``""`` for the rescue application
    :raises ValueError: if the drive was not prepared, or the boot guard did not start this
        application; the text says what to do
    """
    try:
        os.stat(root + "/nh_boot.py")
    except OSError:
        raise ValueError(
            "AppSlotWriter: %s/nh_boot.py is missing. Prepare the drive: nerveshub-link board"
            " prepare" % root
        ) from None
    launcher = sys.modules.get("nh_launcher")
    if launcher is None:
        raise ValueError(
            "AppSlotWriter: this application was not started by the boot guard. /code.py must call"
            " nh_boot.code()"
        )
    return launcher.slot


def release(root: str, slot: str) -> tuple:
    """
    Return the running release.

    :param str root: path of the drive
    :param str slot: the running slot; ``""`` for the rescue application
    :return: its metadata, or None if it is not known; and the number of its installation
    """
    if slot:
        header = _header(root, slot)
        if header is None:
            return None, 0
        return {key: header.meta[key] for key in TEXTS if header.meta[key]}, header.number
    try:
        with open(root + "/app/meta.json") as file:
            text = file.read(1024)
        meta = json.loads(text)
        # CircuitPython 10.1 accepts incomplete JSON without an error.
        if text.endswith("}\n") and all(isinstance(meta.get(key), str) for key in TEXTS):
            return {key: meta[key] for key in TEXTS}, 0
    except (OSError, ValueError, AttributeError):
        pass
    return None, 0


def newest(root: str) -> int:
    """
    Find the highest number of an installation in the slots, complete or not.

    :param str root: path of the drive
    :return: the number; 0 without any
    """
    headers = [_header(root, slot) for slot in ("a", "b")]
    return max(header.number if header is not None else 0 for header in headers)


def _header(root: str, slot: str):
    try:
        file = SlotFile(path_of(root, slot))
        try:
            return file.header()
        finally:
            file.close()
    except OSError:
        return None  # lost


def idle_slot(root: str, slot: str, state: dict) -> tuple:
    """
    Find the slot for the next release.

    :param str root: the drive
    :param str slot: the running slot; ``""`` for the rescue application
    :param dict state: the record
    :return: the slot, and why it can't be written, in words; None if it can
    """
    if slot:
        idle = "b" if slot == "a" else "a"
        return idle, unfit(root, idle, state)
    # From the rescue application both are idle: prefer the one that has not failed last.
    first, other = ("b", "a") if state.get("run") == "a" else ("a", "b")
    why = unfit(root, first, state)
    return (first, why) if why is None or unfit(root, other, state) else (other, None)


def unfit(root: str, slot: str, state: dict):
    """
    Tell why a slot can't be written.

    :param str root: the drive
    :param str slot: ``"a"`` or ``"b"``
    :param dict state: the record
    :return: the reason, in words; None if it can be written
    """
    path = path_of(root, slot)
    try:
        sectors = os.stat(path)[6] // SECTOR
    except OSError:
        sectors = 0
    if not sectors:
        what = "%s is lost" % path
    elif sectors < _LEAST + 15 or state.get("make", 0) > sectors:
        what = "%s has %d KB only" % (path, sectors // 2)
    elif slot in state.get("split", "") or _is_split(root, path):
        what = "%s is not in one piece" % path
    else:
        return None
    return what + ": erase the drive and prepare it again"


def path_of(root: str, slot: str) -> str:
    """
    Return the path of a slot's file.

    :param str root: path of the drive
    :param str slot: ``"a"`` or ``"b"``
    :return: the path
    """
    return "%s/images/%s/app.img" % (root, slot)


def _is_split(root: str, path: str) -> bool:
    """
    Tell whether a file is fragmented. When CircuitPython opens a file to read, it allocates a map
    of its fragments (``extmod/vfs_fat_file.c``). So a fragmented file takes more heap than one that
    is too short for fragments. ``open`` also copies the path: so both paths have the same length
    (FatFs ignores repeated slashes), and are made here, since a constant would not be copied.
    """
    if sys.implementation.name != "circuitpython":
        return False
    short = root + "/" * (len(path) - len(root) - len("code.py")) + "code.py"
    gc.collect()
    collects = gc.isenabled()
    gc.disable()  # else something that is freed meanwhile would be taken away
    try:
        before = gc.mem_alloc()
        with open(short, "rb"):
            between = gc.mem_alloc()
            with open(path, "rb"):
                after = gc.mem_alloc()
    except (OSError, MemoryError):
        return False  # nothing to compare with
    finally:
        if collects:
            gc.enable()
    return after - between >= between - before + _FRAGMENT
