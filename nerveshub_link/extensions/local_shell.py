# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.extensions.local_shell`
====================================================

The extension ``local_shell``: a small shell for the drive, in NervesHub's terminal. What it can do,
`nerveshub_link.extensions.shell_commands` knows.

**Turning it on lets every operator who may open that terminal read, change and delete all files
that code can, settings.toml with its passwords included, and restart the board.** With
``python=True`` he can also run any Python.

The server asks for a shell at every attach, whether somebody looks or not. So here is only what
answers that; all else, `nerveshub_link.extensions.shell_session`, is imported when the first key
comes, and goes again after five minutes without one.
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
        self._width = 80
        self._session = None

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
        # Once now, and let go again: the names in it take memory in one large piece, for which the
        # heap may be too fragmented when an operator comes.
        _session_class()
        _let_go()

    def detached(self) -> None:
        """Drop everything: the memory is the application's again."""
        session, self._session = self._session, None
        if session is not None:
            session.close()
            _let_go()

    def handle_event(self, event: str, payload: dict):
        """Handle what the operator types."""
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
                self._parts, self._added, self._namespace, self._prompt, self._width
            )
        self._used_at = self._parts.clock()
        self._session.type(data)

    def poll(self, now: int) -> None:
        """Let the session go on."""
        session = self._session
        if session is None:
            return
        if session.step(self.push):
            self._used_at = now
        elif elapsed(now, self._used_at) >= _IDLE:
            self.detached()
            text = "\r\nNobody typed for 5 minutes: the shell begins anew.\r\n" + self._prompt
            self.push("shell_output", {"data": text})


def _session_class():
    from .shell_session import ShellSession  # noqa: PLC0415 when somebody types

    return ShellSession


def _let_go() -> None:
    forget(
        "extensions.shell_session",
        "extensions.shell_commands",
        "extensions.shell_drive",
        "console.line_editor",
    )
