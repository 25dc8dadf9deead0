# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Stand-ins for a board's network, below the real
`nerveshub_link.wire.transport.Transport`: a socket pool, its sockets, ``select`` and
``wifi.radio``. Each of their calls belongs to a seam (`support.seams`), so a test can let any of
them raise. The other end of each connection is a `support.wires.Peer`.
"""

import errno

from nerveshub_link.wire.transport import Transport

from .fakes import END
from .wires import Network


class Socket:
    """A socket at timeout 0, and the transport of a `Peer`."""

    def __init__(self, network):
        self._network = network
        self.is_open = False
        self.incoming, self.sent = [], bytearray()

    def settimeout(self, seconds):
        """Nothing here takes time."""

    def connect(self, address):
        """Lead to a new `Peer`."""
        self._network.open(self, (*address, False, None))
        self.is_open = True

    def send(self, data):
        """Take everything."""
        if not self.is_open:
            raise OSError(errno.EBADF, "closed")
        self.sent += bytes(data)
        return len(data)

    def recv_into(self, view):
        """Hand out what the peer has put there, at most one packet."""
        if not self.is_open:
            raise OSError(errno.EBADF, "closed")
        if not self.incoming:
            raise OSError(errno.EAGAIN, "nothing yet")
        packet = self.incoming[0]
        if packet is END:
            return 0
        count = min(len(packet), len(view))
        view[:count] = packet[:count]
        self.incoming[:1] = [packet[count:]] if count < len(packet) else []
        return count

    def close(self):
        """Close; a second time, too."""
        self.is_open = False


class Poller:
    """``select.poll()`` of these sockets."""

    def __init__(self, network, seams):
        self._network = network
        self._watched = []
        self.ipoll = self.poll = seams.wrap("recv", self._readable)
        self.register = seams.wrap("connect", lambda socket, _events: self._watched.append(socket))
        self.unregister = seams.wrap("close", self._watched.remove)

    def _readable(self, _timeout):
        self._network.crashed |= not all(socket.is_open for socket in self._watched)
        return [socket for socket in self._watched if socket.incoming]


class Sockets(Network):
    """
    A socket pool; and ``select`` as well.

    :param Seams seams: whom its calls are told
    """

    SOCK_STREAM = 1
    POLLIN = 1

    def __init__(self, seams):
        super().__init__()
        self.crashed = False
        """Was a closed socket polled? A board crashes then, if it was one of TLS."""
        self._wrap = wrap = seams.wrap
        self.getaddrinfo = wrap("connect", lambda host, port, *_: [(0, 0, 0, "", (host, port))])
        self.socket = wrap("connect", self._socket)
        self.poll = wrap("connect", lambda: Poller(self, seams))

    def transport(self, _pool, ssl_context, before_open=None):
        """Make a real transport over this pool."""
        return Transport(self, ssl_context, before_open)

    def _socket(self, *_kind):
        made, wrap = Socket(self), self._wrap
        self._transports.append(made)
        made.settimeout = wrap("connect", made.settimeout)
        made.connect = wrap("connect", made.connect)
        made.send = wrap("send", made.send)
        made.recv_into = wrap("recv", made.recv_into)
        made.close = wrap("close", made.close)
        return made


class Radio:
    """``wifi.radio``, which has not joined at first."""

    def __init__(self, seams):
        self._seams = seams
        self._values = {"enabled": True, "connected": False, "ipv4_address": None}
        self.connect = seams.wrap("radio", self._connect)

    def __getattr__(self, name):
        if name not in ("enabled", "connected", "ipv4_address"):
            raise AttributeError(name)
        self._seams.reach("radio")
        return self._values[name]

    def _connect(self, _ssid, _password, timeout):
        self._values.update(connected=True, ipv4_address="192.0.2.7")
