# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.extensions.local_shell`
====================================================

The extension ``local_shell``: a small shell for the drive, in NervesHub's terminal. Its commands
are in `nerveshub_link.extensions.shell_commands`.

**With this extension every operator who may open that terminal can read, change and delete all
files that code can, including settings.toml with its passwords, and restart the board.** With
``python=True`` operators can also run any Python code.

The server requests a shell at every attach, even if nobody uses it. So this module only answers
the request; the rest, `nerveshub_link.extensions.shell_session`, is imported with the first key and
removed from memory after five minutes without a key.
"""

from micropython import const

from ..common.memory import forget
from ..common.ticks import elapsed
from .router import Extension

_IDLE = const(5 * 60 * 1000)


class LocalShell(Extension):
    """
    A shell for operators. Pass it as ``extensions={"local_shell": LocalShell()}``, or just
    ``True``.

    :param bool python: True for the command ``py``, which runs any Python code
    :param dict namespace: names and objects for ``py``
    :param str prompt: the shell's prompt
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
        self._width = 80
        self._session = None

    def command(self, name: str, words: str = ""):
        """
        Decorate a function to be a command of the shell. It gets the list of its arguments, which
        are texts, and returns the output: a text, None for nothing, or a generator of texts. An
        exception is shown, too. ::

            @shell.command("water", "SECONDS: run the pump")
            def water(args):
                pump.run(int(args[0]))
                return "watered"

        :param str name: the command's name
        :param str words: its line in ``help``: arguments, a colon, a description
        :return: the decorator
        :raises ValueError: if the name is invalid
        """
        if not isinstance(name, str) or not name or " " in name:
            raise ValueError("local_shell: the name of a command must be one word")

        def add(function):
            self._added[name] = (function, words)
            return function

        return add

    def setup(self, port) -> None:
        """Take the port, for the commands. Called by the link."""
        self._port = port
        # Import the modules now and remove them again: their names (qstrs) need one large block of
        # memory, which a fragmented heap may not have later. The names stay.
        _session_class()
        _let_go()

    def detached(self) -> None:
        """Close the session and free its memory."""
        session, self._session = self._session, None
        if session is not None:
            session.close()
            _let_go()

    def handle_event(self, event: str, payload: dict):
        """Handle the request for a shell, keys, and the terminal's size."""
        if event == "request_shell":
            self.detached()
            text = "This is nerveshub_link; help lists the commands.\r\n" + self._prompt
            return ("shell_output", {"data": text})
        if event == "shell_input":
            data = payload.get("data")
            if isinstance(data, str):
                self._typed(data)
        elif event == "window_size":
            width = payload.get("cols")
            if isinstance(width, int) and not isinstance(width, bool):
                self._width = width
                if self._session is not None:
                    self._session.set_width(width)

    def _typed(self, data: str) -> None:
        if self._session is None:
            make = _session_class()
            self._session = make(
                self._port, self._added, self._namespace, self._prompt, self._width
            )
        self._used_at = self._port.clock()
        self._session.type(data)

    def poll(self, now: int) -> None:
        """Do the session's next step, or close it after five minutes without a key."""
        session = self._session
        if session is None:
            return
        if session.step(self.push):
            self._used_at = now
        elif elapsed(now, self._used_at) >= _IDLE:
            self.detached()
            text = "\r\nNo key for 5 minutes: the shell was restarted.\r\n" + self._prompt
            self.push("shell_output", {"data": text})


def _session_class():
    from .shell_session import ShellSession  # noqa: PLC0415 with the first key

    return ShellSession


def _let_go() -> None:
    forget(
        "extensions.shell_session",
        "extensions.shell_commands",
        "extensions.shell_drive",
        "console.line_editor",
    )
