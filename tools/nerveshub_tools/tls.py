# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.tls`
================================================================================

How the hub speaks TLS: like the real device endpoint, TLS 1.2 only unless told otherwise, and
client certificates are asked for but not required.

Simpler than the real server in one point: it pins single certificates, the hub trusts any that
the client CA has signed. The identity is the common name in both.
"""

import ssl
from dataclasses import dataclass
from typing import Optional


@dataclass
class ServerTls:
    """
    :param str cert: path of the server's certificate chain (PEM)
    :param str key: path of its private key
    :param str client_ca: path of the CA whose client certificates are let in; None for none
    :param bool tls13: offer TLS 1.3 too
    """

    cert: str
    key: str
    client_ca: Optional[str] = None
    tls13: bool = False

    def context(self) -> ssl.SSLContext:
        """The context for the listening socket."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if not self.tls13:
            context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(str(self.cert), str(self.key))
        if self.client_ca is not None:
            context.load_verify_locations(str(self.client_ca))
            context.verify_mode = ssl.CERT_OPTIONAL
        return context


def common_name(peer_certificate: Optional[dict]) -> Optional[str]:
    """CN of what ``getpeercert()`` gave, None without a certificate."""
    for part in (peer_certificate or {}).get("subject", ()):
        for name, value in part:
            if name == "commonName":
                return value
    return None
