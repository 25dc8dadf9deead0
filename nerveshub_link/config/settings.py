# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.config.settings`
====================================================

Reads the options in ``settings.toml``, and the chip's unique id. Not in
`nerveshub_link.config.options`, because it is imported only when it is needed.

``os.getenv`` differs between versions of CircuitPython: 10.1 reads a value without double quotes as
a whole number, and raises ValueError if it is not one; 10.2 and later return the text as it is
(``shared-module/os/getenv.c``, ``supervisor/shared/settings.c``). So all settings are read by the
functions here. The boot guard reads NERVESHUB_DEVELOP by the same rules, with its own code
(``examples/board/nh_boot.py``); a test compares the two.
"""

import os

from micropython import const

_TEXTS = const("host product_key product_secret identifier device_cert device_key")
_ON = const(("1", "true", "yes", "on"))
_OFF = const(("0", "false", "no", "off"))


def chip_id():
    """Return the chip's unique id in hex, or None on a machine without one, such as on CPython."""
    try:
        import microcontroller  # noqa: PLC0415 only boards have it

        return microcontroller.cpu.uid.hex()
    except (ImportError, AttributeError, NotImplementedError):
        return None


def read_text(name: str):
    """
    Read one setting of ``settings.toml`` (on CPython: of the environment).

    :param str name: such as ``"NERVESHUB_HOST"``
    :return: the value as a text, also of a number; None if it is missing or empty
    :raises ValueError: if CircuitPython can't parse the value, or it is in single quotes
    """
    try:
        value = os.getenv(name)
    except ValueError:
        value = "'"
    if value is None or value == "":
        return None
    value = str(value)
    if value[0] == "'" and value[-1] == "'":
        raise ValueError(
            '%s: settings.toml needs whole numbers, or texts in double quotes: %s = "..."'
            % (name, name)
        )
    return value


def read_flag(name: str):
    """
    Read a setting that is on or off: 1, true, yes, on; or 0, false, no, off.

    :param str name: such as ``"NERVESHUB_SSL"``
    :return: True or False; None if it is missing or empty
    :raises ValueError: for any other value
    """
    text = read_text(name)
    if text is None:
        return None
    if text.lower() in _ON:
        return True
    if text.lower() in _OFF:
        return False
    raise ValueError(name + " must be true or false, in double quotes, or 1 or 0")


def read_number(name: str):
    """
    Read a setting that is a whole number.

    :param str name: such as ``"NERVESHUB_PORT"``
    :return: the number; None if it is missing or empty
    :raises ValueError: for any other value
    """
    text = read_text(name)
    try:
        return None if text is None else int(text)
    except ValueError:
        raise ValueError(name + " must be a whole number") from None


def develops() -> bool:
    """
    Tell whether NERVESHUB_DEVELOP leaves the drive to the computer, by the boot guard's rules: an
    invalid value leaves it to the code.

    :return: True if it does
    """
    try:
        return read_flag("NERVESHUB_DEVELOP") is True
    except ValueError:
        return False


def read_settings() -> dict:
    """
    Read the options that ``settings.toml`` (on CPython: the environment) holds.

    :return: options for `NervesHubLink`
    :raises ValueError: if a value is invalid
    """
    options = {}
    for name in _TEXTS.split(" "):
        options[name] = read_text("NERVESHUB_" + name.upper())
    options["port"] = read_number("NERVESHUB_PORT")
    options["ssl"] = read_flag("NERVESHUB_SSL")
    return {name: options[name] for name in options if options[name] is not None}
