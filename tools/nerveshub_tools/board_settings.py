# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.board_settings`
================================================================================

A board's ``settings.toml``: read for this computer's own use, read as CircuitPython's
``os.getenv`` does (`getenv`), and the template for a new one.
"""

import json
import re
from pathlib import Path
from typing import Optional

NAME = "settings.toml"
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"\s*(?:#.*)?$')
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)")
_LETTERS = {"b": "\b", "r": "\r", "n": "\n", "t": "\t", "v": "\v", "f": "\f"}
_NUMBER = re.compile(r"([-+]?)(0x[0-9a-f]+|0o[0-7]+|0b[01]+|[0-9]+)\s*(?:#.*)?$", re.I)
_LINE = re.compile(r'^[ \t]*([A-Za-z0-9_]+)[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"|[-+]?\d+)', re.M)

TEMPLATE = """\
# CircuitPython joins this network by itself.
CIRCUITPY_WIFI_SSID = "{CIRCUITPY_WIFI_SSID}"
CIRCUITPY_WIFI_PASSWORD = "{CIRCUITPY_WIFI_PASSWORD}"

# The server without https://, and a key of your product (Product, Settings, Shared Secrets).
NERVESHUB_HOST = "{NERVESHUB_HOST}"
NERVESHUB_PRODUCT_KEY = "{NERVESHUB_PRODUCT_KEY}"
NERVESHUB_PRODUCT_SECRET = "{NERVESHUB_PRODUCT_SECRET}"

# Without this, the device is called by its chip's unique id.
# NERVESHUB_IDENTIFIER = "greenhouse-1"

# A power supply that bounces within the first second must not start the safe mode for users, which
# waits for one for ever. (Takes effect from CircuitPython 10.3 on.)
CIRCUITPY_SAFE_MODE_DELAY = 0

# Seconds without a poll() after which an application on trial is taken for hung; 0 for never.
# NERVESHUB_WATCHDOG = 90

# 1 leaves the drive to the computer: for editing, no updates meanwhile.
# NERVESHUB_DEVELOP = 1
"""
PLACEHOLDERS = {
    "CIRCUITPY_WIFI_SSID": "your-network",
    "CIRCUITPY_WIFI_PASSWORD": "your-password",
    "NERVESHUB_HOST": "devices.example.com",
    "NERVESHUB_PRODUCT_KEY": "nhp_0123456789",
    "NERVESHUB_PRODUCT_SECRET": "the secret that was shown with it",
}


def read(path) -> dict:
    """All settings of a file, as texts. An empty dict if there is no such file."""
    path = Path(path)
    if not path.is_file():
        return {}
    found = {}
    for name, value in _LINE.findall(path.read_text(encoding="utf-8", errors="replace")):
        try:
            found[name] = json.loads(value) if value[0] == '"' else value
        except ValueError:  # an escape that is none
            found[name] = value[1:-1]
    return found


def getenv(path, key: str, default=None, circuitpython: tuple = (10, 2)):
    """
    What ``os.getenv`` gives on a board. The first line with this key counts, a line that begins
    with ``[`` ends the search, and what stands behind a closing quote makes the value void.

    :param path: of the file
    :param tuple circuitpython: ``(10, 1)``: a value without quotes is a whole number, and anything
        else raises ValueError (``shared-module/os/getenv.c``); ``(10, 2)`` and later: it is a text,
        and the default stands for a void one (``supervisor/shared/settings.c``)
    """
    value = _raw(Path(path), key)
    if value is None:
        return default
    if value[:1] == '"':
        found = _QUOTED.match(value)
        if found:
            return _ESCAPE.sub(_unescape, found[1])
    elif circuitpython >= (10, 2):
        if value:
            return value.split("#")[0].strip()
    else:
        number = _NUMBER.match(value)
        if number:
            return int(number[1] + number[2], 10 if number[2].isdigit() else 0)
    if circuitpython >= (10, 2):
        return default
    raise ValueError(
        "Invalid byte" if value[:1] == '"' else "invalid syntax for integer with base 0"
    )


def _raw(path: Path, key: str) -> Optional[str]:
    if not path.is_file():
        return None
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
        name, equals, value = line.partition("=")
        if name.lstrip()[:1] == "[":
            return None
        if equals and name.strip() == key:
            return value.strip()
    return None


def _unescape(found) -> str:
    text = found[1]
    return chr(int(text[1:], 16)) if len(text) > 1 else _LETTERS.get(text, text)


def template(**values: str) -> str:
    """A new file. ``values`` replace the placeholders; others are added."""
    texts = {name: json.dumps(text)[1:-1] for name, text in {**PLACEHOLDERS, **values}.items()}
    lines = [f'\n{name} = "{texts[name]}"\n' for name in values if name not in PLACEHOLDERS]
    return TEMPLATE.format(**texts) + "".join(lines)


def develops(path) -> bool:
    """Does NERVESHUB_DEVELOP leave the drive to the computer? As the boot guard reads it."""
    return str(getenv(path, "NERVESHUB_DEVELOP")).lower() in {"1", "true", "yes", "on"}


def lacking(settings: dict) -> list:
    """What a board still needs in its settings, in words."""
    words = []
    for name in ("CIRCUITPY_WIFI_SSID", "CIRCUITPY_WIFI_PASSWORD", "NERVESHUB_HOST"):
        if _is_open(settings, name):
            words.append(name)
    if not {"NERVESHUB_DEVICE_CERT", "NERVESHUB_DEVICE_KEY"} <= set(settings):
        for name in ("NERVESHUB_PRODUCT_KEY", "NERVESHUB_PRODUCT_SECRET"):
            if _is_open(settings, name):
                words.append(name)
    if settings.get("CIRCUITPY_SAFE_MODE_DELAY") != "0":
        words.append("CIRCUITPY_SAFE_MODE_DELAY = 0")
    return words


def _is_open(settings: dict, name: str) -> bool:
    return settings.get(name, "") in {"", PLACEHOLDERS[name]}
