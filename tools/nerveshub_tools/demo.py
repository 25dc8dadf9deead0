# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.demo`
================================================================================

A whole firmware update before your eyes: a hub with its own certificate, a simulated device that
checks it, and everything between "connected" and "validated". It succeeds only if the device came
back on the new firmware, byte for byte, confirmed it, and did nothing that the real server would
have refused.
"""

import hashlib
import os
import queue
import tempfile
import time
import uuid as _uuid
from pathlib import Path
from typing import Optional

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from .ca import Authority
from .server import HubThread
from .simulated_device import FACTORY, SimulatedDevice
from .tls import ServerTls

IDENTIFIER = "demo-device"
IMAGE_SIZE = 1_400_000
STEPS = (
    "connected joined received started downloading verified updating completed rebooting "
    "rejoined validated"
).split()
"""The words of the timeline, in the only right order."""
TIMEOUT = 60
_RATE = 1_000_000
_PERCENT_STEP = 25


class Failed(Exception):
    """Raised when the update did not go as it should. Says what was wrong."""


class Timeline:
    """
    Prints each step once, and knows which ones are still missing.

    :param Console console: where to
    :param int size: bytes of the image, for the bar
    """

    def __init__(self, console: Console, size: int) -> None:
        self.seen = []
        self._console = console
        self._size = size
        self._began = time.monotonic()
        self._shown_percent = 0
        self._progress = Progress(
            TextColumn("           [cyan]{task.description:<12}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task = self._progress.add_task("downloading", total=size, visible=False)

    def __enter__(self) -> "Timeline":
        self._progress.start()
        return self

    def __exit__(self, *_exception) -> None:
        self._progress.stop()

    def step(self, word: str, text: str) -> None:
        """A step was reached; the second time says nothing."""
        if word in self.seen:
            return
        self.seen.append(word)
        seconds = time.monotonic() - self._began
        self._console.print(
            f"[dim]{seconds:7.2f} s[/dim]  [bold green]{word:<12}[/bold green] {text}",
            highlight=False,
            soft_wrap=True,
        )

    def percent(self, value: int) -> None:
        """The download's percentage, as the device reported it to the hub."""
        self._progress.update(self._task, completed=self._size * value // 100, visible=True)
        if not self._console.is_terminal and value >= self._shown_percent + _PERCENT_STEP:
            self._shown_percent = value
            self._console.print(f"{'':25}{value} %", highlight=False)


class Demo:
    """
    One run of the demonstration.

    :param Console console: where to print
    :param int image_size: bytes of the new firmware
    :param float timeout: seconds for everything together
    :param float rate: bytes per second of the download
    :param dict tweaks: fields of the update's payload to replace, to see it fail
    """

    def __init__(
        self,
        console: Optional[Console] = None,
        image_size: int = IMAGE_SIZE,
        timeout: float = TIMEOUT,
        rate: float = _RATE,
        tweaks: Optional[dict] = None,
    ) -> None:
        self._rate = rate
        self._tweaks = tweaks or {}
        self._console = console or Console()
        self._timeout = timeout
        self._image = os.urandom(image_size)
        self._new = {**FACTORY, "uuid": str(_uuid.uuid4()), "version": "1.1.0"}
        self._happened = queue.Queue()
        self._verified = False
        self._timeline = Timeline(self._console, image_size)

    def run(self) -> int:
        """Play it; 0 if all went well, else 1."""
        try:
            with tempfile.TemporaryDirectory(prefix="nerveshub-demo-") as folder:
                self._play(Path(folder))
        except Failed as failure:
            self._console.print(
                f"[bold red]failed[/bold red]: {failure}", highlight=False, soft_wrap=True
            )
            return 1
        self._console.print("[bold green]The device runs its new firmware.[/bold green]")
        return 0

    def _play(self, folder: Path) -> None:
        authority = Authority(folder / "ca")
        tls = ServerTls(*authority.server())
        with HubThread(product=FACTORY["product"], tls=tls) as hub:
            hub.listeners.append(lambda *event: self._happened.put(event))
            hub.download_rate = self._rate
            hub.add_firmware(self._image, self._new)
            device = SimulatedDevice(
                folder / "device",
                lambda event: self._happened.put((IDENTIFIER, "device process", "", event)),
                host="localhost",
                port=hub.port,
                identifier=IDENTIFIER,
                ca=authority.cert,
                product_key=hub.product_key,
                product_secret=hub.product_secret,
                confirm_after=1,
            )
            with device, self._timeline:
                self._watch(hub)
            self._check(hub, device)

    def _watch(self, hub) -> None:
        deadline = time.monotonic() + self._timeout
        held = []
        while self._timeline.seen[-1:] != STEPS[-1:]:
            try:
                left = max(0.0, deadline - time.monotonic())
                _, topic, event, payload = self._happened.get(timeout=left)
            except queue.Empty:
                missing = STEPS[len(self._timeline.seen)]
                raise Failed(f"'{missing}' did not happen within {self._timeout} s") from None
            if topic == "device process":
                self._device_said(payload)
            elif topic in {"device", "socket"}:
                held.append((event, payload))
            # The device's own words and the hub's come on two ways. What the hub heard of
            # installing waits here for "verified", which only the device itself can tell.
            while held and not self._must_wait(*held[0]):
                self._hub_heard(hub, *held.pop(0))

    def _must_wait(self, event: str, payload) -> bool:
        installing = event == "fwup_progress" and payload.get("stage") == "updating"
        return installing and not self._verified

    def _device_said(self, event: dict) -> None:
        kind = event["event"]
        if kind in {"fwup_error", "fatal", "exit"}:
            raise Failed(f"the device says {event}")
        if kind == "verified":
            self._verified = True

    def _hub_heard(self, hub, event: str, payload) -> None:
        step = self._timeline.step
        if event == "connected":
            step("connected", f"{IDENTIFIER} over TLS, certificate checked")
        elif event == "phx_join":
            self._joined(hub, payload)
        elif event == "status_update":
            self._status(payload)
        elif event == "fwup_progress":
            self._progress(payload)
        elif event == "rebooting":
            step("rebooting", "into the new firmware")
        elif event == "firmware_validated":
            step("validated", "the new firmware has reached the hub and is kept")

    def _joined(self, hub, payload: dict) -> None:
        uuid = payload["nerves_fw_uuid"]
        running = f"{uuid} (version {payload['nerves_fw_version']})"
        if "joined" not in self._timeline.seen:
            self._timeline.step("joined", f"running {running}")
            hub.push_update(IDENTIFIER, self._new["uuid"], **self._tweaks)
        elif uuid == self._new["uuid"]:
            trial = "" if payload["meta"]["firmware_validated"] else ", not yet validated"
            self._timeline.step("rejoined", f"now on {running}{trial}")
        else:
            raise Failed(f"the device came back on {running}")

    def _status(self, payload: dict) -> None:
        status = payload["status"]
        texts = {
            "received": f"the offer of {self._new['uuid']}",
            "started": f"{len(self._image):,} bytes over HTTPS",
            "completed": "written, takes effect at the next boot",
        }
        if status not in texts:
            raise Failed(f"the device reports {payload}")
        self._timeline.step(status, texts[status])

    def _progress(self, payload: dict) -> None:
        if payload.get("stage") == "downloading":
            self._timeline.step("downloading", "progress as the device reports it:")
            self._timeline.percent(payload["value"])
        else:
            self._timeline.step("verified", "length and SHA-256 are what the hub announced")
            self._timeline.step("updating", "the image takes its place")

    def _check(self, hub, device: SimulatedDevice) -> None:
        found = hub.device(IDENTIFIER)
        if self._timeline.seen != STEPS:
            raise Failed("steps came in the order " + ", ".join(self._timeline.seen))
        if found.meta["uuid"] != self._new["uuid"] or not found.validated:
            raise Failed(f"the hub believes it runs {found.meta['uuid']}, {found.validation}")
        if hashlib.sha256(device.image.read_bytes()).digest() != (
            hashlib.sha256(self._image).digest()
        ):
            raise Failed("the installed image is not the one that was pushed")
        if hub.violations:
            raise Failed("the real server would have refused: " + "; ".join(hub.violations))
