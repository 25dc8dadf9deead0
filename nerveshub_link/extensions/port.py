# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.extensions.port`
====================================================

What an extension may use of its link. Apart from the link, so that an extension knows neither the
link nor the other extensions.
"""


class Port:
    """
    What an extension's ``setup`` gets, as attributes:

    * ``config``: the checked options, see `nerveshub_link.config.config.Config`
    * ``clock``: function that returns ticks in milliseconds, the option of this name
    * ``log``: function of level and text
    * ``time``: the `ServerTime`
    * ``updates``: the `UpdateManager`, to look at
    * ``restart``: the `Restart`
    * ``transport``: function that makes one more `Transport`
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
