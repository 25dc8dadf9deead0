# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.wire.addresses`
====================================================

Connects to the first address of a host name that answers, on CPython only: on a desktop
``localhost`` is often ``::1`` first, while the server listens on ``127.0.0.1``.
``adafruit_connection_manager`` tries the first address only; CircuitPython's ``getaddrinfo``
returns only one.
"""


class _Named:
    """An SSL context that connects to an address and checks the certificate for the host name."""

    def __init__(self, context, name: str) -> None:
        self._context = context
        self._name = name

    def wrap_socket(self, sock, server_hostname=None):
        return self._context.wrap_socket(sock, server_hostname=self._name)


def get_socket(manager, pool, host: str, port: int, proto: str, session: str, **options):  # noqa: PLR0913, PLR0917 as the manager's
    """
    Do what the manager's ``get_socket`` does, with each address of the host until one answers.

    :param manager: the ``ConnectionManager``
    :param pool: the socket pool that resolves the host name
    :param str host: host name
    :param int port: TCP port
    :param str proto: ``"ws:"`` or ``"wss:"``
    :param str session: session id for the manager
    :param options: the other arguments of the manager's ``get_socket``
    :return: the connected socket
    :raises OSError: the error of the last address
    """
    found = []
    for info in pool.getaddrinfo(host, port, 0, pool.SOCK_STREAM):
        if info[4][0] not in found:
            found.append(info[4][0])
    if len(found) < 2:
        return manager.get_socket(host, port, proto, session, **options)
    context = options.pop("ssl_context", None)
    if context is not None:
        options["ssl_context"] = _Named(context, host)
    for address in found[:-1]:
        try:
            return manager.get_socket(address, port, proto, session, **options)
        except OSError:
            pass  # the next one may answer
    return manager.get_socket(found[-1], port, proto, session, **options)
