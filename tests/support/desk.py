# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
A whole `NervesHubLink` on the desk: its clock, its randomness and every connection it opens are in
the test's hands, so a test of half an hour takes no time, and says every byte of the server itself.

.. code-block:: python

    desk = Desk(heartbeat_interval=30)
    peer = desk.connect()          # the link connected; nothing is answered yet
    join = desk.join(peer)         # upgrade accepted, device topic joined
    peer.say(None, None, "device", "identify", {})
    desk.wait(0.1)
    assert desk.client.heard == [("handle_connected",), ("identify",)]
"""

import base64
import json
from unittest import mock

from nerveshub_link import Client, FwupWriter, NervesHubLink
from nerveshub_link.errors import TransportError

from .fakes import END, FakeClock, FakeTransport
from .raw_server import server_frame, upgrade_answer

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
).split()
WRITER_METHODS = "fwup_begin fwup_chunk fwup_finish fwup_abort fwup_confirm".split()

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Recorder:
    """Callbacks that only take note. Whoever is named in ``raising`` raises after that."""

    def __init__(self, *raising):
        self.heard = []
        self.raising = set(raising)
        self.error = RuntimeError("the application's mistake")

    def note(self, name, *args):
        self.heard.append((name,) + args)
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


class Peer:
    """The server's end of one connection of the link."""

    def __init__(self, transport, address):
        self._transport = transport
        self.address = address
        """``(host, port, tls, timeout)``"""
        self.incoming = transport.incoming = []
        self.sent = transport.sent = bytearray()
        self._head = None
        self._used = 0

    @property
    def closed(self):
        """Has the link closed this connection?"""
        return not self._transport.is_open or self._transport.incoming is not self.incoming

    @property
    def head(self):
        """The request head as bytes, once it is complete."""
        if self._head is None:
            end = self.sent.index(b"\r\n\r\n") + 4
            self._head = bytes(self.sent[:end])
            self._used = end
        return self._head

    @property
    def asked(self):
        """Has the whole request head come?"""
        return b"\r\n\r\n" in self.sent

    @property
    def target(self):
        """Path and query of the request."""
        return self.head.split(b" ")[1].decode()

    @property
    def headers(self):
        """The request's headers; names in lower case."""
        lines = self.head.decode().split("\r\n")[1:-2]
        return {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}

    # What the server says

    def put(self, data):
        """One packet of bytes."""
        self.incoming.append(bytes(data))

    def accept(self, behind=b""):
        """Accept the upgrade; bytes ``behind`` come in the same packet."""
        self.put(upgrade_answer(self.head) + behind)

    def answer(self, status, *lines, body=b""):
        """Answer the request by anything else."""
        head = ["HTTP/1.1 %d Whatever" % status, "content-length: %d" % len(body)] + list(lines)
        self.put("\r\n".join(head).encode() + b"\r\n\r\n" + body)

    def say(self, join_ref, ref, topic, event, payload):
        """A Phoenix message."""
        self.put(server_frame(TEXT, json.dumps([join_ref, ref, topic, event, payload]).encode()))

    def reply(self, ref, topic, response=None, status="ok"):
        """The answer to a message."""
        payload = {"status": status, "response": {} if response is None else response}
        join_ref = None if topic == "phoenix" else ref
        self.say(join_ref, ref, topic, "phx_reply", payload)

    def close(self, code=None):
        """A close frame."""
        self.put(server_frame(CLOSE, b"" if code is None else code.to_bytes(2, "big")))

    def end(self):
        """The end of the TCP connection."""
        self.incoming.append(END)

    # What the link said

    def heard(self):
        """
        The frames since the last call: Phoenix messages as lists, close frames as
        ``("close", code)``, others as ``(opcode, payload)``.
        """
        self.head  # noqa: B018 skips it
        frames = []
        while len(self.sent) > self._used:
            frames.append(self._frame())
        return frames

    def events(self, topic="device"):
        """The frames since the last call that belong to a topic, as ``(event, payload)``."""
        return [
            (frame[3], frame[4])
            for frame in self.heard()
            if isinstance(frame, list) and frame[2] == topic
        ]

    def _frame(self):
        data = self.sent[self._used :]
        assert data[0] & 0x80 and data[1] & 0x80, "a client's frame must be final and masked"
        assert not data[0] & 0x70, "a reserved bit is set"
        length, at = data[1] & 0x7F, 2
        if length == 126:
            length, at = int.from_bytes(data[2:4], "big"), 4
        elif length == 127:
            length, at = int.from_bytes(data[2:10], "big"), 10
        key, masked = data[at : at + 4], data[at + 4 : at + 4 + length]
        assert len(masked) == length, "half a frame"
        self._used += at + 4 + length
        payload = bytes(byte ^ key[i % 4] for i, byte in enumerate(masked))
        opcode = data[0] & 0x0F
        if opcode == TEXT:
            return json.loads(payload.decode())
        if opcode == CLOSE:
            return ("close", int.from_bytes(payload, "big") if payload else None)
        return (opcode, payload)


class Network:
    """
    What the link's connections lead to.

    :param int room: how many connections may be open at a time, like a board's sockets
    """

    def __init__(self, room=8):
        self.room = room
        self.peers = []
        """One `Peer` for each connection, in order."""
        self.attempts = []
        """Arguments of each try to connect."""
        self.refusals = []
        """Exceptions for the next tries; None lets one through."""
        self.most = 0
        """How many connections were open at a time."""
        self._transports = []

    def transport(self, pool, ssl_context):
        """Make a transport, in place of `nerveshub_link.transport.Transport`."""
        made = _Wired(self)
        self._transports.append(made)
        return made

    def open(self, transport, address):
        """A transport wants to connect."""
        self.attempts.append(address)
        refusal = self.refusals.pop(0) if self.refusals else None
        if refusal is not None:
            raise refusal
        others = sum(one.is_open for one in self._transports)
        if others >= self.room:
            raise TransportError("can't connect: out of sockets", no_memory=True)
        self.most = max(self.most, others + 1)
        self.peers.append(Peer(transport, address))

    @property
    def open_connections(self):
        """How many connections are open now."""
        return sum(one.is_open for one in self._transports)


class _Wired(FakeTransport):
    def __init__(self, network):
        super().__init__()
        self._network = network

    def open(self, host, port, tls, timeout):
        self.close()
        self._network.open(self, (host, port, tls, timeout))
        self.is_open = True


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
        with mock.patch("nerveshub_link.connection.Transport", self.network.transport), mock.patch(
            "nerveshub_link.link.Transport", self.network.transport
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
        left = round(seconds * 1000)
        while left > 0:
            self.clock.advance(min(step, left))
            left -= step
            self.poll()

    def until(self, condition, seconds=200, step=25):
        """Let time pass until something is so; return how many milliseconds it took."""
        passed = 0
        while not condition():
            assert passed < seconds * 1000, "it did not happen; last error: %s" % (
                self.link.last_error
            )
            self.clock.advance(step)
            passed += step
            self.poll()
        return passed

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

    def serve(self, peer, image, *lines):
        """Answer a download."""
        peer.answer(200, *lines, body=image)


def update(image, meta=None, **tweaks):
    """The payload of an ``update`` that offers this image."""
    import hashlib

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
