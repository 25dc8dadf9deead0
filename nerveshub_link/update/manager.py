# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.update.manager`
====================================================

An update from the server's offer to the restart. ``_TABLE`` says which state follows which, and one
function, ``_end``, commits or aborts an update.

=============  ==========================================  ======================================
state          what one step does                          what the server hears
=============  ==========================================  ======================================
`IDLE`         nothing; `UpdateManager.offer` begins       ``received``, then ``started``, or
                                                           ``ignored`` or ``rescheduled``
`RENEWING`     the URL has expired: leaves and joins the   nothing; the server forgets the update,
               device topic, and waits for the same offer  and offers it again: ``received``,
               with a new URL                              ``started``
`DOWNLOADING`  moves one chunk: network, hash, writer; or  progress, stage ``downloading``
               asks the writer which part of the image
               is next; or waits for the next try
`VERIFYING`    compares the checksum; if it is wrong,      progress, stage ``updating``
               `DOWNLOADING` from zero, twice at most
`INSTALLING`   ``fwup_finish``, until it is done           progress, stage ``updating``;
                                                           ``completed``
`REPORTING`    waits up to a minute for the report         (reports that could not be sent before)
`INSTALLED`    nothing: the restart is due
`CLOSED`       nothing: the link was closed
=============  ==========================================  ======================================

Any failure before `REPORTING` leads to ``fwup_abort``, ``failed`` with the reason, and `IDLE`. One
failed try to download is no such failure: `nerveshub_link.update.image_download` tries again. Bytes
count as received when the writer has taken them; any error between the network and the writer makes
the download start from zero. Ctrl-C, a reload and the like abort the update, and are raised again.

Reports never affect the update: first the state changes, then the change is reported. A report that
fails is counted in ``UpdateReports.dropped``, and raises nothing. What is reported, this module and
``offer`` decide; when it may be sent, `nerveshub_link.update.reports`.

This module is longer than other modules, because the states and their errors must be read together.
"""

from micropython import const

from ..common.memory import forget
from ..common.states import next_state
from ..common.ticks import elapsed
from ..errors import DownloadError, UpdateError, describe, keep_timeout
from .downloader import DATA, DONE, HEAD
from .image_download import EXPIRED, NO_ROOM, ImageDownload
from .reports import UpdateReports

IDLE = 0
RENEWING = 1
DOWNLOADING = 2
VERIFYING = 3
INSTALLING = 4
REPORTING = 5
INSTALLED = 6
CLOSED = 7

_ACCEPTED = const(0)
_COMPLETE = const(1)
_BROKE = const(2)
_VERIFIED = const(3)
_FINISHED = const(4)
_NOTED = const(5)
_EXPIRED = const(6)
_OFFERED = const(7)
_DROPPED = const(8)
_CLOSE = const(9)

# fmt: off
_TABLE = bytes((
    # state, event, next state: what is done
    IDLE, _ACCEPTED, DOWNLOADING,  # the application takes it: started is reported
    DOWNLOADING, _COMPLETE, VERIFYING,  # the last byte was written
    VERIFYING, _BROKE, DOWNLOADING,  # the checksum is wrong: from zero, twice at most
    VERIFYING, _VERIFIED, INSTALLING,  # fwup_finish is called
    INSTALLING, _FINISHED, REPORTING,  # committed: completed is reported
    REPORTING, _NOTED, INSTALLED,  # the server was told, or a minute has passed: restart
    DOWNLOADING, _EXPIRED, RENEWING,  # joins the device topic anew, so that it is offered again
    RENEWING, _OFFERED, DOWNLOADING,  # goes on at the new URL
    DOWNLOADING, _DROPPED, IDLE,  # failed, interrupted, a restart, deinit(): fwup_abort
    RENEWING, _DROPPED, IDLE,  # the same, or another update is offered instead: fwup_abort
    VERIFYING, _DROPPED, IDLE,  # as from downloading: fwup_abort
    INSTALLING, _DROPPED, IDLE,  # as from downloading: fwup_abort
    IDLE, _CLOSE, CLOSED,  # deinit() was called; an update is dropped before
    REPORTING, _CLOSE, CLOSED,  # deinit() was called: the update stays installed
    INSTALLED, _CLOSE, CLOSED,  # deinit() was called: the update stays installed
))
# fmt: on

_BETWEEN = const("between")  # of `_doing` while neither network nor writer is called
_NO_BYTES = memoryview(b"")
_RETRIED = const((_BETWEEN, "download", "verify"))
# A `DownloadError` in these says that the bytes are wrong.
_WRITES = const(("fwup_chunk", "fwup_next"))
_REPORT = const("")  # value of `_doing` while it only reports: an error then fails no update
_REPORT_TIMEOUT = const(60 * 1000)
_RENEWAL = const(5 * 60 * 1000)  # the server checks every 140 s to which devices it offers updates


class UpdateManager:
    """
    Runs one update at a time.

    :param Config config: ``client``, ``fwup_writer``, ``allow_unverified``, ``network_interface``,
        ``connect_timeout``, ``download_retries``, ``retry_delay``, ``download_timeout``, ``random``
    :param Downloader downloader: downloads the image
    :param push: function of event and payload that sends to the device topic, False if not joined
    :param call: function that calls a callback of the application and catches its exceptions
    :param log: function of level and text
    """

    def __init__(self, config, downloader, push, call, log) -> None:
        self._config = config
        self._installed = 0  # when; set here, since a new attribute needs memory
        self._looked = None  # the last `now`: deadlines are checked once per millisecond
        self._image = ImageDownload(config, downloader, self._say)
        self._call = call
        self._log = log
        self.state = IDLE
        """One of the states above."""
        self._doing = _REPORT  # the present work, for the reason of a failure
        self.blocked = False
        """True if the last `step` has called something that blocks."""
        self._reports = UpdateReports(push, config.network_interface)
        self._clear()

    def _clear(self) -> None:
        self._offer = None
        self._renewed = False  # True when one URL has expired
        self._asked = False  # True when a join was sent after the URL expired
        self._begun = False
        self._announced = False  # True when the link was told that the writer blocks
        self._writing = False  # True while the writer has more to do with the last bytes
        self._percent = -1
        self._since = None  # when that join was answered: the five minutes count from here

    @property
    def active(self) -> bool:
        """True if `step` has work to do (read-only)."""
        reports = self._reports
        return IDLE < self.state < INSTALLED or (
            self.state != CLOSED and (reports.held or (reports.stuck and self.state == IDLE))
        )

    @property
    def installed(self) -> bool:
        """True once an update is installed that starts at the next restart (read-only)."""
        return REPORTING <= self.state <= INSTALLED

    @property
    def percent(self) -> int:
        """Progress of the present stage, 0 to 100; -1 if it is not known (read-only)."""
        return self._percent

    @property
    def paused(self) -> bool:
        """True while an update waits for its next try or for the server (read-only)."""
        return self.state == RENEWING or (self.state == DOWNLOADING and self._image.paused)

    @property
    def alone(self) -> bool:
        """True while the download needs the WebSocket's memory: stay closed (read-only)."""
        return self._image.alone

    def downloading_uuid(self, now: int):
        """
        Return the value of ``currently_downloading_uuid`` for a join.

        :param int now: ticks in milliseconds
        :return: uuid of the running update, or of one whose last report was not sent yet; None
            without such an update, or if the server has forgotten it
        """
        if self.state == IDLE and not self._reports.waiting:
            return None
        self._asked = True
        self._reports.forgotten(now)
        return self._reports.uuid if self._reports.on else None

    def forget_old(self, now: int) -> None:
        """
        Drop reports of an update that the server has forgotten by now. Called while no update is
        running, too, because ticks can't measure more than some days.

        :param int now: ticks in milliseconds
        """
        self._reports.forgotten(now)

    def joined(self, now: int) -> None:
        """
        Send the reports that could not be sent while the device topic was not joined.

        :param int now: ticks in milliseconds
        """
        if self._asked:
            self._since = now
        self._image.joined()
        self._reports.flush(now)

    def lost(self) -> None:
        """Note that the device topic is not joined any more."""
        self._image.online = False

    # Offers

    def offer(self, payload: dict, now: int) -> None:
        """
        Handle the server's ``update``. During an update it is ignored, except in three cases: the
        server had forgotten the same update; in `RENEWING` another update replaces it; in
        `INSTALLED` another update is rescheduled.

        :param dict payload: the message
        :param int now: ticks in milliseconds
        """
        if self.state == CLOSED:
            return
        # Two modules, one after the other, and neither stays: the download needs the memory.
        from .offer_check import examine  # noqa: PLC0415 seldom needed

        offer = examine(payload, self._config)
        del examine
        forget("update.offer_check", "config.metadata")
        if offer is None:
            self._say("debug", "update: nothing to do")
            return
        from .offer import take_up  # noqa: PLC0415 as above

        try:
            take_up(self, offer, now)
        finally:
            forget("update.offer")

    def accepted(self) -> None:
        """The download of the offer begins."""
        self._go(_ACCEPTED)

    def renewed(self, offer, same: bool) -> None:
        """
        The download goes on at a newer URL.

        :param Offer offer: the same update, offered again
        :param bool same: False if it is another image
        """
        if not same:
            self._writing = False  # the bytes that the writer works on are not of this image
        self._offer = offer
        self._go(_OFFERED)

    def _say(self, level: str, *words) -> None:
        try:
            self._log(level, "".join(words))
        except Exception as another:
            keep_timeout(another)
            self._reports.dropped += 1

    def _progress(self, now: int, percent: int, stage: str) -> None:
        self._doing = _REPORT
        if self.state == CLOSED:
            return  # by the writer
        self._percent = percent
        if self._reports.progress(percent, stage, now):
            self._call(self._config.client.fwup_progress, percent, stage)

    # The work

    def step(self, now: int):
        """
        Do the next step: one chunk at most.

        :param int now: ticks in milliseconds
        :return: what the link must do, or None. ``"no room"``: close the WebSocket, since there is
            no memory for a second connection until this one is done. ``"rejoin"``: join the device
            topic again; the server may have forgotten the update, or is to forget it. ``"reboot"``:
            restart into the new firmware; call `restart_noted` when that is sure. ``"blocks"``:
            send a heartbeat; one of the next steps blocks for long
        """
        self._doing = _BETWEEN
        self.blocked = False
        try:
            if self._reports.held:
                self._reports.retry(now)
                return None
            if self._reports.stuck:
                self._reports.retry(now)
            if self.state == DOWNLOADING:
                if now != self._looked:
                    self._looked = now
                    if self._reports.forgotten(now):
                        return "rejoin"
                return "blocks" if self._will_block() else self._download(now)
            if self.state == VERIFYING:
                self._verify(now)
            elif self.state == INSTALLING:
                self._install(now)
            elif self.state == RENEWING:
                self._doing = "download"
                return self._renew(now)
            elif self.state == REPORTING and (
                not self._reports.waiting or elapsed(now, self._installed) >= _REPORT_TIMEOUT
            ):
                return "reboot"  # at every step, until `restart_noted` is called
        except Exception as error:
            self._handle(error, now)
        except BaseException:
            self._interrupted()
            raise
        return None

    def restart_noted(self) -> None:
        """Note that the restart that ``"reboot"`` asks for is scheduled."""
        self._go(_NOTED)

    def _go(self, event: int) -> None:
        self.state = next_state(_TABLE, self.state, event)

    def _handle(self, error: Exception, now: int) -> None:
        """Handle an exception of a step, by what the step was doing."""
        if self._doing == _REPORT or self.state in (IDLE, INSTALLED):
            keep_timeout(error)
            self._reports.dropped += 1  # only a report has failed, not the update
        elif self.state == INSTALLING and self._doing == _BETWEEN:
            keep_timeout(error)
            self._reports.dropped += 1  # the writer was not called yet: go on
        elif self.state >= REPORTING:
            self._say("error", self._doing, ": ", describe(error))  # installed, or closed
        elif (self._doing in _RETRIED and not isinstance(error, UpdateError)) or (
            self._doing in _WRITES and isinstance(error, DownloadError)
        ):
            # The writer did not cause this error, and nothing was found wrong with the update: one
            # try has failed. If none is left, `broke` raises the error, and the update fails.
            lost = self._doing != _BETWEEN or self._writing
            self._writing = False
            if self._doing == _BETWEEN:
                self._doing = "download"
            try:
                self._image.broke(error, now, lost)
                self._go(_BROKE)
            except Exception as final:
                self._fail(final, now)
        else:
            self._fail(error, now)

    def _interrupted(self) -> None:
        """Drop the update after Ctrl-C, a reload or SystemExit, even if the program goes on."""
        if self.state < REPORTING:
            self.abort()
            self._reports.forget()  # so that the next join reports that nothing is downloaded

    def _download(self, now: int):
        image = self._image
        if self._writing:
            if self._announce():
                self._downloaded(now, self._write(_NO_BYTES))
            return None
        if image.connects_next:
            self.blocked = True
            self._call(
                self._config.client.handle_blocking, "download", self._config.connect_timeout
            )
            if self.state == CLOSED:
                return None  # by the callback
        self._doing = "download"
        result = image.step(now)
        if result == DATA:
            self._doing = _BETWEEN
            if self._announce():
                self._downloaded(now, self._write(image.loader.data))
        elif result == HEAD:
            self._begin(now)
        elif result == DONE:
            self._downloaded(now, self._next_part())
        elif result == NO_ROOM:
            return "no room"
        elif result == EXPIRED:
            return self._expired()
        return None

    def _announce(self) -> bool:
        """Tell the application if the writer's next call may block; False if it closes the link."""
        seconds = getattr(self._config.fwup_writer, "blocks_next", 0)
        if seconds:
            self.blocked = True
            self._call(self._config.client.handle_blocking, "erase", seconds)
        return self.state != CLOSED

    # The next two return how many bytes of the image are written; 0 if nothing is to be reported.

    def _write(self, data) -> int:
        """Pass bytes to the writer, or let it continue with the last ones."""
        self._doing = "fwup_chunk"
        self._writing = self._config.fwup_writer.fwup_chunk(data) is False
        if self._writing or self.state == CLOSED:  # closed by the writer
            return 0
        self._doing = _BETWEEN
        loader = self._image.loader
        loader.taken()
        return loader.received

    def _downloaded(self, now: int, count: int) -> None:
        # Called by `_download`, not by those two: a progress needs ten more frames of the stack.
        percent = count * 100 // self._image.loader.total if count else -1
        if percent > self._percent:  # it is less if a part begins a chunk again
            self._progress(now, percent, "downloading")

    def _next_part(self) -> int:
        """
        The downloader is done. If that was the whole image, or its end, verify it; if it was a
        part, complete or cut off, ask the writer which part is next.
        """
        loader = self._image.loader
        if not loader.stop:
            self._go(_COMPLETE)
            return 0
        if not self._announce():
            return 0
        self._doing = "fwup_next"
        span = self._config.fwup_writer.fwup_next(loader.received, loader.kept)
        self._doing = _BETWEEN
        if self.state == CLOSED:
            return 0  # by the writer
        if span is None or isinstance(span, tuple):
            self._image.fetch(span)
            return 0
        return span

    def _begin(self, now: int) -> None:
        """Begin the image, or begin again, after aborting what was written before."""
        writer, total = self._config.fwup_writer, self._image.loader.total
        if self._begun:
            self._call(writer.fwup_abort)
            if self.state == CLOSED:
                return  # by the writer
        self._begun = True  # before the call: if it raises, fwup_abort must be called
        self._announced = False
        self._doing = "fwup_begin"
        writer.by_deployment = self._offer.for_deployment
        writer.fwup_begin(total, self._offer.meta)
        self._progress(now, 0, "downloading")

    def _expired(self) -> str:
        """Make the server offer a deployment's update again, with a new URL. Done once."""
        why = self._image.why
        if not self._offer.for_deployment:
            raise UpdateError(why + ": has the URL expired? Push again")
        if self._renewed:
            raise UpdateError(why + ", at a new URL, too")
        self._reports.forget()
        self._renewed, self._asked, self._since = True, False, None
        self._go(_EXPIRED)
        self._say("warning", why, ": asking for a new URL")
        return "rejoin"

    def _renew(self, now: int):
        self._image.retry.check(now)
        if not self._asked:
            return "rejoin"
        if self._since is not None and elapsed(now, self._since) >= _RENEWAL:
            raise UpdateError("URL expired, and the server has not offered the update again")
        return None

    def _will_block(self) -> bool:
        """True once in each download: when ``blocks_next`` is not 0 for the first time."""
        if self._announced or not self._begun:
            return False
        self._announced = bool(getattr(self._config.fwup_writer, "blocks_next", 0))
        return self._announced

    def _verify(self, now: int) -> None:
        self._doing = "verify"
        if not self._image.verify(now):
            self._go(_BROKE)
            return
        self._go(_VERIFIED)
        self._doing = _REPORT
        self._say("info", self._image.verdict)
        self._progress(now, 0, "updating")

    def _install(self, now: int) -> None:
        self._doing = "fwup_finish"
        writer = self._config.fwup_writer
        done = writer.fwup_finish() is not False
        if self.state == CLOSED:
            return  # by the writer
        if not done:
            percent = getattr(writer, "finished_percent", 0)
            if percent != self._percent:
                self._progress(now, percent, "updating")
            return
        self._installed = now
        self._end(_FINISHED)
        self._progress(now, 100, "updating")
        self._reports.status("completed", now)
        self._say("info", "update installed")

    def _fail(self, error: Exception, now: int) -> None:
        self.abort()
        try:
            reason = describe(error)
            if self._doing:
                reason = self._doing + ": " + reason
        except Exception as another:
            keep_timeout(another)
            reason = self._doing  # no memory for the error's text
        self._reports.status("failed", now, reason)
        self._say("error", "update failed: ", reason)
        self._call(self._config.client.fwup_error, reason)

    def abort(self) -> None:
        """Drop the running update, without a report to the server. Never raises."""
        self._end(_DROPPED)

    def close(self) -> None:
        """Drop the running update, and accept no other. Never raises."""
        self._end(_DROPPED)
        self._go(_CLOSE)

    def _end(self, event: int) -> None:
        """
        Commit the update (`_FINISHED`) or abort it (`_DROPPED`). Once it is committed, no event
        aborts it. Never raises.
        """
        before = self.state
        self._go(event)  # first, so that no step continues the update after an interruption here
        aborts = self._begun and before < REPORTING and self.state == IDLE
        self._begun = self._writing = False
        self._image.close()
        if aborts:
            self._call(self._config.fwup_writer.fwup_abort)
