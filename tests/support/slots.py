# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""The slots of a drive in a folder: make them, fill them with an application, harm them."""

import hashlib
import zlib
from pathlib import Path

from nerveshub_tools import container, fat_image

from nerveshub_link.slots.slot_file import HEADER_AT, IMAGE_AT, PAD, SECTOR, Header

SECTORS = 400
"""Of a slot in tests that say nothing else: room for an image of 190 KB."""


def path_of(drive, slot) -> Path:
    """Where a slot's file is."""
    return Path(drive) / "images" / slot / "app.img"


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
    image = fat_image.build(contents)
    table = container.make(image).table
    meta = {"uuid": "uuid of " + slot, "version": "1.0.0", **meta}
    header = Header(
        number,
        len(image.data),
        len(table),
        zlib.crc32(image.data),
        hashlib.sha256(image.data).digest(),
        hashlib.sha256(table).digest(),
        meta,
    )
    data = bytes(HEADER_AT * SECTOR) + header.pack() + image.data + table
    path = path_of(drive, slot)
    size = path.stat().st_size
    assert len(data) + PAD * SECTOR <= size, "the slots of these tests are too small"
    path.write_bytes(data.ljust(size, b"\0"))


def tear(drive, slot) -> None:
    """Change one bit of the image in a slot."""
    flip(drive, slot, IMAGE_AT * SECTOR + 600)


def flip(drive, slot, at) -> None:
    """Change one bit of a slot's file."""
    path = path_of(drive, slot)
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
