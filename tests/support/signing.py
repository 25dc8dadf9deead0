# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Ed25519 for tests: vectors of others, and another implementation to sign with."""

import base64
import json
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nerveshub_tools import packer
from nerveshub_tools.fw_file import section

from .archives import Member, join

_DATA = Path(__file__).resolve().parents[1] / "data"


def vectors() -> list:
    """(what, public key, signature, message, is it right?) of Wycheproof's and RFC 8032's cases."""
    cases = []
    for file in ("wycheproof_ed25519.json", "rfc8032_ed25519.json"):
        for case in json.loads((_DATA / file).read_text())["tests"]:
            what = "%s: %s" % (file, case.get("name") or "%(id)d %(why)s" % case)
            parts = [bytes.fromhex(case[key]) for key in ("pk", "sig", "msg")]
            cases.append((what, *parts, case.get("result", "valid") == "valid"))
    return cases


class Signer:
    """
    Signs with a key of its own, the same one each time.

    :param int number: tells keys apart
    """

    def __init__(self, number: int = 1) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
        self.public = self._key.public_key().public_bytes_raw()

    @property
    def text(self) -> str:
        """The public key as it stands in a ``.pub`` file."""
        return base64.b64encode(self.public).decode()

    @property
    def private_text(self) -> str:
        """The private key as it stands in a ``.priv`` file."""
        return base64.b64encode(self._key.private_bytes_raw() + self.public).decode()

    def sign(self, message: bytes) -> bytes:
        """The signature."""
        return self._key.sign(message)


def signed_archive(meta, files, signer) -> bytes:
    """
    An archive of operators, as ``nerveshub-link pack --archive`` writes it.

    :param dict meta: what it is
    :param dict files: path -> bytes
    :param Signer signer: signs it
    """
    conf = packer.meta_conf(meta, "".join(section(name, files[name]) for name in files))
    members = [Member("data/" + name, files[name]) for name in files]
    return join(Member("meta.conf.ed25519", signer.sign(conf)), Member("meta.conf", conf), *members)
