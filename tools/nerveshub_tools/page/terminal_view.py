# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.page.terminal_view`
================================================================================

A terminal in the browser (xterm.js) on a device's console or local shell.

Separate because it is the one part that cannot wait for the page's next look at the hub: keys and
output go through at once, in order.
"""

import asyncio
import contextlib

from nicegui import ui

from ..hub_state import OperatorError

_OPTIONS = {
    "fontFamily": "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace",
    "fontSize": 13,
    "scrollback": 5000,
    "cursorBlink": True,
    "theme": {"background": "#1d2329", "foreground": "#dce3ea", "cursor": "#7fd1ae"},
}
# Ctrl-V, and Ctrl-C with something selected, are the browser's: paste and copy.
_KEYS = """(event) => !(event.ctrlKey && !event.shiftKey && (
    event.key === 'v' || (event.key === 'c' && this.hasSelection())))"""


class TerminalView:
    """
    :param hub: the `nerveshub_tools.hub.Hub`
    :param str identifier: of the device
    :param str kind: ``console`` or ``shell``
    :param complain: called with a text when keys cannot be sent
    """

    def __init__(self, hub, identifier: str, kind: str, complain) -> None:
        self._hub = hub
        self._identifier = identifier
        self._kind = kind
        self._complain = complain
        self._size = None
        self._loop = asyncio.get_running_loop()
        self.version = None
        """Of the device's console"""
        # Not "terminal": xterm.js calls its own element so, and would get our margins.
        with ui.element("div").classes(f"terminal-box terminal-{kind}") as self.element:
            self._xterm = ui.xterm(_OPTIONS)
            self._xterm.on_data(lambda event: self._send(event.data))
            self._xterm.on_resize(lambda event: self._resized(event.cols, event.rows))
            observer = ui.element("q-resize-observer").props("debounce=100")
            observer.on("resize", self._fit, args=[])
        terminal = hub.terminals.open(identifier, kind, self._on_event)
        self._terminal = terminal
        ui.context.client.on_delete(terminal.close)
        ui.context.client.on_connect(self._prepare)

    async def _prepare(self) -> None:
        self._xterm.run_terminal_method(":attachCustomKeyEventHandler", _KEYS)
        if not self.element.visible:
            return
        with contextlib.suppress(TimeoutError):
            await self._xterm.fit()
            # If the size that it began with fits, there is no event that would tell it.
            self._resized(await self._xterm.get_columns(), await self._xterm.get_rows())

    def _fit(self) -> None:
        if self.element.visible:
            self._xterm.fit()

    def focus(self) -> None:
        """Let it have the keyboard."""
        self._fit()
        self._xterm.run_terminal_method("focus")

    def _on_event(self, event: str, payload) -> None:
        self._loop.call_soon_threadsafe(self._show, event, payload)

    def _show(self, event: str, payload) -> None:
        if event == "metadata":
            self.version = payload["version"]
        elif event in {"up", "output"} and payload["data"]:
            self._xterm.write(payload["data"])

    def _send(self, data: str) -> None:
        event = "dn" if self._kind == "console" else "input"
        try:
            self._terminal.send(event, {"data": data})
        except OperatorError as error:
            self._complain(str(error))

    def _resized(self, columns: int, rows: int) -> None:
        self._size = (columns, rows)
        self.tell_size()

    def tell_size(self) -> None:
        """Tell the device how large the window is, if there is one to be told."""
        if self._size is None:
            return
        columns, rows = self._size
        size = {"height": rows, "width": columns}
        if self._kind == "shell":
            size = {"rows": rows, "cols": columns}
        with contextlib.suppress(OperatorError):  # it is told when it joins
            self._terminal.send("window_size", size)

    def restart(self) -> None:
        """The operator's restart button: the device begins a new prompt."""
        try:
            self._terminal.send("restart", {})
        except OperatorError as error:
            self._complain(str(error))
