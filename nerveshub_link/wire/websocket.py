# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.wire.websocket`
====================================================

A WebSocket client (RFC 6455) over a `Transport`: the upgrade, the close handshake, and a queue of
frames to send. Single frames are encoded and parsed in `nerveshub_link.wire.frames`.

Call `WebSocket.open`, which blocks for the connect only, then `WebSocket.step` repeatedly: each
call does what is possible without waiting and returns one event. The caller owns the clock: when an
upgrade or a close handshake takes too long, it calls `WebSocket.abort`.

Longer than other modules: upgrade, messages and close share one socket, one buffer and one queue.
"""

from micropython import const

from ..common.memory import forget
from ..errors import ProtocolError, TransportError, keep_timeout
from . import frames
from .http_head import HeadReader

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
Event: the server did not accept the upgrade; `WebSocket.response` holds the status and headers. The
connection is closed.
"""
MESSAGE = 3
"""Event: a text message was received; it is in `WebSocket.text`."""
OVERLONG = 4
"""
Event: a message over the size limit was skipped; `WebSocket.overlong` is its length, and
`WebSocket.text` holds its first and last bytes.
"""
ENDED = 5
"""Event: the connection ended; see `WebSocket.close_code` and `WebSocket.close_reason`."""
BUSY = 6
"""Event: something was done that the caller need not handle, such as answering a ping."""

_NO_CODE = const(1005)  # RFC 6455, 7.4.1: the close frame had no code
_NO_CLOSE = const(1006)  # RFC 6455, 7.4.1: there was no close frame
_LATER = (TransportError, MemoryError)  # a tuple made now, since memory may be short later
_TRIES = const(3)  # attempts to find memory for a message
_CONGESTED = const(8)  # queued frames; from then on nothing more is received
_MOST_QUEUED = const(32 * 1024)  # bytes queued after the first frame; then the connection is closed


class WebSocket:
    """
    One WebSocket connection; it can be opened and closed repeatedly.

    :param Transport transport: the TCP or TLS connection to use
    :param int size: bytes of the receive buffer; each header of the upgrade's response must fit
    :param int limit: longest message in bytes; longer ones are skipped
    :param urandom: function that returns a number of random bytes, such as ``os.urandom``
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
        self._overflow = False  # more bytes were to be queued than allowed
        self._pending = False  # the last message is to be returned once more
        self._tries = 0  # how often it was returned again
        self.state = CLOSED
        """`CLOSED`, `OPENING`, `OPEN` or `CLOSING`."""
        self.response = None
        """`HeadReader` of the server's answer to the upgrade; the caller may drop it."""
        self.text = ""
        """
        After `MESSAGE`: the message. After `OVERLONG`: its first and its last bytes as a text, with
        a line feed in between (JSON has none); empty if there was no memory even for that.
        """
        self.overlong = 0
        """After `OVERLONG`: the message's length in bytes."""
        self.closed_by_server = False
        """True if the connection ended by the server's close frame."""
        self.close_code = 0
        """Close code of the connection that ended: the server's, 1005, or 1006 if it gave none."""
        self.close_reason = ""
        """Why the connection ended, in words; with a close frame the text in it, maybe empty."""

    def open(self, url, headers: dict, timeout: int) -> None:
        """
        Connect and send the upgrade request; `step` returns its result. Blocks for the connect.

        :param Url url: the server's URL
        :param dict headers: further request headers, such as the authentication's
        :param int timeout: seconds for each wait of the connect
        :raises TransportError: if the connect failed
        """
        self.abort()
        from .upgrade import make_request  # noqa: PLC0415 for a connect only

        request, self._accept = make_request(url, headers, self._urandom(16))
        del make_request
        forget("wire.upgrade")
        self._transport.open(url.host, url.port, url.tls, timeout)
        self._append(request)
        self._head = HeadReader(self._reader.buffer, "receive_buffer")
        self.response = None
        self.closed_by_server = False
        self.close_code = _NO_CLOSE
        self.close_reason = ""
        self.state = OPENING

    @property
    def congested(self) -> bool:
        """True if frames are queued faster than sent: send only what is urgent (read-only)."""
        return len(self._queue) >= _CONGESTED

    @property
    def flushed(self) -> bool:
        """True if no frame is queued (read-only)."""
        return not self._queue

    def send_text(self, text: str) -> bool:
        """
        Queue a text message and send what the network takes now. Never raises for a broken
        connection: the next `step` returns `ENDED`.

        :param str text: the message
        :return: False if the connection is not open, or will be closed since too much is queued
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
        self._reader.reset()  # the bytes in the buffer are from the old connection

    def step(self) -> int:
        """
        Send, receive and handle what is possible without waiting. An idle step allocates nothing.

        While the connection is `congested`, nothing is received: otherwise a server that sends
        requests and does not read the answers would fill the memory.

        :return: one of the events above. `NOTHING` means that nothing more is possible now
        """
        try:
            if self._queue:
                self._flush()
                if self._overflow:
                    raise TransportError(
                        "the server does not read: %d bytes are queued" % self._queued
                    )
            if self._pending:
                self._pending = False
                return MESSAGE if self.text else self._take_text()
            if self._head is not None:
                return self._step_head() if self._transport.readable() else NOTHING
            event = NOTHING
            # Not `congested`, whose call would cost time in each poll().
            if self._reader.pending and len(self._queue) < _CONGESTED:
                event = self._next()  # a frame was received in whole or in part
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
                    # RFC 6455, 5.5.3: only the latest ping must be answered.
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
            raise ProtocolError("text message is not UTF-8", 1007) from None
        except MemoryError:
            if self.again(""):
                return NOTHING
            self.overlong = len(payload)
            return self._keep_ends(payload[: frames.FIRST], payload[-frames.LAST :])
        return MESSAGE if self.state == OPEN else BUSY

    def again(self, text: str) -> bool:
        """
        Return a message once more at the next `step`: there was no memory to handle it.

        :param str text: the message
        :return: False if the message was returned too often and is dropped
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
        """Handle the server's close frame: echo it, unless it answers ours (RFC 6455, 5.5.1)."""
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
        Send from the queue. A frame that was sent in part stays first, so that its rest is next.
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
            # The message stays queued. The next step() fails in the same way and reports it.
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
        from .upgrade import flaw_of  # noqa: PLC0415 for a connect only

        flaw = flaw_of(head.headers, self._accept)
        del flaw_of
        forget("wire.upgrade")
        if flaw is not None:
            raise ProtocolError(flaw)
        self._reader.load(head.start, head.end)
        self.state = OPEN
        return OPENED


def _may_be_sent(code: int) -> bool:
    return 1000 <= code < 5000 and code not in (1004, 1005, 1006, 1015) and not 1016 <= code < 3000
