# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.local_shell`
====================================================

The extension ``local_shell``: a small shell for the drive, in NervesHub's terminal. What it can do,
`nerveshub_link.shell_commands` knows; here are the line, the running command and the output.

**Turning it on lets every operator who may open that terminal read, change and delete all files
that code can, settings.toml with its passwords included, and restart the board.** With
``python=True`` he can also run any Python.

A command is a generator of texts, one piece for each look at the timers (25 ms), so a large file
neither fills the memory nor holds up the main loop, and ctrl-c ends it.
"""

from micropython import const

from . import line_editor as keys
from .code_runner import must_pass
from .extensions import Extension
from .line_editor import LineEditor
from .output_buffer import OutputBuffer

_MAX_INPUT = const(2048)  # characters that may wait while a command runs
_MAX_OUTPUT = const(4096)
_KEYS = const(200)  # looked at in one poll
_CTRL_C = "\x03"


class LocalShell(Extension):
    """
    A shell for operators. Pass it as ``extensions={"local_shell": LocalShell()}``, or just
    ``True``.

    :param bool python: True for the command ``py``, which runs any Python
    :param dict namespace: names for ``py``
    :param str prompt: what stands before the line
    :raises ValueError: for a wrong option
    """

    def __init__(self, python: bool = False, namespace=None, prompt: str = "$ ") -> None:
        if python is not True and python is not False:
            raise ValueError("local_shell: python must be True or False")
        if namespace is not None and not isinstance(namespace, dict):
            raise ValueError("local_shell: namespace must be a dict")
        if not isinstance(prompt, str):
            raise ValueError("local_shell: prompt must be a text")
        self._namespace = (namespace or {}) if python else None
        self._prompt = prompt
        self._added = {}
        self._parts = None
        self._width = 80
        self._close()

    def command(self, name: str, words: str = ""):
        """
        Decorate a function to be a command. It gets the list of its arguments, texts; what it
        returns is shown: a text, None for nothing, or a generator of texts. What it raises is
        shown, too. ::

            @shell.command("water", "SECONDS: run the pump")
            def water(args):
                pump.run(int(args[0]))
                return "watered"

        :param str name: what the operator types
        :param str words: for ``help``: arguments, a colon, what it does
        :raises ValueError: if the name is none
        """
        if not isinstance(name, str) or not name or " " in name:
            raise ValueError("local_shell: the name of a command must be one word")

        def add(function):
            self._added[name] = (function, words)
            return function

        return add

    def setup(self, parts) -> None:
        """Take the link's parts, for the commands."""
        self._parts = parts

    def detached(self) -> None:
        """Drop everything: the memory is the application's again."""
        self._stop()
        self._close()

    def _close(self) -> None:
        self._commands = None
        self._editor = None
        self._output = None
        self._running = None
        self._name = ""
        self._input = ""

    def handle_event(self, event: str, payload: dict):
        """Handle what the operator types."""
        if event == "request_shell":
            self._open()
        elif event == "shell_input":
            data = payload.get("data")
            if isinstance(data, str):
                if self._editor is None:
                    self._open()
                self._typed(data)
        elif event == "window_size":
            width = payload.get("cols")
            if isinstance(width, int) and not isinstance(width, bool):
                self._width = width
                if self._editor is not None:
                    self._editor.set_width(width)

    def _open(self) -> None:
        from .shell_commands import Commands  # noqa: PLC0415 when somebody looks

        self._stop()
        self._close()
        self._commands = Commands(self._parts, self._added, self._namespace)
        self._output = OutputBuffer(_MAX_OUTPUT, "\r\n")
        self._editor = LineEditor(self._output.tell, self._width)
        self._output.tell("This is nerveshub_link; help lists the commands.\n")
        self._editor.begin(self._prompt)

    def _typed(self, data: str) -> None:
        at = data.rfind(_CTRL_C)
        if at >= 0 and (self._running is not None or self._input):
            # It ends what runs, and takes back what was typed before it.
            self._stop()
            self._input = ""
            self._output.take_all()
            self._output.tell("^C\n")
            self._editor.begin(self._prompt)
            data = data[at + 1 :]
        if len(self._input) + len(data) > _MAX_INPUT:
            self._output.tell("\n(too much at once: %d characters were not taken)\n" % len(data))
            return
        self._input += data

    def poll(self, now: int) -> None:
        """Send a piece of output; then let the command go on, or the line."""
        output = self._output
        if output is None:
            return
        piece = output.first()
        if piece:
            if self.push("shell_output", {"data": piece}):
                output.drop_first()
        elif self._running is not None:
            self._step()
        elif self._input:
            self._edit()

    def _edit(self) -> None:
        """Take what was typed, up to the end of a line."""
        editor = self._editor
        used = editor.feed(self._input[:_KEYS])
        self._input = self._input[used:]
        if editor.event == keys.LINE:
            try:
                self._name, self._running = self._commands.start(editor.line)
            except Exception as error:
                self._output.tell(self._commands.complaint("", error))
        if editor.event not in (keys.NOTHING, keys.COMPLETE) and self._running is None:
            editor.begin(self._prompt)

    def _step(self) -> None:
        try:
            self._output.write(str(next(self._running)))
            return
        except StopIteration:
            pass
        except BaseException as error:
            if must_pass(error):
                raise
            # SystemExit, too: it ends the command, and not the application.
            self._output.tell(self._commands.complaint(self._name, error))
        self._running = None
        self._editor.begin(self._prompt)

    def _stop(self) -> None:
        running, self._running = self._running, None
        if hasattr(running, "close"):
            try:
                running.close()
            except BaseException as error:
                if must_pass(error):
                    raise  # else: what a command does when it is ended is its own affair
