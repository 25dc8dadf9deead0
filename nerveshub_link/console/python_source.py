# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.console.python_source`
====================================================

Where a Python statement ends, found by looking at brackets, quotes and indentation alone. The
compiler can't be asked: on a board it does not tell a line that is wrong from one that goes on, and
there is neither ``codeop`` nor ``ast``.
"""

from ..errors import keep_timeout

_COMPOUND = (
    "if",
    "while",
    "for",
    "try",
    "with",
    "def",
    "class",
    "async",
)
_QUOTES = (0x22, 0x27)
_OPENING = (0x28, 0x5B, 0x7B)
_CLOSING = (0x29, 0x5D, 0x7D)
_GOES_ON = ("else", "elif", "except", "finally")


def first_word(line: str) -> str:
    """Return the name that a line begins with, ``"@"`` for a decorator, ``""`` for all else."""
    end = 0
    for char in line:
        if not (char.isalpha() or char.isdigit() or char == "_"):
            break
        end += 1
    return "@" if line[:1] == "@" else line[:end]


def is_compound(line: str) -> bool:
    """Tell whether a statement's first line is one that a block may follow."""
    word = first_word(line)
    return word == "@" or word in _COMPOUND


def is_code(line: str) -> bool:
    """Tell whether there is more in a line than blanks and a comment."""
    return line.strip()[:1] not in ("", "#")


def begins_statement(line: str) -> bool:
    """
    Tell whether a line, if nothing is open before it, begins a statement of its own: it is not
    indented, and no ``else`` and the like.
    """
    return is_code(line) and line[0] not in " \t" and first_word(line) not in _GOES_ON


class Scanner:
    """Looks at the lines of a statement, one after the other."""

    def __init__(self) -> None:
        self._depth = 0
        self._quote = b""
        self._joined = False
        self._colon = False

    @property
    def is_open(self) -> bool:
        """True if the statement goes on for sure: a bracket, a quote, a backslash (read-only)."""
        return self._joined or self._depth > 0 or len(self._quote) > 0

    @property
    def ends_with_colon(self) -> bool:
        """True if the last line with code in it ended with a colon (read-only)."""
        return self._colon

    def feed(self, line: str) -> None:
        """
        Look at a line.

        :param str line: without its end
        """
        data = line.encode()  # of bytes the n-th is found at once, of characters not
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
            # Not closed: the compiler will say so. After a backslash, at is beyond the end.
            self._quote = b""
        if last:
            self._colon = last == 0x3A

    def _quoted(self, data: bytes, at: int) -> int:
        """How many bytes of a text in quotes to pass over."""
        if data[at] == 0x5C:
            return 2
        length = len(self._quote)
        if data[at : at + length] != self._quote:
            return 1
        self._quote = b""
        return length


def keep_last_value(text: str) -> tuple:
    """
    Make a script keep its last statement's value in ``_``, if that is an expression.

    :param str text: a whole script
    :return: the script, and True if there is such a value
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
            start = None  # a statement, or an error that will show when it runs
    if start is not None:
        lines[start] = "_ = (" + lines[start]
        lines.append(")")
    return "\n".join(lines) + "\n", start is not None
