# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""The slots of a drive in a folder: make them, fill them with an application, harm them."""

from pathlib import Path

from nerveshub_tools import board_slots
from nerveshub_tools.packer import release

from nerveshub_link.slots.slot_file import IMAGE_AT, PAD, SECTOR

SECTORS = 400
"""Of a slot in tests that say nothing else: room for an image of 190 KB."""


def path_of(drive, slot) -> Path:
    """Where a slot's file is."""
    return Path(drive) / board_slots.path_of(slot)


def make_empty(drive, sectors=SECTORS) -> None:
    """Make both slots, with no release in them."""
    for slot in "ab":
        path_of(drive, slot).parent.mkdir(parents=True, exist_ok=True)
        path_of(drive, slot).write_bytes(bytes(sectors * SECTOR))


def install(drive, slot, files, number=1, **meta) -> None:
    """
    Put a release into a slot.

    :param drive: its folder
    :param str slot: ``"a"`` or ``"b"``
    :param dict files: path -> text or bytes
    :param int number: of the installation
    :param meta: what the header says of the release
    """
    contents = {
        path: text.encode() if isinstance(text, str) else text for path, text in files.items()
    }
    meta = {"uuid": "uuid of " + slot, "version": "1.0.0", **meta}
    made = release(contents)
    path = path_of(drive, slot)
    size = path.stat().st_size
    assert len(made.image) + len(made.table) + (IMAGE_AT + PAD) * SECTOR <= size, "too small"
    path.write_bytes(board_slots.whole_file(made, meta, number, size))


def tear(drive, slot) -> None:
    """Change one bit of the image in a slot."""
    flip(drive, slot, IMAGE_AT * SECTOR + 600)


def flip(drive, slot, at) -> None:
    """Change one bit of a slot's file."""
    path = path_of(drive, slot)
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
