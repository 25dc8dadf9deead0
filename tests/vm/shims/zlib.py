# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
CircuitPython's ``zlib`` over MicroPython's ``deflate``: ``decompress(data[, wbits])`` and nothing
else. As there, the result is a bytearray that grows by 256 bytes at a time, and nothing limits it.

MicroPython reads from a stream and through a window of its own, and copies what it is to read. So
this one needs up to 8 KB more than a board does. The window has 4 KB, which is what a chunk of a
release needs; a stream that looks further back is refused.
"""

import io

import deflate

_WINDOW = 12  # 1 << 12 bytes
_STEP = 256


def decompress(data, wbits=0, bufsize=0):
    kind = deflate.GZIP if wbits >= 16 else deflate.ZLIB if wbits >= 0 else deflate.RAW
    stream = deflate.DeflateIO(io.BytesIO(data), kind, _WINDOW)
    piece = memoryview(bytearray(_STEP))
    result = bytearray()
    try:
        while True:
            count = stream.readinto(piece)
            if not count:
                return result
            result.extend(piece[:count])
    except (OSError, EOFError):
        raise ValueError(-3) from None
