# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.update.reports`
====================================================

Sends the statuses and the progress of one update to the server: in order, each once, queued while
the device is offline. `UpdateManager` and ``offer`` decide which and when. Separate from the update
manager because these are the server's rules (its
``lib/nerves_hub/firmware_updates.ex`` and ``lib/nerves_hub/device_link.ex``):

* A status that it does not know, and a progress that is no integer, crash its channel.
* So do ``failed``, ``ignored`` and ``rescheduled`` for an update that it has forgotten. It forgets
  one after 30 minutes without a change, and at a join without ``currently_downloading_uuid``. So
  after 25 minutes without a report none is sent any more, until the server offers the update again.
* A progress without its stage counts as written, and at 100 as completed.
* An answer that arrives while the server still stores its offer can collide with that transaction
  (seen once, on a unique index). So the first answer to an offer is held for 200 ms.

A report never changes what the device does: nothing here raises. A status that can't be sent for
lack of memory is queued, as on an offline device, and tried again each second. A progress is
dropped instead, since the next one replaces it; a status is dropped if there is no memory to queue
it. Dropped reports are counted.
"""

from micropython import const

from ..common.ticks import elapsed
from ..errors import keep_timeout, mask

_FORGOTTEN = const(25 * 60 * 1000)
_PROGRESS_INTERVAL = const(500)
_RETRY = const(1000)
_AFTER_OFFER = const(200)


class UpdateReports:
    """
    The reports of updates, one after the other.

    :param push: function of event and payload that sends to the device topic, False if not joined
    :param str network_interface: name of the interface over which updates are downloaded
    """

    def __init__(self, push, network_interface: str) -> None:
        self._push = push
        self._network_interface = network_interface
        self.uuid = None
        """uuid of the update that was offered last."""
        self.on = False
        """True while the server knows the update; otherwise nothing is reported."""
        self.stuck = False
        """True if reports could not be sent for lack of memory: call `retry`."""
        self.held = False
        """True while the first answer to an offer is delayed: call `retry`, and do not block."""
        self.dropped = 0
        """How many reports were dropped."""
        self._tried = 0  # ticks of the last try while stuck, or of the offer while held
        self._kept = []  # reports that could not be sent yet
        self._changed = 0  # ticks of the last report
        self._percent = -1
        self._stage = ""
        self._progressed = 0

    @property
    def waiting(self) -> bool:
        """True while a report is queued (read-only)."""
        return bool(self._kept)

    def begin(self, uuid, now: int) -> None:
        """
        Begin to report an update that the server has offered, with ``received``.

        :param str uuid: the update's uuid
        :param int now: ticks in milliseconds
        """
        self.uuid = uuid
        self.on = True
        self._kept.clear()
        self.stuck = False
        self.held, self._tried = True, now
        self._changed = now  # the offer counts as a change, too
        self._percent = -1
        self.status("received", now)

    def forgotten(self, now: int) -> bool:
        """
        Stop the reports if the server may have forgotten the update.

        :param int now: ticks in milliseconds
        :return: True if they were stopped now
        """
        if not self.on or elapsed(now, self._changed) < _FORGOTTEN:
            return False
        self.forget()
        return True

    def forget(self) -> None:
        """Report nothing more until the update is offered again."""
        self.on = False
        self._kept.clear()
        self.stuck = self.held = False

    def status(self, status: str, now: int, reason=None, delay=None) -> None:
        """
        Report a status.

        :param str status: ``received``, ``started``, ``completed``, ``failed``, ``ignored`` or
            ``rescheduled``
        :param int now: ticks in milliseconds
        :param str reason: the reason, for the operator
        :param int delay: milliseconds, for ``rescheduled``
        """
        if not self.on:
            return
        try:
            payload = {"status": status}
            if status == "started":
                payload["downloader_network_interface"] = self._network_interface
            if delay is not None:
                payload["delay_for"] = delay
            if reason is not None:
                try:
                    reason = mask(reason)
                    if "\n" in reason:
                        from ..common.brief import brief  # noqa: PLC0415 only a traceback has lines

                        reason = brief(reason)
                except Exception as another:
                    keep_timeout(another)
                    reason = "no memory for the reason"
                payload["reason"] = reason
            self._report("status_update", payload, now)
        except Exception as another:
            keep_timeout(another)
            self.dropped += 1

    def progress(self, percent: int, stage: str, now: int) -> bool:
        """
        Report progress, if it has changed and the last report was at least half a second ago.

        :param int percent: 0 to 100
        :param str stage: ``"downloading"`` or ``"updating"``
        :param int now: ticks in milliseconds
        :return: True if it was due for a report
        """
        if stage == self._stage:
            if percent == self._percent:
                return False
            if percent < 100 and elapsed(now, self._progressed) < _PROGRESS_INTERVAL:
                return False
        self._stage, self._percent, self._progressed = stage, percent, now
        if self.on:
            try:
                self._report("fwup_progress", {"value": percent, "stage": stage}, now)
            except Exception as another:
                keep_timeout(another)
                self.dropped += 1
        return True

    def _report(self, event: str, payload: dict, now: int) -> None:
        kept = self._kept
        if not kept and not self.held and self._send(event, payload, now):
            return
        if event == "fwup_progress" and not kept and self.stuck:
            self.stuck = False
            self.dropped += 1
            return
        if event == "fwup_progress" and kept and kept[-1][0] == event:
            kept.pop()  # only the latest progress is kept
        kept.append((event, payload))

    def _send(self, event: str, payload: dict, now: int) -> bool:
        try:
            sent = self._push(event, payload)
            self.stuck = False
        except Exception as another:
            keep_timeout(another)
            self.stuck, self._tried = True, now
            return False
        if sent:
            self._changed = now
        return sent

    def flush(self, now: int) -> None:
        """
        Send queued reports, after the device topic was joined again.

        :param int now: ticks in milliseconds
        """
        if self.held:
            return  # `retry` sends them
        kept = self._kept
        while kept and self._send(kept[0][0], kept[0][1], now):
            kept.pop(0)

    def retry(self, now: int) -> None:
        """
        Send reports that are stuck, once a second, or that were held, after their delay.

        :param int now: ticks in milliseconds
        """
        if elapsed(now, self._tried) >= (_AFTER_OFFER if self.held else _RETRY):
            self.held = False
            self.flush(now)

    def put_off(self, delay: int, reason: str, now: int) -> None:
        """
        Reschedule an offer of another update while one is running.

        :param int delay: milliseconds until it may be offered again
        :param str reason: the reason, for the operator
        :param int now: ticks in milliseconds
        """
        try:
            answer = {"status": "rescheduled", "delay_for": delay, "reason": reason}
            self._kept.append(("status_update", answer))
            self.held, self._tried = True, now
        except Exception as another:
            keep_timeout(another)
            self.dropped += 1
