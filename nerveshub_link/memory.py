# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.memory`
====================================================

Giving memory back. A leaf, for whoever has parts that are needed now and then only.
"""

import gc
import sys


def forget(*names) -> None:
    """
    Let modules of this package go: on a board memory is scarce. They are imported again when they
    are needed again.

    :param str names: such as ``"configurator"``
    """
    if sys.implementation.name == "cpython":
        return
    for name in names:
        if sys.modules.pop("nerveshub_link." + name, None) is not None:
            delattr(sys.modules["nerveshub_link"], name)
    gc.collect()  # what is made next shall lie where they lay
