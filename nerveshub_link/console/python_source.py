# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.console.python_source`
====================================================

Finds where a Python statement ends, by brackets, quotes and indentation alone. The compiler is no
help: on a board it gives the same error for a wrong line and for an incomplete one, and there is
neither ``codeop`` nor ``ast``.
"""

from micropython import const

from ..errors import keep_timeout

_COMPOUND = const(("if", "while", "for", "try", "with", "def", "class", "async"))
_QUOTES = const((0x22, 0x27))
_OPENING = const((0x28, 0x5B, 0x7B))
_CLOSING = const((0x29, 0x5D, 0x7D))
_GOES_ON = const(("else", "elif", "except", "finally"))


def first_word(line: str) -> str:
    """Return the name that a line begins with, ``"@"`` for a decorator, else ``""``."""
    end = 0
    for char in line:
        if not (char.isalpha() or char.isdigit() or char == "_"):
            break
        end += 1
    return "@" if line[:1] == "@" else line[:end]


def is_compound(line: str) -> bool:
    """Tell whether a statement with this first line has a block."""
    word = first_word(line)
    return word == "@" or word in _COMPOUND


def is_code(line: str) -> bool:
    """Tell whether a line has more than blanks and a comment."""
    return line.strip()[:1] not in ("", "#")


def begins_statement(line: str) -> bool:
    """
    Tell whether a line begins a statement, if no bracket or quote is open before it: it is not
    indented, and does not begin with ``else``, ``elif``, ``except`` or ``finally``.
    """
    return is_code(line) and line[0] not in " \t" and first_word(line) not in _GOES_ON


class Scanner:
    """Scans the lines of a statement, one after the other."""

    def __init__(self) -> None:
        self._depth = 0
        self._quote = b""
        self._joined = False
        self._colon = False

    @property
    def is_open(self) -> bool:
        """True if a bracket, a triple quote or a backslash continues the statement (read-only)."""
        return self._joined or self._depth > 0 or len(self._quote) > 0

    @property
    def ends_with_colon(self) -> bool:
        """True if the last line with code ended with a colon (read-only)."""
        return self._colon

    def feed(self, line: str) -> None:
        """
        Scan a line.

        :param str line: the line, without its line feed
        """
        data = line.encode()  # a board finds the n-th byte at once, but not the n-th character
        self._joined = False
        count, at = len(data), 0
        last = 0
        while at < count:
            char = data[at]
            if self._quote:
                at += self._quoted(data, at)
                continue
            if char == 0x23:  # hash
                break
            if char in _QUOTES:
                triple = data[at : at + 3]
                self._quote = triple if triple == bytes((char, char, char)) else triple[:1]
                at += len(self._quote) - 1
            elif char == 0x5C and at == count - 1:
                self._joined = True
            elif char in _OPENING:
                self._depth += 1
            elif char in _CLOSING:
                self._depth = max(self._depth - 1, 0)
            if char > 0x20:
                last = char
            at += 1
        if len(self._quote) == 1 and at == count:
            # A missing quote: the compiler will report it. After a backslash, at is past the end.
            self._quote = b""
        if last:
            self._colon = last == 0x3A

    def _quoted(self, data: bytes, at: int) -> int:
        """Return how many bytes of a quoted text to skip."""
        if data[at] == 0x5C:
            return 2
        length = len(self._quote)
        if data[at : at + length] != self._quote:
            return 1
        self._quote = b""
        return length


def keep_last_value(text: str) -> tuple:
    """
    Change a script so that it assigns its last statement to ``_``, if that is an expression.

    :param str text: a whole script
    :return: the script, and True if it was changed
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    scanner = Scanner()
    start = None
    for index, line in enumerate(lines):
        if not scanner.is_open and is_code(line) and line[0] not in " \t":
            start = index
        scanner.feed(line)
    if start is not None:
        try:
            compile("\n".join(lines[start:]), "<script>", "eval")
        except Exception as error:
            keep_timeout(error)
            start = None  # not an expression, or an error that is reported when it runs
    if start is not None:
        lines[start] = "_ = (" + lines[start]
        lines.append(")")
    return "\n".join(lines) + "\n", start is not None
