# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.common.utf8`
====================================================

Makes texts valid UTF-8, as NervesHub demands. Imported when a text is not plain ASCII, or has an
escape that `mend_escapes` replaces.

A board decodes invalid UTF-8 (surrogates, overlong forms) without an error, and its ``json.loads``
makes such a text of an escaped emoji. NervesHub closes the connection (1011) for a surrogate, raw
or escaped, and its database refuses NUL: a reason with one crashes the device's channel, a health
report with one is lost.
"""


def is_ascii(data) -> bool:
    """
    Tell whether all bytes are below 128.

    :param bytes data: any bytes
    :return: True if they are
    """
    return not data or max(data) < 128


def cut(data) -> int:
    """
    Find the end of the last complete character, in data whose rest comes later.

    :param bytes data: the beginning
    :return: number of bytes up to there
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
    Replace bytes that are not valid UTF-8 by question marks.

    :param bytes data: any bytes
    :return: valid UTF-8; the same object if it was valid already
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
    Replace escapes of NUL and of halves of surrogate pairs in a JSON text by question marks.
    CPython escapes all characters that are not ASCII; a board escapes control characters only.

    :param str text: a result of ``json.dumps``
    :return: the text that NervesHub accepts
    """
    parts = []
    begin = at = 0
    while True:
        at = text.find("\\", at)
        if at < 0:
            break
        if text[at + 1] != "u":
            at += 2  # skip an escaped backslash as a whole
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
    # Overlong forms; surrogates; code points after the last one.
    return not (
        (first == 0xE0 and second < 0xA0)
        or (first == 0xED and second > 0x9F)
        or (first == 0xF0 and second < 0x90)
        or (first == 0xF4 and second > 0x8F)
    )
