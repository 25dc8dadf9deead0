# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.slots.slot_drive`
====================================================

What `AppSlotWriter` looks at once, while it is made: the drive, and where this application was
started. Apart from it, so that a board gets the memory back.
"""

import os


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


def check(root: str, writable: bool) -> None:
    """
    Check that the drive was prepared.

    :param str root: the drive
    :param bool writable: False if folders that are missing can't be made
    :raises ValueError: if it was not; the text says what to do
    """
    for name in ("/nh_boot.py", "/slots", "/slots/a", "/slots/b"):
        try:
            os.stat(root + name)
        except OSError:
            if name == "/nh_boot.py" or (writable and not _made(root + name)):
                raise ValueError(
                    "AppSlotWriter: %s is missing. Prepare the drive: nerveshub-link board prepare"
                    % (root + name)
                ) from None


def _made(folder: str) -> bool:
    """Make a folder that a power cut has torn from a prepared drive."""
    try:
        os.mkdir(folder)
    except OSError:
        return False
    return True


def running(root: str, state: dict) -> str:
    """
    Tell from which slot this application was started.

    :param str root: the drive
    :param dict state: the record
    :return: ``"a"``, ``"b"``, or ``""`` for the rescue application
    :raises ValueError: if it was not started by the boot guard
    """
    try:
        folder = os.getcwd()
    except OSError:
        # A power cut has torn the folder above, so FAT can't find the way up. What the guard has
        # noted serves.
        return state.get("run", "")
    if folder == root + "/app":
        return ""
    for slot in ("a", "b"):
        if folder == root + "/slots/" + slot:
            return slot
    raise ValueError(
        "AppSlotWriter: this application was started in %s and not by the boot guard. /code.py must"
        " call nh_boot.code()" % folder
    )
