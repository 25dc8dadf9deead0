# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.extensions.router`
====================================================

The ``extensions`` channel, for everything that the device offers besides updates. `Extension` is
the base class for your own; `Extensions` routes events between the channel and the extensions
(NervesHub's ``lib/nerves_hub/extensions/dispatch.ex``).

The protocol: the server sends ``extensions:get``; the device joins with ``{key: version}``; the
reply lists the keys that the operator has enabled; for each the device sends ``<key>:attached``,
and from then on events go both ways as ``<key>:<event>``.

An extension that raises is detached, ``<key>:error`` reports why, and the link goes on. After a
MemoryError or an OSError, such as of a sensor that fails once, the extension is not detached but
paused: for a second, then for longer. An answer that could not be sent is sent after the pause.
"""

from micropython import const

from ..common.ticks import elapsed
from ..errors import describe, mask
from ..wire import phoenix

TOPIC = "extensions"

# Operators with the shell may read settings.toml anyway; log lines are masked before they are cut.
_UNMASKED = const(("local_shell", "logging"))
_PASSING = (MemoryError, OSError)
_REST = const(1000)  # milliseconds of the pause after one of these; doubled each time
_LONGEST_REST = const(60 * 1000)


class Extension:
    """Base class of extensions. Override `handle_event`, and other methods as needed."""

    version = "0.0.1"
    """The version that the device offers. NervesHub accepts 0.0.x from 0.0.1 on."""

    push = None
    """
    While attached: function of an event and its payload that sends them, and returns whether they
    were sent.
    """

    def attached(self) -> None:
        """Called when the server has attached the extension: `push` works from now on."""

    def detached(self) -> None:
        """
        Called when the extension is detached: by an operator, after an error, or with the end of
        the connection.
        """

    def handle_event(self, event: str, payload: dict):
        """
        Handle one event of the server.

        :param str event: without the extension's key: ``check`` of ``health:check``
        :param dict payload: its payload
        :return: the answer as ``(event, payload)``, or None
        """
        return None

    def poll(self, now: int) -> None:
        """
        Called about 40 times a second while attached. Must not block.

        :param int now: ticks in milliseconds, as of ``adafruit_ticks.ticks_ms``
        """


def check_json(value) -> bool:
    """
    Refuse numbers that JSON does not have: the server closes the connection for them, after each
    reconnect again. (Objects of other types are refused by ``json.dumps`` itself.)

    :param value: the value to be sent
    :return: True if a text in it holds a secret: see `masked`
    :raises ValueError: if a number in it is not finite
    """
    secret = False
    if isinstance(value, str):
        secret = mask(value) is not value
    elif isinstance(value, float):
        if value - value != 0:
            raise ValueError("a number that is not finite")
    elif isinstance(value, dict):
        for key in value:
            secret = check_json(value[key]) or secret
    elif isinstance(value, (list, tuple)):
        for item in value:
            secret = check_json(item) or secret
    return secret


def masked(value):
    """
    Return a copy of a value, with the secrets in its texts masked.

    :param value: the value to be sent
    :return: the copy; the keys of dicts are not masked
    """
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, dict):
        return {key: masked(value[key]) for key in value}
    if isinstance(value, (list, tuple)):
        return [masked(item) for item in value]
    return value


def check_interval(name: str, seconds, least: int) -> None:
    """
    Check the option ``interval`` of an extension.

    :param str name: the extension's name
    :param int seconds: value of the option
    :param int least: its minimum in seconds; the maximum is a day
    :raises ValueError: if the interval is invalid
    """
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not least <= seconds <= 86400:
        words = "%s: interval must be a whole number from %d to 86400"
        raise ValueError(words % (name, least))


class Extensions:
    """
    Routes the events of the ``extensions`` topic.

    :param dict extensions: key to `Extension`
    :param Channels channels: the socket's topics
    :param log: function of level and text
    """

    def __init__(self, extensions: dict, channels, log) -> None:
        self._extensions = extensions
        self._channels = channels
        self._log = log
        self._attached = {}
        self._unsent = {}  # key to an answer that could not be sent; None stands for "attached"
        self._resting = {}  # key to the beginning of its pause in ticks, and the pause's length

    def offer(self, payload: dict, now: int) -> None:
        """
        Handle ``extensions:get``: join the topic, unless that was done already.

        :param dict payload: the message's
        :param int now: ticks in milliseconds
        """
        if self._extensions and not self._channels.is_wanted(TOPIC):
            self._channels.join(TOPIC, self._versions, now)

    def _versions(self) -> dict:
        versions = {}
        for key in self._extensions:
            versions[key] = self._extensions[key].version
        return versions

    def handle(self, kind: int, event, payload) -> None:
        """
        Handle a result of `Channels.receive` for this topic.

        :param int kind: `nerveshub_link.wire.phoenix.JOINED` and so on
        :param str event: the event's name, with kind `nerveshub_link.wire.phoenix.MESSAGE`
        :param payload: the message's payload, or the join's response
        """
        if kind == phoenix.JOINED:
            self.lost()
            self._each(payload, self._attach)
        elif kind == phoenix.CRASHED:
            self.lost()
        elif kind == phoenix.ERROR and payload[1] == "detach":
            # The server refuses this extension's events. The ref belongs to its "attached" message.
            for key in list(self._attached):
                if self._attached[key] == payload[0]:
                    self._detach(key)
        elif kind == phoenix.MESSAGE:
            if event in ("attach", "detach"):
                keys = payload.get("extensions")
                self._each(keys, self._attach if event == "attach" else self._detach)
            else:
                self._event(event, payload)

    def _each(self, keys, action) -> None:
        if isinstance(keys, list):
            for key in keys:
                # A value of another type may not be hashable, and would raise.
                if isinstance(key, str) and key in self._extensions:
                    action(key)

    def _attach(self, key: str) -> None:
        extension = self._extensions[key]
        try:
            ref = self._push(key, "attached", {})
            if ref is None:
                return
            # A new dict, since poll() may be iterating over the old one.
            self._attached = dict(self._attached)
            self._attached[key] = ref
            extension.push = lambda event, payload: self._push_for(key, event, payload)
            extension.attached()
        except _PASSING as error:
            self._unsent[key] = None
            self._rest(key, error)
        except Exception as error:
            self._failed(key, error)

    def _push(self, key: str, event: str, payload: dict):
        if check_json(payload) and key not in _UNMASKED:
            payload = masked(payload)
        return self._channels.push(TOPIC, key + ":" + event, payload)

    def _push_for(self, key: str, event: str, payload: dict) -> bool:
        """Send an event: the ``push`` of an extension."""
        try:
            return self._push(key, event, payload) is not None
        except _PASSING:
            return False  # not sent: the extension may try again

    def _rest(self, key: str, error: Exception) -> None:
        """Pause an extension after a MemoryError or an OSError."""
        wait = self._resting[key][1] * 2 if key in self._resting else _REST
        self._resting[key] = (None, min(wait, _LONGEST_REST))
        if wait == _REST:
            try:
                words = "extension " + key + ": " + describe(error) + "; retried later"
                self._log("warning", words)
            except MemoryError:
                pass

    def _rests(self, key: str, now: int) -> bool:
        if key not in self._resting:
            return False
        since, wait = self._resting[key]
        if since is None:
            self._resting[key] = (now, wait)
            return True
        return elapsed(now, since) < wait

    def _send_again(self, now: int) -> None:
        """Send the answers that could not be sent before."""
        for key in list(self._unsent):
            if not self._rests(key, now):
                answer = self._unsent.pop(key)
                if answer is None:
                    self._attach(key)
                else:
                    self._answer(key, answer)

    def _answer(self, key: str, answer) -> None:
        try:
            event, payload = answer
            self._push(key, event, payload)
        except _PASSING as error:
            self._unsent[key] = answer  # only the latest one
            self._rest(key, error)
        except Exception as error:
            self._failed(key, error)

    def _detach(self, key: str) -> None:
        self._unsent.pop(key, None)
        self._resting.pop(key, None)
        if key not in self._attached:
            return
        self._attached = dict(self._attached)
        del self._attached[key]
        extension = self._extensions[key]
        extension.push = None
        try:
            extension.detached()
        except Exception as error:
            self._log("error", "extension " + key + ": " + describe(error))

    def _failed(self, key: str, error: Exception) -> None:
        reason = describe(error)
        self._log("error", "extension " + key + ": " + reason)
        self._push_for(key, "error", {"reason": reason})
        self._detach(key)

    def _event(self, event: str, payload: dict) -> None:
        key, _, event = event.partition(":")
        if key not in self._attached:
            return
        try:
            answer = self._extensions[key].handle_event(event, payload)
        except _PASSING as error:
            self._rest(key, error)
            return
        except Exception as error:
            self._failed(key, error)
            return
        if answer is not None:
            self._answer(key, answer)

    def poll(self, now: int) -> None:
        """
        Call `Extension.poll` of the attached extensions, and send delayed answers.

        :param int now: ticks in milliseconds
        """
        if self._unsent:
            self._send_again(now)
        for key in self._attached:
            try:
                # An extension before it may have led to its detachment.
                if key in self._attached and not (self._resting and self._rests(key, now)):
                    self._extensions[key].poll(now)
                    if self._resting and key not in self._unsent:
                        self._resting.pop(key, None)
            except _PASSING as error:
                self._rest(key, error)
            except Exception as error:
                self._failed(key, error)

    def lost(self) -> None:
        """Handle the loss of the channel: detach all extensions."""
        self._unsent = {}
        self._resting = {}
        for key in list(self._attached):
            self._detach(key)
