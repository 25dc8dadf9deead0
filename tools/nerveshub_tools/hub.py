# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.hub`
================================================================================

The development hub's operator: rebooting, closing, scripts, extensions, keys. Updates and
deployments it has from `nerveshub_tools.hub_updates`.

Separate from any I/O: `nerveshub_tools.server` puts a hub on a port, tests may drive it directly
with a clock of their own. Every method may be called from any thread.
"""

from typing import Optional

from .auth import Credential, new_key
from .hub_state import OperatorError, locked
from .hub_updates import UpdatingHub
from .terminals import Terminals

__all__ = ["Hub", "OperatorError"]


class Hub(UpdatingHub):
    """
    State (see `nerveshub_tools.hub_state.HubState`, which takes the settings), deployments and
    operator.
    """

    def __init__(self, **settings) -> None:
        super().__init__(**settings)
        self.terminals = Terminals(self)

    @locked
    def send_text(self, identifier: str, text: str) -> None:
        """Send any text as a websocket message, also such as the server never sends."""
        self._live(identifier).send_text(text)

    def reboot(self, identifier: str) -> None:
        """Ask the device to reboot."""
        self.push(identifier, "device", "reboot", {})

    def identify(self, identifier: str) -> None:
        """Ask the device to show where it is."""
        self.push(identifier, "device", "identify", {})

    def reconnect(self, identifier: str) -> None:
        """Make the device connect again: close 1001."""
        self.close(identifier, 1001)

    @locked
    def close(self, identifier: str, code: int = 1000) -> None:
        """Close the device's socket with any code."""
        self._live(identifier).close(code)

    @locked
    def crash(self, identifier: str, topic: str = "device") -> None:
        """Let the server's process of a joined topic die."""
        connection = self._live(identifier, topic)
        connection.phoenix.crash(connection.key(topic))

    @locked
    def drain(self) -> None:
        """A graceful shutdown: close every socket with 1012."""
        for connection in list(self._connections.values()):
            connection.close(1012)

    @locked
    def run_script(self, identifier: str, text: str) -> str:
        """Run a support script on the device; its answer appears in ``device().scripts``."""
        return self._live(identifier, "device").channel("device").run_script(text)

    def script_answer(self, identifier: str, ref: str) -> Optional[str]:
        """What a script answered, None as long as it has not."""
        with self.changed:
            return self._devices[identifier].scripts.get(ref)

    def request_health(self, identifier: str) -> None:
        """Ask for a health report now, as an open device page does every minute."""
        self.push(identifier, "extensions", "health:check", {})

    @locked
    def set_extension(self, name: str, enabled: bool, identifier: Optional[str] = None) -> None:
        """Switch an extension on or off, for a device or the product; the devices are told."""
        if identifier is None:
            (self.extensions.add if enabled else self.extensions.discard)(name)
        for connection in list(self._connections.values()):
            channel = connection.channel("extensions")
            if channel and identifier in {None, connection.device.identifier}:
                channel.push("attach" if enabled else "detach", {"extensions": [name]})

    @locked
    def add_device_key(self, identifier: str) -> tuple:
        """Make a ``nhd_`` key and secret that are good for one identifier only."""
        key, secret = new_key("nhd_"), new_key("")
        self.credentials[key] = Credential(secret, identifier)
        return key, secret
