# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.device.archive_check`
====================================================

Verifies a downloaded archive: the signature over its ``meta.conf``, and the SHA-256 that
``meta.conf`` has for each file (``nerveshub-link pack --archive`` writes it; fwup's own archives
have BLAKE2b only). Imported only on a device that has public keys.

The whole file is verified: the central directory must list exactly the verified members at their
offsets, so that every reader of the archive finds the verified content.
"""

import hashlib
import os
from binascii import hexlify
from struct import unpack_from

from micropython import const

from ..common.memory import forget
from ..errors import UpdateError, describe, printable
from ..release.fw_reader import FwReader
from ..release.fwup_meta import length_of, resources
from ..release.signed_only import SignedOnly

_PIECE = const(2048)
_LOCAL = const(30)
_CENTRAL = const(46)
_END = const(22)
_NOTHING = memoryview(b"")
_DAMAGED = "its directory does not list what is in it"


def verify(archives, path: str) -> None:
    """
    Do one step of the verification for `Archives`, whose private attributes this uses. After the
    last step, hand the archive over.

    :param Archives archives: has a complete archive
    :param str path: path of the archive
    """
    verified = False
    try:
        if archives._check is None:
            archives._check = ArchiveCheck(path, archives._keys)
        verified = archives._check.step()
        if not verified:
            return
    except Exception as error:
        archives._log("warning", "the archive is not verified: " + describe(error))
    archives._end_check()
    forget("device.archive_check", "release.signed_only")
    archives._give(verified)


class ArchiveCheck:
    """
    Verifies one archive; the sink of a `FwReader`.

    :param str path: path of the archive
    :param tuple keys: public keys, each 32 bytes
    :raises OSError: if the file can't be read
    """

    def __init__(self, path: str, keys: tuple) -> None:
        self._keys = keys
        self._size = os.stat(path)[6]
        self._signed = self._conf = None  # while the signature is checked
        self._wanted = {}  # name: length and SHA-256 in hex, of the files not read yet
        self._sha256 = self._hash = None  # of the file that is being read
        self.busy = False
        """True while the signature is checked: `work` continues the check."""
        self._buffer = memoryview(bytearray(_PIECE))
        self._reader = FwReader(self, several=True)
        self._file = open(path, "rb")

    def step(self) -> bool:
        """
        Do one step of the verification.

        :return: False if more steps are needed; True if the archive is verified
        :raises UpdateError: if the archive is invalid; the text has the reason
        """
        if self.busy:
            self._reader.feed(_NOTHING)
            return False
        count = self._file.readinto(self._buffer)
        if count:
            self._reader.feed(self._buffer[:count])
            return False
        self._reader.finish()
        if self._wanted:
            raise UpdateError("it lacks %d of the files in meta.conf" % len(self._wanted))
        self._check_directory()
        return True

    def close(self) -> None:
        """Close the file, and free the memory of the signature's check."""
        self._file.close()
        if self._signed is not None:
            self._signed.drop()

    # Called by the FwReader

    def archive_meta(self, conf: bytes, signature) -> None:
        """Start to check the signature."""
        self._signed = SignedOnly(self._keys, conf, signature)
        self._conf, self.busy = conf, True

    def work(self) -> None:
        """Do one step of the signature's check; after the last, read the signed meta.conf."""
        if not self._signed.step():
            return
        self._signed.drop()
        for name, values in resources(self._conf):
            sha256 = values.get(b"sha256")
            if sha256 is None or name in self._wanted:
                raise UpdateError("meta.conf has no sha256 of '%s'" % printable(name.decode()))
            self._wanted[name] = length_of(values), sha256.lower()
        self._signed = self._conf = None
        self.busy = False

    def file_begin(self, name: str, size: int) -> None:
        """Check that ``meta.conf`` lists this file, with this length."""
        length, self._sha256 = self._wanted.pop(name.encode(), (None, None))
        if length != size:
            raise UpdateError("'%s' is not as meta.conf names it" % printable(name))
        self._hash = hashlib.new("sha256")

    def file_data(self, view) -> int:
        """Hash the next bytes of a file; returns how many: all of them."""
        self._hash.update(view)
        return len(view)

    def file_end(self) -> None:
        """Check the hash of a complete file."""
        if hexlify(self._hash.digest()) != self._sha256:
            raise UpdateError("the SHA-256 of a file differs from meta.conf")

    # The end of the file

    def _check_directory(self) -> None:
        """Compare the central directory's entries with the members' local headers."""
        start = self._size - _END
        end = self._read(start, _END)
        count, total, length, begin, comment = unpack_from("<8xHHIIH", end, 0)
        if end[:4] != b"PK\5\6" or count != total or comment or begin + length != start:
            raise UpdateError(_DAMAGED)
        at, member = begin, 0
        for _ in range(count):
            central, local = self._read(at, _CENTRAL), self._read(member, _LOCAL)
            name, extra, comment = unpack_from("<HHH", central, 28)
            gap, place = unpack_from("<H", local, 28)[0], unpack_from("<I", central, 42)[0]
            # These bytes are the flags, method, time, CRC-32, lengths and name's length.
            if central[:4] != b"PK\1\2" or place != member or central[6:30] != local[4:28]:
                raise UpdateError(_DAMAGED)
            if self._read(at + _CENTRAL, name) != self._read(member + _LOCAL, name):
                raise UpdateError(_DAMAGED)
            at += _CENTRAL + name + extra + comment
            member += _LOCAL + name + gap + unpack_from("<I", local, 18)[0]
        if at != start or member != begin:
            raise UpdateError(_DAMAGED)

    def _read(self, at: int, count: int) -> bytes:
        if at < 0:
            raise UpdateError(_DAMAGED)
        self._file.seek(at)
        data = self._file.read(count)
        if len(data) != count:
            raise UpdateError(_DAMAGED)
        return data
