# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.device.restart`
====================================================

The restart of the board: whoever wants one asks here (an update, the server, a trial that failed,
the local shell). The server is told ``rebooting`` first, and `Client.reboot` is called a moment
after that was sent, or after two seconds if it can't be sent.
"""

from micropython import const

from ..common.ticks import elapsed
from ..errors import describe

_FLUSH_TIMEOUT = const(2000)
_GOODBYE = const(250)  # "flushed" means that the network stack has it: let it go out, too
_RETRY = const(60 * 1000)  # after a `Client.reboot` that raised


class Restart:
    """
    The restart of one link's board.

    :param Client client: its ``reboot`` restarts the board
    :param push: function of event and payload that sends to the device topic
    :param UpdateManager updates: aborted before the restart
    :param call: function that calls a callback of the user and survives its exceptions
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
        """True while a restart was asked for and has not happened (read-only)."""
        return self._since is not None

    def ask(self, now: int) -> None:
        """
        Say ``rebooting`` and restart a moment after that is sent. If `Client.reboot` raises, it is
        called again each minute. While a restart is due, this does nothing: whoever asks again and
        again does not put it off.

        :param int now: ticks in milliseconds
        """
        if self._since is not None:
            return
        # First: whether it can be said or not, the restart comes.
        self._since = now
        self._wait = _GOODBYE
        try:
            self._push("rebooting", {})
        except Exception as error:
            self._log("warning", "rebooting: " + describe(error))

    def tick(self, now: int, flushed: bool) -> None:
        """
        Restart when it is time.

        :param int now: ticks in milliseconds
        :param bool flushed: True if nothing waits to be sent
        """
        if self._since is None:
            return
        waited = elapsed(now, self._since)
        if not flushed and waited < _FLUSH_TIMEOUT:
            # The moment begins when it is sent.
            self._wait = max(self._wait, min(waited + _GOODBYE, _FLUSH_TIMEOUT))
        elif waited >= self._wait:
            # First: also what is no Exception, such as Ctrl-C, must not make the restart forgotten.
            self._since, self._wait = now, _RETRY
            self._updates.abort()
            if self._call(self._client.reboot):
                self._since = None
