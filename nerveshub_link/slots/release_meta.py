# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.slots.release_meta`
====================================================

Parses the ``meta.conf`` of a release, and checks that the release is for this device. Not in
`ImageInstall`, which needs it once for each release, so that it can be removed from memory.
"""

from binascii import unhexlify

from micropython import const

from ..errors import UpdateError, printable
from ..release.chunk_table import most_bytes
from ..release.fwup_meta import length_of, resources, value_of
from .slot_file import SECTOR, texts_of

_RESOURCE = const(b"app.img")
_MAX_TABLE = const(65536)


class ReleaseMeta:
    """
    The values of one ``meta.conf``.

    :param bytes conf: its bytes
    :param dict device: ``product``, ``platform`` and ``architecture`` that a release must have;
        empty or missing ones are not checked
    :param str uuid: the release's uuid by the server
    :param int room: most sectors of an image and its table together
    :raises UpdateError: if the release is not for this device, is too large, or is invalid
    """

    def __init__(self, conf: bytes, device: dict, uuid: str, room: int) -> None:
        self.meta = _identity(conf, device, uuid)
        """Texts for the slot's header."""
        found = [values for name, values in resources(conf) if name == _RESOURCE]
        if len(found) != 1:
            raise UpdateError("the release has no app.img: make it with nerveshub-link pack")
        values = found[0]
        self.length = length_of(values)
        self.image_hash = _hash_of(values, b"image-sha256")
        self.table_hash = _hash_of(values, b"table-sha256")
        image, table = length_of(values, b"image-length"), length_of(values, b"table-length")
        if not image or image % SECTOR:
            raise UpdateError("meta.conf: image-length %d is not a multiple of 512" % image)
        if not 0 < table <= min(most_bytes(image), _MAX_TABLE):
            raise UpdateError("meta.conf: table-length %d does not fit image-length" % table)
        needed = image // SECTOR + -(-table // SECTOR)
        if needed > room:
            words = "the image and its table have %d KB, a slot of this device has room for %d KB"
            raise UpdateError(words % (-(-needed // 2), room // 2))
        self.image_length = image
        self.table_length = table
        self._wanted = values.get(b"min-version")
        self.min_version = None
        """Lowest version allowed after this release, by `check_version`, or None."""

    def check_version(self, lowest) -> None:
        """
        Check the version of a signed release.

        :param lowest: lowest version that this device accepts, or None
        :raises UpdateError: if the version is lower, or invalid
        """
        from ..release.min_version import check  # noqa: PLC0415 with a signed release only

        check(self.meta["version"], self._wanted, lowest)
        self.min_version = None if self._wanted is None else self._wanted.decode()


def _identity(conf: bytes, device: dict, uuid: str) -> dict:
    meta = {"uuid": uuid}
    try:
        for key in ("product", "version", "platform", "architecture"):
            meta[key] = (value_of(conf, b"meta-" + key.encode()) or b"").decode()
    except ValueError:  # UnicodeError is a ValueError
        raise UpdateError("meta.conf is not UTF-8") from None
    for key in ("product", "platform", "architecture"):
        wanted = device.get(key)
        if wanted and meta[key] != wanted:
            words = "the release is for %s %s, this device is %s"
            raise UpdateError(words % (key, printable(meta[key]) or "none", wanted))
    texts_of(meta)  # raises if they don't fit in the header
    return meta


def _hash_of(values: dict, key: bytes) -> bytes:
    text = values.get(key, b"")
    try:
        if len(text) == 64:
            return unhexlify(text)
    except ValueError:
        pass
    words = "meta.conf: %s of app.img is not a SHA-256: make the release with nerveshub-link pack"
    raise UpdateError(words % key.decode())
