# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.demo`
================================================================================

A demonstration of four updates: a hub with its own certificate, and a simulated board that verifies
it, with the real boot guard and the real library on its drive, and a public key in its settings. A
good release; one that is signed with another key, which the board refuses; a bad one that crashes
at its start, from which the board goes back by itself; and a good one again. Of the last two only
what changed travels. It succeeds only if in the end the board runs the last release, byte for byte,
has confirmed it, has reported what was wrong with the others, and did nothing that the real server
would have refused.

Longer than other modules: it is one story, told from its beginning to its end.
"""

import queue
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Optional

from rich.console import Console
from rich.markup import escape

from .application import read
from .board_slots import SLOTS, examine, path_of
from .ca import Authority
from .demo_application import write
from .demo_timeline import Timeline
from .keys import make_keys, read_key
from .packer import pack
from .server import HubThread
from .simulated_board import SimulatedBoard, make_drive
from .tls import ServerTls

IDENTIFIER = "demo-board"
META = {"product": "demo", "platform": "simulated", "architecture": "xtensa"}
UPDATES = (
    ("1.1.0", "is well"),
    ("1.1.1", "is signed with another key"),
    ("1.2.0", "crashes at its start"),
    ("1.3.0", "is well"),
)
"""Versions, and what they are like."""
SIZE = 200_000
TIMEOUT = 90
_LOAD, _INSTALL = ("received", "started"), ("updating", "completed")
_KEPT = ("rebooting", "rejoined", "validated")
_LEFT = ("rebooting", "crashed", "crashed", "crashed", "went back", "reported")
STEPS = ("connected", "joined")
STEPS += (*_LOAD, "downloading", "verified", *_INSTALL, *_KEPT)
STEPS += (*_LOAD, "refused")
# Hardly anything is downloaded: too little for a progress.
STEPS += (*_LOAD, "verified", "saved", *_INSTALL, *_LEFT)
STEPS += (*_LOAD, "verified", "saved", *_INSTALL, *_KEPT)
"""The words of the timeline, in the only right order."""
_RATE = 1_000_000


class Failed(Exception):
    """Raised when the updates did not go as they should. Says what was wrong."""


@dataclass
class Release:
    """
    One release of the application.

    :param str version: its version
    :param str nature: what it is like, as in `UPDATES`
    """

    version: str
    nature: str = ""
    folder: Optional[Path] = None
    archive: Optional[Path] = None
    uuid: str = ""

    @property
    def bad(self) -> bool:
        """Does it crash? (read-only)"""
        return self.nature.startswith("crashes")

    @property
    def forged(self) -> bool:
        """Is it signed with another key? (read-only)"""
        return self.nature.startswith("is signed")

    def __str__(self) -> str:
        return f"version {self.version}, {self.uuid}"


class Demo:
    """
    One run of the demonstration.

    :param Console console: where to print
    :param int size: bytes of the application, roughly
    :param float timeout: seconds for everything together
    :param float rate: bytes per second of the downloads
    :param dict tweaks: fields of the updates' payloads to replace, to see it fail
    """

    def __init__(
        self,
        console: Optional[Console] = None,
        size: int = SIZE,
        timeout: float = TIMEOUT,
        rate: float = _RATE,
        tweaks: Optional[dict] = None,
    ) -> None:
        self._size = size
        self._rate = rate
        self._tweaks = tweaks or {}
        self._console = console or Console()
        self._timeout = timeout
        self._happened = queue.Queue()
        self._timeline = Timeline(self._console, STEPS)
        self._first = Release("1.0.0")
        self._waiting = [Release(*update) for update in UPDATES]
        self._last = self._waiting[-1]
        self._running = self._first
        self._pushed: Optional[Release] = None
        self._drive: Optional[Path] = None
        self._slots: List[bytes] = []  # before the last update

    def run(self) -> int:
        """Play it; 0 if all went well, else 1."""
        try:
            with tempfile.TemporaryDirectory(prefix="nerveshub-demo-") as folder:
                self._play(Path(folder))
        except Failed as failure:
            words = "[bold red]failed[/bold red]: " + escape(str(failure))
            self._console.print(words, highlight=False, soft_wrap=True)
            return 1
        self._console.print("[bold green]The board runs its newest release.[/bold green]")
        return 0

    def _play(self, folder: Path) -> None:
        public, private = make_keys(folder / "signing")
        keys = {False: read_key(private), True: read_key(make_keys(folder / "another")[1])}
        for release in (self._first, *self._waiting):
            # What comes after the first update shares this file with it.
            assets = "old" if release is self._first else "new"
            release.folder = write(
                folder / release.version, release.version, release.bad, self._size, assets
            )
            release.archive = folder / f"demo-{release.version}.fw"
            meta = {**META, "version": release.version}
            key = keys[release.forged]
            release.uuid = pack(release.folder, release.archive, meta, key=key).uuid
        authority = Authority(folder / "ca")
        tls = ServerTls(*authority.server())
        with HubThread(product=META["product"], tls=tls) as hub:
            hub.listeners.append(lambda *event: self._happened.put(event))
            hub.download_rate = self._rate
            for release in self._waiting:
                meta = {**META, "version": release.version, "uuid": release.uuid}
                hub.add_firmware(release.archive.read_bytes(), meta)
            self._drive = drive = folder / "CIRCUITPY"
            self._make_drive(drive, hub, public.read_text().strip())
            board = SimulatedBoard(
                drive,
                lambda event: self._happened.put((IDENTIFIER, "board", event["event"], event)),
                ca=authority.cert,
            )
            with board, self._timeline:
                self._watch(hub)
            self._check(hub, board)

    def _make_drive(self, folder: Path, hub, public_key: str) -> None:
        make_drive(
            folder,
            app=str(self._first.folder),
            meta={**META, "version": self._first.version},
            settings={**_settings(hub), "NERVESHUB_PUBLIC_KEYS": public_key},
        )

    def _read_slots(self) -> List[bytes]:
        return [(self._drive / path_of(slot)).read_bytes() for slot in SLOTS]

    def _watch(self, hub) -> None:
        deadline = time.monotonic() + self._timeout
        while self._timeline.missing:
            try:
                left = max(0.0, deadline - time.monotonic())
                _, topic, event, payload = self._happened.get(timeout=left)
            except queue.Empty:
                missing = self._timeline.missing
                raise Failed(f"'{missing}' did not happen within {self._timeout} s") from None
            if topic == "board":
                self._board_did(event, payload)
            elif topic in {"device", "socket"}:
                self._hub_heard(hub, event, payload)
            elif event == "logging:send":
                self._logged(hub, payload)

    def _board_did(self, event: str, payload: dict) -> None:
        if event in {"died", "prompt", "safe_mode", "watchdog"}:
            raise Failed(f"the board says {payload}")
        if event == "ended" and payload["how"] == "crashed":
            words = (payload["traceback"] or "").strip().splitlines()[-1]
            if self._pushed is None or not self._pushed.bad:
                raise Failed(f"the application crashed: {words}")
            self._timeline.step("crashed", words)

    def _hub_heard(self, hub, event: str, payload) -> None:
        step = self._timeline.step
        if event == "connected":
            step("connected", f"{IDENTIFIER} over TLS, certificate checked")
        elif event == "phx_join":
            self._joined(hub, payload)
        elif event == "status_update":
            self._status(hub, payload)
        elif event == "fwup_progress":
            self._progress(hub, payload)
        elif event == "rebooting":
            step("rebooting", "into the new release, on trial")
        elif event == "firmware_validated":
            step("validated", "it has reached the hub, and is kept")
            self._push_next(hub)

    def _joined(self, hub, payload: dict) -> None:
        uuid, meta = payload["nerves_fw_uuid"], payload["meta"]
        running = f"{uuid} (version {payload['nerves_fw_version']})"
        pushed = self._pushed
        if pushed is None and uuid == self._first.uuid:
            self._timeline.step("joined", f"running {running}")
            self._push_next(hub)
        elif pushed and uuid == pushed.uuid and not pushed.bad and not pushed.forged:
            trial = "" if meta["firmware_validated"] else ", not yet validated"
            self._timeline.step("rejoined", f"now on {running}{trial}")
            self._running = pushed
        elif pushed and pushed.bad and uuid == self._running.uuid:
            if not meta["firmware_auto_revert_detected"] or not meta["firmware_validated"]:
                raise Failed(f"the board came back on {running} and does not say why")
            self._timeline.step("went back", f"by itself, to {running}")
        else:
            raise Failed(f"the board came back on {running}")

    def _push_next(self, hub) -> None:
        if not self._waiting or self._timeline.missing != "received":
            return
        self._pushed = release = self._waiting.pop(0)
        size = release.archive.stat().st_size
        self._timeline.heading(f"An update to {release}: it {release.nature}", size)
        self._slots = self._read_slots()
        hub.push_update(IDENTIFIER, release.uuid, **self._tweaks)

    def _status(self, hub, payload: dict) -> None:
        status = payload["status"]
        if status == "failed" and self._pushed.forged:
            reason = str(payload.get("reason"))
            if "signature" not in reason:
                raise Failed(f"the board refuses a forged release, but says {reason}")
            if self._read_slots() != self._slots:
                raise Failed("a forged release has left something in a slot")
            self._timeline.step("refused", reason)
            self._push_next(hub)
            return
        texts = {
            "received": "the offer",
            "started": f"{self._pushed.archive.stat().st_size:,} bytes over HTTPS",
            "completed": "in the idle slot, read back, to be tried at the next start",
        }
        if status not in texts:
            raise Failed(f"the board reports {payload}")
        self._timeline.step(status, texts[status])

    def _progress(self, hub, payload: dict) -> None:
        if payload.get("stage") == "downloading":
            self._timeline.step("downloading", "progress as the board reports it:")
            if self._timeline.seen[-1] == "downloading":
                self._timeline.percent(payload["value"])
        else:
            # The stage changes only after these proved right.
            self._timeline.step("verified", "its signature, and the SHA-256 of all that is signed")
            if self._timeline.missing == "saved":
                self._timeline.step("saved", self._saved(hub))
            self._timeline.step("updating", "the image is read back, then the slot gets its header")

    def _saved(self, hub) -> str:
        """How much of the release travelled, as the hub has counted it."""
        release = self._pushed
        size, sent = release.archive.stat().st_size, hub.downloads.body_bytes(release.uuid)
        if sent * 2 > size:
            raise Failed(f"{sent:,} of {size:,} bytes travelled, and most of it was there")
        percent = -(-sent * 100 // size)
        return f"{sent:,} of {size:,} bytes travelled ({percent} %): the rest was on the board"

    def _logged(self, hub, payload: dict) -> None:
        """The board tells in its log what went wrong in earlier starts."""
        bad = self._pushed
        text = str(payload.get("message"))
        if bad and bad.bad and bad.uuid in text and "RuntimeError" in text:
            self._timeline.step("reported", f"in its log: {_in_a_line(text)}")
            self._push_next(hub)

    def _check(self, hub, board: SimulatedBoard) -> None:
        found = hub.device(IDENTIFIER)
        last = self._last
        if found.meta["uuid"] != last.uuid or not found.validated:
            raise Failed(f"the hub believes it runs {found.meta['uuid']}, {found.validation}")
        slots = [examine(board.drive / path_of(slot)) for slot in SLOTS]
        if not all(slot.whole for slot in slots):
            raise Failed("a slot is not whole: " + "; ".join(slot.words() for slot in slots))
        installed = [slot.files for slot in slots if slot.header.meta["uuid"] == last.uuid]
        if not installed:
            raise Failed("the release that was pushed is in no slot")
        for path, data in read(last.folder).files.items():
            if installed[0].get(path) != data:
                raise Failed(f"{path} is not the one that was pushed")
        if hub.violations:
            raise Failed("the real server would have refused: " + "; ".join(hub.violations))


def _settings(hub) -> Dict[str, str]:
    return {
        "NERVESHUB_HOST": "localhost",
        "NERVESHUB_PRODUCT_KEY": hub.product_key,
        "NERVESHUB_PRODUCT_SECRET": hub.product_secret,
        "NERVESHUB_PORT": str(hub.port),
        "NERVESHUB_IDENTIFIER": IDENTIFIER,
    }


def _in_a_line(text: str) -> str:
    """The beginning, and the last line, which names the exception."""
    lines = text.strip().splitlines()
    return f"{lines[0][:60]} ... {lines[-1]}" if len(lines) > 1 else lines[0]
