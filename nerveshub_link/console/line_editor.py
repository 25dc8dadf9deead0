# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.console.line_editor`
====================================================

Edits one line of input at a remote terminal, an xterm (ECMA-48): keys come in by
`LineEditor.feed`, in pieces of any length, and the terminal's output goes to a function.

The meaning of a line is left to the caller. `LineEditor.feed` stops at each `event` that the caller
must handle, and is called again with the rest. After `LINE`, `INTERRUPT`, `TOO_LONG` and `END` the
caller shows the next prompt by `LineEditor.begin`.

Longer than other modules: all keys work on one line and one cursor.
"""

from micropython import const

NOTHING = 0
"""Event: all keys were handled."""
LINE = 1
"""Event: the line in ``line`` was entered."""
INTERRUPT = 2
"""Event: ctrl-c."""
END = 3
"""Event: ctrl-d on an empty line."""
COMPLETE = 4
"""Event: the tab key; see `LineEditor.insert` and `LineEditor.show`."""
TOO_LONG = 5
"""Event: a line was entered that was too long; it is dropped."""

_PASTE_BEGIN = const("\x1b[200~")  # a terminal sends this before a paste (xterm, mode 2004)
_ESCAPE = const(16)  # characters of the longest escape sequence that is parsed

# What the control keys do: ctrl-a to ctrl-z are 1 to 26; `LineEditor._key` handles ctrl-c, ctrl-d
# and tab. The local shell has the same editor.
_KEYS = {
    "\x01": "home",
    "\x02": "left",
    "\x04": "delete",
    "\x05": "end",
    "\x06": "right",
    "\x08": "backspace",
    "\x0b": "kill",  # ctrl-k: from the cursor to the line's end
    "\x0c": "clear",
    "\x0e": "down",
    "\x10": "up",
    "\x15": "kill_start",
    "\x17": "kill_word",
    "\x7f": "backspace",
}
_FINALS = {"A": "up", "B": "down", "C": "right", "D": "left", "H": "home", "F": "end"}
_TILDES = {"1": "home", "3": "delete", "4": "end", "7": "home", "8": "end"}


def _cells(char: str) -> int:
    """Return how many cells of the terminal a character takes, by a short approximate list."""
    code = ord(char)
    if code < 0x300:
        return 1
    if code < 0x370 or 0x200B <= code <= 0x200F or 0x20D0 <= code < 0x2100:
        return 0  # marks that combine with the previous character
    if 0xFE00 <= code <= 0xFE0F:
        return 0
    if code < 0x1100:
        return 1
    wide = (
        code < 0x1160
        or 0x2E80 <= code < 0xA4D0
        or 0xAC00 <= code < 0xD7A4
        or 0xF900 <= code < 0xFB00
        or 0xFE30 <= code < 0xFE70
        or 0xFF01 <= code < 0xFF61
        or 0xFFE0 <= code < 0xFFE7
        or 0x1F300 <= code < 0x1F650
        or 0x1F900 <= code < 0x1FA00
        or 0x20000 <= code < 0x40000
    )
    return 2 if wide else 1


def _is_character(code: int) -> bool:
    """Refuse the control characters from 0x80 on, and surrogates, which are half a character."""
    return not (0x80 <= code < 0xA0 or 0xD800 <= code <= 0xDFFF)


def _csi(count: int, final: str) -> str:
    if count == 0:
        return ""
    return "\x1b[" + final if count == 1 else "\x1b[%d%s" % (count, final)


class LineEditor:
    """
    Edits lines.

    :param write: function of a text to send to the terminal
    :param int width: the terminal's columns
    :param int limit: characters of a line
    :param int history: characters of all remembered lines together
    """

    def __init__(self, write, width: int = 80, limit: int = 1000, history: int = 2000) -> None:
        self._write = write
        self._limit = limit
        self._history_limit = history
        self._history = []
        self._back = 0  # how many lines back in the history
        self._draft = ""  # the typed line, while the history is shown
        self._escape = ""
        self._after_return = False
        self._prompt = ""
        self._marks = False  # True if a character may not take exactly one cell
        self._overflow = False
        self.set_width(width)
        self.pasting = False
        """True within a bracketed paste, where ctrl-c is the only special key."""
        self.text = ""
        """The line so far."""
        self.cursor = 0
        """Index in ``text``."""
        self.line = ""
        """The line that was entered."""
        self.event = NOTHING
        """Why `feed` returned: `NOTHING`, `LINE` and so on."""

    def set_width(self, width: int) -> None:
        """
        Set the terminal's width.

        :param int width: columns; limited to 20 to 500
        """
        self.width = min(max(width, 20), 500)

    def begin(self, prompt: str) -> None:
        """
        Show a prompt and begin an empty line.

        :param str prompt: printable ASCII
        """
        self._prompt = prompt
        self.text = ""
        self.cursor = self._back = 0
        self._draft = ""
        self._marks = self._overflow = False
        self._write(prompt)

    def redraw(self) -> None:
        """Show prompt and line again. The cursor must be in an empty row."""
        out = self._prompt + self.text
        if self._where(len(self.text))[1] == 0:
            out += " \r"  # a terminal wraps only with the character after the last column
        self._write(out + self._move(len(self.text), self.cursor))

    def show(self, text: str) -> None:
        """
        Show a text below the line, and the line again below that.

        :param str text: ends with a line feed
        """
        self._write(self._move(self.cursor, len(self.text)) + "\n" + text)
        self.redraw()

    def insert(self, text: str) -> None:
        """
        Insert text at the cursor. The part that does not fit is dropped.

        :param str text: text without control characters
        """
        room = self._limit - len(self.text)
        if len(text) > room:
            if not self._overflow:
                self._write("\a")
            self._overflow = True
            text = text[:room]
        self._replace(self.cursor, self.cursor, text)

    def feed(self, text: str) -> int:
        """
        Handle keys.

        :param str text: a few hundred characters at most: each takes time
        :return: how many characters were handled; call again with the rest
        """
        self.event = NOTHING
        count, at = len(text), 0
        while at < count and self.event == NOTHING:
            end = at
            if not self._escape:
                while end < count and text[end] >= " " and text[end] != "\x7f":
                    end += 1
            if end > at:
                self._after_return = False
                self._typed(text[at:end])
                at = end
            else:
                self._key(text[at])
                at += 1
        return at

    def skip(self, text: str) -> int:
        """
        Drop keys of a refused paste, up to its end or to ctrl-c. Outside of a paste: drop keys up
        to ctrl-c or to the beginning of a paste.

        :param str text: as for `feed`
        :return: how many characters were dropped; fewer than all if the end was among them
        """
        self.event = NOTHING
        if not self.pasting:
            ends = [text.find(end) for end in ("\x03", _PASTE_BEGIN)]
            return min([end for end in ends if end >= 0] + [len(text)])
        used = 0
        for char in text:
            used += 1
            if self._escape or char in "\x1b\x03":
                self._key(char)
                if not self.pasting:
                    break
        return used

    def _typed(self, text: str) -> None:
        kept = [char for char in text if _is_character(ord(char))]
        self.insert("".join(kept) if len(kept) < len(text) else text)

    def _key(self, char: str) -> None:
        if self._escape:
            if char >= " ":
                self._escaped(char)
                return
            self._escape = ""  # a control character ends a sequence
        after_return, self._after_return = self._after_return, char == "\r"
        if char == "\x1b":
            self._escape = char
        elif char in "\r\n":
            if not (char == "\n" and after_return):
                self._enter()
        elif char == "\x03":
            self.pasting = False  # the paste's end may have been dropped with the queued input
            self._write(self._move(self.cursor, len(self.text)) + "^C\n")
            self.event = INTERRUPT
        elif self.pasting:
            if char == "\t":
                self.insert("    ")
        elif char == "\x04" and not self.text:
            self._write("\n")
            self.event = END
        elif char == "\t":
            self.event = COMPLETE
        elif char in _KEYS:
            self._do(_KEYS[char])

    def _enter(self) -> None:
        self._write(self._move(self.cursor, len(self.text)) + "\n")
        self.line = self.text
        self.event = TOO_LONG if self._overflow else LINE
        self._remember(self.text)

    def _remember(self, line: str) -> None:
        history = self._history
        if not line.strip() or (history and history[-1] == line):
            return
        history.append(line)
        while sum([len(one) for one in history]) > self._history_limit:
            history.pop(0)

    def _escaped(self, char: str) -> None:
        self._escape += char
        sequence = self._escape
        if len(sequence) == 2 and char in "[O":
            return
        if len(sequence) > 2 and sequence[1] == "[" and not "@" <= char <= "~":
            if len(sequence) >= _ESCAPE:
                self._escape = ""
            return
        self._escape = ""
        if len(sequence) == 2:
            return  # alt and a key
        number = sequence[2:-1].split(";")[0]
        if char != "~":
            key = _FINALS.get(char)
        elif number in ("200", "201"):
            self.pasting = number == "200"
            return
        else:
            key = _TILDES.get(number)
        if key is not None and not self.pasting:
            self._do(key)

    def _do(self, key: str) -> None:
        cursor, end = self.cursor, len(self.text)
        if key == "left":
            self._go(max(cursor - 1, 0))
        elif key == "right":
            self._go(min(cursor + 1, end))
        elif key == "home":
            self._go(0)
        elif key == "end":
            self._go(end)
        elif key == "backspace":
            self._replace(max(cursor - 1, 0), cursor, "")
        elif key == "delete":
            self._replace(cursor, min(cursor + 1, end), "")
        elif key == "kill":
            self._replace(cursor, end, "")
        elif key == "kill_start":
            self._replace(0, cursor, "")
        elif key == "kill_word":
            start = len(self.text[:cursor].rstrip())
            while start and self.text[start - 1] != " ":
                start -= 1
            self._replace(start, cursor, "")
        elif key == "clear":
            self._write("\x1b[H\x1b[2J")
            self.redraw()
        elif key in ("up", "down"):
            self._recall(1 if key == "up" else -1)

    def _recall(self, step: int) -> None:
        back = self._back + step
        if not 0 <= back <= len(self._history):
            return
        if self._back == 0:
            self._draft = self.text
        self._back = back
        self._replace(0, len(self.text), self._history[-back] if back else self._draft)

    def _go(self, cursor: int) -> None:
        self._write(self._move(self.cursor, cursor))
        self.cursor = cursor

    def _replace(self, start: int, end: int, new: str) -> None:
        """Replace a part of the line by ``new``, and put the cursor after it."""
        if start == end and not new:
            return
        out = self._move(self.cursor, start)
        if start < len(self.text):
            out += "\x1b[J"
        for char in new:
            if ord(char) >= 0x300:
                self._marks = True
        self.text = self.text[:start] + new + self.text[end:]
        self.cursor = start + len(new)
        tail = self.text[start:]
        out += tail
        if tail and self._where(len(self.text))[1] == 0:
            out += " \r"  # see redraw()
        self._write(out + self._move(len(self.text), self.cursor))

    def _where(self, index: int) -> tuple:
        """Return row and column of a character, counted from the prompt's beginning."""
        cell = len(self._prompt)
        if not self._marks:
            return divmod(cell + index, self.width)
        for char in self.text[:index]:
            cells = _cells(char)
            if cells == 2 and cell % self.width == self.width - 1:
                cell += 1  # it does not fit into the last column
            cell += cells
        return divmod(cell, self.width)

    def _move(self, source: int, target: int) -> str:
        if source == target:
            return ""
        row, column = self._where(source)
        to_row, to_column = self._where(target)
        rows = _csi(row - to_row, "A") if to_row < row else _csi(to_row - row, "B")
        if to_column < column:
            return rows + _csi(column - to_column, "D")
        return rows + _csi(to_column - column, "C")
