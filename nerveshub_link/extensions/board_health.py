# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.extensions.board_health`
====================================================

The `HealthProvider` that needs nothing: what every board can tell of itself. What a machine does
not have is left out; so on CPython it tells the drive and the uptime. Apart from
`nerveshub_link.extensions.health`, because whoever measures by himself does not need it.
"""

import gc
import os
import sys
import time

from ..errors import describe
from .health import HealthProvider


class BoardHealth(HealthProvider):
    """
    Measures memory, drive, temperature and Wi-Fi, and tells why the board was reset, how long it
    has been up, and what the writer of updates tells (`FwupWriter.health`, if it has one).

    Derive from it to add something::

        class MyHealth(BoardHealth):
            def health_check(self):
                report = super().health_check()
                report["metrics"]["soil_moisture"] = sensor.value
                report["checks"]["pump"] = (pump.works, "current %d mA" % pump.current)
                return report

    :param str path: the drive, ``/``
    """

    _radio = None
    _writer = None
    _least_free = None

    def __init__(self, path: str = "/") -> None:
        self._path = path

    def setup(self, parts) -> None:
        """Take the radio and the writer of the link."""
        self._radio = parts.config.radio
        self._writer = parts.config.fwup_writer

    def health_check(self) -> dict:
        """
        Measure now. Collects garbage first, so that what counts as used is used.

        :return: a full report: ``metrics``, ``metadata``, ``checks``
        """
        self.metrics, self.metadata, self.checks = {}, {}, {}
        for measure in (
            self._memory,
            self._disk,
            self._chip,
            self._wifi,
            self._told_by_writer,
            self._system,
        ):
            try:
                measure()
            except (AttributeError, ImportError, NotImplementedError):
                pass  # this machine has no such thing
            except Exception as error:
                name = getattr(measure, "__name__", "measure").lstrip("_")
                self.checks[name] = (False, describe(error))
        report = {"metrics": self.metrics, "metadata": self.metadata, "checks": self.checks}
        del self.metrics, self.metadata, self.checks
        return report

    def _memory(self) -> None:
        gc.collect()
        used, free = gc.mem_alloc(), gc.mem_free()
        # Without the collection before it, the least would always be next to nothing: garbage is
        # collected when the memory is used up, and not before.
        if self._least_free is None or free < self._least_free:
            self._least_free = free
        self.metrics["heap_free_bytes"] = free
        self.metrics["heap_min_free_bytes"] = self._least_free
        self.metrics["mem_used_percent"] = 100 * used // (used + free)
        self.metrics["mem_size_mb"] = (used + free) / 1048576
        self.metrics["mem_used_mb"] = used / 1048576

    def _disk(self) -> None:
        found = os.statvfs(self._path)
        # Whole numbers all the way: a board's float can't hold so many bytes.
        total, available = found[1] * found[2] // 1024, found[1] * found[4] // 1024
        self.metrics["disk_total_kb"] = total
        self.metrics["disk_available_kb"] = available
        if total:
            self.metrics["disk_used_percentage"] = 100 * (total - available) // total

    def _chip(self) -> None:
        import microcontroller  # noqa: PLC0415 only boards have it

        self.metrics["cpu_temp"] = microcontroller.cpu.temperature
        # microcontroller.ResetReason.POWER_ON
        self.metadata["reset_reason"] = str(microcontroller.cpu.reset_reason).split(".")[-1].lower()

    def _wifi(self) -> None:
        access_point = self._radio.ap_info if self._radio is not None else None
        if access_point is not None:
            self.metrics["wifi_rssi"] = access_point.rssi

    def _system(self) -> None:
        version = sys.implementation.version
        self.metadata[sys.implementation.name] = ".".join([str(part) for part in version[:3]])
        # Not monotonic(): that is a float, and a board's has 22 bits.
        self.metadata["uptime"] = _duration(time.monotonic_ns() // 1000000000)

    def _told_by_writer(self) -> None:
        told = self._writer.health()
        for name in told:
            value = told[name]
            kind = self.metadata if isinstance(value, str) else self.metrics
            kind[name] = value


def _duration(seconds: int) -> str:
    """Days, hours, minutes and seconds: ``3 d 04:05:06``."""
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return "%d d %02d:%02d:%02d" % (days, hours, minutes, seconds)
