# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.wire.upgrade`
====================================================

The opening handshake of a WebSocket (RFC 6455, section 4): builds the request and checks the
answer. Imported to connect and dropped after it, because the session needs the memory.
"""

import binascii
import hashlib

from micropython import const

from .http_head import request_head

_GUID = const(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11")


def make_request(url, headers: dict, nonce: bytes) -> tuple:
    """
    Build the request.

    :param Url url: the server's URL
    :param dict headers: further headers; the handshake's headers are added to this dict
    :param bytes nonce: 16 fresh random bytes
    :return: the request's bytes; the ``Sec-WebSocket-Accept`` that the answer must have
    """
    key = binascii.b2a_base64(nonce, newline=False)
    digest = hashlib.new("sha1", key + _GUID).digest()
    headers["Upgrade"] = "websocket"
    headers["Connection"] = "Upgrade"
    headers["Sec-WebSocket-Key"] = key.decode()
    headers["Sec-WebSocket-Version"] = "13"
    return request_head(url, headers), binascii.b2a_base64(digest, newline=False).decode()


def flaw_of(headers: dict, accept: str):
    """
    Tell why an answer with status 101 does not complete the handshake.

    :param dict headers: the answer's headers, by lower-case name
    :param str accept: the ``Sec-WebSocket-Accept`` from `make_request`
    :return: the reason, as text; None if the connection is open
    """
    if (
        not _lists(headers, "upgrade", "websocket")
        or not _lists(headers, "connection", "upgrade")
        or headers.get("sec-websocket-accept") != accept
    ):
        return "the server's upgrade answer is not for this connection"
    if headers.get("sec-websocket-extensions") or headers.get("sec-websocket-protocol"):
        return "the server chose an extension or a protocol that was not offered"
    return None


def _lists(headers: dict, name: str, wanted: str) -> bool:
    """Tell whether a header, which may be repeated, lists this value (RFC 9110, 5.3)."""
    for value in headers.get(name, "").split(","):
        if value.strip().lower() == wanted:
            return True
    return False
