# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.health`
====================================================

The extension ``health``: answers ``health:check`` by a report of the numbers that the user's
`HealthProvider` measures. NervesHub asks when the device joins, every 60 minutes, and each minute
while somebody looks at the device's page (its ``lib/nerves_hub/extensions/health.ex``). It charts
every number, and knows these by name: ``cpu_temp``, ``cpu_usage_percent``, ``disk_available_kb``,
``disk_total_kb``, ``disk_used_percentage``, ``load_1min``, ``load_5min``, ``load_15min``,
``mem_size_mb``, ``mem_used_mb``, ``mem_used_percent``.

Only finite numbers leave the device: a text or a NaN among the metrics would break the server's
batch insert.
"""

from .errors import describe
from .extensions import Extension


class HealthProvider:
    """Measures the device's health. Pass an instance as ``extensions={"health": MyHealth()}``."""

    def health_check(self) -> dict:
        """
        Measure now. If this raises, the report is a failed check with the error's text.

        :return: name to number, such as ``{"cpu_temp": 41.5}``; what is no finite number is left
            out
        """
        return {}


class Health(Extension):
    """
    The extension around a `HealthProvider`.

    :param HealthProvider provider: measures
    """

    def __init__(self, provider) -> None:
        self._provider = provider

    def handle_event(self, event: str, payload: dict):
        """Answer ``check`` by a report."""
        if event != "check":
            return None
        try:
            report = {"metrics": finite(self._provider.health_check())}
        except Exception as error:
            # Told as a failed check: a sensor that does not answer once must not end all reports.
            report = {"checks": {"health_check": {"pass": False, "note": describe(error)}}}
        return ("report", {"value": report})


def finite(values: dict) -> dict:
    """
    Keep what NervesHub can take as a metric.

    :param dict values: name to anything
    :return: the entries whose name is a text and whose value is a finite number, and no bool
    """
    kept = {}
    for name in values:
        value = values[name]
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            continue
        # Subtracting itself tells infinities and NaN apart without importing math.
        if isinstance(name, str) and value - value == 0:
            kept[name] = value
    return kept
