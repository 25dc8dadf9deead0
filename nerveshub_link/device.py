# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT

"""
`nerveshub_link.device`
====================================================

What is said on the ``device`` topic: the join and its parameters, the server's events, the
confirmation of new firmware, the restart. Updates have a module of their own,
`nerveshub_link.update_manager`.

`Device` knows neither sockets nor phases: it is told of what `Channels` understood, and pushes.
The sources are NervesHub's ``lib/nerves_hub/device_link.ex`` (join, events) and
``lib/nerves_hub/events/device_events.ex``.
"""

from micropython import const

from . import channel
from .errors import ProtocolError, describe

TOPIC = "device"

_TICKS = const((1 << 29) - 1)
# From 2.2.0 on the server asks for extensions; from 2.1.0 on it sends scripts.
_API_VERSION = "2.2.0"
_META_KEYS = (
    "uuid",
    "product",
    "architecture",
    "version",
    "platform",
    "author",
    "description",
    "vcs_identifier",
    "misc",
)
_FLUSH_TIMEOUT = const(2000)


class Device:
    """
    The device topic of one link.

    :param Config config: the checked options
    :param Channels channels: where to join and push
    :param call: function that calls a callback of the user and survives its exceptions
    :param log: function of level and text
    """

    def __init__(self, config, channels, call, log) -> None:
        self._config = config
        self._channels = channels
        self._call = call
        self._log = log
        self._joined_at = 0
        self._was_joined = False
        self._confirmed = True
        self._reboot_at = None
        self.updates = None
        """The `UpdateManager`, set right after both were made: each needs the other."""
        self.extensions = None
        """The `Extensions`, if there are some; they hear when the server asks for them."""

    @property
    def joined(self) -> bool:
        """True while the topic is joined (read-only)."""
        return self._channels.is_joined(TOPIC)

    @property
    def failures(self) -> int:
        """How many joins failed in a row (read-only)."""
        return self._channels.failures(TOPIC)

    def join(self, now: int) -> None:
        """
        Join, or join anew.

        :param int now: ticks in milliseconds
        """
        self._channels.join(TOPIC, self._join_payload, now)

    def _join_payload(self) -> dict:
        """
        The parameters are asked for at each join: meanwhile an update may have begun, or been
        confirmed.
        """
        config = self._config
        writer = config.fwup_writer
        meta = config.running_meta() or {}
        payload = {}
        for key in meta:
            if key in _META_KEYS and meta[key] is not None:
                payload["nerves_fw_" + key] = meta[key]
        payload["device_api_version"] = _API_VERSION
        uuid = self.updates.downloading_uuid(config.clock())
        if uuid is not None:
            payload["currently_downloading_uuid"] = uuid
        self._confirmed = writer is None or bool(writer.firmware_validated())
        reverted = writer is not None and bool(writer.firmware_auto_reverted())
        payload["meta"] = {
            "firmware_validated": self._confirmed,
            "firmware_auto_revert_detected": reverted,
        }
        return payload

    def push(self, event: str, payload: dict) -> bool:
        """
        Send an event.

        :return: False if it could not be sent
        """
        return self._channels.push(TOPIC, event, payload) is not None

    def handle(self, kind: int, event, payload, now: int) -> bool:
        """
        Handle what `Channels.receive` understood of this topic.

        :param int kind: ``channel.JOINED`` and so on
        :param str event: for ``channel.MESSAGE``
        :param payload: the message's payload, or the join's response
        :param int now: ticks in milliseconds
        :return: True if the device has just joined
        """
        if kind == channel.MESSAGE:
            self._event(event, payload, now)
        elif kind == channel.JOINED:
            self._joined_at = now
            again, self._was_joined = self._was_joined, True
            self._log("info", "joined")
            self.push("report_network_interface", {"interface": self._config.network_interface})
            self.updates.joined(now)
            if not again:
                self._call(self._config.client.handle_connected)
            return True
        elif kind == channel.REFUSED:
            self._log("error", "join refused: " + describe(ProtocolError(str(payload))))
        elif kind == channel.CRASHED:
            reason = "the server closed the device's channel"
            self._log("error", reason)
            self.lost(reason)
        return False

    def _event(self, event: str, payload: dict, now: int) -> None:
        if event == "update":
            self.updates.offer(payload, now)
        elif event == "extensions:get":
            if self.extensions is not None:
                self.extensions.offer(now)
        elif event == "identify":
            self._call(self._config.client.identify)
        elif event == "reboot":
            self.reboot(now)
        elif event == "scripts/run":
            # Whoever announces 2.1.0 or newer must answer, or the operator waits for 30 seconds.
            reason = "scripts are off on this device"
            self.push(
                "scripts/run",
                {
                    "ref": payload.get("ref"),
                    "result": "error",
                    "reason": reason,
                    "output": reason,
                    "return": "",
                },
            )

    def lost(self, reason: str) -> None:
        """
        Take note that the topic is not joined any more.

        :param str reason: why, for `Client.handle_disconnected`
        """
        if self._was_joined:
            self._was_joined = False
            self._call(self._config.client.handle_disconnected, reason)

    def confirm(self) -> bool:
        """
        Confirm the running firmware, if that is due, and tell the server.

        :return: False if the writer failed
        """
        writer = self._config.fwup_writer
        try:
            if writer is None or writer.firmware_validated():
                self._confirmed = True
                return True
            writer.fwup_confirm()
        except Exception as error:
            self._log("error", "fwup_confirm: " + describe(error))
            return False
        self._confirmed = True
        # Where this can't be sent, the next join says it (its meta.firmware_validated).
        self.push("firmware_validated", {})
        self._log("info", "update confirmed")
        return True

    def reboot(self, now: int) -> None:
        """
        Say ``rebooting`` and restart once that is sent.

        :param int now: ticks in milliseconds
        """
        self.push("rebooting", {})
        self._reboot_at = now

    def tick(self, now: int, flushed: bool) -> None:
        """
        Do what time demands.

        :param int now: ticks in milliseconds
        :param bool flushed: True if nothing waits to be sent
        """
        config = self._config
        if self._reboot_at is not None:
            waited = (now - self._reboot_at) & _TICKS
            if flushed or waited >= _FLUSH_TIMEOUT:
                self._reboot_at = None
                self.updates.abort()
                self._call(config.client.reboot)
        elif not self._confirmed and config.auto_confirm and self.joined:
            if (now - self._joined_at) & _TICKS >= config.confirm_after * 1000:
                # Once: if the writer fails, the next join asks it again.
                self._confirmed = True
                self.confirm()
