# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.release_rules`
================================================================================

NervesHub's rules for an uploaded release: the metadata that it reads, the signer, and what it would
refuse, mostly without a reason.

Sources: NervesHub's ``lib/nerves_hub/firmwares.ex``, ``fwup.ex``, ``update_tool/fwup.ex`` and
``update_tool/esp_idf.ex``, and uploads to a real server.
"""

import re
from pathlib import Path
from typing import Dict, Iterable, List, Optional

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from .metadata import parse_version
from .release_file import ReleaseFile
from .signatures import key_bytes

NEEDED = ("product", "version", "platform", "architecture")
MOST_BYTES = 200_000_000
"""The server's default of FIRMWARE_UPLOAD_MAX_SIZE"""
# The key is greedy: it goes up to the last = that a value follows.
_READ = re.compile(r'meta-(?P<key>[^\n]+)="?(?P<value>[^"\n]+)')
_REQUIRED_FWUP = re.compile(rb'^\s*require-fwup-version\s*=\s*"?([^"\s]*)', re.M)


def known_keys(files: Iterable) -> Dict[str, str]:
    """
    Public keys to their names: those of the ``.pub`` files.

    :raises ValueError: for a file that holds none
    """
    found = {}
    for file in files:
        path = Path(file)
        text = path.read_text(encoding="ascii", errors="replace").strip()
        try:
            key_bytes(text)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
        found[text] = path.name
    return found


def signer_of(found: ReleaseFile, keys: Iterable[str]) -> Optional[str]:
    """Which of these keys has signed it; None for none of them."""
    for key in keys:
        try:
            public = Ed25519PublicKey.from_public_bytes(key_bytes(key))
            public.verify(found.signature or b"", found.conf)
        except (InvalidSignature, ValueError):
            continue
        return key
    return None


def what_nerveshub_reads(found: ReleaseFile) -> Dict[str, str]:
    """The metadata, as NervesHub takes it out of what fwup prints."""
    if not found.archive:
        return dict(found.meta)
    reads = {}
    for key, value in found.meta.items():
        for match in _READ.finditer(f'meta-{key.replace("_", "-")}="{value}"'):
            reads[match["key"].replace("-", "_")] = match["value"]
    return reads


def refusals(found: ReleaseFile) -> List[str]:
    """
    Why NervesHub would refuse it, beside damage and an unknown key. A sentence each, with what it
    would answer.
    """
    words = []
    if found.size > MOST_BYTES:
        words.append(
            f"it has {found.size:,} bytes, and by default a server takes {MOST_BYTES:,} (error 413)"
        )
    reads = what_nerveshub_reads(found)
    words += [f"it names no {key} (error 422)" for key in NEEDED if not reads.get(key)]
    if reads.get("version") and parse_version(reads["version"]) is None:
        words.append(f"its version is {reads['version']}, and must be like 1.2.3 (error 422)")
    if not found.archive:
        return words
    for key, value in found.meta.items():
        if reads.get(key) != value and value:
            # A quote cuts a value off, an equals sign moves the border between key and value.
            got = f"'{reads[key]}'" if key in reads else "nothing"
            words.append(f"its {key} is '{value}', and NervesHub reads {got}: leave out = and \"")
    beyond = sorted({char for char in found.conf.decode("utf-8", "replace") if ord(char) > 0xFF})
    if beyond:
        words.append(
            f"its meta.conf holds {' '.join(beyond[:5])}: NervesHub takes the characters of Latin-1"
            " (error 500)"
        )
    for wanted in _REQUIRED_FWUP.findall(found.conf):
        if parse_version(wanted.decode("latin-1")) is None:
            words.append("its require-fwup-version is not like 1.2.3 (error 500)")
    if found.signature is None:
        words.append(
            "it is not signed (error 500): nerveshub-link sign FILE --key KEY.priv signs it"
        )
    return words
