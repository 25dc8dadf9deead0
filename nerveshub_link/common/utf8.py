# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.common.utf8`
====================================================

Texts that a strict reader takes. Imported when a text is not plain ASCII, or holds what
`mend_escapes` replaces.

A board decodes bytes that are not valid UTF-8 without an error (surrogates, overlong forms), and
its ``json.loads`` makes such a text of an escaped emoji. NervesHub closes the connection (1011) for
a surrogate, be it raw or escaped, and its database takes no NUL: a reason with one crashes the
device's channel, a health report with one is lost.
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


def mend_escapes(text: str) -> str:
    """
    Replace the escapes in a JSON text that stand for a NUL or for half of a surrogate pair by
    question marks. CPython escapes all that is not ASCII; a board escapes control characters only.

    :param str text: what ``json.dumps`` returned
    """
    parts = []
    begin = at = 0
    while True:
        at = text.find("\\", at)
        if at < 0:
            break
        if text[at + 1] != "u":
            at += 2  # an escaped backslash is passed over as a whole
            continue
        code = int(text[at + 2 : at + 6], 16)
        if code and not 0xD800 <= code < 0xE000:
            at += 6
        elif 0xD800 <= code < 0xDC00 and text[at + 6 : at + 8] == "\\u" and _is_low(text, at + 8):
            at += 12
        else:
            parts.append(text[begin:at])
            at = begin = at + 6
    parts.append(text[begin:])
    return "?".join(parts)


def _is_low(text: str, at: int) -> bool:
    return 0xDC00 <= int(text[at : at + 4], 16) < 0xE000


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
