# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
An update manager on the bench. Downloader, device, channels and reporter around it are the real
ones; the connections, the application, the flash and the clock are the test's.
"""

import json
import random
from types import SimpleNamespace

from nerveshub_link.common.callbacks import Callbacks
from nerveshub_link.update import manager as updates
from nerveshub_link.update.downloader import Downloader
from nerveshub_link.update.manager import UpdateManager
from nerveshub_link.wire.phoenix import JOINED, Channels

from .desk import META, NEW_META, Log, RecordingClient, RecordingWriter, update
from .fakes import END, FakeClock, FakeTransport

IMAGE = random.Random(5).randbytes(2000)
SECRET = "topsecret"
URL = "http://files.example/1/new.fw?X-Amz-Signature=topsecret"
UUID = NEW_META["uuid"]
HOUR = 3_600_000
MINUTE = 60_000

RECEIVED = {"status": "received"}
STARTED = {"status": "started", "downloader_network_interface": "wlan0"}
COMPLETED = {"status": "completed"}
FILE = "http://files.example/1/new.fw"


def head(size=len(IMAGE), *lines):
    """A good response head; without Content-Length if ``size`` is None."""
    announced = [b"Content-Length: %d" % size] if size is not None else []
    return b"\r\n".join([b"HTTP/1.1 200 OK"] + announced + list(lines)) + b"\r\n\r\n"


def served(image=IMAGE):
    """A good answer; the body in packets of 100 bytes."""
    packets = [image[at : at + 100] for at in range(0, len(image), 100)]
    return [head(len(image))] + packets


class Tries(FakeTransport):
    """
    A transport of many connections: each `open` begins the next one, which brings its packets and
    then ends. An exception in place of a list refuses the connection; when all are used up, the
    last one is repeated.

    :param tries: for each connection a list as `FakeTransport` takes it
    """

    def __init__(self, *tries):
        super().__init__()
        self.tries = list(tries)
        self.heads = []
        """The request of each connection, once it was sent."""

    def open(self, *address):
        script = self.tries.pop(0) if len(self.tries) > 1 else self.tries[0]
        self.refusal = script if isinstance(script, Exception) else None
        super().open(*address)
        self.incoming = [*script, END]

    def send(self, view):
        count = super().send(view)
        self.heads.append(self.take())
        return count

    @property
    def ranges(self):
        """The Range of each request, None where there was none."""
        found = [head.partition(b"Range: ")[2].partition(b"\r\n")[0] for head in self.heads]
        return [text.decode() or None for text in found]


def rest(offset, image=IMAGE, content_range=None, length=True):
    """A good 206 from an offset on; the body in packets of 100 bytes."""
    size = len(image)
    text = content_range or "bytes %d-%d/%d" % (offset, size - 1, size)
    lines = ["HTTP/1.1 206 Partial Content", "Content-Range: " + text]
    if length:
        lines.append("Content-Length: %d" % (size - offset))
    packets = [image[at : at + 100] for at in range(offset, size, 100)]
    return ["\r\n".join(lines).encode() + b"\r\n\r\n"] + packets


def status(line):
    """An answer without a body."""
    return [b"HTTP/1.1 " + line + b"\r\nContent-Length: 0\r\n\r\n"]


class Bench:
    """
    An update manager with everything around it, and the messages that the server gets.

    :param incoming: packets of the firmware server, as `FakeTransport` takes them
    :param writer: a writer; True for a recording one, None for a device without
    :param download_retries: 0, so that what breaks has failed
    """

    def __init__(self, *incoming, chunk_size=1024, writer=True, transport=None, **options):
        self.clock = FakeClock(ticks=(1 << 29) - 2000)
        self.transport = transport or FakeTransport(*incoming)
        self.client = options.pop("client", None) or RecordingClient()
        self.writer = RecordingWriter() if writer is True else writer
        self.log = Log()
        self.jitter = 0.0
        self.heard = []
        self.actions = []
        config = SimpleNamespace(
            client=self.client,
            fwup_writer=self.writer,
            allow_unverified=options.pop("allow_unverified", False),
            ssl=options.pop("ssl", False),
            network_interface="wlan0",
            connect_timeout=7,
            download_retries=options.pop("download_retries", 0),
            retry_delay=15,
            download_timeout=options.pop("download_timeout", 86400),
            random=lambda: self.jitter,
            running_meta=lambda: META,
            known_meta=META,
        )
        speed = options.pop("minimum_speed", 0)
        loader = Downloader(self.transport, chunk_size, 7, MINUTE, speed)
        reporter = Callbacks(self.log)
        self._channels = Channels(self._send, MINUTE, HOUR)
        self.push = self._channels.pusher("device")
        self.manager = UpdateManager(config, loader, self.push, reporter.call, reporter.log)
        self.joined = True
        assert not options

    @property
    def joined(self):
        """Is the device topic joined? To be set, too: the manager does not notice by that."""
        return self._channels.is_joined("device")

    @joined.setter
    def joined(self, joined):
        now = self.clock()
        self._channels.reset(now)
        if joined:
            self._channels.join("device", dict, now)
            reply = {"status": "ok", "response": {}}
            text = json.dumps([self._join_ref, self._join_ref, "device", "phx_reply", reply])
            assert self._channels.receive(text, now)[0] == JOINED

    def _send(self, text):
        """What the WebSocket takes: one message of Phoenix."""
        _, ref, topic, event, payload = json.loads(text)
        assert topic == "device"
        if event == "phx_join":
            self._join_ref = ref
        else:
            self.heard.append((event, payload))
        return True

    def offer(self, image=IMAGE, answered=True, **tweaks):
        """
        The server offers an update; ``tweaks`` replace fields of its message. Unless ``answered``
        is False, the device has answered it when this returns.
        """
        payload = update(image, **dict({"firmware_url": URL}, **tweaks))
        self.manager.offer(payload, self.clock())
        return self.answer() if answered else self

    def answer(self):
        """Let the 200 ms pass after which an offer is answered."""
        if self.manager._reports.held:
            self.clock.advance(200)
            self.step()
        return self

    def step(self, milliseconds=0):
        """One step, and then some time; return the action that it asks for."""
        action = self.manager.step(self.clock())
        if action is not None:
            self.actions.append(action)
        if action == "reboot":
            self.manager.restart_noted()
        self.clock.advance(milliseconds)
        return action

    def run(self, milliseconds=0):
        """Step until the update has come to an end, whichever."""
        for _ in range(100_000):
            if not self.manager.active:
                return self
            self.step(milliseconds)
        raise AssertionError("the update does not end")

    def until(self, state, milliseconds=0):
        """Step until the manager is in a state."""
        while self.manager.state != state:
            assert self.manager.active, self.statuses
            self.step(milliseconds)
        return self

    def join(self):
        """The device topic is joined again; return what the join said is being downloaded."""
        uuid = self.manager.downloading_uuid(self.clock())
        self.joined = True
        self.manager.joined(self.clock())
        return uuid

    @property
    def statuses(self):
        """The payloads of what the server heard as ``status_update``."""
        return [payload for event, payload in self.heard if event == "status_update"]

    @property
    def progress(self):
        """What it heard as ``fwup_progress``: pairs of stage and percent."""
        return [
            (payload["stage"], payload["value"])
            for event, payload in self.heard
            if event == "fwup_progress"
        ]

    @property
    def written(self):
        """The writer's calls, the chunks' bytes left out."""
        return [call[0] for call in self.writer.heard]


def failed(reason):
    """The status that reports a failure."""
    return {"status": "failed", "reason": reason}


def assert_failed(bench, reason, aborts=1):
    """The update ended as failed: told once, nothing after it, nothing installed, idle again."""
    assert bench.statuses[-1] == failed(reason)
    assert bench.heard[-1] == ("status_update", failed(reason))
    assert [status["status"] for status in bench.statuses].count("failed") == 1
    assert bench.client.named("fwup_error") == [("fwup_error", reason)]
    assert "fwup_finish" not in bench.written
    assert bench.written.count("fwup_abort") == aborts
    assert not aborts or bench.written[-1] == "fwup_abort"
    assert not bench.transport.is_open
    assert bench.manager.state == updates.IDLE
    assert bench.manager.downloading_uuid(bench.clock()) is None
    assert bench.actions == []
