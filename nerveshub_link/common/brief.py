# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.common.brief`
====================================================

A traceback in one line. NervesHub cuts a reason at 200 characters, and a traceback begins with what
tells least. Imported only when there is a text of several lines.
"""

from micropython import const

_TITLE = "Traceback (most recent call last):"
_FRAME = 'File "'
_MOST = const(120)  # characters of the error, so that the frame behind it is seen, too


def brief(text: str) -> str:
    """
    Put a text into one line: of a traceback the error first, then its deepest frame. What stands
    before the traceback stays in front. Mask secrets before (`nerveshub_link.errors.mask`).

    :param str text: with a traceback, whole or without its beginning, as CircuitPython or CPython
        writes it; or any other text, whose lines are joined
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
    # CPython shows the source below a frame, further to the right.
    error = [line for line in lines[deepest + 1 :] if deepest < 0 or not line.startswith(" ")]
    words = " | ".join(line.strip() for line in error or lines[-1:])
    if deepest >= 0:
        words = "%s (%s)" % (words[:_MOST], lines[deepest].strip())
    return (before if title else "") + words
