# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.device_channel`
================================================================================

The ``device`` topic: joins, update reports, and what the server pushes after a join.

Separate so that all of NervesHub's rules for this topic are in one place, including those that
crash the server's channel. All changes are made to a `nerveshub_tools.devices.Device`, by the hub's
clock.
"""

import secrets
from typing import Any

from .metadata import parse_version, resolve
from .phoenix import Channel, Crash

_VALIDATION = {True: "validated", False: "not_validated"}
_SCRIPT_TIMEOUT = 15


class DeviceChannel(Channel):
    """
    :param socket: the `nerveshub_tools.phoenix.PhoenixSocket`
    :param hub: for the clock, the uploaded firmware and the operator's settings
    :param device: the record to work on
    """

    def __init__(self, socket, hub, device) -> None:
        super().__init__(socket)
        self._hub = hub
        self._device = device
        self._script_times = {}

    def join(self, payload: Any) -> dict:
        """Take the join's parameters over; the response is always empty."""
        if not isinstance(payload, dict):
            raise Crash("payload is no object")
        version = payload.get("device_api_version", "1.0.0")
        if not isinstance(version, str):
            raise Crash("device_api_version is no string")
        validation, reverted = self._flags(payload)
        device, now = self._device, self._hub.clock()
        device.join = payload
        device.api_version = version if parse_version(version) else "1.0.0"
        found = resolve(payload, self._hub.known_meta)
        if found:
            device.runs(found, now)
        device.validation, device.auto_revert = validation, reverted
        downloading = payload.get("currently_downloading_uuid")
        if not (isinstance(downloading, str) and downloading):
            device.inflight = None
        device.joined = True
        device.topics.add("device")
        return {}

    @staticmethod
    def _flags(payload: dict) -> tuple:
        meta = payload.get("meta", {})
        if not isinstance(meta, dict):
            raise Crash("meta is no object")
        reverted = meta.get("firmware_auto_revert_detected", False) is True
        if "firmware_validated" not in meta:
            return "unknown", reverted
        if not isinstance(meta["firmware_validated"], bool):
            raise Crash("meta.firmware_validated is no boolean")
        return _VALIDATION[meta["firmware_validated"]], reverted

    def joined(self) -> None:
        """What follows a join, in the server's order."""
        hub, device = self._hub, self._device
        for kind in ("fwup_public_keys", "archive_public_keys"):
            if device.join.get(kind) == "on_connect" and hub.public_keys:
                self.broadcast(kind, {"keys": list(hub.public_keys)})
        version = parse_version(device.api_version)
        if hub.archive and version >= (2, 0, 0):
            self.broadcast("archive", hub.archive)
        if version >= (2, 2, 0):
            self.broadcast("extensions:get", {})
        if hub.connecting_code and version >= (2, 1, 0):
            self.push("scripts/run", {"ref": "connecting_code", "text": hub.connecting_code})
            self._script_times["connecting_code"] = hub.clock()
        hub.offer_deployments(device)

    def run_script(self, text: str) -> str:
        """Push a support script; its answer lands in the device's ``scripts`` under this ref."""
        if parse_version(self._device.api_version) < (2, 1, 0):
            raise ValueError("this device's API version knows no scripts/run")
        ref = secrets.token_urlsafe(4)
        self._device.scripts[ref] = None
        self._script_times[ref] = self._hub.clock()
        self.push("scripts/run", {"ref": ref, "text": text})
        return ref

    def terminated(self) -> None:
        """The topic is no longer joined."""
        self._device.joined = False
        self._device.topics.discard("device")

    def handle(self, event: str, payload: Any, ref: Any) -> None:
        """One event. None of them is ever answered."""
        self._device.expire(self._hub.clock())
        if event == "status_update":
            self._status_update(payload)
        elif event in {"fwup_progress", "update_progress"}:
            self._progress(payload)
        elif event == "firmware_validated":
            self._device.validation = "validated"
            self._device.audit.append(f"{self._device.identifier} validated its firmware")
        elif event == "connection_types" and _has(payload, "values", list):
            self._device.connection_types = list(payload["values"])
        elif event == "report_network_interface" and _has(payload, "interface", str):
            self._device.interface = payload["interface"]
        elif event == "scripts/run" and _has(payload, "ref", str):
            self._script_answer(payload)
        elif event != "rebooting":
            self._hub.drop(f"device event {event} with {payload!r:.60} means nothing here")

    def _status_update(self, payload: Any) -> None:
        if not _has(payload, "status", str):
            raise Crash("status_update without a status")
        device, now = self._device, self._hub.clock()
        status, reason = payload["status"], payload.get("reason")
        if "fwup error" in status.lower():
            status, reason = "failed", "fwup error"
        if status in {"failed", "ignored"}:
            device.give_up(status, reason, now)
        elif status == "rescheduled" and "delay_for" in payload:
            # Milliseconds. The captured server accepted integers; anything else is not for sure.
            device.give_up(status, reason, now, _integer(payload["delay_for"]) / 1000)
        else:
            progress = payload.get("progress") if status in {"downloading", "updating"} else None
            device.report_status(status, now, None if progress is None else _integer(progress))

    def _progress(self, payload: Any) -> None:
        if not isinstance(payload, dict) or "value" not in payload:
            self._hub.drop("progress without a value")
            return
        # The server casts the value only when it stores it, so there a float crashes sometimes.
        # Here it always does.
        value = payload["value"] if payload["value"] is None else _integer(payload["value"])
        status = payload.get("stage")
        if status is None:
            # Why a progress of the download needs its stage: without, 100 means completed.
            status = "completed" if value == 100 else "updating"
            value = None if status == "completed" else value
        self._device.report_status(status, self._hub.clock(), value, whole=False)

    def _script_answer(self, payload: dict) -> None:
        ref = payload["ref"]
        asked_at = self._script_times.pop(ref, None)
        if asked_at is None or self._hub.clock() - asked_at > _SCRIPT_TIMEOUT:
            self._hub.drop(f"answer to unknown or forgotten script {ref!r}")
            return
        output, returned = payload.get("output") or "", payload.get("return") or ""
        self._device.scripts[ref] = f"{output}\n{returned}".strip()


def _has(payload: Any, key: str, kind: type) -> bool:
    return isinstance(payload, dict) and isinstance(payload.get(key), kind)


def _integer(value: Any) -> int:
    """An integer or the text of one, as the server's database casts it."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            pass
    raise Crash(f"{value!r} is no integer")
