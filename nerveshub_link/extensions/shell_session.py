# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.extensions.shell_session`
====================================================

A session of the local shell: the line editor, the running command, the output.

A command is a generator of texts. Each tick (25 ms) takes one text, so a large file neither fills
the memory nor blocks the main loop, and ctrl-c can end the command.
"""

from micropython import const

from ..console.line_editor import COMPLETE, LINE, NOTHING, LineEditor
from ..console.output_buffer import OutputBuffer
from .shell_commands import Commands

_MAX_INPUT = const(2048)  # most queued characters while a command runs
_MAX_OUTPUT = const(4096)
_KEYS = const(200)  # most keys handled in one step
_CTRL_C = const("\x03")


class ShellSession:
    """
    One session of the shell. The first prompt has been shown already.

    :param Port port: what it may use of the link
    :param dict added: the application's commands
    :param dict namespace: names for ``py``; None without the command ``py``
    :param str prompt: the shell's prompt
    :param int width: columns of the terminal
    """

    def __init__(self, port, added: dict, namespace, prompt: str, width: int) -> None:
        self._commands = Commands(port, added, namespace)
        self._output = OutputBuffer(_MAX_OUTPUT, "\r\n")
        self._editor = LineEditor(self._output.tell, width)
        self._prompt = prompt
        self._editor.begin(prompt)
        self._output.take_all()
        self._running = None
        self._name = ""
        self._input = ""

    def set_width(self, width: int) -> None:
        """
        Set the terminal's width.

        :param int width: columns
        """
        self._editor.set_width(width)

    def type(self, data: str) -> None:
        """
        Queue the operator's keys.

        :param str data: the keys
        """
        at = data.rfind(_CTRL_C)
        if at >= 0 and (self._running is not None or self._input):
            # Ctrl-C ends the command, and discards the keys before it.
            self.close()
            self._input = ""
            self._output.take_all()
            self._output.tell("^C\n")
            self._editor.begin(self._prompt)
            data = data[at + 1 :]
        if len(self._input) + len(data) > _MAX_INPUT:
            self._output.tell("\n(too much input: %d characters dropped)\n" % len(data))
            return
        self._input += data

    def step(self, push) -> bool:
        """
        Send a piece of output; or continue the command, or handle keys.

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
        """Handle queued keys, up to the end of a line."""
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
                self._survive(error)  # exceptions of a command that is being ended are ignored

    @staticmethod
    def _survive(error) -> None:
        """Ignore SystemExit and the like, but raise what makes the board reload or sleep."""
        from ..console.code_runner import must_pass  # noqa: PLC0415

        if must_pass(error):
            raise error
