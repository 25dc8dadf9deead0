# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
CircuitPython's ``ssl`` over MicroPython's ``tls``; both are mbedTLS. Certificates are always
verified.

The traps of a board's ``SSLSocket.c``: one ``send()`` takes at most 2048 bytes; after its EAGAIN
the record is queued already, so whatever is offered next, the old bytes go out; a server that hangs
up without a word is ENOTCONN at timeout 0, one that says goodbye is 0;
``load_verify_locations(cadata="")`` means "trust anybody" there, and is refused here. There is no
recv, sendall or getpeercert.
"""

import errno

import socketpool
import tls
import uselect

_NOT_VERIFIED = -0x2700
_NO_HOSTNAME = -0x5D80
_CLOSED_RUDELY = -0x7280
_MOST = 2048


class SSLSocket:
    _is_tls = True

    def __init__(self, context, socket, hostname):
        self._context = context
        self._tcp = socket
        self._hostname = hostname
        self._raw = None
        self._queued = None
        socket._timeout = -1
        self._timeout = -1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def settimeout(self, value):
        self._timeout = self._tcp._timeout = socketpool._milliseconds(value)

    def setblocking(self, flag):
        self._timeout = self._tcp._timeout = -1 if flag else 0

    def setsockopt(self, level, optname, value):
        self._tcp.setsockopt(level, optname, value)

    def connect(self, address):
        self._tcp.connect(address)
        tcp = self._tcp._raw
        self._raw = self._context.wrap_socket(
            tcp, server_hostname=self._hostname, do_handshake_on_connect=False
        )
        nothing = bytearray(1)
        try:
            # The first reads do the handshake. Each wait is bounded; the whole, as on a board, is
            # not.
            while True:
                if self._raw.readinto(nothing):
                    raise NotImplementedError("a server that speaks first")
                if self._raw.getpeercert(True) is not None:
                    return
                socketpool._wait(tcp, uselect.POLLIN, self._timeout)
        except ValueError:
            raise OSError(_NOT_VERIFIED)

    def recv_into(self, buffer, bufsize=0):
        if self._raw is None:
            raise OSError(errno.EBADF)
        size = bufsize or len(buffer)
        try:
            count = self._raw.readinto(buffer, size)
            if count is None and self._timeout:
                socketpool._wait(self._raw, uselect.POLLIN, self._timeout)
                count = self._raw.readinto(buffer, size)
        except OSError as error:
            if error.errno == _CLOSED_RUDELY and self._timeout == 0:
                raise OSError(errno.ENOTCONN)
            raise
        if count is None:
            raise OSError(errno.EAGAIN)
        return count

    def send(self, data):
        if self._raw is None:
            raise OSError(errno.EBADF)
        size = min(len(data), _MOST)
        if self._queued is not None:
            # mbedTLS flushes the record it holds and reports the new length: other bytes are
            # swallowed.
            data, self._queued = self._queued, None
        elif socketpool._stalled():
            self._queued = bytes(data[:size])
            raise OSError(errno.EAGAIN)
        count = self._raw.write(data if len(data) <= size else memoryview(data)[:size])
        if count is None:
            raise OSError(errno.EAGAIN)  # now mbedTLS itself holds the record
        return size

    def close(self):
        raw, self._raw = self._raw, None
        if raw is not None:
            raw.close()
        self._tcp.close()


class SSLContext:
    def __init__(self):
        self._tls = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
        self._tls.verify_mode = tls.CERT_REQUIRED
        self.check_hostname = True

    def load_verify_locations(self, cafile=None, capath=None, cadata=None):
        if cafile is not None or capath is not None:
            raise NotImplementedError("cafile and capath")
        if not cadata:
            raise ValueError("cadata is empty: a board would trust anybody now")
        self._tls.load_verify_locations(_der(cadata))

    def load_cert_chain(self, certfile, keyfile=None):
        with open(certfile) as file:
            certificate = _der(file.read())
        with open(keyfile or certfile) as file:
            key = _der(file.read())
        self._tls.load_cert_chain(certificate, key)

    def set_default_verify_paths(self):
        raise NotImplementedError("no bundle of certificates here")

    def wrap_socket(self, sock, *, server_side=False, server_hostname=None):
        if server_side:
            raise NotImplementedError("server_side")
        if not server_hostname:
            raise OSError(_NO_HOSTNAME)
        return SSLSocket(self._tls, sock, server_hostname)


def _der(pem):
    """The first block of a PEM text in binary, which is what MicroPython takes."""
    import binascii

    body = pem.split("-----")[2]
    return binascii.a2b_base64(body)


def create_default_context():
    return SSLContext()
