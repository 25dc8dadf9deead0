# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.console_channel`
================================================================================

The ``console`` topic, as far as a device sees it: what it prints arrives as ``up``; keys go down
as ``dn`` pushes (`Hub.push`). Separate because it crashes on everything it does not know.
"""

from typing import Any

from .phoenix import Channel, Crash

_FILE_EVENTS = {"file-data/start", "file-data", "file-data/stop"}
_KEPT = 100_000


class ConsoleChannel(Channel):
    """
    :param socket: the `nerveshub_tools.phoenix.PhoenixSocket`
    :param device: the record to work on
    """

    def __init__(self, socket, device) -> None:
        super().__init__(socket)
        self._device = device

    def join(self, payload: Any) -> dict:
        """Only ``console_version`` is read, and only for the operator to see."""
        if not isinstance(payload, dict):
            raise Crash("payload is no object")
        self._device.topics.add("console")
        return {}

    def terminated(self) -> None:
        """The console is gone."""
        self._device.topics.discard("console")

    def handle(self, event: str, payload: Any, ref: Any) -> None:
        """Text for the operator, or a file of the device."""
        if event == "up" and isinstance(payload, dict) and isinstance(payload.get("data"), str):
            self._device.console = (self._device.console + payload["data"])[-_KEPT:]
        elif event not in _FILE_EVENTS:
            raise Crash(f"event {event} with {payload!r:.60}")
