# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.scrollback`
================================================================================

The last lines that a device printed on a terminal, which the server keeps for later readers.

Separate because it is text alone: it counts all characters, so that a reader can ask for the text
since its last call.
"""

LINES = 1024
"""How many lines the real server keeps."""
_CHARACTERS = 1_000_000


class Scrollback:
    """The end of everything that was written."""

    def __init__(self, text: str = "", end: int = 0) -> None:
        self.text = text
        """What is kept."""
        self.end = end
        """How many characters were written so far."""

    def write(self, text: str) -> None:
        """Add text; what is too old goes."""
        self.end += len(text)
        kept = (self.text + text)[-_CHARACTERS:]
        self.text = "\n".join(kept.split("\n")[-LINES:])

    def since(self, position: int) -> str:
        """What came after a former `end`, as far as it is kept."""
        new = self.end - position
        if new <= 0:
            # More than was ever written: the reader knew another hub.
            return "" if new == 0 else self.text
        return self.text[-new:]

    def copy(self) -> "Scrollback":
        """A copy that later text does not change."""
        return Scrollback(self.text, self.end)
