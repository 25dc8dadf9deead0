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

    * ``config``: the checked options; ``clock``, ``log`` and ``call`` as everywhere
    * ``time``: the `ServerTime`
    * ``channels``, ``device``, ``updates``, ``downloader``, ``conversation``: the objects of these
      names
    * ``transport``: function that makes one more `Transport`
    * ``logs``, ``archives``: `DeviceLogs` and `Archives`, once there are some, else None
    """

    logs = None
    archives = None

    def __init__(self, **parts) -> None:
        for name in parts:
            setattr(self, name, parts[name])
