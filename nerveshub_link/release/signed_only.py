# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.release.signed_only`
====================================================

What a device that was given public keys asks of each archive before it believes a word of it: an
Ed25519 signature over the bytes of ``meta.conf``, as fwup makes it (its ``src/fwup_sign.c``), by
one of these keys. Without it nothing that ``meta.conf`` says counts. Checked in slices, since all
of it takes some tenths of a second on a board (an estimate), and once more for each key that does
not fit.
"""

from micropython import const

from ..common.memory import forget
from ..errors import UpdateError

_SIGN = const("sign it with: nerveshub-link sign --key")


class SignedOnly:
    """
    Checks the signature of one archive.

    :param tuple keys: public keys, each 32 bytes
    :param bytes conf: the archive's ``meta.conf``
    :param signature: 64 bytes, or None
    :raises UpdateError: if there is no signature
    """

    def __init__(self, keys: tuple, conf: bytes, signature) -> None:
        if signature is None:
            raise UpdateError("not signed, but this device accepts only signed releases: " + _SIGN)
        self._keys = keys
        self._conf = conf
        self._signature = signature
        self._next = 0  # key
        self._slices = None

    def step(self) -> bool:
        """
        Do a slice of the work. Call `drop` afterwards.

        :return: True if the signature is right; False if there is more work
        :raises UpdateError: if it is not by one of the keys
        """
        if self._slices is None:
            self._begin()
        outcome = next(self._slices)
        if outcome is False:
            self._slices = None
        return bool(outcome)

    def _begin(self) -> None:
        """Begin with the next key. Not in `step`, whose variables would keep the modules."""
        count = len(self._keys)
        if self._next == count:
            whose = "the key" if count == 1 else "one of the %d keys" % count
            words = "the signature is not by %s that this device was given: %s"
            raise UpdateError(words % (whose, _SIGN))
        from .ed25519 import verification  # noqa: PLC0415 while a signature is checked only

        self._slices = verification(self._keys[self._next], self._signature, self._conf)
        self._next += 1

    def drop(self) -> None:
        """Free the memory of the check."""
        self._slices = None
        forget("release.ed25519", "release.sha512", "release.public_keys")
