# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.board_settings`
================================================================================

A board's ``settings.toml``: read as CircuitPython's ``os.getenv`` does, which knows texts and whole
numbers and nothing else of TOML, and the template for a new one.
"""

import json
import re
from pathlib import Path

NAME = "settings.toml"
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
# waits for one for ever.
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


def template(**values: str) -> str:
    """A new file. ``values`` replace the placeholders; others are added."""
    texts = {name: json.dumps(text)[1:-1] for name, text in {**PLACEHOLDERS, **values}.items()}
    lines = [f'\n{name} = "{texts[name]}"\n' for name in values if name not in PLACEHOLDERS]
    return TEMPLATE.format(**texts) + "".join(lines)


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
