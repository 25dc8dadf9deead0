# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT

"""
`nerveshub_link.device.topic`
====================================================

What is said on the ``device`` topic: the join and its parameters, the server's events, the
confirmation of new firmware, the restart. Updates have a module of their own,
`nerveshub_link.update.manager`.

`DeviceTopic` knows neither sockets nor phases: it is told of what `Channels` understood, and
pushes. The sources are NervesHub's ``lib/nerves_hub/device_link.ex`` (join, events) and
``lib/nerves_hub/events/device_events.ex``.
"""

from micropython import const

from ..common.ticks import elapsed
from ..errors import describe, printable, text_of
from ..wire import phoenix

TOPIC = "device"

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
_GOODBYE = const(250)  # "flushed" means that the network stack has it: let it go out, too
_RETRY = const(60 * 1000)  # after a reboot, a confirmation or a writer's poll() that raised
_PAUSE = const(90 * 1000)  # between two calls of NervesHubLink.poll: more proves nothing


class DeviceTopic:
    """
    The device topic of one link.

    :param Config config: the checked options
    :param Channels channels: where to join and push
    :param call: function that calls a callback of the user and survives its exceptions
    :param log: function of level and text
    :param tell: the same, for what is to stand in NervesHub's own log, too
    """

    def __init__(self, config, channels, call, log, tell) -> None:  # noqa: PLR0913, PLR0917
        self.config = self._config = config
        """The checked options."""
        self._channels = channels
        self.call = self._call = call
        """Function that calls a callback of the user and survives its exceptions."""
        self.log = self._log = log
        """Function of level and text."""
        self._tell_all = tell
        self._meta = config.known_meta  # then as the last join told, should the writer raise
        self._was_joined = False
        self._confirmed = False  # does this device know that its firmware is confirmed,
        self._told = False  # and does the server?
        self._steady = 0  # milliseconds joined and polled, towards
        self._confirm_wait = 0
        self._ticked = 0
        self._slow_told = False
        self._going_back = False  # has the writer recorded that the trial has failed?
        self._failure_told = False
        self._writer_wait = 0  # after its poll() raised
        self._reboot_from = None
        self._reboot_wait = 0
        self.updates = None
        """The `UpdateManager`, set right after both were made: each needs the other."""
        self.extensions = None
        """The `Extensions`, if there are some; they hear when the server asks for them."""
        self.scripts = None
        """The `Scripts`, if they are on."""
        self.archives = None
        """The `Archives`, if the device takes some."""
        self.public_keys = {}
        """The organisation's keys, ``fwup`` and ``archive``: lists of 32 bytes each."""
        self.light = None
        """The `Light` that identifies this device at the moment, or None."""
        self._owed = []  # refused scripts that are not answered yet: ref and reason

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
        self._meta = self._ask("firmware_meta", config.running_meta, None) or self._meta
        payload = {"device_api_version": phoenix.API_VERSION}
        for key in self._meta:
            if key in _META_KEYS and self._meta[key] is not None:
                payload["nerves_fw_" + key] = self._meta[key]
        uuid = self.updates.downloading_uuid(config.clock())
        if uuid is not None:
            payload["currently_downloading_uuid"] = uuid
        if config.request_public_keys:
            payload["fwup_public_keys"] = payload["archive_public_keys"] = "on_connect"
        validated, reverted = True, False
        writer = config.fwup_writer
        if writer is not None:
            validated = self._ask("firmware_validated", writer.firmware_validated, None)
            reverted = self._ask("firmware_auto_reverted", writer.firmware_auto_reverted, False)
        payload["meta"] = {"firmware_auto_revert_detected": bool(reverted)}
        if validated is not None:  # else the server takes it for unknown, which bars no update
            payload["meta"]["firmware_validated"] = bool(validated)
        self._confirmed = self._told = bool(validated)
        return payload

    def _ask(self, name: str, function, fallback):
        """Ask the writer. A device whose writer raises must join all the same, to be mended."""
        try:
            return function()
        except Exception as error:
            self._log("error", name + ": " + describe(error))
            return fallback

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
        if kind == phoenix.MESSAGE:
            self._event(event, payload, now)
        elif kind == phoenix.JOINED:
            self._joined(payload, now)
            return True
        elif kind == phoenix.REFUSED:
            self._log("error", "join refused: " + printable(text_of(payload)))
        elif kind == phoenix.CRASHED:
            reason = "the server closed the device's channel"
            self._log("error", reason)
            self.lost(reason)
        return False

    def _joined(self, response, now: int) -> None:
        again, self._was_joined = self._was_joined, True
        self._log("info", "joined")
        self._steady, self._ticked = 0, now  # what passed before does not count
        self._slow_told = False
        self._confirm_wait = self._config.confirm_after * 1000
        self.push("report_network_interface", {"interface": self._config.network_interface})
        if self._config.connection_types:
            self.push("connection_types", {"values": self._config.connection_types})
        self._tell()
        self.updates.joined(now)
        if not self._failure_told:
            self._failure_told = True
            self._tell_failure()
        if not again:
            self._call(self._config.client.handle_connected)
        # Older servers put the update into the join's reply.
        if isinstance(response, dict) and response.get("update_available") is True:
            self.updates.offer(response, now)

    def _tell_failure(self) -> None:
        writer = self._config.fwup_writer
        if writer is not None:
            words = self._ask("last_failure", writer.last_failure, None)
            if words:
                words = str(words)
                if "\n" in words:
                    from ..common.brief import brief  # noqa: PLC0415 after a failure only

                    words = brief(words)
                self._tell_all("error", "earlier: " + words)

    def _event(self, event: str, payload: dict, now: int) -> None:
        if event == "update":
            self.updates.offer(payload, now)
        elif event == "extensions:get":
            if self.extensions is not None:
                self.extensions.offer(now)
        elif event == "reboot":
            self.reboot(now)
        elif event == "scripts/run" and self.scripts is not None:
            self.scripts.handle(payload)
        elif event == "archive":
            if self.archives is not None:
                self.archives.offer(payload, now)
        else:
            from .rare_events import handle  # noqa: PLC0415 seldom needed, and it takes memory

            handle(self, event, payload, now)

    def refuse_script(self, ref, reason: str) -> None:
        """
        Answer a script by an error: whoever announces version 2.1.0 must answer, or the operator
        waits for 30 seconds. If there is no memory for that now, `tick` tries again.

        :param str ref: the script's
        :param str reason: for the operator
        """
        self._owed.append((ref, reason))
        self._settle()

    def _settle(self) -> None:
        """Send the answers that are owed."""
        while self._owed:
            ref, reason = self._owed[0]
            try:
                answer = {"ref": ref, "result": "error", "reason": reason}
                answer["output"], answer["return"] = reason, ""
                self.push("scripts/run", answer)
            except MemoryError:
                return
            self._owed.pop(0)  # also if nothing is joined: the server has forgotten it then

    def close(self) -> None:
        """Stop identifying. Never raises."""
        light, self.light = self.light, None
        if light is not None:
            light.close()

    def lost(self, reason: str) -> None:
        """
        Take note that the topic is not joined any more.

        :param str reason: why, for `Client.handle_disconnected`
        """
        self.updates.lost()
        if self._was_joined:
            self._was_joined = False
            self._call(self._config.client.handle_disconnected, reason)

    def confirm(self) -> bool:
        """
        Confirm the running firmware, if that is due, and tell the server.

        :return: False if the writer failed, or it is too late
        """
        writer = self._config.fwup_writer
        if self._going_back or self.updates.installed:
            self._log("error", "not confirmed: a restart into other firmware is due")
            return False
        try:
            if writer is not None and not writer.firmware_validated():
                writer.fwup_confirm()
                self._log("info", "update confirmed")
        except Exception as error:
            self._log("error", "fwup_confirm: " + describe(error))
            return False
        self._confirmed = True
        self._tell()
        return True

    def _tell(self) -> None:
        """Tell the server of the confirmation, unless a join or an earlier call has told it."""
        if self._confirmed and not self._told:
            self._told = self.push("firmware_validated", {})

    def reboot(self, now: int) -> None:
        """
        Say ``rebooting`` and restart a moment after that is sent. If `Client.reboot` raises, it is
        called again each minute. While a restart is due, this does nothing: whoever asks again and
        again does not put it off.

        :param int now: ticks in milliseconds
        """
        if self._reboot_from is not None:
            return
        # First: whether it can be said or not, the restart comes.
        self._reboot_from = now
        self._reboot_wait = _GOODBYE
        try:
            self.push("rebooting", {})
        except Exception as error:
            self._log("warning", "rebooting: " + describe(error))

    def tick(self, now: int, flushed: bool) -> None:
        """
        Do what time demands.

        :param int now: ticks in milliseconds
        :param bool flushed: True if nothing waits to be sent
        """
        passed, self._ticked = elapsed(now, self._ticked), now
        self._poll_writer(now)
        if not self.updates.active:
            self.updates.forget_old(now)
        if self._owed:
            self._settle()
        if self.scripts is not None:
            self.scripts.poll()
        if self.light is not None and not self.light.step(now):
            self.light = None
        # Before the restart: a release that works is to stay, whoever wants to restart the board.
        if not self._confirmed and self._config.auto_confirm and self.joined:
            self._count(passed)
        if self._reboot_from is not None:
            self._restart(now, flushed)

    def _count(self, passed: int) -> None:
        """Count the time joined and polled, and confirm when it is enough."""
        if self._going_back or self.updates.installed:
            return
        if passed <= _PAUSE:
            self._steady += passed
        elif not self._slow_told:
            self._slow_told = True
            text = "poll() was not called for %d s: more than 90 s do not count for a confirmation"
            self._log("warning", text % (passed // 1000))
        if self._steady >= self._confirm_wait and not self.confirm():
            self._steady = 0
            self._confirm_wait = max(self._config.confirm_after * 1000, _RETRY)

    def _restart(self, now: int, flushed: bool) -> None:
        waited = elapsed(now, self._reboot_from)
        if not flushed and waited < _FLUSH_TIMEOUT:
            # The moment begins when it is sent.
            self._reboot_wait = max(self._reboot_wait, min(waited + _GOODBYE, _FLUSH_TIMEOUT))
        elif waited >= self._reboot_wait:
            # First: also what is no Exception, such as Ctrl-C, must not make the restart forgotten.
            self._reboot_from, self._reboot_wait = now, _RETRY
            self.updates.abort()
            if self._call(self._config.client.reboot):
                self._reboot_from = None

    def before_open(self, timeout: int) -> int:
        """
        Let the writer feed its watchdog, right before a step that blocks. Never raises.

        :param int timeout: seconds that each wait in that step may last
        :return: the same, or less while there is a watchdog that is not fed meanwhile
        """
        self._poll_writer(self._ticked)
        seconds = getattr(self._config.fwup_writer, "watchdog_seconds", None)
        if seconds is None:
            return timeout
        # TCP, and two waits of the TLS handshake; the rest is for DNS, which has no time-out.
        return max(min(timeout, int(seconds) // 4), 1)

    def _poll_writer(self, now: int) -> None:
        writer = self._config.fwup_writer
        if writer is None:
            return
        try:
            if self._writer_wait and elapsed(now, self._writer_failed) < self._writer_wait:
                if hasattr(writer, "feed"):
                    writer.feed()  # its poll() does that, when it is called
                return
            self._writer_wait = 0
            # Also while a restart is due: until it comes, the trial's watchdog must be fed.
            if writer.poll() and self._reboot_from is None:
                self._going_back = True
                self._log("error", "the new firmware was not confirmed in time: going back")
                self.reboot(now)
        except Exception as error:
            self._log("error", "fwup_writer.poll: " + describe(error))
            self._writer_failed, self._writer_wait = now, _RETRY
