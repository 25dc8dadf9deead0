# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
A whole `NervesHubLink` whose clock, randomness and connections the test controls: so half an hour
takes no time, and the test sends every byte of the server itself.

.. code-block:: python

    desk = Desk(heartbeat_interval=30)
    peer = desk.connect()          # the link connected; nothing is answered yet
    join = desk.join(peer)         # upgrade accepted, device topic joined
    peer.say(None, None, "device", "identify", {})
    desk.wait(0.1)
    assert desk.client.heard == [("handle_connected",), ("identify",)]
"""

import base64
import hashlib
from unittest import mock

from nerveshub_link import Client, FwupWriter, NervesHubLink

from .fakes import FakeClock
from .wires import Network

META = {
    "uuid": "11111111-1111-1111-1111-111111111111",
    "product": "demo",
    "architecture": "esp32s3",
    "version": "1.0.0",
    "platform": "circuitpython",
}
NEW_META = dict(META, uuid="22222222-2222-2222-2222-222222222222", version="2.0.0")
SECRET = "a-secret-that-must-not-show-up-anywhere-00"
KEY = "nhp_key-of-the-demo-product"
CLIENT_METHODS = (
    "fwup_progress fwup_error reboot identify handle_connected handle_disconnected handle_blocking"
    " archive_ready public_keys"
).split()
WRITER_METHODS = "fwup_begin fwup_chunk fwup_finish fwup_abort fwup_confirm".split()


class Recorder:
    """
    Callbacks that record their calls. A callback named in ``doing`` also calls that function, one
    named in ``raising`` raises after that.
    """

    def __init__(self, *raising):
        self.heard = []
        self.doing = {}
        self.raising = set(raising)
        self.error = RuntimeError("the application's mistake")

    def note(self, name, *args):
        self.heard.append((name,) + args)
        if name in self.doing:
            self.doing[name]()
        if name in self.raising:
            raise self.error

    def named(self, name):
        """The calls of one method."""
        return [call for call in self.heard if call[0] == name]


def _noting(name):
    def method(self, *args):
        args = [bytes(arg) if isinstance(arg, memoryview) else arg for arg in args]
        self.note(name, *args)

    method.__name__ = name
    return method


class RecordingClient(Recorder, Client):
    """A client that applies every update, unless ``decision`` says else."""

    decision = None

    def update_available(self, meta):
        self.note("update_available", meta)
        return self.decision if self.decision is not None else super().update_available(meta)


class RecordingWriter(Recorder, FwupWriter):
    """A writer without flash."""

    def __init__(self, *raising, meta=None, validated=True, reverted=False):
        super().__init__(*raising)
        self.meta = META if meta is None else meta
        self.validated = validated
        self.reverted = reverted

    def firmware_meta(self):
        return self.meta

    def firmware_validated(self):
        return self.validated

    def firmware_auto_reverted(self):
        return self.reverted

    @property
    def image(self):
        """What was written."""
        return b"".join(call[1] for call in self.named("fwup_chunk"))


for _name in CLIENT_METHODS:
    setattr(RecordingClient, _name, _noting(_name))
for _name in WRITER_METHODS:
    setattr(RecordingWriter, _name, _noting(_name))


class Log:
    """A logger that keeps its lines."""

    def __init__(self):
        self.lines = []

    def log(self, level, text):
        self.lines.append((level, text))

    @property
    def text(self):
        """All lines."""
        return "\n".join(text for _, text in self.lines)


class Desk:
    """
    :param Network network: what it connects to; its own by default
    :param FakeClock clock: its time
    :param options: those of `NervesHubLink`; a shared secret over plain TCP if nothing is said
    """

    def __init__(self, network=None, clock=None, **options):
        self.network = network or Network()
        self.clock = clock or FakeClock(ticks=(1 << 29) - 5000)
        self.jitter = 0.0
        self.client = options.setdefault("client", RecordingClient())
        self.log = options.setdefault("logger", Log())
        self.writer = options.get("fwup_writer")
        if "device_cert" not in options:
            options.setdefault("product_key", KEY)
            options.setdefault("product_secret", SECRET)
        options.setdefault("host", "hub.example")
        options.setdefault("port", 4000)
        options.setdefault("ssl", False)
        options.setdefault("identifier", "dev-1")
        if self.writer is None:
            options.setdefault("firmware_meta", META)
        options.setdefault("clock", self.clock)
        options.setdefault("time", self.clock.time)
        options.setdefault("random", lambda: self.jitter)
        options.setdefault("urandom", lambda count: bytes(range(count)))
        with (
            mock.patch("nerveshub_link.wire.connection.Transport", self.network.transport),
            mock.patch("nerveshub_link.assembly.transport.Transport", self.network.transport),
        ):
            self.link = NervesHubLink(None, options.pop("ssl_context", None), **options)

    @property
    def peer(self):
        """The newest connection."""
        return self.network.peers[-1]

    def poll(self, times=1):
        """Poll without any time passing."""
        for _ in range(times):
            self.link.poll()

    def wait(self, seconds, step=25):
        """Let time pass, and poll every ``step`` milliseconds of it, as a main loop would."""
        end = self.clock.passed + round(seconds * 1000)
        while self.clock.passed < end:
            self.clock.advance(min(step, end - self.clock.passed))
            self.poll()

    def idle(self, seconds, step=60_000):
        """Let time pass in which the server answers heartbeats, and does nothing else."""
        peer = self.peer
        for _ in range(round(seconds * 1000) // step):
            self.clock.advance(step)
            self.poll(2)
            for frame in peer.heard():
                if isinstance(frame, list) and frame[2] == "phoenix":
                    peer.reply(frame[1], "phoenix")
        assert self.link.connected

    def until(self, condition, seconds=200, step=25):
        """Let time pass until something is so; return how many milliseconds it took."""
        begun = self.clock.passed
        while not condition():
            assert self.clock.passed - begun < seconds * 1000, (
                "it did not happen; last error: %s" % self.link.last_error
            )
            self.clock.advance(step)
            self.poll()
        return self.clock.passed - begun

    def connect(self, seconds=200):
        """Let time pass until the link has opened one more connection and asked; return it."""
        count = len(self.network.peers)
        self.until(lambda: len(self.network.peers) > count and self.peer.asked, seconds)
        return self.peer

    def join(self, peer=None):
        """Accept the upgrade and the join of ``device``; return the join's payload."""
        peer = peer or self.connect()
        self.until(lambda: peer.asked, 1)
        peer.accept()
        self.until(lambda: self.link.state == "joining", 1)
        join_ref, ref, topic, event, payload = peer.heard()[0]
        assert (join_ref, topic, event) == (ref, "device", "phx_join")
        peer.join_ref = join_ref
        peer.reply(ref, "device")
        self.until(lambda: self.link.connected, 1)
        return payload

    def joined(self):
        """Bring the link to ``joined``; return the peer."""
        self.join()
        return self.peer

    def attach(self, *keys):
        """Join ``device`` and ``extensions``, and attach these; return the peer."""
        peer = self.joined()
        peer.say(None, None, "device", "extensions:get", {})
        self.wait(0.05)
        peer.ref = peer.heard()[-1][1]
        peer.reply(peer.ref, "extensions", list(keys))
        self.wait(0.05)
        assert peer.events("extensions")[: len(keys)] == [(key + ":attached", {}) for key in keys]
        return peer

    def ask(self, event, payload=None):
        """Let the server send an event to an extension; return what the link said since."""
        self.peer.say(self.peer.ref, None, "extensions", event, payload or {})
        self.wait(0.1)
        return self.peer.events("extensions")

    def serve(self, peer, image, *lines):
        """Answer a download."""
        peer.answer(200, *lines, body=image)


def update(image, meta=None, **tweaks):
    """The payload of an ``update`` that offers this image."""
    payload = {
        "update_available": True,
        "firmware_url": "http://files.example/firmware/1/new.fw?signature=hidden",
        "firmware_meta": dict(
            NEW_META, author=None, description=None, misc=None, vcs_identifier=None
        ),
        "size": len(image),
        "checksum": hashlib.sha256(image).hexdigest().upper(),
        "partials_checksums": [],
        "deployment_id": None,
    }
    if meta is not None:
        payload["firmware_meta"] = meta
    payload.update(tweaks)
    return payload


def signature_term(headers):
    """The Erlang term that the request's signature signs, as bytes."""
    part = headers["x-nh-signature"].split(".")[1]
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
