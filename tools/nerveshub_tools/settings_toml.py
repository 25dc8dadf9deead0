# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.settings_toml`
================================================================================

Reads ``settings.toml`` exactly as CircuitPython does, which is not TOML: byte by byte, as its
``shared-module/os/getenv.c`` (until 10.1) and ``supervisor/shared/settings.c`` (from 10.2 on) do.

* The first line with the name counts, and no later one.
* A line that begins with ``[``, or a NUL byte there, ends the search.
* A name without ``=`` behind it takes the next line with it.
* What stands behind a closing quote, but for a comment, makes a value void.
* 10.1 takes a value without quotes for a whole number, and raises ValueError for all that it can't
  read; 10.2 gives such a value as it stands there, and the default for a void one.
* CircuitPython's own code (Wi-Fi, safe mode) takes texts in double quotes only, of limited length.
"""

import re
from dataclasses import dataclass
from typing import Optional

NEW = (10, 2)
"""The first version whose ``os.getenv`` gives texts only."""
_SPACE = b" \t\n\v\f\r"
_LETTERS = {b"b": b"\b", b"r": b"\r", b"n": b"\n", b"t": b"\t", b"v": b"\v", b"f": b"\f"}
# What C's strtoul() takes to its end.
_HEX = re.compile(rb"[ \t\n\v\f\r]*([-+]?)(?:0[xX](?=[0-9a-fA-F]))?([0-9a-fA-F]+)")
_INTEGER = re.compile(r"[ \t\n\v\f\r]*([-+]?)(0[xX]|0[oO]|0[bB])?([0-9a-zA-Z_]+)[ \t\n\v\f\r]*")
_BASES = {"0x": 16, "0o": 8, "0b": 2}


@dataclass(frozen=True)
class Found:
    """
    The value of a name.

    :param int line: where it stands; 1 is the first
    :param bytes value: what was read
    :param bool quoted: in double quotes?
    :param str fault: why it is void, in words; None if it is not
    """

    line: int
    value: bytes
    quoted: bool
    fault: Optional[str] = None

    @property
    def text(self) -> str:
        """
        The value as a text.

        :raises UnicodeError: if it is not UTF-8
        """
        return self.value.decode("utf-8", "surrogatepass")


class _Void(Exception):
    """Raised for a value that CircuitPython does not take."""


class _Reader:
    """
    A position in the file.

    :param bytes data: the file
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def byte(self) -> bytes:
        """The next byte; empty at the end, for which a NUL byte counts, too."""
        found = self._data[self.at : self.at + 1]
        self.at += len(found)
        return b"" if found == b"\0" else found

    def at_end(self) -> bool:
        """Is there no further byte?"""
        return self.at >= len(self._data)

    def line(self) -> int:
        """The line of the last byte that was read."""
        return self._data.count(b"\n", 0, max(0, self.at - 1)) + 1

    def next_line(self) -> None:
        """Skip the rest of the line."""
        while self.byte() not in (b"", b"\n"):
            pass

    def skip_space(self) -> bytes:
        """The first byte behind blanks: the end of the line is one."""
        while True:
            found = self.byte()
            if found in (b"", b"\n") or found not in _SPACE:
                return found

    def is_line_of(self, name: bytes) -> bool:
        """Read the beginning of a line, up to ``=`` if it is that of the name."""
        found = self.skip_space()
        if found in (b"", b"["):
            self.at = len(self._data)
            return False
        for wanted in name:
            if found != bytes((wanted,)):
                if found != b"\n":
                    self.next_line()
                return False
            found = self.byte()
        if found and found in _SPACE:
            found = self.skip_space()  # also if it was the end of the line
        if found == b"=":
            return True
        if found != b"\n":
            self.next_line()
        return False

    def quoted(self) -> bytes:
        """A text behind its opening quote."""
        value = b""
        while True:
            found = self.byte()
            if found == b'"':
                behind = self.skip_space()
                if behind in (b"", b"\n", b"#"):
                    return value
                raise _Void("text behind the closing quote")
            escaped = found == b"\\"
            if escaped:
                found = self.byte()
            if found in (b"", b"\n"):
                raise _Void("the closing quote is missing")
            value += self._escape(found) if escaped else found

    def _escape(self, letter: bytes) -> bytes:
        if letter in (b"u", b"U"):
            return self._unicode(4 if letter == b"u" else 8)
        return _LETTERS.get(letter, letter)

    def _unicode(self, size: int) -> bytes:
        digits = b"".join(self.byte() for _ in range(size))
        found = _HEX.fullmatch(digits)
        if not found or len(digits) < size:
            raise _Void("a \\u without its hexadecimal digits")
        code = int(found[2], 16)
        if code >= 0x110000 or (found[1] == b"-" and code):
            raise _Void("a \\U for a character that does not exist")
        return chr(code).encode("utf-8", "surrogatepass")

    def bare(self, found: bytes) -> bytes:
        """A value without quotes, from its first byte on."""
        value = b""
        while found not in (b"", b"\n", b"#"):
            value += found
            found = self.byte()
        return value.rstrip(b" \t\r")


def find(data: bytes, name: str) -> Optional[Found]:
    """
    Find the value of a name.

    :param bytes data: the file
    :param str name: such as ``"NERVESHUB_HOST"``
    :return: what counts; None if the name is not found
    """
    reader = _Reader(data)
    key = name.encode()
    while not reader.at_end():
        if not reader.is_line_of(key):
            continue
        line = reader.line()
        first = reader.skip_space()
        try:
            if first == b'"':
                return Found(line, reader.quoted(), True)
            value = reader.bare(first)
            return Found(line, value, False, None if value or first == b"#" else "nothing")
        except _Void as error:
            return Found(line, b"", first == b'"', str(error))
    return None


def getenv(data: bytes, name: str, default=None, circuitpython: tuple = NEW):
    """
    What ``os.getenv`` gives on a board.

    :param bytes data: the file
    :param str name: such as ``"NERVESHUB_HOST"``
    :param default: for a name that is not found; from 10.2 on, also for a void value
    :param tuple circuitpython: the version; what counts is whether it is older than ``(10, 2)``
    :return: the text; an integer from 10.1 for a value without quotes
    :raises ValueError: from 10.1 for what it can't read; UnicodeError from both if it is not UTF-8
    """
    found = find(data, name)
    if found is None:
        return default
    if tuple(circuitpython) >= NEW:
        return default if found.fault else found.text
    if not found.quoted:
        return integer(found.value.decode("latin-1"))
    if found.fault:
        raise ValueError("Invalid byte")
    return found.text


def integer(text: str) -> int:
    """
    A number as MicroPython reads it (``py/parsenum.c``, base 0): ``010`` is none, ``1__0`` is.

    :raises ValueError: if it is none
    """
    found = _INTEGER.fullmatch(text)
    if found:
        base = _BASES.get((found[2] or "").lower(), 10)
        digits = found[3]
        # A number that begins with 0 has no other digits.
        if not found[2] and digits[0] == "0" and len(digits) > 1:
            base = 1
        digits = digits.replace("_", "").lower()
        values = [int(digit, 36) for digit in digits]
        if all(value < base for value in values):
            number = int(digits or "0", max(base, 2))
            return -number if found[1] == "-" else number
    raise ValueError("invalid syntax for integer with base 0")


def core_text(data: bytes, name: str, most: int) -> Optional[str]:
    """
    A text as CircuitPython's own code reads it, for its Wi-Fi: in double quotes.

    :param int most: bytes that it has room for
    :return: the text; None if there is none, or none that it takes
    """
    found = find(data, name)
    if found is None or found.fault or not found.quoted or len(found.value) > most:
        return None
    return found.value.decode("utf-8", "replace")


def core_number(data: bytes, name: str) -> Optional[float]:
    """A number as CircuitPython's own code reads it: without quotes; None if there is none."""
    found = find(data, name)
    if found is None or found.fault or found.quoted:
        return None
    try:
        return float(found.text)
    except ValueError:
        return None


def quote(text: str) -> str:
    """A text as a value: in double quotes, with what these need."""
    shown = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub("[\x00-\x1f\x7f]", lambda found: f"\\u{ord(found[0]):04x}", shown) + '"'
