# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.wire.transport`
====================================================

The only module that touches sockets: one TCP or TLS connection at a time, opened through
``adafruit_connection_manager`` and never blocking once it is open.

CircuitPython's sockets have these traps, which this module handles
(``ports/espressif/common-hal/socketpool/Socket.c`` and ``shared-module/ssl/SSLSocket.c``):

* With a timeout, bytes that arrive as it runs out are lost; so an open socket has timeout 0.
* At timeout 0 "nothing yet" is EAGAIN, and the end of the stream is ENOTCONN for TCP, 0 for TLS.
* ``send`` takes a part, or raises EAGAIN; under TLS the very same bytes must be offered again.
* Polling a closed TLS socket crashes the board; so a socket is unregistered from the poller before
  it is closed, and not polled if the application has closed it (``connection_manager_close_all``).
* A lack of memory or sockets raises MemoryError, RuntimeError or an OSError with a TLS number.
"""

import errno
import select
import sys

from adafruit_connection_manager import get_connection_manager

from ..errors import NervesHubError, TransportError, describe, keep_timeout

# Nothing there now; and mbedTLS with TLS 1.3: a session ticket arrived, but no data.
_AGAIN = [errno.EAGAIN, -0x7B00]
try:
    # CPython's ssl has numbers of its own for "nothing yet".
    from ssl import SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE

    _AGAIN += [int(SSL_ERROR_WANT_READ), int(SSL_ERROR_WANT_WRITE)]
except ImportError:
    pass

_ALL_ADDRESSES = sys.implementation.name == "cpython"
_opened = 0  # makes a session id for each connection: the manager keeps one socket for each id


class Transport:
    """
    One TCP or TLS connection; it can be opened and closed repeatedly.

    :param socket_pool: a socket pool, or CPython's ``socket`` module
    :param ssl_context: an SSL context; may be None if only plain connections are opened
    :param before_open: function that is called before a connect blocks: gets the seconds of each
        wait, feeds the watchdog, and returns the seconds that are allowed. None for no such
        function
    """

    def __init__(self, socket_pool, ssl_context, before_open=None) -> None:
        self._pool = socket_pool
        self._manager = manager = get_connection_manager(socket_pool)
        # The manager's open sockets. It has no public way to ask for them that allocates nothing.
        self._managed = manager._key_by_managed_socket
        self._context = ssl_context
        self._before_open = before_open
        self._socket = None
        self._left = None  # a socket that the manager had no memory to remove: closed again later
        self._poller = None
        self._ipoll = None
        self._more = False

    def open(self, host: str, port: int, tls: bool, timeout: int) -> None:
        """
        Connect. Blocks: each wait except DNS takes at most ``timeout`` seconds.

        :param str host: name or address; under TLS the certificate must be for it
        :param int port: TCP port
        :param bool tls: whether to speak TLS
        :param int timeout: seconds for each wait
        :raises TransportError: if it failed; ``no_memory`` is True for a lack of memory or sockets
        """
        global _opened  # noqa: PLW0603 one number for all instances on one manager
        self.close()
        if self._before_open is not None:
            timeout = self._before_open(timeout)
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
            # CircuitPython's ipoll() allocates nothing; CPython has only poll().
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
        Tell whether `recv_into` has something to return: data, or the end of the stream.
        Allocates nothing on a board.
        """
        if self._more:
            return True
        if self._ipoll is not None:
            if self._socket not in self._managed:
                return True  # recv_into raises the reason
            for _ in self._ipoll(0):
                return True
        return False

    def recv_into(self, view: memoryview) -> int:
        """
        Read received bytes, without waiting.

        :param memoryview view: where to put them; not empty
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
        # A read that filled its space may have left more bytes, and CPython's poll() does not see
        # bytes that TLS has decrypted already.
        self._more = count == len(view)
        return count

    def send(self, view: memoryview) -> int:
        """
        Send as many bytes as the network takes now, without waiting.

        :param memoryview view: bytes; if not all were taken, the next call must begin with the rest
        :return: number of bytes taken, may be 0
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
        # No "except (A, B)" here and below: there may be no memory for the tuple.
        except Exception as error:  # the socket was not registered, or is closed already
            keep_timeout(error)
        for _ in range(2):
            # If closing raises, the manager keeps the socket; closing it a second time is harmless.
            try:
                self._manager.close_socket(socket)
                return
            except RuntimeError:
                break  # the application has closed all of the manager's sockets
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
