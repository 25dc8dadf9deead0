# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.firmware`
================================================================================

The firmware that the hub can hand out: its record, its update payload, and which bytes of it a
``Range`` header means. No I/O; `nerveshub_tools.downloads` serves it.
"""

import base64
import hashlib
import re
import zlib
from dataclasses import dataclass
from typing import Optional, Tuple, Union

PART_SIZE = 1024 * 1024
"""``partials_checksums`` covers consecutive parts of 1 MiB, the last one short."""
META_KEYS = (
    "uuid product platform architecture version author description misc vcs_identifier".split()
)
WHOLE = "whole"
BEYOND = "beyond"


@dataclass
class Firmware:
    """
    One uploaded firmware.

    :param dict meta: the nine keys of `META_KEYS`; what is unknown is None
    :param int size: bytes
    :param str checksum: SHA-256 of the file in upper-case hex
    :param list partials: SHA-256 of each `PART_SIZE` part, likewise
    :param bytes data: the file itself
    :param str extension: ``fw`` or ``bin``
    """

    meta: dict
    size: int
    checksum: str
    partials: list
    data: bytes = b""
    extension: str = "fw"

    @classmethod
    def of(cls, data: bytes, meta: dict) -> "Firmware":
        """The record that an upload of ``data`` makes."""
        data = bytes(data)
        return cls(
            meta={key: meta.get(key) for key in META_KEYS},
            size=len(data),
            checksum=_sha(data),
            partials=[_sha(data[at : at + PART_SIZE]) for at in range(0, len(data), PART_SIZE)],
            data=data,
            extension="bin" if data[:1] == b"\xe9" else "fw",
        )

    @property
    def uuid(self) -> str:
        """The firmware's uuid (read-only)."""
        return self.meta["uuid"]

    @property
    def content_type(self) -> str:
        """What the server calls the file (read-only)."""
        return "application/fwup" if self.extension == "fw" else "application/octet-stream"

    @property
    def etag(self) -> str:
        """A quoted tag that changes with the content (read-only)."""
        return f'"{zlib.crc32(self.data):X}"'

    def update_payload(self, url: str, deployment_id: Optional[int] = None) -> dict:
        """Payload of the ``update`` event; ``deployment_id`` is None for a manual push."""
        return {
            "update_available": True,
            "firmware_url": url,
            "firmware_meta": dict(self.meta),
            "size": self.size,
            "checksum": self.checksum,
            "partials_checksums": list(self.partials),
            "deployment_id": deployment_id,
        }


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest().upper()


def proxied(proxy_url: str, url: str) -> str:
    """``url`` behind an organization's firmware proxy."""
    real = base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")
    return f"{proxy_url}?firmware={real}"


def unproxied(parameter: str) -> str:
    """The real address in a ``firmware`` query parameter; ValueError when it is none."""
    padded = parameter + "=" * (-len(parameter) % 4)
    return base64.b64decode(padded, altchars=b"-_", validate=True).decode()


def select(header: Optional[str], size: int) -> Union[str, Tuple[int, int]]:
    """
    Which bytes a ``Range`` header asks of the server's static files.

    `WHOLE` for no, several, malformed or all-covering ranges; `BEYOND` for a start at or behind
    the end, on which the server fails; else first and last byte. As captured, not as specified.
    """
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", header or "", re.IGNORECASE | re.ASCII)
    if not match or match.group(1, 2) == ("", ""):
        return WHOLE
    first, last = match.groups()
    if not first:
        if not 0 < int(last) <= size:
            return WHOLE
        start, end = size - int(last), size - 1
    else:
        start, end = int(first), min(int(last), size - 1) if last else size - 1
        if last and int(last) < start:
            return WHOLE
    if (start, end) == (0, size - 1):
        return WHOLE
    return BEYOND if start >= size else (start, end)
