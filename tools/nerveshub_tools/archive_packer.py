# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.archive_packer`
================================================================================

Packs an operators' archive: files that NervesHub has for a device beside its firmware. Each is a
resource of its own, with its SHA-256, so that a board can check it (`Client.archive_ready`).

Separate from `nerveshub_tools.packer`, whose releases run: nothing of this is mounted or started.
"""

from pathlib import Path
from typing import List, Optional, Tuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from . import fw_file
from .app_folder import AppFolder
from .images import fwup_uuid
from .keys import private_key_in
from .packer import Packed, meta_conf
from .release_paths import Unfit


def pack(source, output, meta: dict, *, key: Optional[Ed25519PrivateKey] = None) -> Packed:
    """
    Write an archive.

    :param source: a file, or a folder with all that belongs into it
    :param output: path of the file to write
    :param dict meta: as for `nerveshub_tools.packer.meta_conf`
    :param key: private key to sign with; None for an unsigned archive, which NervesHub refuses
    :raises Unfit: if a board or NervesHub would not take it; then nothing is written
    """
    files, words = _files(Path(source), output)
    for name, data in files:
        _check(source, name, data)
    hint = f"pack fewer files (each takes some 200 of it, there are {len(files)}), or one archive"
    hint += " of them, such as a .zip"
    conf = meta_conf(meta, "".join(fw_file.section(name, data) for name, data in files), hint)
    fw_file.write(output, conf, files, key)
    size, length = sum(len(data) for _, data in files), Path(output).stat().st_size
    return Packed(fwup_uuid(conf), len(files), size, None, length, words)


def _files(source: Path, output) -> Tuple[List[Tuple[str, bytes]], List[str]]:
    if source.is_file():
        return [(source.name, source.read_bytes())], []
    walk = AppFolder(source, output)
    files = [(path, place.read_bytes()) for path, place in walk.files()]
    if not files:
        raise Unfit(f"{source} holds no file for an archive")
    left = ", ".join(walk.left_out)
    return files, [f"left out: {left}"] if left else []


def _check(source, name: str, data: bytes) -> None:
    plain = name.isascii() and name.isprintable() and not set(name) & set('"\\')
    if not plain or len(name) > fw_file.MAX_NAME:
        shown = "".join(char if char.isprintable() else "?" for char in name)
        raise Unfit(
            f"{source}: '{shown}' can't be in an archive: a board takes names of up to"
            f" {fw_file.MAX_NAME} ASCII characters, without quotes and backslashes"
        )
    kind = private_key_in(data)
    if kind:
        raise Unfit(
            f"{source}: '{name}' holds a private key ({kind}). Whoever gets the archive or a board"
            " could read it: move it away"
        )
