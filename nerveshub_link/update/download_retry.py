# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.update.download_retry`
====================================================

Decides what to do after a failed try to download an image. Pure arithmetic: the caller owns the
clock, the connection and the image. NervesHub makes giving up expensive: a device that reported
``failed`` gets no update for a day. So these rules come first:

* After any failure the next try comes after ``retry_delay`` and requests the missing bytes only.
* After ``download_retries`` tries in a row without progress the download has failed. But if the
  device is offline then, the network is the cause: the next try comes when it is online again.
* Wrong bytes (a part's checksum, the image's checksum, a body that is too long), and bytes that got
  lost between the network and the writer, make the next try start from zero: twice at most, since
  a server usually sends the same bytes again.
* All tries together may take ``download_timeout``, whether bytes come or not.

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
    Counts the tries of downloads, one after the other.

    :param int retries: most further tries in a row without progress; 0 for no further try
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
        Begin a new download.

        :param int now: ticks in milliseconds
        """
        self._began = now
        self._furthest = 0
        self._failures = 0  # failed tries in a row without progress
        self._restarts = 0
        self._last = ""

    @property
    def over(self) -> bool:
        """True if the next failure is final (read-only)."""
        return not self._retries or self._restarts > _RESTARTS

    @property
    def is_last(self) -> bool:
        """True if after a failure without progress there is one more try (read-only)."""
        return self._failures + 1 >= self._retries

    def check(self, now: int) -> None:
        """
        Check the time limit of the download.

        :param int now: ticks in milliseconds
        :raises UpdateError: if it has passed
        """
        if elapsed(now, self._began) >= self._timeout:
            words = "not done within %d s" % (self._timeout // 1000)
            raise UpdateError(words + (": " + self._last if self._last else ""))

    def after(  # noqa: PLR0913, PLR0917 everything that is known about the try
        self, error: Exception, received: int, now: int, online: bool, restart: bool = False
    ) -> int:
        """
        Decide what to do after a failed try.

        :param Exception error: its error; an `UpdateError` that is not a `DownloadError` is final
        :param int received: bytes of the image received so far
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
            words = "%s (%d new tries in a row without progress)"
            raise UpdateError(words % (self._last, self._retries))
        return self._delay + int(self._delay * 0.5 * self._random())

    def online(self) -> None:
        """Restart the count of failures: the device is online again, after `WHEN_ONLINE`."""
        self._failures = 0
