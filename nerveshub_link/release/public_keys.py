# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.release.public_keys`
====================================================

Reads the public keys whose signatures a device accepts: from an option, or from ``settings.toml``,
which the rescue application uses, too. Read once, while a writer is made. The error for an invalid
key does not show the key.
"""

import binascii
import os

_SETTING = "NERVESHUB_PUBLIC_KEYS"
_SETTINGS = "/settings.toml"
_AROUND = (
    b" \t\"'\xef\xbb\xbf"  # a name: it is read without quotes, and not behind a byte order mark
)
_PRIME = (1 << 255) - 19
_D = 0x52036CEE2B6FFE738CC740797779E89800700A4D4141D8AB75EB4DCA135978A3  # of the curve
# y of the points whose order divides 8. As public keys they are refused, since anyone can make
# signatures that fit them.
_OF_ORDER_8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL = (0, 1, _PRIME - 1, _OF_ORDER_8, _PRIME - _OF_ORDER_8)


def read_keys(given=None) -> tuple:
    """
    Read the option ``public_keys`` of a writer.

    :param given: a list of keys, each the text of a ``.pub`` file, or its 32 bytes; None for the
        setting NERVESHUB_PUBLIC_KEYS in ``settings.toml``, separated by spaces or commas
    :return: the keys, each 32 bytes; empty without option and setting
    :raises ValueError: if a key is invalid; the text names the option, and the fix
    """
    name = "public_keys"
    if given is None:
        from ..config.settings import read_text  # noqa: PLC0415 seldom needed

        name = _SETTING
        text = read_text(name)
        if text is None:
            if os.getenv(name) is None and _has_line(name.encode()):
                raise ValueError(
                    "%s: CircuitPython can't read the value in settings.toml. It must be one text"
                    " in double quotes, with a space between two keys, above all lines with ["
                    % name
                )
            return ()
        given = text.replace(",", " ").split()
    elif not isinstance(given, (list, tuple)):
        raise ValueError("public_keys must be a list of keys")
    if not given:
        raise ValueError(name + " holds no key: leave it out, or give the text of a .pub file")
    keys = []
    for value in given:
        key = _read(name, value)
        if key not in keys:
            keys.append(key)
    return tuple(keys)


def _has_line(name: bytes) -> bool:
    """
    Tell whether settings.toml has a line for a setting, which from CircuitPython 10.2 on counts as
    missing if its value can't be parsed: a slip must not switch the check of signatures off.
    """
    try:
        with open(_SETTINGS, "rb") as file:
            for line in file:
                if line.partition(b"=")[0].strip(_AROUND) == name:
                    return True
    except OSError:
        pass  # there is no such file
    return False


def _read(name: str, value) -> bytes:
    key = value if isinstance(value, (bytes, bytearray)) else decode(value)
    if isinstance(value, str) and len(value.strip()) == 88:
        raise ValueError(
            "%s: a key of 64 bytes is a private one, which belongs on no board: take the .pub file"
            % name
        )
    if key is None or len(key) != 32:
        raise ValueError(
            "%s: each key must be the 44 characters of a .pub file, as nerveshub-link keygen or"
            " fwup -g write it" % name
        )
    if not is_key(key) or not _is_point(key):
        raise ValueError("%s: one key is not a valid public key: copy the .pub file again" % name)
    return bytes(key)


def decode(text):
    """
    Decode a public key as written by ``fwup -g``.

    :param str text: base64 of 32 bytes
    :return: the bytes; None if the text is invalid
    """
    text = text.strip() if isinstance(text, str) else ""
    # Checked first, since a board's decoder skips invalid characters.
    if len(text) != 44 or not text.endswith("="):
        return None
    try:
        key = binascii.a2b_base64(text)
    except ValueError:
        return None
    whole = len(key) == 32 and binascii.b2a_base64(key).strip() == text.encode()
    return key if whole else None


def is_key(key: bytes) -> bool:
    """
    Tell whether a public key may be valid: 32 bytes, a canonical number, and not a point of small
    order, such as 32 zeros. Whether it is a point on the curve is not checked here.

    :param bytes key: the key
    :return: True if it may
    """
    y = int.from_bytes(key, "little") & ((1 << 255) - 1)
    return len(key) == 32 and y < _PRIME and y not in _SMALL


def _is_point(key: bytes) -> bool:
    """Is there an x for this y? Of keys with a wrong character, half have none."""
    y = int.from_bytes(key, "little") & ((1 << 255) - 1)
    # x * x == (y * y - 1) / (_D * y * y + 1), and a square to this power is 1 (or 0).
    square = (y * y - 1) * (_D * y * y + 1) % _PRIME
    return pow(square, (_PRIME - 1) // 2, _PRIME) <= 1
