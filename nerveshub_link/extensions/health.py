# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.extensions.health`
====================================================

The extension ``health``: answers ``health:check`` by a report of what the `HealthProvider`
measures. NervesHub asks when the device joins, every 60 minutes, and each minute while somebody
looks at the device's page (its ``lib/nerves_hub/extensions/health.ex``). It charts every number,
and knows these by name: ``cpu_temp``, ``cpu_usage_percent``, ``disk_available_kb``,
``disk_total_kb``, ``disk_used_percentage``, ``load_1min``, ``load_5min``, ``load_15min``,
``mem_size_mb``, ``mem_used_mb``, ``mem_used_percent``.

Only finite numbers leave the device as metrics, and texts as everything else: a text or a NaN among
the metrics would break the server's batch insert, and a null its pages.
"""

from micropython import const

from ..common.ticks import elapsed
from ..errors import describe
from .router import Extension

_ALARM_PAUSE = const(10 * 1000)  # between two reports that nobody asked for
_PARTS = ("metrics", "metadata", "alarms", "checks")


class HealthProvider:
    """Measures the device's health. Pass an instance as ``extensions={"health": MyHealth()}``."""

    alarms = {}
    """The alarms that are set, id to text. Replaced at each change, never changed."""

    def health_check(self) -> dict:
        """
        Measure now. If this raises, the report is a failed check with the error's text.

        :return: name to number, such as ``{"cpu_temp": 41.5}``; what is no finite number is left
            out. Or a full report, of which each part may be missing: ``{"metrics": {name: number},
            "metadata": {name: text}, "alarms": {id: text}, "checks": {name: (passed, note)}}``
        """
        return {}

    def set_alarm(self, name: str, text: str = "") -> None:
        """
        Set an alarm, or change its text. It is in every report until it is cleared, and a change is
        reported without waiting for the server to ask, at most every 10 seconds.

        :param str name: its id
        :param str text: for the operator
        """
        if self.alarms.get(name) != text:
            self.alarms = dict(self.alarms)
            self.alarms[name] = text

    def clear_alarm(self, name: str) -> None:
        """
        Clear an alarm; nothing happens if it is not set.

        :param str name: its id
        """
        if name in self.alarms:
            self.alarms = dict(self.alarms)
            del self.alarms[name]


class Health(Extension):
    """
    The extension around a `HealthProvider`.

    :param provider: has ``health_check``, and may have ``setup``, which hears of the link's parts,
        and ``alarms``
    """

    def __init__(self, provider) -> None:
        self._provider = provider
        self._told = getattr(provider, "alarms", None)
        self._told_at = None

    def setup(self, parts) -> None:
        """Pass the link's parts on to a provider that wants them."""
        if hasattr(self._provider, "setup"):
            self._provider.setup(parts)

    def detached(self) -> None:
        """Drop the pause: nobody looks at the time while the extension is detached."""
        self._told_at = None

    def handle_event(self, event: str, payload: dict):
        """Answer ``check`` by a report."""
        return ("report", {"value": self._report()}) if event == "check" else None

    def poll(self, now: int) -> None:
        """Report a change of the alarms."""
        if self._told_at is not None and elapsed(now, self._told_at) >= _ALARM_PAUSE:
            self._told_at = None  # dropped: ticks can't tell a week
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
            # Told as a failed check: a sensor that does not answer once must not end all reports.
            report = {"checks": {"health_check": {"pass": False, "note": describe(error)}}}
        if alarms:
            report.setdefault("alarms", {}).update(texts(alarms))
        return report


def finite(values: dict) -> dict:
    """
    Keep what NervesHub can take as a metric.

    :param dict values: name to anything
    :return: the entries whose name is a text and whose value is a finite number, and no bool; with
        ``_`` for spaces in names, which the server would strip
    """
    kept = {}
    for name in values:
        value = values[name]
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            continue
        # Subtracting itself tells infinities and NaN apart without importing math.
        if isinstance(name, str) and value - value == 0:
            kept[name.replace(" ", "_")] = value
    return kept


def texts(values: dict) -> dict:
    """
    Make texts of names and values.

    :param dict values: name to anything; None is left out
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
