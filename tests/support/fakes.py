# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Stand-ins for the device code's ports: a transport whose bytes the test defines, and a clock that
the test advances.
"""

from nerveshub_link.errors import TransportError

AGAIN = b""
"""In `FakeTransport.incoming`: the poller says "readable", but the read finds nothing yet."""
END = TransportError("connection closed by the server")
"""In `FakeTransport.incoming`: the end of the stream. (Any exception may stand there.)"""


class FakeTransport:
    """
    A `nerveshub_link.wire.transport.Transport` without a network.

    :param incoming: what the server sends: each item is one packet, `AGAIN`, or an exception.
        A read never crosses the border of a packet
    :param room: how many bytes each ``send`` takes, one number for each call, 0 for EAGAIN, an
        exception to raise it. When they are used up, everything is taken at once
    :param refusal: exception that ``open`` raises
    """

    def __init__(self, *incoming, room=(), refusal=None):
        self.incoming = list(incoming)
        self.room = list(room)
        self.refusal = refusal
        self.sent = bytearray()
        """All bytes taken, in order, of all connections."""
        self.offered = []
        """What each call of ``send`` offered."""
        self.opened = []
        """Arguments of each ``open``."""
        self.reads = []
        """How much space each call of ``recv_into`` had."""
        self.is_open = False

    def open(self, host, port, tls, timeout):
        self.close()
        self.opened.append((host, port, tls, timeout))
        if self.refusal is not None:
            raise self.refusal
        self.is_open = True

    def readable(self):
        return self.is_open and bool(self.incoming)

    def recv_into(self, view):
        assert self.is_open, "read of a closed transport"
        assert len(view), "read into no space at all"
        self.reads.append(len(view))
        if not self.incoming:
            return 0
        packet = self.incoming[0]
        if isinstance(packet, BaseException):
            raise packet  # and again at every further read, like a dead socket
        count = min(len(packet), len(view))
        view[:count] = packet[:count]
        if count < len(packet):
            self.incoming[0] = packet[count:]
        else:
            self.incoming.pop(0)
        return count

    def send(self, view):
        assert self.is_open, "send on a closed transport"
        data = bytes(view)
        self.offered.append(data)
        count = self.room.pop(0) if self.room else len(data)
        if isinstance(count, Exception):
            raise count
        count = min(count, len(data))
        self.sent += data[:count]
        return count

    def close(self):
        self.is_open = False

    def take(self):
        """Return the bytes sent since the last call."""
        data = bytes(self.sent)
        self.sent = bytearray()
        return data


class FakeClock:
    """
    Ticks in milliseconds that wrap like ``adafruit_ticks`` do. Call it to read it.

    :param int ticks: where it begins
    :param int unix_time: what `time` returns at that moment
    """

    gain = 0
    """
    Milliseconds that pass at each reading. On a board time passes while ``poll()`` runs: so all
    tests of a whole link or update have a second run, in which this is 1 (``tests/conftest.py``).
    """

    def __init__(self, ticks=0, unix_time=1_795_000_000):
        self._passed = 0
        self._ticks = ticks
        self._unix_time = unix_time

    def __call__(self):
        self._passed += self.gain
        return (self._ticks + self._passed) % (1 << 29)

    @property
    def passed(self):
        """Milliseconds since the beginning, which do not wrap."""
        return self._passed

    def time(self):
        """Whole seconds since 1970, moving along with the ticks."""
        return self._unix_time + self._passed // 1000

    def set_time(self, unix_time):
        """Set the board's clock, as NTP does; the ticks go on."""
        self._unix_time = unix_time - self._passed // 1000

    def advance(self, milliseconds):
        """Let time pass."""
        self._passed += milliseconds


class FakeRandom:
    """
    A ``random.random`` and an ``os.urandom`` that return what the test wrote down.

    :param values: floats for ``random``
    :param data: bytes for ``urandom``, repeated as often as needed
    """

    def __init__(self, *values, data=b"\x37\xfa\x21\x3d"):
        self._values = list(values)
        self._data = data

    def random(self):
        return self._values.pop(0)

    def urandom(self, count):
        return (self._data * (count // len(self._data) + 1))[:count]
