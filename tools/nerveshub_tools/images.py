# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.images`
================================================================================

What firmware is in a file: metadata of a fwup archive (``.fw``), of an ESP-IDF image (``.bin``),
or of anything with a ``<file>.json`` beside it. Signatures are not looked at here.
"""

import hashlib
import json
import re
import uuid
import zipfile
from pathlib import Path

from .metadata import CHIPS, esp_version

_FWUP_NAMESPACE = bytes.fromhex("2053dffbd51e4310b93b956da89f9f34")
_META = re.compile(r'^\s*meta-([a-z-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|(\S*))\s*$')
_MAX_META_CONF = 50_000
_APP_DESC = 0x20
_APP_DESC_MAGIC = b"\x32\x54\xcd\xab"


def fwup_uuid(meta_conf: bytes) -> str:
    """The uuid that fwup gives an archive: a hash over its ``meta.conf``, byte for byte."""
    digest = bytearray(hashlib.blake2b(_FWUP_NAMESPACE + meta_conf, digest_size=32).digest()[:16])
    digest[6] = (digest[6] & 0x0F) | 0x50
    return str(uuid.UUID(bytes=bytes(digest)))


def read_meta(path) -> dict:
    """Metadata of a firmware file; ValueError when there is none in it nor beside it."""
    path = Path(path)
    data = path.read_bytes()
    beside = path.with_name(path.name + ".json")
    if beside.exists():
        meta = json.loads(beside.read_text(encoding="utf-8"))
        if not isinstance(meta, dict) or not meta.get("uuid") or not meta.get("version"):
            raise ValueError(f"{beside.name} needs at least uuid and version")
        return meta
    if data[:4] == b"PK\x03\x04":
        return _fwup(path)
    if _is_image(data):
        return image_meta(data)
    raise ValueError(
        f"{path.name} is no fwup archive and no ESP-IDF image; describe it in {beside.name}"
    )


def _fwup(path: Path) -> dict:
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo("meta.conf").file_size > _MAX_META_CONF:
                raise ValueError(f"{path.name}: meta.conf is too long")
            conf = archive.read("meta.conf")
    except (KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path.name}: {error}") from error
    return description_of(conf)


def description_of(conf: bytes) -> dict:
    """What a ``meta.conf`` says, and the uuid that fwup computes from it."""
    meta = {"uuid": fwup_uuid(conf)}
    for line in conf.decode("utf-8", "replace").splitlines():
        match = _META.match(line)
        if match:
            quoted, plain = match[2], match[3]
            text = plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            meta[match[1].replace("-", "_")] = text
    return meta


def _is_image(data: bytes) -> bool:
    return data[:1] == b"\xe9" and data[_APP_DESC : _APP_DESC + 4] == _APP_DESC_MAGIC


def image_meta(data: bytes) -> dict:
    """What an ESP-IDF image says of itself; ValueError when it says nothing."""
    if not _is_image(data):
        raise ValueError("the image has no description: is it a bootloader, or a combined file?")

    def text(at: int, size: int) -> str:
        return (
            data[_APP_DESC + at : _APP_DESC + at + size].split(b"\0")[0].decode("utf-8", "replace")
        )

    chip = int.from_bytes(data[12:14], "little")
    platform, architecture = CHIPS.get(chip, (f"esp32-{chip}", "unknown"))
    return {
        "uuid": str(uuid.UUID(bytes=data[_APP_DESC + 144 : _APP_DESC + 160])),
        "product": text(48, 32),
        "version": esp_version(text(16, 32)),
        "description": "ESP-IDF " + text(112, 32),
        "platform": platform,
        "architecture": architecture,
    }
