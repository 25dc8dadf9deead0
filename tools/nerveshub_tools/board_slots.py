# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.board_slots`
================================================================================

Slot files on a mounted drive: made whole for the first release, examined, read back. The format is
stated in ``docs/release_format.rst``; the header's is the library's `slot_file`.
"""

import hashlib
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, Optional

from nerveshub_link.slots.slot_file import HEADER_AT, IMAGE_AT, PAD, SECTOR, Header, unpack

from . import fat_reader
from .container import Container
from .packer import kilobytes, room

SLOTS = ("a", "b")
_MAGIC = b"NHsl"


def path_of(slot: str) -> str:
    """Where a slot's file is on the drive."""
    return f"images/{slot}/app.img"


def whole_file(made: Container, meta: dict, number: int, size: int) -> bytes:
    """
    All bytes of a slot's file with a release in it.

    :param dict meta: product, version, platform, architecture, uuid
    :param int number: of the installation
    :param int size: bytes of the file; `packer.check_fits` has said that the release fits
    """
    header = Header(
        number,
        len(made.image),
        len(made.table),
        zlib.crc32(made.image),
        hashlib.sha256(made.image).digest(),
        hashlib.sha256(made.table).digest(),
        meta,
    )
    return (bytes(HEADER_AT * SECTOR) + header.pack() + made.image + made.table).ljust(size, b"\0")


def clear(path: Path) -> None:
    """From now on this slot holds no release. Written in place: the file stays where it lies."""
    _overwrite(path, HEADER_AT * SECTOR, bytes(SECTOR))


def fill(path: Path, data: bytes) -> None:
    """Write a `whole_file` over a slot's file, in place, the header last."""
    clear(path)
    start, end = HEADER_AT * SECTOR, IMAGE_AT * SECTOR
    _overwrite(path, end, data[end:])
    _overwrite(path, start, data[start:end])


def _overwrite(path: Path, at: int, data: bytes) -> None:
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(data)


@dataclass
class SlotReport:
    """
    What a slot holds.

    :param int size: bytes of its file; 0 if it is missing
    :param Header header: of the release; None if there is none
    :param dict files: the release's files, if they can be read
    :param list faults: what is wrong with it, in words; empty for a slot that is whole or empty
    """

    size: int
    header: Optional[Header] = None
    files: Dict[str, bytes] = field(default_factory=dict)
    faults: List[str] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Would the guard start it? (read-only)"""
        return self.header is not None and not self.faults

    def words(self) -> str:
        """One line about it."""
        if not self.size:
            return "missing"
        if self.header is None:
            said = "; ".join(self.faults) or "empty"
            return f"{said}; room for {kilobytes(room(self.size))}"
        header, files = self.header, self.files
        meta = header.meta
        count = "1 file" if len(files) == 1 else f"{len(files):,} files"
        size = sum(map(len, files.values()))
        taken = header.image_length + -(-header.table_length // SECTOR) * SECTOR
        full = taken * 100 // max(room(self.size), 1)
        return (
            f"{meta['product']} {meta['version']} {meta['uuid']}, {count}, {kilobytes(size)},"
            f" {full} % of {kilobytes(room(self.size))}, "
            + ("torn: " + "; ".join(self.faults) if self.faults else "whole")
        )


def examine(path: Path) -> SlotReport:
    """
    Look at a slot's file.

    :param path: the file; it may be missing
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return SlotReport(0)
    except OSError as error:
        return SlotReport(0, faults=[f"{path.name} can't be read: {error.strerror}"])
    report = SlotReport(len(data))
    if len(data) < (IMAGE_AT + PAD) * SECTOR or len(data) % SECTOR:
        report.faults.append(f"its file has {len(data):,} bytes: it was cut or replaced")
        return report
    sector = data[HEADER_AT * SECTOR : IMAGE_AT * SECTOR]
    report.header = header = unpack(sector)
    if header is None:
        if sector[:4] == _MAGIC:
            version = int.from_bytes(sector[4:6], "little")
            report.faults.append(
                "its header is damaged" if version == 1 else f"its header has version {version}"
            )
        return report
    at = IMAGE_AT * SECTOR
    image = data[at : at + header.image_length]
    table = data[at + header.image_length :][: header.table_length]
    if header.image_length + header.table_length > room(len(data)):
        report.faults.append("its header names more than it has room for")
    elif zlib.crc32(image) != header.crc or _hash(image) != header.image_hash:
        report.faults.append("its image is not what was installed")
    elif _hash(table) != header.table_hash:
        report.faults.append("its chunk table is not what was installed")
    try:
        report.files = fat_reader.read(image)
    except fat_reader.BadImage as error:
        report.faults.append(str(error))
    return report


def _hash(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
