# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.settings`
====================================================

What the board itself tells: the options in ``settings.toml``, and the chip's unique id. Apart from
the configurator because it is imported only when it is asked for.
"""

import os

_SETTINGS = (
    "host",
    "port",
    "ssl",
    "product_key",
    "product_secret",
    "identifier",
    "device_cert",
    "device_key",
)


def chip_id():
    """Return the chip's unique id in hex, or None on a machine that has none."""
    try:
        import microcontroller  # noqa: PLC0415 only boards have it

        return microcontroller.cpu.uid.hex()
    except (ImportError, AttributeError, NotImplementedError):
        return None


def read_settings() -> dict:
    """
    Read the options that ``settings.toml`` (on CPython: the environment) holds.

    :return: options for `NervesHubLink`
    :raises ValueError: if a value is no good
    """
    options = {}
    for name in _SETTINGS:
        value = os.getenv("NERVESHUB_" + name.upper())
        if value is not None and value != "":
            options[name] = value
    if "port" in options:
        try:
            options["port"] = int(options["port"])
        except ValueError:
            raise ValueError("NERVESHUB_PORT must be a number") from None
    if "ssl" in options:
        options["ssl"] = str(options["ssl"]).lower() not in ("0", "false", "no", "off")
    return options
