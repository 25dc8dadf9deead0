# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.wire.connect_errors`
====================================================

Explains a failed connect: the error's text names the likely cause and what to check. Part of
`nerveshub_link.wire.transport`, and imported only after a failure, since memory is scarce on a
board.
"""

import errno

from micropython import const

from ..errors import TransportError, describe

# mbedTLS: certificate verification failed; the received bytes are not a TLS record.
_TLS_NOT_VERIFIED = const(-0x2700)
_TLS_NO_RECORD = const(-0x7200)
# No memory, in mbedTLS's numbers (SSL, X.509, PK, ECP, MD; MPI and ASN.1, which CircuitPython
# makes positive) and in the system's (ENOMEM; lwIP's ENOBUFS, for which errno has no name).
_NO_MEMORY = (-0x7F00, -0x2880, -0x3F80, -0x4D80, -0x5180, 0x10, 0x6A, errno.ENOMEM, 105)


def connect_error(host: str, error: Exception) -> TransportError:
    """
    Make a `TransportError` of the exception that a connect raised.

    :param str host: the server's host name
    :param Exception error: the exception
    :return: the error to raise; its ``no_memory`` and ``reached`` are set
    """
    number = getattr(error, "errno", None)
    told = describe(error)
    no_memory = (
        isinstance(error, MemoryError)
        or number in _NO_MEMORY
        or (isinstance(error, RuntimeError) and "socket" in told)
    )
    reached = number == errno.ECONNREFUSED
    low = told.lower()
    if number == _TLS_NOT_VERIFIED:
        told = "the server's certificate is not trusted: does ssl_context hold its CA?"
        reached = True
    elif number == _TLS_NO_RECORD or "wrong_version_number" in low or "record layer" in low:
        told += ": does this port speak TLS? Check port, or use ssl=False with a test server"
        reached = True
    return TransportError(
        "can't connect to " + host + ": " + told, no_memory=no_memory, reached=reached
    )
