# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.release.inflate`
====================================================

Decodes raw DEFLATE (RFC 1951) as it arrives, in pieces of any size, with a window no larger than
the output needs. A board's ``zlib.decompress`` wants input and output whole in memory.

Call `Inflater.start`, then `Inflater.feed` with what has arrived; it returns how much of it was
used. What is left, fewer than `LOOKAHEAD` bytes, is to be fed again with more behind it: since what
follows the last bits may be anything, the end needs no other word. In a zip archive, more than
that always follows.

How it is fast on a small VM: symbols are looked up in two-level tables, input is taken 16 bits at a
time and matches are copied by slices, all in local variables; integers stay below 2**30, so that
none lies on the heap. A symbol is decoded only where all its bits are at hand, so nothing in the
loop has to ask or to be resumed.
"""

from array import array

from micropython import const

from ..errors import UpdateError
from .huffman import fill_table

LOOKAHEAD = 16
"""Bytes that have to be at hand before anything is decoded."""

_SECTOR = const(512)
_MAX_WINDOW = const(32768)
_LEAST_WINDOW = const(2048)
_LONGEST = const(258)
_SPARE = const(8192)  # that much is left to others where the window is taken

# Sizes of the tables: the most that any complete code of so many symbols can need with a first
# level of so many bits (the program "enough" that comes with zlib's sources counts that).
_LITERAL_BITS = const(9)
_LITERAL_ROOM = const(852)  # 286 symbols
_DISTANCE_BITS = const(8)
_DISTANCE_ROOM = const(402)  # 30 symbols; the code lengths' code needs 128
_CODE_BITS = const(7)

_LINK = const(0x8000)  # see `huffman`
_BAD_LITERAL = const(287)  # for what the code does not use; refused when it comes
_BAD_DISTANCE = const(31)

# State: what comes next.
_HEAD = const(0)
_STORED = const(1)
_LENGTHS = const(2)
_CODES = const(3)

_ORDER = b"\x10\x11\x12\x00\x08\x07\x09\x06\x0a\x05\x0b\x04\x0c\x03\x0d\x02\x0e\x01\x0f"


def _steps(count: int, shift: int, first: int):
    """``base << 4 | extra bits`` of each length or distance symbol (RFC 1951, 3.2.5)."""
    steps = []
    for index in range(count):
        extra = max(0, (index >> shift) - 1)
        base = index & (1 << shift) - 1 | 1 << shift if extra else index
        steps.append((base << extra) + first << 4 | extra)
    return steps


# 0 for symbols that mean nothing.
_RUNS = tuple(_steps(28, 2, 3) + [_LONGEST << 4, 0, 0])
_REACHES = tuple(_steps(30, 1, 1) + [0, 0])


class Inflater:
    """
    Decodes one stream after the other.

    :param write: called with a memoryview of the next bytes, valid during the call only: multiples
        of 512 bytes, except at the end of a stream
    """

    def __init__(self, write) -> None:
        self._write = write
        self._window = self._view = b""
        self._most = _MAX_WINDOW
        self._literals = memoryview(array("H", bytes(2 * _LITERAL_ROOM)))
        self._distances = memoryview(array("H", bytes(2 * _DISTANCE_ROOM)))
        self._lengths = bytearray(320)
        self._fixed = False  # the tables are those of fixed blocks
        self._data = None
        self.done = True
        """True if the stream's end was reached."""

    def reserve(self, size: int) -> None:
        """
        Get a window for streams of up to ``size`` bytes: as large, rounded up to 512, and 32 KB at
        most. `start` does that, too; but the earlier, the more likely there is so much memory in
        one piece. Where there is not, a smaller one is taken: many a stream never reaches back so
        far, and one that does is refused then.

        :raises UpdateError: if there is no memory even for a small one
        """
        size = min(max(size, 1) + _SECTOR - 1 & -_SECTOR, self._most)
        if self._size >= size:
            return
        self._window = self._view = b""
        while not self._window:
            try:
                spare = bytearray(_SPARE)
                # The longest match may begin in the last byte and run over the end.
                self._window = bytearray(size + _LONGEST)
                del spare
            except MemoryError:
                if size <= _LEAST_WINDOW:
                    raise UpdateError(
                        "deflate: no %d bytes of memory in one piece" % size
                    ) from None
                self._most = size = size >> 1 & -_SECTOR
        self._view = memoryview(self._window)

    def fit(self, size: int) -> None:
        """
        Give back what streams of up to ``size`` bytes do not need, or get what they need. Memory in
        one piece is easy to have at first only: so `reserve` much, and call this once it is known.

        :param int size: bytes of the longest stream to come
        :raises UpdateError: as `reserve`
        """
        if size < self._size:
            self._window = self._view = b""
        self.reserve(size)

    def start(self, limit: int) -> None:
        """
        Begin a stream.

        :param int limit: bytes that may come out at most: its length, if that is known
        :raises UpdateError: if there is no memory
        """
        self.reserve(limit)
        self._limit = limit
        self._base = 0  # bytes that came out before the window was begun anew
        self._at = 0  # where in the window the next byte goes
        self._told = 0  # up to where in the window it was handed out
        self._hold = self._bits = 0  # bits taken from the input, lowest first; how many
        self._state = _HEAD
        self._final = False
        self.done = False

    @property
    def _size(self) -> int:
        return max(0, len(self._window) - _LONGEST)

    @property
    def total(self) -> int:
        """Bytes that came out so far (read-only)."""
        return self._base + self._at

    def feed(self, data) -> int:
        """
        Decode.

        :param data: bytes-like; at least `LOOKAHEAD` bytes, or nothing happens
        :return: bytes used. The rest is not part of the stream if `done`, else it has to be fed
            again
        :raises UpdateError: if this is no DEFLATE, or more comes out than may
        """
        self._data = data
        self._pos = 0
        self._last = last = len(data) - LOOKAHEAD
        size = self._size
        while self._pos <= last and not self.done:
            state = self._state
            if state == _CODES:
                self._read_codes()
            elif state == _LENGTHS:
                self._read_lengths()
            elif state == _STORED:
                self._read_stored()
            else:
                self._read_head()
            if self._at >= size:
                self._hand_out(size)
                over = self._at - size
                self._view[:over] = self._view[size : self._at]
                self._base += size
                self._at = over
                self._told = 0
            self._give_back()
        self._data = None
        self._hand_out(self._at if self.done else self._at & -_SECTOR)
        return self._pos

    def _hand_out(self, end: int) -> None:
        if self._base + self._at > self._limit:
            raise UpdateError("deflate: more than %d bytes come out" % self._limit)
        start, self._told = self._told, end
        if end > start:
            self._write(self._view[start:end])

    def _give_back(self) -> None:
        """Whole bytes that were taken and not used."""
        self._pos -= self._bits >> 3
        self._bits &= 7
        self._hold &= (1 << self._bits) - 1

    def _end_block(self) -> None:
        self._state = _HEAD
        self.done = self._final

    def _take(self, count: int) -> int:
        """The next ``count`` bits, 14 at most."""
        while self._bits < count:
            self._hold |= self._data[self._pos] << self._bits
            self._pos += 1
            self._bits += 8
        value = self._hold & (1 << count) - 1
        self._hold >>= count
        self._bits -= count
        return value

    def _read_head(self) -> None:
        self._final = self._take(1) == 1
        kind = self._take(2)
        if kind == 0:
            self._take(self._bits & 7)
            self._give_back()
            data, pos = self._data, self._pos
            self._left = data[pos] | data[pos + 1] << 8
            if self._left ^ 0xFFFF != data[pos + 2] | data[pos + 3] << 8:
                raise UpdateError("deflate: a stored block whose length is not what it seems")
            self._pos += 4
            self._state = _STORED
        elif kind == 1:
            if not self._fixed:
                index = 0
                for count, length in ((144, 8), (112, 9), (24, 7), (8, 8), (32, 5)):
                    for index in range(index, index + count):
                        self._lengths[index] = length
                    index += 1
                self._literal_count = 288
                self._filled = 320
                self._build_both()
                self._fixed = True
            self._state = _CODES
        elif kind == 2:
            self._fixed = False
            self._literal_count = self._take(5) + 257
            self._filled = self._take(5) + 1 + self._literal_count
            count = self._take(4) + 4
            if self._literal_count > 286 or self._filled - self._literal_count > 30:
                raise UpdateError("deflate: too many codes")
            lengths = self._lengths
            for index, symbol in enumerate(_ORDER):
                lengths[symbol] = self._take(3) if index < count else 0
            fill_table(self._distances, _CODE_BITS, lengths[:19])
            self._total, self._filled = self._filled, 0
            self._state = _LENGTHS
        else:
            raise UpdateError("deflate: a block of unknown type")

    def _read_stored(self) -> None:
        pos, at = self._pos, self._at
        count = min(self._left, len(self._data) - pos, self._size - at)
        if count:
            self._view[at : at + count] = self._data[pos : pos + count]
            self._pos += count
            self._at += count
            self._left -= count
        if not self._left:
            self._end_block()

    def _read_lengths(self) -> None:
        """The lengths of the codes, themselves coded."""
        data, pos, last, hold, bits = self._data, self._pos, self._last, self._hold, self._bits
        table, lengths, filled, total = self._distances, self._lengths, self._filled, self._total
        while filled < total and pos <= last:
            if bits < 14:
                hold |= (data[pos] | data[pos + 1] << 8) << bits
                pos += 2
                bits += 16
            entry = table[hold & (1 << _CODE_BITS) - 1]
            count = entry & 15
            hold >>= count
            bits -= count
            length = entry >> 4
            if length < 16:
                lengths[filled] = length
                filled += 1
                continue
            count = (2, 3, 7)[length - 16]
            times = (11 if length == 18 else 3) + (hold & (1 << count) - 1)
            hold >>= count
            bits -= count
            if filled + times > total or not filled and length == 16:
                raise UpdateError("deflate: bad lengths of codes")
            length = lengths[filled - 1] if length == 16 else 0
            for filled in range(filled, filled + times):
                lengths[filled] = length
            filled += 1
        self._pos, self._hold, self._bits, self._filled = pos, hold, bits, filled
        if filled == total:
            if not lengths[256]:
                raise UpdateError("deflate: a block without an end")
            self._build_both()
            self._state = _CODES

    def _build_both(self) -> None:
        lengths, count = self._lengths, self._literal_count
        fill_table(self._literals, _LITERAL_BITS, lengths[:count], _BAD_LITERAL)
        lengths = lengths[count : self._filled]
        fill_table(self._distances, _DISTANCE_BITS, lengths, _BAD_DISTANCE)

    def _read_codes(self) -> None:  # noqa: PLR0912 PLR0914 PLR0915 a call costs more than a symbol
        """Decode symbols, until input or window or block are at their end."""
        data, pos, last, hold, bits = self._data, self._pos, self._last, self._hold, self._bits
        literals, distances, runs, reaches = self._literals, self._distances, _RUNS, _REACHES
        window, view, at, size = self._window, self._view, self._at, self._size
        while pos <= last:
            if bits < 15:
                hold |= (data[pos] | data[pos + 1] << 8) << bits
                pos += 2
                bits += 16
            entry = literals[hold & (1 << _LITERAL_BITS) - 1]
            if entry >= _LINK:
                extra = hold >> _LITERAL_BITS & (1 << (entry & 15)) - 1
                entry = literals[(entry >> 4 & 0x7FF) + extra]
            count = entry & 15
            hold >>= count
            bits -= count
            entry >>= 4
            if entry < 256:
                window[at] = entry
                at += 1
                if at == size:
                    break
                continue
            if entry == 256:
                self._end_block()
                break
            if bits < 15:
                hold |= (data[pos] | data[pos + 1] << 8) << bits
                pos += 2
                bits += 16
            count = runs[entry - 257]
            extra = count & 15
            count = (count >> 4) + (hold & (1 << extra) - 1)
            hold >>= extra
            bits -= extra
            if bits < 15:
                hold |= (data[pos] | data[pos + 1] << 8) << bits
                pos += 2
                bits += 16
            entry = distances[hold & (1 << _DISTANCE_BITS) - 1]
            if entry >= _LINK:
                extra = hold >> _DISTANCE_BITS & (1 << (entry & 15)) - 1
                entry = distances[(entry >> 4 & 0x7FF) + extra]
            extra = entry & 15
            hold >>= extra
            bits -= extra
            entry = reaches[entry >> 4]
            extra = entry & 15
            if bits < extra:
                hold |= (data[pos] | data[pos + 1] << 8) << bits
                pos += 2
                bits += 16
            reach = (entry >> 4) + (hold & (1 << extra) - 1)
            hold >>= extra
            bits -= extra
            if not count or not entry:
                raise UpdateError("deflate: a code that means nothing")
            ahead = at - reach
            if ahead < 0:
                if reach > self._base + at:
                    raise UpdateError("deflate: a match reaches back too far")
                if reach > size:
                    words = "deflate: a match reaches back %d bytes, there was memory for %d only"
                    raise UpdateError(words % (reach, size))
                ahead += size
                most = size - ahead
                if most < count:
                    view[at : at + most][:] = view[ahead:size]
                    at += most
                    count -= most
                    ahead = 0
            if count < 5:  # most are; so they leave no garbage
                for ahead in range(ahead, ahead + count):
                    window[at] = window[ahead]
                    at += 1
                count = 0
            while count > reach:
                # It repeats itself: twice as much at each turn.
                view[at : at + reach][:] = view[ahead : ahead + reach]
                at += reach
                count -= reach
                reach *= 2
            if count:
                # The second slice is for the board: assigning to a part of a memoryview moves all
                # that lies behind that part, too (onto itself).
                view[at : at + count][:] = view[ahead : ahead + count]
                at += count
            if at >= size:
                break
        self._pos, self._hold, self._bits, self._at = pos, hold, bits, at
