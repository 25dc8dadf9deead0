# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.settings_answers`
================================================================================

A complete ``settings.toml`` for a board: out of a file, the environment, and what a person answers.
A secret is never an argument of a command, and never shown. Writes nothing.
"""

import os
from pathlib import Path
from typing import Callable, Collection, Iterable, List, Mapping, Optional

from . import board_settings, settings_faults
from .board_drive import BoardError
from .board_settings import Settings
from .release_rules import known_keys
from .settings_changes import with_value

_SECRETS = {"CIRCUITPY_WIFI_PASSWORD", "NERVESHUB_PRODUCT_SECRET"}
_SERVER = ("NERVESHUB_PORT", "NERVESHUB_SSL")
_PASSWORD = "CIRCUITPY_WIFI_PASSWORD"
_WORDS = {
    "CIRCUITPY_WIFI_SSID": "Wi-Fi network",
    _PASSWORD: "Its password, not shown (Enter: it has none)",
    "NERVESHUB_HOST": "NervesHub's name for devices, such as devices.example.com",
    "NERVESHUB_PRODUCT_KEY": "Product key, nhp_...",
    "NERVESHUB_PRODUCT_SECRET": "Product secret, not shown",
    "NERVESHUB_IDENTIFIER": "The device's name (Enter: its chip's unique id)",
}


class Answers:
    """
    Completes settings.

    :param tell: shows a line
    :param prompt: function of a question and of whether to hide the answer; ``None`` asks nobody
    :param environ: the environment
    """

    def __init__(
        self,
        tell: Callable[[str], None],
        prompt: Optional[Callable[[str, bool], str]] = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._tell = tell
        self._prompt = prompt
        self._environ = environ

    def complete(self, data: bytes, given: Collection[str] = ()) -> bytes:
        """
        The file with what it lacks, as far as anybody knows it.

        :param bytes data: the file as it is
        :param given: names that come from elsewhere, and are not missed
        """
        data = self._from_environment(data, given)
        if self._prompt is not None and _lacking(data, given):
            data = self._from_person(data, given)
        return data

    def _from_environment(self, data: bytes, given: Collection[str]) -> bytes:
        taken = [name for name in _lacking(data, given) if self._environ.get(name)]
        if "NERVESHUB_HOST" in taken:  # they belong to it
            taken += [
                name
                for name in _SERVER
                if self._environ.get(name) and not Settings(data).text(name)
            ]
        for name in taken:
            data = with_value(data, name, self._environ[name])
        if taken:
            self._tell("From the environment: " + ", ".join(taken))
        return data

    def _from_person(self, data: bytes, given: Collection[str]) -> bytes:
        self._tell("What settings.toml lacks (Enter leaves it open):")
        names = _lacking(data, given)
        if not Settings(data).text("NERVESHUB_IDENTIFIER") and "NERVESHUB_IDENTIFIER" not in given:
            names.append("NERVESHUB_IDENTIFIER")
        for name in names:
            # A key that was left open needs no secret.
            key = "NERVESHUB_PRODUCT_KEY"
            if name != "NERVESHUB_PRODUCT_SECRET" or key in given or Settings(data).text(key):
                data = self._asked(data, name)
        return data

    def _asked(self, data: bytes, name: str) -> bytes:
        while True:
            answer = self._prompt(_WORDS.get(name, name), name in _SECRETS)
            answer = answer.strip("\r\n" if name.startswith("CIRCUITPY_WIFI_") else None)
            if not answer and name != _PASSWORD:
                return data
            changed = with_value(data, name, answer)
            wrong = [fault for fault in settings_faults.faults(Settings(changed)) if name in fault]
            wrong = [fault for fault in wrong if " needs " not in fault]  # more is to come
            if name in Settings(changed).lacking():
                wrong.append(f"{name} can't be that: it is too long, or an example")
            if not wrong:
                return changed
            for fault in wrong:
                self._tell(fault)


def _lacking(data: bytes, given: Collection[str]) -> List[str]:
    return [name for name in Settings(data).lacking() if name not in given]


def read(path) -> bytes:
    """
    A file of settings on this computer.

    :raises BoardError: if it can't be read, or not as CircuitPython does
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise BoardError(f"{path}: {error.strerror}") from None
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        raise BoardError(f"{path} is UTF-16, which CircuitPython can't read: save it as UTF-8")
    return data.removeprefix(b"\xef\xbb\xbf")  # the first line would not be read behind such a mark


def public_keys(files: Iterable) -> dict:
    """
    The setting with these public keys; nothing if there are none.

    :param files: paths of ``.pub`` files
    :raises BoardError: if one of them holds no public key
    """
    try:
        keys = list(known_keys(files))
    except ValueError as error:
        raise BoardError(f"--public-key {error}") from None
    except OSError as error:
        raise BoardError(f"--public-key {error.filename}: {error.strerror}") from None
    return {"NERVESHUB_PUBLIC_KEYS": " ".join(keys)} if keys else {}


def check(data: bytes, name: str, circuitpython: tuple = board_settings.NEW) -> None:
    """
    Can a board start with this file? What it names on the drive is not looked at.

    :param bytes data: the file
    :param str name: what the error calls it
    :param tuple circuitpython: the board's version
    :raises BoardError: if not
    """
    settings = Settings(data, circuitpython)
    lacking: List[str] = settings.lacking()
    faults = settings_faults.faults(settings)
    if lacking:
        faults.append("it lacks " + ", ".join(lacking))
    if faults:
        words = faults + settings.remarks()
        raise BoardError(f"{name}: " + "; ".join(words))
