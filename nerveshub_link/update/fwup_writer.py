# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.update.fwup_writer`
====================================================

The port to the flash: what stores firmware implements `FwupWriter`. The update manager downloads
and verifies; a writer only writes, and knows what is installed.

The order of calls is ``fwup_begin``, ``fwup_chunk`` for each piece, then either ``fwup_finish``,
after length and checksum proved right, or ``fwup_abort``. ``fwup_chunk`` and ``fwup_finish`` may
return False to be called again at the next ``poll()``. A download that has to start from zero again
is another ``fwup_abort`` and ``fwup_begin``. Any of them may raise: the update is then
aborted and reported as failed with the exception's text.

A writer that verifies signatures, and needs only parts of an image, says so by ``fwup_first``.
Then ``fwup_next`` is called when a part was taken, and the next part comes by ``fwup_chunk``.
"""


class FwupWriter:
    """
    Base class of writers. Override ``fwup_begin``, ``fwup_chunk`` and ``fwup_finish`` at least.
    """

    installed = 0
    """
    Number of the install that runs now, counted by the writer; 0 if it does not count. Of several
    writers, the one with the greatest tells what the device reports as running.
    """

    next_install = 0
    """
    Number that the next install gets at least. Set before `fwup_begin` where there are several
    writers: only then can their numbers be compared.
    """

    by_deployment = False
    """
    True if a deployment brought the update, False if it was pushed by hand. Set before
    `fwup_begin`.
    """

    blocks_next = 0
    """
    Seconds that the next `fwup_chunk` may block, such as for the erase of a whole bank. Asked
    before each call of it, also of those without bytes: the link sends a heartbeat first, and calls
    `Client.handle_blocking` with ``"erase"``.
    """

    public_keys = ()
    """
    If the writer takes signed releases only: the keys by one of which they must be signed, each 32
    bytes. An update needs no checksum of the server then.
    """

    fwup_first = 0
    """
    0 if the writer takes the image whole. A writer that can do with parts of it, and verifies them
    by a signature, says how many of the first bytes it wants to see; then `fwup_next` is asked for
    the next part. Asked once for each update. The server's checksum is that of the whole: where
    parts are left out, what the writer verifies is all that is verified.
    """

    public_keys = ()
    """
    Public keys, each 32 bytes, by one of which this writer wants images to be signed; empty if it
    checks no signatures. An image whose signature the writer checks needs no checksum of the
    server. Archives are verified by the same keys.
    """

    finished_percent = 0
    """How far `fwup_finish` has come, 0 to 100, if it has returned False."""

    _dog = None  # `app_watchdog.Watchdog`, where there is one to feed

    @property
    def watchdog_seconds(self):
        """
        Seconds within which `poll` must be called again, since it feeds a watchdog; None while
        there is none (read-only). `NervesHubLink` calls `poll` before each step that blocks, and
        waits for a connect for a quarter of this time at most.
        """
        return None if self._dog is None else self._dog.seconds

    log_of_link = None
    """What the link has put in the place of ``log``."""

    def log(self, level: str, message: str) -> None:
        """
        Log a line. Call it: the link puts its own in this place (`give_log`), unless the writer
        was given another one.

        :param str level: ``"debug"``, ``"info"``, ``"warning"`` or ``"error"``
        :param str message: the line
        """

    def firmware_meta(self):
        """
        Tell what is running now, which is what the device reports when it joins.

        :return: dict with ``uuid``, ``product``, ``architecture``, ``version``, ``platform`` and
            optionally ``author``, ``description``, ``vcs_identifier``, ``misc``; or None if this
            writer does not know: the option ``firmware_meta`` serves then
        """
        return None

    def firmware_validated(self) -> bool:
        """
        Tell whether the running firmware has been confirmed.

        :return: False from the first start of a new firmware until `fwup_confirm`
        """
        return True

    def firmware_auto_reverted(self) -> bool:
        """
        Tell whether the device went back to this firmware because a newer one proved bad.

        :return: True until the next update is installed
        """
        return False

    def last_failure(self):
        """
        Tell what went wrong in earlier starts; it is logged when the device joins.

        :return: a text, such as the reset's reason and a traceback; None if there is nothing
        """
        return None

    def poll(self) -> bool:
        """
        Do what time demands: call `feed`, and count the time of a trial, for example. Called some
        40 times a second, also during an update; it must not allocate when idle.

        :return: True if the device should restart now
        """
        self.feed()
        return False

    def feed(self) -> None:
        """Feed the watchdog that `watchdog` has armed; a writer's `poll` calls it."""
        dog = self._dog
        if dog is not None:
            dog.feed()

    def watchdog(self, seconds: int) -> bool:
        """
        Arm the board's watchdog for the application: if `NervesHubLink.poll` is not called for so
        long, the board is reset. Only that feeds it, during a trial and afterwards, and so a
        release that hangs, or that runs on and never polls, goes back. (A release that feeds
        ``microcontroller.watchdog`` itself can't be found out.)

        During a trial that the launcher guards with a watchdog of its own, the shorter of both
        timeouts holds; from the confirmation on, this one.

        :param int seconds: from 1 to 86400; longer than your main loop ever needs from one
            ``poll()`` to the next
        :return: True if it is armed; False where there is none, such as on CPython
        :raises ValueError: if ``seconds`` is wrong, or more than this chip's watchdog can wait
        """
        from .app_watchdog import watch  # noqa: PLC0415 not every application wants one

        self._dog = watch(self._dog, seconds)
        return self._dog is not None

    def fwup_accepts(self, first, conf) -> bool:
        """
        Tell whether this writer takes an image, so that one of several can be chosen.

        :param first: the image's first bytes, at least 4, bytes or a memoryview
        :param str conf: the text of the archive's ``meta.conf`` if it is a ``.fw``, else None
        """
        return True

    def fwup_check(self, meta: dict, deployment: bool):
        """
        Judge an update before the application is asked: a running firmware that is not confirmed
        yet may want to wait, and one that crashed here need not be tried again. If this raises, it
        is logged, and the application is asked.

        :param dict meta: as in `Client.update_available`
        :param bool deployment: True for a deployment's update, False for one pushed by hand
        :return: None to leave it to the application; else `ignore` or `reschedule`
        """
        return None

    def fwup_begin(self, size, meta: dict) -> None:
        """
        Get ready for a new firmware. What runs must stay bootable all the while.

        :param int size: its length in bytes
        :param dict meta: its metadata, as in `Client.update_available`
        """
        raise NotImplementedError("fwup_begin")

    def fwup_chunk(self, data: memoryview):
        """
        Write the next bytes.

        What takes long is done in pieces: a writer that returns False is called again at the next
        ``poll()``, with an empty memoryview, until it returns something else. Until then the bytes
        stay as they are, nothing more is downloaded, and the link goes on.

        :param memoryview data: at most ``chunk_size`` bytes, valid until this returns anything
            but False
        :return: False if there is more to do with them; None or True if they were taken
        :raises DownloadError: if the bytes are wrong, and another download may bring the right
            ones: it starts from zero, twice at most
        """
        raise NotImplementedError("fwup_chunk")

    def fwup_next(self, received: int, kept: bool):
        """
        Tell which part of the image is needed next. Called only if `fwup_first` is not 0: when all
        bytes of a part were taken, and when the download broke off within it. The answer to it may
        be the whole image all the same, where a server knows no parts: then `fwup_abort` and
        `fwup_begin` come first, and `fwup_next` is called no more for this update.

        :param int received: bytes of the image that were taken, with those that were left out
        :param bool kept: False if a further part needs another connection, which blocks
        :return: (start, stop): the bytes from ``start`` to ``stop - 1``, which come next; ``start``
            may lie before ``received`` by what the writer wants to see again. With a ``stop`` of 0
            all that is left comes, and if nothing was left out, the server's checksum counts. False
            if there is more to do before, or for the progress, how many bytes of the image are
            there by now, whatever way they came: it is called again at the next ``poll()``. None if
            no more is needed
        :raises DownloadError: as `fwup_chunk`
        """
        return received, 0

    def fwup_finish(self):
        """
        Commit: all bytes were written and verified. Takes effect at the next start.

        What takes long, such as reading the image back, is done in pieces, so that the link goes on
        meanwhile.

        :return: False if there is more to do: the link calls it again at its next ``poll()``, and
            reports `finished_percent`; None or True if it is done
        """
        raise NotImplementedError("fwup_finish")

    def fwup_abort(self) -> None:
        """
        Drop what was written; `fwup_begin` may follow. Also called when `fwup_begin` itself or
        `fwup_finish` raised.
        """

    def fwup_confirm(self) -> None:
        """Keep the running firmware: it reached NervesHub and runs well."""


def give_log(writer, log) -> None:
    """
    Let a writer log through the link, unless it has a log of its own: a method of its class, or
    one that the application has put there.

    :param FwupWriter writer: the writer
    :param log: function of level and text
    """
    kept = writer.__dict__.get("log")
    given = kept is None or kept is getattr(writer, "log_of_link", None)
    inherited = getattr(type(writer), "log", FwupWriter.log) is FwupWriter.log
    if given and inherited:
        writer.log = writer.log_of_link = log
