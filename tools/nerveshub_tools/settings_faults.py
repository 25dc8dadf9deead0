# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.settings_faults`
================================================================================

Finds values in ``settings.toml`` that the library would refuse at its start. The rules are those of
``nerveshub_link/config/options.py``; a test compares the two. `nerveshub_tools.board_settings`
reads the values, and finds missing ones.
"""

from pathlib import Path
from typing import Callable, List, Optional

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from .board_settings import Settings
from .signatures import key_bytes

_KEYS = "NERVESHUB_PUBLIC_KEYS"
_CA = "NERVESHUB_CA"
_SECRET = ("NERVESHUB_PRODUCT_KEY", "NERVESHUB_PRODUCT_SECRET")
_CERTIFICATE = ("NERVESHUB_DEVICE_CERT", "NERVESHUB_DEVICE_KEY")
_ASCII = ("NERVESHUB_HOST", *_SECRET, *_CERTIFICATE)
_FLAGS = {"1": True, "true": True, "yes": True, "on": True}
_FLAGS.update({"0": False, "false": False, "no": False, "off": False})


def faults(settings: Settings, file: Optional[Callable[[str], Path]] = None) -> List[str]:
    """
    What is wrong with the values that are there.

    :param Settings settings: the board's
    :param file: function of a path on the drive that gives the file here, to look at the
        certificate; None leaves that out
    :return: sentences, which hold no secret
    """
    words = _unreadable(settings)
    words += _texts(settings) + _server(settings) + _credentials(settings) + _keys(settings)
    certificate = [settings.text(name) for name in _CERTIFICATE]
    if file is not None and all(certificate):
        words += _files(*certificate, file)
    authority = settings.text(_CA)
    if file is not None and authority:
        words += _authority(authority, file)
    return words


def _unreadable(settings: Settings) -> List[str]:
    names = (*_ASCII, "NERVESHUB_IDENTIFIER", "NERVESHUB_PORT", "NERVESHUB_SSL", _KEYS, _CA)
    return [f"{name} can't be read" for name in names if settings.is_void(name)]


def _texts(settings: Settings) -> List[str]:
    words = []
    for name in (*_ASCII, "NERVESHUB_IDENTIFIER"):
        text = settings.text(name) or ""
        if any(char < " " or char == "\x7f" or (name in _ASCII and char > "~") for char in text):
            words.append(f"{name} has a control or non-ASCII character in it")
    return words


def _server(settings: Settings) -> List[str]:
    words = []
    host = settings.text("NERVESHUB_HOST") or ""
    if host[:1] == "[" and host[-1:] == "]":
        host = host[1:-1] or "/"
    # Several colons are an IPv6 address.
    if any(char in host for char in "/ []@\"'") or host.count(":") == 1:
        words.append(
            "NERVESHUB_HOST must be a name like devices.example.com, without https://, port or path"
        )
    port = settings.text("NERVESHUB_PORT")
    if port is not None and not _is_port(port):
        words.append("NERVESHUB_PORT must be a whole number from 1 to 65535")
    if (settings.text("NERVESHUB_SSL") or "1").lower() not in _FLAGS:
        words.append("NERVESHUB_SSL must be 1 or 0")
    return words


def _is_port(text: str) -> bool:
    try:
        return 0 < int(text) < 65536
    except ValueError:
        return False


def _credentials(settings: Settings) -> List[str]:
    words = []
    secret = [name for name in _SECRET if settings.text(name)]
    certificate = [name for name in _CERTIFICATE if settings.text(name)]
    if secret and certificate:
        words.append(
            f"{' and '.join(secret)} beside {' and '.join(certificate)}: a device has either a key"
            " or a certificate, and the library refuses both. Remove the lines of one of them"
        )
    elif len(secret) == 1 or len(certificate) == 1:
        (given,) = secret or certificate
        (other,) = {*(_SECRET if secret else _CERTIFICATE)} - {given}
        words.append(f"{given} needs {other}")
    if (settings.text(_SECRET[1]) or "").startswith(("nhp_", "nhd_")):
        words.append(f"{_SECRET[1]} begins like a key: were key and secret swapped?")
    if certificate and _FLAGS.get((settings.text("NERVESHUB_SSL") or "1").lower()) is False:
        words.append(f"{certificate[0]} needs TLS, and NERVESHUB_SSL switches it off")
    return words


def _keys(settings: Settings) -> List[str]:
    text = settings.text(_KEYS)
    keys = (text or "").replace(",", " ").split()
    try:
        good = [key for key in keys if len(key) == 44 and key_bytes(key)]
    except ValueError:
        good = []
    if text is None or (keys and keys == good):
        return []
    return [f"{_KEYS} must hold the 44 characters of .pub files, with a space between two"]


def _authority(path: str, file: Callable[[str], Path]) -> List[str]:
    """Is the fleet's own CA on the drive, and is it one?"""
    here = file(path.lstrip("/"))
    if not here.is_file():
        return [f"{_CA} names {path}, which is not on the drive"]
    try:
        x509.load_pem_x509_certificates(here.read_bytes())
    except (ValueError, UnsupportedAlgorithm):
        return [f"{path} holds no certificate (PEM)"]
    return []


def _files(certificate: str, key: str, file: Callable[[str], Path]) -> List[str]:
    """Are the device's certificate and its key on the drive, and do they belong together?"""
    found = []
    for name, path in zip(_CERTIFICATE, (certificate, key)):
        here = file(path.lstrip("/"))
        if not here.is_file():
            return [f"{name} names {path}, which is not on the drive"]
        found.append(here.read_bytes())
    try:
        public = x509.load_pem_x509_certificate(found[0]).public_key()
    except (ValueError, UnsupportedAlgorithm):
        return [f"{certificate} is no certificate (PEM)"]
    try:
        private = load_pem_private_key(found[1], None)
    except TypeError:
        return [f"{key} is protected by a password, which no board can type"]
    except (ValueError, UnsupportedAlgorithm):
        return [f"{key} is no private key (PEM)"]
    return [] if private.public_key() == public else [f"{key} is not the key of {certificate}"]
