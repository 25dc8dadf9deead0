# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.common.memory`
====================================================

Frees the memory of modules that are rarely needed, and imports modules with little fragmentation of
the heap.
"""

import gc
import sys


def forget(*names) -> None:
    """
    Remove modules of this package from memory, which is scarce on a board. The next import loads
    them again. Does nothing on CPython. Never raises for lack of memory: it is called in the midst
    of what must go on, such as an abort.

    :param str names: with their rooms, such as ``"config.options"``
    """
    if sys.implementation.name == "cpython":
        return
    try:
        for name in names:
            room, _, module = ("nerveshub_link." + name).rpartition(".")
            if sys.modules.pop(room + "." + module, None) is not None:
                delattr(sys.modules[room], module)
    except MemoryError:
        pass  # for the names: the modules stay
    gc.collect()  # the next objects reuse the freed memory


def load(*names) -> None:
    """
    Import modules of this package one by one, and collect garbage before each. A board collects
    garbage only when no memory is free; without this the garbage of imports would lie between
    modules that stay, and the heap would be too fragmented for a buffer. Does nothing on CPython.

    :param str names: such as ``"wire.phoenix"``; each after the modules that it imports itself
    """
    if sys.implementation.name == "cpython":
        return
    for name in names:
        gc.collect()
        __import__("nerveshub_link." + name)
    gc.collect()
