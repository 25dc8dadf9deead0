# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.device.trial`
====================================================

What the writer says of the firmware that runs: its metadata, whether it is confirmed, and whether
its trial is over. Made before the connection, which feeds the trial's watchdog through it; so it
knows no topic: `nerveshub_link.device.topic` tells the server.

A writer may raise at any call. A device whose writer raises must come online all the same, so that
it can be repaired.
"""

from micropython import const

from ..common.ticks import elapsed
from ..errors import describe

_RETRY = const(60 * 1000)  # after a confirmation or a writer's poll() that raised
_PAUSE = const(90 * 1000)  # between two calls of NervesHubLink.poll: more proves nothing


class Trial:
    """
    The firmware that runs.

    :param Config config: ``fwup_writer``, ``known_meta``, ``confirm_after``
    :param log: function of level and text
    """

    def __init__(self, config, log) -> None:
        self._config = config
        self._writer = config.fwup_writer
        self._log = log
        self._meta = config.known_meta
        self.confirmed = False
        """True if the running firmware is known to be confirmed."""
        self.going_back = False
        """True once the writer has recorded that the trial has failed: a restart is due."""
        self._asked_back = False  # by the writer, and nobody has acted on it yet
        self._steady = 0  # milliseconds joined and polled, towards
        self._wait = 0
        self._slow_told = False
        self._ticked = 0
        self._failed_at = 0  # when the writer's poll() raised
        self._pause = 0  # for so long it is not called

    def metadata(self) -> dict:
        """Return what runs; what was known last, should the writer raise."""
        self._meta = self._ask("firmware_meta", self._config.running_meta, None) or self._meta
        return self._meta

    def report(self) -> dict:
        """
        Return what a join tells: ``firmware_validated``, and ``firmware_auto_revert_detected``.
        """
        validated, reverted = True, False
        writer = self._writer
        if writer is not None:
            validated = self._ask("firmware_validated", writer.firmware_validated, None)
            reverted = self._ask("firmware_auto_reverted", writer.firmware_auto_reverted, False)
        self.confirmed = bool(validated)
        told = {"firmware_auto_revert_detected": bool(reverted)}
        if validated is not None:  # else the server takes it for unknown, which bars no update
            told["firmware_validated"] = bool(validated)
        return told

    def last_failure(self):
        """Return why an earlier update failed, in one line, or None."""
        writer = self._writer
        words = writer and self._ask("last_failure", writer.last_failure, None)
        if not words:
            return None
        words = str(words)
        if "\n" in words:
            from ..common.brief import brief  # noqa: PLC0415 after a failure only

            words = brief(words)
        return words

    def _ask(self, name: str, function, fallback):
        try:
            return function()
        except Exception as error:
            self._log("error", name + ": " + describe(error))
            return fallback

    def poll(self, now: int, restarting: bool) -> bool:
        """
        Call the writer, also while a restart is due: until then its watchdog must be fed.

        :param int now: ticks in milliseconds
        :param bool restarting: True if a restart is due already
        :return: True if the board must restart, to go back to the firmware before
        """
        self._ticked = now
        self._poll_writer(now)
        asked, self._asked_back = self._asked_back and not restarting, False
        if asked:
            self.going_back = True
            self._log("error", "the new firmware was not confirmed in time: going back")
        return asked

    def before_open(self, timeout: int) -> int:
        """
        Let the writer feed its watchdog, right before a step that blocks. Never raises.

        :param int timeout: seconds that each wait in that step may last
        :return: the same, or less while there is a watchdog that is not fed meanwhile
        """
        self._poll_writer(self._ticked)
        seconds = getattr(self._writer, "watchdog_seconds", None)
        if seconds is None:
            return timeout
        # TCP, and two waits of the TLS handshake; the rest is for DNS, which has no time-out.
        return max(min(timeout, int(seconds) // 4), 1)

    def _poll_writer(self, now: int) -> None:
        writer = self._writer
        if writer is None:
            return
        try:
            if self._pause and elapsed(now, self._failed_at) < self._pause:
                if hasattr(writer, "feed"):
                    writer.feed()  # its poll() does that, when it is called
                return
            self._pause = 0
            if writer.poll():
                self._asked_back = True
        except Exception as error:
            self._log("error", "fwup_writer.poll: " + describe(error))
            self._failed_at, self._pause = now, _RETRY

    def begin(self) -> None:
        """Count from now on: the device has just joined."""
        self._steady = 0
        self._slow_told = False
        self._wait = self._config.confirm_after * 1000

    def count(self, passed: int) -> bool:
        """
        Count time during which the device was joined and polled.

        :param int passed: milliseconds since the last call
        :return: True if it is enough for a confirmation
        """
        if passed <= _PAUSE:
            self._steady += passed
        elif not self._slow_told:
            self._slow_told = True
            text = "poll() was not called for %d s: more than 90 s do not count for a confirmation"
            self._log("warning", text % (passed // 1000))
        return self._steady >= self._wait

    def count_again(self) -> None:
        """The confirmation failed: count anew, for a minute at least."""
        self._steady = 0
        self._wait = max(self._config.confirm_after * 1000, _RETRY)

    def confirm(self) -> bool:
        """
        Confirm the running firmware, if that is due.

        :return: False if the writer failed
        """
        writer = self._writer
        try:
            if writer is not None and not writer.firmware_validated():
                writer.fwup_confirm()
                self._log("info", "update confirmed")
        except Exception as error:
            self._log("error", "fwup_confirm: " + describe(error))
            return False
        self.confirmed = True
        return True
