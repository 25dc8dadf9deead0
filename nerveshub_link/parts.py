# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.parts`
====================================================

What a link is made of, for its optional parts: each takes what it needs. A module of its own, so
that an optional part knows neither the link nor the others.
"""


class Parts:
    """
    The parts of one link, as attributes:

    * ``config``: the checked options; ``clock`` and ``log`` as everywhere
    * ``time``: the `ServerTime`
    * ``channels``, ``device``, ``updates``, ``conversation``: the modules of these names
    * ``transport``: function that makes one more `Transport`
    * ``logs``: the `DeviceLogs`, once there are some, else None
    """

    logs = None

    def __init__(self, **parts) -> None:
        for name in parts:
            setattr(self, name, parts[name])
