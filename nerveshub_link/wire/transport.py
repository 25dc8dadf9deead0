# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.wire.transport`
====================================================

The only module that touches sockets: one TCP or TLS connection at a time, opened through
``adafruit_connection_manager`` and never blocking once it is open.

What it hides from everybody above (CircuitPython's
``ports/espressif/common-hal/socketpool/Socket.c`` and ``shared-module/ssl/SSLSocket.c``):

* With a timeout, bytes that arrive as it runs out are lost; so an open socket has timeout 0.
* At timeout 0 "nothing yet" is EAGAIN, and the end of the stream is ENOTCONN for TCP, 0 for TLS.
* ``send`` takes a part, or raises EAGAIN; under TLS the very same bytes must be offered again.
* Polling a closed TLS socket crashes the board; so it leaves the poller before it is closed, and is
  not polled if the application has closed it (``connection_manager_close_all``).
* Running out of memory or sockets shows as MemoryError, RuntimeError or a TLS number.
"""

import errno
import select
import sys

from adafruit_connection_manager import get_connection_manager

from ..errors import NervesHubError, TransportError, describe, keep_timeout

# Nothing there now; and mbedTLS with TLS 1.3: a session ticket came, and no data.
_AGAIN = [errno.EAGAIN, -0x7B00]
try:
    # CPython's ssl tells "nothing yet" by classes of its own, numbered apart from errno.
    from ssl import SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE

    _AGAIN += [int(SSL_ERROR_WANT_READ), int(SSL_ERROR_WANT_WRITE)]
except ImportError:
    pass

_ALL_ADDRESSES = sys.implementation.name == "cpython"
_opened = 0  # each connection gets a session id of its own: the manager keeps one socket for each


class Transport:
    """
    One connection, opened and closed as often as needed.

    :param socket_pool: a socket pool, or CPython's ``socket`` module
    :param ssl_context: an SSL context; may be None if only plain connections are opened
    """

    before_open = None
    """
    Function that gets the seconds of each wait before a connect, does what must be done before a
    step that blocks, and returns the seconds that are allowed; None for no such function.
    """

    def __init__(self, socket_pool, ssl_context) -> None:
        self._pool = socket_pool
        self._manager = manager = get_connection_manager(socket_pool)
        # Its open sockets. It tells of them by no other way that allocates nothing.
        self._managed = manager._key_by_managed_socket
        self._context = ssl_context
        self._socket = None
        self._left = None  # closed, but the manager had no memory to let go of it: again later
        self._poller = None
        self._ipoll = None
        self._more = False

    def open(self, host: str, port: int, tls: bool, timeout: int) -> None:
        """
        Connect. This blocks: each wait in it (DNS apart) for at most ``timeout`` seconds.

        :param str host: name or address; under TLS the certificate must be for it
        :param int port: TCP port
        :param bool tls: whether to speak TLS
        :param int timeout: seconds for each wait
        :raises TransportError: if it can't; ``no_memory`` tells a lack of room apart
        """
        global _opened  # noqa: PLW0603 one number for all instances on one manager
        self.close()
        if self.before_open is not None:
            timeout = self.before_open(timeout)
        _opened += 1
        try:
            get_socket, first = self._manager.get_socket, ()
            if _ALL_ADDRESSES:
                from .addresses import get_socket  # noqa: PLC0415 not on a board

                first = (self._manager, self._pool)
            self._socket = get_socket(
                *first,
                host,
                port,
                "wss:" if tls else "ws:",
                "nerveshub_link." + str(_opened),
                timeout=timeout,
                is_ssl=tls,
                ssl_context=self._context,
            )
            self._socket.settimeout(0)
            self._poller = select.poll()
            self._poller.register(self._socket, select.POLLIN)
            # CPython has poll() alone; CircuitPython's ipoll() is the one that allocates nothing.
            self._ipoll = getattr(self._poller, "ipoll", self._poller.poll)
        except Exception as error:
            self.close()
            raise _connect_error(host, error) from error

    @property
    def is_open(self) -> bool:
        """True while there is a connection (read-only)."""
        return self._socket is not None

    def readable(self) -> bool:
        """
        Tell whether `recv_into` would find something: data, or the end of the stream.
        Allocates nothing on a board.
        """
        if self._more:
            return True
        if self._ipoll is not None:
            if self._socket not in self._managed:
                return True  # recv_into tells
            for _ in self._ipoll(0):
                return True
        return False

    def recv_into(self, view: memoryview) -> int:
        """
        Read what is there, without waiting.

        :param memoryview view: where to; not empty
        :return: number of bytes, 0 if there are none now
        :raises TransportError: if the connection ended or broke
        """
        if self._socket not in self._managed:
            self._gone()
        try:
            count = self._socket.recv_into(view)
        except OSError as error:
            self._more = False
            if error.errno in _AGAIN:
                return 0
            if error.errno == errno.ENOTCONN:
                raise TransportError("connection closed by the server") from None
            raise TransportError("connection broke: " + describe(error)) from error
        if count == 0:
            raise TransportError("connection closed by the server")
        # A read that filled its space may have left more behind, and bytes that TLS has
        # deciphered already are invisible to CPython's poll().
        self._more = count == len(view)
        return count

    def send(self, view: memoryview) -> int:
        """
        Hand over as much as there is room for, without waiting.

        :param memoryview view: bytes; if not all were taken, offer the rest again and nothing else
            before
        :return: number of bytes taken, maybe 0
        :raises TransportError: if the connection broke
        """
        if self._socket not in self._managed:
            self._gone()
        try:
            count = self._socket.send(view)
        except OSError as error:
            if error.errno in _AGAIN:
                return 0
            raise TransportError("connection broke: " + describe(error)) from error
        return len(view) if count is None else count

    def _gone(self) -> None:
        self._more = False
        raise TransportError(
            "not connected"
            if self._socket is None
            else "the application has closed all sockets: connection_manager_close_all"
        )

    def close(self) -> None:
        """Close the connection, if there is one. Never raises."""
        socket, self._socket = self._socket, None
        poller, self._poller = self._poller, None
        self._ipoll = None
        self._more = False
        if socket is None:
            socket, self._left = self._left, None
        if socket is None:
            return
        try:
            if poller is not None:
                poller.unregister(socket)
        # Below no "except (A, B)": there may be no memory for that tuple.
        except Exception as error:  # it was not registered, or is closed already
            keep_timeout(error)
        for _ in range(2):
            # If closing raises, the manager keeps the socket; closing it a second time is harmless.
            try:
                self._manager.close_socket(socket)
                return
            except RuntimeError:
                break  # the user closed all of the manager's sockets behind our back
            except Exception as error:
                keep_timeout(error)
        else:
            self._left = socket
        try:
            socket.close()
        except Exception as error:
            keep_timeout(error)


def _connect_error(host: str, error: Exception) -> NervesHubError:
    try:
        from .connect_errors import (  # noqa: PLC0415 seldom needed, and it takes memory
            connect_error,
        )

        return connect_error(host, error)
    except MemoryError:
        return TransportError("can't connect to " + host + ": no memory", no_memory=True)
