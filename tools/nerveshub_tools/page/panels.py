# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.page.panels`
================================================================================

The parts of a device's page that only look: terminals side by side, health, logs, details.

Separate from those that act (`nerveshub_tools.page.actions`). Each has ``refresh(device)``, which
the page calls a few times a second with a copy of the device's record; only what differs changes.
"""

from nicegui import ui

from .summary import METRICS, log_text, series_of, time_text
from .terminal_view import TerminalView

_LEVELS = {"error": "log-error", "warning": "log-warning", "debug": "log-debug"}


class TerminalPanel:
    """Console and local shell, one of them in sight."""

    def __init__(self, hub, identifier: str) -> None:
        self._joined = {}
        with ui.element("section").classes("card terminals"):
            with ui.element("div").classes("card-head"):
                self._choice = ui.toggle(
                    {"console": "Console", "shell": "Local shell"},
                    value="console",
                    on_change=lambda event: self._choose(event.value),
                ).props("unelevated dense no-caps toggle-color=primary padding='3px 12px'")
                self._state = ui.label().classes("quiet grow")
                restart = ui.button(icon="restart_alt").props("flat dense round size=sm")
                restart.tooltip("Restart the console's prompt")
            self.views = {
                kind: TerminalView(hub, identifier, kind, self._complain)
                for kind in ("console", "shell")
            }
        restart.on_click(self.views["console"].restart)
        self.views["shell"].element.set_visibility(False)

    @staticmethod
    def _complain(text: str) -> None:
        ui.notify(text, type="warning", group=True)

    def _choose(self, kind: str) -> None:
        for name, view in self.views.items():
            view.element.set_visibility(name == kind)
        self.views[kind].focus()

    def refresh(self, device) -> None:
        """Say whether somebody answers, and tell a new console the size of the window."""
        there = {
            "console": "console" in device.topics,
            "shell": "local_shell" in device.attached,
        }
        for kind, joined in there.items():
            if joined and self._joined.get(kind) is False:
                self.views[kind].tell_size()
        self._joined = there
        kind = self._choice.value
        if there[kind]:
            text = f"console {device.console_version}" if kind == "console" else "attached"
        elif not device.connected:
            text = "the device is offline"
        else:
            text = "switched off on this device"
        self._state.set_text(text)


class HealthPanel:
    """A small chart for each metric."""

    def __init__(self, hub, identifier: str, act) -> None:
        self._charts = {}
        self._count = None
        with ui.element("section").classes("card health"):
            with ui.element("div").classes("card-head"):
                ui.label("Health").classes("card-title grow")
                ui.button(
                    icon="refresh", on_click=lambda: act(hub.request_health, identifier)
                ).props("flat dense round size=sm").tooltip("Ask for a report now")
            self._hint = ui.label("no report yet").classes("quiet pad")
            self._alarms = ui.label().classes("alarms")
            self._body = ui.element("div").classes("tiles")

    def refresh(self, device) -> None:
        """Show new reports."""
        newest = device.health_times[-1] if device.health_times else None
        if newest == self._count:
            return
        self._count = newest
        series = series_of(device)
        self._hint.set_visibility(not series)
        alarms = device.health[-1].get("alarms")
        self._alarms.set_text(", ".join(alarms) if isinstance(alarms, dict) else "")
        self._alarms.set_visibility(bool(self._alarms.text))
        if list(series) != list(self._charts):
            self._body.clear()
            with self._body:
                self._charts = {name: _Tile(name) for name in series}
        for name, points in series.items():
            self._charts[name].show(points)


class _Tile:
    def __init__(self, name: str) -> None:
        title, self._unit = METRICS.get(name, (name.replace("_", " "), ""))
        with ui.element("div").classes("tile"):
            with ui.element("div").classes("tile-head"):
                ui.label(title).classes("quiet grow")
                self._value = ui.label().classes("tile-value")
            self._chart = ui.echart(
                {
                    "animation": False,
                    "grid": {"left": 2, "right": 4, "top": 6, "bottom": 2},
                    "xAxis": {"type": "category", "show": False, "boundaryGap": False},
                    "yAxis": {"type": "value", "show": False, "scale": True},
                    "tooltip": {"trigger": "axis", "confine": True},
                    "series": [
                        {
                            "type": "line",
                            "data": [],
                            "symbol": "circle",
                            "symbolSize": 4,
                            "showSymbol": False,
                            "lineStyle": {"width": 1.8, "color": "#2d7d9a"},
                            "itemStyle": {"color": "#2d7d9a"},
                            "areaStyle": {"color": "#2d7d9a", "opacity": 0.1},
                        }
                    ],
                },
                renderer="svg",
            ).classes("spark")

    def show(self, points: list) -> None:
        """Draw the (time, value) pairs."""
        value = points[-1][1]
        shown = f"{value:.1f}".rstrip("0").rstrip(".") if isinstance(value, float) else f"{value}"
        self._value.set_text(f"{shown} {self._unit}".strip())
        line = self._chart.options["series"][0]
        # Reports come when somebody asks: side by side they say more than on a scale of time.
        self._chart.options["xAxis"]["data"] = [time_text(at) for at, _ in points]
        line["data"] = [value for _, value in points]
        line["showSymbol"] = len(points) < 3
        self._chart.update()


class LogPanel:
    """What the device's logger said."""

    def __init__(self) -> None:
        self._last = None
        self._log = ui.log(max_lines=500).classes("log")

    def refresh(self, device) -> None:
        """Add what is new."""
        fresh = []
        for line in reversed(device.logs):
            if line is self._last:
                break
            fresh.append(line)
        for line in reversed(fresh):
            self._log.push(log_text(line), classes=_LEVELS.get(line.get("level"), "log-info"))
            self._last = line


class DetailsPanel:
    """Everything else that is known."""

    def __init__(self, hub) -> None:
        self._hub = hub
        self._shown = None
        self._body = ui.element("dl").classes("details")

    def refresh(self, device) -> None:
        """Write it anew if something differs."""
        meta = {key: value for key, value in device.meta.items() if value}
        place = device.location or {}
        rows = {
            "Firmware": ", ".join(f"{key} {value}" for key, value in meta.items()),
            "API version": device.api_version,
            "Network": ", ".join([device.interface or "", *device.connection_types]).strip(", "),
            "Location": ", ".join(f"{key} {value}" for key, value in place.items()),
            "Network identities": ", ".join(
                f"{item.get('service')} {item.get('identifier')}" for item in device.identities
            ),
            "Extensions": ", ".join(sorted(device.attached)),
            "Connections so far": str(device.connections),
            "History": "\n".join(device.audit[-10:]),
            "Refused by the server": "\n".join(self._hub.violations[-10:]),
            "Passed over by the server": "\n".join(self._hub.dropped[-10:]),
        }
        if rows == self._shown:
            return
        self._shown = rows
        self._body.clear()
        with self._body:
            for name, text in rows.items():
                if text:
                    with ui.element("dt"):
                        ui.label(name)
                    with ui.element("dd"):
                        ui.label(text)
