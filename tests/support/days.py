# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Days of a board and its NervesHub in a second or two: the real link, `AppSlotWriter`, guard and
drive on one side, the development hub on the other. One clock moves both; no sockets, no sleeping.

.. code-block:: python

    days = Days(tmp_path, monkeypatch)
    days.release("bad", "raise ValueError('a bug')")
    days.hub.deploy("bad")
    days.live(hours=30)
    assert days.installs == ["bad"]
"""

import json
import sys
from types import SimpleNamespace

from nerveshub_tools.connection import Text
from nerveshub_tools.hub import Hub

from nerveshub_link import AppSlotWriter
from nerveshub_link.slots import slot_file

from .applications import META, archive
from .desk import Desk
from .fakes import FakeClock
from .machine import Machine
from .raw_server import server_frame
from .slots import path_of
from .wires import TEXT

_HEARTBEAT = 100
_STEP = 50_000


class Days:
    """
    :param pathlib.Path folder: for the drive
    :param monkeypatch: pytest's, to start applications
    """

    def __init__(self, folder, monkeypatch):
        self.clock = FakeClock()
        self.begun = self.clock.time()
        self.hub = Hub(clock=self.clock.time, public_url="http://hub.example:4000")
        self.hub.listeners.append(self._heard)
        self.machine = Machine(folder)
        self.machine.install("a", {"code.py": "pass"}, number=1, **dict(META, uuid="old"))
        self.machine.remember(run="a", old="", trial=0)
        self.machine.power_on()
        self.never_confirmed = set()
        """uuids of the releases that run and do not confirm themselves"""
        self.answers = []
        """(hour, status, delay in hours or None) of each answer that ends an offer"""
        self.installs = []
        """uuids, in order"""
        self._monkeypatch = monkeypatch
        self._crashing = set()
        self._desk = None
        self._connections = {}

    @property
    def hours(self):
        """Whole hours since the beginning."""
        return (self.clock.time() - self.begun) // 3600

    def release(self, uuid, code="pass"):
        """Upload a release. Code that raises crashes at each start, before it joins."""
        image = archive({"code.py": code.encode()})
        self.hub.add_firmware(image, dict(META, uuid=uuid))
        if "raise" in code:
            self._crashing.add(uuid)

    def _heard(self, _identifier, _topic, event, payload):
        status = payload.get("status") if event == "status_update" else None
        if status in {"rescheduled", "ignored", "failed"}:
            delay = payload.get("delay_for")
            self.answers.append((self.hours, status, delay and delay / 3_600_000))
        elif status == "completed":
            self.installs.append(self._uuid(self.machine.record["run"]))

    @property
    def runs(self):
        """The uuid of the release that the guard has chosen."""
        return self._uuid(self.machine.chosen)

    def _uuid(self, slot):
        file = slot_file.SlotFile(str(path_of(self.machine.root, slot)))
        uuid = file.header().meta["uuid"]
        file.close()
        return uuid

    def live(self, hours):
        """Let time pass."""
        end = self.clock.time() + round(hours * 3600)
        while self.clock.time() < end:
            if self._desk is None:
                self._start()
            device = self.hub.device("dev-1")
            busy = device.inflight or not device.joined or not device.validated
            self.clock.advance(1000 if busy else _STEP)
            self._desk.poll()
            self._carry()
            self.hub.tick()
            self._carry()
            if self._desk.client.named("reboot"):
                self._stop()
                self.machine.power_on("SOFTWARE")
        assert self.hub.violations == []

    def _start(self):
        while self.runs in self._crashing:
            self.machine.go()
        launcher = SimpleNamespace(slot=self.machine.chosen, armed=0)
        self._monkeypatch.setitem(sys.modules, "nh_launcher", launcher)
        writer = AppSlotWriter(self.machine.root, clock=self.clock)
        confirm = self.runs not in self.never_confirmed
        self._desk = Desk(
            clock=self.clock,
            fwup_writer=writer,
            auto_confirm=confirm,
            heartbeat_interval=_HEARTBEAT,
        )

    def _stop(self):
        self._desk, self._connections = None, {}
        self._monkeypatch.setattr(slot_file, "_open", {})  # the next VM is another one
        for connection in list(self.hub._connections.values()):
            self.hub.disconnected(connection)

    def _carry(self):
        """Carry bytes between link and hub."""
        for peer in self._desk.network.peers:
            if peer.closed or not peer.asked:
                continue
            if peer not in self._connections:
                if peer.target.startswith("/device-socket"):
                    self._connections[peer] = self.hub.connect("dev-1")
                    peer.accept()
                else:
                    self._connections[peer] = None
                    uuid = peer.target.rsplit("/", 1)[1].split(".")[0]
                    peer.answer(200, body=self.hub.firmwares[uuid].data)
            connection = self._connections[peer]
            if connection is None:
                continue
            for frame in peer.heard():
                connection.text(json.dumps(frame))
            while connection.outbox:
                item = connection.outbox.popleft()
                assert isinstance(item, Text), item
                peer.put(server_frame(TEXT, item.text.encode()))
