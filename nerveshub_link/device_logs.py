# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.device_logs`
====================================================

The extension ``logging``: lines that the application logs show up in NervesHub. They wait in a
list of fixed length while the device is offline, and leave four a second: the server takes five a
second with bursts of ten and drops the rest without a word (its
``lib/nerves_hub/extensions/logging.ex``). What had to be dropped here is counted and said.

A line without ``meta.time``, a text of microseconds since 1970, is dropped by the server, too: so
lines wait until the clock is set.
"""

from micropython import const

from .extensions import Extension

_INTERVAL = const(250)
_TICKS = const((1 << 29) - 1)
_MAX_LINE = const(1000)


class DeviceLogs(Extension):
    """
    Keeps log lines and sends them.

    :param ServerTime server_time: the clock for the lines' time
    :param ticks: function that returns ticks in milliseconds
    :param int capacity: how many lines may wait; the oldest go first
    """

    def __init__(self, server_time, ticks, capacity: int = 32) -> None:
        self._time = server_time
        self._ticks = ticks
        self._capacity = capacity
        self._lines = []
        self._dropped = 0
        self._sent_at = ticks()

    def add(self, level: str, message: str) -> None:
        """
        Keep a line until it can be sent.

        :param str level: ``debug``, ``info``, ``warning`` or ``error``
        :param str message: cut at 1,000 characters
        """
        if len(self._lines) >= self._capacity:
            self._lines.pop(0)
            self._dropped += 1
        self._lines.append((level, message[:_MAX_LINE], self._ticks()))

    def poll(self, now: int) -> None:
        """Send one line, if it is time for one."""
        if not self._lines or (now - self._sent_at) & _TICKS < _INTERVAL or not self._time.is_set:
            return
        level, message, at = self._lines[0]
        if self._dropped:
            level, message = "warning", "%d older log lines were dropped" % self._dropped
        age = (now - at) & _TICKS
        if age > _TICKS // 2:
            age = 0  # logged within this poll, after it looked at the clock
        seconds = self._time.now() - age // 1000
        line = {"level": level, "message": message, "meta": {"time": str(seconds) + "000000"}}
        if self.push("send", line):
            self._sent_at = now
            if self._dropped:
                self._dropped = 0
            else:
                self._lines.pop(0)
