# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.wire.signing`
====================================================

The four ``x-nh-*`` headers that authenticate a device without a certificate. No sockets and no
clock: the caller passes the time and sends the headers with its WebSocket upgrade.

What NervesHub checks (its ``lib/nerves_hub/device_link/authentication.ex``): the key is derived by
PBKDF2-HMAC from the secret with a salt that repeats the other three headers, and signs a
``Plug.Crypto`` token whose payload is the Erlang term ``{identifier, signed_at_ms, max_age}``. The
token must not be older than 90 seconds and not be from the future, not even by one second: sign
with a time a few seconds in the past.

Cost: the default 1,000 iterations take 2,002 SHA-256 runs (two for each of the 1,000 HMACs of
PBKDF2, two for the token), that is 4,004 native calls, one ``new`` and one ``digest`` for each
run. Fewer would need a ``copy()`` of hash objects, which CircuitPython lacks; the padded key blocks
are made once.
"""

import binascii
import hashlib

from micropython import const

ALGORITHM = "NH1-HMAC-sha256-1000-32"
"""Digest, iterations and key length in bytes, as NervesHub's other clients use them."""

_TOKEN_PREFIX = const(b"SFMyNTY.")  # base64url of "HS256"
_MAX_AGE = const(86400)  # required in the token, but the server ignores it: its limit is 90 seconds


def build_headers(
    product_key: str,
    product_secret: str,
    identifier: str,
    unix_time: int,
    alg: str = ALGORITHM,
) -> dict:
    """
    Build the headers of one connection attempt. Make new ones for every attempt.

    :param str product_key: the public half, ``nhp_...`` of a product or ``nhd_...`` of one device
    :param str product_secret: the secret half; the text itself is the key, not base64-decoded
    :param str identifier: the device's identifier in NervesHub
    :param int unix_time: seconds since 1970 by the server's clock, some seconds in the past
    :param str alg: ``NH1-HMAC-<digest>-<iterations>-<key length>``; boards know sha256 only
    :return: dict of ``x-nh-alg``, ``x-nh-key``, ``x-nh-time``, ``x-nh-signature``, all strings
    """
    digest, iterations, length = alg[len("NH1-HMAC-") :].split("-")
    salt = "NH1:device-socket:shared-secret:connect\n\nx-nh-alg=%s\nx-nh-key=%s\nx-nh-time=%d\n"
    salt %= (alg, product_key, unix_time)
    key = _pbkdf2(
        digest.lower(), product_secret.encode(), salt.encode(), int(iterations), int(length)
    )
    signed = _TOKEN_PREFIX + _base64url(_term(identifier.encode(), unix_time * 1000))
    signature = signed + b"." + _base64url(_Hmac("sha256", key).digest(signed))
    return {
        "x-nh-alg": alg,
        "x-nh-key": product_key,
        "x-nh-time": str(unix_time),
        "x-nh-signature": signature.decode(),
    }


class _Hmac:
    """HMAC (RFC 2104) with its two padded key blocks made once."""

    def __init__(self, digest: str, key: bytes) -> None:
        block = 128 if digest in ("sha384", "sha512") else 64
        if len(key) > block:
            key = hashlib.new(digest, key).digest()
        key += bytes(block - len(key))
        self._name = digest
        self.block = block
        self.inner = bytes([byte ^ 0x36 for byte in key])
        self.outer = bytes([byte ^ 0x5C for byte in key])

    def digest(self, message: bytes) -> bytes:
        inner = hashlib.new(self._name, self.inner + message).digest()
        return hashlib.new(self._name, self.outer + inner).digest()


def _pbkdf2(digest: str, password: bytes, salt: bytes, iterations: int, length: int) -> bytes:
    """
    PBKDF2 (RFC 8018, 5.2). One buffer per hash, changed in place: the loop joins no bytes.
    """
    new = hashlib.new
    hmac = _Hmac(digest, password)
    block = hmac.block
    derived = b""
    number = 0
    while len(derived) < length:
        number += 1
        part = hmac.digest(salt + number.to_bytes(4, "big"))
        size = len(part)
        inner = bytearray(hmac.inner + part)
        outer = bytearray(hmac.outer + part)
        total = int.from_bytes(part, "big")
        for _ in range(iterations - 1):
            inner[block:] = part
            outer[block:] = new(digest, inner).digest()
            part = new(digest, outer).digest()
            total ^= int.from_bytes(part, "big")
        derived += total.to_bytes(size, "big")
    return derived[:length]


def _term(identifier: bytes, signed_at: int) -> bytes:
    """``{identifier, signed_at, max_age}`` in Erlang's external term format, version 131."""
    return (
        b"\x83h\x03m"
        + len(identifier).to_bytes(4, "big")
        + identifier
        + _integer(signed_at)
        + _integer(_MAX_AGE)
    )


def _integer(value: int) -> bytes:
    if value < 256:
        return bytes((97, value))
    if value < 1 << 31:
        return b"b" + value.to_bytes(4, "big")
    size = 4
    while value >> (8 * size):
        size += 1
    return bytes((110, size, 0)) + value.to_bytes(size, "little")


def _base64url(data: bytes) -> bytes:
    text = binascii.b2a_base64(data, newline=False)
    return text.replace(b"+", b"-").replace(b"/", b"_").rstrip(b"=")
