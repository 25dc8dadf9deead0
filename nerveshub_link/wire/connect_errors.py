# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.wire.connect_errors`
====================================================

What a connect that failed means, in words that help. Part of `nerveshub_link.wire.transport`, and
imported only when that happens, since memory is scarce on a board.
"""

import errno

from ..errors import TransportError, describe

# mbedTLS: certificate verification failed; a record that is no TLS.
_TLS_NOT_VERIFIED = -0x2700
_TLS_NO_RECORD = -0x7200
# No memory, as mbedTLS says it (SSL, X.509, PK, ECP, MD; MPI and ASN.1, whose numbers CircuitPython
# turns positive) and as the system does (ENOMEM; lwIP's ENOBUFS, which errno has no name for).
_NO_MEMORY = (-0x7F00, -0x2880, -0x3F80, -0x4D80, -0x5180, 0x10, 0x6A, errno.ENOMEM, 105)


def connect_error(host: str, error: Exception) -> TransportError:
    """
    Make a `TransportError` of what a connect raised.

    :param str host: where to
    :param Exception error: what came of it
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
        told += ": is there no TLS at this port? Check port, or use ssl=False with a test server"
        reached = True
    return TransportError(
        "can't connect to " + host + ": " + told, no_memory=no_memory, reached=reached
    )
