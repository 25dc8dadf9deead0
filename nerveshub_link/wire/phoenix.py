# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.wire.phoenix`
====================================================

Phoenix channels, version 2 of the serializer: `[join_ref, ref, topic, event, payload]` as JSON
text (Phoenix's ``lib/phoenix/socket/serializers/v2_json_serializer.ex``). No sockets: received
texts go to `Channels.receive`, texts to send go to a function, and `Channels.tick` gets the time.

What the server does: it answers joins, heartbeats and wrong messages, and nothing else, so no other
message waits for an answer. Broadcasts have null refs. A crashed channel (``phx_error``) does not
affect the socket or other channels: only its topic is joined again. A ``phx_close`` with an old
``join_ref`` is about a channel that this client has replaced. Unknown events are passed on, and
their receiver ignores them.
"""

import json

from micropython import const

from ..common.states import next_state
from ..common.ticks import elapsed
from ..errors import ProtocolError

API_VERSION = "2.2.0"
"""
The device API version in a join. The server offers extensions from 2.2.0 on, scripts from 2.1.0 on.
"""
MESSAGE = 1
"""Kind: an event of a joined topic."""
JOINED = 2
"""Kind: the server accepted the join; the payload is its response."""
REFUSED = 3
"""Kind: the server refused the join; the payload is its response. Joined again later."""
CRASHED = 4
"""Kind: the channel was closed or has crashed on the server. Joined again later."""
ERROR = 5
"""Kind: the server answered a message with an error; the payload is ``(ref, response)``."""

# Milliseconds before a topic is joined again, as in nerves_hub_link; doubled with every further
# join that fails, up to 320 seconds.
_REJOIN = const(5000)

# Ticks after a deadline while received bytes are still unread: the answer may be among them, if the
# application's loop took long. Not more, since a server that sends without end must not escape its
# deadline.
_PATIENCE = const(8)

_SHORT = const(2048)  # characters: too few for a number that takes long to parse

_WAITING = const(0)
_JOINING = const(1)
_JOINED = const(2)
_DUE = const(6)
_LATE = const(7)

# Events are the kinds above, and these two.
# fmt: off
_TABLE = bytes((
    # state, event, next state: what is done
    _WAITING, _DUE, _JOINING,  # phx_join is sent, at the first join or after the pause
    _JOINING, JOINED, _JOINED,  # the next pause is five seconds long again
    _JOINING, REFUSED, _WAITING,  # the pause begins, twice as long as the last one
    _JOINING, _LATE, _WAITING,  # no answer in time: as after a refusal
    _JOINING, CRASHED, _WAITING,  # the channel ended on the server: as after a refusal
    _JOINED, CRASHED, _WAITING,  # the channel ended on the server: as after a refusal
))
# fmt: on


class _Topic:
    def __init__(self, payload) -> None:
        self.payload = payload  # function that returns the join's payload, called for each join
        self.state = _WAITING
        self.join_ref = None
        self.since = 0  # ticks at the last change of state
        self.failures = 0  # joins in a row that were refused or not answered
        self.late = 0  # ticks after the join's deadline


class Channels:
    """
    All topics of one socket.

    :param send: function that takes one text to send
    :param int reply_timeout: milliseconds for the answer to a join or a heartbeat
    :param int heartbeat_interval: milliseconds between heartbeats
    """

    def __init__(self, send, reply_timeout: int, heartbeat_interval: int) -> None:
        self._send = send
        self._reply_timeout = reply_timeout
        self._heartbeat_interval = heartbeat_interval
        self.reset(0)

    def reset(self, now: int) -> None:
        """
        Begin a new connection: forget all topics, and start the refs again.

        :param int now: ticks in milliseconds
        """
        self._ref = 0
        self._topics = {}
        self._late = 0  # ticks after the heartbeat's deadline
        self._heartbeat_ref = None
        self._heartbeat_at = now

    def join(self, topic: str, payload, now: int) -> None:
        """
        Join a topic, and join it again whenever the join is refused or not answered, or the channel
        crashes. A topic that is joined already is joined anew; the server closes the old channel.

        :param str topic: the topic's name
        :param payload: function without arguments that returns the join's payload, a dict
        :param int now: ticks in milliseconds
        """
        self._topics[topic] = entry = _Topic(payload)
        self._join(topic, entry, now)

    def _join(self, topic: str, entry, now: int) -> None:
        entry.join_ref = self._next_ref()
        entry.state = next_state(_TABLE, entry.state, _DUE)
        entry.since = now
        entry.late = 0
        self._write(entry.join_ref, entry.join_ref, topic, "phx_join", entry.payload())

    def is_joined(self, topic: str) -> bool:
        """Tell whether a topic is joined."""
        entry = self._topics.get(topic)
        return entry is not None and entry.state == _JOINED

    def is_wanted(self, topic: str) -> bool:
        """Tell whether a topic is joined or will be joined again."""
        return topic in self._topics

    def failures(self, topic: str) -> int:
        """Return how many joins of a topic failed in a row."""
        entry = self._topics.get(topic)
        return entry.failures if entry else 0

    def push(self, topic: str, event: str, payload: dict):
        """
        Send an event.

        :param str topic: a joined topic
        :param str event: the event's name
        :param dict payload: JSON values, finite numbers only. Characters that the server refuses
            (NUL, halves of surrogate pairs) are sent as ``?``, in keys, too
        :return: the message's ref, or None if the topic is not joined and nothing was sent
        """
        entry = self._topics.get(topic)
        if entry is None or entry.state != _JOINED:
            return None
        ref = self._next_ref()
        self._write(entry.join_ref, ref, topic, event, payload)
        return ref

    def pusher(self, topic: str):
        """
        Make a function that sends to one topic only.

        :param str topic: the topic's name
        :return: function of event and payload; it returns False if the topic is not joined
        """
        return lambda event, payload: self.push(topic, event, payload) is not None

    def _next_ref(self) -> str:
        self._ref += 1
        return str(self._ref)

    def _write(self, join_ref, ref: str, topic: str, event: str, payload: dict) -> None:
        # Every text that is sent passes here: characters that the server refuses are replaced.
        text = json.dumps([join_ref, ref, topic, event, payload])
        if "\\u0000" in text or "\\ud" in text:
            from ..common.utf8 import mend_escapes  # noqa: PLC0415 seldom needed

            text = mend_escapes(text)
        data = text.encode()
        if len(data) != len(text):
            # Not ASCII; on a board it may be invalid UTF-8.
            from ..common.utf8 import mend  # noqa: PLC0415 as above

            mended = mend(data)
            if mended is not data:
                text = mended.decode()
        self._send(text)

    def receive(self, text: str, now: int):
        """
        Handle one received message.

        :param str text: the message
        :param int now: ticks in milliseconds
        :return: ``(kind, topic, event, payload)``, or None if there is nothing to do
        :raises ProtocolError: if it is not a Phoenix message
        """
        if len(text) > _SHORT:
            from .json_numbers import has_long_number  # noqa: PLC0415 most messages are short

            if has_long_number(text):
                raise ProtocolError("message with a number of more than 64 digits", 1007)
        try:
            message = json.loads(text)
            if not isinstance(message, list):
                raise TypeError
            join_ref, ref, topic, event, payload = message
        except (ValueError, TypeError, RuntimeError):  # the last one: CPython, nested too deep
            raise ProtocolError("message is not an array of five", 1007) from None
        if event == "phx_reply":
            return self._reply(ref, topic, payload, now)
        entry = self._topics.get(topic) if isinstance(topic, str) else None
        if entry is None or not isinstance(event, str):
            return None
        if join_ref is not None and join_ref != entry.join_ref:
            return None  # from a channel that this client has replaced
        if event in ("phx_error", "phx_close"):
            understood = (CRASHED, topic, event, payload)
            self._lost(entry, CRASHED, now)
            return understood
        if entry.state != _JOINED:
            return None
        return (MESSAGE, topic, event, payload if isinstance(payload, dict) else {})

    def _reply(self, ref, topic, payload, now: int):
        """Handle the server's answer to a heartbeat, a join, or a message that it refuses."""
        entry = self._topics.get(topic) if isinstance(topic, str) else None
        if not isinstance(payload, dict):
            return None
        response = payload.get("response")
        ok = payload.get("status") == "ok"
        kind = None
        if entry is None:
            if topic == "phoenix" and ref == self._heartbeat_ref:
                self._heartbeat_ref = None
        elif entry.state == _JOINING and ref == entry.join_ref:
            kind = JOINED if ok else REFUSED
        elif entry.state == _JOINED and not ok:
            # "unmatched topic": the channel does not exist on the server any more.
            lost = isinstance(response, dict) and response.get("reason") == "unmatched topic"
            kind = CRASHED if lost else ERROR
        if kind == ERROR:
            response = (ref, response)
        # Allocate before any state changes: after a MemoryError the message is handled again.
        understood = None if kind is None else (kind, topic, None, response)
        if kind == JOINED:
            entry.state = next_state(_TABLE, entry.state, JOINED)
            entry.failures = 0
        elif kind in (REFUSED, CRASHED):
            self._lost(entry, kind, now)
        return understood

    def _lost(self, entry, event: int, now: int) -> None:
        entry.state = next_state(_TABLE, entry.state, event)
        entry.since = now
        entry.join_ref = None
        entry.failures += 1

    def beat(self, now: int) -> None:
        """
        Send a heartbeat, unless the answer to the last one is still awaited.

        :param int now: ticks in milliseconds
        """
        if self._heartbeat_ref is None:
            self._heartbeat_at = now
            self._late = 0
            self._heartbeat_ref = self._next_ref()
            self._write(None, self._heartbeat_ref, "phoenix", "heartbeat", {})

    def tick(self, now: int, drained: bool) -> bool:
        """
        Send a heartbeat and join topics again, each when it is due.

        :param int now: ticks in milliseconds
        :param bool drained: True if everything received was handled. If not, a late answer may be
            unread, since the application's loop took long: some more ticks are allowed then
        :return: False if the server did not answer a heartbeat in time: the connection is dead
        """
        since = elapsed(now, self._heartbeat_at)
        if self._heartbeat_ref is not None:
            if since >= self._reply_timeout:
                self._late += 1
                if drained or self._late >= _PATIENCE:
                    return False
        elif since >= self._heartbeat_interval:
            self.beat(now)
        for topic in self._topics:
            entry = self._topics[topic]
            since = elapsed(now, entry.since)
            if entry.state == _JOINING:
                if since >= self._reply_timeout:
                    entry.late += 1
                    if drained or entry.late >= _PATIENCE:
                        self._lost(entry, _LATE, now)
            elif entry.state == _WAITING and since >= _REJOIN << min(entry.failures - 1, 6):
                self._join(topic, entry, now)
        return True
