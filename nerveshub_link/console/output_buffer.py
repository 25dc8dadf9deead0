# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.console.output_buffer`
====================================================

Queues text for an operator, in bounded memory: a command may print faster than the network sends,
and without end. Text that does not fit is dropped, and a remark in the output tells how much.

The console takes the text piece by piece, a script's answer takes all of it at once.
"""

from micropython import const

_PIECE = const(512)  # characters; of 4 bytes each at most, so 2 KB in one message


class OutputBuffer:
    """
    A queue of text.

    :param int limit: most characters in the queue
    :param str newline: replaces each line feed
    """

    def __init__(self, limit: int, newline: str = "\n") -> None:
        self._limit = limit
        self._newline = newline
        self._parts = []
        self._dropped = 0
        self.size = 0
        """Number of characters in the queue."""

    def write(self, text: str) -> None:
        """
        Add a program's output, which may be dropped.

        :param str text: the output
        """
        # After a drop everything else is dropped, too, until the remark is queued: so each gap in
        # the output has its remark.
        room = 0 if self._dropped else max(self._limit - self.size, 0)
        if len(text) > room:
            self._dropped += len(text) - room
            text = text[:room]
        self._add(text)

    def tell(self, text: str) -> None:
        """
        Add text that must not be dropped: the prompt, an error, a notice.

        :param str text: up to 2,048 characters; the rest is cut
        """
        self._tell_dropped()
        if self.size < 2 * self._limit + 4096:  # a limit, if nothing is sent for hours
            self._add(text[:2048])

    def _tell_dropped(self) -> None:
        if self._dropped:
            count, self._dropped = self._dropped, 0
            self._add("\n[%d more characters were dropped]\n" % count)

    def _add(self, text: str) -> None:
        if self._newline != "\n":
            text = text.replace("\r\n", "\n").replace("\n", self._newline)
        parts = self._parts
        self.size += len(text)
        # Join small pieces.
        if parts and len(parts[-1]) + len(text) <= _PIECE:
            parts[-1] += text
            return
        for at in range(0, len(text), _PIECE):
            parts.append(text[at : at + _PIECE])

    def first(self) -> str:
        """Return the next piece, or ``""``. It stays queued, since sending it may fail."""
        if not self._parts:
            self._tell_dropped()
        return self._parts[0] if self._parts else ""

    def drop_first(self) -> None:
        """Remove the piece that `first` has returned."""
        self.size -= len(self._parts.pop(0))

    def take_all(self) -> str:
        """Remove and return the whole text."""
        self._tell_dropped()
        parts, self._parts = self._parts, []
        self.size = 0
        return "".join(parts)
