# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT

"""
`nerveshub_link.device.topic`
====================================================

The ``device`` topic: the join with its parameters, the server's events, and the report that new
firmware is confirmed. `nerveshub_link.update.manager`, `nerveshub_link.device.trial` and
`nerveshub_link.device.restart` do the work behind them.

`DeviceTopic` uses neither the socket nor the connection: it gets the events that `Channels` has
parsed, and pushes its own. The sources are NervesHub's ``lib/nerves_hub/device_link.ex`` (join,
events) and ``lib/nerves_hub/events/device_events.ex``.
"""

from micropython import const

from ..common.ticks import elapsed
from ..errors import printable, text_of
from ..wire import phoenix

TOPIC = "device"

_META_KEYS = const(
    (
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
)


_RARE = const(("identify", "fwup_public_keys", "archive_public_keys", "scripts/run"))


class DeviceTopic:
    """
    The device topic of one link.

    :param Config config: the checked options
    :param Channels channels: joins the topic
    :param push: function of event and payload that sends to this topic, see `Channels.pusher`
    :param Trial trial: the running firmware, and whether it is confirmed
    :param UpdateManager updates: runs updates
    :param Restart restart: restarts the board
    :param ScriptAnswers answers: answers scripts that are not run; None if scripts are off
    :param Scripts scripts: runs scripts; None if they are off
    :param dict handlers: by event: functions of payload and time, for events of optional parts
    :param call: function that calls a callback of the application and catches its exceptions
    :param log: function of level and text
    :param tell: the same, for lines that NervesHub's log must have, too
    """

    def __init__(  # noqa: PLR0913, PLR0917 all that the server's events are about
        self,
        config,
        channels,
        push,
        trial,
        updates,
        restart,
        answers,
        scripts,
        handlers,
        call,
        log,
        tell,
    ) -> None:
        self.config = config
        """The checked options."""
        self._channels = channels
        self.push = push
        """Function of event and payload that sends to this topic; False if it could not."""
        self._trial = trial
        self._updates = updates
        self._restart = restart
        self.answers = answers
        """`ScriptAnswers`; None until one is needed."""
        self._scripts = scripts
        self._handlers = handlers
        self.call = call
        """Function that calls a callback of the application and catches its exceptions."""
        self.log = log
        """Function of level and text."""
        self._tell_all = tell
        self._was_joined = False
        self._told = False  # True when the server knows that the firmware is confirmed
        self._failure_told = False
        self._ticked = 0
        self.public_keys = {}
        """The organization's keys, ``fwup`` and ``archive``: lists of 32 bytes each."""
        self.light = None
        """The `Light` that identifies this device at the moment, or None."""

    @property
    def joined(self) -> bool:
        """True while the topic is joined (read-only)."""
        return self._channels.is_joined(TOPIC)

    @property
    def failures(self) -> int:
        """Number of joins that failed in a row (read-only)."""
        return self._channels.failures(TOPIC)

    def join(self, now: int) -> None:
        """
        Join, or join again.

        :param int now: ticks in milliseconds
        """
        self._channels.join(TOPIC, self._join_payload, now)

    def _join_payload(self) -> dict:
        """
        Return the join's parameters. Called at each join, because an update may have begun or been
        confirmed since the last one.
        """
        config = self.config
        meta = self._trial.metadata()
        payload = {"device_api_version": phoenix.API_VERSION}
        for key in meta:
            if key in _META_KEYS and meta[key] is not None:
                payload["nerves_fw_" + key] = meta[key]
        uuid = self._updates.downloading_uuid(config.clock())
        if uuid is not None:
            payload["currently_downloading_uuid"] = uuid
        if config.request_public_keys:
            payload["fwup_public_keys"] = payload["archive_public_keys"] = "on_connect"
        payload["meta"] = self._trial.report()
        self._told = self._trial.confirmed
        return payload

    def handle(self, kind: int, event, payload, now: int) -> bool:
        """
        Handle a message of this topic that `Channels.receive` has parsed.

        :param int kind: ``phoenix.JOINED``, ``REFUSED``, ``CRASHED`` or ``MESSAGE``
        :param str event: the event's name, for ``MESSAGE``
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
            self.log("error", "join refused: " + printable(text_of(payload)))
        elif kind == phoenix.CRASHED:
            reason = "the server closed the device's channel"
            self.log("error", reason)
            self.lost(reason)
        return False

    def _joined(self, response, now: int) -> None:
        again, self._was_joined = self._was_joined, True
        self.log("info", "joined")
        self._ticked = now  # `confirm_after` counts from the join
        self._trial.begin()
        self.push("report_network_interface", {"interface": self.config.network_interface})
        if self.config.connection_types:
            self.push("connection_types", {"values": self.config.connection_types})
        self._tell()
        self._updates.joined(now)
        if not self._failure_told:
            self._failure_told = True
            words = self._trial.last_failure()
            if words is not None:
                self._tell_all("error", "earlier: " + words)
        if not again:
            self.call(self.config.client.handle_connected)
        # Older servers put the update into the join's reply.
        if isinstance(response, dict) and response.get("update_available") is True:
            self._updates.offer(response, now)

    def _event(self, event: str, payload: dict, now: int) -> None:
        if event == "update":
            self._updates.offer(payload, now)
        elif event == "reboot":
            self._restart.ask(now)
        elif event in self._handlers:
            self._handlers[event](payload, now)
        elif event in _RARE:
            from .rare_events import handle  # noqa: PLC0415 seldom needed, and it takes memory

            handle(self, event, payload, now)

    def close(self) -> None:
        """Stop identifying. Never raises."""
        light, self.light = self.light, None
        if light is not None:
            light.close()

    def lost(self, reason: str) -> None:
        """
        Note that the topic is not joined any more.

        :param str reason: the reason, for `Client.handle_disconnected`
        """
        self._updates.lost()
        if self._was_joined:
            self._was_joined = False
            self.call(self.config.client.handle_disconnected, reason)

    def confirm(self) -> bool:
        """
        Confirm the running firmware, and report that to the server.

        :return: False if the writer failed, or if a restart into other firmware is due
        """
        if self._restarts_into_other:
            self.log("error", "not confirmed: a restart into other firmware is due")
            return False
        if not self._trial.confirm():
            return False
        self._tell()
        return True

    @property
    def _restarts_into_other(self) -> bool:
        return self._trial.going_back or self._updates.installed

    def _tell(self) -> None:
        """Report the confirmation, unless a join or an earlier call has reported it."""
        if self._trial.confirmed and not self._told:
            self._told = self.push("firmware_validated", {})

    def tick(self, now: int, flushed: bool) -> None:
        """
        Poll the parts, confirm the firmware when that is due, and restart when that is due.

        :param int now: ticks in milliseconds
        :param bool flushed: True if no bytes wait to be sent
        """
        passed, self._ticked = elapsed(now, self._ticked), now
        trial = self._trial
        if trial.poll(now, self._restart.due):
            self._restart.ask(now)
        if not self._updates.active:
            self._updates.forget_old(now)
        if self.answers is not None:
            self.answers.settle()
        if self._scripts is not None:
            self._scripts.poll()
        if self.light is not None and not self.light.step(now):
            self.light = None
        # Before the restart, so that a release that works is confirmed even if the board restarts.
        if self.config.auto_confirm and not trial.confirmed and self.joined:
            if not self._restarts_into_other and trial.count(passed) and not self.confirm():
                trial.count_again()
        self._restart.tick(now, flushed)
