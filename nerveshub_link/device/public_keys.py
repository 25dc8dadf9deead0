# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.device.public_keys`
====================================================

Parses the signing keys that NervesHub sends when a join asks for them. Its list holds all keys of
the organization, including RSA keys in PEM (its ``lib/nerves_hub/accounts.ex``): only Ed25519 keys
are used, which are 32 bytes in base64. Imported when a list arrives.
"""

from micropython import const

from ..release.public_keys import decode

_MOST = const(32)  # keys


def read_keys(payload: dict) -> list:
    """
    Parse ``fwup_public_keys`` or ``archive_public_keys``.

    :param dict payload: the message's payload
    :return: the keys, each 32 bytes; everything else in the list is left out
    """
    kept = []
    listed = payload.get("keys")
    for text in listed[:_MOST] if isinstance(listed, list) else ():
        key = decode(text)
        if key is not None and key not in kept:
            kept.append(key)
    return kept
