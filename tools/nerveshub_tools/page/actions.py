# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.page.actions`
================================================================================

The parts of a device's page that act: head with its buttons, firmware to push, scripts, files.

Separate from those that only look (`nerveshub_tools.page.panels`), with the same ``refresh``.
"""

from nicegui import ui

from ..changes import until
from ..hub_state import OperatorError
from ..received_files import MAX_SIZE
from ..rest_devices import NO_ANSWER, SCRIPT_WAIT
from .summary import progress_of, size_text, state_of, time_text

_BUTTONS = (
    ("lightbulb", "Identify", "Asked the device to show itself"),
    ("sync", "Reconnect", "Told the device to reconnect"),
    ("power_settings_new", "Reboot", "Asked the device to reboot"),
)
_DOTS = {"offline": "dot off", "connecting": "dot trial", "on trial": "dot trial"}


def act(method, *args) -> bool:
    """Do an operator's action, and show why it failed."""
    try:
        method(*args)
    except (OperatorError, ValueError) as error:
        ui.notify(str(error), type="negative")
        return False
    return True


class HeadPanel:
    """Who it is, what it runs, how its update goes, and three buttons."""

    def __init__(self, hub, identifier: str) -> None:
        with ui.element("section").classes("card head"):
            with ui.element("div").classes("head-row"):
                self._dot = ui.element("span").classes("dot")
                ui.label(identifier).classes("head-name")
                self._version = ui.label().classes("chip version")
                self._state = ui.label().classes("chip")
                self._about = ui.label().classes("quiet grow")
                self._buttons = [self._button(hub, identifier, *words) for words in _BUTTONS]
            with ui.element("div").classes("head-row") as self._update:
                self._bar = ui.linear_progress(0, show_value=False, size="8px").props("rounded")
                self._bar.classes("bar grow")
                self._text = ui.label().classes("bar-text")

    @staticmethod
    def _button(hub, identifier: str, icon: str, text: str, done: str):
        def click() -> None:
            # The protocol has no answer: only that it was sent can be shown.
            if act(getattr(hub, text.lower()), identifier):
                ui.notify(done, type="positive")

        button = ui.button(text, icon=icon, on_click=click)
        return button.props("outline no-caps dense size=13px").classes("action")

    def refresh(self, device) -> None:
        """Show what has changed."""
        state = state_of(device)
        for button in self._buttons:
            button.set_enabled(device.joined)
        self._dot.classes(replace=_DOTS.get(state, "dot on"))
        self._version.set_text(device.meta.get("version") or "no firmware known")
        self._state.set_text(state)
        about = [device.meta.get(key) for key in ("product", "platform", "architecture")]
        self._about.set_text(" · ".join(str(item) for item in about if item))
        text, fraction = progress_of(device)
        self._update.set_visibility(bool(text))
        self._text.set_text(text)
        self._bar.set_value(fraction or 0)
        self._bar.set_visibility(fraction is not None)


class FirmwarePanel:
    """What can be pushed."""

    def __init__(self, hub, identifier) -> None:
        self._hub = hub
        self._identifier = identifier
        self._shown = None
        with ui.element("section").classes("card"):
            with ui.element("div").classes("card-head"):
                ui.label("Firmware").classes("card-title")
            self._body = ui.element("div").classes("rows")

    def refresh(self, device) -> None:
        """List it anew if there is more of it, or another one runs."""
        firmwares = list(self._hub.firmwares.values())
        running = device.meta.get("uuid") if device else None
        ready = bool(device and device.joined and not device.inflight)
        shown = ([item.uuid for item in firmwares], running, ready)
        if shown == self._shown:
            return
        self._shown = shown
        self._body.clear()
        with self._body:
            if not firmwares:
                ui.label("none: start the hub with a folder of .fw and .bin files").classes("quiet")
            for item in firmwares:
                self._row(item, item.uuid == running, ready)

    def _row(self, item, runs: bool, ready: bool) -> None:
        with ui.element("div").classes("row-item"):
            with ui.element("div").classes("grow"):
                ui.label(str(item.meta.get("version"))).classes("strong")
                about = f"{item.meta.get('product')} · {size_text(item.size)} · {item.uuid[:8]}"
                ui.label(about).classes("quiet").tooltip(item.uuid)
            if runs:
                ui.label("runs").classes("chip")
            button = ui.button(
                "Push", on_click=lambda: act(self._hub.push_update, self._identifier, item.uuid)
            ).props("unelevated no-caps dense size=13px")
            button.classes("action push").set_enabled(ready and not runs)


class ScriptPanel:
    """Runs a text on the device and shows what it says."""

    def __init__(self, hub, identifier: str) -> None:
        self._hub = hub
        self._identifier = identifier
        with ui.element("div").classes("script"):
            self._text = ui.textarea(placeholder="import os\nos.uname()").props("outlined dense")
            self._text.classes("script-text")
            self._button = ui.button("Run", icon="play_arrow", on_click=self._run)
            self._button.props("unelevated no-caps dense").classes("action")
            self._answer = ui.label().classes("script-answer")

    async def _run(self) -> None:
        hub, identifier = self._hub, self._identifier
        try:
            ref = hub.run_script(identifier, self._text.value or "")
        except (OperatorError, ValueError) as error:
            ui.notify(str(error), type="negative")
            return
        self._button.disable()
        self._answer.set_text("…")
        try:
            await until(
                hub, lambda hub: hub.script_answer(identifier, ref) is not None, SCRIPT_WAIT
            )
        finally:
            self._button.enable()
        answer = hub.script_answer(identifier, ref)
        self._answer.set_text(NO_ANSWER if answer is None else answer or "(nothing)")

    def refresh(self, device) -> None:
        """Nothing to do: it answers by itself."""


class FilesPanel:
    """Files to the device and from it."""

    def __init__(self, hub, identifier: str) -> None:
        self._hub = hub
        self._identifier = identifier
        self._shown = None
        with ui.element("div").classes("files"):
            with ui.element("div"):
                ui.label("To the device").classes("card-title")
                ui.upload(
                    label="Drop files here, or choose with +",
                    multiple=True,
                    auto_upload=True,
                    max_file_size=MAX_SIZE,
                    on_upload=self._upload,
                    on_rejected=lambda: ui.notify(
                        f"larger than {size_text(MAX_SIZE)}", type="negative"
                    ),
                ).props("flat bordered").classes("upload")
            with ui.element("div"):
                ui.label("From the device").classes("card-title")
                self._body = ui.element("div").classes("rows")

    async def _upload(self, event) -> None:
        data = await event.file.read()
        if act(self._hub.terminals.send_file, self._identifier, event.file.name, data):
            ui.notify(f"{event.file.name} sent, {size_text(len(data))}", type="positive")

    def refresh(self, device) -> None:
        """List what came."""
        shown = [(item.name, item.received_at) for item in device.files]
        if shown == self._shown:
            return
        self._shown = shown
        self._body.clear()
        with self._body:
            if not device.files:
                ui.label("nothing yet").classes("quiet")
            for item in reversed(device.files):
                self._row(item)

    @staticmethod
    def _row(item) -> None:
        with ui.element("div").classes("row-item"):
            with ui.element("div").classes("grow"):
                ui.label(item.name).classes("strong")
                about = f"{size_text(len(item.data))} · {time_text(item.received_at)}"
                ui.label(about).classes("quiet")
            # Only the last part of a name: it is the device's word.
            name = item.name.replace("\\", "/").rsplit("/", 1)[-1] or "file"
            ui.button(icon="download", on_click=lambda: ui.download(item.data, name)).props(
                "flat dense round size=sm"
            ).tooltip("Save")
