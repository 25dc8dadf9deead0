# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.wire.phoenix`
====================================================

Phoenix channels, version 2 of the serializer: `[join_ref, ref, topic, event, payload]` as JSON
text (Phoenix's ``lib/phoenix/socket/serializers/v2_json_serializer.ex``). No sockets: texts come
in by `Channels.receive`, texts go out through a function, and time is told by the caller through
`Channels.tick`.

Facts that shape it: the server answers joins, heartbeats and errors, and nothing else, so no
message waits for an answer. Broadcasts come with null refs. A crashed channel (``phx_error``)
leaves the socket and the other channels alone: that topic is joined again. A ``phx_close`` with an
old ``join_ref`` tells of a channel that this client has replaced itself. Unknown events are the
user's not to fear: they are passed on, and whoever does not know them ignores them.
"""

import json

from micropython import const

from ..common.ticks import elapsed
from ..errors import ProtocolError

API_VERSION = "2.2.0"
"""
What joins announce. From 2.2.0 on the server asks for extensions; from 2.1.0 on it sends scripts.
"""
MESSAGE = 1
"""Kind: an event of a joined topic."""
JOINED = 2
"""Kind: the server accepted the join; the payload is its response."""
REFUSED = 3
"""Kind: the server refused the join; the payload is its response. It is tried again later."""
CRASHED = 4
"""Kind: the topic was closed or has crashed on the server. It is joined again later."""
ERROR = 5
"""Kind: the server answered a message with an error; the payload is ``(ref, response)``."""

# Milliseconds before a topic is joined again, as nerves_hub_link does; it doubles with every join
# in a row that fails, up to 320 seconds.
_REJOIN = const(5000)

# A server that sends without end and answers nothing must not escape its deadline; but an
# application whose loop takes a minute may have the answer behind other messages. So many looks
# past the deadline may find more than could be read.
_PATIENCE = const(8)

_SHORT = const(2048)  # characters: too few for a number that takes long to read

_WAITING = const(0)
_JOINING = const(1)
_JOINED = const(2)


class _Topic:
    def __init__(self, payload) -> None:
        self.payload = payload  # function that returns the join's payload, asked at each join
        self.state = _WAITING
        self.join_ref = None
        self.since = 0  # of the present state
        self.failures = 0  # joins in a row that were refused or not answered
        self.late = 0  # looks past the deadline of the join


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
        Begin a new connection: no topic is joined, refs start again.

        :param int now: ticks in milliseconds
        """
        self._ref = 0
        self._topics = {}
        self._late = 0  # looks past the deadline of the heartbeat
        self._heartbeat_ref = None
        self._heartbeat_at = now

    def join(self, topic: str, payload, now: int) -> None:
        """
        Join a topic, and join it again whenever it is refused, lost or not answered.
        A topic that is joined already is joined anew; the server closes the old channel.

        :param str topic: its name
        :param payload: function without arguments that returns the join's payload, a dict
        :param int now: ticks in milliseconds
        """
        self._topics[topic] = entry = _Topic(payload)
        self._join(topic, entry, now)

    def _join(self, topic: str, entry, now: int) -> None:
        entry.join_ref = self._next_ref()
        entry.state = _JOINING
        entry.since = now
        entry.late = 0
        self._write(entry.join_ref, entry.join_ref, topic, "phx_join", entry.payload())

    def is_joined(self, topic: str) -> bool:
        """Tell whether a topic is joined."""
        entry = self._topics.get(topic)
        return entry is not None and entry.state == _JOINED

    def is_wanted(self, topic: str) -> bool:
        """Tell whether a topic is joined or will be."""
        return topic in self._topics

    def failures(self, topic: str) -> int:
        """Return how many joins of a topic failed in a row."""
        entry = self._topics.get(topic)
        return entry.failures if entry else 0

    def push(self, topic: str, event: str, payload: dict):
        """
        Send an event.

        :param str topic: a joined topic
        :param str event: its name
        :param dict payload: what JSON can hold, finite numbers only. Characters that the server
            can't take (NUL, halves of surrogate pairs) leave as ``?``, in keys, too
        :return: the message's ref, or None if the topic is not joined: nothing was sent then
        """
        entry = self._topics.get(topic)
        if entry is None or entry.state != _JOINED:
            return None
        ref = self._next_ref()
        self._write(entry.join_ref, ref, topic, event, payload)
        return ref

    def _next_ref(self) -> str:
        self._ref += 1
        return str(self._ref)

    def _write(self, join_ref, ref: str, topic: str, event: str, payload: dict) -> None:
        # Every text that leaves passes here, so that nothing is sent that the server can't take.
        text = json.dumps([join_ref, ref, topic, event, payload])
        if "\\u0000" in text or "\\ud" in text:
            from ..common.utf8 import mend_escapes  # noqa: PLC0415 seldom needed

            text = mend_escapes(text)
        data = text.encode()
        if len(data) != len(text):
            # Not plain ASCII; on a board it may be no UTF-8 either.
            from ..common.utf8 import mend  # noqa: PLC0415 as above

            mended = mend(data)
            if mended is not data:
                text = mended.decode()
        self._send(text)

    def receive(self, text: str, now: int):
        """
        Understand one message.

        :param str text: what the server sent
        :param int now: ticks in milliseconds
        :return: ``(kind, topic, event, payload)``, or None if there is nothing to do
        :raises ProtocolError: if it is no Phoenix message
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
            raise ProtocolError("message that is no array of five", 1007) from None
        if event == "phx_reply":
            return self._reply(ref, topic, payload, now)
        entry = self._topics.get(topic) if isinstance(topic, str) else None
        if entry is None or not isinstance(event, str):
            return None
        if join_ref is not None and join_ref != entry.join_ref:
            return None  # of a channel that was replaced meanwhile
        if event in ("phx_error", "phx_close"):
            understood = (CRASHED, topic, event, payload)
            self._lost(entry, now)
            return understood
        if entry.state != _JOINED:
            return None
        return (MESSAGE, topic, event, payload if isinstance(payload, dict) else {})

    def _reply(self, ref, topic, payload, now: int):
        """The server's answer to a heartbeat, a join, or a message that it can't take."""
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
            # "unmatched topic": the server knows of our channel no more.
            lost = isinstance(response, dict) and response.get("reason") == "unmatched topic"
            kind = CRASHED if lost else ERROR
        if kind == ERROR:
            response = (ref, response)
        # What needs memory comes first: without it the message is understood again later.
        understood = None if kind is None else (kind, topic, None, response)
        if kind == JOINED:
            entry.state = _JOINED
            entry.failures = 0
        elif kind in (REFUSED, CRASHED):
            self._lost(entry, now)
        return understood

    def _lost(self, entry, now: int) -> None:
        entry.state = _WAITING
        entry.since = now
        entry.join_ref = None
        entry.failures += 1

    def beat(self, now: int) -> None:
        """
        Send a heartbeat, unless the answer to one is due.

        :param int now: ticks in milliseconds
        """
        if self._heartbeat_ref is None:
            self._heartbeat_at = now
            self._late = 0
            self._heartbeat_ref = self._next_ref()
            self._write(None, self._heartbeat_ref, "phoenix", "heartbeat", {})

    def tick(self, now: int, drained: bool) -> bool:
        """
        Send heartbeats and join again what is due.

        :param int now: ticks in milliseconds
        :param bool drained: True if everything received was handled: then an answer is late when
            its time is up; else after some more looks, for the user's loop may have slept while it
            lay in the socket
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
                        self._lost(entry, now)
            elif entry.state == _WAITING and since >= _REJOIN << min(entry.failures - 1, 6):
                self._join(topic, entry, now)
        return True
