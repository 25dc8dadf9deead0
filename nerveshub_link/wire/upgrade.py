# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.wire.upgrade`
====================================================

The opening handshake of a WebSocket (RFC 6455, section 4): the request, and whether the answer
accepts it. Imported for a connect and let go after it: the session needs the memory.
"""

import binascii
import hashlib

from micropython import const

from .http_head import request_head

_GUID = const(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11")


def make_request(url, headers: dict, nonce: bytes) -> tuple:
    """
    Make the request.

    :param Url url: the server's URL
    :param dict headers: further headers; those of the handshake are added to them
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
    Tell why an answer with status 101 is not the one that was asked for.

    :param dict headers: of the answer
    :param str accept: of `make_request`
    :return: the reason in words; None if the connection is open
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
