# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.update_manager`
====================================================

An update from the server's word to the restart, and the only place that commits or aborts one.

=============  ==========================================  ======================================
state          what one step does                          what the server hears
=============  ==========================================  ======================================
`IDLE`         nothing; `UpdateManager.offer` begins       ``received``, then ``started``, or
                                                           ``ignored`` or ``rescheduled``
`DOWNLOADING`  moves one chunk: network, hash, writer      progress, stage ``downloading``
`VERIFYING`    compares the checksum                       progress, stage ``updating``
`INSTALLING`   ``fwup_finish``                             ``completed``
`REPORTING`    waits for the server to be told, a minute   (what could not be sent before)
`INSTALLED`    nothing: the restart is due
`CLOSED`       nothing: the link was closed
=============  ==========================================  ======================================

From every state before `REPORTING` any failure leads to ``fwup_abort``, ``failed`` with the
reason, and `IDLE`.

What the server hears, and when it must not hear anything, `nerveshub_link.update_reports` knows.
"""

import hashlib

from micropython import const

from . import downloader as download
from .errors import UpdateError, describe
from .update_reports import UpdateReports

IDLE = 0
DOWNLOADING = 1
VERIFYING = 2
INSTALLING = 3
REPORTING = 4
INSTALLED = 5
CLOSED = 6

NEED_ROOM = 1
"""
Action: close the WebSocket; there is no memory for a second connection until this one is done.
"""
REJOIN = 2
"""Action: the server may have forgotten the update; join the device topic again."""
REBOOT = 3
"""Action: restart into the new firmware."""

_TICKS = const((1 << 29) - 1)
_REPORT_TIMEOUT = const(60 * 1000)
_RETRY_DELAY = const(60 * 60 * 1000)  # after update_available raised
_RESTART_DELAY = const(5 * 60 * 1000)  # if another update is offered before the restart


class UpdateManager:
    """
    Runs one update at a time.

    :param Config config: ``client``, ``fwup_writer``, ``allow_unverified``, ``network_interface``,
        ``connect_timeout``
    :param Downloader downloader: fetches the image
    :param push: function of event and payload that sends to the device topic, False if not joined
    :param call: function that calls a callback of the user and survives its exceptions
    :param log: function of level and text
    """

    def __init__(self, config, downloader, push, call, log) -> None:
        self._config = config
        self._downloader = downloader
        self._push = push
        self._call = call
        self._log = log
        self.state = IDLE
        """One of the states above."""
        self.alone = False
        """True while the download needs the memory of the WebSocket: do not reconnect."""
        self.blocked = False
        """True if the last `step` tried to connect, which takes its time."""
        self._reports = UpdateReports(push, config.network_interface)
        self._clear()

    def _clear(self) -> None:
        self._meta = None
        self._uuid = None
        self._hash = None
        self._begun = False
        self._doing = "update"  # for the reason, should it fail
        self._percent = -1

    @property
    def active(self) -> bool:
        """True if `step` has work to do (read-only)."""
        return IDLE < self.state < INSTALLED

    @property
    def percent(self) -> int:
        """How far the present stage is, 0 to 100; -1 if that is not known (read-only)."""
        return self._percent

    def downloading_uuid(self, now: int):
        """
        Return what a join reports as ``currently_downloading_uuid``: the uuid of the update in
        hand, or of one whose last word the server has not heard; None if there is none, or the
        server has forgotten it.
        """
        if self.state == IDLE and not self._reports.waiting:
            return None
        self._reports.forgotten(now)
        return self._reports.uuid if self._reports.on else None

    def joined(self, now: int) -> None:
        """Send what could not be sent while the device topic was not joined."""
        self._reports.flush(now)

    # What the server says

    def offer(self, payload: dict, now: int) -> None:
        """
        Handle the server's ``update``. During an update this does nothing.

        :param dict payload: the message
        :param int now: ticks in milliseconds
        """
        meta = payload.get("firmware_meta")
        url = payload.get("firmware_url")
        if payload.get("update_available") is not True or not isinstance(meta, dict) or not url:
            self._log("debug", "update: nothing to do")
            return
        uuid = meta.get("uuid")
        if self.state != IDLE:
            self._offer_again(uuid, now)
            return
        self._clear()
        self._meta, self._uuid = meta, uuid
        self._reports.begin(uuid, now)
        try:
            self._decide(payload, url, now)
        except Exception as error:
            self._fail(error, now)

    def _offer_again(self, uuid, now: int) -> None:
        reports = self._reports
        if uuid == self._uuid and not reports.on:
            reports.begin(uuid, now)  # the server had forgotten it
            reports.status("started" if self.state < REPORTING else "completed", now)
        elif uuid != self._uuid and self.state == INSTALLED:
            answer = {"status": "rescheduled", "delay_for": _RESTART_DELAY}
            answer["reason"] = "a restart into other firmware is due"
            self._push("status_update", answer)

    def _decide(self, payload: dict, url: str, now: int) -> None:
        config = self._config
        if not isinstance(self._uuid, str):
            raise UpdateError("the update has no uuid")
        if self._uuid == self._running_uuid():
            self._decline(now, "ignored", "this firmware is running already")
            return
        if config.fwup_writer is None:
            self._decline(now, "ignored", "the device has no fwup_writer")
            return
        self._checksum = _checksum(payload.get("checksum"), config.allow_unverified)
        size = payload.get("size")
        if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size <= 0):
            raise UpdateError("the update has a bad size")
        try:
            decision = config.client.update_available(self._meta)
            kind, reason, delay = decision.kind, decision.reason, decision.delay
        except Exception as error:
            self._log("error", "update_available: " + describe(error))
            kind, reason, delay = "reschedule", "update_available: " + describe(error), _RETRY_DELAY
        if self.state == CLOSED:
            return  # by the callback
        if kind == "apply":
            self._downloader.start(url, size)
            self._hash = hashlib.new("sha256")
            self.state = DOWNLOADING
            self._reports.status("started", now)
        elif kind == "reschedule":
            self._decline(now, "rescheduled", reason, delay)
        else:
            self._decline(now, "ignored", reason)

    def _running_uuid(self):
        try:
            return (self._config.running_meta() or {}).get("uuid")
        except Exception as error:
            self._log("error", "firmware_meta: " + describe(error))
            return None

    def _decline(self, now: int, status: str, reason: str, delay=None) -> None:
        self._log("info", "update " + status + ": " + reason)
        self._reports.status(status, now, reason, delay)

    def _progress(self, now: int, percent: int, stage: str) -> None:
        if self.state == CLOSED:
            return  # by the writer
        self._percent = percent
        if self._reports.progress(percent, stage, now):
            self._call(self._config.client.fwup_progress, percent, stage)

    # The work

    def step(self, now: int):
        """
        Do the next bit of work: one chunk at most.

        :param int now: ticks in milliseconds
        :return: None, `NEED_ROOM`, `REJOIN` or `REBOOT`
        """
        self._doing = "download"
        self.blocked = False
        try:
            if self.state == DOWNLOADING:
                if self._reports.forgotten(now):
                    return REJOIN
                self._download(now)
            elif self.state == VERIFYING:
                self._verify(now)
            elif self.state == INSTALLING:
                self._install(now)
            elif not self._reports.waiting or (now - self._installed) & _TICKS >= _REPORT_TIMEOUT:
                self.state = INSTALLED
                return REBOOT
        except Exception as error:
            if self.state >= REPORTING:
                # It is installed, or nobody's business any more: no failure of the update.
                self._log("error", self._doing + ": " + describe(error))
                return None
            connecting = self.state == DOWNLOADING and self._downloader.connects_next
            if connecting and not self.alone and _is_scarce(error):
                self.alone = True
                return NEED_ROOM
            self._fail(error, now)
        return None

    def _download(self, now: int) -> None:
        loader = self._downloader
        if loader.connects_next:
            self.blocked = True
            self._call(
                self._config.client.handle_blocking, "download", self._config.connect_timeout
            )
            if self.state == CLOSED:
                return  # by the callback
        result = loader.step(now)
        if result == download.DATA:
            data = loader.data
            percent = loader.received * 100 // loader.total
            self._hash.update(data)
            self._doing = "fwup_chunk"
            self._config.fwup_writer.fwup_chunk(data)
            if percent != self._percent:
                self._progress(now, percent, "downloading")
        elif result == download.HEAD:
            self._begun = True  # before the call: if it fails half-way, that is for fwup_abort
            self._doing = "fwup_begin"
            self._config.fwup_writer.fwup_begin(loader.total, self._meta)
            self._progress(now, 0, "downloading")
        elif result == download.DONE:
            self.state = VERIFYING  # the last chunk has told of 100 %

    def _verify(self, now: int) -> None:
        self._doing = "verify"
        self._downloader.close()
        found = self._hash.digest().hex()
        self._hash = None
        if self._checksum is not None and found != self._checksum:
            raise UpdateError("checksum is %s, should be %s" % (found, self._checksum))
        self._log(
            "info", "update verified" if self._checksum else "update not verified, as allowed"
        )
        self.state = INSTALLING
        self._progress(now, 0, "updating")

    def _install(self, now: int) -> None:
        self._doing = "fwup_finish"
        self._config.fwup_writer.fwup_finish()
        if self.state == CLOSED:
            return  # by the writer
        self.state = REPORTING
        self.alone = False
        self._installed = now
        self._progress(now, 100, "updating")
        self._reports.status("completed", now)
        self._log("info", "update installed")

    def _fail(self, error: Exception, now: int) -> None:
        reason = self._doing + ": " + describe(error)
        self.abort()
        self._log("error", "update failed: " + reason)
        self._reports.status("failed", now, reason)
        self._call(self._config.client.fwup_error, reason)

    def abort(self) -> None:
        """Drop the update under way, without a word to the server. Never raises."""
        self._downloader.close()
        self._hash = None
        self.alone = False
        if self._begun and self.state < REPORTING:
            self._call(self._config.fwup_writer.fwup_abort)
        self._begun = False
        if self.state < REPORTING:
            self.state = IDLE

    def close(self) -> None:
        """Drop the update under way, and take no other. Never raises."""
        self.abort()
        self.state = CLOSED


def _is_scarce(error: Exception) -> bool:
    """Was there no memory for the connection?"""
    return isinstance(error, MemoryError) or getattr(error, "no_memory", False)


def _checksum(value, allow_unverified: bool):
    """The checksum in lower case. NervesHub sends upper case, and None for very old firmware."""
    if value is None and allow_unverified:
        return None
    if value is None:
        raise UpdateError("the update has no checksum, and allow_unverified is off")
    checksum = value.lower() if isinstance(value, str) else ""
    if len(checksum) != 64 or checksum.strip("0123456789abcdef"):
        raise UpdateError("the update's checksum is no SHA-256")
    return checksum
