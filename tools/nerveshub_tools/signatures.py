# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.signatures`
================================================================================

Finds the key by which a fwup archive (``.fw``) is signed.

Separate because the hub needs it when an archive arrives, and the command line before it sends one.
"""

import base64
import struct
import zipfile
import zlib
from typing import Iterable, Optional

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

SIGNATURE = "meta.conf.ed25519"
BROKEN = (
    EOFError,
    KeyError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
"""What zipfile raises for archives that are damaged, encrypted or of a kind that it can't read"""
_MAX_META_CONF = 50_000
_SIZE = 64


def is_archive(path) -> bool:
    """Does the file begin as a ``.fw`` does?"""
    with open(path, "rb") as file:
        return file.read(4) == b"PK\x03\x04"


def is_signed(path) -> bool:
    """Tell whether the archive has a signature, by any key."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.getinfo(SIGNATURE).file_size == _SIZE
    except BROKEN:
        return False


def signer(path, keys: Iterable[str]) -> Optional[str]:
    """
    Find the key that has signed the archive.

    The signature covers ``meta.conf``, byte for byte, as fwup makes it.

    :param keys: public keys in base64, as in the ``.pub`` file of ``fwup -g``
    :return: the key; None if the archive is not signed by any of them, or is no archive
    """
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = [archive.getinfo(name).file_size for name in (SIGNATURE, "meta.conf")]
            if sizes[0] != _SIZE or sizes[1] > _MAX_META_CONF:
                return None
            signature, conf = archive.read(SIGNATURE), archive.read("meta.conf")
    except BROKEN:
        return None
    for key in keys:
        try:
            Ed25519PublicKey.from_public_bytes(key_bytes(key)).verify(signature, conf)
        except (InvalidSignature, ValueError):
            continue
        return key
    return None


def key_bytes(key: str) -> bytes:
    """The 32 bytes of a public key in base64, padded or not; ValueError for anything else."""
    text = key.strip()
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:  # binascii.Error is one
        data = b""
    if len(data) != 32:
        raise ValueError("no public key of fwup: that is 32 bytes in base64")
    return data
