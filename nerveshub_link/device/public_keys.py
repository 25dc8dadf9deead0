# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.device.public_keys`
====================================================

Parses the signing keys that NervesHub sends when a join asks for them. Its list holds all keys of
the organisation, including RSA keys in PEM (its ``lib/nerves_hub/accounts.ex``): only Ed25519 keys
are used, which are 32 bytes in base64. Imported when a list arrives.
"""

import binascii

from micropython import const

_MOST = const(32)  # keys
_LENGTH = const(44)  # of 32 bytes in base64


def read_keys(payload: dict) -> list:
    """
    Parse ``fwup_public_keys`` or ``archive_public_keys``.

    :param dict payload: the message's payload
    :return: the keys, each 32 bytes; everything else in the list is left out
    """
    kept = []
    listed = payload.get("keys")
    for text in listed[:_MOST] if isinstance(listed, list) else ():
        # Checked first, since a board's decoder skips invalid characters.
        if not isinstance(text, str) or len(text) != _LENGTH or not text.endswith("="):
            continue
        try:
            key = binascii.a2b_base64(text)
            whole = len(key) == 32 and binascii.b2a_base64(key).strip() == text.encode()
            if whole and key not in kept:
                kept.append(key)
        except ValueError:
            pass
    return kept
