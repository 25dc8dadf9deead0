# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.console_channel`
================================================================================

The ``console`` topic of a device: its output arrives as ``up``, its files as ``file-data``; keys
are sent as ``dn`` (`nerveshub_tools.terminals`). Separate because it crashes on unknown events.
"""

from typing import Any

from .phoenix import Channel, Crash
from .received_files import EVENTS as FILE_EVENTS
from .received_files import FileReceiver


class ConsoleChannel(Channel):
    """
    :param socket: the `nerveshub_tools.phoenix.PhoenixSocket`
    :param hub: for the clock and the operator's open terminals
    :param device: the record to work on
    """

    def __init__(self, socket, hub, device) -> None:
        super().__init__(socket)
        self._hub = hub
        self._device = device
        self._receiver = FileReceiver(device.files, hub.clock, hub.drop)

    def join(self, payload: Any) -> dict:
        """Only ``console_version`` is read, and only for the operator to see."""
        if not isinstance(payload, dict):
            raise Crash("payload is no object")
        version = payload.get("console_version")
        self._device.console_version = version if isinstance(version, str) else None
        self._device.topics.add("console")
        return {}

    def terminated(self) -> None:
        """The console is gone."""
        self._device.topics.discard("console")

    def handle(self, event: str, payload: Any, ref: Any) -> None:
        """Text for the operator, or a file of the device."""
        if event == "up" and isinstance(payload, dict) and isinstance(payload.get("data"), str):
            self._hub.terminals.printed(self._device, "console", payload)
        elif event in FILE_EVENTS:
            self._receiver.handle(event, payload)
            self._hub.terminals.show(self._device, "console", event, payload)
        else:
            raise Crash(f"event {event} with {payload!r:.60}")
