# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.release_file`
================================================================================

Reads a release, a ``.fw`` or a ``.bin``, and finds faults: damage, with its place in the file, and
features that a board does not support. The file is not trusted: it may come from anywhere, and may
be cut off at any byte.

`nerveshub_tools.release_rules` has NervesHub's rules. The formats are stated in
``docs/release_format.rst``; that of a ``.bin`` is ESP-IDF's ``esp_image_format.h``.
"""

import hashlib
import re
from dataclasses import dataclass, field
from functools import reduce
from operator import xor
from pathlib import Path
from typing import Dict, List, Optional

from . import container, fat_reader
from .images import description_of, image_meta
from .signatures import BROKEN, SIGNATURE
from .zip_members import Member, ZipMembers

CONF = "meta.conf"
IMAGE = "app.img"
_DATA = "data/"
_MOST_CONF = 50_000  # of fwup
_BOARD_CONF = (10, 4096)
_RESOURCE = re.compile(rb'^\s*file-resource\s+"?([^"\n{]*?)"?\s*\{\s*$(.*?)^\s*\}', re.M | re.S)
_PAIR = re.compile(rb'^\s*([a-z0-9-]+)\s*=\s*"?([^"\n]*?)"?\s*$', re.M)
_MOST_CHUNKS = 3  # that are named; of a file that was cut off, all the others are gone, too


class NoRelease(ValueError):
    """Raised when a file is neither a ``.fw`` nor a ``.bin``; the text says so."""


@dataclass
class ReleaseFile:
    """
    What `look` has found.

    :param str name: of the file
    :param int size: its bytes
    :param bool archive: is it a ``.fw``?
    :param dict meta: what it says it is, and its ``uuid``
    :param bytes conf: its ``meta.conf``
    :param bytes signature: of that; None if it is not signed
    :param str min_version: that a board remembers once it runs this release; empty for none
    :param list members: of a ``.fw``, in their order
    :param list chunks: of an application
    :param int image: bytes of its image, unpacked
    :param dict files: of an application
    :param dict places: where they begin in the image, in bytes; not those without content
    :param bool for_operators: is it an operators' archive that a board can check?
    :param list damage: what contradicts itself, and where; empty for a good one
    :param list board: why a board would refuse it, beside damage
    """

    name: str
    size: int
    archive: bool
    meta: Dict[str, str] = field(default_factory=dict)
    conf: bytes = b""
    signature: Optional[bytes] = None
    min_version: str = ""
    members: List[Member] = field(default_factory=list)
    chunks: List[container.Chunk] = field(default_factory=list)
    image: int = 0
    files: Dict[str, bytes] = field(default_factory=dict)
    places: Dict[str, int] = field(default_factory=dict)
    for_operators: bool = False
    damage: List[str] = field(default_factory=list)
    board: List[str] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """What it is, in words (read-only)."""
        if not self.archive:
            return "a bare ESP-IDF image"
        names = [member.name for member in self.members if member.name.startswith(_DATA)]
        if len(names) == 1 and names[0] == _DATA + IMAGE:
            return "a release of an application"
        if len(names) == 1 and names[0].endswith(".bin"):
            return "a release of CircuitPython"
        if self.for_operators:
            return "an operators' archive"
        return "a fwup archive of another kind"

    def member(self, name: str) -> Optional[Member]:
        """The first member with this name."""
        return next((member for member in self.members if member.name == name), None)


def look(path) -> ReleaseFile:
    """
    Take a release apart.

    :param path: of the file
    :raises NoRelease: if it is neither a ``.fw`` nor a ``.bin``
    :raises OSError: if it can't be read
    """
    return take_apart(Path(path).name, Path(path).read_bytes())


def take_apart(name: str, data: bytes) -> ReleaseFile:
    """The same for bytes; ``name`` is for what is told of them."""
    found = ReleaseFile(name, len(data), data[:4] == b"PK\x03\x04")
    if found.archive:
        _look_at_archive(found, data)
    elif data[:1] == b"\xe9":
        try:
            found.meta = image_meta(data)
        except ValueError as error:
            found.damage.append(str(error))
        found.damage += _image_faults(data, 0)
    else:
        raise NoRelease(f"{name} is no release: neither a .fw archive nor an ESP-IDF image")
    return found


def _look_at_archive(found: ReleaseFile, data: bytes) -> None:
    try:
        zipped = ZipMembers(data)
    except BROKEN as error:
        found.damage.append(f"the archive's directory, at its end: {error}. Is it cut off?")
        return
    found.members = zipped.members
    found.damage += zipped.damage
    found.board += zipped.unreadable
    conf = found.member(CONF)
    if conf is None or conf.content is None:
        found.damage.append(f"there is no {CONF} that can be read")
        return
    signature = found.member(SIGNATURE)
    found.conf = conf.content
    found.signature = None if signature is None else signature.content
    found.meta = description_of(found.conf)
    if len(found.conf) > _MOST_CONF:
        found.damage.append(f"{CONF} has {len(found.conf):,} bytes, fwup takes {_MOST_CONF:,}")
    least, most = _BOARD_CONF
    if not least <= len(found.conf) <= most:
        words = f"{CONF} has {len(found.conf):,} bytes, a board takes {least} to {most:,}"
        found.board.append(words)
    _check_order([member.name for member in found.members], found)
    _check_resources(found)


def _check_order(names: List[str], found: ReleaseFile) -> None:
    """As fwup wants them: the signature, meta.conf, the resources."""
    first = [name for name in names if name == SIGNATURE] + [CONF]
    if names[: len(first)] != first or names.count(CONF) > 1:
        found.damage.append(f"the archive must begin with {' and '.join(first)}, as fwup wants it")
    if found.member(SIGNATURE) and (found.signature is None or len(found.signature) != 64):
        found.damage.append(f"'{SIGNATURE}' holds no signature: that is 64 bytes")


def _check_resources(found: ReleaseFile) -> None:
    declared = {}
    for title, body in _RESOURCE.findall(found.conf):
        name = title.decode("utf-8", "replace")
        if name in declared:
            found.damage.append(f"{CONF} declares '{name}' twice")
        pairs = ((key.decode(), value.decode("latin-1")) for key, value in _PAIR.findall(body))
        declared[name] = dict(pairs)
    names = [member.name for member in found.members if member.name not in {CONF, SIGNATURE}]
    names = [name for name in names if name != _DATA]
    for name, values in declared.items():
        path = name[1:] if name.startswith("/") else _DATA + name
        if path not in names:
            found.damage.append(f"'{path}' is missing; {CONF} declares it")
            continue
        names.remove(path)
        member = found.member(path)
        if member.content is not None:
            _check_resource(found, member, values)
            if len(declared) == 1:
                _check_content(found, member, values)
    for name in names:
        found.damage.append(f"'{name}' is in the archive, and {CONF} does not declare it")
    if len(declared) == 1 and (IMAGE in declared or next(iter(declared)).endswith(".bin")):
        found.min_version = next(iter(declared.values())).get("min-version", "")
        return
    found.for_operators = all("sha256" in values for values in declared.values())
    if not found.for_operators or not declared:
        found.board.append(
            f"a board takes one resource, {IMAGE} or a .bin, and here are {len(declared)}:"
            f" {', '.join(sorted(declared)[:5]) or 'none'}. If it is an operators' archive, make it"
            " with nerveshub-link pack --archive: a board can't check it without sha256"
        )


def _check_resource(found: ReleaseFile, member: Member, values: Dict[str, str]) -> None:
    data, name = member.content, member.name
    if values.get("length", "0") != str(len(data)) and not values.get("length", "").startswith("{"):
        said = values.get("length", "none")
        found.damage.append(f"'{name}' has {len(data):,} bytes, {CONF} says {said}")
    hashes = {"blake2b-256": hashlib.blake2b(data, digest_size=32), "sha256": hashlib.sha256(data)}
    for key, digest in hashes.items():
        if key in values and values[key] != digest.hexdigest():
            found.damage.append(f"'{name}' is not what {CONF} names: its {key} is another")
    if "blake2b-256" not in values:
        found.damage.append(f"{CONF} names no blake2b-256 of '{name}'")


def _check_content(found: ReleaseFile, member: Member, values: Dict[str, str]) -> None:
    if member.name == _DATA + IMAGE:
        _check_application(found, member, values)
    elif member.name.endswith(".bin"):
        try:
            image_meta(member.content)
            found.damage += _image_faults(member.content, member.at)
        except ValueError as error:
            found.board.append(f"'{member.name}': {error}")


def _check_application(found: ReleaseFile, member: Member, values: Dict[str, str]) -> None:
    data = member.content
    try:
        found.chunks = chunks = container.read_table(data)
    except container.BadContainer as error:
        found.damage.append(f"'{member.name}', {member.at:,} bytes into the file: {error}")
        return
    table, pieces, faults = data[: container.table_length(chunks)], [], []
    end = len(table) + sum(chunk.stored for chunk in chunks)
    for at, body, unpacked, fault in container.look_at_chunks(data, chunks):
        pieces.append(unpacked)
        if fault:
            first = member.at + at
            faults.append(f"{fault} (bytes {first:,} to {first + len(body):,} of the file)")
    more = len(faults) - _MOST_CHUNKS
    found.damage += faults[:_MOST_CHUNKS] + ([f"so are {more:,} more chunks"] if more > 0 else [])
    if end < len(data):
        found.damage.append(f"{len(data) - end:,} bytes follow behind the last chunk")
    image = b"".join(pieces)
    found.image = len(image)
    right = {
        "table-length": str(len(table)),
        "table-sha256": hashlib.sha256(table).hexdigest(),
        "image-length": str(len(image)),
        "image-sha256": hashlib.sha256(image).hexdigest(),
    }
    for key, value in right.items():
        if values.get(key, "").lower() != value and not faults:
            found.damage.append(f"{CONF}: {key} of {IMAGE} is not that of what is in it")
    try:
        found.files = fat_reader.read(image)
        found.places = fat_reader.places(image)
    except fat_reader.BadImage as error:
        found.damage.append(f"the image: {error}")


def _image_faults(data: bytes, begin: int) -> List[str]:
    """What is wrong with an ESP-IDF image: its segments, its checksum, its SHA-256."""
    at, checksum = 24, 0xEF
    for number in range(data[1] if len(data) > 24 else 0):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + size
        if at > len(data):
            return [f"the image is cut off, or damaged: segment {number} ends beyond the file"]
        checksum ^= reduce(xor, data[at - size : at], 0)
    at |= 15  # the checksum is the last byte of a block of 16
    if at >= len(data) or len(data) <= 24:
        return ["the image is cut off before its checksum"]
    if data[at] != checksum:
        return [f"the image is damaged: its checksum, byte {begin + at:,} of the file, is wrong"]
    digest = data[at + 1 : at + 33]
    if data[23] and hashlib.sha256(data[: at + 1]).digest() != digest:
        return [f"the image is damaged: its SHA-256, byte {begin + at + 1:,} of the file, is wrong"]
    return []
