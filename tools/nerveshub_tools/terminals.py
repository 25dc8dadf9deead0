# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.terminals`
================================================================================

An operator's terminals on devices: console and local shell, as browsers have them open.

Separate because this is the browser's half of what `nerveshub_tools.console_channel` and
`nerveshub_tools.extensions_channel` do: the same events, under the names that the real server gives
them towards the browser. The devices are not told that somebody watches.
"""

import base64
from typing import Any, Callable, List

from .hub_state import OperatorError
from .scrollback import Scrollback

CHUNK = 1024
"""Bytes of a file in one message."""
READ = 64 * 1024
"""Bytes that a browser reads of a file at once; the number of the chunk begins anew with each."""
OPERATOR = 1
"""Who uploads: the user's number."""
KINDS = {"console": "up", "shell": "output"}
"""What there is to open, and the event in which its text comes."""

_SHELL = {"input": "local_shell:shell_input", "window_size": "local_shell:window_size"}


class Terminal:
    """An open terminal, made by `Terminals.open`."""

    def __init__(
        self, terminals: "Terminals", identifier: str, kind: str, on_event: Callable
    ) -> None:
        self.identifier = identifier
        self.kind = kind
        self.on_event = on_event
        self._terminals = terminals

    def send(self, event: str, payload: Any) -> None:
        """What the browser sends (see `Terminals.send`)."""
        self._terminals.send(self.identifier, self.kind, event, payload)

    def close(self) -> None:
        """Stop watching."""
        self._terminals.close(self)


class Terminals:
    """
    All of a hub's. Every method may be called from any thread.

    :param hub: the `nerveshub_tools.hub.Hub`
    """

    def __init__(self, hub) -> None:
        self._hub = hub
        self._open: List[Terminal] = []

    # The operator's side

    def open(self, identifier: str, kind: str, on_event: Callable[[str, Any], None]) -> Terminal:
        """
        Watch a terminal: what was printed before comes at once, then everything as it is printed.

        :param str identifier: of the device
        :param str kind: ``console`` or ``shell``
        :param on_event: called under the hub's lock, from any thread, with (event, payload): the
            console has ``metadata``, ``up`` and the file events, the shell has ``output``. It must
            not wait.
        """
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is no terminal: choose from {', '.join(KINDS)}")
        terminal = Terminal(self, identifier, kind, on_event)
        with self._hub.changing():
            device = self._hub.device(identifier)
            if kind == "console" and device.console_version:
                on_event("metadata", {"version": device.console_version})
            on_event(KINDS[kind], {"data": device.terminals[kind].text})
            self._open.append(terminal)
        return terminal

    def close(self, terminal: Terminal) -> None:
        """Stop watching."""
        with self._hub.changing():
            if terminal in self._open:
                self._open.remove(terminal)

    def scrollback(self, identifier: str, kind: str) -> Scrollback:
        """What is kept of a terminal's text."""
        return self._hub.device(identifier).terminals[kind]

    def send(self, identifier: str, kind: str, event: str, payload: Any) -> None:
        """
        What a browser sends. The console's events (``dn``, ``window_size``, ``restart``, pieces of
        files) pass as they are, those of a shell (``input``, ``window_size``) are renamed.
        """
        hub, topic = self._hub, "console" if kind == "console" else "extensions"
        if kind == "shell":
            if event not in _SHELL:
                raise ValueError(f"a shell knows no {event!r}")
            event = _SHELL[event]
        elif event == "message":
            return  # operators among themselves; there is one here
        elif event in {"file-data/start", "file-data/stop"}:
            payload = {**payload, "uploaded_by": OPERATOR}
        with hub.changing():
            if kind == "shell" and "local_shell" not in hub.device(identifier).attached:
                raise OperatorError(f"{identifier} has not attached local_shell")
            hub.push(identifier, topic, event, payload)

    def type_code(self, identifier: str, code: str) -> None:
        """Type code and Enter into the console, one character a message, as the server does."""
        with self._hub.changing():
            for key in [*code, "\r"]:
                self.send(identifier, "console", "dn", {"data": key})

    def send_file(self, identifier: str, name: str, data: bytes) -> None:
        """
        Upload a file over the console, as the browser does: as fast as it can, since nobody
        acknowledges anything.
        """
        with self._hub.changing():
            self.send(identifier, "console", "file-data/start", {"filename": name})
            for begin in range(0, len(data), READ):
                block = data[begin : begin + READ]
                for number, at in enumerate(range(0, len(block), CHUNK)):
                    text = base64.b64encode(block[at : at + CHUNK]).decode("ascii")
                    piece = {"filename": name, "chunk": number, "data": text}
                    self.send(identifier, "console", "file-data", piece)
            self.send(identifier, "console", "file-data/stop", {"filename": name})

    # The devices' side (called by the channels)

    def printed(self, device, kind: str, payload: dict) -> None:
        """A device printed ``payload["data"]``."""
        device.terminals[kind].write(payload["data"])
        self.show(device, kind, KINDS[kind], payload)

    def show(self, device, kind: str, event: str, payload: Any) -> None:
        """Pass an event on to everybody who has this terminal open."""
        for terminal in list(self._open):
            if (terminal.identifier, terminal.kind) == (device.identifier, kind):
                terminal.on_event(event, payload)
