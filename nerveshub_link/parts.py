# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.parts`
====================================================

What a link is made of, for its optional parts: each takes what it needs. A module of its own, so
that an optional part knows neither the link nor the others.
"""

from .wire.transport import Transport


class Parts:
    """
    The parts of one link, as attributes:

    * ``config``: the checked options; ``clock``, ``log`` and ``call`` as everywhere
    * ``time``: the `ServerTime`
    * ``connection``, ``channels``, ``device``, ``updates``, ``downloader``, ``dispatch``: the
      objects of these names, once they are made
    * ``logs``, ``archives``: `DeviceLogs` and `Archives`, once there are some, else None

    :param Config config: the checked options
    :param socket_pool: a socket pool
    :param ssl_context: an SSL context, or None
    :param Callbacks reporter: the link's
    """

    logs = None
    archives = None

    def __init__(self, config, socket_pool, ssl_context, reporter) -> None:
        self.config = config
        self.clock = config.clock
        self.log = reporter.log
        self.call = reporter.call
        self._socket_pool = socket_pool
        self._ssl_context = ssl_context

    def transport(self) -> Transport:
        """Make one more `Transport`."""
        made = Transport(self._socket_pool, self._ssl_context)
        made.before_open = self.device.before_open
        return made
