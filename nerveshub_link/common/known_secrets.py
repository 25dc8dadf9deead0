# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.common.known_secrets`
====================================================

Collects the device's secrets for `nerveshub_link.errors.mask`, which replaces them in all logs and
messages: secret options, and every setting with a name like ``..._PASSWORD``. Imported once, while
the options are checked.
"""

import json
import os

from micropython import const

from ..errors import secrets

_ALWAYS = const(
    "CIRCUITPY_WIFI_PASSWORD CIRCUITPY_WEB_API_PASSWORD NERVESHUB_PRODUCT_KEY"
    " NERVESHUB_PRODUCT_SECRET"
)
_SHORTEST = const(6)  # characters of a secret: a shorter one could be a part of ordinary words
_WORDS = const("PASSWORD PASSPHRASE SECRET TOKEN CREDENTIAL")
_ENDS = const("KEY KEYS PSK")
_SETTINGS = const("/settings.toml")


def keep_secret(text: str) -> None:
    """
    Mask a secret from now on.

    :param str text: the secret; one of fewer than 6 characters is not masked
    """
    if len(text) >= _SHORTEST and text not in secrets:
        at = 0
        while at < len(secrets) and len(secrets[at]) >= len(text):
            at += 1
        secrets.insert(at, text)  # before shorter secrets, which may be a part of it


def keep_secrets(config) -> None:
    """
    Mask all secrets of options and settings from now on.

    :param Config config: its ``product_key``, ``product_secret`` and ``wifi_password`` are used
    """
    for value in (config.product_key, config.product_secret, config.wifi_password):
        _keep(value)
    for name in _ALWAYS.split(" "):
        _keep(_setting(name))
    for name in _names():
        if _is_secret(name):
            _keep(_setting(name))


def _keep(value) -> None:
    if value is None:
        return
    text = str(value)  # CircuitPython 10.1 returns an unquoted number as an int
    # Also its escaped forms in the repr of a dict or an exception, and in JSON.
    for form in (text, repr(text)[1:-1], json.dumps(text)[1:-1]):
        keep_secret(form)


def _setting(name: str):
    try:
        return os.getenv(name)
    except ValueError:  # CircuitPython 10.1: a value that it can't parse
        return None


def _is_secret(name: str) -> bool:
    name = name.upper()
    # NERVESHUB_DEVICE_KEY is the key's path; public keys are not secret.
    if "PUBLIC" in name or name == "NERVESHUB_DEVICE_KEY":
        return False
    for word in _WORDS.split(" "):
        if word in name:
            return True
    for end in _ENDS.split(" "):
        if name.endswith(end):
            return True
    return False


def _names() -> list:
    """Return the names of all settings; on CPython only those with our prefixes."""
    if hasattr(os, "environ"):
        return [name for name in os.environ if name[:10] in ("CIRCUITPY_", "NERVESHUB_")]
    names = []
    try:
        with open(_SETTINGS, "rb") as file:
            for line in file:
                name, mark, _ = line.partition(b"=")
                name = name.strip()
                if mark and name and name[0] < 0x80 and name[:1] != b"#":
                    names.append(str(name, "utf-8"))
    except (OSError, ValueError):
        pass  # no settings.toml, or not a text: only the names in _ALWAYS are masked
    return names
