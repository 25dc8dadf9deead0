# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.strict_websocket`
================================================================================

aiohttp's websocket with the one check that it lacks: frames of a client must be masked.

Separate because it reaches into aiohttp, and only here. aiohttp itself refuses reserved bits,
unknown opcodes, fragmented or long control frames, a continuation without a start, a new message
inside a fragmented one (1002), text that is no UTF-8 (1007), too long messages (1009).

Not checked: that a mask is random, that a fragmented message stays below 8 MB (one limit of
10 MB holds for all), and whatever arrives in the same TCP segment as an unmasked frame is lost.
"""

from aiohttp import WebSocketError, WSCloseCode, web

from .connection import MAX_MESSAGE

_CLOSE_TIMEOUT = 5
_EXTENDED = {126: 2, 127: 8}


class MaskWatch:
    """Walks over the headers of a stream of frames."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._skip = 0

    def feed(self, data: bytes) -> bool:
        """Look at the next bytes; False as soon as a frame without a mask begins."""
        at = 0
        while at < len(data):
            if self._skip:
                step = min(self._skip, len(data) - at)
                self._skip -= step
                at += step
                continue
            head = self._head
            head.append(data[at])
            at += 1
            if len(head) < 2:
                continue
            if not head[1] & 0x80:
                return False
            short = head[1] & 0x7F
            if len(head) == 2 + _EXTENDED.get(short, 0):
                length = int.from_bytes(head[2:], "big") if short in _EXTENDED else short
                self._skip = length + 4  # the mask itself is four bytes
                head.clear()
        return True


class _Tap:
    """Stands before aiohttp's frame parser and hands it only what is masked."""

    def __init__(self, parser, queue) -> None:
        self._parser = parser
        self._queue = queue
        self._watch = MaskWatch()
        self._failed = False

    def feed_eof(self) -> None:
        self._parser.feed_eof()

    def feed_data(self, data) -> tuple:
        if self._failed:
            return False, b""
        if self._watch.feed(bytes(data)):
            return self._parser.feed_data(data)
        self._failed = True
        fault = WebSocketError(WSCloseCode.PROTOCOL_ERROR, "client frame without a mask")
        self._queue.set_exception(fault)
        return False, b""


class StrictWebSocket(web.WebSocketResponse):
    """A websocket to a device: no compression, pings are shown to the caller, masks are checked."""

    def __init__(self) -> None:
        super().__init__(
            autoping=False, compress=False, max_msg_size=MAX_MESSAGE, timeout=_CLOSE_TIMEOUT
        )

    def _post_start(self, request, protocol, writer) -> None:
        super()._post_start(request, protocol, writer)
        handler = request.protocol
        handler._payload_parser = _Tap(handler._payload_parser, self._reader)
