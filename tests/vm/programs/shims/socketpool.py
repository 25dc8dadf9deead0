# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
CircuitPython's ``socketpool`` over MicroPython's sockets, with the traps of Espressif's (its
``Socket.c``).

* At timeout 0 the end of the stream raises ENOTCONN; "nothing yet" raises EAGAIN; ``connect()``
  fails at once.
* ``send()`` never blocks, whatever the timeout, and takes at most what lwIP's buffer holds.
* There are eight sockets in all; one more is a RuntimeError.
* There is no recv, makefile, fileno, shutdown, getpeername or gettimeout.

Underneath, the socket never blocks once it is connected; a timeout is waited for with a poll.
"""

import errno

import uselect
import usocket

_SEND_BUFFER = 5760  # TCP_SND_BUF
_EPIPE = 32

_limit = 8
"""How many sockets there are (CONFIG_LWIP_MAX_SOCKETS)."""
_open = 0
_stall = 0
"""A test's lever: each so-manieth send finds the buffer full. 0 for never."""
_sends = 0
_received = 0
"""How many bytes all plain sockets have received."""


def _stalled():
    """Tell whether this send is one that finds the buffer full."""
    global _sends  # noqa: PLW0603 the lever is for all sockets
    _sends += 1
    return _stall and _sends % _stall == 0


def _milliseconds(timeout):
    return -1 if timeout is None else int(timeout * 1000)


def _wait(raw, event, timeout):
    """Wait for a socket of MicroPython's; raise ETIMEDOUT after so many milliseconds."""
    poller = uselect.poll()
    poller.register(raw, event)
    if not poller.poll(timeout):
        raise OSError(errno.ETIMEDOUT)


class Socket:
    _is_tls = False

    def __init__(self):
        global _open  # noqa: PLW0603 of all sockets
        if _open >= _limit:
            raise RuntimeError("Out of sockets")
        _open += 1
        self._raw = usocket.socket(usocket.AF_INET, usocket.SOCK_STREAM)
        self._timeout = -1
        self._connected = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _open(self):
        if self._raw is None:
            raise OSError(errno.EBADF)
        return self._raw

    def settimeout(self, value):
        self._timeout = _milliseconds(value)

    def setblocking(self, flag):
        self._timeout = -1 if flag else 0

    def setsockopt(self, level, optname, value):
        self._open()

    def connect(self, address):
        raw = self._open()
        if self._timeout == 0:
            raise OSError(errno.ETIMEDOUT)
        raw.settimeout(None if self._timeout < 0 else self._timeout / 1000)
        raw.connect(
            usocket.getaddrinfo(address[0], address[1], usocket.AF_INET, usocket.SOCK_STREAM)[0][-1]
        )
        raw.setblocking(False)
        self._connected = True

    def recv_into(self, buffer, bufsize=0):
        global _received  # noqa: PLW0603 of all sockets
        raw = self._open()
        if not self._connected:
            raise OSError(errno.ENOTCONN)
        size = bufsize or len(buffer)
        count = raw.readinto(buffer, size)
        if count is None:
            if self._timeout == 0:
                raise OSError(errno.EAGAIN)
            _wait(raw, uselect.POLLIN, self._timeout)
            count = raw.readinto(buffer, size) or 0
        if count == 0 and self._timeout == 0:
            raise OSError(errno.ENOTCONN)
        _received += count
        return count

    def send(self, data):
        raw = self._open()
        if not self._connected:
            raise OSError(_EPIPE)
        if _stalled():
            raise OSError(errno.EAGAIN)
        return raw.send(data if len(data) <= _SEND_BUFFER else memoryview(data)[:_SEND_BUFFER])

    def sendall(self, data):
        view = memoryview(data)
        while view:
            view = view[self.send(view) :]

    def close(self):
        global _open  # noqa: PLW0603 of all sockets
        raw, self._raw = self._raw, None
        if raw is not None:
            _open -= 1
            raw.close()


class SocketPool:
    AF_INET = 2
    SOCK_STREAM = 1
    SOCK_DGRAM = 2
    IPPROTO_TCP = 6

    class gaierror(OSError):
        pass

    def __init__(self, radio):
        self._radio = radio

    def socket(self, family=AF_INET, type=SOCK_STREAM, proto=IPPROTO_TCP):
        return Socket()

    def getaddrinfo(self, host, port, family=0, type=0, proto=0, flags=0):  # noqa: PLR0913
        return [(self.AF_INET, self.SOCK_STREAM, 0, "", (host, port))]
