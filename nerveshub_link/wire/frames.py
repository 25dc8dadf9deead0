# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.wire.frames`
====================================================

WebSocket frames (RFC 6455, section 5) of a client, without a socket. `encode` makes the bytes to
send. `FrameReader` turns received bytes into messages: read bytes into `FrameReader.space`, call
`FrameReader.received` with their number, then call `FrameReader.next` until it returns 0.

One buffer serves the whole connection. It grows for a message that needs more, up to a limit that
is checked before anything is allocated, and shrinks again when no bytes come. A message over the
limit is skipped and reported as `TOO_BIG`: if it closed the connection, the server would send it
again after the next join. Its first and last bytes are kept, since they usually name the message.
"""

from micropython import const

from ..errors import ProtocolError

CONTINUATION = 0x0
TEXT = 0x1
BINARY = 0x2
CLOSE = 0x8
PING = 0x9
PONG = 0xA
TOO_BIG = 0x100
"""
Not an opcode: a message over the limit was skipped; `FrameReader.length` is its length.
"""

# Bytes masked by one operation on integers, a multiple of four: four pieces of memory of this size
# are needed for it, and the heap may be fragmented.
_MASK_BLOCK = const(128)
_MAX_HEAD = const(14)
FIRST = 96
"""Number of bytes kept from the beginning of a skipped message."""
LAST = 48
"""Number of bytes kept from its end. `FIRST`, `LAST` and a control frame fit into any buffer."""


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

    # The buffer: [0, _message) holds the fragments received so far, [_start, _end) is unread.

    def __init__(self, size: int, limit: int) -> None:
        self.buffer = self._small = bytearray(size)
        """The buffer; the upgrade's response head is read into it, too."""
        self.limit = limit
        self.payload = None
        """
        Payload of what `next` returned: a memoryview, valid until `next` or `space` is called.
        After `TOO_BIG`: the first bytes of the message.
        """
        self.last = None
        """After `TOO_BIG`: the last bytes of the message; fewer if it was fragmented."""
        self.length = 0
        """After `TOO_BIG`: the message's length in bytes."""
        self.reset()

    def reset(self) -> None:
        """Drop all received bytes, for a new connection."""
        self._resize(self._small)
        self.payload = self.last = None
        self._message = 0
        self._start = 0
        self._end = 0
        self._opcode = 0  # of the fragmented message that is being received
        self._skip = 0  # bytes of a frame that are still to be skipped
        self._drop = False  # the message that is being received is too big
        self._kind = 0  # the current frame's opcode
        self._length = 0  # the current frame's payload length
        self._final = False  # True if the current frame is the last one of its message

    def _resize(self, buffer: bytearray) -> None:
        self.buffer = buffer
        self._view = memoryview(buffer)

    def load(self, start: int, end: int) -> None:
        """Take over the bytes after the upgrade's response head: they are in the buffer already."""
        self._start = start
        self._end = end

    @property
    def pending(self) -> bool:
        """True if there are received bytes that `next` has not consumed (read-only)."""
        return self._start != self._end

    def space(self) -> memoryview:
        """Return the part of the buffer to read into, a memoryview. Never empty."""
        if self._start == self._end:
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

    def relax(self) -> None:
        """
        Replace a grown buffer by the small one. Call it only when no bytes wait: if the next long
        message follows at once, the heap needs room for the old and the new buffer, since a
        board's garbage collector is conservative and may still see a pointer to the old one.
        """
        if self.buffer is not self._small and self._start == self._end and not self._message:
            self.payload = self.last = None  # views of the grown buffer: they would keep it alive
            self._start = self._end = 0
            self._resize(self._small)

    def received(self, count: int) -> None:
        """
        Count bytes that were read into `space`.

        :param int count: how many
        """
        self._end += count

    def next(self) -> int:
        """
        Find the next message or control frame.

        :return: its opcode, with its bytes in `payload`; `TOO_BIG`; or 0 if more bytes are needed
        :raises ProtocolError: if the frame violates RFC 6455; the connection must be closed then
        """
        kind = None
        while kind is None:
            kind = self._pass_over() if self._skip else self._advance()
        return kind

    # The steps of next(): each returns what next() returns, or None to go on with the next frame.

    def _advance(self):
        """Handle the frame that begins at ``_start``."""
        head = self._read_head()
        if head == 0:
            return 0
        control = self._kind >= CLOSE
        need = head + self._length
        fits = control or not (self._drop or self._message + self._length > self.limit)
        if fits and self._end - self._start < need:
            try:
                self._make_room(need)
                return 0
            except MemoryError:
                if control:
                    raise
                fits = False
        if fits:
            return self._take(head, control)
        self.length = self._length + (self.length if self._drop else self._message)
        self._drop = True
        self._message = min(self._message, FIRST)
        self._opcode = 0
        self._start += head
        self._skip = self._length
        return self._pass_over()

    def _pass_over(self):
        """Skip received bytes of a message that is too big, but keep its first and last bytes."""
        have = self._end - self._start
        last = LAST if self._final else 0
        if self._skip > last:
            count = min(self._skip - last, have)
            kept = min(FIRST - self._message, count)
            if kept > 0:
                message = self._message
                self._message = message + kept
                self._view[message : self._message] = self._view[self._start : self._start + kept]
            self._start += count
            self._skip -= count
            have -= count
        if have < self._skip:
            return 0
        if not self._final:
            return None
        self.payload = self._view[: self._message]
        self.last = self._view[self._start : self._start + self._skip]
        self._start += self._skip
        self._skip = self._message = 0
        self._drop = False
        return TOO_BIG

    def _take(self, head: int, control: bool):
        """Handle a frame that was received completely."""
        body = self._start + head
        end = self._start = body + self._length
        if control or (self._final and self._kind):
            self.payload = self._view[body:end]
            return self._kind
        message = self._message
        self._message = message + self._length
        self._view[message : self._message] = self._view[body:end]
        if self._kind:
            self._opcode = self._kind
        if not self._final:
            return None
        self.payload = self._view[: self._message]
        opcode = self._opcode
        self._opcode = self._message = 0
        return opcode

    def _read_head(self) -> int:
        """Read a frame's head; return its length, or 0 if it was not received completely."""
        start = self._start
        have = self._end - start
        if have < 2:
            return 0
        buffer = self.buffer
        length = buffer[start + 1]
        self._check(buffer[start], length)
        head = 2 if length < 126 else 4 if length == 126 else 10
        if have < head:
            self._make_room(head)
            return 0
        if head > 2:
            length = int.from_bytes(buffer[start + 2 : start + head], "big")
            if length >> 63:
                raise ProtocolError("frame longer than 2**63")
        self._kind = buffer[start] & 0x0F
        self._final = buffer[start] & 0x80 != 0
        self._length = length
        return head

    def _check(self, first: int, length: int) -> None:
        """Refuse what RFC 6455, 5.2 to 5.5 forbids, as far as a frame's first two bytes show it."""
        opcode = first & 0x0F
        begun = self._opcode or self._drop
        wrong = None
        if first & 0x70:
            wrong = "frame with reserved bits"
        elif length & 0x80:
            wrong = "masked frame from the server"
        elif opcode > PONG or BINARY < opcode < CLOSE:
            wrong = "unknown opcode"
        elif opcode >= CLOSE:
            if length > 125 or not first & 0x80:
                wrong = "control frame too long or fragmented"
        elif opcode == CONTINUATION and not begun:
            wrong = "continuation without a message"
        elif opcode != CONTINUATION and begun:
            wrong = "new message within a fragmented one"
        if wrong:
            raise ProtocolError(wrong)

    def _make_room(self, need: int) -> None:
        """Make room for a frame of ``need`` bytes after the fragments."""
        if self._start + need <= len(self.buffer):
            return
        if self._message + need > len(self.buffer):
            larger = bytearray(self._message + need + _MAX_HEAD)
            larger[: self._end] = self._view[: self._end]
            self._resize(larger)
        self._shift()
