# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.update.download_retry`
====================================================

What follows when a try to download an image has failed. Pure arithmetic: the caller owns the clock,
the connection and the image. Apart from the update manager because NervesHub makes giving up
expensive: a device that said ``failed`` gets nothing for a day. So all this is tried before:

* Whatever broke, the next try comes after ``retry_delay`` and asks for the missing bytes only.
* So many tries in a row without one byte more than ever before, and it has failed. But if the
  device is offline then, the network is at fault: the next try comes when it is online again.
* Bytes that proved wrong (a part's checksum, the whole one's, a body that is too long), or that got
  lost between the network and the writer, make the next try start from zero: twice at most, since
  a server mostly sends the same bytes again.
* All of it together has ``download_timeout``, whether bytes come or not.

The numbers are those of NervesHub's own client (its ``lib/nerves_hub_link/downloader``).
"""

from micropython import const

from ..common.ticks import elapsed
from ..errors import UpdateError, describe, keep_timeout

WHEN_ONLINE = -1
"""Result: the next try has to wait until the device is online again."""

_RESTARTS = const(2)


class DownloadRetry:
    """
    Counts the tries of one download after the other.

    :param int retries: new tries in a row without progress; 0 for no new try at all
    :param int delay: milliseconds between two tries; up to half of it is added
    :param int timeout: milliseconds for all tries together
    :param random: function that returns a float from 0 to 1
    """

    def __init__(self, retries: int, delay: int, timeout: int, random) -> None:
        self._retries = retries
        self._delay = delay
        self._timeout = timeout
        self._random = random
        self.begin(0)

    def begin(self, now: int) -> None:
        """
        A new download begins.

        :param int now: ticks in milliseconds
        """
        self._began = now
        self._furthest = 0
        self._failures = 0  # in a row, none of them further than the furthest
        self._restarts = 0
        self._last = ""

    @property
    def over(self) -> bool:
        """True if there is no further try, whatever breaks (read-only)."""
        return not self._retries or self._restarts > _RESTARTS

    def check(self, now: int) -> None:
        """
        See whether there is time left.

        :param int now: ticks in milliseconds
        :raises UpdateError: if there is not
        """
        if elapsed(now, self._began) >= self._timeout:
            words = "not done within %d s" % (self._timeout // 1000)
            raise UpdateError(words + (": " + self._last if self._last else ""))

    def after(  # noqa: PLR0913, PLR0917 all that is known of the try
        self, error: Exception, received: int, now: int, online: bool, restart: bool = False
    ) -> int:
        """
        Decide what follows a try that failed.

        :param Exception error: why; an `UpdateError` that is no `DownloadError` is the end
        :param int received: bytes of the image that there are now
        :param int now: ticks in milliseconds
        :param bool online: whether the device has a connection to NervesHub
        :param bool restart: True if the next try starts from zero whatever ``error`` says
        :return: milliseconds to wait before the next try, or `WHEN_ONLINE`
        :raises UpdateError: (or ``error`` itself) if there is no next try
        """
        then = "restart" if restart else getattr(error, "then", None)
        if then is None and isinstance(error, UpdateError):
            raise error
        if received > self._furthest:
            self._furthest = received
            self._failures = 0
        self._failures += 1
        try:
            self._last = describe(error)
        except Exception as another:
            keep_timeout(another)
            self._last = "no memory for the reason"
        if then == "restart":
            self._restarts += 1
            self._furthest = 0
        if self.over:
            raise error
        self.check(now)
        if self._failures > self._retries:
            if not online:
                return WHEN_ONLINE
            words = "%s (%d new tries in a row brought nothing)"
            raise UpdateError(words % (self._last, self._retries))
        return self._delay + int(self._delay * 0.5 * self._random())

    def online(self) -> None:
        """The device is online again, after `WHEN_ONLINE`: count from the beginning."""
        self._failures = 0
