# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.extensions.device_logs`
====================================================

The extension ``logging``: sends log lines of the application to NervesHub. While the device is
offline, lines are queued in memory, limited in number and length. Four a second are sent: the
server accepts five a second with bursts of ten and silently drops the rest (its
``lib/nerves_hub/extensions/logging.ex``). Lines that had to be dropped here are counted, and a log
line tells how many.

The server also drops a line without ``meta.time``, a text of microseconds since 1970: so lines are
queued until the clock is set.

`DeviceLogs` is a handler of ``adafruit_logging`` and of CPython's ``logging`` at the same time, so
it is derived from neither. Their difference: ``adafruit_logging`` calls ``emit`` with a formatted
message; ``logging`` calls ``handle``, and the record's ``getMessage`` formats it.
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
    Queues log lines and sends them. Pass it as ``extensions={"logging": DeviceLogs()}`` (or just
    ``True``), and add it to a logger with ``logger.addHandler(logs)``.

    :param int capacity: most queued lines; the oldest are dropped first
    :param int memory: most characters of all queued lines; the oldest are dropped first
    :param str level: the lowest level that is sent, by name or number
    :raises ValueError: if the level is invalid
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
        """How many lines were queued or dropped so far."""
        self.setLevel(level)

    def setup(self, port) -> None:
        """Take the link's clocks, and log how the previous run ended. Called by the link."""
        self._time = port.time
        self._ticks = port.clock
        self._sent_at = None
        self._anchor_ticks = port.clock()
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
            # The end names the error. Masked before it is cut: mask() finds whole secrets only.
            self.add("error", "previous run: " + mask(found)[-_MAX_LINE + 20 :])

    def attached(self) -> None:
        """Restart the pause between two lines: while detached, ticks may have wrapped around."""
        self._sent_at = self._ticks()

    # Adding

    def add(self, level: str, message: str) -> None:
        """
        Queue a line.

        :param str level: ``debug``, ``info``, ``warning`` or ``error``
        :param str message: the line; its secrets are masked, then it is cut to 1,000 characters
        """
        if LEVELS[level] >= self.level:
            at = seen = None
            if self._time is not None:
                at, seen = self._ticks(), self._time.now()
            message = mask(message)[:_MAX_LINE]
            # The number orders lines of the same millisecond.
            self._lines.append((level, message, at, self.added % 1000, seen))
            self._size += len(message)
            while len(self._lines) > self._capacity or self._size > self._memory:
                self._size -= len(self._lines.pop(0)[1])
                self._dropped += 1
        self.added += 1

    # As a handler of a logger

    def setLevel(self, level) -> None:
        """
        Set the lowest level that is sent.

        :param level: ``"debug"``, ``"info"``, ``"warning"``, ``"error"``, or a logger's number
        :raises ValueError: if the level is invalid
        """
        number = LEVELS.get(level, level) if isinstance(level, (str, int)) else None
        if isinstance(number, bool) or not isinstance(number, int):
            raise ValueError("level must be one of debug, info, warning, error")
        self.level = number

    @property
    def level_name(self) -> str:
        """The lowest level that is sent (read-only)."""
        return level_name(self.level)

    def setFormatter(self, formatter) -> None:
        """
        Set the formatter, as every handler can.

        :param formatter: has a method ``format`` of a record; None for the message alone
        """
        self.formatter = formatter

    def emit(self, record) -> None:
        """
        Queue a logger's record. Never raises: logging must not end the application.

        :param record: a record of ``adafruit_logging`` or ``logging``
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
        """Do nothing. A handler must have this method; `poll` sends the lines."""

    # Sending

    def poll(self, now: int) -> None:
        """Send the next line, if the pause after the last one is over."""
        if self._sent_at is not None:
            if elapsed(now, self._sent_at) < _INTERVAL:
                return
            self._sent_at = None  # ticks can't measure a longer time
        if not self._lines or not self._time.is_set:
            return
        level, message, at, number, seen = self._lines[0]
        if self._dropped:
            level, message = "warning", "%d older log lines were dropped" % self._dropped
        time = self._time_of(at, seen, now) * 1000 + number
        self._sent_at = now  # also if sending fails, so as not to try again 40 times a second
        if self.push("send", {"level": level, "message": message, "meta": {"time": str(time)}}):
            if self._dropped:
                self._dropped = 0
            else:
                self._size -= len(self._lines.pop(0)[1])

    def _time_of(self, at: int, seen: int, now: int) -> int:
        """
        Return the milliseconds since 1970 at some ticks. The clock has whole seconds only: so one
        reading of it is kept, and ticks since then order the lines within a second.
        """
        seconds = self._time.now()
        passed = elapsed(now, self._anchor_ticks)
        if not -2 <= seconds - self._anchor - passed // 1000 <= 2:
            # The first line, or the clock was set since then, or ticks have wrapped around.
            self._anchor, self._anchor_ticks, passed = seconds, now, 0
        age = elapsed(now, at)
        if _TICKS_END <= seconds - seen < _YEAR:
            # Ticks can't measure more than five days. Over a year means that the clock was set.
            age = (seconds - seen) * 1000
        return self._anchor * 1000 + passed - age


def level_name(number: int) -> str:
    """
    Return NervesHub's name of a logger's level.

    :param int number: such as 20
    :return: ``debug``, ``info``, ``warning`` or ``error``
    """
    if number >= LEVELS["error"]:
        return "error"
    if number >= LEVELS["warning"]:
        return "warning"
    return "info" if number >= LEVELS["info"] else "debug"


def _traceback(exc_info) -> str:
    import traceback  # noqa: PLC0415 CPython's logging only

    return "".join(traceback.format_exception(*exc_info))
