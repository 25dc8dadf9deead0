# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.settings_changes`
================================================================================

Changes of a ``settings.toml`` that count: every version of CircuitPython reads what was meant, and
all other settings as before.
"""

import re
from typing import Callable

from . import board_settings, settings_toml
from .board_settings import DEVELOP, NAME, TABLE, Settings
from .settings_toml import NEW, quote

_VERSIONS = (NEW, (10, 1))


def with_develop(data: bytes, on: bool) -> bytes:
    """
    The file with NERVESHUB_DEVELOP on or off, as a board reads it.

    :param bytes data: the file as it is
    :param bool on: leave the drive to the computer?
    """

    def holds(settings: Settings) -> bool:
        return settings.develops() == on

    if all(holds(Settings(data, version)) for version in _VERSIONS):
        return data
    return _with_line(data, DEVELOP, str(int(on)), holds)


def with_value(data: bytes, name: str, text: str) -> bytes:
    """
    The file with a setting, as a board reads it; all others stay as they are.

    :param bytes data: the file as it is
    :param str name: such as ``"NERVESHUB_HOST"``
    :param str text: its value; may be empty
    """
    others = [Settings(data, version).texts(but=name) for version in _VERSIONS]

    def holds(settings: Settings) -> bool:
        return settings.texts(but=name) in others and settings.texts().get(name) == text

    return _with_line(data, name, quote(text), holds)


def with_advice(data: bytes) -> bytes:
    """The file with the lines that a board on a wall should have."""
    for line in Settings(data).advice():
        name, _, value = line.partition(" = ")
        data = _with_line(data, name, value, lambda settings: not settings.advice())
    return data


def _with_line(data: bytes, name: str, value: str, holds: Callable[[Settings], bool]) -> bytes:
    """
    Change the line that counts, else one that is a comment, else add one.

    :param holds: does it hold in the changed file?
    """
    line = f"{name} = {value}".encode()
    end = b"\r\n" if b"\r\n" in data else b"\n"
    found = settings_toml.find(data, name)
    table = TABLE.search(data)
    until = table.start() if table else len(data)
    comment = re.compile(rb"^# ?" + name.encode() + rb" = .*?(?=\r?$)", re.M).search(data, 0, until)
    if found is not None:
        lines = data.split(b"\n")
        rest = b"\r" if lines[found.line - 1].endswith(b"\r") else b""
        lines[found.line - 1] = line + rest
        changed = b"\n".join(lines)
    elif comment:
        changed = data[: comment.start()] + line + data[comment.end() :]
    else:
        before = end if data[:until] and not data[:until].endswith(b"\n") else b""
        changed = data[:until] + before + line + end + data[until:]
    if all(holds(Settings(changed, version)) for version in _VERSIONS):
        return changed
    return line + end + data  # the first line always counts


def rewrite(drive, data: bytes) -> None:
    """
    Write the file on a drive; as it was, it lies beside it until that is done.

    :raises BoardError: if the drive does not take it; the old file is there then, under its name or
        the other
    """
    old, spare = board_settings.on(drive), NAME + ".old"
    if not old:
        drive.write(NAME, data)
        return
    drive.write(spare, old)
    drive.overwrite(NAME, data)
    drive.file(spare).unlink()
