# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.auth`
================================================================================

The server's side of NervesHub's shared-secret authentication.

Without I/O: headers and a time go in, an identifier or a `Refused` comes out, so the captured
refusals and the golden vectors can be tested without a socket. The caller turns a `Refused` into an
empty 401; the reason is for the hub's own list of violations, the real server does not send it to
the device.
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import string
from dataclasses import dataclass
from typing import Mapping, Optional, Tuple

MAX_AGE_MS = 90_000
"""How old a signature may be. The ``max_age`` inside the token is ignored, as on the server."""

_ALG = re.compile(r"NH1-HMAC-([A-Za-z0-9_]+)-(\d{1,9})-(\d{1,9})")
_INTEGER = re.compile(r"[+-]?[0-9]+")
_MACS = {"SFMyNTY": "sha256", "SFMzODQ": "sha384", "SFM1MTI": "sha512"}
_KEY_ALPHABET = string.ascii_letters + string.digits + "/+-"
# The server accepts any key length and iteration count; this tool limits the time they take.
_MAX_KEY_LENGTH = 65_536
_MAX_HASHES = 400_000
_SHORTEST_DIGEST = 16


class Refused(Exception):
    """Raised when the headers do not prove an identity. The text says why."""


@dataclass
class Credential:
    """
    One shared secret that the hub knows.

    :param str secret: the secret text; its UTF-8 bytes are the PBKDF2 password
    :param str identifier: for a device key (``nhd_``) the only identifier it is good for;
        None for a product key (``nhp_``), which creates devices as they come
    :param bool active: False once an operator has deactivated it
    """

    secret: str
    identifier: Optional[str] = None
    active: bool = True


def new_key(prefix: str) -> str:
    """A random key such as the server makes: the prefix and 43 characters."""
    return prefix + "".join(secrets.choice(_KEY_ALPHABET) for _ in range(43))


def salt(alg: str, key: str, time: str) -> bytes:
    """The text that goes into PBKDF2 as its salt, from the three headers exactly as sent."""
    return (
        "NH1:device-socket:shared-secret:connect\n\n"
        f"x-nh-alg={alg}\nx-nh-key={key}\nx-nh-time={time}\n"
    ).encode()


def verify(headers: Mapping[str, str], credentials: Mapping[str, Credential], now: float) -> str:
    """
    The identifier that the headers prove, or `Refused`.

    :param headers: the request's ``x-nh-*`` headers with lower-case names
    :param credentials: key -> `Credential`
    :param float now: unix time of the server, in seconds
    """
    try:
        alg, key, time, token = (
            headers["x-nh-" + name] for name in ("alg", "key", "time", "signature")
        )
    except KeyError as error:
        raise Refused(f"header {error.args[0]} is missing") from None
    if not _INTEGER.fullmatch(time):
        raise Refused("x-nh-time is not an integer")
    credential = credentials.get(key)
    if credential is None or not credential.active:
        raise Refused(f"unknown or deactivated key {key[:8]}...")
    signing_key = derive(alg, credential.secret, salt(alg, key, time))
    identifier, signed_at_ms = decode_term(_open_token(token, signing_key))
    now_ms = int(now * 1000)
    if signed_at_ms > now_ms:
        raise Refused(f"signed {signed_at_ms - now_ms} ms in the future")
    if signed_at_ms + MAX_AGE_MS < now_ms:
        raise Refused(f"signature is {now_ms - signed_at_ms} ms old, limit {MAX_AGE_MS}")
    if not identifier.strip():
        raise Refused("empty identifier")
    if credential.identifier is not None and credential.identifier != identifier:
        raise Refused(f"device key of {credential.identifier!r} used by {identifier!r}")
    return identifier


def derive(alg: str, secret: str, salted: bytes) -> bytes:
    """The signing key: PBKDF2-HMAC as ``alg`` says. The digest's case does not matter here."""
    match = _ALG.fullmatch(alg)
    if not match:
        raise Refused(f"x-nh-alg {alg!r} is not NH1-HMAC-<digest>-<iterations>-<length>")
    digest, iterations, length = match[1].lower(), int(match[2]), int(match[3])
    digest = "sha1" if digest == "sha" else digest
    if iterations < 1 or not 1 <= length <= _MAX_KEY_LENGTH:
        raise Refused("x-nh-alg asks for no iterations or an impossible key length")
    if iterations * -(-length // _SHORTEST_DIGEST) > _MAX_HASHES:
        raise Refused(f"x-nh-alg {alg!r} would keep this hub busy for too long")
    try:
        return hashlib.pbkdf2_hmac(digest, secret.encode(), salted, iterations, length)
    except (ValueError, TypeError):
        raise Refused(f"unknown digest {digest!r} in x-nh-alg") from None


def _open_token(token: str, key: bytes) -> bytes:
    parts = token.split(".")
    if len(parts) != 3 or parts[0] not in _MACS:
        raise Refused("x-nh-signature is not a signed token")
    signed = f"{parts[0]}.{parts[1]}".encode()
    expected = hmac.new(key, signed, _MACS[parts[0]]).digest()
    if not hmac.compare_digest(expected, _b64url(parts[2])):
        raise Refused("signature does not match (wrong secret, or a header changed after signing)")
    return _b64url(parts[1])


def _b64url(text: str) -> bytes:
    if "=" in text:
        raise Refused("base64 in x-nh-signature is padded")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise Refused("x-nh-signature is not url-safe base64") from None


def decode_term(data: bytes) -> Tuple[str, int]:
    """
    Identifier and signing time in ms out of the Erlang term ``{binary, integer, integer}``.

    Any other term is refused, and so is anything after it.
    """
    try:
        # 131: version, then a tuple of three: SMALL_TUPLE_EXT (arity u8) or LARGE_TUPLE_EXT (u32)
        if data[:3] == b"\x83h\x03":
            at = 3
        elif data[:6] == b"\x83i\x00\x00\x00\x03":
            at = 6
        else:
            raise Refused("signed payload is no Erlang 3-tuple")
        if data[at] != 109:
            raise Refused("identifier in the signed payload is no binary")
        length = int.from_bytes(data[at + 1 : at + 5], "big")
        identifier = data[at + 5 : at + 5 + length]
        if len(identifier) != length:
            raise Refused("signed payload is cut short")
        signed_at, at = _integer(data, at + 5 + length)
        _max_age, at = _integer(data, at)
        if at != len(data):
            raise Refused("signed payload has bytes after its end")
        return identifier.decode(), signed_at
    except IndexError:
        raise Refused("signed payload is cut short") from None
    except UnicodeDecodeError:
        raise Refused("identifier is not UTF-8") from None


def _integer(data: bytes, at: int) -> Tuple[int, int]:
    tag = data[at]
    if tag == 97:  # SMALL_INTEGER_EXT: one byte
        return data[at + 1], at + 2
    if tag == 98:  # INTEGER_EXT: signed, big-endian
        start, end, sign = at + 1, at + 5, None
    elif tag == 110:  # SMALL_BIG_EXT: length, sign, then little-endian digits
        start = at + 3
        end, sign = start + data[at + 1], data[at + 2]
    else:
        raise Refused(f"signed payload has tag {tag} where an integer belongs")
    digits = data[start:end]
    if len(digits) != end - start:
        raise Refused("signed payload is cut short")
    if sign is None:
        return int.from_bytes(digits, "big", signed=True), end
    value = int.from_bytes(digits, "little")
    return (-value if sign else value), end
