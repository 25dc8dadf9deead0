# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
CircuitPython's ``zlib`` over MicroPython's ``deflate``: ``decompress(data[, wbits])`` and nothing
else. As there, the result is a bytearray that is as long as the data at first and then grows by 256
bytes at a time, and nothing limits it.

MicroPython reads from a stream and through a window of its own. So this one needs 8 KB more than a
board does: 4 KB for good, 4 KB while it works. The window has 4 KB, which is what a chunk of a
release needs; a stream that looks further back is refused.
"""

import io

import deflate

_WINDOW = 12  # 1 << 12 bytes
_STEP = 256
_source = io.BytesIO(bytearray(4096))


def decompress(data, wbits=0, bufsize=0):
    _source.seek(0)
    _source.write(data)
    _source.seek(0)
    kind = deflate.GZIP if wbits >= 16 else deflate.ZLIB if wbits >= 0 else deflate.RAW
    stream = deflate.DeflateIO(_source, kind, _WINDOW)
    piece = memoryview(bytearray(_STEP))
    result = bytearray(len(data))
    at = 0
    try:
        while True:
            count = stream.readinto(piece)
            if _source.tell() > len(data):
                raise ValueError(-3)  # what it has read since is left from another one
            if not count:
                result[at:] = b""
                return result
            if at + count > len(result):
                result.extend(bytes(_STEP))
            result[at : at + count] = piece[:count]
            at += count
    except (OSError, EOFError):
        raise ValueError(-3) from None
