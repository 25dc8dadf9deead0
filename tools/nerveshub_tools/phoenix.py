# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.phoenix`
================================================================================

Phoenix channels, version 2 of the JSON serializer, seen from the server: topics, joins, replies.

Independent of NervesHub and of sockets: the text of a frame goes in, frames (lists of five) come
out through ``send``. The caller passes a factory that makes a `Channel` for a topic, and closes the
websocket with the code of a `SocketError`.
"""

import json
import re
from typing import Any, Callable, Dict, Optional, Set

_LONE = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")  # may be one, or half of a whole pair
CHANNEL_CRASH = {"reason": "channel_crash"}
UNMATCHED = {"reason": "unmatched topic"}


class SocketError(Exception):
    """Raised for a message that ends the websocket. ``code`` is the close code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class Crash(Exception):
    """Raised by a `Channel` for what makes the server's channel process die. Says what it was."""


def has_surrogate(value: Any) -> bool:
    """Does a text in a decoded message hold half of a surrogate pair?"""
    return _any_text(value, lambda text: any("\ud800" <= char <= "\udfff" for char in text))


def has_nul(value: Any) -> bool:
    """Does a text in a decoded message hold a NUL character? PostgreSQL stores none."""
    return _any_text(value, lambda text: "\0" in text)


def _any_text(value: Any, is_it: Callable[[str], bool]) -> bool:
    left = [value]
    while left:  # no recursion: it may be nested as deeply as the decoder takes it
        value = left.pop()
        if isinstance(value, dict):
            left.extend(value)
            left.extend(value.values())
        elif isinstance(value, list):
            left.extend(value)
        elif isinstance(value, str) and is_it(value):
            return True
    return False


class Channel:
    """
    One joined topic. Subclasses say what joins and events mean.

    :param PhoenixSocket socket: the socket that the topic lives on
    """

    def __init__(self, socket: "PhoenixSocket") -> None:
        self.socket = socket
        self.topic = ""  # as on the wire
        self.key = ""  # as the server sees it
        self.join_ref: Any = None

    def join(self, payload: Any) -> Any:
        """Accept the join and give the response, or raise `Crash`."""
        raise NotImplementedError

    def joined(self) -> None:
        """Called after the join was answered: what the server pushes on its own."""

    def handle(self, event: str, payload: Any, ref: Any) -> None:
        """One event of the device; may raise `Crash`."""

    def terminated(self) -> None:
        """The channel has ended: left, closed, crashed, replaced or gone with its socket."""

    def push(self, event: str, payload: Any) -> None:
        """A push of this channel's own process: it carries the join_ref."""
        self.socket.send([self.join_ref, None, self.topic, event, payload])

    def broadcast(self, event: str, payload: Any) -> None:
        """A fast-laned broadcast: both refs are null."""
        self.socket.send([None, None, self.topic, event, payload])

    def reply(self, ref: Any, status: str, response: Any) -> None:
        """A ``phx_reply``. The device channel never answers an event; extensions do on errors."""
        payload = {"status": status, "response": response}
        self.socket.send([self.join_ref, ref, self.topic, "phx_reply", payload])


class PhoenixSocket:
    """
    The channels of one websocket.

    :param send: called with each frame (list of five) for the device
    :param factory: called with a topic's key; gives a `Channel`, or None for no such topic
    :param resolve: maps a topic on the wire to the server's key for it
    :param show: maps a topic on the wire to the one in answers
    :param refused: called with a text for each message that the server refuses or crashes on
    :param dropped: called with a text for each message that the server drops silently
    """

    def __init__(  # noqa: PLR0913 - two maps and three sinks, all given by keyword
        self,
        *,
        send: Callable[[list], None],
        factory: Callable[["PhoenixSocket", str], Optional[Channel]],
        resolve: Callable[[str], str] = str,
        show: Callable[[str], str] = str,
        refused: Callable[[str], None] = lambda text: None,
        dropped: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.send = send
        self.channels: Dict[str, Channel] = {}
        self._factory = factory
        self._resolve = resolve
        self._show = show
        self._refused = refused
        self._dropped = dropped
        self._once_joined: Set[str] = set()

    @staticmethod
    def decode(text: str) -> list:
        """The five elements of a frame; anything else ends the socket with 1011."""
        try:
            message = json.loads(text)
        except ValueError:
            raise SocketError(1011, f"not JSON: {text[:40]!r}") from None
        except RecursionError:
            raise SocketError(1011, f"nested too deeply for this hub: {text[:40]!r}") from None
        if _LONE.search(text) and has_surrogate(message):
            # Python's encoder writes them silently; the server's decoder refuses them.
            raise SocketError(1011, f"half of a surrogate pair: {text[:40]!r}")
        # Elements after the fifth are ignored, fewer than five match nothing on the server.
        if not isinstance(message, list) or len(message) < 5:
            raise SocketError(1011, f"not an array of five: {text[:40]!r}")
        if not isinstance(message[2], str) or not isinstance(message[3], str):
            raise SocketError(1011, f"topic or event is no text: {text[:40]!r}")
        return message[:5]

    def receive(self, message: list) -> None:
        """Act on one decoded frame of the device."""
        join_ref, ref, wire_topic, event, payload = message
        if wire_topic == "phoenix" and event == "heartbeat":
            self._reply(None, ref, "phoenix", "ok", {})
            return
        key, topic = self._resolve(wire_topic), self._show(wire_topic)
        channel = self.channels.get(key)
        if event == "phx_join":
            self._join(key, topic, join_ref, ref, payload)
        elif channel is None:
            self._no_channel(key, topic, join_ref, ref, event)
        elif join_ref is not None and join_ref != channel.join_ref:
            self._dropped(f"{event} on {topic} with stale join_ref {join_ref!r}")
        elif event == "phx_leave":
            self._reply(channel.join_ref, ref, topic, "ok", {})
            self.close(key)
        else:
            try:
                channel.handle(event, payload, ref)
            except Crash as crash:
                self._refused(f"{event} crashed the {topic} channel: {crash}")
                self.crash(key)

    def _join(self, key: str, topic: str, join_ref: Any, ref: Any, payload: Any) -> None:
        channel = self._factory(self, key)
        if channel is None:
            self._refused(f"join of unknown topic {topic}")
            self._reply(None, ref, topic, "error", UNMATCHED)
            return
        channel.topic, channel.key = topic, key
        channel.join_ref = ref if join_ref is None else join_ref
        # The old channel of the topic ends first, but its phx_close goes out after the new reply.
        old = self.channels.pop(key, None)
        if old:
            old.terminated()
        try:
            response, status = channel.join(payload), "ok"
        except Crash as crash:
            self._refused(f"join of {topic} crashed: {crash}")
            response, status = {"reason": "join crashed"}, "error"
        self._reply(channel.join_ref, ref, topic, status, response)
        if old:
            self._end(old, "phx_close", {})
        if status == "ok":
            self.channels[key] = channel
            self._once_joined.add(key)
            channel.joined()

    def _no_channel(self, key: str, topic: str, join_ref: Any, ref: Any, event: str) -> None:
        if event == "phx_leave":
            # Leaving what is not joined is no error: the client raced a close of the server.
            self._reply(join_ref, ref, topic, "ok", {})
            return
        # After a crash or a close, messages that were on their way still arrive: no fault.
        tell = self._dropped if key in self._once_joined else self._refused
        tell(f"{event} on {topic}, which is not joined")
        self._reply(None, ref, topic, "error", UNMATCHED)

    def _reply(self, join_ref: Any, ref: Any, topic: str, status: str, response: Any) -> None:
        self.send([join_ref, ref, topic, "phx_reply", {"status": status, "response": response}])

    def _end(self, channel: Channel, event: str, payload: Any) -> None:
        # Both refs are the join_ref: that is how a client tells an old channel from its new one.
        self.send([channel.join_ref, channel.join_ref, channel.topic, event, payload])

    def close(self, key: str) -> None:
        """End a channel in good order: ``phx_close``."""
        channel = self.channels.pop(key)
        channel.terminated()
        self._end(channel, "phx_close", {})

    def crash(self, key: str) -> None:
        """End a channel as if its process had died: ``phx_error``. The socket stays."""
        channel = self.channels.pop(key)
        channel.terminated()
        self._end(channel, "phx_error", CHANNEL_CRASH)

    def terminate(self) -> None:
        """The websocket is closed: end every channel without a message."""
        while self.channels:
            self.channels.popitem()[1].terminated()
