# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.hub`
================================================================================

The development hub's operator: pushing updates, rebooting, closing, deploying.

Separate from any I/O: `nerveshub_tools.server` puts a hub on a port, tests may drive it directly
with a clock of their own. Every method may be called from any thread.
"""

from dataclasses import dataclass, replace
from typing import Any, Dict, Optional

from .auth import Credential, new_key
from .connection import Connection
from .devices import PENALTY_SECONDS, Device, Inflight
from .hub_state import HubState, OperatorError, locked
from .terminals import Terminals

_BROADCASTS = {"update", "reboot", "identify", "archive", "extensions:get"}
_RECHECK_EVERY = 130


@dataclass
class Deployment:
    """
    A firmware that some devices should run, and when a device gets no more of it for a while.

    :param identifiers: of the devices; None means all of them
    :param int failure_threshold: attempts after which a device gets into the penalty box
    :param int failure_rate_amount: attempts within ``failure_rate_seconds`` that lead there, too
    :param float penalty_seconds: for how long
    """

    id: int
    uuid: str
    identifiers: Optional[set] = None
    failure_threshold: int = 3
    failure_rate_amount: int = 5
    failure_rate_seconds: float = 180
    penalty_seconds: float = PENALTY_SECONDS

    def has_enough_of(self, device: Device, now: float) -> bool:
        """Were there too many attempts to update the device?"""
        recent = [at for at in device.attempts if at > now - self.failure_rate_seconds]
        return (
            len(recent) >= self.failure_rate_amount
            or len(device.attempts) >= self.failure_threshold
        )


class Hub(HubState):
    """
    State (see `nerveshub_tools.hub_state.HubState`, which takes the settings) and operator.
    """

    def __init__(self, **settings) -> None:
        super().__init__(**settings)
        self.deployments: Dict[int, Deployment] = {}
        self.terminals = Terminals(self)
        self._rechecked_at = self.clock()

    @locked
    def tick(self) -> None:
        """Do what is due by the clock. The server calls it every second."""
        super().tick()
        if self.clock() - self._rechecked_at >= _RECHECK_EVERY:
            self.recheck_deployments()

    @locked
    def push_update(self, identifier: str, uuid: str, **tweaks) -> None:
        """Push an update by hand. As on the server, this ends automatic updates of the device."""
        device = self._live(identifier, "device").device
        device.expire(self.clock())
        if device.inflight:
            raise OperatorError("an update of this device is in flight already")
        payload = self.update_payload(uuid, identifier=identifier, **tweaks)
        device.updates_enabled = False
        device.inflight = Inflight("requested", self.clock(), uuid)
        device.progress = ("requested", None)
        self.push(identifier, "device", "update", payload)

    # Deployments

    @locked
    def deploy(self, uuid: str, identifiers=None, number: int = 1, **limits) -> None:
        """
        Release a firmware to a group of devices; who is connected gets it at once, unless it is
        blocked: a new release clears neither the attempts nor the penalty box.

        :param limits: fields of `Deployment`; those of the group's last release if left out
        """
        group = None if identifiers is None else set(identifiers)
        before = self.deployments.get(number) or Deployment(number, uuid)
        self.deployments[number] = replace(before, uuid=uuid, identifiers=group, **limits)
        self.recheck_deployments()

    @locked
    def recheck_deployments(self) -> None:
        """Offer deployments to everybody; the real server does so every 121 to 140 seconds."""
        self._rechecked_at = self.clock()
        for connection in list(self._connections.values()):
            if connection.channel("device"):
                self.offer_deployments(connection.device)

    def offer_deployments(self, device: Device) -> None:
        """Push the update of the device's deployment group, if it has one and may be updated."""
        now = self.clock()
        for group in self.deployments.values():
            if group.identifiers is None or device.identifier in group.identifiers:
                break
        else:
            return
        device.deployment_id = group.id
        current = device.meta.get("uuid")
        if device.inflight or current in {None, group.uuid} or not device.may_update(now):
            return
        if group.has_enough_of(device, now):
            device.punish(now, group.penalty_seconds)
            return
        device.inflight = Inflight(
            "requested", now, group.uuid, group.id, penalty_seconds=group.penalty_seconds
        )
        device.progress = ("requested", None)
        payload = self.update_payload(group.uuid, group.id, device.identifier)
        self.push(device.identifier, "device", "update", payload)

    @locked
    def unblock(self, identifier: str) -> None:
        """
        Take a device out of the penalty box, and switch its automatic updates on. The next offer
        is made when it is due.
        """
        self._devices[identifier].forgive()

    # The operator

    def _live(self, identifier: str, topic: Optional[str] = None) -> Connection:
        connection = self._connections.get(identifier)
        if connection is None or connection.closing:
            raise OperatorError(f"{identifier} is not connected")
        if topic and connection.channel(topic) is None:
            raise OperatorError(f"{identifier} has not joined {topic}")
        return connection

    @locked
    def push(self, identifier: str, topic: str, event: str, payload: Any) -> None:
        """Push any event on a joined topic, with null refs where the server fast-lanes it."""
        channel = self._live(identifier, topic).channel(topic)
        fast = topic == "device" and (event in _BROADCASTS or event.endswith("_public_keys"))
        (channel.broadcast if fast else channel.push)(event, payload)

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
