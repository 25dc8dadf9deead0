# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
The servers for a link on the desk: `Network` makes one `Peer` for each connection, through which
the test sends and receives as a server.
"""

import json

from nerveshub_link.errors import TransportError

from .fakes import END, FakeTransport
from .raw_server import server_frame, upgrade_answer

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


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

    def transport(self, pool, ssl_context, before_open=None):
        """Make a transport, in place of `nerveshub_link.wire.transport.Transport`."""
        made = _Wired(self)
        made._before_open = before_open
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
