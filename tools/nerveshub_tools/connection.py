# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.connection`
================================================================================

The state of a device's accepted websocket, without the websocket: messages go in, items to send
come out.

Separate so that the same rules run over a real socket (`nerveshub_tools.server`) and in tests
that replay captured frames with their own clock. The socket's owner sends the items of `outbox` in
order whenever ``wake`` is called.
"""

import json
from collections import deque
from dataclasses import dataclass
from typing import Callable, Deque, Union

from .console_channel import ConsoleChannel
from .device_channel import DeviceChannel
from .extensions_channel import ExtensionsChannel
from .phoenix import PhoenixSocket, SocketError

MAX_MESSAGE = 10_000_000


@dataclass(frozen=True)
class Text:
    """A text frame to send."""

    text: str


@dataclass(frozen=True)
class Pong:
    """A pong to send."""

    payload: bytes


@dataclass(frozen=True)
class Close:
    """A close frame to send; nothing follows it."""

    code: int


class Connection:
    """
    :param hub: the `nerveshub_tools.hub.Hub`
    :param device: the `nerveshub_tools.devices.Device` that authenticated
    :param wake: called, maybe from another thread, when `outbox` has got something
    """

    def __init__(self, hub, device, wake: Callable[[], None]) -> None:
        self.device = device
        self.outbox: Deque[Union[Text, Pong, Close]] = deque()
        self.closing = False
        """Has a close been queued? Nothing is sent or acted on after it."""
        self.closing_sent = False
        """Has it gone out?"""
        self.received_at = hub.clock()
        self._hub = hub
        self._wake = wake
        # What is allowed is read once, when the socket is accepted, as on the server.
        self._allowed = frozenset(hub.extensions)
        self.phoenix = PhoenixSocket(
            send=self.send,
            factory=self._channel,
            resolve=lambda topic: f"device:{device.id}" if topic == "device" else topic,
            show=lambda topic: topic.partition(":")[0] if topic[:7] == "device:" else topic,
            refused=hub.refuse,
            dropped=hub.drop,
        )

    def _channel(self, socket, key: str):
        if key.startswith("device:"):
            return DeviceChannel(socket, self._hub, self.device)
        if key == "extensions":
            return ExtensionsChannel(socket, self._hub, self.device, self._allowed)
        return ConsoleChannel(socket, self._hub, self.device) if key == "console" else None

    def channel(self, topic: str):
        """The joined channel of a topic, else None."""
        return self.phoenix.channels.get(self.key(topic))

    def key(self, topic: str) -> str:
        """The server's own name of a topic."""
        return f"device:{self.device.id}" if topic == "device" else topic

    def send(self, frame: list) -> None:
        """Queue a frame for the device."""
        self.device.frames.append(("server", frame))
        self.send_text(json.dumps(frame, ensure_ascii=False, separators=(",", ":")))

    def send_text(self, text: str) -> None:
        """Queue a text as it is: no frame at all, if the operator wants that."""
        self._put(Text(text))

    def _put(self, item: Union[Text, Pong, Close]) -> None:
        if not self.closing:
            self.outbox.append(item)
            self._wake()

    def received(self) -> None:
        """Anything at all came from the device, a control frame for example."""
        self.received_at = self._hub.clock()

    def ping(self, payload: bytes) -> None:
        """The device sent a ping."""
        self.received()
        self._put(Pong(bytes(payload)))

    def text(self, text: str) -> None:
        """The device sent a text message."""
        self.received()
        if self.closing:
            return
        try:
            message = self.phoenix.decode(text)
            self.device.frames.append(("client", message))
            self.device.events.append((message[2], message[3], message[4]))
            self.phoenix.receive(message)
            self._hub.tell(self.device.identifier, message[2], message[3], message[4])
        except SocketError as error:
            self._hub.refuse(f"message refused: {error}")
            self.close(error.code)

    def binary(self) -> None:
        """The device sent a binary message: not on a JSON socket."""
        self._hub.refuse("binary message on a JSON socket")
        self.close(1011)

    def close(self, code: int) -> None:
        """Close from the server's side, without messages of the channels."""
        self._put(Close(code))
        self.closing = True
        self.phoenix.terminate()
