# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.update.image_download`
====================================================

Downloads and verifies one image, in as many tries as needed: `Downloader` gets the bytes,
`ImageCheck` verifies them, and after a failure `DownloadRetry` decides when to try again. So the
update manager only gets bytes, and need not know about tries.

A writer that verifies the image itself may request parts of it, see `FwupWriter.fwup_first`. Then
`ImageCheck` has not seen the whole image, and is not used. If the server does not send exactly the
requested part, the whole image is downloaded from zero, and verified.

The state is in memory only: after a power cut the next update starts from zero.
"""

from micropython import const

from ..common.ticks import elapsed
from ..errors import DownloadError, describe, keep_timeout, printable
from .download_retry import WHEN_ONLINE, DownloadRetry
from .downloader import DATA, HEAD, WAITING
from .image_check import ImageCheck

_SOON = const(1000)  # milliseconds

_UNVERIFIED = const("update not verified, as allowed")

NO_ROOM = 5
"""Result, beside those of `nerveshub_link.update.downloader`: no memory for the connection."""
EXPIRED = 6
"""Result: the URL is not valid any more, see `ImageDownload.why`."""


class Offer:
    """
    An update that the server offers.

    :param dict payload: payload of an ``update`` event that offers firmware
    """

    def __init__(self, payload: dict) -> None:
        self.meta = payload["firmware_meta"]
        """Metadata, checked by `nerveshub_link.update.offer_check`."""
        self.uuid = self.meta.get("uuid")
        self.url = payload["firmware_url"]
        self.size = payload.get("size")
        """Length of the image in bytes, or None."""
        self.checksum = payload.get("checksum")
        """SHA-256 of the image, in lower-case hex after `nerveshub_link.update.offer.check`."""
        self.partials = payload.get("partials_checksums")
        """The parts' checksums, unchecked: see `nerveshub_link.update.image_check`."""
        self.for_deployment = payload.get("deployment_id") is not None
        """True for a deployment's update, which the server can offer again; False for a push."""
        self.problem = None
        """The exception with the reason why it can't be installed, or None."""

    def is_same_image(self, other) -> bool:
        """
        Tell whether another offer is for the same bytes.

        :param Offer other: an offer of the same uuid
        :return: True if size and checksum are known and equal
        """
        same = self.size == other.size and self.checksum == other.checksum
        return same and self.checksum is not None


class ImageDownload:
    """
    Downloads images, one after the other.

    :param Config config: its ``download_retries``, ``retry_delay``, ``download_timeout``,
        ``random`` and ``fwup_writer`` are used
    :param Downloader loader: the downloader
    :param log: function of level and text
    """

    def __init__(self, config, loader, log) -> None:
        self.loader = loader
        """The `Downloader`."""
        self._looked = None  # the last `now`: deadlines are checked once per millisecond
        self._config = config
        self._log = log
        self.retry = DownloadRetry(
            config.download_retries,
            config.retry_delay * 1000,
            config.download_timeout * 1000,
            config.random,
        )
        self.online = True
        """True while the device is joined; set by the caller."""
        self.close()

    def start(self, offer, now: int) -> None:
        """
        Begin a download.

        :param Offer offer: the offer
        :param int now: ticks in milliseconds
        :raises UpdateError: if the URL is invalid
        """
        self.retry.begin(now)
        self._take(offer)

    def _take(self, offer) -> None:
        self.loader.start(offer.url, offer.size, self)
        self._offer = offer
        self._check = ImageCheck(offer.checksum, offer.partials)
        self._wait = None
        self._begin_with_part()

    def _begin_with_part(self) -> None:
        first, size = getattr(self._config.fwup_writer, "fwup_first", 0), self._offer.size
        if size is not None and 0 < first < size:
            self.loader.fetch(0, first)

    def renew(self, offer) -> bool:
        """
        Continue at the new URL, after the same update was offered again. If the image differs, the
        download starts from zero.

        :param Offer offer: the newer offer
        :return: False if it is another image
        :raises UpdateError: if the URL is invalid
        """
        same = offer.is_same_image(self._offer)
        if same:
            loader = self.loader
            loader.renew(offer.url)
            self._offer = offer
            if loader.connects_next and not loader.received and not loader.stop:
                self._begin_with_part()  # it was refused since the URL had expired
        else:
            self._take(offer)
            self._log("warning", "another image is offered for the same update: starting again")
        return same

    def close(self) -> None:
        """Close the connection, release the downloader, drop the image. Never raises."""
        self.loader.release(self)
        self._offer = None
        self._check = None
        self._wait = None  # milliseconds to the next try, None during one
        self._since = None  # ticks when the wait began
        self.partial = False
        """True if parts of the image were left out, so that its checksum can't be computed."""
        self.alone = False
        """True while the download needs the WebSocket's memory: the link must stay closed."""
        self.why = ""
        """Text of the error of the last try."""

    @property
    def connects_next(self) -> bool:
        """True if the next step may connect, which blocks (read-only)."""
        return self._wait is None and self.loader.connects_next

    @property
    def paused(self) -> bool:
        """True between two tries (read-only)."""
        return self._wait is not None

    def joined(self) -> None:
        """Note that the device is online again, and continue a download that waits for that."""
        self.online = True
        if self._wait == WHEN_ONLINE:
            self.retry.online()
            self._wait = 0

    def step(self, now: int) -> int:
        """
        Do the next step.

        :param int now: ticks in milliseconds
        :return: as `Downloader.step`, but `HEAD` only when the image begins, or begins again; or
            `NO_ROOM` or `EXPIRED`
        :raises UpdateError: if the download has failed for good
        """
        if now != self._looked:
            self._looked = now
            self.retry.check(now)
        if self._wait is not None:
            self._pause(now)
            return WAITING
        loader = self.loader
        try:
            result = loader.step(now)
            if result == DATA:
                if not self.partial:
                    self._check.update(loader.data)
            elif result == HEAD:
                if loader.received:
                    return WAITING  # the image continues
                self.partial = False
                if loader.refusal is not None:
                    self._log("warning", "no parts from this server: ", printable(loader.refusal))
                    loader.refusal = None
                if not self._check.begin(loader.total):
                    self._log("warning", "partials_checksums are invalid, and ignored")
            return result
        except Exception as error:
            return self.broke(error, now)

    def fetch(self, span) -> None:
        """
        Request a part of the image next, when the previous one is complete or was interrupted.

        :param span: its ``start`` and ``stop``, as for `Downloader.fetch`; None if no more is
            needed
        """
        loader = self.loader
        start, stop = (loader.total, 0) if span is None else span
        if stop > loader.total:
            stop = 0  # the image is shorter than the writer expects: request up to its end
        if start != loader.received:
            self.partial = True
        loader.fetch(start, stop)

    def _pause(self, now: int) -> None:
        if self._since is None:
            self._since = now  # not earlier, since a failed connect has blocked
        if self._wait != WHEN_ONLINE and elapsed(now, self._since) >= self._wait:
            self._wait = None

    def verify(self, now: int) -> bool:
        """
        Verify the complete image.

        :param int now: ticks in milliseconds
        :return: False if the checksum differs, and the download starts from zero
        :raises UpdateError: if the checksum differs, and no further try is allowed
        """
        self.loader.hang_up()
        if self.partial:
            return True  # the writer verifies it
        try:
            self._check.finish()
            return True
        except Exception as error:
            self.broke(error, now, True)  # a hash can't continue after its digest was read
            return False

    @property
    def _signed(self) -> bool:
        return bool(getattr(self._config.fwup_writer, "public_keys", ()))

    @property
    def verdict(self) -> str:
        """Text for the log: what has verified the image (read-only)."""
        words = []
        if self._offer.checksum is not None and not self.partial:
            words.append("its checksum")
        if self.partial or self._signed:
            words.append("its signature")
        text = "update verified by " + " and ".join(words) if words else _UNVERIFIED
        if self.partial:
            travelled, total = self.loader.travelled, self.loader.total
            text += ": %d KB of %d KB travelled" % (-(-travelled // 1024), -(-total // 1024))
        return text

    def broke(self, error: Exception, now: int, lost: bool = False) -> int:
        """
        Handle a failed try: prepare the next one, if there is one.

        :param Exception error: the error
        :param int now: ticks in milliseconds
        :param bool lost: True if the received bytes can't be used, whatever ``error`` says. They
            are also lost if the last bytes were not taken: hash and writer may differ
        :return: `WAITING`, `NO_ROOM` or `EXPIRED`
        :raises UpdateError: (or ``error`` itself) if there is no next try
        """
        loader = self.loader
        lost = lost or loader.data is not None
        alone, self.alone = self.alone, False  # the link may reconnect during the pause
        if loader.connects_next and not lost and not alone and _is_scarce(error):
            self.alone = True
            return NO_ROOM
        then = getattr(error, "then", None)
        received, total = loader.received, loader.total
        if loader.stop and self.online and self.retry.is_last:
            # A proxy on the network path may close connections that request a part. This is not
            # assumed while the device is offline, since then the network causes the error.
            lost, loader.refusal = True, "they break off"
        # Before anything that may raise MemoryError: bytes after lost ones must not be accepted.
        unchecked = self._offer.checksum is None and not self._signed
        if lost or then == "restart" or unchecked:
            loader.restart()  # without a check, a mix of two images would not be detected
        else:
            loader.hang_up()
        try:
            if loader.html and then is not None:
                error = DownloadError(describe(error) + " (the server calls it text/html)", then)
            self.why = describe(error)
        except Exception as another:
            keep_timeout(another)
            self.why = "no memory for the reason"
        if then == "renew":
            return EXPIRED
        # If the link had to close the connection for this download, that does not mean "offline".
        online = self.online or alone
        self._since = None
        self._wait = _SOON  # if there is no memory to compute the delay
        try:
            self._wait = self.retry.after(error, received, now, online, lost)
        except MemoryError:
            if self.retry.over:
                raise
        wait = self._wait
        try:
            words = "download broke off at %d of %d bytes: %s; next try " % (
                received,
                total,
                self.why,
            )
            words += "when online" if wait == WHEN_ONLINE else "in %d s" % (wait // 1000)
            self._log("warning", words)
        except Exception as another:
            keep_timeout(another)  # without memory for the log line, the retry happens anyway
        return WAITING


def _is_scarce(error: Exception) -> bool:
    """Tell whether there was no memory for the connection."""
    return isinstance(error, MemoryError) or getattr(error, "no_memory", False)
