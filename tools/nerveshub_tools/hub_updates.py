# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.hub_updates`
================================================================================

Sends updates: pushed by hand, or offered to the devices of a deployment group.

Separate from the operator's other actions (`nerveshub_tools.hub`), and from the rules of a group
(`nerveshub_tools.deployments`). No I/O; every method may be called from any thread.
"""

from dataclasses import replace
from typing import Any, Dict, Optional

from .connection import Connection
from .deployments import Deployment
from .devices import Device, Inflight
from .hub_state import HubState, OperatorError, locked

_BROADCASTS = {"update", "reboot", "identify", "archive", "extensions:get"}
_RECHECK_EVERY = 130


class UpdatingHub(HubState):
    """A hub's state, and what sends updates to its devices."""

    def __init__(self, **settings) -> None:
        super().__init__(**settings)
        self.deployments: Dict[int, Deployment] = {}
        self._rechecked_at = self.clock()

    @locked
    def tick(self) -> None:
        """Do what is due by the clock. The server calls it every second."""
        super().tick()
        if self.clock() - self._rechecked_at >= _RECHECK_EVERY:
            self.recheck_deployments()

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
    def create_group(self, name: str, uuid: str, **fields) -> Deployment:
        """
        Make a deployment group that goes by tags, as the real server's do.

        :param fields: fields of `nerveshub_tools.deployments.Deployment`
        """
        number = max(self.deployments, default=0) + 1
        fields = {"tags": [], "released_at": self.clock(), **fields}
        self.deployments[number] = Deployment(number, uuid, name=name, **fields)
        self.recheck_deployments()
        return self.deployments[number]

    @locked
    def change_group(self, number: int, **changes) -> Deployment:
        """Change fields of a deployment group; another firmware is its next release."""
        before = self.deployments[number]
        if changes.get("uuid", before.uuid) != before.uuid:
            changes = {**changes, "release": before.release + 1, "released_at": self.clock()}
        self.deployments[number] = replace(before, **changes)
        self.recheck_deployments()
        return self.deployments[number]

    @locked
    def delete_group(self, number: int) -> None:
        """Delete a deployment group. Its devices belong to none, or to another that takes them."""
        del self.deployments[number]
        for device in self._devices.values():
            if device.deployment_id == number:
                device.deployment_id = None
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
            if group.takes(device, self.known_meta(group.uuid) or {}):
                break
        else:
            device.deployment_id = None
            return
        device.deployment_id = group.id
        if not group.active:
            return
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
