# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
A small threaded server on 127.0.0.1 for tests that need a real socket and a peer that does exactly
what the test says: each connection is handed to a function, in a thread of its own.

.. code-block:: python

    def behave(peer):
        request = read_head(peer)
        peer.sendall(b"HTTP/1.1 503 Service Unavailable\\r\\n\\r\\n")

    with RawServer(behave) as server:
        ...  # connect to server.host, server.port

When the function returns, its connection is closed in good order. A failed assertion in it fails
the test, at the end of the ``with``. Nothing here waits longer than `DEADLINE`, so a test that goes
wrong fails instead of hanging.
"""

import base64
import hashlib
import socket
import struct
import threading

from .threads import DEADLINE, Threads

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class RawServer:
    """
    :param behaviours: functions of the accepted socket; the first connection gets the first one,
        and so on; the last one serves all further connections, too
    :param ssl.SSLContext tls: speak TLS, with this server-side context

    A handshake that the client interrupted is not a failure; it is kept in ``handshake_errors``.
    """

    def __init__(self, *behaviours, tls=None):
        self._behaviours = behaviours
        self._tls = tls
        self._lock = threading.Lock()
        self._threads = Threads()
        self._peers = []
        self._failures = []
        self._stopping = False
        self.connections = 0
        """How many connections were accepted."""
        self.handshake_errors = []
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        self.host, self.port = self._listener.getsockname()

    def __enter__(self):
        self._threads.start(self._accept)
        return self

    def __exit__(self, kind, error, trace):
        with self._lock:
            self._stopping = True
            sockets = [self._listener, *self._peers]
        self._threads.end(sockets, "a behaviour of the raw server does not end")
        self._listener.close()
        if self._failures and kind is None:
            raise self._failures[0]

    def _accept(self):
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                if self._stopping:
                    peer.close()
                    return
                self._peers.append(peer)
                number = self.connections
                self.connections += 1
            peer.settimeout(DEADLINE)
            behave = self._behaviours[min(number, len(self._behaviours) - 1)]
            self._threads.start(self._serve, peer, behave)

    def _serve(self, peer, behave):
        try:
            if self._tls is not None:
                try:
                    peer = self._tls.wrap_socket(peer, server_side=True)
                except OSError as error:
                    self.handshake_errors.append(error)
                    return
                with self._lock:
                    if self._stopping:
                        return
                    self._peers.append(peer)
            behave(peer)
        except Exception as error:
            if not self._stopping:
                self._failures.append(error)
        finally:
            if self._tls is not None and not self._stopping:
                try:
                    peer = peer.unwrap()
                except (OSError, ValueError, AttributeError):
                    pass
            peer.close()


def read_exactly(peer, count):
    """Return exactly so many bytes; fails if the connection ends before."""
    data = b""
    while len(data) < count:
        part = peer.recv(count - len(data))
        assert part, "the client closed the connection after %d of %d bytes" % (len(data), count)
        data += part
    return data


def read_head(peer):
    """Return a request head, up to and with the empty line, and read nothing behind it."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += read_exactly(peer, 1)
    return head


def read_to_end(peer):
    """Return everything until the client closes the connection; wait for that."""
    data = b""
    while True:
        try:
            part = peer.recv(65536)
        except ConnectionError:
            return data
        if not part:
            return data
        data += part


def hold(peer):
    """A behaviour: say nothing until the client closes the connection."""
    read_to_end(peer)


def reset(peer):
    """Close a plain connection at once, so that the client gets ECONNRESET."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


def accept_key(head):
    """The ``Sec-WebSocket-Accept`` that answers an upgrade request's head."""
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"sec-websocket-key":
            return base64.b64encode(hashlib.sha1(value.strip() + _GUID).digest())
    raise AssertionError("an upgrade request without Sec-WebSocket-Key")


def upgrade_answer(head):
    """The bytes that accept an upgrade request."""
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept_key(head) + b"\r\n\r\n"
    )


def upgrade(peer):
    """Accept the client's upgrade request, and return its head."""
    head = read_head(peer)
    peer.sendall(upgrade_answer(head))
    return head


def server_frame(opcode, payload=b"", final=True):
    """One WebSocket frame as a server sends it: not masked."""
    first = (0x80 if final else 0) | opcode
    if len(payload) < 126:
        return bytes([first, len(payload)]) + payload
    if len(payload) < 65536:
        return bytes([first, 126]) + struct.pack(">H", len(payload)) + payload
    return bytes([first, 127]) + struct.pack(">Q", len(payload)) + payload


def read_frame(peer):
    """Read one frame of a client: ``(opcode, payload)``. It must be masked and final."""
    first, second = read_exactly(peer, 2)
    assert first & 0x80 and second & 0x80, "a client's frame must be final and masked"
    length = second & 0x7F
    if length == 126:
        (length,) = struct.unpack(">H", read_exactly(peer, 2))
    elif length == 127:
        (length,) = struct.unpack(">Q", read_exactly(peer, 8))
    key = read_exactly(peer, 4)
    masked = read_exactly(peer, length)
    return first & 0x0F, bytes(byte ^ key[at % 4] for at, byte in enumerate(masked))
