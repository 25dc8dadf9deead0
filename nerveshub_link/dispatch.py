# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.dispatch`
====================================================

Passes each message of an open connection to the handler of its topic, and tells all handlers when
the connection is lost. Separate from the link, which calls it, and from `Connection`, which opens
connections and does not parse messages.
"""

import gc

from micropython import const

from .common.ticks import elapsed
from .device import topic as device_topic
from .errors import ProtocolError, describe
from .wire import websocket

_MESSAGES = const(4)  # handled by one poll() at most
_FIRST = const(96)  # characters kept of a message that does not fit into memory: they show its kind
_LAST = const(48)
_MAX_JOINS = const(3)  # joins that fail in a row before the connection is dropped
_STEADY = const(60 * 1000)  # joined for so long, the connection resets the back-off


class Dispatch:
    """
    Routes between one connection and its topics.

    :param Connection connection: receives the messages
    :param Channels channels: parses them
    :param DeviceTopic device: handles the device topic
    :param dict topics: handlers of the other topics, by name: objects with ``handle``, ``poll`` and
        ``lost``
    :param log: function of level and text
    """

    def __init__(self, connection, channels, device, topics, log) -> None:  # noqa: PLR0913, PLR0917
        self._connection = connection
        self._channels = channels
        self._device = device
        self._topics = topics
        self._log = log
        self._joined_at = None  # ticks of the join, until `Connection.succeeded` is called

    def receive(self, now: int) -> bool:
        """
        Handle received messages, four at most.

        :param int now: ticks in milliseconds
        :return: True if everything received was handled
        """
        for _ in range(_MESSAGES):
            event = self._connection.step(now)
            if event == websocket.NOTHING:
                return not self._connection.socket.congested  # else there may be more to read
            if event == websocket.MESSAGE:
                if not self._message(now):
                    return False
            elif event == websocket.OPENED:
                self._channels.reset(now)
                self._device.join(now)
            elif event == websocket.OVERLONG:
                socket = self._connection.socket
                ends, socket.text = socket.text, ""
                words = "a message of %d bytes was skipped" % socket.overlong
                self._passed_over(words, ends, socket.overlong)
            elif event != websocket.BUSY:
                self.lost(self._connection.reason, now)
                return True
        return False

    def _message(self, now: int) -> bool:
        """Handle one message. False if memory is short: the socket returns it once more."""
        text, self._connection.socket.text = self._connection.socket.text, ""
        try:
            understood = self._channels.receive(text, now)
        except ProtocolError as error:
            self._log("error", str(error))
            return True
        except MemoryError:
            gc.collect()
            if self._connection.socket.again(text):
                return False
            # A new connection would bring the same message.
            ends = text[:_FIRST] + "\n" + text[-_LAST:]
            text = ""
            gc.collect()
            self._passed_over("no memory for a message: skipped", ends, 0)
            return True
        text = ""  # not needed any more, and it may be long
        if understood is None:
            return True
        kind, topic, event, payload = understood
        if topic in self._topics:
            self._topics[topic].handle(kind, event, payload)
        elif topic == device_topic.TOPIC and self._device.handle(kind, event, payload, now):
            self._joined_at = now
        return True

    def _passed_over(self, what: str, ends: str, length: int) -> None:
        """
        Answer a message that could not be handled, if the server waits for an answer.

        :param str what: text for the log
        :param str ends: the message's first and last characters, with a line feed between; or ""
        :param int length: the message's length in bytes; 0 if unknown
        """
        self._log("error", what)
        if '"scripts/run"' in ends:
            try:
                from .device.rare_events import script_passed_over  # noqa: PLC0415 as its name says

                script_passed_over(self._device, ends, length)
            except MemoryError:
                gc.collect()
        elif "console" in self._topics:  # the longest messages are pastes
            self._topics["console"].passed_over(what, ends)

    def tick(self, now: int, drained: bool) -> None:
        """
        Check the deadlines and poll the handlers, while the connection is open.

        :param int now: ticks in milliseconds
        :param bool drained: True if everything received was handled
        """
        if self._joined_at is not None and elapsed(now, self._joined_at) >= _STEADY:
            self._joined_at = None
            if self._device.joined:
                self._connection.succeeded()
        if not self._channels.tick(now, drained):
            self.drop("the server does not answer heartbeats", now)
        elif self._device.failures >= _MAX_JOINS:
            self.drop("joining failed %d times" % _MAX_JOINS, now)
        elif self._connection.socket.state == websocket.OPEN and not self._channels.is_wanted(
            device_topic.TOPIC
        ):
            self.drop("a fault before the join", now)
        elif not self._connection.socket.congested:
            for topic in self._topics:
                self._topics[topic].poll(now)

    def lost(self, reason: str, now: int) -> None:
        """
        Tell all handlers that the connection is lost.

        :param str reason: the reason, for `Client.handle_disconnected`
        :param int now: ticks in milliseconds
        """
        # First, since this can't fail: no topic counts as joined, even if a handler raises below.
        self._channels.reset(now)
        self._joined_at = None
        self._device.lost(reason)
        for topic in self._topics:
            try:
                self._topics[topic].lost()
            except Exception as error:
                self._log("error", topic + ": " + describe(error))

    def drop(self, reason: str, now: int) -> None:
        """
        Close the connection; after the back-off `Connection` opens a new one.

        :param str reason: why
        :param int now: ticks in milliseconds
        """
        try:
            self._connection.lost(reason, now)
        finally:
            self.lost(reason, now)
