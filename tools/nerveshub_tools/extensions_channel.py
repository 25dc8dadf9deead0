# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.extensions_channel`
================================================================================

The ``extensions`` topic: which extensions may attach, and what the server does with their events.

Separate because these rules differ from the device topic's: versions are matched, errors are
answered (with the plain text "detach"), exceptions are swallowed.
"""

from typing import Any

from .metadata import is_prerelease, parse_version
from .phoenix import Channel, Crash, has_nul

ALL = ("geo", "health", "local_shell", "logging", "network_identity")
"""Every extension the server knows, in the order in which it lists them."""

_ON_ATTACH = {
    "geo": "geo:location:request",
    "health": "health:check",
    "local_shell": "local_shell:request_shell",
    "network_identity": "network_identity:request",
}
_STORED = {
    "health:report",
    "geo:location:update",
    "logging:send",
    "network_identity:report",
}
_LOG_BURST = 10
_LOGS_PER_SECOND = 5
_IDENTITIES = {"iroh", "netbird", "tailscale", "wireguard"}


class ExtensionsChannel(Channel):
    """
    :param socket: the `nerveshub_tools.phoenix.PhoenixSocket`
    :param hub: for the clock
    :param device: the record to work on
    :param allowed: extensions switched on when the socket was authenticated; later changes by
        the operator are told to the device, but count only from its next connection on
    """

    def __init__(self, socket, hub, device, allowed) -> None:
        super().__init__(socket)
        self._hub = hub
        self._device = device
        self._allowed = allowed
        self._offered = ()
        self._log_tokens = float(_LOG_BURST)
        self._log_time = hub.clock()

    def join(self, payload: Any) -> list:
        """The response lists what the device should attach."""
        if not isinstance(payload, dict):
            raise Crash("payload is no object")
        for name, version in payload.items():
            if not isinstance(version, str):
                raise Crash(f"version of {name} is no string")
        self._offered = [
            name for name in ALL if name in self._allowed and _matches(payload.get(name))
        ]
        for name in payload:
            if name not in self._offered:
                self._hub.drop(f"extension {name} {payload[name]} is not offered")
        self._device.attached.clear()
        self._device.topics.add("extensions")
        return list(self._offered)

    def terminated(self) -> None:
        """Nothing is attached any more."""
        self._device.attached.clear()
        self._device.topics.discard("extensions")

    def handle(self, event: str, payload: Any, ref: Any) -> None:
        """``<extension>:<event>``; whatever is not for an offered one is answered "detach"."""
        name, colon, what = event.partition(":")
        if not colon or name not in self._offered:
            self._hub.refuse(f"extension event {event}: not offered, device is told to detach")
            self.reply(ref, "error", "detach")
        elif what == "attached":
            self._device.attached.add(name)
            if name in _ON_ATTACH:
                self.push(_ON_ATTACH[name], {})
        elif what in {"detached", "error"}:
            self._device.attached.discard(name)
        elif name not in self._device.attached:
            self._hub.drop(f"{event} of an extension that is not attached")
        elif not self._store(event, payload):
            self._hub.drop(f"{event} with {payload!r:.80} is not understood")

    def _store(self, event: str, payload: Any) -> bool:
        device = self._device
        if not isinstance(payload, dict):
            return False
        if event in _STORED and has_nul(payload):
            # The database takes none of it, and the channel swallows that.
            self._hub.refuse(f"{event} is lost as a whole: there is a NUL character in it")
            return True
        if event == "health:report" and isinstance(payload.get("value"), dict):
            metrics = payload["value"].get("metrics") or {}
            for metric, value in metrics.items():
                if isinstance(value, bool) or not isinstance(value, (int, float)):
                    self._hub.drop(f"metric {metric} is no number: {value!r}")
            device.health.append(payload["value"])
            device.health_times.append(self._hub.clock())
        elif event == "geo:location:update":
            if "latitude" in payload and "longitude" in payload:
                device.location = payload
        elif event == "logging:send":
            return self._log(payload)
        elif event == "network_identity:report" and isinstance(payload.get("identities"), list):
            device.identities = [
                item
                for item in payload["identities"][:10]
                if isinstance(item, dict) and item.get("service") in _IDENTITIES
            ]
        elif event == "local_shell:shell_output" and isinstance(payload.get("data"), str):
            self._hub.terminals.printed(device, "shell", payload)
        else:
            return False
        return True

    def _log(self, payload: dict) -> bool:
        meta = payload.get("meta")
        time = meta.get("time") if isinstance(meta, dict) else None
        stamped = isinstance(payload.get("timestamp"), str)
        # An integer meta.time is dropped silently: it must be a text, in microseconds.
        if not stamped and not (isinstance(time, str) and time.isascii() and time.isdigit()):
            return False
        now = self._hub.clock()
        refill = (now - self._log_time) * _LOGS_PER_SECOND
        self._log_tokens, self._log_time = min(_LOG_BURST, self._log_tokens + refill), now
        if self._log_tokens < 1:
            self._hub.drop("log line over the limit of 5 per second")
            return True
        self._log_tokens -= 1
        self._device.logs.append(payload)
        return True


def _matches(version: Any) -> bool:
    """Does a version satisfy ``~> 0.0.1``: at least that, below 0.1.0?"""
    parsed = parse_version(version) if version is not None else None
    if parsed is None or parsed[:2] != (0, 0):
        return False
    return parsed[2] > 1 or (parsed[2] == 1 and not is_prerelease(version))
