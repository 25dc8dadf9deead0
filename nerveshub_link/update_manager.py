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
`RENEWING`     the URL has expired: joins the device       nothing; the server forgets the update,
               topic anew, waits for the offer anew, then  and offers it again: ``received``,
               `DOWNLOADING`                               ``started``
`DOWNLOADING`  moves one chunk: network, hash, writer; or  progress, stage ``downloading``
               waits for the next try
`VERIFYING`    compares the checksum; if it is wrong,      progress, stage ``updating``
               `DOWNLOADING` from zero, twice at most
`INSTALLING`   ``fwup_finish``                             ``completed``
`REPORTING`    waits for the server to be told, a minute   (what could not be sent before)
`INSTALLED`    nothing: the restart is due
`CLOSED`       nothing: the link was closed
=============  ==========================================  ======================================

Any failure before `REPORTING` leads to ``fwup_abort``, ``failed`` with the reason, and `IDLE`. That
a try to download failed is none: `nerveshub_link.image_download` has further ones.

What the server hears, and when it must not hear anything, `nerveshub_link.update_reports` knows.
"""

from micropython import const

from .downloader import DATA, DONE, HEAD
from .errors import UpdateError, describe
from .image_download import EXPIRED, NO_ROOM, ImageDownload
from .ticks import elapsed
from .update_offer import Offer, decide, is_offer
from .update_reports import UpdateReports

IDLE = 0
RENEWING = 1
DOWNLOADING = 2
VERIFYING = 3
INSTALLING = 4
REPORTING = 5
INSTALLED = 6
CLOSED = 7

NEED_ROOM = 1
"""
Action: close the WebSocket; there is no memory for a second connection until this one is done.
"""
REJOIN = 2
"""
Action: the server may have forgotten the update, or is to forget it; join the device topic again.
"""
REBOOT = 3
"""Action: restart into the new firmware."""
BLOCKS = 4
"""Action: one of the next steps blocks for long; let the server hear a heartbeat before it."""

_REPORT_TIMEOUT = const(60 * 1000)
_RESTART_DELAY = const(5 * 60 * 1000)  # if another update is offered before the restart
_RENEWAL = const(5 * 60 * 1000)  # the server looks every 140 s whom it has to offer something


class UpdateManager:
    """
    Runs one update at a time.

    :param Config config: ``client``, ``fwup_writer``, ``allow_unverified``, ``network_interface``,
        ``connect_timeout``, ``download_retries``, ``retry_delay``, ``download_timeout``, ``random``
    :param Downloader downloader: fetches the image
    :param push: function of event and payload that sends to the device topic, False if not joined
    :param call: function that calls a callback of the user and survives its exceptions
    :param log: function of level and text
    """

    def __init__(self, config, downloader, push, call, log) -> None:
        self._config = config
        self._image = ImageDownload(config, downloader, log)
        self._push = push
        self._call = call
        self._log = log
        self.state = IDLE
        """One of the states above."""
        self.blocked = False
        """True if the last `step` tried to connect, which takes its time."""
        self._reports = UpdateReports(push, config.network_interface)
        self._clear()

    def _clear(self) -> None:
        self._offer = None
        self._renewed = False  # has one URL expired already?
        self._asked = False  # has a join told since that nothing is being downloaded?
        self._begun = False
        self._announced = False  # that the writer blocks
        self._doing = "update"  # for the reason, should it fail
        self._percent = -1
        self._since = None  # when `RENEWING` began

    @property
    def active(self) -> bool:
        """True if `step` has work to do (read-only)."""
        return IDLE < self.state < INSTALLED

    @property
    def percent(self) -> int:
        """How far the present stage is, 0 to 100; -1 if that is not known (read-only)."""
        return self._percent

    @property
    def paused(self) -> bool:
        """True while an update waits for its next try or for the server (read-only)."""
        return self.state == RENEWING or (self.state == DOWNLOADING and self._image.paused)

    @property
    def alone(self) -> bool:
        """True while the download needs the memory of the WebSocket: stay away (read-only)."""
        return self._image.alone

    def downloading_uuid(self, now: int):
        """
        Return what a join reports as ``currently_downloading_uuid``: the uuid of the update in
        hand, or of one whose last word the server has not heard; None if there is none, or the
        server has forgotten it.
        """
        if self.state == IDLE and not self._reports.waiting:
            return None
        self._asked = True
        self._reports.forgotten(now)
        return self._reports.uuid if self._reports.on else None

    def joined(self, now: int) -> None:
        """Send what could not be sent while the device topic was not joined."""
        if self._asked:
            self._since = now
        self._image.joined()
        self._reports.flush(now)

    def lost(self) -> None:
        """The device topic is joined no longer."""
        self._image.online = False

    # What the server says

    def offer(self, payload: dict, now: int) -> None:
        """
        Handle the server's ``update``. During an update this does nothing, unless the server had
        forgotten it.

        :param dict payload: the message
        :param int now: ticks in milliseconds
        """
        if self.state == CLOSED:
            return
        if not is_offer(payload):
            self._log("debug", "update: nothing to do")
            return
        offer = Offer(payload)
        known = self.state != IDLE and offer.uuid == self._offer.uuid
        if self.state == RENEWING and not known:
            self._log("warning", "download given up: another update is offered instead")
            self.abort()
        if self.state != IDLE and (not known or self._reports.on):
            self._put_off(known)
            return
        if not known:
            self._clear()
            self._offer = offer
        self._reports.begin(offer.uuid, now)
        try:
            if known:
                self._go_on(offer, now)
            else:
                self._decide(now)
        except Exception as error:
            self._fail(error, now)

    def _put_off(self, known: bool) -> None:
        if self.state == INSTALLED and not known:
            answer = {"status": "rescheduled", "delay_for": _RESTART_DELAY}
            answer["reason"] = "a restart into other firmware is due"
            self._push("status_update", answer)

    def _go_on(self, offer, now: int) -> None:
        """The server had forgotten the update, and offers it again, maybe at a newer URL."""
        if self.state <= DOWNLOADING:
            offer.check(self._config.allow_unverified)
            self._image.renew(offer)
            self._offer = offer
            self.state = DOWNLOADING
        self._reports.status("started" if self.state < REPORTING else "completed", now)

    def _decide(self, now: int) -> None:
        offer = self._offer
        decision = decide(offer, self._config, self._log)
        if self.state == CLOSED:
            return  # by the callback
        if decision.kind == "apply":
            self._image.start(offer, now)
            self.state = DOWNLOADING
            self._reports.status("started", now)
        elif decision.kind == "reschedule":
            self._decline(now, "rescheduled", decision.reason, decision.delay)
        else:
            self._decline(now, "ignored", decision.reason)

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
        :return: None, `NEED_ROOM`, `REJOIN`, `REBOOT` or `BLOCKS`
        """
        self._doing = "download"
        self.blocked = False
        try:
            if self.state == DOWNLOADING:
                if self._reports.forgotten(now):
                    return REJOIN
                return BLOCKS if self._will_block() else self._download(now)
            if self.state == VERIFYING:
                self._verify(now)
            elif self.state == INSTALLING:
                self._install(now)
            elif self.state == RENEWING:
                return self._renew(now)
            elif not self._reports.waiting or elapsed(now, self._installed) >= _REPORT_TIMEOUT:
                self.state = INSTALLED
                return REBOOT
        except Exception as error:
            if self.state >= REPORTING:
                # It is installed, or nobody's business any more: no failure of the update.
                self._log("error", self._doing + ": " + describe(error))
                return None
            self._fail(error, now)
        return None

    def _download(self, now: int):
        image = self._image
        if image.connects_next:
            self.blocked = True
            self._call(
                self._config.client.handle_blocking, "download", self._config.connect_timeout
            )
            if self.state == CLOSED:
                return None  # by the callback
        result = image.step(now)
        if result == DATA:
            self._doing = "fwup_chunk"
            loader = image.loader
            percent = loader.received * 100 // loader.total
            seconds = self._blocks_next()
            if seconds:
                self.blocked = True
                self._call(self._config.client.handle_blocking, "erase", seconds)
                if self.state == CLOSED:
                    return None  # by the callback
            self._config.fwup_writer.fwup_chunk(loader.data)
            if percent != self._percent:
                self._progress(now, percent, "downloading")
        elif result == HEAD:
            self._begin(now)
        elif result == DONE:
            self.state = VERIFYING  # the last chunk has told of 100 %
        elif result == NO_ROOM:
            return NEED_ROOM
        elif result == EXPIRED:
            return self._expired()
        return None

    def _begin(self, now: int) -> None:
        """The image begins, or begins again, and then what was written before is of no use."""
        writer, total = self._config.fwup_writer, self._image.loader.total
        if self._begun:
            self._call(writer.fwup_abort)
            if self.state == CLOSED:
                return  # by the writer
        self._begun = True  # before the call: if it fails half-way, that is for fwup_abort
        self._announced = False
        self._doing = "fwup_begin"
        writer.by_deployment = self._offer.for_deployment
        writer.fwup_begin(total, self._offer.meta)
        self._progress(now, 0, "downloading")

    def _expired(self) -> int:
        """The server can be made to offer a deployment's update anew. That is tried once."""
        why = self._image.why
        if not self._offer.for_deployment:
            self._doing = ""
            raise UpdateError("URL expired, push again")
        if self._renewed:
            raise UpdateError(why + ", at a new URL, too")
        self._log("warning", why + ": asking for a new URL")
        self._reports.forget()
        self._renewed, self._asked, self._since = True, False, None
        self.state = RENEWING
        return REJOIN

    def _renew(self, now: int):
        self._image.retry.check(now)
        if not self._asked:
            return REJOIN
        if self._since is not None and elapsed(now, self._since) >= _RENEWAL:
            raise UpdateError("URL expired, and the server has not offered the update again")
        return None

    def _will_block(self) -> bool:
        """Does the writer say so, for the first time?"""
        if self._announced or not self._begun or not self._blocks_next():
            return False
        self._announced = True
        return True

    def _blocks_next(self) -> int:
        return getattr(self._config.fwup_writer, "blocks_next", 0)

    def _verify(self, now: int) -> None:
        self._doing = "verify"
        if not self._image.verify(now):
            self.state = DOWNLOADING
            return
        verified = self._offer.checksum is not None
        self._log("info", "update verified" if verified else "update not verified, as allowed")
        self.state = INSTALLING
        self._progress(now, 0, "updating")

    def _install(self, now: int) -> None:
        self._doing = "fwup_finish"
        self._config.fwup_writer.fwup_finish()
        if self.state == CLOSED:
            return  # by the writer
        self._image.close()
        self.state = REPORTING
        self._installed = now
        self._progress(now, 100, "updating")
        self._reports.status("completed", now)
        self._log("info", "update installed")

    def _fail(self, error: Exception, now: int) -> None:
        reason = describe(error)
        if self._doing:
            reason = self._doing + ": " + reason
        self.abort()
        self._log("error", "update failed: " + reason)
        self._reports.status("failed", now, reason)
        self._call(self._config.client.fwup_error, reason)

    def abort(self) -> None:
        """Drop the update under way, without a word to the server. Never raises."""
        self._image.close()
        if self._begun and self.state < REPORTING:
            self._call(self._config.fwup_writer.fwup_abort)
        self._begun = False
        if self.state < REPORTING:
            self.state = IDLE

    def close(self) -> None:
        """Drop the update under way, and take no other. Never raises."""
        self.abort()
        self.state = CLOSED
