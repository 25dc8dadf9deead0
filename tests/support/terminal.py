# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
The operator's side of a console on the desk: `Screen` is the little of an xterm that the console
uses, `Operator` types and reads.
"""

import re
import unicodedata

_SEQUENCE = re.compile(r"\x1b\[(\??)([0-9;]*)([A-Za-z])")


class Screen:
    """
    Shows text as an xterm of endless height does: a row wraps only when a character comes after
    its last column was used.
    """

    def __init__(self, width=80):
        self.width = width
        self.rows = {}
        self.row = self.column = 0
        self.full = False
        self.bells = 0

    def show(self, text):
        at = 0
        while at < len(text):
            found = _SEQUENCE.match(text, at)
            if found:
                self._sequence(*found.groups())
                at = found.end()
            else:
                assert text[at] != "\x1b", "a sequence that nobody knows: %r" % text[at : at + 10]
                self._char(text[at])
                at += 1

    def _char(self, char):
        if char == "\r":
            self.column, self.full = 0, False
        elif char == "\n":
            self.row, self.full = self.row + 1, False
        elif char == "\a":
            self.bells += 1
        else:
            assert char >= " ", "a control character: %r" % char
            cells = cells_of(char)
            if self.full or self.column + cells > self.width:
                self.row, self.column, self.full = self.row + 1, 0, False
            if cells == 0:
                return
            self.rows[self.row, self.column] = char
            if cells == 2:
                self.rows[self.row, self.column + 1] = ""
            self.column += cells
            if self.column >= self.width:
                self.column, self.full = self.width - 1, True

    def _sequence(self, private, number, final):
        count = int(number or 1)
        if private:
            assert (number, final) in (("2004", "h"), ("2004", "l"))
            return
        self.full = False
        if final == "A":
            assert self.row >= count
            self.row -= count
        elif final == "B":
            self.row += count
        elif final == "C":
            self.column += count
            assert self.column < self.width
        elif final == "D":
            assert self.column >= count
            self.column -= count
        elif final == "H":
            self.row = self.column = 0
        elif final == "J":
            here = (self.row, self.column) if not number else (-1, -1)
            self.rows = {place: char for place, char in self.rows.items() if place < here}
        else:
            raise AssertionError("unknown sequence: " + final)

    def line(self, row):
        """One row as text."""
        end = max((column for at, column in self.rows if at == row), default=-1) + 1
        return "".join(self.rows.get((row, column), " ") for column in range(end)).rstrip()

    @property
    def text(self):
        """All rows, without blanks at their ends."""
        last = max([row for row, _ in self.rows] + [self.row])
        return "\n".join(self.line(row) for row in range(last + 1))


def cells_of(char):
    """How many cells a terminal gives to a character."""
    if unicodedata.combining(char) or char in "\u200b\u200d\ufe0f":
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


class Operator:
    """
    Somebody at the console of a link on the desk.

    :param Desk desk: whose link has the option ``console``
    """

    def __init__(self, desk):
        self.desk = desk
        self.peer = desk.joined()
        self.join = None
        self.join_ref = None
        self.sent = []
        """``(event, payload)`` of everything that the device said on ``console``."""
        self.answers = []
        """Payloads of its ``scripts/run``."""
        self._read = 0
        self.accept()

    def accept(self):
        """Wait for the console's join, and accept it."""
        before = self.join_ref
        self.desk.until(lambda: self.hear() or self.join_ref != before, 400)
        self.peer.reply(self.join_ref, "console")
        self.desk.wait(0.1)

    def hear(self):
        for frame in self.peer.heard():
            if not isinstance(frame, list):
                continue
            join_ref, ref, topic, event, payload = frame
            if topic == "console" and event == "phx_join":
                self.join, self.join_ref = payload, ref
            elif topic == "console":
                assert join_ref == self.join_ref
                assert event in ("up", "file-data/start", "file-data", "file-data/stop"), event
                if event == "up":
                    assert isinstance(payload["data"], str) and len(payload["data"]) <= 1024
                self.sent.append((event, payload))
            elif event == "scripts/run":
                self.answers.append(payload)
            elif event == "heartbeat":
                self.peer.reply(ref, "phoenix")

    def wait(self, seconds, step=100):
        """Let a long time pass, and answer heartbeats."""
        for _ in range(seconds):
            self.desk.wait(1, step)
            self.hear()

    def push(self, event, payload, seconds=0.2):
        """Send any event, and let time pass."""
        self.peer.say(self.join_ref, None, "console", event, payload)
        self.desk.wait(seconds)
        self.hear()

    def type(self, keys, seconds=0.2):
        """Send keys in one message; return what the terminal was sent since the last call."""
        self.push("dn", {"data": keys}, seconds)
        return self.read()

    def read(self):
        """What the terminal was sent since the last call."""
        self.hear()
        new, self._read = self.sent[self._read :], len(self.sent)
        return "".join(payload["data"] for event, payload in new if event == "up")

    def run(self, text, seconds=0.2, ref="ref"):
        """Let a script run; return its answer."""
        self.peer.say(None, None, "device", "scripts/run", {"ref": ref, "text": text})
        self.desk.wait(seconds)
        self.hear()
        return self.answers[-1]
