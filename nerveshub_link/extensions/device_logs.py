# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.extensions.device_logs`
====================================================

The extension ``logging``: lines of the application show up in NervesHub. They wait in memory while
the device is offline, bounded in number and in length, and leave four a second: the server takes
five a second with bursts of ten and drops the rest without a word (its
``lib/nerves_hub/extensions/logging.ex``). What had to be dropped here is counted and said.

A line without ``meta.time``, a text of microseconds since 1970, is dropped by the server, too: so
lines wait until the clock is set.

`DeviceLogs` is a handler of ``adafruit_logging`` and of CPython's ``logging`` at the same time, so
it is derived from neither. Where these differ: ``adafruit_logging`` calls ``emit`` with a message
that is complete; ``logging`` calls ``handle``, and the record knows how to complete it.
"""

from micropython import const

from ..common.callbacks import LEVELS
from ..common.ticks import elapsed
from ..errors import keep_timeout, mask
from .router import Extension

_INTERVAL = const(250)
_MAX_LINE = const(1000)
_TICKS_END = const(5 * 86400)  # seconds
_YEAR = const(365 * 86400)


class DeviceLogs(Extension):
    """
    Keeps log lines and sends them. Pass it as ``extensions={"logging": DeviceLogs()}`` (or just
    ``True``), and make it hear a logger with ``logger.addHandler(logs)``.

    :param int capacity: how many lines may wait; the oldest go first
    :param int memory: how many characters they may have together; the oldest go first
    :param str level: the least important level that is sent, by name or number
    """

    formatter = None

    def __init__(self, capacity: int = 32, memory: int = 8192, level="debug") -> None:
        self._capacity = capacity
        self._memory = memory
        self._lines = []
        self._size = 0
        self._dropped = 0
        self._time = None
        self.added = 0
        """How many lines were kept or dropped so far."""
        self.setLevel(level)

    def setup(self, parts) -> None:
        """Take the link's clocks, and tell what ended the run before this one."""
        self._time = parts.time
        self._ticks = parts.clock
        self._sent_at = None
        self._anchor_ticks = parts.clock()
        self._anchor = 0  # seconds since 1970 at these ticks, for the lines' time
        early, self._lines, self._size = self._lines, [], 0
        for level, message, _, _, _ in early:  # logged before there was a link
            self.add(level, message)
        try:
            import supervisor  # noqa: PLC0415 only boards have it

            found = supervisor.get_previous_traceback()
        except (ImportError, AttributeError):
            return
        if found:
            # Its end tells most. Masked before it is cut, for a part of a secret is one, too.
            self.add("error", "previous run: " + mask(found)[-_MAX_LINE + 20 :])

    def attached(self) -> None:
        """Begin the pause between two lines anew: nobody looked at the time until now."""
        self._sent_at = self._ticks()

    # Adding

    def add(self, level: str, message: str) -> None:
        """
        Keep a line until it can be sent.

        :param str level: ``debug``, ``info``, ``warning`` or ``error``
        :param str message: the line; its secrets are masked, then it is cut at 1,000 characters
        """
        if LEVELS[level] >= self.level:
            at = seen = None
            if self._time is not None:
                at, seen = self._ticks(), self._time.now()
            message = mask(message)[:_MAX_LINE]
            # The number keeps lines of the same millisecond in order.
            self._lines.append((level, message, at, self.added % 1000, seen))
            self._size += len(message)
            while len(self._lines) > self._capacity or self._size > self._memory:
                self._size -= len(self._lines.pop(0)[1])
                self._dropped += 1
        self.added += 1

    # As a handler of a logger

    def setLevel(self, level) -> None:
        """
        Set the least important level that is sent.

        :param level: ``"debug"``, ``"info"``, ``"warning"``, ``"error"``, or a logger's number
        :raises ValueError: if there is no such level
        """
        number = LEVELS.get(level, level) if isinstance(level, (str, int)) else None
        if isinstance(number, bool) or not isinstance(number, int):
            raise ValueError("level must be one of debug, info, warning, error")
        self.level = number

    @property
    def level_name(self) -> str:
        """The least important level that is sent (read-only)."""
        return level_name(self.level)

    def setFormatter(self, formatter) -> None:
        """Set what makes a text of a record, as a handler must have it; None for the message."""
        self.formatter = formatter

    def emit(self, record) -> None:
        """
        Keep a logger's record. Never raises: a line is not worth the application.

        :param record: of ``adafruit_logging`` or ``logging``
        """
        try:
            if self.formatter is not None:
                text = self.formatter.format(record)
            elif hasattr(record, "getMessage"):
                text = record.getMessage()
                if record.exc_info:
                    text += "\n" + _traceback(record.exc_info)
            else:
                text = str(record.msg)
            self.add(level_name(record.levelno), text)
        except Exception as error:
            keep_timeout(error)
            self.add("warning", "a log record can't be shown: " + type(error).__name__)

    handle = emit

    def flush(self) -> None:
        """Do nothing: a handler must have it. Lines leave when the server takes them."""

    # Sending

    def poll(self, now: int) -> None:
        """Send one line, if it is time for one."""
        if self._sent_at is not None:
            if elapsed(now, self._sent_at) < _INTERVAL:
                return
            self._sent_at = None  # dropped: ticks can't tell a quiet week
        if not self._lines or not self._time.is_set:
            return
        level, message, at, number, seen = self._lines[0]
        if self._dropped:
            level, message = "warning", "%d older log lines were dropped" % self._dropped
        time = self._time_of(at, seen, now) * 1000 + number
        self._sent_at = now  # also if it can't be sent: it is not tried 40 times a second
        if self.push("send", {"level": level, "message": message, "meta": {"time": str(time)}}):
            if self._dropped:
                self._dropped = 0
            else:
                self._size -= len(self._lines.pop(0)[1])

    def _time_of(self, at: int, seen: int, now: int) -> int:
        """
        Return the milliseconds since 1970 at some ticks. The clock tells whole seconds only: so one
        reading of it serves for long, and its ticks tell lines within a second apart.
        """
        seconds = self._time.now()
        passed = elapsed(now, self._anchor_ticks)
        if not -2 <= seconds - self._anchor - passed // 1000 <= 2:
            # The first line, or the clock was set since; or ticks have begun anew, after six days.
            self._anchor, self._anchor_ticks, passed = seconds, now, 0
        age = elapsed(now, at)
        if _TICKS_END <= seconds - seen < _YEAR:
            # Ticks can't tell more than five days. More than a year is a clock that was set since.
            age = (seconds - seen) * 1000
        return self._anchor * 1000 + passed - age


def level_name(number: int) -> str:
    """
    Name a logger's level as NervesHub does.

    :param int number: such as 20
    """
    if number >= LEVELS["error"]:
        return "error"
    if number >= LEVELS["warning"]:
        return "warning"
    return "info" if number >= LEVELS["info"] else "debug"


def _traceback(exc_info) -> str:
    import traceback  # noqa: PLC0415 CPython's logging only

    return "".join(traceback.format_exception(*exc_info))
