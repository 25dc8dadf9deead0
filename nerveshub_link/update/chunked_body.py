# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.update.chunked_body`
====================================================

Decodes the chunked transfer coding (RFC 9112, 7.1), in the buffer into which it was read. Some
proxies send every body chunked. `nerveshub_link.update.downloader` imports this only for such a
response.
"""

from micropython import const

from ..errors import DownloadError

_SIZE = const(0)  # the hexadecimal digits before a chunk
_EXTENSION = const(1)  # the rest of that line, which is ignored
_DATA = const(2)
_AFTER = const(3)  # the line end after a chunk
_TRAILER = const(4)  # header lines after the last chunk, and the empty line at the end
_LARGE = const(1 << 24)  # limits a chunk to 256 MB


class ChunkedBody:
    """Decodes one body."""

    def __init__(self) -> None:
        self._state = _SIZE
        self._digits = 0
        self._left = (
            0  # bytes of the chunk that are to come; in a trailer, whether its line has any
        )
        self.done = False
        """True once the body has ended."""

    def decode(self, data: memoryview) -> int:
        """
        Decode the next bytes in place.

        :param memoryview data: the received bytes
        :return: how many decoded bytes are at the beginning of ``data`` now
        :raises DownloadError: if the body is not chunked correctly
        """
        at = count = 0
        while at < len(data) and not self.done:
            if self._state == _DATA:
                size = min(self._left, len(data) - at)
                data[count : count + size] = data[at : at + size]
                count += size
                at += size
                self._left -= size
                if not self._left:
                    self._state = _AFTER
            else:
                self._read(data[at])
                at += 1
        return count

    def _read(self, byte: int) -> None:
        """Parse a byte outside of a chunk's data."""
        state = self._state
        if byte == 10:
            self._end_line()
        elif state == _SIZE:
            digit = _digit(byte)
            if digit >= 0 and self._left < _LARGE:
                self._left = self._left * 16 + digit
                self._digits += 1
            elif self._digits and byte in (9, 13, 32, 59):
                self._state = _EXTENSION
            else:
                raise DownloadError("a chunked body with a bad chunk size")
        elif state == _TRAILER:
            if byte != 13:
                self._left = 1
        elif state == _AFTER and byte != 13:
            raise DownloadError("a chunked body with a chunk longer than announced")

    def _end_line(self) -> None:
        if self._state == _AFTER:
            self._state = _SIZE
            self._digits = 0
        elif self._state == _TRAILER:
            self.done = not self._left
            self._left = 0
        elif not self._digits:
            raise DownloadError("a chunked body with a bad chunk size")
        else:
            self._state = _DATA if self._left else _TRAILER


def _digit(byte: int) -> int:
    if 48 <= byte <= 57:
        return byte - 48
    byte |= 32
    return byte - 87 if 97 <= byte <= 102 else -1
