# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.extensions.port`
====================================================

The parts of a link that an extension may use. An extension gets neither the link nor the other
extensions.
"""


class Port:
    """
    The argument of an extension's ``setup``. Attributes:

    * ``config``: the checked options, see `nerveshub_link.config.config.Config`
    * ``clock``: function that returns ticks in milliseconds, the option of this name
    * ``log``: function of level and text
    * ``time``: the `ServerTime`
    * ``updates``: the `UpdateManager`, for its state
    * ``restart``: the `Restart`
    * ``transport``: function that makes another `Transport`
    * ``logs``: the `DeviceLogs` among the extensions, or None

    """

    def __init__(self, config, log, time, updates, restart, transport, logs) -> None:  # noqa: PLR0913, PLR0917
        self.config = config
        self.clock = config.clock
        self.log = log
        self.time = time
        self.updates = updates
        self.restart = restart
        self.transport = transport
        self.logs = logs
