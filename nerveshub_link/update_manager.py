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

Contracts with the server (its ``lib/nerves_hub/firmware_updates.ex``): a status that it does not
know, a progress that is no integer, and a ``failed`` for an update that it has forgotten crash its
channel. It forgets an update after 30 minutes without a change, and when the device joins without
``currently_downloading_uuid``. So after 25 minutes of silence nothing is reported any more until
the server offers the update again.
"""

import hashlib

from micropython import const

from . import downloader as download
from .errors import UpdateError, describe

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
_FORGOTTEN = const(25 * 60 * 1000)
_PROGRESS_INTERVAL = const(500)
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
        self._pending = []  # reports that could not be sent yet
        self._reporting = False
        self._changed = 0  # ticks of the last report
        self._clear()

    def _clear(self) -> None:
        self._meta = None
        self._uuid = None
        self._hash = None
        self._begun = False
        self._doing = "update"  # for the reason, should it fail
        self._percent = -1
        self._stage = ""

    @property
    def active(self) -> bool:
        """True if `step` has work to do (read-only)."""
        return IDLE < self.state < INSTALLED

    @property
    def connects_next(self) -> bool:
        """True if the next `step` will connect, which blocks (read-only)."""
        return self.state == DOWNLOADING and self._downloader.connects_next

    def downloading_uuid(self, now: int):
        """
        Return what a join reports as ``currently_downloading_uuid``: the uuid of the update in
        hand, or of one whose last word the server has not heard; None if there is none, or the
        server has forgotten it.
        """
        if self.state == IDLE and not self._pending:
            return None
        self._check_forgotten(now)
        return self._uuid if self._reporting else None

    def _check_forgotten(self, now: int) -> bool:
        if not self._reporting or (now - self._changed) & _TICKS < _FORGOTTEN:
            return False
        self._reporting = False
        self._pending = []
        return True

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
            if uuid == self._uuid and not self._reporting:
                self._reporting = True
                self._begin_reports(now)  # it had forgotten us, and has a new entry now
                self._status(now, "started" if self.state < REPORTING else "completed")
            elif self.state == INSTALLED and uuid != self._uuid:
                answer = {"status": "rescheduled", "delay_for": _RESTART_DELAY}
                answer["reason"] = "a restart into other firmware is due"
                self._push("status_update", answer)
            return
        self._clear()
        self._meta, self._uuid = meta, uuid
        self._reporting = True
        self._begin_reports(now)
        try:
            self._decide(payload, url, now)
        except Exception as error:
            self._fail(error, now)

    def _begin_reports(self, now: int) -> None:
        self._pending = []
        self._status(now, "received")

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
            self._status(now, "started")
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
        self._status(now, status, reason, delay)

    def joined(self, now: int) -> None:
        """Send what could not be sent while the device topic was not joined."""
        pending, self._pending = self._pending, []
        for event, payload in pending:
            self._report(now, event, payload)

    # What the server hears

    def _status(self, now: int, status: str, reason=None, delay=None) -> None:
        payload = {"status": status}
        if status == "started":
            payload["downloader_network_interface"] = self._config.network_interface
        if reason is not None:
            payload["reason"] = reason
        if delay is not None:
            payload["delay_for"] = delay
        self._report(now, "status_update", payload)

    def _progress(self, now: int, percent: int, stage: str) -> None:
        if stage == self._stage:
            if percent == self._percent:
                return
            if percent < 100 and (now - self._progressed) & _TICKS < _PROGRESS_INTERVAL:
                return
        self._stage, self._percent, self._progressed = stage, percent, now
        self._call(self._config.client.fwup_progress, percent, stage)
        self._report(now, "fwup_progress", {"value": percent, "stage": stage})

    def _report(self, now: int, event: str, payload: dict) -> None:
        if not self._reporting:
            return
        if not self._pending and self._push(event, payload):
            self._changed = now
            return
        if event == "fwup_progress" and self._pending and self._pending[-1][0] == event:
            self._pending.pop()  # only the latest progress is worth keeping
        self._pending.append((event, payload))

    # The work

    def step(self, now: int):
        """
        Do the next bit of work: one chunk at most.

        :param int now: ticks in milliseconds
        :return: None, `NEED_ROOM`, `REJOIN` or `REBOOT`
        """
        self._doing = "download"
        try:
            if self.state == DOWNLOADING:
                if self._check_forgotten(now):
                    return REJOIN
                self._download(now)
            elif self.state == VERIFYING:
                self._verify(now)
            elif self.state == INSTALLING:
                self._install(now)
            elif not self._pending or (now - self._installed) & _TICKS >= _REPORT_TIMEOUT:
                self.state = INSTALLED
                return REBOOT
        except Exception as error:
            if self.connects_next and not self.alone and _is_scarce(error):
                self.alone = True
                return NEED_ROOM
            self._fail(error, now)
        return None

    def _download(self, now: int) -> None:
        loader = self._downloader
        if loader.connects_next:
            self._call(
                self._config.client.handle_blocking, "download", self._config.connect_timeout
            )
        result = loader.step(now)
        if result == download.DATA:
            data = loader.data
            self._hash.update(data)
            self._doing = "fwup_chunk"
            self._config.fwup_writer.fwup_chunk(data)
            percent = loader.received * 100 // loader.total
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
        self.state = REPORTING
        self.alone = False
        self._installed = now
        self._progress(now, 100, "updating")
        self._status(now, "completed")
        self._log("info", "update installed")

    def _fail(self, error: Exception, now: int) -> None:
        reason = self._doing + ": " + describe(error)
        self.abort()
        self._log("error", "update failed: " + reason)
        self._status(now, "failed", reason)
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
