# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.console.output_buffer`
====================================================

Text on its way to an operator, in bounded memory: a command may print faster than any network, and
without an end. What does not fit is dropped, counted, and told in the text itself.

The console takes it away piece by piece, a script's answer takes all of it at once.
"""

from micropython import const

_PIECE = const(512)  # characters; of 4 bytes each at most, so 2 KB in one message


class OutputBuffer:
    """
    A queue of text.

    :param int limit: characters that may wait
    :param str newline: what a line feed becomes
    """

    def __init__(self, limit: int, newline: str = "\n") -> None:
        self._limit = limit
        self._newline = newline
        self._parts = []
        self._dropped = 0
        self.size = 0
        """How many characters wait."""

    def write(self, text: str) -> None:
        """
        Add what may be dropped: a program's output.

        :param str text: what it printed
        """
        # Once something was dropped, everything is until it can be told: no holes without a word.
        room = 0 if self._dropped else max(self._limit - self.size, 0)
        if len(text) > room:
            self._dropped += len(text) - room
            text = text[:room]
        self._add(text)

    def tell(self, text: str) -> None:
        """
        Add what must not be dropped: the prompt, an error, a notice; short by nature.

        :param str text: up to 2,048 characters; the rest is cut
        """
        self._tell_dropped()
        if self.size < 2 * self._limit + 4096:  # should nobody take anything away for hours
            self._add(text[:2048])

    def _tell_dropped(self) -> None:
        if self._dropped:
            count, self._dropped = self._dropped, 0
            self._add("\n[%d characters more were dropped]\n" % count)

    def _add(self, text: str) -> None:
        if self._newline != "\n":
            text = text.replace("\r\n", "\n").replace("\n", self._newline)
        parts = self._parts
        self.size += len(text)
        # Few pieces, not thousands of tiny ones.
        if parts and len(parts[-1]) + len(text) <= _PIECE:
            parts[-1] += text
            return
        for at in range(0, len(text), _PIECE):
            parts.append(text[at : at + _PIECE])

    def first(self) -> str:
        """Return the next piece without taking it away: it may not get through."""
        if not self._parts:
            self._tell_dropped()
        return self._parts[0] if self._parts else ""

    def drop_first(self) -> None:
        """Take the next piece away."""
        self.size -= len(self._parts.pop(0))

    def take_all(self) -> str:
        """Take everything away."""
        self._tell_dropped()
        parts, self._parts = self._parts, []
        self.size = 0
        return "".join(parts)
