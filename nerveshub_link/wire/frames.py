# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.wire.frames`
====================================================

WebSocket frames (RFC 6455, section 5) of a client, without a socket. `encode` makes the bytes to
send. `FrameReader` takes the bytes received and gives messages: put bytes into
`FrameReader.space`, say `FrameReader.received`, then call `FrameReader.next` until it returns 0.

One buffer serves the whole connection. It grows for a message that needs more, up to a limit that
is checked before anything is allocated, and shrinks again when nothing comes. A message over the
limit is passed over and told as `TOO_BIG`: to drop the connection for it would only bring it again.
Its first and last bytes are kept, since they tend to say what it was.
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
Not an opcode: a message over the limit went by; `FrameReader.length` says how long it was so far.
"""

_MASK_BLOCK = const(256)  # bytes masked by one operation on integers; a multiple of four
_MAX_HEAD = const(14)
FIRST = 96
"""How many bytes of a message that is passed over are kept of its beginning,"""
LAST = 48
"""and how many of its end. Together with a control frame they fit into the smallest buffer."""


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
        Payload of what `next` returned: a memoryview, valid until `next` or `space` is called. Of a
        message that was too big, its first bytes.
        """
        self.last = None
        """The last bytes of a message that was too big, likewise; fewer if it was fragmented."""
        self.length = 0
        """Length in bytes of a message that was too big, as far as it had come."""
        self.reset()

    def reset(self) -> None:
        """Forget everything: a new connection begins."""
        self._resize(self._small)
        self.payload = self.last = None
        self._message = 0
        self._start = 0
        self._end = 0
        self._opcode = 0  # of the fragmented message that is under way
        self._skip = 0  # bytes of a frame that are still to be passed over
        self._drop = False  # the message under way is too big
        self._kind = 0  # of the frame at hand: its opcode,
        self._length = 0  # its payload's length,
        self._final = False  # and whether it is its message's last

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
        Give a grown buffer back. Call it when nothing comes: the next long message may follow at
        once, and to drop a buffer and ask for another one in the same breath needs room for both
        (a board's collector takes whatever looks like a pointer for one).
        """
        if self.buffer is not self._small and self._start == self._end and not self._message:
            self.payload = self.last = None  # or they would keep it alive
            self._start = self._end = 0
            self._resize(self._small)

    def received(self, count: int) -> None:
        """Take note of bytes that were put into `space`."""
        self._end += count

    def next(self) -> int:
        """
        Find the next message or control frame.

        :return: its opcode, with its bytes in `payload`; `TOO_BIG`; or 0 if more bytes are needed
        :raises ProtocolError: if the server breaks the rules; the connection must be closed then
        """
        kind = None
        while kind is None:
            kind = self._pass_over() if self._skip else self._advance()
        return kind

    # The steps of next(): each returns what next() returns, or None to go on with the next frame.

    def _advance(self):
        """Look at the frame that begins here."""
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
        """Let go of what is here of a message that is too big, but for its two ends."""
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
        """The frame is here, whole."""
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
        """Read a frame's head; returns its length, or 0 if it is not here as a whole."""
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
        """Refuse what RFC 6455, 5.2 to 5.5 forbids, as early as two bytes tell it."""
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
            wrong = "continuation of no message"
        elif opcode != CONTINUATION and begun:
            wrong = "new message within a fragmented one"
        if wrong:
            raise ProtocolError(wrong)

    def _make_room(self, need: int) -> None:
        """See to it that a frame of ``need`` bytes fits behind the message."""
        if self._start + need <= len(self.buffer):
            return
        if self._message + need > len(self.buffer):
            larger = bytearray(self._message + need + _MAX_HEAD)
            larger[: self._end] = self._view[: self._end]
            self._resize(larger)
        self._shift()
