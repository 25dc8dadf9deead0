# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.ca`
================================================================================

A certificate authority for tests, for the demonstration, for a desk. Its key lies unprotected
beside its certificate. `nerveshub_tools.device_certs` uses it for a fleet, too: NervesHub knows
each of these certificates, and need not trust the authority.
"""

import datetime
import ipaddress
from pathlib import Path
from typing import Optional, Sequence, Tuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAYS = 30
_LEFT = 1  # a CA that is about to end is not used again


class Authority:
    """
    Makes a CA and writes ``ca.pem`` and ``ca.key`` into a folder.

    :param folder: where all files go; made if it is not there
    :param str name: common name of the CA
    :param int days: how long the CA is valid; what it issues is for 30 days at most
    """

    def __init__(
        self, folder, name: str = "nerveshub_tools throwaway CA", days: int = _DAYS
    ) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = self._builder(self._name, self._key.public_key(), days).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        usage = dict.fromkeys(
            "digital_signature content_commitment key_encipherment data_encipherment "
            "key_agreement encipher_only decipher_only".split(),
            False,
        )
        usage.update(key_cert_sign=True, crl_sign=True)
        builder = builder.add_extension(x509.KeyUsage(**usage), critical=True)
        self._certificate = builder.sign(self._key, hashes.SHA256())
        self.cert, self._key_path = self._write("ca", self._certificate, self._key)

    @classmethod
    def kept(cls, folder) -> Optional["Authority"]:
        """The CA that was made in a folder; None if there is none that can be used any longer."""
        kept = cls.__new__(cls)
        kept.folder = Path(folder)
        cert, key = kept.folder / "ca.pem", kept.folder / "ca.key"
        if not cert.is_file() or not key.is_file():
            return None
        try:
            kept._certificate = x509.load_pem_x509_certificate(cert.read_bytes())
            kept._key = serialization.load_pem_private_key(key.read_bytes(), None)
        except (TypeError, ValueError, UnsupportedAlgorithm):
            return None
        kept._name = kept._certificate.subject
        kept.cert, kept._key_path = str(cert), str(key)
        now = datetime.datetime.now(datetime.UTC)
        left = kept._certificate.not_valid_after_utc - now
        fits = kept._certificate.public_key() == kept._key.public_key()
        return kept if fits and left > datetime.timedelta(days=_LEFT) else None

    def server(
        self, name: str = "server", hosts: Sequence[str] = ("localhost", "127.0.0.1")
    ) -> Tuple[str, str]:
        """A server certificate for names and addresses; gives the paths of certificate and key."""
        alternatives = []
        for host in hosts:
            try:
                alternatives.append(x509.IPAddress(ipaddress.ip_address(host)))
            except ValueError:
                alternatives.append(x509.DNSName(host))
        return self._issue(
            name,
            hosts[0],
            ExtendedKeyUsageOID.SERVER_AUTH,
            x509.SubjectAlternativeName(alternatives),
        )

    def client(self, identifier: str) -> Tuple[str, str]:
        """A client certificate whose common name is the device's identifier."""
        safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in identifier)
        return self._issue(f"client-{safe}", identifier, ExtendedKeyUsageOID.CLIENT_AUTH)

    def device(self, identifier: str) -> Tuple[bytes, bytes]:
        """
        Certificate and key (PEM) of a device, which are written nowhere. Valid as long as the CA.

        :raises ValueError: if the identifier is no common name: it has more than 64 characters
        """
        left = self._certificate.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
        certificate, key = self._made(identifier, ExtendedKeyUsageOID.CLIENT_AUTH, left.days)
        return certificate.public_bytes(serialization.Encoding.PEM), _pem_of(key)

    def issued(self, certificate: bytes, identifier: str, key: bytes) -> bool:
        """Is this (PEM) a certificate of this CA for the device, and the key that belongs to it?"""
        try:
            found = x509.load_pem_x509_certificate(certificate)
            found.verify_directly_issued_by(self._certificate)
            private = serialization.load_pem_private_key(key, None)
        except (TypeError, ValueError, UnsupportedAlgorithm, InvalidSignature):
            return False
        names = found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        fits = private.public_key() == found.public_key()
        return fits and [name.value for name in names] == [identifier]

    def _issue(self, file: str, name: str, usage, *extensions) -> Tuple[str, str]:
        return self._write(file, *self._made(name, usage, _DAYS, *extensions))

    def _made(self, name: str, usage, days: int, *extensions) -> tuple:
        """A certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = self._builder(subject, key.public_key(), days).add_extension(
            x509.BasicConstraints(ca=False, path_length=None), critical=True
        )
        for extension in (x509.ExtendedKeyUsage([usage]), *extensions):
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(self._key, hashes.SHA256()), key

    def _builder(self, subject, public_key, days: int = _DAYS) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        issuer_key = self._key.public_key()
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            # A device's clock may lag behind this one.
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=days))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False
            )
        )

    def _write(self, name: str, certificate, key) -> Tuple[str, str]:
        cert_path, key_path = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        cert_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        key_path.touch(mode=0o600)
        key_path.write_bytes(_pem_of(key))
        return str(cert_path), str(key_path)


def _pem_of(key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
