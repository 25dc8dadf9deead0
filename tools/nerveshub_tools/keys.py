# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.keys`
================================================================================

fwup's keys: files with base64 of 32 bytes of private key and 32 of its public half, or of the
public half alone. And what private keys look like, so that none gets into a release.
"""

import base64
import binascii
import re
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_der_private_key

from .release_paths import Unfit

# In a text file, or as a text in source or compiled code. A header alone is none: libraries that
# read such files name it.
_ARMORED = re.compile(
    rb"-----BEGIN ((?:[A-Z0-9]+ )*)PRIVATE KEY(?: BLOCK)?-----"
    rb"(?:\\[rn]|[bru]?[\"']|[\s\\]|[A-Za-z-]+: [^\r\n]*[\r\n])*+[A-Za-z0-9+/]{32}"
)
_FWUP = re.compile(rb"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{86}==(?![A-Za-z0-9+/=])")
_MOST_DER = 10_000


def private_key_in(data: bytes) -> str:
    """
    What kind of private key is in a file, in words; ``""`` if there is none.

    :param bytes data: the file's content. Its name does not matter
    """
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        data = data.replace(b"\0", b"")  # UTF-16, as Windows' PowerShell writes it
    found = _ARMORED.search(data)
    if found:
        kind = found[1].decode().strip()
        return {"OPENSSH": "OpenSSH's", "PGP": "PGP's"}.get(kind, "PEM")
    if data.startswith(b"PuTTY-User-Key-File-"):
        return "PuTTY's"
    texts = (base64.b64decode(text) for text in _FWUP.findall(data))
    if any(_is_pair(pair) for pair in texts) or (len(data) == 64 and _is_pair(data)):
        return "fwup's"
    return "DER" if _is_der(data) else ""


def _is_pair(data: bytes) -> bool:
    """Are these an Ed25519 private key and its public half?"""
    key = Ed25519PrivateKey.from_private_bytes(data[:32])
    return key.public_key().public_bytes_raw() == data[32:]


def _is_der(data: bytes) -> bool:
    if data[:1] != b"\x30" or len(data) > _MOST_DER:
        return False
    try:
        load_der_private_key(data, None)
    except TypeError:
        return True  # it is encrypted
    except (ValueError, UnsupportedAlgorithm):
        return False
    return True


def read_key(path) -> Ed25519PrivateKey:
    """
    Read a private key as ``fwup -g`` writes it: base64 of 32 bytes of key, 32 of its public half.

    :raises Unfit: if the file holds none
    """
    try:
        data = base64.b64decode(Path(path).read_text(encoding="ascii").strip(), validate=True)
        if len(data) != 64:
            raise ValueError(f"{len(data)} bytes")
        key = Ed25519PrivateKey.from_private_bytes(data[:32])
    except (binascii.Error, ValueError):
        raise Unfit(f"{path} holds no private key of fwup (fwup -g makes one)") from None
    if key.public_key().public_bytes_raw() != data[32:]:
        raise Unfit(f"{path}: the two halves of the key don't belong together")
    return key


def make_keys(name) -> tuple:
    """
    Make a pair of keys as ``fwup -g`` does: ``NAME.pub``, for NervesHub and for boards, and
    ``NAME.priv``, to be kept.

    :return: both paths
    :raises FileExistsError: if one of them is there already
    """
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    paths = Path(f"{name}.pub"), Path(f"{name}.priv")
    for path in paths:
        if path.exists():
            raise FileExistsError(f"{path} is there already")
    for path, data in zip(paths, (public, key.private_bytes_raw() + public)):
        path.touch(mode=0o600 if path.suffix == ".priv" else 0o644)
        path.write_text(base64.b64encode(data).decode(), encoding="ascii")
    return paths
