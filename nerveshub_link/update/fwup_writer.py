# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.update.fwup_writer`
====================================================

The port to the flash: a class that stores firmware implements `FwupWriter`. The update manager
downloads and verifies; a writer only writes, and keeps the metadata of installed firmware.

The order of calls is ``fwup_begin``, ``fwup_chunk`` for each piece, then either ``fwup_finish``,
after length and checksum were verified, or ``fwup_abort``. ``fwup_chunk`` and ``fwup_finish`` may
return False to be called again at the next ``poll()``. If the download starts from zero again,
``fwup_abort`` and ``fwup_begin`` are called again. Any of them may raise: the update is then
aborted and reported as failed with the exception's text.

A writer that verifies signatures, and needs only parts of an image, sets ``fwup_first``. Then
``fwup_next`` is called after each part, and the next part comes by ``fwup_chunk``.
"""


class FwupWriter:
    """
    Base class of writers. Override ``fwup_begin``, ``fwup_chunk`` and ``fwup_finish`` at least.
    """

    installed = 0
    """
    Number of the running installation, counted by the writer; 0 if it does not count. Of several
    writers, the metadata of the one with the greatest number is reported.
    """

    next_install = 0
    """
    Minimum of the next installation's number. Set before `fwup_begin` if there are several writers,
    so that their numbers can be compared.
    """

    by_deployment = False
    """
    True if a deployment brought the update, False if it was pushed by hand. Set before
    `fwup_begin`.
    """

    blocks_next = 0
    """
    Seconds that the next `fwup_chunk` may block, such as to erase a whole bank. Read before each
    call, also before calls without bytes: the link sends a heartbeat first, and calls
    `Client.handle_blocking` with ``"erase"``.
    """

    fwup_first = 0
    """
    0 if the writer needs the whole image. A writer that needs only parts of it, and verifies them
    by a signature, sets the number of first bytes that it needs; then `fwup_next` is called for the
    next part. Read once for each update. The server's checksum is that of the whole image: if parts
    are left out, only the writer verifies the update.
    """

    public_keys = ()
    """
    Public keys, each 32 bytes, by one of which this writer wants images to be signed; empty if it
    checks no signatures. An image whose signature the writer checks needs no checksum of the
    server. Archives are verified by the same keys.
    """

    finished_percent = 0
    """Progress of `fwup_finish`, 0 to 100, after it has returned False."""

    _dog = None  # `app_watchdog.Watchdog`, where there is one to feed

    @property
    def watchdog_seconds(self):
        """
        Seconds within which `poll` must be called again, since it feeds a watchdog; None without a
        watchdog (read-only). `NervesHubLink` calls `poll` before each step that blocks, and limits
        each wait of a connect to a quarter of this time.
        """
        return None if self._dog is None else self._dog.seconds

    log_of_link = None
    """The function by which the link has replaced ``log``."""

    def log(self, level: str, message: str) -> None:
        """
        Log a line. For the writer to call: the link replaces it by its own function (`give_log`),
        unless the writer has another one.

        :param str level: ``"debug"``, ``"info"``, ``"warning"`` or ``"error"``
        :param str message: the line
        """

    def firmware_meta(self):
        """
        Return the metadata of the running firmware, which the device reports when it joins.

        :return: dict with ``uuid``, ``product``, ``architecture``, ``version``, ``platform`` and
            optionally ``author``, ``description``, ``vcs_identifier``, ``misc``; or None to use the
            option ``firmware_meta``
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
        Tell whether the device went back to this firmware because a newer one failed.

        :return: True until the next update is installed
        """
        return False

    def last_failure(self):
        """
        Return the failure of earlier starts; it is logged when the device joins.

        :return: a text, such as the reset's reason and a traceback; None without a failure
        """
        return None

    def poll(self) -> bool:
        """
        Check deadlines, such as that of a trial, and call `feed`. Called some 40 times a second,
        also during an update; it must not allocate when idle.

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
        Arm the board's watchdog for the application: it resets the board if `NervesHubLink.poll` is
        not called for so long. Only ``poll()`` feeds it, during a trial and afterwards, so the
        board goes back from a release that hangs or never polls. (A release that feeds
        ``microcontroller.watchdog`` itself is not detected.)

        During a trial, for which the launcher arms the watchdog, too, the shorter of both timeouts
        is used; from the confirmation on, this one.

        :param int seconds: from 1 to 86400; longer than your main loop ever needs from one
            ``poll()`` to the next
        :return: True if it is armed; False on a machine without a watchdog, such as on CPython
        :raises ValueError: if ``seconds`` is wrong, or more than this chip's watchdog can wait
        """
        from .app_watchdog import watch  # noqa: PLC0415 not every application wants one

        self._dog = watch(self._dog, seconds)
        return self._dog is not None

    def fwup_accepts(self, first, conf) -> bool:
        """
        Tell whether this writer accepts an image, to choose one of several writers.

        :param first: the image's first bytes, at least 4, bytes or a memoryview
        :param str conf: the text of the archive's ``meta.conf`` if it is a ``.fw``, else None
        :return: True if it does
        """
        return True

    def fwup_check(self, meta: dict, deployment: bool):
        """
        Decide about an update before the application does: for example to wait until the running
        firmware is confirmed, or to refuse firmware that crashed here. If this raises, it is
        logged, and the application decides.

        :param dict meta: as in `Client.update_available`
        :param bool deployment: True for a deployment's update, False for one pushed by hand
        :return: None to let the application decide; else `ignore` or `reschedule`
        """
        return None

    def fwup_begin(self, size, meta: dict) -> None:
        """
        Prepare for new firmware. The running firmware must stay bootable until `fwup_finish`.

        :param int size: its length in bytes
        :param dict meta: its metadata, as in `Client.update_available`
        """
        raise NotImplementedError("fwup_begin")

    def fwup_chunk(self, data: memoryview):
        """
        Write the next bytes.

        Long work must be done in pieces: a writer that returns False is called again at the next
        ``poll()``, with an empty memoryview, until it returns something else. Until then the bytes
        of the first call stay valid, nothing more is downloaded, and the link goes on.

        :param memoryview data: at most ``chunk_size`` bytes, valid until this returns anything
            but False
        :return: False if there is more work; None or True if the bytes are written
        :raises DownloadError: if the bytes are wrong, and another download may bring the right
            ones: it starts from zero, twice at most
        """
        raise NotImplementedError("fwup_chunk")

    def fwup_next(self, received: int, kept: bool):
        """
        Return the part of the image that is needed next. Called only if `fwup_first` is not 0: when
        all bytes of a part were written, and when the download of a part was interrupted. A server
        that does not support parts sends the whole image instead: then `fwup_abort` and
        `fwup_begin` are called, and `fwup_next` is not called again for this update.

        :param int received: bytes of the image that were written, including those left out
        :param bool kept: False if a further part needs another connection, which blocks
        :return: ``(start, stop)`` to get the bytes from ``start`` to ``stop - 1`` next; ``start``
            may be less than ``received``, to get bytes again. With a ``stop`` of 0 the whole rest
            comes, and if nothing was left out, the server's checksum is verified. If there is more
            work before: False, or the number of bytes of the image that are complete, for the
            progress; it is called again at the next ``poll()``. None if no more is needed
        :raises DownloadError: as `fwup_chunk`
        """
        return received, 0

    def fwup_finish(self):
        """
        Install the firmware, whose bytes were all written and verified. It runs from the next start
        on. Long work, such as reading the image back, must be done in pieces.

        :return: False if there is more work: the link calls it again at its next ``poll()``, and
            reports `finished_percent`; None or True if it is done
        """
        raise NotImplementedError("fwup_finish")

    def fwup_abort(self) -> None:
        """
        Drop the written bytes; `fwup_begin` may follow. Also called after `fwup_begin` or
        `fwup_finish` has raised.
        """

    def fwup_confirm(self) -> None:
        """Confirm the running firmware: it has reached NervesHub and runs well."""


def give_log(writer, log) -> None:
    """
    Let a writer log through the link, unless its class or the application has replaced ``log``.

    :param FwupWriter writer: the writer
    :param log: function of level and text
    """
    kept = writer.__dict__.get("log")
    given = kept is None or kept is getattr(writer, "log_of_link", None)
    inherited = getattr(type(writer), "log", FwupWriter.log) is FwupWriter.log
    if given and inherited:
        writer.log = writer.log_of_link = log
