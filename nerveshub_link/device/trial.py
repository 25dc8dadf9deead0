# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.device.trial`
====================================================

The state of the running firmware, by the writer: its metadata, whether it is confirmed, and whether
its trial is over. Made before the connection, which feeds the trial's watchdog through it; reports
to the server are sent by `nerveshub_link.device.topic`.

A writer may raise at any call. The device must come online nevertheless, so that it can be
repaired.
"""

from micropython import const

from ..common.ticks import elapsed
from ..errors import describe

_RETRY = const(60 * 1000)  # after a confirmation or a writer's poll() that raised
_PAUSE = const(90 * 1000)  # longest time between two calls of poll() that counts as steady


class Trial:
    """
    The running firmware.

    :param Config config: its ``fwup_writer``, ``known_meta`` and ``confirm_after`` are used
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
        self._asked_back = False  # True if the writer has asked for a restart since the last poll
        self._steady = 0  # milliseconds joined and polled so far
        self._wait = 0  # milliseconds needed for a confirmation
        self._slow_told = False
        self._ticked = 0
        self._failed_at = 0  # ticks when the writer's poll() raised
        self._pause = 0  # milliseconds for which it is not called after that

    def metadata(self) -> dict:
        """Return the running firmware's metadata; if the writer raises, the last known ones."""
        self._meta = self._ask("firmware_meta", self._config.running_meta, None) or self._meta
        return self._meta

    def report(self) -> dict:
        """
        Return the values of a join: ``firmware_validated`` and ``firmware_auto_revert_detected``.
        """
        validated, reverted = True, False
        writer = self._writer
        if writer is not None:
            validated = self._ask("firmware_validated", writer.firmware_validated, None)
            reverted = self._ask("firmware_auto_reverted", writer.firmware_auto_reverted, False)
        self.confirmed = bool(validated)
        told = {"firmware_auto_revert_detected": bool(reverted)}
        if validated is not None:  # if it is missing, the server still sends updates
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
        Call the writer's ``poll``, also while a restart is due, since it feeds the watchdog.

        :param int now: ticks in milliseconds
        :param bool restarting: True if a restart is due already
        :return: True if the board must restart, to go back to the old firmware
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
        :return: the same, or less if a watchdog must be fed again soon
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
        """Begin to count the time until the confirmation: the device has just joined."""
        self._steady = 0
        self._slow_told = False
        self._wait = self._config.confirm_after * 1000

    def count(self, passed: int) -> bool:
        """
        Count time during which the device was joined and polled.

        :param int passed: milliseconds since the last call
        :return: True if the time for a confirmation is reached
        """
        if passed <= _PAUSE:
            self._steady += passed
        elif not self._slow_told:
            self._slow_told = True
            text = "poll() was not called for %d s: more than 90 s do not count for a confirmation"
            self._log("warning", text % (passed // 1000))
        return self._steady >= self._wait

    def count_again(self) -> None:
        """Count again, for at least a minute, after a failed confirmation."""
        self._steady = 0
        self._wait = max(self._config.confirm_after * 1000, _RETRY)

    def confirm(self) -> bool:
        """
        Confirm the running firmware, if it is not confirmed yet.

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
