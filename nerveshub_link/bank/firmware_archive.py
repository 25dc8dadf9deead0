# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.bank.firmware_archive`
====================================================

Checks a ``.fw`` archive with one firmware image, and passes the image on; the sink of a `FwReader`.
Imported with such an update only, since `DualBankWriter` also accepts bare images.
"""

import hashlib
from binascii import hexlify

from ..errors import UpdateError, printable
from ..release.fwup_meta import length_of, resources, value_of


class FirmwareArchive:
    """
    One archive.

    :param str board_id: ``meta-platform`` of archives for this board
    :param image: gets the image: ``check_size(count)``, ``write(view)``, ``end()``
    :param tuple keys: public keys, by one of which the archive must be signed; empty to accept
        unsigned archives
    :param lowest: version below which a signed archive is refused, or None
    """

    def __init__(self, board_id: str, image, keys: tuple, lowest) -> None:
        self._board_id = board_id
        self._image = image
        self._keys = keys
        self._lowest = lowest
        self._signed = self._conf = None  # while the signature is checked
        self.busy = False
        """True while the signature is checked, by `work`."""
        self.checked = False
        """True once meta.conf was found good: the image's first bytes may erase the bank."""
        self._name = self._sha256 = self._hash = None  # of the image, from meta.conf
        self._size = 0
        self.min_version = None
        """Lowest version that the signed firmware allows from now on, text or None."""

    def archive_meta(self, conf: bytes, signature) -> None:
        """
        Check that the archive is for this board, and holds one image: at once, or after its
        signature was checked.

        :param bytes conf: the ``meta.conf``
        :param signature: 64 bytes, or None
        :raises UpdateError: if the archive is refused
        """
        if self._keys:
            from ..release.signed_only import SignedOnly  # noqa: PLC0415 with public keys only

            self._signed = SignedOnly(self._keys, conf, signature)
            self._conf, self.busy = conf, True
        else:
            self._take_meta(conf)

    def work(self) -> None:
        """Check a slice of the signature. The image follows a call later: an erase is announced."""
        if self.checked:
            self.busy = False
        elif self._signed.step():
            conf = self._conf
            self._signed.drop()
            self._signed = self._conf = None
            self._take_meta(conf)

    def drop(self) -> None:
        """Free the memory of a signature that is being checked."""
        if self._signed is not None:
            self._signed.drop()

    def _take_meta(self, conf: bytes) -> None:
        try:
            platform = (value_of(conf, b"meta-platform") or b"").decode()
            files = [(name.decode(), values) for name, values in resources(conf)]
            version = (value_of(conf, b"meta-version") or b"").decode()
        except ValueError:  # UnicodeError is a ValueError
            raise UpdateError("meta.conf is not UTF-8") from None
        if platform != self._board_id:
            raise UpdateError(
                "the firmware is for %s, this board is %s"
                % (printable(platform) or "an unnamed board", self._board_id)
            )
        if len(files) != 1 or not files[0][0].endswith(".bin"):
            raise UpdateError(
                "a firmware archive must hold one .bin file, this one holds "
                + printable(", ".join([name for name, _ in files]) or "none")
            )
        self._name, values = files[0]
        self._size = length_of(values)
        self._sha256 = values.get(b"sha256")  # pack's; fwup has BLAKE2b only
        if self._sha256 is not None:
            self._hash = hashlib.new("sha256")
        if self._keys:
            self._check_signed(version, values.get(b"min-version"))
        self.checked = True

    def _check_signed(self, version: str, wanted) -> None:
        """Check that the signature covers the image, and that the version is allowed."""
        from ..release.min_version import check  # noqa: PLC0415 with public keys only

        if self._sha256 is None:
            raise UpdateError(
                "meta.conf has no sha256 of %s, so the signature does not cover it: make the"
                " archive with nerveshub-link pack" % printable(self._name)
            )
        check(version, wanted, self._lowest)
        self.min_version = None if wanted is None else wanted.decode()

    def file_begin(self, name: str, size: int) -> None:
        """Check name and size of the image against ``meta.conf``, and that it fits in the bank."""
        if name != self._name or size != self._size:
            words = "'%s' has %d bytes, meta.conf says %d of %s"
            raise UpdateError(words % (printable(name), size, self._size, printable(self._name)))
        self._image.check_size(size)

    def file_data(self, view) -> int:
        """Write the next bytes of the image; returns how many: all of them."""
        if self._hash is not None:
            self._hash.update(view)
        self._image.write(view)
        return len(view)

    def file_end(self) -> None:
        """Check the complete image against ``meta.conf``."""
        if self._hash is not None:
            digest = hexlify(self._hash.digest())
            if digest != self._sha256.lower():
                raise UpdateError("the image's SHA-256 differs from meta.conf")
        self._image.end()
