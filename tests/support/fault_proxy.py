# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
A TCP proxy on 127.0.0.1 that breaks connections exactly where a test says: after so many bytes in
either direction. Below HTTP and WebSocket, so that every byte of them can be the last one.

.. code-block:: python

    with FaultProxy(hub.port, [Fault("cut", "down", 100)]) as proxy:
        ...  # connect to 127.0.0.1, proxy.port; the first connection is cut, further ones are not
"""

import select
import socket
import struct
import threading

from .threads import DEADLINE, Threads


class Fault:
    """
    :param str kind: ``cut`` (both sides are closed in good order), ``reset``, ``stall`` (nothing
        more comes, until the client hangs up), ``drip`` (byte by byte from there on), ``flip`` (one
        bit of that byte)
    :param str way: ``up`` to the server, ``down`` to the client
    :param int at: how many bytes pass before; with ``reset`` at 0 ``up`` right after the connect
    :param int bit: which one is flipped
    """

    def __init__(self, kind, way="down", at=0, bit=0):
        self.kind, self.way, self.at, self.bit = kind, way, at, bit

    def __repr__(self):
        return "%s of byte %d %s" % (self.kind, self.at, self.way)


class FaultProxy:
    """
    :param int port: the server's port
    :param plan: a `Fault` or None for each connection in order; further ones are let through
    :param bool listening: False to refuse connections until `listen`
    """

    def __init__(self, port, plan=(), listening=True):
        self._target = port
        self.plan = list(plan)
        self.connections = 0
        """How many were accepted."""
        self.fired = 0
        """How many faults have happened."""
        self.holding = 0
        """How many connections are stalled now."""
        self.passed = []
        """For each connection, how many bytes went up and down."""
        self._stopping = False
        self._threads = Threads()
        self._sockets = []
        self._lock = threading.Lock()
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self.host, self.port = self._listener.getsockname()
        if listening:
            self.listen()

    def harmed(self, connections):
        """
        Has each of so many connections had its fault? If one of them was served a little later than
        the client believes, it must not be given up before that.
        """
        return self.fired >= connections <= len(self.plan)

    def listen(self):
        """From now on, connections are accepted."""
        self._listener.listen()
        self._threads.start(self._accept)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with self._lock:
            self._stopping = True
            sockets = [self._listener, *self._sockets]
        self._threads.end(sockets, "a connection of the proxy does not end")
        self._listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                if self._stopping:
                    client.close()
                    return
                fault = self.plan[self.connections] if self.connections < len(self.plan) else None
                self.connections += 1
                counts = {"up": 0, "down": 0}
                self.passed.append(counts)
                self._sockets.append(client)
            self._threads.start(self._serve, client, fault, counts)

    def _serve(self, client, fault, counts):
        if fault and (fault.kind, fault.way, fault.at) == ("reset", "up", 0):
            self.fired += 1
            _reset(client)
            return
        server = socket.create_connection(("127.0.0.1", self._target), DEADLINE)
        with self._lock:
            self._sockets.append(server)
        for one in (client, server):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self._relay(client, server, fault, counts)
            if fault and fault.kind == "stall" and self.fired:
                self._hold(client)
            elif fault and fault.kind == "reset":
                _reset(client)
        except OSError:
            pass  # whoever it was, the connection is over
        finally:
            client.close()
            server.close()

    def _hold(self, client):
        with self._lock:
            self.holding += 1
        try:
            while client.recv(65536):
                pass
        finally:
            with self._lock:
                self.holding -= 1

    def _relay(self, client, server, fault, counts):
        """Pass everything on, until one of the three hangs up: client, server, fault."""
        ends = {client: (server, "up"), server: (client, "down")}
        while True:
            for source in select.select(list(ends), [], [])[0]:
                other, way = ends[source]
                data = source.recv(65536)
                if not data or not self._pass(data, other, way, fault, counts):
                    return

    def _pass(self, data, other, way, fault, counts):
        """Pass data on, as far as it goes. False if that is the end of the connection."""
        before = counts[way]
        counts[way] += len(data)
        if fault is None or fault.way != way or not before <= fault.at < before + len(data):
            if fault and fault.kind == "drip" and way == fault.way and before > fault.at:
                _drip(other, data)
            else:
                other.sendall(data)
            return True
        self.fired += 1
        at = fault.at - before
        if fault.kind == "flip":
            other.sendall(data[:at] + bytes([data[at] ^ 1 << fault.bit]) + data[at + 1 :])
            return True
        if at:
            other.sendall(data[:at])
        if fault.kind == "drip":
            _drip(other, data[at:])
            return True
        counts[way] = fault.at
        return False


def _drip(other, data):
    for index in range(len(data)):
        other.sendall(data[index : index + 1])


def _reset(one):
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        one.close()
    except OSError:
        pass
