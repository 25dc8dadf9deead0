# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.wire.websocket`
====================================================

A WebSocket client (RFC 6455) over a `Transport`: the upgrade, the close handshake, and a queue of
frames that the network has not taken yet. The rules of single frames are in
`nerveshub_link.wire.frames`.

Call `WebSocket.open`, which blocks for the connect only, then `WebSocket.step` again and again:
each call does what is possible without waiting and returns one event. The caller owns the clock:
it gives up an upgrade or a close handshake that takes too long by calling `WebSocket.abort`.
"""

import binascii
import hashlib

from micropython import const

from ..errors import ProtocolError, TransportError, keep_timeout
from . import frames
from .http_head import HeadReader, request_head

CLOSED = 0
OPENING = 1
OPEN = 2
CLOSING = 3

NOTHING = 0
"""Event: nothing happened."""
OPENED = 1
"""Event: the server accepted the upgrade."""
REFUSED = 2
"""
Event: it did not; `WebSocket.response` tells its status and headers. The connection is closed.
"""
MESSAGE = 3
"""Event: a text message came; it is in `WebSocket.text`."""
OVERLONG = 4
"""Event: a message over the size limit was passed over; `WebSocket.overlong` is its length, and
`WebSocket.text` holds its two ends.
"""
ENDED = 5
"""Event: the connection is gone; see `WebSocket.close_code` and `WebSocket.close_reason`."""
BUSY = 6
"""Event: something was done that needs no attention, such as answering a ping."""

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_NO_CODE = const(1005)  # RFC 6455, 7.4.1: stands for "the close frame had no code"
_NO_CLOSE = const(1006)  # stands for "there was no close frame"
_LATER = (TransportError, MemoryError)  # made before memory is short
_TRIES = const(3)  # to find memory for a message
_CONGESTED = const(8)  # frames that wait; then nothing more is received
_MOST_QUEUED = const(32 * 1024)  # bytes behind the first frame; then the connection is given up


class WebSocket:
    """
    One WebSocket connection, opened and closed as often as needed.

    :param Transport transport: what to speak over
    :param int size: bytes of the receive buffer; a response head must fit in
    :param int limit: longest message in bytes; longer ones are passed over
    :param urandom: function that returns so many random bytes, such as ``os.urandom``
    """

    def __init__(self, transport, size: int, limit: int, urandom) -> None:
        self._transport = transport
        self._reader = frames.FrameReader(size, limit)
        self._urandom = urandom
        self._head = None
        self._accept = ""
        self._queue = []
        self._sent = 0
        self._queued = 0  # bytes in the queue
        self._overflow = False  # there were more than may wait
        self._pending = False  # is the last message to be handed out once more?
        self._tries = 0  # how often it was
        self.state = CLOSED
        """`CLOSED`, `OPENING`, `OPEN` or `CLOSING`."""
        self.response = None
        """`HeadReader` of the server's answer to the upgrade; the caller may drop it."""
        self.text = ""
        """
        The message that came with `MESSAGE`. With `OVERLONG`: its first and its last bytes as a
        text, a line feed in between (JSON has none); empty if there was no memory even for that.
        """
        self.overlong = 0
        """Length in bytes of the message that came with `OVERLONG`."""
        self.closed_by_server = False
        """True if the connection ended by the server's close frame."""
        self.close_code = 0
        """Close code of the connection that ended: the server's, 1005, or 1006 if it gave none."""
        self.close_reason = ""
        """Why the connection ended, in words; with a close frame the text in it, maybe empty."""

    def open(self, url, headers: dict, timeout: int) -> None:
        """
        Connect and send the upgrade request; `step` tells what came of it. Blocks for the connect.

        :param Url url: where to
        :param dict headers: further request headers, such as the authentication's
        :param int timeout: seconds for each wait of the connect
        :raises TransportError: if there is no connection
        """
        self.abort()
        self._transport.open(url.host, url.port, url.tls, timeout)
        key = binascii.b2a_base64(self._urandom(16), newline=False)
        digest = hashlib.new("sha1", key + _GUID).digest()
        self._accept = binascii.b2a_base64(digest, newline=False).decode()
        headers["Upgrade"] = "websocket"
        headers["Connection"] = "Upgrade"
        headers["Sec-WebSocket-Key"] = key.decode()
        headers["Sec-WebSocket-Version"] = "13"
        self._append(request_head(url, headers))
        self._head = HeadReader(self._reader.buffer, "receive_buffer")
        self.response = None
        self.closed_by_server = False
        self.close_code = _NO_CLOSE
        self.close_reason = ""
        self.state = OPENING

    @property
    def congested(self) -> bool:
        """True if the network takes less than is sent: hold back what can wait (read-only)."""
        return len(self._queue) >= _CONGESTED

    @property
    def flushed(self) -> bool:
        """True if nothing waits to be sent (read-only)."""
        return not self._queue

    def send_text(self, text: str) -> bool:
        """
        Queue a text message and send what the network takes now. Never raises for the network's
        sake: if the connection broke, `step` tells of its end.

        :param str text: the message
        :return: False if the connection is not open, or will be given up since too much waits
        """
        if self.state != OPEN:
            return False
        if self._queue and self._queued - len(self._queue[0]) > _MOST_QUEUED:
            self._overflow = True
            return False
        self._put(frames.TEXT, text.encode())
        self._try_flush()
        return True

    def close(self, code: int = 1000) -> None:
        """
        Begin the close handshake (RFC 6455, 7.1.2). `step` returns `ENDED` when the server has
        answered.

        :param int code: the close code
        """
        if self.state == OPEN:
            self.state = CLOSING
            self._put(frames.CLOSE, code.to_bytes(2, "big"))
            self._try_flush()
        elif self.state == OPENING:
            self.abort()

    def abort(self) -> None:
        """Close the connection without a handshake. Never raises."""
        self._transport.close()
        self.state = CLOSED
        self._queue = []
        self._sent = self._queued = 0
        self._overflow = False
        self._head = None
        self.text = ""
        self._pending = False
        self._reader.reset()  # what lies in the buffer belongs to a connection that is gone

    def step(self) -> int:
        """
        Send, receive and handle what is possible now. An idle step allocates nothing.

        While the connection is `congested`, nothing is received: a server that asks and does not
        read would else fill the memory with answers.

        :return: one of the events above. `NOTHING` means that there is nothing more for now
        """
        try:
            if self._queue:
                self._flush()
                if self._overflow:
                    raise TransportError(
                        "the server does not read: %d bytes wait for it" % self._queued
                    )
            if self._pending:
                self._pending = False
                return MESSAGE if self.text else self._take_text()
            if self._head is not None:
                return self._step_head() if self._transport.readable() else NOTHING
            event = NOTHING
            # Asked for in each poll(): the queue itself, which costs less than `congested`.
            if self._reader.pending and len(self._queue) < _CONGESTED:
                event = self._next()  # a frame is here in whole or in part
            if event == NOTHING:
                if len(self._queue) >= _CONGESTED or not self._transport.readable():
                    self._reader.relax()
                else:
                    event = self._receive()
            return event
        except TransportError as error:
            return self._end(self.close_code, str(error))
        except ProtocolError as error:
            if self.state == OPEN:
                self.close(error.code)
            return self._end(error.code, str(error))

    def _receive(self) -> int:
        count = self._transport.recv_into(self._reader.space())
        if not count:
            return NOTHING
        self._reader.received(count)
        return self._next() or (NOTHING if self._pending else BUSY)

    def _next(self) -> int:
        kind = self._reader.next()
        if kind == 0:
            return NOTHING
        payload = self._reader.payload
        if kind == frames.TEXT:
            self._tries = 0
            return self._take_text()
        if kind == frames.TOO_BIG:
            self.overlong = self._reader.length
            return self._keep_ends(self._reader.payload, self._reader.last)
        if kind == frames.PING:
            if self.state == OPEN:
                if len(self._queue) > 1 and self._queue[-1][0] == 0x80 | frames.PONG:
                    # RFC 6455, 5.5.3: the latest ping's answer is enough.
                    self._queued -= len(self._queue.pop())
                self._put(frames.PONG, bytes(payload))
                self._flush()
        elif kind == frames.CLOSE:
            return self._closed(bytes(payload))
        elif kind == frames.BINARY:
            raise ProtocolError("binary message on a JSON connection", 1003)
        return BUSY

    def _take_text(self) -> int:
        payload = self._reader.payload
        try:
            self.text = str(payload, "utf-8")
        except UnicodeError:
            raise ProtocolError("text message that is no UTF-8", 1007) from None
        except MemoryError:
            if self.again(""):
                return NOTHING
            self.overlong = len(payload)
            return self._keep_ends(payload[: frames.FIRST], payload[-frames.LAST :])
        return MESSAGE if self.state == OPEN else BUSY

    def again(self, text: str) -> bool:
        """
        Hand a message out once more at the next `step`: there was no memory to understand it.

        :param str text: the message
        :return: False if that was tried often enough: it is dropped
        """
        self._tries += 1
        self._pending = self._tries <= _TRIES
        self.text = text if self._pending else ""
        return self._pending

    def _keep_ends(self, first, last) -> int:
        try:
            from ..common.utf8 import mend  # noqa: PLC0415 seldom needed

            self.text = mend(bytes(first)).decode() + "\n" + mend(bytes(last)).decode()
        except Exception as error:
            keep_timeout(error)
            self.text = ""
        return OVERLONG

    def _closed(self, payload: bytes) -> int:
        """The server's close frame: echo it, unless it answers ours (RFC 6455, 5.5.1)."""
        code = _NO_CODE
        if payload:
            code = int.from_bytes(payload[:2], "big")
            if len(payload) < 2 or not _may_be_sent(code):
                raise ProtocolError("close frame with a bad code")
        if self.state == OPEN:
            self._put(frames.CLOSE, payload[:2])
            self._try_flush()
        try:
            reason = str(payload[2:], "utf-8")
        except UnicodeError:
            reason = ""
        self._end(code, reason)
        self.closed_by_server = True
        return ENDED

    def _end(self, code: int, reason: str) -> int:
        self.abort()
        self.close_code = code
        self.close_reason = reason
        return ENDED

    def _put(self, opcode: int, payload: bytes) -> None:
        self._append(frames.encode(opcode, payload, self._urandom(4)))

    def _append(self, data) -> None:
        self._queue.append(data)
        self._queued += len(data)

    def _flush(self) -> None:
        """
        Send from the queue. A frame that was taken in part stays in front, so nothing gets
        between.
        """
        while self._queue:
            frame = self._queue[0]
            count = self._transport.send(memoryview(frame)[self._sent :])
            if not count:
                return
            self._sent += count
            if self._sent == len(frame):
                self._queue.pop(0)
                self._queued -= self._sent
                self._sent = 0

    def _try_flush(self) -> None:
        try:
            self._flush()
        except _LATER:
            # The message is queued. step() meets the same and tells, unless it is the end anyway.
            pass

    def _step_head(self) -> int:
        head = self._head
        count = self._transport.recv_into(head.space())
        if not count:
            return NOTHING
        if not head.received(count):
            return BUSY
        self._head = None
        self.response = head
        if head.status != 101:
            self.abort()
            return REFUSED
        if (
            not _lists(head.headers, "upgrade", "websocket")
            or not _lists(head.headers, "connection", "upgrade")
            or head.headers.get("sec-websocket-accept") != self._accept
        ):
            raise ProtocolError("the server's upgrade answer is not for this connection")
        if head.headers.get("sec-websocket-extensions") or head.headers.get(
            "sec-websocket-protocol"
        ):
            raise ProtocolError("the server chose an extension or a protocol that was not offered")
        self._reader.load(head.start, head.end)
        self.state = OPEN
        return OPENED


def _lists(headers: dict, name: str, wanted: str) -> bool:
    """Is this among a header's values? It may be repeated, and is a list (RFC 9110, 5.3)."""
    for value in headers.get(name, "").split(","):
        if value.strip().lower() == wanted:
            return True
    return False


def _may_be_sent(code: int) -> bool:
    return 1000 <= code < 5000 and code not in (1004, 1005, 1006, 1015) and not 1016 <= code < 3000
