# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.extensions.shell_session`
====================================================

What goes on in the local shell while somebody uses it: the line, the running command, the output.

A command is a generator of texts, one piece for each look at the timers (25 ms), so a large file
neither fills the memory nor holds up the main loop, and ctrl-c ends it.
"""

from micropython import const

from ..console.line_editor import COMPLETE, LINE, NOTHING, LineEditor
from ..console.output_buffer import OutputBuffer
from .shell_commands import Commands

_MAX_INPUT = const(2048)  # characters that may wait while a command runs
_MAX_OUTPUT = const(4096)
_KEYS = const(200)  # looked at in one step
_CTRL_C = "\x03"


class ShellSession:
    """
    One use of the shell, behind a prompt that is shown already.

    :param Parts parts: of the link
    :param dict added: the user's commands
    :param dict namespace: names for ``py``; None if there is no ``py``
    :param str prompt: what stands before the line
    :param int width: columns of the terminal
    """

    def __init__(self, parts, added: dict, namespace, prompt: str, width: int) -> None:
        self._commands = Commands(parts, added, namespace)
        self._output = OutputBuffer(_MAX_OUTPUT, "\r\n")
        self._editor = LineEditor(self._output.tell, width)
        self._prompt = prompt
        self._editor.begin(prompt)
        self._output.take_all()
        self._running = None
        self._name = ""
        self._input = ""

    def set_width(self, width: int) -> None:
        """Hear of the terminal's columns."""
        self._editor.set_width(width)

    def type(self, data: str) -> None:
        """
        Take what the operator typed.

        :param str data: keys
        """
        at = data.rfind(_CTRL_C)
        if at >= 0 and (self._running is not None or self._input):
            # It ends what runs, and takes back what was typed before it.
            self.close()
            self._input = ""
            self._output.take_all()
            self._output.tell("^C\n")
            self._editor.begin(self._prompt)
            data = data[at + 1 :]
        if len(self._input) + len(data) > _MAX_INPUT:
            self._output.tell("\n(too much at once: %d characters were not taken)\n" % len(data))
            return
        self._input += data

    def step(self, push) -> bool:
        """
        Send a piece of output; or let the command go on, or the line.

        :param push: function of event and payload
        :return: False if there was nothing to do
        """
        piece = self._output.first()
        if piece:
            if push("shell_output", {"data": piece}):
                self._output.drop_first()
        elif self._running is not None:
            self._go_on()
        elif self._input:
            self._edit()
        else:
            return False
        return True

    def _edit(self) -> None:
        """Take what was typed, up to the end of a line."""
        editor = self._editor
        used = editor.feed(self._input[:_KEYS])
        self._input = self._input[used:]
        if editor.event == LINE:
            try:
                self._name, self._running = self._commands.start(editor.line)
            except Exception as error:
                self._output.tell(self._commands.complaint("", error))
        if editor.event not in (NOTHING, COMPLETE) and self._running is None:
            editor.begin(self._prompt)

    def _go_on(self) -> None:
        try:
            self._output.write(str(next(self._running)))
            return
        except StopIteration:
            pass
        except BaseException as error:
            self._survive(error)
            self._output.tell(self._commands.complaint(self._name, error))
        self._running = None
        self._editor.begin(self._prompt)

    def close(self) -> None:
        """End the running command."""
        running, self._running = self._running, None
        if hasattr(running, "close"):
            try:
                running.close()
            except BaseException as error:
                self._survive(error)  # what a command does when it is ended is its own affair

    @staticmethod
    def _survive(error) -> None:
        """SystemExit ends the command, and not the application. A reload of the board passes."""
        from ..console.code_runner import must_pass  # noqa: PLC0415

        if must_pass(error):
            raise error
