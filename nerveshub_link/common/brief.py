# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.common.brief`
====================================================

Shortens a traceback to one line. NervesHub cuts a reason at 200 characters, and the error stands at
the end of a traceback. Masks secrets in a text whose beginning was cut off. Imported only after a
failure.
"""

from micropython import const

from ..errors import mask, secrets

_TITLE = const("Traceback (most recent call last):")
_FRAME = const('File "')
_SHORTEST_REST = const(4)  # characters of a secret whose beginning was cut off
_MASK = const("***")
_MOST = const(120)  # characters of the error, to leave room for the frame


def brief(text: str) -> str:
    """
    Shorten a text to one line: of a traceback the error, then its deepest frame. Text before the
    traceback is kept. Mask secrets before (`nerveshub_link.errors.mask`).

    :param str text: a text with a traceback of CircuitPython or CPython, complete or without its
        beginning; or any other text, whose lines are joined
    :return: for example ``ValueError: x (File "code.py", line 7, in <module>)``
    """
    before, title, rest = text.partition(_TITLE)
    lines = [
        line for line in (rest if title else text).replace("\r", "\n").split("\n") if line.strip()
    ]
    deepest = -1
    for index, line in enumerate(lines):
        if line.strip().startswith(_FRAME):
            deepest = index
    # CPython shows the source line below a frame, indented more.
    error = [line for line in lines[deepest + 1 :] if deepest < 0 or not line.startswith(" ")]
    words = " | ".join(line.strip() for line in error or lines[-1:])
    if deepest >= 0:
        words = "%s (%s)" % (words[:_MOST], lines[deepest].strip())
    return (before if title else "") + words


def mask_cut(text: str) -> str:
    """
    As `nerveshub_link.errors.mask`, for a text whose beginning was cut off, maybe within a secret.

    :param str text: such as the end of a traceback that the boot guard has kept
    :return: the masked text
    """
    for secret in secrets:
        for begin in range(1, len(secret) - _SHORTEST_REST + 1):
            if text.startswith(secret[begin:]):
                text = _MASK + text[len(secret) - begin :]
                break
    return mask(text)
