# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.presigned`
================================================================================

Presigned addresses of an object store: valid for one file, for GET, until they expire. All of that
is in their query, which is therefore a credential. From the store's documentation, not captured;
the signature is simpler than the store's. No I/O: `nerveshub_tools.downloads` serves them.
"""

import hashlib
import hmac
from typing import Mapping, Optional

LIFETIME = 86_400
"""Seconds for which NervesHub has its addresses signed."""
_SIGNED = ("X-Amz-Date", "X-Amz-Expires", "X-Hub-Device")


def _signature(secret: str, uuid: str, query: Mapping[str, str]) -> str:
    text = "\n".join([uuid, *(query.get(name, "") for name in _SIGNED)])
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def presign(
    secret: str, uuid: str, now: float, lifetime: int = LIFETIME, device: Optional[str] = None
) -> str:
    """
    The query of an address. The date is in seconds since 1970, unlike the store's.

    :param str device: who shall fetch it, if that matters; the store would not know
    """
    query = {"X-Amz-Date": str(int(now)), "X-Amz-Expires": str(lifetime)}
    if device is not None:
        query["X-Hub-Device"] = device.encode().hex()
    query["X-Amz-Signature"] = _signature(secret, uuid, query)
    words = [f"{name}={value}" for name, value in query.items()]
    return "&".join(["X-Amz-Algorithm=AWS4-HMAC-SHA256", *words])


def refusal(secret: str, uuid: str, query: Mapping[str, str], now: float) -> Optional[str]:
    """The store's error code for an invalid query, None if it is valid."""
    wanted, given = _signature(secret, uuid, query), query.get("X-Amz-Signature", "")
    if not hmac.compare_digest(given.encode(), wanted.encode()):
        return "SignatureDoesNotMatch"
    expires = int(query["X-Amz-Date"]) + int(query["X-Amz-Expires"])
    return "AccessDenied" if now >= expires else None


def device_of(query: Mapping[str, str]) -> Optional[str]:
    """For which device an address was made, None if for anybody."""
    try:
        return bytes.fromhex(query["X-Hub-Device"]).decode()
    except (KeyError, ValueError):
        return None
