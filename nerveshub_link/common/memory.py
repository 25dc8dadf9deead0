# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.common.memory`
====================================================

Giving memory back, and taking it so that the rest stays in one piece. A leaf, for whoever has parts
that are needed now and then only.
"""

import gc
import sys


def forget(*names) -> None:
    """
    Let modules of this package go: on a board memory is scarce. They are imported again when they
    are needed again.

    :param str names: with their rooms, such as ``"config.options"``
    """
    if sys.implementation.name == "cpython":
        return
    for name in names:
        room, _, module = ("nerveshub_link." + name).rpartition(".")
        if sys.modules.pop(room + "." + module, None) is not None:
            delattr(sys.modules[room], module)
    gc.collect()  # what is made next shall lie where they lay


def load(*names) -> None:
    """
    Import modules of this package one by one, and collect garbage before each. On a board garbage
    is collected only when nothing is free; until then what an import leaves behind lies between the
    parts that stay, and in the end the heap has many small holes and no room for a buffer.

    :param str names: such as ``"wire.phoenix"``; each behind those that it imports itself
    """
    if sys.implementation.name == "cpython":
        return
    for name in names:
        gc.collect()
        __import__("nerveshub_link." + name)
    gc.collect()
