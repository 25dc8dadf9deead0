# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
A device's session from its first join to the confirmed update, during which one call raises: the
real link, transport, writer and record, over the test's sockets and files. `Session` lists what
must be true wherever it raised.
"""

import functools
import importlib.util
import sys
from types import SimpleNamespace
from unittest import mock

from nerveshub_tools import fat_image
from nerveshub_tools.board_modules import WATCHDOG_MODES, Board

from nerveshub_link import AppSlotWriter, HealthProvider
from nerveshub_link.slots import slot_file
from nerveshub_link.slots.record import DeviceState
from nerveshub_link.slots.slot_file import IMAGE_AT, SECTOR
from nerveshub_link.wire import signing, transport

from .applications import META, archive
from .desk import CLIENT_METHODS, Desk, Log, RecordingClient
from .fakes import FakeClock
from .machine import FILES as GUARD
from .machine import Machine
from .scripted_hub import ScriptedHub
from .slots import path_of
from .sockets import Radio, Sockets

OLD = dict(META, uuid="old", version="1.0.0")
NEW = dict(META, uuid="new", version="1.1.0")
OLD_FILES = {"code.py": b"print('old')\n", "lib/same.py": b"SAME = 1\n"}
FILES = {
    "code.py": b"print('new')\n",
    "lib/same.py": b"SAME = 1\n",
    "lib/more/__init__.py": b"",
    "lib/more/table.bin": bytes(range(256)) * 20,
}
IMAGE = archive(FILES)
SLOTS = {"a": fat_image.build(OLD_FILES).data, "b": fat_image.build(FILES).data}
MINUTE = 60_000
HOUR = 60 * MINUTE
_WRITER = """
    firmware_meta firmware_validated firmware_auto_reverted last_failure poll
    fwup_check fwup_begin fwup_chunk fwup_finish fwup_abort fwup_confirm
""".split()
# An update may fail because of the flash, but not because of callbacks, the network, or the
# decision about it.
_MAY_FAIL = "app_slot_writer."

_spec = importlib.util.spec_from_file_location("nh_boot", str(GUARD / "nh_boot.py"))
_guard = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_guard)


def prepare(folder):
    """Make a drive on which the old release runs, confirmed."""
    machine = Machine(folder)
    machine.install("a", {path: OLD_FILES[path].decode() for path in OLD_FILES}, **OLD)
    machine.remember(run="a", old="", trial=0)


class Health(HealthProvider):
    """A sensor."""

    def health_check(self):
        return {"cpu_temp": 41.5}


class Wrong(Exception):
    """A promise of `Session` was broken."""


class _Clock(FakeClock):
    def __init__(self, seams):
        super().__init__(ticks=(1 << 29) - 20_000)
        self.time = seams.wrap("clock", self.time)
        self._seams = seams

    def __call__(self):
        self._seams.reach("clock")
        return super().__call__()


class Session:
    """
    One device through an update. `live` raises `Wrong` unless:

    * what starts next is the old release until the new one is installed as a whole, and then that
    * an installed release leads to exactly one restart, all else to none; it is confirmed
    * ``failed`` is said for what the writer could not do, never for what could not be said
    * heartbeats, health reports and log lines go on, and the trial's watchdog is fed
    * ``poll()`` raises nothing but the KeyboardInterrupt that was injected, and that it does
    * nothing is said that would crash the server's channel, and no extension is detached

    :param pathlib.Path drive: a drive made by `prepare`
    :param Seams seams: what raises
    """

    def __init__(self, drive, seams):
        self.log = Log()
        """What the link logged."""
        self._drive = drive
        self._seams = seams
        self._hub = ScriptedHub(IMAGE, NEW)
        self._interrupts = 0  # KeyboardInterrupts that came out of the link
        self._board = self._link = self._client = self._network = None
        self._restarts = 0
        self._fed = (0, 0)  # how often the watchdog was fed, and when last

    def live(self):
        """Go through everything."""
        select = transport.select
        # Two rounds instead of 1,000, each of which is four calls of a seam.
        headers = functools.partial(signing.build_headers, alg="NH1-HMAC-sha256-2-32")
        try:
            with (
                mock.patch.object(signing, "build_headers", headers),
                self._seams.inside_library(),
            ):
                self._first()
                if self._installed:
                    self._second()
        finally:
            self._seams.on = False
            transport.select = select
            self._board.uninstall()
            sys.modules.pop("nh_launcher", None)
            _another_vm()
        self._judge()

    def _first(self):
        """The old release takes an update."""
        self._start("a")
        self._until(lambda: self._restarts or self._failed, 4 * HOUR, "the update did not end")
        self._look_after()
        _must(self._restarts == self._installed, "%d restarts" % self._restarts)
        _must(self._installed != self._failed, "failed and installed")

    def _second(self):
        """The new release is on trial, and is confirmed."""
        self._start("b")
        self._until(lambda: self._hub.validated, HOUR, "it was not confirmed")
        self._look_after()
        _must(self._restarts == 0, "the confirmed release restarted")

    def _start(self, slot):
        """The guard has chosen a slot, and its application makes a link."""
        self._seams.on = False
        wrap = self._seams.wrap
        _another_vm()
        self._board = board = Board()
        board.read_only = False
        if slot == "b":
            board.watchdog.timeout, board.watchdog.mode = 90, WATCHDOG_MODES.RESET
        # The launcher, which has armed it for the trial.
        armed = 90 if slot == "b" else 0
        sys.modules["nh_launcher"] = SimpleNamespace(slot=slot, armed=armed)
        board.install()
        self._clock = clock = _Clock(self._seams)
        self._fed = (0, 0)
        self._restarts = 0
        self._network = network = transport.select = Sockets(self._seams)
        writer = AppSlotWriter(str(self._drive), clock=clock)
        self._client = client = RecordingClient()
        client.reboot = self._reboot
        health = Health()
        _wrap_methods(wrap, "writer", writer, _WRITER)
        names = [name for name in CLIENT_METHODS if name != "reboot"]
        _wrap_methods(wrap, "callback", client, ["update_available", *names])
        _wrap_methods(wrap, "callback", health, ["health_check"])
        self._link = Desk(
            network,
            clock,
            client=client,
            fwup_writer=writer,
            radio=Radio(self._seams),
            wifi_ssid="workshop",
            logger=SimpleNamespace(log=wrap("callback", self.log.log)),
            extensions={"health": health, "logging": True},
            urandom=wrap("random", bytes),
            random=wrap("random", float),
            confirm_after=5,
            chunk_size=1024,
        ).link
        self._hub.face(network, clock)
        self._seams.on = True

    def _reboot(self):
        """Instead of a restart: what the link does from now on must be right as well."""
        self._seams.wrap("callback", bool)()  # raises, and then it is no restart; or it is one
        self._restarts += 1

    @property
    def _failed(self):
        return "failed" in self._hub.statuses or bool(self._client.named("fwup_error"))

    @property
    def _installed(self):
        """Does the new release start next? Then it must be whole; if not, the old one must be."""
        on, self._seams.on = self._seams.on, False
        try:
            _guard.ROOT = str(self._drive)
            slot = DeviceState(str(self._drive)).load().get("run")
            if slot == "b" and not _guard._whole(slot):
                slot = "a"  # the guard goes back, too
            _must(slot in ("a", "b"), "the record tells of no slot")
            _must(_guard._whole(slot), "what starts next is torn")
            image = path_of(self._drive, slot).read_bytes()[IMAGE_AT * SECTOR :]
            _must(image.startswith(SLOTS[slot]), "what starts next is something else")
            return slot == "b"
        finally:
            self._seams.on = on

    # The main loop

    def _turn(self):
        """One turn of the application's main loop, and of the server."""
        link, hub, board = self._link, self._hub, self._board
        self._clock.advance(5000 if hub.waits else 1000)
        try:
            link.poll()
        except KeyboardInterrupt:
            self._interrupts += 1
        except Exception as error:
            raise Wrong("poll() raised %r" % error) from error
        try:
            hub.serve()
        except Exception as error:
            raise Wrong("the server got garbage: %r" % error) from error
        now = self._clock.passed
        if board.watchdog.mode is None or board.fed != self._fed[0]:
            self._fed = (board.fed, now)
        _must(now - self._fed[1] < 85_000, "the trial's watchdog was not fed")
        _must(not self._network.crashed, "a closed socket was polled, which crashes a board")

    def _until(self, condition, milliseconds, what, again=None):
        """
        Go on until something is so.

        :param again: called at the beginning, and every 30 seconds
        """
        begun = now = self._clock.passed
        asked = None
        while not condition():
            link = self._link
            why = "%s; %s; last error: %s" % (what, link.state, link.last_error)
            _must(now - begun < milliseconds, why)
            if again is not None and (asked is None or now - asked > 30_000):
                asked = now
                again()
            self._turn()
            now = self._clock.passed

    def _look_after(self):
        """Whatever was: everything goes on."""
        hub, begun = self._hub, self._clock.passed
        self._until(lambda: self._link.connected and hub.peer, 10 * MINUTE, "it did not join again")
        beats, reports, lines = hub.beats, hub.reports, hub.lines
        lines.clear()
        self._until(lambda: hub.beats > beats, 5 * MINUTE, "no heartbeats")
        self._until(lambda: hub.reports > reports, 5 * MINUTE, "no reports", hub.check_health)
        self._until(lambda: "still here" in lines, 5 * MINUTE, "no log lines", self._say)
        # A restart that failed is tried again after a minute.
        self._until(lambda: self._clock.passed - begun > 70_000, 2 * MINUTE, "")

    def _say(self):
        try:
            self._link.log("info", "still here")
        except KeyboardInterrupt:
            self._interrupts += 1
        except (MemoryError, OSError):
            pass  # to the application, which has called it

    def _judge(self):
        seams, hub = self._seams, self._hub
        stack = seams.stack or []
        _must(not hub.violations, "; ".join(hub.violations))
        _must("ignored" not in hub.statuses, "the update was ignored")
        interrupted = seams.stack is not None and seams.exception == "KeyboardInterrupt"
        _must(self._interrupts == interrupted, "%d KeyboardInterrupts" % self._interrupts)
        if self._failed:
            may = any(place.startswith(_MAY_FAIL) for place in stack)
            may = (may or seams.seam.startswith("writer")) and not interrupted
            _must(may, "the update failed, for " + " < ".join(stack[:3]))


def _another_vm():
    """What was open for writing in the last one is not closed: a reset closes nothing."""
    slot_file._open.clear()


def _wrap_methods(wrap, seam, target, names):
    for name in names:
        setattr(target, name, wrap(seam, getattr(target, name)))


def _must(so, else_what):
    if not so:
        raise Wrong(else_what)
