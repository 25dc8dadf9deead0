# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.fw_file`
================================================================================

The ``.fw`` file itself: a zip file of stored members, first the signature, then ``meta.conf``, then
what that declares. `write` makes one, `nerveshub_tools.release_file` reads it,
`nerveshub_tools.resign` gives it another signature. The format is stated in
``docs/release_format.rst``.
"""

import hashlib
import io
import re
import zipfile
from pathlib import Path
from typing import Iterable, Optional, Tuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from .signatures import SIGNATURE

CONF = "meta.conf"
DATA = "data/"
MAX_CONF = 4096
"""Bytes of a ``meta.conf`` that a board takes."""
MAX_NAME = 59
"""Characters of a resource's name that a board takes."""

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first moment that a zip file can tell
_PLAIN = re.compile(r"[A-Za-z0-9_.]+")


def value(text: str) -> str:
    """A text as it stands in ``meta.conf``: in quotes where fwup itself writes them."""
    if _PLAIN.fullmatch(text):
        return text
    escaped = text.replace("\\", "\\\\")
    return f'"{escaped}"'


def section(name: str, data: bytes, more: Optional[dict] = None) -> str:
    """
    The section of a resource in ``meta.conf``.

    :param dict more: keys of our own behind fwup's and ``sha256`` -> text or number
    """
    lines = [
        f'file-resource "{name}" {{',
        f"length={len(data)}",
        f"blake2b-256={hashlib.blake2b(data, digest_size=32).hexdigest()}",
        f"sha256={hashlib.sha256(data).hexdigest()}",
        *(f"{key}={value(str(text))}" for key, text in (more or {}).items()),
        "}",
    ]
    return "".join(line + "\n" for line in lines)


def write(
    target,
    conf: bytes,
    resources: Iterable[Tuple[str, bytes]],
    key: Optional[Ed25519PrivateKey],
) -> None:
    """
    Write an archive. It appears under its name only when it is complete.

    :param target: path of the file
    :param resources: name and content of each, as ``conf`` declares them
    :param key: signs it; None for an archive without a signature
    """
    members = [(SIGNATURE, key.sign(conf))] if key is not None else []
    members += [(CONF, conf), *((DATA + name, data) for name, data in resources)]
    put(Path(target), zipped(members))


def zipped(members: Iterable[Tuple[str, bytes]]) -> bytes:
    """A zip file of these members, stored; the same members give the same bytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members:
            member = zipfile.ZipInfo(name, _EPOCH)
            member.external_attr = 0o644 << 16
            member.create_system = 3  # else it tells on which system it was packed
            archive.writestr(member, data)
    return file.getvalue()


def put(target: Path, data: bytes) -> None:
    """Write a file that appears under its name only when it is complete."""
    unfinished = target.with_name(target.name + ".part")
    try:
        unfinished.write_bytes(data)
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
