# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.update.downloader`
====================================================

Downloads the bytes of a firmware image over HTTP, step by step: one GET, and after a failure
another one for the missing bytes. `nerveshub_link.update.image_download` verifies the bytes, and
decides whether to try again.

Call `Downloader.start`, then `Downloader.step` until it returns `DONE`, and `Downloader.taken` when
the bytes of a `DATA` are stored: only then do they count. When a step raises, either call
`Downloader.hang_up` (or `Downloader.restart`, if the bytes so far are wrong) and go on stepping, or
`Downloader.close`. Only the step that connects blocks (TCP and TLS set-up, each wait limited); head
and body are read when the socket has bytes, so a silent or slow server does not block the main
loop, and its silence is measured by the caller's clock.

A new try requests ``bytes=<received>-``, but never a range of the whole file or after its end:
NervesHub answers the first with 200, the second with 500. An answer of 200 is the whole image
again: `HEAD` comes with `Downloader.received` 0. If ranges are refused, the next try requests the
whole image, and the received bytes are kept until the server answers.

For a writer that does not need the whole image, `Downloader.fetch` requests a part of it, and
`DONE` comes at its end. Parts are requested by first and last byte, over one connection if the
server keeps it open. After an answer that is not exactly that part, no further parts are requested:
the next `HEAD` is that of the whole image, from zero.

Why not adafruit_requests: its ``get`` waits for the whole head within one call, sends the request a
second time after a timeout, and does not limit the head's length. Here, redirects are limited,
never lead from https to http, and forward no headers; the connection is reused for parts of one
image only; a compressed body is refused; and a body that is shorter or longer than announced is an
error.

This module is longer than other modules, because the phases of a connection must be read together.
"""

from micropython import const

from ..common.memory import forget
from ..common.ticks import elapsed
from ..errors import DownloadError, TransportError, UpdateError
from ..wire.http_head import HeadReader, parse_url, request_head, resolve

WAITING = 0
"""Result: nothing to do now."""
HEAD = 1
"""
Result: the head was accepted: `Downloader.total` is known, and the bytes from
`Downloader.received` on will follow.
"""
DATA = 2
"""Result: `Downloader.data` holds the next bytes. Call `Downloader.taken` before the next step."""
DONE = 3
"""
Result: all bytes were taken: of the image, or of the part if `Downloader.stop` is not 0. Also
returned when the connection of a part was interrupted; `Downloader.fetch` sets where to continue.
"""
CONNECTED = 4
"""Result: connected; the next steps do not block."""

_MAX_REDIRECTS = const(5)
_MAX_REFUSALS = const(2)  # refusals of a range in a row; then the whole image is requested
_REFUSALS = {206: 2, 416: 2, 500: 1}  # status: how many refusals it counts as
_MINIMUM_TIME = const(5 * 60)  # seconds that a slow server always has
_MAXIMUM_TIME = const(3 * 86400)
_HEADERS = {
    "User-Agent": "nerveshub_link",
    "Accept-Encoding": "identity",
    "Connection": "close",
}


class Downloader:
    """
    Downloads images, one after the other.

    :param Transport transport: the downloader's own connection, besides the WebSocket's
    :param int chunk_size: most bytes of one step; each header that is kept must fit, too
    :param int connect_timeout: seconds for each wait of the connect
    :param int idle_timeout: milliseconds for the whole head, and between two bytes of the body
    :param int minimum_speed: bits per second; a try that needs longer for the rest of the image,
        and longer than five minutes, has failed. 0 for no limit
    :param bytearray buffer: a buffer of ``chunk_size`` bytes; None to allocate one
    """

    def __init__(  # noqa: PLR0913 limits of all kinds
        self,
        transport,
        chunk_size: int,
        connect_timeout: int,
        idle_timeout: int,
        minimum_speed: int = 0,
        buffer=None,
    ) -> None:
        self._transport = transport
        self._looked = None  # the last `now`: deadlines are checked once per millisecond
        self._chunk_size = chunk_size
        self._buffer = bytearray(chunk_size) if buffer is None else buffer
        self._view = memoryview(self._buffer)
        self._connect_timeout = connect_timeout
        self._idle_timeout = idle_timeout
        self._minimum_speed = minimum_speed
        self.owner = None
        """The present owner, see `start`, or None (read-only)."""
        self.close()

    def start(self, url: str, size, owner=None) -> None:
        """
        Prepare the download of an image; the first step connects.

        :param str url: http or https
        :param int size: length in bytes that the image must have, or None if that is not known
        :param owner: the downloader's owner from now on, until `release`. The previous owner's
            method ``evicted`` is called
        :raises UpdateError: if the URL is invalid; then nothing has changed
        """
        origin = _parse(url)
        before, self.owner = self.owner, owner
        self.close()
        if before is not None and before is not owner:
            before.evicted()
        self._origin = self._url = origin
        self._size = size

    def release(self, owner) -> None:
        """
        As `close`, if the caller is the owner; else do nothing. Never raises.

        :param owner: the caller
        """
        if self.owner is owner:
            self.owner = None
            self.close()

    def renew(self, url: str) -> None:
        """
        Use another URL of the same image from the next try on.

        :param str url: http or https
        :raises UpdateError: if the URL is invalid
        """
        self._origin = _parse(url)
        self._keeps = False  # the kept connection leads to the old URL
        if self._head is None:
            self._transport.close()
            self._url = self._origin

    def hang_up(self) -> None:
        """
        Close the connection; the next step opens another one for the missing bytes. A part ends
        here: its next step returns `DONE`.
        """
        self._transport.close()
        if self.stop and self.received:
            self._end = self.received
        self._url = self._origin
        self._redirects = 0
        self._request = None
        self._head = None
        self._in_body = False
        self._leftover = False  # the buffer has body bytes after the head
        self._until_end = False  # the body ends with the connection, or its last chunk
        self._chunks = None  # the `ChunkedBody` of a chunked body
        self._offset = 0  # first byte of the requested range; 0 for the whole image
        self.data = None
        """The bytes of the last `DATA` step, None after `taken`."""

    def restart(self) -> None:
        """As `hang_up`, but drop the received bytes: the next try requests the whole image."""
        self.stop = 0
        """End of the part that is being received; 0 for the image's end (read-only)."""
        self.hang_up()
        self._refusals = 0  # of a range
        self._end = -1  # end of the body that is being received, if it is known
        self._keeps = False  # True if the server keeps the connection open
        self._reused = False  # True until the server answers on a reused connection
        self.total = 0
        """Length of the image in bytes, known from `HEAD` on."""
        self.received = 0
        """Bytes of the image taken so far."""
        self.html = False
        """True if the content type is text/html."""

    def close(self) -> None:
        """Close the connection and forget the image. Never raises."""
        self._origin = None
        self._size = None
        self.travelled = 0
        """Bytes of the image received since `start`, in all tries."""
        self.refusal = None
        """Reason why the server sends the whole image although a part was requested, or None."""
        self.restart()

    def fetch(self, start: int, stop: int) -> None:
        """
        Request a part of the image next: before the first step, or when a part is `DONE`.

        :param int start: its first byte; all bytes before it count as taken
        :param int stop: the byte after its last one; 0 for the image's end
        """
        if not self._keeps:
            self.hang_up()
        self.received, self.stop = start, stop
        self._end = start if 0 < start == self.total else -1
        self._head = None
        self._in_body = False

    @property
    def connects_next(self) -> bool:
        """True if the next step will connect, which blocks (read-only)."""
        return self._head is None and self._end != self.received and not self._transport.is_open

    @property
    def kept(self) -> bool:
        """True if the next part comes over the same connection (read-only)."""
        return self._keeps and self._transport.is_open

    def taken(self) -> None:
        """Count the bytes of the last `DATA` step, which are stored now."""
        self.received += len(self.data)
        self.travelled += len(self.data)
        self.data = None

    def step(self, now: int) -> int:
        """
        Do the next step.

        :param int now: ticks in milliseconds
        :return: `WAITING`, `CONNECTED`, `HEAD`, `DATA` or `DONE`
        :raises UpdateError: if the download has failed for good
        :raises DownloadError: if this try failed
        :raises ProtocolError: if the answer is not HTTP: this try failed
        :raises TransportError: if the connection failed: this try failed; ``no_memory`` is True for
            a lack of memory or sockets
        """
        if self.data is not None:
            raise DownloadError("the last bytes were not taken", "restart")
        if self.received == self._end and not self._until_end:
            return DONE
        if self._head is None:
            return self._connect()
        if self._heard is None:
            self._heard = now  # not earlier, since connecting has blocked
        if self._in_body and (now != self._looked or self._chunks is not None):
            self._looked = now
            self._check_body(now)
        try:
            if self._request is not None:
                self._send()
            elif self._leftover:
                return self._take_leftover()
            elif self._transport.readable():
                result = self._read_body(now) if self._in_body else self._read_head(now)
                if result:
                    return result
        except TransportError:
            if not self._reused:
                raise
            # A server may close a kept connection at any time: open another one at once.
            stop, self.stop = self.stop, 0  # this is not the part's end
            self.hang_up()
            self.stop = stop
            self._keeps = self._reused = False
            return WAITING
        return self._wait(now)

    def _wait(self, now: int) -> int:
        """Check how long the server has been silent."""
        if elapsed(now, self._heard) >= self._idle_timeout:
            raise DownloadError("the server went silent after %d bytes" % self.received)
        return WAITING

    def _check_body(self, now: int) -> None:
        """Check an incomplete body: it must not be too slow, nor have ended."""
        # Also while bytes come: one byte at each step is too slow, too.
        if elapsed(now, self._began) >= self._allowed:
            words = "slower than %d bit/s at %d of %d bytes"
            raise DownloadError(words % (self._minimum_speed, self.received, self.total))
        if self._chunks is not None and self._chunks.done:
            words = "ended after %d of %d bytes: that was the last chunk"
            raise DownloadError(words % (self.received, self.total))

    def _connect(self) -> int:
        url = self._url
        offset = self.received if self._refusals < _MAX_REFUSALS else 0
        headers, stop = _HEADERS, self.stop
        if offset or stop:
            headers = dict(_HEADERS)
            headers["Range"] = "bytes=%d-" % offset
            if stop:
                headers["Range"] += str(stop - 1)
                headers["Connection"] = "keep-alive"
        # Allocate before connecting: a MemoryError until then means that the WebSocket must be
        # closed first, which the caller can do.
        head = HeadReader(self._buffer, "chunk_size")
        request = memoryview(request_head(url, headers))
        self.html = False
        self._reused = self._transport.is_open
        if not self._reused:
            self._transport.open(url.host, url.port, url.tls, self._connect_timeout)
        self._head, self._request, self._heard = head, request, None
        self._sent = 0  # bytes of the request
        self._offset = offset
        return CONNECTED

    def _send(self) -> None:
        """Send the rest of the request."""
        # Make the slice before send(): its result must be counted even without memory.
        self._sent += self._transport.send(self._request[self._sent :])
        if self._sent == len(self._request):
            self._request = None

    def _read_head(self, now: int) -> int:
        # One deadline for the whole head, however slowly it comes: self._heard is not changed.
        head = self._head
        count = self._transport.recv_into(head.space())
        if not count:
            return WAITING
        self._reused = False
        if not head.received(count):
            return WAITING
        if head.location is not None:
            return self._redirect(head.location)
        if self.stop and not self._is_part(head.status, head.headers):
            return WAITING
        if not self.stop:
            self._judge(head.status, head.headers)
        self._in_body = True
        self._heard = self._began = now
        seconds = _MAXIMUM_TIME
        if self._minimum_speed:
            rest = (self._end - self.received) * 8
            seconds = min(seconds, max(_MINIMUM_TIME, rest // self._minimum_speed))
        self._allowed = seconds * 1000
        self._leftover = head.end > head.start
        return HEAD

    def _is_part(self, status: int, headers: dict) -> bool:
        """Tell whether this is the requested part; if not, request no parts any more."""
        from .part_answer import judge_part  # noqa: PLC0415 few updates come in parts

        self.refusal = judge_part(status, headers, self.received, self.stop, self._size)
        if self.refusal is None:
            self.total, self._end = self._size, self.stop
            self._keeps = headers.get("connection", "").lower() != "close"
            return True
        if status != 200:
            self.restart()
            return False
        self.stop = self.received = self._offset = 0  # the whole image, which is accepted
        return True

    def _judge(self, status: int, headers: dict) -> None:
        """Check that this is the image, or the requested rest of it."""
        offset, refusals, self._refusals = self._offset, self._refusals, 0
        url = self._url
        from .image_answer import judge  # noqa: PLC0415 once a connection, and dropped after it

        if status in (200, 203, 206):
            self.html = headers.get("content-type", "").lower().startswith("text/html")
        try:
            self.total, self._until_end, chunked = judge(
                status, headers, url.shown, offset, self.total, self._size, "?" in url.target
            )
        except DownloadError:
            if offset:
                # NervesHub answers 500 to a range after the end, but 500 may also be another fault.
                # Other errors have nothing to do with the range.
                self._refusals = refusals + _REFUSALS.get(status, 0)
            raise
        finally:
            del judge
            forget("update.image_answer")
        if status != 206 or not offset:
            self.received = 0  # the whole image, whatever was requested
        self._end = self.total
        if chunked:
            from .chunked_body import ChunkedBody  # noqa: PLC0415 seldom met

            self._chunks = ChunkedBody()

    def _redirect(self, location: str) -> int:
        self._redirects += 1
        if self._redirects > _MAX_REDIRECTS:
            raise DownloadError("more than %d redirects" % _MAX_REDIRECTS)
        try:
            self._url = resolve(self._url, location)
        except ValueError as error:
            raise DownloadError(str(error)) from None
        self._transport.close()
        self._head = None  # so that the next step connects
        return WAITING

    def _take_leftover(self) -> int:
        """Return the body bytes that came together with the head."""
        self._leftover = False
        return self._hand_out(self._view[self._head.start : self._head.end])

    def _read_body(self, now: int) -> int:
        left = self._end - self.received
        view = self._view
        if self._chunks is None and 0 < left < self._chunk_size:
            view = view[:left]
        try:
            count = self._transport.recv_into(view)
        except TransportError as error:
            if not left:
                return DONE
            words = "ended after %d of %d bytes: %s"
            raise DownloadError(words % (self.received, self.total, error)) from None
        if not count:
            return WAITING
        self._heard = now
        return self._hand_out(view if count == len(view) else view[:count])

    def _hand_out(self, data: memoryview) -> int:
        chunks = self._chunks
        if chunks is not None:
            data = data[: chunks.decode(data)]
            self._until_end = not chunks.done
        if self.received + len(data) > self._end:
            raise DownloadError("longer than the announced %d bytes" % self.total, "restart")
        if not len(data):
            return WAITING
        self.data = data
        return DATA


def _parse(url: str):
    try:
        return parse_url(url)
    except ValueError as error:
        raise UpdateError("firmware_url: " + str(error)) from None
