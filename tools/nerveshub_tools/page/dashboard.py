# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.page.dashboard`
================================================================================

The page as a whole: devices on the left, the chosen one beside them.

Separate because it puts the panels together and looks at the hub for them, a few times a second.
"""

from pathlib import Path
from typing import Optional
from urllib.parse import quote

from nicegui import ui

from ..hub_settings import settings_lines
from .actions import FilesPanel, FirmwarePanel, HeadPanel, ScriptPanel, act
from .panels import DetailsPanel, HealthPanel, LogPanel, TerminalPanel
from .summary import progress_of, state_of

_STYLE = Path(__file__).with_name("page.css")
_LOOK_EVERY = 0.25
_HEALTH_EVERY = 60
"""Seconds; the real server asks that often while a device's page is open."""


def register(hub) -> None:
    """Tell NiceGUI about the pages."""

    @ui.page("/")
    def first() -> None:
        known = hub.identifiers()
        connected = [name for name in known if hub.device(name).connected]
        Dashboard(hub, (connected or known or [None])[0])

    @ui.page("/devices/{identifier:path}")
    def chosen(identifier: str) -> None:
        Dashboard(hub, identifier if identifier in hub.identifiers() else None)


class Dashboard:
    """
    One open page.

    :param hub: the `nerveshub_tools.hub.Hub`
    :param str identifier: the device to show; None as long as there is none
    """

    def __init__(self, hub, identifier: Optional[str]) -> None:
        self._hub = hub
        self._identifier = identifier
        self._known = None
        self._rows = {}
        self._panels = []
        ui.add_css(_STYLE)
        ui.colors(primary="#2d7d9a")
        with ui.element("div").classes("page"):
            with ui.element("header"):
                ui.label("NervesHub").classes("brand")
                ui.label(f"development hub · {hub.product}").classes("quiet grow")
                self._count = ui.label().classes("quiet")
            with ui.element("aside"):
                with ui.element("section").classes("card"):
                    with ui.element("div").classes("card-head"):
                        ui.label("Devices").classes("card-title")
                    self._list = ui.element("div").classes("rows")
                self._firmware = FirmwarePanel(hub, identifier)
            with ui.element("main"):
                if identifier is None:
                    self._wait_for_one()
                else:
                    self._device(identifier)
        self._refresh()
        ui.timer(_LOOK_EVERY, self._refresh)

    def _wait_for_one(self) -> None:
        hub = self._hub
        with ui.element("section").classes("card waiting"):
            ui.label("No device has connected yet").classes("head-name")
            ui.label(f"This hub listens at {hub.url}. A device needs this in its settings.toml:")
            ui.label("\n".join(settings_lines(hub))).classes("code")

    def _device(self, identifier: str) -> None:
        hub = self._hub
        self._panels = [HeadPanel(hub, identifier)]
        with ui.element("div").classes("columns"):
            self._panels.append(TerminalPanel(hub, identifier))
            self._panels.append(HealthPanel(hub, identifier, act))
        with ui.element("section").classes("card lower"):
            with ui.tabs().props("dense no-caps align=left narrow-indicator") as tabs:
                names = [ui.tab(name) for name in ("Logs", "Script", "Files", "Details")]
            with ui.tab_panels(tabs, value=names[0]).props("keep-alive animated=false"):
                makers = (
                    LogPanel,
                    lambda: ScriptPanel(hub, identifier),
                    lambda: FilesPanel(hub, identifier),
                    lambda: DetailsPanel(hub),
                )
                for tab, make in zip(names, makers):
                    with ui.tab_panel(tab):
                        self._panels.append(make())
        ui.timer(_HEALTH_EVERY, self._ask_for_health, immediate=False)

    def _ask_for_health(self) -> None:
        if "health" in self._hub.device(self._identifier).attached:
            self._hub.request_health(self._identifier)

    def _refresh(self) -> None:
        hub = self._hub
        identifiers = hub.identifiers()
        if self._identifier is None and identifiers:
            ui.navigate.to(_path(identifiers[0]))
            return
        devices = {name: hub.device(name) for name in identifiers}
        if identifiers != self._known:
            self._known = identifiers
            self._list.clear()
            with self._list:
                self._rows = {name: _Row(name, name == self._identifier) for name in identifiers}
                if not identifiers:
                    ui.label("waiting for the first one").classes("quiet")
        for name, row in self._rows.items():
            row.refresh(devices[name])
        online = sum(device.connected for device in devices.values())
        self._count.set_text(f"{online} of {len(devices)} online")
        chosen = devices.get(self._identifier)
        self._firmware.refresh(chosen)
        for panel in self._panels:
            panel.refresh(chosen)


class _Row:
    """A device in the list."""

    def __init__(self, identifier: str, chosen: bool) -> None:
        with ui.link(target=_path(identifier)).classes("row-item device-row") as row:
            self._dot = ui.element("span").classes("dot")
            with ui.element("div").classes("grow"):
                ui.label(identifier).classes("strong")
                self._state = ui.label().classes("quiet")
            self._version = ui.label().classes("chip")
        if chosen:
            row.classes("chosen")

    def refresh(self, device) -> None:
        """Show what has changed."""
        state = state_of(device)
        colour = {"offline": "off", "connecting": "trial", "on trial": "trial"}.get(state, "on")
        self._dot.classes(replace=f"dot {colour}")
        text, _ = progress_of(device)
        self._state.set_text(text if device.inflight else state)
        self._version.set_text(device.meta.get("version") or "–")


def _path(identifier: str) -> str:
    return "/devices/" + quote(identifier, safe="")
