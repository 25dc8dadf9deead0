# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.utf8`
====================================================

UTF-8 that a strict reader takes. A board decodes what is none without a word (surrogates, overlong
forms), its ``json.loads`` even makes such texts of an escaped emoji, and the server closes the
connection over one such byte. Imported when something is not plain ASCII.
"""


def is_ascii(data) -> bool:
    """
    Tell whether all bytes are below 128.

    :param bytes data: not empty, or empty
    """
    return not data or max(data) < 128


def cut(data) -> int:
    """
    Tell how many bytes end with a whole character, for data that goes on.

    :param bytes data: the beginning
    """
    length = len(data)
    for back in range(1, min(3, length) + 1):
        byte = data[length - back]
        if byte >= 0xC0:
            return length - back if back < _width(byte) else length
        if byte < 0x80:
            break
    return length


def mend(data: bytes) -> bytes:
    """
    Replace whatever is no UTF-8 by question marks.

    :param bytes data: any bytes
    :return: bytes that are; the same ones if they were already
    """
    mended = None
    at, length = 0, len(data)
    while at < length:
        byte = data[at]
        if byte < 0x80:
            at += 1
            continue
        width = _width(byte)
        if width and at + width <= length and _is_good(data, at, width):
            at += width
            continue
        if mended is None:
            mended = bytearray(data)
        mended[at] = 0x3F
        at += 1
    return data if mended is None else bytes(mended)


def _width(byte: int) -> int:
    if 0xC2 <= byte <= 0xDF:
        return 2
    if 0xE0 <= byte <= 0xEF:
        return 3
    return 4 if 0xF0 <= byte <= 0xF4 else 0


def _is_good(data, at: int, width: int) -> bool:
    for index in range(at + 1, at + width):
        if data[index] & 0xC0 != 0x80:
            return False
    first, second = data[at], data[at + 1]
    # Overlong forms; surrogates; beyond the last character.
    return not (
        (first == 0xE0 and second < 0xA0)
        or (first == 0xED and second > 0x9F)
        or (first == 0xF0 and second < 0x90)
        or (first == 0xF4 and second > 0x8F)
    )
