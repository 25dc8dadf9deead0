# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""A certificate authority for one test, with the TLS contexts that go with it."""

import itertools
import ssl
from pathlib import Path

from nerveshub_tools.ca import Authority

_numbers = itertools.count(1)


class ThrowawayCa:
    """
    :param pathlib.Path folder: where its files go, such as pytest's ``tmp_path``
    :param str name: its own name
    """

    def __init__(self, folder, name="Test CA"):
        # Several may share a folder.
        self._authority = Authority(folder / "ca-{}".format(next(_numbers)), name)
        self.path = Path(self._authority.cert)
        """The CA's certificate, as a file."""
        self.pem = self.path.read_text()
        """The CA's certificate, as text."""

    def issue(self, *names):
        """
        Issue a server certificate for host names and addresses.

        :return: paths of the certificate and of its private key, as text
        """
        return self._authority.server("server-{}".format(next(_numbers)), names)

    def issue_device(self, identifier):
        """
        Issue a client certificate.

        :return: paths of the certificate and of its private key, as text
        """
        return self._authority.client(identifier)

    def server_context(self, *names):
        """Return a server-side context with a fresh certificate for these names."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.issue(*(names or ("127.0.0.1", "localhost"))))
        return context

    def client_context(self):
        """Return a verifying client-side context that trusts this CA and no other."""
        return ssl.create_default_context(cafile=str(self.path))
