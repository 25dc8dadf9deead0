# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
A certificate authority for one test run, so that tests of TLS verify certificates like a device
does, and never have to turn that off.
"""

import datetime
import ipaddress
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class ThrowawayCa:
    """
    :param pathlib.Path folder: where its files go, such as pytest's ``tmp_path``
    :param str name: its own name
    """

    def __init__(self, folder, name="Test CA"):
        self._folder = folder
        self._name = _named(name)
        self._key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(self._name, self._key, [], is_ca=True)
        self.pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
        """The CA's certificate, as text."""
        self.path = folder / "ca-{}.pem".format(certificate.serial_number)
        """The CA's certificate, as a file."""
        self.path.write_text(self.pem)

    def issue(self, *names):
        """
        Issue a certificate for host names and addresses, or for a device.

        :return: paths of the certificate and of its private key, as text
        """
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(_named(names[0]), key, names)
        stem = str(self._folder / "cert-{}".format(certificate.serial_number))
        with open(stem + ".pem", "wb") as file:
            file.write(certificate.public_bytes(serialization.Encoding.PEM))
        with open(stem + ".key", "wb") as file:
            file.write(
                key.private_bytes(
                    serialization.Encoding.PEM,
                    serialization.PrivateFormat.PKCS8,
                    serialization.NoEncryption(),
                )
            )
        return stem + ".pem", stem + ".key"

    def server_context(self, *names):
        """Return a server-side context with a fresh certificate for these names."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.issue(*(names or ("127.0.0.1", "localhost"))))
        return context

    def client_context(self):
        """Return a verifying client-side context that trusts this CA and no other."""
        return ssl.create_default_context(cafile=str(self.path))

    def _sign(self, subject, key, names, is_ca=False):
        now = datetime.datetime.now(datetime.timezone.utc)
        day = datetime.timedelta(days=1)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - day)
            .not_valid_after(now + day)
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
            .add_extension(_usage(is_ca), critical=True)
        )
        if names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_alternative(name) for name in names]), critical=False
            )
        return builder.sign(self._key, hashes.SHA256())


def _named(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternative(name):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _usage(is_ca):
    return x509.KeyUsage(
        digital_signature=not is_ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_ca,
        crl_sign=is_ca,
        encipher_only=False,
        decipher_only=False,
    )
