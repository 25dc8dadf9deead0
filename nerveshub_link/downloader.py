# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.downloader`
====================================================

One HTTP GET of a firmware image, a step at a time. It gets bytes reliably and nothing else: what
they are good for, the update manager knows.

Call `Downloader.start`, then `Downloader.step` until it returns `DONE`. Only the step that
connects blocks (TCP and TLS set-up, each wait bounded); head and body are read when the socket has
something, so a server that is mute or drips holds nothing up, and its silence is measured by the
caller's clock.

Why not adafruit_requests: its ``get`` waits for the whole head within one call, asks a second time
when the first try times out, and lets the head grow without a bound. Here, redirects are followed
by us (bounded, never from https to http, with no header carried along), the connection is never
reused, a chunked or encoded body is refused, and a body that is shorter or longer than announced
is an error.
"""

from micropython import const

from .errors import TransportError, UpdateError
from .http_head import HeadReader, parse_url, request_head, resolve

WAITING = 0
"""Result: nothing to do now."""
HEAD = 1
"""Result: the head is there and good: `Downloader.total` is known, bytes will follow."""
DATA = 2
"""Result: `Downloader.data` holds the next bytes, valid until the next step."""
DONE = 3
"""Result: all bytes were handed out."""
CONNECTED = 4
"""Result: connected; the next steps do not block."""

_MAX_REDIRECTS = const(5)
_TICKS = const((1 << 29) - 1)
_HEADERS = {
    "User-Agent": "nerveshub_link",
    "Accept-Encoding": "identity",
    "Connection": "close",
}


class Downloader:
    """
    Downloads one image after the other.

    :param Transport transport: a connection of its own, beside the WebSocket's
    :param int chunk_size: bytes that one step moves at most; the head must fit in, too
    :param int connect_timeout: seconds for each wait of the connect
    :param int idle_timeout: milliseconds for the head as a whole, and between two bytes of the body
    """

    def __init__(self, transport, chunk_size: int, connect_timeout: int, idle_timeout: int) -> None:
        self._transport = transport
        self._chunk_size = chunk_size
        self._buffer = bytearray(chunk_size)
        self._view = memoryview(self._buffer)
        self._connect_timeout = connect_timeout
        self._idle_timeout = idle_timeout
        self.close()

    def start(self, url: str, size) -> None:
        """
        Get ready; the first step connects.

        :param str url: http or https
        :param int size: length in bytes that the image must have, or None if that is not known
        :raises UpdateError: if the URL is no good
        """
        self.close()
        try:
            self._url = parse_url(url)
        except ValueError as error:
            raise UpdateError("firmware_url: " + str(error)) from None
        self._size = size
        self._redirects = 0

    def close(self) -> None:
        """Close the connection and forget the image. Never raises."""
        self._transport.close()
        self._url = None
        self._request = None
        self._head = None
        self._leftover = False  # body bytes lie behind the head in the buffer
        self._until_end = False  # the body ends where the connection ends
        self.data = None
        """The bytes of the last `DATA` step."""
        self.total = 0
        """Length of the image in bytes, known from `HEAD` on."""
        self.received = 0
        """Bytes handed out so far."""

    @property
    def connects_next(self) -> bool:
        """True if the next step will connect, which blocks (read-only)."""
        return self._head is None

    def step(self, now: int) -> int:
        """
        Do the next bit of work.

        :param int now: ticks in milliseconds
        :return: `WAITING`, `CONNECTED`, `HEAD`, `DATA` or `DONE`
        :raises UpdateError: if this image can't be had
        :raises ProtocolError: if the answer is no HTTP
        :raises TransportError: if the connection failed; ``no_memory`` tells a lack of room apart
        """
        if self._head is None:
            return self._connect()
        if self._heard is None:
            self._heard = now  # not before: connecting took its time
        if self._request is not None:
            self._send()
        elif self._leftover:
            return self._take_leftover()
        elif self.total and self.received == self.total and not self._until_end:
            return DONE
        elif self._transport.readable():
            result = self._read_body(now) if self.total else self._read_head(now)
            if result:
                return result
        if (now - self._heard) & _TICKS >= self._idle_timeout:
            raise UpdateError("the server went silent after %d bytes" % self.received)
        return WAITING

    def _connect(self) -> int:
        url = self._url
        # What needs memory comes before the connection: until that is made, MemoryError means
        # "not beside the WebSocket", and the caller can make room.
        head = HeadReader(self._buffer)
        request = memoryview(request_head(url, _HEADERS))
        self._transport.open(url.host, url.port, url.tls, self._connect_timeout)
        self._head, self._request, self._heard = head, request, None
        return CONNECTED

    def _send(self) -> None:
        """Send the request; what was not taken is offered again, the very same bytes."""
        self._request = self._request[self._transport.send(self._request) :]
        if not len(self._request):
            self._request = None

    def _read_head(self, now: int) -> int:
        # One deadline counts for the whole head, however it drips: self._heard stays.
        head = self._head
        count = self._transport.recv_into(head.space())
        if not count or not head.received(count):
            return WAITING
        if head.location is not None:
            return self._redirect(head.location)
        self._judge(head.status, head.headers)
        self._heard = now
        self._leftover = head.end > head.start
        return HEAD

    def _judge(self, status: int, headers: dict) -> None:
        """Is this the image?"""
        if status != 200:
            raise UpdateError("HTTP %d from %s" % (status, self._url.shown))
        if headers.get("content-type", "").lower().startswith("text/html"):
            raise UpdateError("an HTML page instead of an image, from " + self._url.shown)
        encoding = headers.get("transfer-encoding") or headers.get("content-encoding") or "identity"
        if encoding.lower() != "identity":
            raise UpdateError("a body in %s encoding can't be taken" % encoding)
        length = headers.get("content-length")
        self._until_end = length is None
        if length is not None:
            try:
                length = int(length)
            except ValueError:
                raise UpdateError("bad Content-Length") from None
            if self._size is not None and length != self._size:
                words = "the image has %d bytes, the update said %d"
                raise UpdateError(words % (length, self._size))
        else:
            length = self._size
        if length is None:
            raise UpdateError("neither the update nor the server tells the image's length")
        if length <= 0:
            raise UpdateError("the image is empty")
        self.total = length

    def _redirect(self, location: str) -> int:
        self._redirects += 1
        if self._redirects > _MAX_REDIRECTS:
            raise UpdateError("more than %d redirects" % _MAX_REDIRECTS)
        try:
            self._url = resolve(self._url, location)
        except ValueError as error:
            raise UpdateError(str(error)) from None
        self._transport.close()
        self._head = None  # so that the next step connects
        return WAITING

    def _take_leftover(self) -> int:
        """The part of the body that came together with the head."""
        self._leftover = False
        return self._hand_out(self._view[self._head.start : self._head.end])

    def _read_body(self, now: int) -> int:
        left = self.total - self.received
        view = self._view if not 0 < left < self._chunk_size else self._view[:left]
        try:
            count = self._transport.recv_into(view)
        except TransportError as error:
            if not left:
                return DONE
            words = "ended after %d of %d bytes: %s"
            raise UpdateError(words % (self.received, self.total, error)) from None
        if not count:
            return WAITING
        self._heard = now
        return self._hand_out(self._view[:count])

    def _hand_out(self, data: memoryview) -> int:
        self.received += len(data)
        if self.received > self.total:
            raise UpdateError("longer than the announced %d bytes" % self.total)
        self.data = data
        return DATA
