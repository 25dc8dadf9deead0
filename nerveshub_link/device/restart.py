# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.device.restart`
====================================================

Restarts the board: after an update, at the server's request, after a failed trial, or by the local
shell. ``rebooting`` is sent to the server first, and `Client.reboot` is called 250 ms after that,
or after two seconds if it can't be sent.
"""

from micropython import const

from ..common.ticks import elapsed
from ..errors import describe

_FLUSH_TIMEOUT = const(2000)
_GOODBYE = const(250)  # time for the network stack to send the last message
_RETRY = const(60 * 1000)  # after a `Client.reboot` that raised


class Restart:
    """
    The restart of one link's board.

    :param Client client: its ``reboot`` restarts the board
    :param push: function of event and payload that sends to the device topic
    :param UpdateManager updates: aborted before the restart
    :param call: function that calls a callback of the application and catches its exceptions
    :param log: function of level and text
    """

    def __init__(self, client, push, updates, call, log) -> None:
        self._client = client
        self._push = push
        self._updates = updates
        self._call = call
        self._log = log
        self._since = None
        self._wait = 0

    @property
    def due(self) -> bool:
        """True if a restart was requested and has not happened yet (read-only)."""
        return self._since is not None

    def ask(self, now: int) -> None:
        """
        Send ``rebooting``, and restart soon after it was sent. If `Client.reboot` raises, it is
        called again each minute. Further requests are ignored, so that they can't delay the
        restart.

        :param int now: ticks in milliseconds
        """
        if self._since is not None:
            return
        # Before push(): the restart must happen even if that raises.
        self._since = now
        self._wait = _GOODBYE
        try:
            self._push("rebooting", {})
        except Exception as error:
            self._log("warning", "rebooting: " + describe(error))

    def tick(self, now: int, flushed: bool) -> None:
        """
        Restart when it is due.

        :param int now: ticks in milliseconds
        :param bool flushed: True if no message is queued
        """
        if self._since is None:
            return
        waited = elapsed(now, self._since)
        if not flushed and waited < _FLUSH_TIMEOUT:
            # The 250 ms begin when the message is sent.
            self._wait = max(self._wait, min(waited + _GOODBYE, _FLUSH_TIMEOUT))
        elif waited >= self._wait:
            # Before the calls: after a Ctrl-C in them, the restart must be tried again.
            self._since, self._wait = now, _RETRY
            self._updates.abort()
            if self._call(self._client.reboot):
                self._since = None
