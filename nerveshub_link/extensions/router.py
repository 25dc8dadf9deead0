# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.extensions.router`
====================================================

The ``extensions`` channel: what the device offers beside updates. `Extension` is the port for your
own; `Extensions` routes between the channel and them (NervesHub's
``lib/nerves_hub/extensions/dispatch.ex``).

The conversation: the server asks ``extensions:get``; the device joins with ``{key: version}``; the
reply lists the keys that the operator has enabled; for each the device says ``<key>:attached``,
and from then on events go both ways as ``<key>:<event>``. An extension that raises is detached,
with ``<key>:error`` telling why, and the link goes on. A lack of memory is no fault of the
extension, and an OSError, such as of a sensor that does not answer once, passes as well: it rests
for a second, then longer, and goes on; an answer that could not be sent for it is sent after the
rest.
"""

from micropython import const

from ..common.ticks import elapsed
from ..errors import describe, mask
from ..wire import phoenix

TOPIC = "extensions"

# Who may use the shell may read settings.toml anyway; a log line's text is masked before it is cut.
_UNMASKED = ("local_shell", "logging")
_PASSING = (MemoryError, OSError)
_REST = const(1000)  # milliseconds after one of these; it doubles
_LONGEST_REST = const(60 * 1000)


class Extension:
    """Base class of extensions. Override `handle_event`, and what else is needed."""

    version = "0.0.1"
    """The version that the device offers. NervesHub takes 0.0.x from 0.0.1 on."""

    push = None
    """
    While attached: function of an event and its payload that sends it, and returns whether it was
    sent.
    """

    def attached(self) -> None:
        """Hear that the server listens: `push` works now."""

    def detached(self) -> None:
        """
        Hear that the server does not listen any more: the operator's wish, or the connection
        ended.
        """

    def handle_event(self, event: str, payload: dict):
        """
        Handle one event of the server.

        :param str event: without the extension's key: ``check`` of ``health:check``
        :param dict payload: what came with it
        :return: ``(event, payload)`` to answer with, or None
        """
        return None

    def poll(self, now: int) -> None:
        """
        Do what is due, while attached, about 40 times a second. Must not block.

        :param int now: ticks in milliseconds, as of ``adafruit_ticks.ticks_ms``
        """


def check_json(value) -> bool:
    """
    Refuse what becomes no JSON: the server closes the connection for it, and would do so again and
    again. Texts and the like, json.dumps refuses itself.

    :param value: what is to be sent
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
    Return a copy of what is to be sent, with the secrets in its texts masked.

    :param value: anything; the keys of dicts stay as they are
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

    :param str name: of the extension
    :param int seconds: the option
    :param int least: seconds
    :raises ValueError: if it is none; the most is a day
    """
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not least <= seconds <= 86400:
        words = "%s: interval must be a whole number from %d to 86400"
        raise ValueError(words % (name, least))


class Extensions:
    """
    Routes the events of the ``extensions`` topic.

    :param dict extensions: key to `Extension`
    :param Channels channels: where to join and push
    :param log: function of level and text
    """

    def __init__(self, extensions: dict, channels, log) -> None:
        self._extensions = extensions
        self._channels = channels
        self._log = log
        self._attached = {}
        self._unsent = {}  # key to what could not be sent: an answer, or None: "attached"
        self._resting = {}  # key to when its rest began, and its length

    def offer(self, now: int) -> None:
        """The server asked ``extensions:get``: join, unless that is done or under way."""
        if self._extensions and not self._channels.is_wanted(TOPIC):
            self._channels.join(TOPIC, self._versions, now)

    def _versions(self) -> dict:
        versions = {}
        for key in self._extensions:
            versions[key] = self._extensions[key].version
        return versions

    def handle(self, kind: int, event, payload) -> None:
        """
        Handle what `Channels.receive` understood of this topic.

        :param int kind: ``channel.JOINED`` and so on
        :param str event: for ``channel.MESSAGE``
        :param payload: the message's payload, or the join's response
        """
        if kind == phoenix.JOINED:
            self.lost()
            self._each(payload, self._attach)
        elif kind == phoenix.CRASHED:
            self.lost()
        elif kind == phoenix.ERROR and payload[1] == "detach":
            # The server listens to none of this key's events. Its ref says which message it was.
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
                # What is no text may be no key of a dict at all, and would raise.
                if isinstance(key, str) and key in self._extensions:
                    action(key)

    def _attach(self, key: str) -> None:
        extension = self._extensions[key]
        try:
            ref = self._push(key, "attached", {})
            if ref is None:
                return
            # Replaced, not changed: poll() may be going through it.
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
        """What an extension has as its ``push``."""
        try:
            return self._push(key, event, payload) is not None
        except _PASSING:
            return False  # not sent: it may try again

    def _rest(self, key: str, error: Exception) -> None:
        """There was no memory for an extension, or an OSError: leave it alone for a while."""
        wait = self._resting[key][1] * 2 if key in self._resting else _REST
        self._resting[key] = (None, min(wait, _LONGEST_REST))
        if wait == _REST:
            try:
                words = "extension " + key + ": " + describe(error) + "; it goes on later"
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
        """Send what could not be sent."""
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
            self._unsent[key] = answer  # the latest is enough
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
        """Let the attached extensions do what is due."""
        if self._unsent:
            self._send_again(now)
        for key in self._attached:
            try:
                # Is it still, after those before it?
                if key in self._attached and not (self._resting and self._rests(key, now)):
                    self._extensions[key].poll(now)
                    if self._resting and key not in self._unsent:
                        self._resting.pop(key, None)
            except _PASSING as error:
                self._rest(key, error)
            except Exception as error:
                self._failed(key, error)

    def lost(self) -> None:
        """The channel is gone: everything is detached."""
        self._unsent = {}
        self._resting = {}
        for key in list(self._attached):
            self._detach(key)
