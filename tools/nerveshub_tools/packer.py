# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.packer`
================================================================================

Turns an application's folder, or a CircuitPython image, into a ``.fw`` that fwup, NervesHub and a
board accept. The format is stated in ``docs/release_format.rst``.

A ``.fw`` is a zip file of stored members: the signature, if there is one, then ``meta.conf``, then
one resource. The signature is over ``meta.conf`` alone, which names the resource with its lengths
and hashes. The text of ``meta.conf`` is what fwup itself would print, since the uuid is computed
from its bytes. Nothing in it tells the time: the same folder with the same options gives the same
bytes.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import List, Optional

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from . import application, container, earlier_release, fw_file
from .container import Container
from .fat_image import SECTOR, TooLarge, build
from .images import fwup_uuid
from .metadata import is_prerelease, parse_version
from .release_paths import Unfit

NEEDED = ("product", "version", "platform", "architecture")
IMAGE = "app.img"
"""Name of an application's resource."""
# In the order in which fwup prints them.
_KEYS = "product description version author platform architecture vcs_identifier misc".split()
_SHORTER = "use a shorter --description or --misc"
_MAX_TEXT, _MAX_TEXTS = 255, 411  # bytes of a text and of all five that a slot's header keeps
_UUID_LENGTH = 36
_MAX_NUMBER = 999_999_999  # in a version that a board compares
_PADDING = 15  # sectors of a slot that hold neither image nor table
DEFAULT_SLOT = 288 * 1024
"""
Bytes of a slot on a drive of 960 KB, as ``board prepare`` lays it out: what the compiled library,
the guard and some KB of the application's own leave there.
"""
FULL = 80
"""Percent of a slot from which on its author should know."""
_FIRMWARE_NAME = re.compile(r"[A-Za-z0-9_.-]+\.bin")


@dataclass(frozen=True)
class Packed:
    """
    What `pack` has made.

    :param str uuid: the release's
    :param int files: how many files are in it
    :param int size: their bytes
    :param Container made: of an application; None for a CircuitPython image
    :param int length: bytes of the archive, which travel
    :param list warnings: what its author should know, in words
    :param int moved: bytes of the image that are not what they were at the same place of the
        earlier release; None if there was none to be like
    """

    uuid: str
    files: int
    size: int
    made: Optional[Container]
    length: int
    warnings: List[str] = field(default_factory=list)
    moved: Optional[int] = None


def release(files: dict) -> Container:
    """
    The container of an application.

    :param dict files: path -> content
    :raises Unfit: if there is too much of it
    """
    try:
        return container.make(build(files))
    except (TooLarge, container.BadContainer) as error:
        raise Unfit(str(error)) from error


def room(slot_size: int) -> int:
    """Bytes that image and chunk table may have together in a slot of this size."""
    return max(slot_size // SECTOR - _PADDING, 0) * SECTOR


def needed(made: Container) -> int:
    """Bytes that image and chunk table take in a slot."""
    return len(made.image) + -(-len(made.table) // SECTOR) * SECTOR


def _excess(made: Container, slot_size: int) -> int:
    """Sectors that are too many for a slot; 0 or less if it fits."""
    return (needed(made) - room(slot_size)) // SECTOR


def check_fits(made: Container, slot_size: int) -> List[str]:
    """
    Does a release fit into a slot?

    :param int slot_size: bytes of the slot's file
    :return: a warning if it is nearly full, else nothing
    :raises Unfit: if it does not fit, with both numbers
    """
    wanted, there = needed(made), room(slot_size)
    if wanted > there:
        raise Unfit(
            f"the image and its table have {kilobytes(wanted)}, a slot of {kilobytes(slot_size)}"
            f" has room for {there // 1024:,} KB. Use .mpy instead of .py, or leave something out;"
            " if your boards have other slots (board status tells), give their --slot-size"
        )
    percent = wanted * 100 // there
    if percent < FULL:
        return []
    return [
        f"the slot is full to {percent} %. Its size can't be changed in the field:"
        f" {(there - wanted) // 1024:,} KB are left for later releases"
    ]


def kilobytes(size: int) -> str:
    """Bytes in words."""
    return f"{-(-size // 1024):,} KB"


def meta_conf(meta: dict, resources: str, hint: str = _SHORTER) -> bytes:
    """
    The text that describes a release.

    :param dict meta: product, version, platform, architecture, and what is optional
    :param str resources: the sections of all resources
    :param str hint: what to do if the text gets too long
    :raises Unfit: if NervesHub or a board would not take it
    """
    meta = {key: unicodedata.normalize("NFC", meta[key]) for key in _KEYS if meta.get(key)}
    _check(meta)
    lines = [
        f"meta-{key.replace('_', '-')}={fw_file.value(meta[key])}" for key in _KEYS if key in meta
    ]
    # fwup writes UTF-8 as it is, and that is how NervesHub reads it.
    conf = ("".join(line + "\n" for line in lines) + resources).encode()
    if len(conf) > fw_file.MAX_CONF:
        raise Unfit(
            f"the metadata makes a meta.conf of {len(conf):,} bytes, a board takes"
            f" {fw_file.MAX_CONF:,}: {hint}"
        )
    return conf


def _check(meta: dict) -> None:
    for key in NEEDED:
        if not meta.get(key):
            raise Unfit(f"--{key} is needed")
    for key in _KEYS:
        value = meta.get(key) or ""
        # NervesHub takes them apart with a regular expression that these would mislead.
        if not value.isprintable() or "=" in value or '"' in value:
            raise Unfit(f"--{key}: NervesHub takes printable text without = and quotes")
        for char in value:
            if ord(char) > 0xFF:
                raise Unfit(
                    f"--{key}: NervesHub takes the characters of Latin-1 (accents, umlauts), and"
                    f" answers any other, such as '{char}', with an error 500"
                )
    if parse_version(meta["version"]) is None:
        raise Unfit(f"--version must be like 1.2.3 (SemVer), not {meta['version']}")
    kept = {key: len(meta[key].encode()) for key in NEEDED}
    for key, count in kept.items():
        if count > _MAX_TEXT:
            raise Unfit(f"--{key} has {count} bytes, a slot keeps {_MAX_TEXT}")
    count = sum(kept.values()) + _UUID_LENGTH
    if count > _MAX_TEXTS:
        raise Unfit(
            f"product, version, platform, architecture and uuid have {count} bytes, a slot keeps"
            f" {_MAX_TEXTS}"
        )


def _own_keys(meta: dict, min_version: Optional[str]) -> dict:
    """What else the resource's section says."""
    if min_version is None:
        return {}
    wanted, own = parse_version(min_version), parse_version(meta.get("version") or "")
    if wanted is None or f"{wanted[0]}.{wanted[1]}.{wanted[2]}" != min_version:
        raise Unfit(f"--min-version must be like 1.2.3, three numbers, not {min_version}")
    if max(wanted) > _MAX_NUMBER:
        raise Unfit(f"--min-version {min_version}: a board takes numbers of up to nine digits")
    if own is not None and (wanted, 1) > (own, not is_prerelease(meta["version"])):
        raise Unfit(
            f"--min-version {min_version} is above the release's own version {meta['version']}: no"
            " board would take it"
        )
    return {"min-version": min_version}


def pack(  # noqa: PLR0913 - options, keyword only
    source,
    output,
    meta: dict,
    *,
    key: Optional[Ed25519PrivateKey] = None,
    slot_size: int = DEFAULT_SLOT,
    min_version: Optional[str] = None,
    like=None,
) -> Packed:
    """
    Write a ``.fw``.

    :param source: the application's folder; or a CircuitPython image, a file ending in ``.bin``
    :param output: path of the file to write
    :param dict meta: as for `meta_conf`
    :param key: private key to sign with; None for an unsigned archive, which NervesHub refuses
    :param int slot_size: bytes of the slots that an application is for
    :param str min_version: once this release is confirmed, a board takes none below this version
    :param like: path of an earlier release; what did not grow lies where it has it
    :raises Unfit: if the folder or the options are no good; then nothing is written
    """
    source = Path(source)
    more = _own_keys(meta, min_version)
    moved = None
    if source.is_file():
        if like is not None:
            raise Unfit("--like is for applications: a CircuitPython image is one piece")
        name, data = _firmware(source)
        conf = meta_conf(meta, fw_file.section(name, data, more))
        made, words, files, size = None, [], 1, len(data)
    else:
        app = application.read(source, output)
        if like is None:
            made, words = release(app.files), []
        else:
            image = earlier_release.image_of(like)
            made, words = earlier_release.made_like(
                app.files, image, lambda made: _excess(made, slot_size)
            )
            moved = earlier_release.differing(made.image, image)
        name, data, words = IMAGE, made.data, app.warnings + words + check_fits(made, slot_size)
        words += application.without_link(app.files)
        conf = meta_conf(meta, made.resource(IMAGE, more))
        files, size = len(app.files), app.size
    fw_file.write(output, conf, [(name, data)], key)
    length = Path(output).stat().st_size
    return Packed(fwup_uuid(conf), files, size, made, length, words, moved)


def _firmware(source: Path) -> tuple:
    data = source.read_bytes()
    if source.suffix.lower() != ".bin" or data[:1] != b"\xe9":
        raise Unfit(
            f"{source} is neither an application's folder nor a CircuitPython image (the build's"
            " circuitpython-firmware.bin)"
        )
    name = source.name if _FIRMWARE_NAME.fullmatch(source.name) else "firmware.bin"
    return name, data
