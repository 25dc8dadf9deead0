# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.common.brief`
====================================================

Shortens a traceback to one line. NervesHub cuts a reason at 200 characters, and the error stands at
the end of a traceback. Imported only for a text of several lines.
"""

from micropython import const

_TITLE = const("Traceback (most recent call last):")
_FRAME = const('File "')
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
