# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
A device's side of the wire, byte by byte, for the hub's tests: raw requests and raw frames, wrong
ones too. Own code on purpose: neither the library under development nor aiohttp's client.
"""

import base64
import contextlib
import hashlib
import hmac
import json
import os
import socket
import struct

from nerveshub_tools.auth import derive, salt

TIMEOUT = 10


def term(identifier, signed_at_ms, max_age=86400):
    """The Erlang term {identifier, signed_at_ms, max_age} with 6-byte time."""
    name = identifier.encode()
    return (
        b"\x83h\x03m"
        + struct.pack(">I", len(name))
        + name
        + b"n\x06\x00"
        + signed_at_ms.to_bytes(6, "little")
        + b"b"
        + struct.pack(">i", max_age)
    )


def b64(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def signed_headers(key, secret, payload, time, alg="NH1-HMAC-sha256-1000-32"):
    """The four headers for a payload, whatever it holds."""
    signing_key = derive(alg, secret, salt(alg, key, str(time)))
    signed = f"SFMyNTY.{b64(payload)}"
    mac = hmac.new(signing_key, signed.encode(), hashlib.sha256).digest()
    return {
        "x-nh-alg": alg,
        "x-nh-key": key,
        "x-nh-time": str(time),
        "x-nh-signature": f"{signed}.{b64(mac)}",
    }


def hub_headers(hub, identifier):
    time = int(hub.clock()) - 5
    payload = term(identifier, time * 1000)
    return signed_headers(hub.product_key, hub.product_secret, payload, time)


class Wire:
    """One TCP (or TLS) connection."""

    def __init__(self, port, context=None):
        self.sock = socket.create_connection(("127.0.0.1", port), TIMEOUT)
        if context:
            self.sock = context.wrap_socket(self.sock, server_hostname="localhost")
        self.data = b""

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def take(self, count):
        while len(self.data) < count:
            more = self.sock.recv(65536)
            if not more:
                raise EOFError(self.data)
            self.data += more
        taken, self.data = self.data[:count], self.data[count:]
        return taken

    def at_end(self):
        """Has the server closed the connection? Waits for it."""
        try:
            return self.data == b"" and self.sock.recv(1) == b""
        except ConnectionResetError:
            return True  # after an error the server does not wait for our half of the close

    def request(self, target, headers=None, method="GET", host="localhost:4000"):
        """Send a request and give (status, headers, body) of the answer."""
        fields = {"Host": host, **(headers or {})}
        lines = [f"{method} {target} HTTP/1.1"] + [f"{k}: {v}" for k, v in fields.items()]
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode())
        while b"\r\n\r\n" not in self.data:
            more = self.sock.recv(65536)
            if not more:
                raise EOFError(self.data)
            self.data += more
        head, self.data = self.data.split(b"\r\n\r\n", 1)
        status, *rest = head.decode().split("\r\n")
        answer = dict(line.split(": ", 1) for line in rest)
        code = int(status.split(" ")[1])
        empty = code in {101, 204, 304} or method == "HEAD"
        return code, answer, b"" if empty else self.take(int(answer["content-length"]))

    def upgrade(self, headers, target="/device-socket/websocket?vsn=2.0.0", **changes):
        """Ask for a websocket; ``changes`` replace header values, None leaves one out."""
        fields = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            "Sec-WebSocket-Version": "13",
            **headers,
            **{name.replace("_", "-"): value for name, value in changes.items()},
        }
        return self.request(target, {k: v for k, v in fields.items() if v is not None})

    def frame(self, payload, opcode=1, fin=True, masked=True):
        """Send one frame."""
        payload = payload.encode() if isinstance(payload, str) else payload
        head = bytes([(0x80 if fin else 0) | opcode])
        bit = 0x80 if masked else 0
        if len(payload) < 126:
            head += bytes([bit | len(payload)])
        elif len(payload) < 65536:
            head += bytes([bit | 126]) + struct.pack(">H", len(payload))
        else:
            head += bytes([bit | 127]) + struct.pack(">Q", len(payload))
        # A mask of zeros is a mask, and costs nothing on a message of megabytes.
        self.send(head + (b"\0\0\0\0" if masked else b"") + payload)

    def receive(self):
        """(opcode, payload) of the next frame of the server."""
        first, second = self.take(2)
        assert first & 0x80, "the real server never fragments"
        assert not second & 0x80, "a server must not mask"
        length = second & 0x7F
        if length > 125:
            length = int.from_bytes(self.take(2 if length == 126 else 8), "big")
        return first & 0x0F, self.take(length)

    def message(self):
        """The next text message as JSON."""
        opcode, payload = self.receive()
        assert opcode == 1, (opcode, payload)
        return json.loads(payload)

    def close_code(self):
        """The server's close code; answers it as a client does, and waits for the end."""
        opcode, payload = self.receive()
        assert opcode == 8, (opcode, payload)
        assert len(payload) == 2, "the real server sends no reason"
        with contextlib.suppress(OSError):  # as above
            self.frame(payload, opcode=8)
        assert self.at_end()
        return int.from_bytes(payload, "big")


def device(hub, identifier="dev-1", join=None, context=None):
    """An accepted websocket, joined if ``join`` holds parameters."""
    wire = Wire(hub.port, context)
    code, _, _ = wire.upgrade(hub_headers(hub, identifier))
    assert code == 101
    if join is not None:
        wire.frame(json.dumps(["1", "1", "device", "phx_join", join]))
        assert wire.message() == [
            "1",
            "1",
            "device",
            "phx_reply",
            {"status": "ok", "response": {}},
        ]
    return wire
