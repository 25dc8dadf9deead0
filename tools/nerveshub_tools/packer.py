# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.packer`
================================================================================

Turns an application's folder into a ``.fw`` that fwup, NervesHub and a board accept.

A ``.fw`` is a zip file: the signature, if there is one, then ``meta.conf``, then the files. The
signature is over ``meta.conf`` alone, which names every file with its length and hash. The text of
``meta.conf`` is what fwup itself would print, since the uuid is computed from its bytes. Nothing in
it tells the time: the same folder with the same options gives the same uuid.
"""

import base64
import binascii
import hashlib
import re
import zipfile
from pathlib import Path
from typing import List, Optional

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from .application import AppFile, Unfit, collect
from .images import fwup_uuid
from .metadata import parse_version

NEEDED = ("product", "version", "platform", "architecture")
# In the order in which fwup prints them.
_KEYS = "product description version author platform architecture vcs_identifier misc".split()
_PLAIN = re.compile(r"[A-Za-z0-9_.]+")
_MAX_META_CONF = 49_999
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first moment that a zip file can tell


def meta_conf(meta: dict, files: List[AppFile]) -> bytes:
    """
    The text that describes a release.

    :param dict meta: product, version, platform, architecture, and what is optional
    :param list files: of `application.collect`
    :raises Unfit: if NervesHub would not take it
    """
    _check(meta)
    lines = [f"meta-{key.replace('_', '-')}={_value(meta[key])}" for key in _KEYS if meta.get(key)]
    for file in files:
        data = file.source.read_bytes()
        lines.append(f"file-resource {_quoted(file.path)} {{")
        if data:  # fwup leaves the length of an empty file out
            lines.append(f"length={len(data)}")
        lines += ["blake2b-256=" + hashlib.blake2b(data, digest_size=32).hexdigest(), "}"]
    text = "".join(line + "\n" for line in lines).encode("ascii")
    if len(text) > _MAX_META_CONF:
        raise Unfit(
            f"{len(files)} files make a meta.conf of {len(text):,} bytes, fwup takes"
            f" {_MAX_META_CONF:,}: use fewer files, or shorter paths"
        )
    return text


def _check(meta: dict) -> None:
    for key in NEEDED:
        if not meta.get(key):
            raise Unfit(f"--{key} is needed")
    for key in _KEYS:
        value = meta.get(key) or ""
        # NervesHub takes them apart with a regular expression that these would mislead.
        if not value.isascii() or not value.isprintable() or "=" in value or '"' in value:
            raise Unfit(f"--{key}: NervesHub takes printable ASCII without = and quotes")
    if parse_version(meta["version"]) is None:
        raise Unfit(f"--version must be like 1.2.3 (SemVer), not {meta['version']}")


def _value(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else _quoted(text)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\")
    return f'"{escaped}"'


def pack(  # noqa: PLR0913 - options, keyword only
    folder,
    output,
    meta: dict,
    *,
    key: Optional[Ed25519PrivateKey] = None,
    compress: bool = True,
) -> str:
    """
    Write a ``.fw``.

    :param folder: the application
    :param output: path of the file to write
    :param dict meta: as for `meta_conf`
    :param key: private key to sign with; None for an unsigned archive, which NervesHub refuses
    :param bool compress: False to store the files as they are: quicker to unpack on a board
    :return: the release's uuid
    :raises Unfit: if the folder or the options are no good; then nothing is written
    """
    files = collect(folder)
    conf = meta_conf(meta, files)
    target = Path(output)
    unfinished = target.with_name(target.name + ".part")
    method = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    try:
        with zipfile.ZipFile(unfinished, "w", compresslevel=9) as archive:
            if key is not None:
                archive.writestr(_member("meta.conf.ed25519"), key.sign(conf))
            archive.writestr(_member("meta.conf"), conf, method)
            for file in files:
                archive.writestr(_member("data/" + file.path), file.source.read_bytes(), method)
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
    return fwup_uuid(conf)


def _member(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name, _EPOCH)
    member.external_attr = 0o644 << 16
    return member


def read_key(path) -> Ed25519PrivateKey:
    """
    Read a private key as ``fwup -g`` writes it: base64 of 32 bytes of key, 32 of its public half.

    :raises Unfit: if the file holds none
    """
    try:
        data = base64.b64decode(Path(path).read_text(encoding="ascii").strip(), validate=True)
        if len(data) != 64:
            raise ValueError(f"{len(data)} bytes")
        key = Ed25519PrivateKey.from_private_bytes(data[:32])
    except (binascii.Error, ValueError):
        raise Unfit(f"{path} holds no private key of fwup (fwup -g makes one)") from None
    if key.public_key().public_bytes_raw() != data[32:]:
        raise Unfit(f"{path}: the two halves of the key don't belong together")
    return key


def make_keys(name) -> tuple:
    """
    Make a pair of keys as ``fwup -g`` does: ``NAME.pub``, for NervesHub and for boards, and
    ``NAME.priv``, to be kept.

    :return: both paths
    :raises FileExistsError: if one of them is there already
    """
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    paths = Path(f"{name}.pub"), Path(f"{name}.priv")
    for path in paths:
        if path.exists():
            raise FileExistsError(f"{path} is there already")
    for path, data in zip(paths, (public, key.private_bytes_raw() + public)):
        path.touch(mode=0o600 if path.suffix == ".priv" else 0o644)
        path.write_text(base64.b64encode(data).decode(), encoding="ascii")
    return paths
