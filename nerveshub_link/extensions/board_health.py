# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.extensions.board_health`
====================================================

A `HealthProvider` of values that every board has: what ``extensions={"health": True}`` sends.
Values that a machine does not have are left out: on CPython it reports the drive and the uptime.
Not in `nerveshub_link.extensions.health`, because an application with its own provider does not
need it.
"""

import gc
import os
import sys
import time

from ..errors import describe
from .health import HealthProvider


class BoardHealth(HealthProvider):
    """
    Measures memory, drive, temperature and Wi-Fi, and reports why the board was reset, its uptime,
    and the values of the update writer (`FwupWriter.health`, if it has that method).

    Derive from it to add values::

        class MyHealth(BoardHealth):
            def health_check(self):
                report = super().health_check()
                report["metrics"]["soil_moisture"] = sensor.value
                report["checks"]["pump"] = (pump.works, "current %d mA" % pump.current)
                return report

    :param str path: a path on the drive to measure, ``/``
    """

    _radio = None
    _writer = None
    _least_free = None

    def __init__(self, path: str = "/") -> None:
        self._path = path

    def setup(self, port) -> None:
        """Take the link's radio and update writer. Called by the link."""
        self._radio = port.config.radio
        self._writer = port.config.fwup_writer

    def health_check(self) -> dict:
        """
        Measure now. Collects garbage first, so that garbage does not count as used memory.

        :return: a full report: ``metrics``, ``metadata``, ``checks``. A measurement that raises
            becomes a failed check
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
                pass  # not available on this machine
            except Exception as error:
                name = getattr(measure, "__name__", "measure").lstrip("_")
                self.checks[name] = (False, describe(error))
        report = {"metrics": self.metrics, "metadata": self.metadata, "checks": self.checks}
        del self.metrics, self.metadata, self.checks
        return report

    def _memory(self) -> None:
        gc.collect()
        used, free = gc.mem_alloc(), gc.mem_free()
        # Without collecting first the minimum would always be close to 0: garbage is collected only
        # when the memory is used up.
        if self._least_free is None or free < self._least_free:
            self._least_free = free
        self.metrics["heap_free_bytes"] = free
        self.metrics["heap_min_free_bytes"] = self._least_free
        self.metrics["mem_used_percent"] = 100 * used // (used + free)
        self.metrics["mem_size_mb"] = (used + free) / 1048576
        self.metrics["mem_used_mb"] = used / 1048576

    def _disk(self) -> None:
        found = os.statvfs(self._path)
        # Integers only: a board's float is not exact for so many bytes.
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
        # Not monotonic(): a board's float has only 22 bits.
        self.metadata["uptime"] = _duration(time.monotonic_ns() // 1000000000)

    def _told_by_writer(self) -> None:
        told = self._writer.health()
        for name in told:
            value = told[name]
            kind = self.metadata if isinstance(value, str) else self.metrics
            kind[name] = value


def _duration(seconds: int) -> str:
    """Format seconds as days, hours, minutes and seconds: ``3 d 04:05:06``."""
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return "%d d %02d:%02d:%02d" % (days, hours, minutes, seconds)
