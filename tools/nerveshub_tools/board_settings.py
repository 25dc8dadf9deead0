# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.board_settings`
================================================================================

A board's ``settings.toml``: the template for a new one, what the board finds in it
(`nerveshub_tools.settings_toml` reads it as CircuitPython does). `nerveshub_tools.settings_changes`
changes it.
"""

import re
from pathlib import Path
from typing import List, Optional

from . import settings_toml
from .settings_toml import NEW, quote

NAME = "settings.toml"
_NAME = re.compile(rb"^[ \t]*([A-Za-z0-9_]+)[ \t]*=", re.M)
TABLE = re.compile(rb"^[ \t\r\v\f]*\[.*", re.M)
DEVELOP = "NERVESHUB_DEVELOP"
_ON = {"1", "true", "yes", "on"}
# Bytes that CircuitPython has room for (supervisor/shared/web_workflow/web_workflow.c).
_OF_THE_CORE = {"CIRCUITPY_WIFI_SSID": 32, "CIRCUITPY_WIFI_PASSWORD": 63}

TEMPLATE = """\
# CircuitPython joins this network by itself.
{CIRCUITPY_WIFI_SSID}
{CIRCUITPY_WIFI_PASSWORD}

# The server without https://, and a key of your product (Product, Settings, Shared Secrets).
{NERVESHUB_HOST}
{NERVESHUB_PRODUCT_KEY}
{NERVESHUB_PRODUCT_SECRET}

# On a server where each device has a certificate, this instead of the key and the secret:
{NERVESHUB_DEVICE_CERT}
{NERVESHUB_DEVICE_KEY}

# For a server whose CA is your own: that CA's certificates. Put the file on the drive, too.
# NERVESHUB_CA = "/certs/ca.pem"

# Without this, the device is called by its chip's unique id.
{NERVESHUB_IDENTIFIER}

# Public keys (.pub files) whose releases the board takes, and no others; a space between two.
{NERVESHUB_PUBLIC_KEYS}

# A power supply that bounces within the first second must not start the safe mode for users, which
# waits for one for ever. (Takes effect from CircuitPython 10.3 on.)
CIRCUITPY_SAFE_MODE_DELAY = 0

# Seconds without a poll() after which an application on trial is taken for hung; 0 for never.
# NERVESHUB_WATCHDOG = 90

# 1 leaves the drive to the computer: for editing, no updates meanwhile.
# NERVESHUB_DEVELOP = 1
"""
"""A new file. What is not filled in is a comment, with a placeholder."""
PLACEHOLDERS = {
    "CIRCUITPY_WIFI_SSID": "your-network",
    "CIRCUITPY_WIFI_PASSWORD": "your-password",
    "NERVESHUB_HOST": "devices.example.com",
    "NERVESHUB_PRODUCT_KEY": "nhp_0123456789",
    "NERVESHUB_PRODUCT_SECRET": "the secret that was shown with it",
    "NERVESHUB_DEVICE_CERT": "/certs/device.pem",
    "NERVESHUB_DEVICE_KEY": "/certs/device-key.pem",
    "NERVESHUB_IDENTIFIER": "greenhouse-1",
    "NERVESHUB_PUBLIC_KEYS": "44 characters",
}
_CERTIFICATE = ("NERVESHUB_DEVICE_CERT", "NERVESHUB_DEVICE_KEY")
_SAFE_MODE = "CIRCUITPY_SAFE_MODE_DELAY = 0"


class Settings:
    """
    What a board finds in its settings.

    :param bytes data: the file
    :param tuple circuitpython: the board's version, such as ``(10, 1)``
    """

    def __init__(self, data: bytes, circuitpython: tuple = NEW) -> None:
        self._data = data
        self._circuitpython = circuitpython

    def getenv(self, name: str, default=None):
        """What ``os.getenv`` gives, or raises."""
        return settings_toml.getenv(self._data, name, default, self._circuitpython)

    def text(self, name: str) -> Optional[str]:
        """What the library reads; None for nothing, and for what it refuses."""
        try:
            value = self.getenv(name)
        except ValueError:
            return None
        value = None if value is None else str(value)
        return None if not value or value[0] == value[-1] == "'" else value

    def texts(self, but: str = "") -> dict:
        """All that can be read, but for one name: name to text."""
        found = {}
        for name in self._names().keys() - {but}:
            try:
                value = self.getenv(name)
            except ValueError:
                continue
            if value is not None:
                found[name] = str(value)
        return found

    def develops(self) -> bool:
        """Does NERVESHUB_DEVELOP leave the drive to the computer? As the boot guard reads it."""
        return (self.text(DEVELOP) or "").lower() in _ON

    def is_void(self, name: str) -> bool:
        """Is there a line with this name, whose value the library can't read?"""
        try:
            value = self.getenv(name)
        except ValueError:
            return True
        found = settings_toml.find(self._data, name)
        return bool(found and found.fault) or bool(value and self.text(name) is None)

    def lacking(self) -> List[str]:
        """The names that a board still needs before it can reach the server."""
        wanted = ["CIRCUITPY_WIFI_SSID", "CIRCUITPY_WIFI_PASSWORD", "NERVESHUB_HOST"]
        if any(self.text(name) for name in _CERTIFICATE):
            wanted += _CERTIFICATE
        else:
            wanted += ["NERVESHUB_PRODUCT_KEY", "NERVESHUB_PRODUCT_SECRET"]
        return [name for name in wanted if self._is_open(name)]

    def advice(self) -> List[str]:
        """Lines that a board on a wall should have, and starts without."""
        delay = settings_toml.core_number(self._data, _SAFE_MODE.split(" ", maxsplit=1)[0])
        return [] if delay == 0 else [_SAFE_MODE]

    def _is_open(self, name: str) -> bool:
        if name in _CERTIFICATE:
            return self.text(name) is None
        if name not in _OF_THE_CORE:
            return self.text(name) in {None, PLACEHOLDERS[name]}
        value = settings_toml.core_text(self._data, name, _OF_THE_CORE[name])
        # A network without a password has an empty one.
        return value in {None, PLACEHOLDERS[name]} or (value == "" and name.endswith("SSID"))

    def remarks(self) -> List[str]:
        """Which lines count where that is not plain to see, and which do not, in words."""
        words = []
        if self._data.startswith(b"\xef\xbb\xbf"):
            words.append("the file begins with a byte-order mark: line 1 is not read")
        table = TABLE.search(self._data)
        if table:
            text = table[0].decode("utf-8", "replace").strip().partition("]")[0] + "]"
            shown = "".join(char if char.isprintable() else "?" for char in text)
            words.append(f"nothing is read from line {self._line(table.start())} on, {shown:.40}")
        for name, lines in self._names().items():
            found = settings_toml.find(self._data, name)
            if found is None:
                words.append(f"{name} in line {lines[0]} is not read")
                continue
            others = ", ".join(str(line) for line in lines if line != found.line)
            if others:
                words.append(f"{name}: line {found.line} counts, not line {others}")
            fault = self._fault(name, found)
            if fault:
                words.append(f"{name} in line {found.line} can't be read: {fault}")
        return words

    def _fault(self, name: str, found) -> Optional[str]:
        fault = found.fault
        most = _OF_THE_CORE.get(name)
        if fault == "nothing":
            fault = "there is no value"
        elif fault is None and most and not found.quoted:
            fault = "CircuitPython takes it in double quotes only"
        elif fault is None and most and len(found.value) > most:
            fault = f"it has more than {most} bytes"
        elif fault is None and not found.quoted and found.value[:1] == found.value[-1:] == b"'":
            fault = "texts need double quotes"
        if fault:
            return fault
        try:
            self.getenv(name)
        except UnicodeError:
            return "it is not UTF-8"
        except ValueError:
            return "CircuitPython 10.1 takes whole numbers, and texts in double quotes"
        return None

    def _names(self) -> dict:
        """Name to the lines that seem to set it."""
        found: dict = {}
        for match in _NAME.finditer(self._data):
            found.setdefault(match[1].decode(), []).append(self._line(match.start(1)))
        return found

    def _line(self, at: int) -> int:
        return self._data.count(b"\n", 0, at) + 1


def load(path, circuitpython: tuple = NEW) -> Settings:
    """The settings in a file; none if it is not there."""
    path = Path(path)
    return Settings(path.read_bytes() if path.is_file() else b"", circuitpython)


def on(drive) -> bytes:
    """The file as it is on a drive; nothing if it is not there."""
    path = drive.file(NAME)
    return path.read_bytes() if path.is_file() else b""


def misnamed(drive) -> List[str]:
    """Files that were meant to be the settings, in words."""
    name = NAME + ".txt"  # Windows does not show the last part
    if not drive.file(name).exists():
        return []
    return [f"{name} is not read: rename it to {NAME} (Windows shows that ending only if told to)"]


def of_drive(drive) -> Settings:
    """
    The settings of a board.

    :param Drive drive: its drive, which tells its version of CircuitPython
    """
    return load(drive.file(NAME), version_of(drive))


def version_of(drive) -> tuple:
    """The board's version of CircuitPython, such as ``(10, 1)``."""
    version = drive.info().version.split(".")
    return int(version[0]), int(version[1])


def read(path, circuitpython: tuple = NEW) -> dict:
    """All settings of a file that can be read, as texts. An empty dict if there is no such file."""
    return load(path, circuitpython).texts()


def getenv(path, key: str, default=None, circuitpython: tuple = NEW):
    """What ``os.getenv`` gives on a board whose settings are in this file."""
    return load(path, circuitpython).getenv(key, default)


def template(**values: str) -> str:
    """A new file with these values; the other lines stay comments. Other names are added."""
    lines = {
        name: f"{name} = {quote(values[name])}" if name in values else f"# {name} = {quote(text)}"
        for name, text in PLACEHOLDERS.items()
    }
    more = [f"\n{name} = {quote(values[name])}\n" for name in values if name not in PLACEHOLDERS]
    return TEMPLATE.format(**lines) + "".join(more)
