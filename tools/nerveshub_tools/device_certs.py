# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.device_certs`
================================================================================

A key and a certificate for each board that is prepared, by a CA whose key stays on this computer;
and their registration with NervesHub, which then knows the certificate itself and need not trust
the CA (``lib/nerves_hub/device_link/authentication.ex``).
"""

import asyncio
import base64
from pathlib import Path
from typing import Callable, Dict, Optional
from urllib.parse import quote

from cryptography import x509

from . import tokens
from .board_drive import BOOT_OUT, BoardError, Drive
from .ca import Authority
from .fleet_access import Fleet, explained, plain
from .rest_client import Refused, RestClient, RestError, check_uri
from .rest_product import Product

CERTIFICATE, KEY = "certs/device.pem", "certs/device-key.pem"
"""Where they are on a drive."""
_DAYS = 20 * 365


class DeviceCertificates:
    """
    Makes them.

    :param folder: the CA's: ``ca.pem`` and ``ca.key``, which are made if neither is there. The
        certificates of devices are kept in ``devices``; their keys are on the boards alone
    :param register: function of a product's name, an identifier and a certificate (PEM) that lets
        NervesHub know it; None if nobody is logged in
    :raises BoardError: if the CA can't be used
    """

    def __init__(
        self, folder, register: Optional[Callable[[str, str, bytes], None]] = None
    ) -> None:
        self.folder = Path(folder)
        self._register = register
        whole = self.folder.resolve()
        if any((place / BOOT_OUT).exists() for place in (whole, *whole.parents)):
            raise BoardError(f"{self.folder} is on a board: the CA's key must never be on one")
        there = [name for name in ("ca.pem", "ca.key") if (self.folder / name).exists()]
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = Authority.kept(self.folder)
            if found is None and there:
                raise BoardError(
                    f"{self.folder}: {' and '.join(there)} can't be used: both must be there,"
                    " belong together, have no password, and not be about to end"
                )
            self._authority = found or Authority(self.folder, "nerveshub-link devices", _DAYS)
        except OSError as error:
            raise BoardError(f"{error.filename or self.folder}: {error.strerror}") from None

    @property
    def settings(self) -> Dict[str, str]:
        """What a board's settings say of its certificate (read-only)."""
        return {"NERVESHUB_DEVICE_CERT": "/" + CERTIFICATE, "NERVESHUB_DEVICE_KEY": "/" + KEY}

    def files(self, drive: Drive, identifier: Optional[str]) -> Dict[str, bytes]:
        """
        Certificate and key for a board: path on the drive to content. Those of an earlier run stay.
        The certificate is kept on this computer, too.

        :raises BoardError: if there is no identifier, or the drive has others
        """
        if not identifier:
            raise BoardError("a certificate is for one device: give --identifier")
        certificate, key = (_read(drive, name) for name in (CERTIFICATE, KEY))
        if self._authority.issued(certificate, identifier, key):
            self._keep(identifier, certificate)
            return {CERTIFICATE: certificate, KEY: key}
        if key and not self._is_half(certificate, identifier):
            raise BoardError(
                f"/{KEY} is on the drive already, and not that of {identifier} by {self.folder}:"
                " take it away, or leave --device-cert out"
            )
        try:
            certificate, key = self._authority.device(identifier)
        except ValueError:
            raise BoardError(
                f"{identifier}: an identifier in a certificate has at most 64 characters"
            ) from None
        self._keep(identifier, certificate)
        return {CERTIFICATE: certificate, KEY: key}

    def _is_half(self, certificate: bytes, identifier: str) -> bool:
        """Is it the certificate of an earlier run that was interrupted while it wrote the key?"""
        kept = self._kept(identifier)
        return bool(certificate) and kept.is_file() and kept.read_bytes() == certificate

    def _kept(self, identifier: str) -> Path:
        return self.folder / "devices" / (quote(identifier, safe="") + ".pem")

    def _keep(self, identifier: str, certificate: bytes) -> None:
        path = self._kept(identifier)
        try:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(certificate)
        except OSError as error:
            raise BoardError(f"{path}: {error.strerror}") from None

    def register(self, product: str, identifier: str) -> str:
        """
        Let NervesHub know the device's certificate.

        :return: what was done, or is still to be done, in words
        """
        path = self._kept(identifier)
        if self._register is None:
            return (
                f"NervesHub does not know the certificate yet: run this again with --uri, or add"
                f" {path} to the device {identifier} on NervesHub's page"
            )
        self._register(product, identifier, path.read_bytes())
        return f"NervesHub knows the certificate of {identifier}"


def _read(drive: Drive, name: str) -> bytes:
    path = drive.file(name)
    return path.read_bytes() if path.is_file() else b""


def registrar(uri: Optional[str], org: Optional[str], token_file, ca) -> Optional[Callable]:
    """
    What lets a server know certificates, for `DeviceCertificates`; None if no server is named.

    :raises BoardError: if there is no token for it
    """
    if not uri:
        return None
    try:
        token = tokens.find(check_uri(uri), token_file)
    except (RestError, tokens.TokenError) as error:
        raise BoardError(plain(error)) from None
    if token is None:
        raise BoardError(
            f"no token for {check_uri(uri)}: run nerveshub-link login, or set NERVES_HUB_TOKEN"
        )

    async def call(product: str, identifier: str, certificate: bytes) -> None:
        async with RestClient(uri, token, ca) as client:
            await _register(
                await Fleet(client, org, product).product(product), identifier, certificate
            )

    def register(product: str, identifier: str, certificate: bytes) -> None:
        words = f"{identifier} is prepared, but NervesHub does not know its certificate"
        try:
            asyncio.run(call(product, identifier, certificate))
        except Refused as refused:
            raise BoardError(f"{words}. {explained(refused).message} Run this again") from None
        except RestError as error:
            raise BoardError(f"{words}: {plain(error)}. Run this again") from None

    return register


async def _register(product: Product, identifier: str, certificate: bytes) -> None:
    """Let NervesHub know a device and its certificate (PEM), as far as it does not."""
    try:
        await product.device(identifier)
    except Refused as refused:
        if refused.status != 404:
            raise
        await product.create_device(identifier)
    serial = str(x509.load_pem_x509_certificate(certificate).serial_number)
    known = await product.certificates(identifier)
    if serial not in {str(item["serial"]) for item in known}:
        await product.add_certificate(identifier, base64.b64encode(certificate).decode())
