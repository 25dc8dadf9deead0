# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.frames`
====================================================

WebSocket frames (RFC 6455, section 5) of a client, without a socket. `encode` makes the bytes to
send. `FrameReader` takes the bytes received and gives messages: put bytes into
`FrameReader.space`, say `FrameReader.received`, then call `FrameReader.next` until it returns 0.

One buffer serves the whole connection. It grows for a message that needs more, up to a limit that
is checked before anything is allocated, and shrinks again behind it. A message over the limit is
passed over and told as `TOO_BIG`: to drop the connection for it would only bring it again.
"""

from micropython import const

from .errors import ProtocolError

CONTINUATION = 0x0
TEXT = 0x1
BINARY = 0x2
CLOSE = 0x8
PING = 0x9
PONG = 0xA
TOO_BIG = 0x100
"""
Not an opcode: a message over the limit went by; `FrameReader.length` says how long it was so far.
"""

_MASK_BLOCK = const(256)  # bytes masked by one operation on integers; a multiple of four
_MAX_HEAD = const(14)


def encode(opcode: int, payload: bytes, key: bytes) -> bytearray:
    """
    Make one masked, final frame.

    :param int opcode: `TEXT`, `CLOSE`, `PING` or `PONG`
    :param bytes payload: up to 2**63 - 1 bytes, 125 for control frames
    :param bytes key: four fresh random bytes (RFC 6455, 5.3)
    :return: the bytes to send
    """
    length = len(payload)
    if length < 126:
        head = bytes((0x80 | opcode, 0x80 | length))
    elif length < 65536:
        head = bytes((0x80 | opcode, 0xFE)) + length.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, 0xFF)) + length.to_bytes(8, "big")
    start = len(head) + 4
    frame = bytearray(start + length)
    frame[: start - 4] = head
    frame[start - 4 : start] = key
    # XOR of whole integers: a loop over single bytes would take milliseconds on a board.
    mask = int.from_bytes(key * (_MASK_BLOCK // 4), "big")
    for at in range(0, length, _MASK_BLOCK):
        part = payload[at : at + _MASK_BLOCK]
        size = len(part)
        masked = int.from_bytes(part, "big") ^ (mask >> (8 * (_MASK_BLOCK - size)))
        frame[start + at : start + at + size] = masked.to_bytes(size, "big")
    return frame


class FrameReader:
    """
    Turns received bytes into messages and control frames.

    :param int size: bytes of the buffer, at least 256
    :param int limit: longest message in bytes
    """

    # The buffer: [0, _message) are the fragments of a message so far, [_start, _end) is unread.

    def __init__(self, size: int, limit: int) -> None:
        self.buffer = self._small = bytearray(size)
        """The buffer, which also serves to read the upgrade's response head."""
        self.limit = limit
        self.payload = None
        """
        Payload of what `next` returned: a memoryview, valid until `next` or `space` is called.
        """
        self.length = 0
        """Length in bytes of a message that was too big, as far as it had come."""
        self.reset()

    def reset(self) -> None:
        """Forget everything: a new connection begins."""
        self._resize(self._small)
        self._message = 0
        self._start = 0
        self._end = 0
        self._opcode = 0  # of the fragmented message that is under way
        self._skip = 0  # bytes of a frame that are still to be passed over
        self._drop = False  # the message under way is too big
        self._final = False  # the frame being passed over is its message's last

    def _resize(self, buffer: bytearray) -> None:
        self.buffer = buffer
        self._view = memoryview(buffer)

    def load(self, start: int, end: int) -> None:
        """Take over bytes that lie in the buffer already, behind the upgrade's response head."""
        self._start = start
        self._end = end

    @property
    def pending(self) -> bool:
        """True if there are received bytes that `next` has not used up (read-only)."""
        return self._start != self._end

    def space(self) -> memoryview:
        """Return the part of the buffer to read into. Never empty."""
        if self._start == self._end:
            if not self._message and self.buffer is not self._small:
                self._resize(self._small)
            self._start = self._end = self._message
        if self._end == len(self.buffer):
            self._shift()
        return self._view[self._end :]

    def _shift(self) -> None:
        """Move the unread bytes down to the message."""
        count = self._end - self._start
        end = self._message + count
        self._view[self._message : end] = self._view[self._start : self._end]
        self._start = self._message
        self._end = end

    def received(self, count: int) -> None:
        """Take note of bytes that were put into `space`."""
        self._end += count

    def next(self) -> int:
        """
        Find the next message or control frame.

        :return: its opcode, with its bytes in `payload`; `TOO_BIG`; or 0 if more bytes are needed
        :raises ProtocolError: if the server breaks the rules; the connection must be closed then
        """
        while True:
            if self._skip:
                count = min(self._skip, self._end - self._start)
                self._start += count
                self._skip -= count
                if self._skip:
                    return 0
                if self._final:
                    self._drop = False
                    return TOO_BIG
                continue
            start = self._start
            have = self._end - start
            if have < 2:
                return 0
            buffer = self.buffer
            opcode = buffer[start] & 0x0F
            final = buffer[start] & 0x80 != 0
            length = buffer[start + 1]
            head = 2 if length < 126 else 4 if length == 126 else 10
            self._check(buffer[start], length)
            if have < head:
                self._make_room(head)
                return 0
            if head > 2:
                length = int.from_bytes(buffer[start + 2 : start + head], "big")
                if length >> 63:
                    raise ProtocolError("frame longer than 2**63")
            over = opcode < CLOSE and (self._drop or self._message + length > self.limit)
            if not over and have < head + length:
                if self._make_room(head + length):
                    return 0
                over = True
            if over:
                self._pass_over(final, head, length)
                if final and not length:
                    self._drop = False
                    return TOO_BIG
                continue
            body = start + head
            self._start = body + length
            if opcode >= CLOSE:
                self.payload = self._view[body : self._start]
                return opcode
            if final and opcode:
                self.payload = self._view[body : self._start]
                return opcode
            message = self._message
            self._view[message : message + length] = self._view[body : self._start]
            self._message = message + length
            if opcode:
                self._opcode = opcode
            if final:
                self.payload = self._view[: self._message]
                opcode, self._opcode, self._message = self._opcode, 0, 0
                return opcode

    def _check(self, first: int, length: int) -> None:
        """Refuse what RFC 6455, 5.2 to 5.5 forbids, as early as two bytes tell it."""
        opcode = first & 0x0F
        if first & 0x70:
            raise ProtocolError("frame with reserved bits")
        if length & 0x80:
            raise ProtocolError("masked frame from the server")
        if opcode >= CLOSE:
            if opcode > PONG:
                raise ProtocolError("unknown opcode")
            if length > 125 or not first & 0x80:
                raise ProtocolError("control frame too long or fragmented")
        elif opcode > BINARY:
            raise ProtocolError("unknown opcode")
        elif opcode == CONTINUATION and not (self._opcode or self._drop):
            raise ProtocolError("continuation of no message")
        elif opcode != CONTINUATION and (self._opcode or self._drop):
            raise ProtocolError("new message within a fragmented one")

    def _pass_over(self, final: bool, head: int, length: int) -> None:
        self.length = length + (self.length if self._drop else self._message)
        self._drop = True
        self._final = final
        self._message = 0
        self._opcode = 0
        self._start += head
        self._skip = length

    def _make_room(self, need: int) -> bool:
        """
        See to it that ``need`` bytes fit behind the message. False if there is no memory for it.
        """
        if self._start + need <= len(self.buffer):
            return True
        if self._message + need > len(self.buffer):
            try:
                larger = bytearray(self._message + need + _MAX_HEAD)
            except MemoryError:
                return False
            larger[: self._end] = self._view[: self._end]
            self._resize(larger)
        self._shift()
        return True
