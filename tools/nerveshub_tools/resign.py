# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.resign`
================================================================================

Gives a ``.fw`` another signature, and leaves all its other members as they are, byte for byte:
fwup's own ``fwup -S`` deflates them, and a board takes stored ones.
"""

import io
import struct
import zipfile
from pathlib import Path
from typing import Iterable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from .fw_file import put, zipped
from .release_file import NoRelease, take_apart
from .release_paths import Unfit
from .signatures import SIGNATURE

_SIZE = 64  # of a signature
# Fixed bytes of a member's head, of its entry in the central directory, and of the zip's end.
_HEAD, _ENTRY, _END = 30, 46, 22


def signed(path, key: Ed25519PrivateKey) -> bytes:
    """
    The archive with a signature by this key in the place of its own, or as its first member if it
    has none. All other members, heads included, are the file's own bytes.

    :param path: of the archive; it is not changed
    :raises Unfit: if it is damaged or nothing that a board would take; the text says why
    """
    data = Path(path).read_bytes()
    try:
        found = take_apart(str(path), data)
    except NoRelease as error:
        raise Unfit(str(error)) from None
    if not found.archive:
        raise Unfit(f"{path} is a bare image: nerveshub-link pack --private-key packs and signs it")
    wrong = found.damage + [f"a board would refuse it: {text}" for text in found.board]
    if wrong:
        raise Unfit(f"{path} can't be signed: {wrong[0]}")
    new = zipped([(SIGNATURE, key.sign(found.conf))])
    record = new[: _HEAD + len(SIGNATURE) + _SIZE]
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        directory, comment = archive.start_dir, archive.comment
        kept = [one.header_offset for one in archive.infolist() if one.filename != SIGNATURE]
    members = record + data[min(kept) : directory]
    entries = [new[len(record) : -_END], *_moved(data[directory:], len(record) - min(kept))]
    count, size = len(entries), sum(map(len, entries))
    numbers = (b"PK\5\6", 0, 0, count, count, size, len(members), len(comment))
    return members + b"".join(entries) + struct.pack("<4s4H2IH", *numbers) + comment


def _moved(directory: bytes, shift: int) -> Iterable[bytes]:
    """The central directory's entries but that of the signature, for members that lie elsewhere."""
    at = 0
    while directory[at : at + 4] == b"PK\1\2":
        name, *rest = struct.unpack_from("<3H", directory, at + 28)
        entry = bytearray(directory[at : at + _ENTRY + name + sum(rest)])
        at += len(entry)
        if entry[_ENTRY : _ENTRY + name] != SIGNATURE.encode():
            (place,) = struct.unpack_from("<I", entry, 42)
            struct.pack_into("<I", entry, 42, place + shift)
            yield bytes(entry)


def sign(path, key: Ed25519PrivateKey, output=None) -> None:
    """
    Write `signed`.

    :param output: path of the file to write; None to replace the archive
    """
    put(Path(path if output is None else output), signed(path, key))
