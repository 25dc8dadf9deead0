# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.extensions.health`
====================================================

The extension ``health``: answers ``health:check`` by a report of the values that the
`HealthProvider` measures. NervesHub asks when the device joins, every 60 minutes, and every minute
while the device's page is open (its ``lib/nerves_hub/extensions/health.ex``). It charts every
number, and has labels for these: ``cpu_temp``, ``cpu_usage_percent``, ``disk_available_kb``,
``disk_total_kb``, ``disk_used_percentage``, ``load_1min``, ``load_5min``, ``load_15min``,
``mem_size_mb``, ``mem_used_mb``, ``mem_used_percent``.

Metrics are sent only if they are finite numbers; everything else is sent as text: a text or a NaN
among the metrics would break the server's batch insert, and a null its pages.
"""

from micropython import const

from ..common.ticks import elapsed
from ..errors import describe
from .router import Extension

_ALARM_PAUSE = const(10 * 1000)  # milliseconds between two reports of changed alarms
_PARTS = const(("metrics", "metadata", "alarms", "checks"))


class HealthProvider:
    """Measures the device's health. Pass an instance as ``extensions={"health": MyHealth()}``."""

    alarms = {}
    """The alarms that are set, id to text. Each change makes a new dict."""

    def health_check(self) -> dict:
        """
        Measure now. If this raises, the report is a failed check with the error's text.

        :return: name to number, such as ``{"cpu_temp": 41.5}``; a value that is not a finite number
            is left out. Or a full report, of which each part is optional: ``{"metrics": {name:
            number}, "metadata": {name: text}, "alarms": {id: text}, "checks": {name: (passed,
            note)}}``
        """
        return {}

    def set_alarm(self, name: str, text: str = "") -> None:
        """
        Set an alarm, or change its text. It is in every report until it is cleared. A change is
        reported without a request of the server, at most every 10 seconds.

        :param str name: the alarm's id
        :param str text: a description for the operator
        """
        if self.alarms.get(name) != text:
            self.alarms = dict(self.alarms)
            self.alarms[name] = text

    def clear_alarm(self, name: str) -> None:
        """
        Clear an alarm, if it is set.

        :param str name: the alarm's id
        """
        if name in self.alarms:
            self.alarms = dict(self.alarms)
            del self.alarms[name]


class Health(Extension):
    """
    Reports the values of a `HealthProvider`.

    :param provider: has a method ``health_check``, and may have a method ``setup``, which gets the
        `Port`, and an attribute ``alarms``
    """

    def __init__(self, provider) -> None:
        self._provider = provider
        self._told = getattr(provider, "alarms", None)
        self._told_at = None

    def setup(self, port) -> None:
        """Pass the port to a provider with a method ``setup``. Called by the link."""
        if hasattr(self._provider, "setup"):
            self._provider.setup(port)

    def detached(self) -> None:
        """End the pause between reports: while detached, ticks may wrap around."""
        self._told_at = None

    def handle_event(self, event: str, payload: dict):
        """Answer ``check`` by a report."""
        return ("report", {"value": self._report()}) if event == "check" else None

    def poll(self, now: int) -> None:
        """Report changed alarms."""
        if self._told_at is not None and elapsed(now, self._told_at) >= _ALARM_PAUSE:
            self._told_at = None  # ticks can't measure a longer time
        if getattr(self._provider, "alarms", None) is self._told:
            return
        if self._told_at is None and self.push("report", {"value": self._report()}):
            self._told_at = now

    def _report(self) -> dict:
        alarms = self._told = getattr(self._provider, "alarms", None)
        try:
            found = self._provider.health_check()
            full = False
            for part in _PARTS:
                full = full or isinstance(found.get(part), dict)
            if not full:
                found = {"metrics": found}
            report = {"metrics": finite(found.get("metrics") or {})}
            if found.get("metadata"):
                report["metadata"] = texts(found["metadata"])
            if found.get("alarms") or alarms:
                report["alarms"] = texts(found.get("alarms") or {})
            if found.get("checks"):
                report["checks"] = _checks(found["checks"])
        except Exception as error:
            # Reported as a failed check: one failure of a sensor must not end all reports.
            report = {"checks": {"health_check": {"pass": False, "note": describe(error)}}}
        if alarms:
            report.setdefault("alarms", {}).update(texts(alarms))
        return report


def finite(values: dict) -> dict:
    """
    Select the values that NervesHub accepts as metrics.

    :param dict values: name to anything
    :return: the entries whose name is a text and whose value is a finite number, but not a bool;
        spaces in names, which the server would strip, are replaced by ``_``
    """
    kept = {}
    for name in values:
        value = values[name]
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            continue
        # The difference is not 0 for infinities and NaN; this saves importing math.
        if isinstance(name, str) and value - value == 0:
            kept[name.replace(" ", "_")] = value
    return kept


def texts(values: dict) -> dict:
    """
    Convert names and values to texts.

    :param dict values: name to anything
    :return: text to text; values that are None are left out
    """
    return {str(name): str(values[name]) for name in values if values[name] is not None}


def _checks(values: dict) -> dict:
    checks = {}
    for name in values:
        value = values[name]
        if isinstance(value, dict):
            passed, note = value.get("pass"), value.get("note")
        elif isinstance(value, (tuple, list)):
            passed, note = value
        else:
            passed, note = value, None
        note = "" if note is None else str(note)
        checks[str(name)] = {"pass": True if passed else False, "note": note}
    return checks
