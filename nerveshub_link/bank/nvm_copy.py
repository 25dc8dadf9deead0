# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.bank.nvm_copy`
====================================================

Stores the record of the firmware banks in ``microcontroller.nvm``.

Espressif's NVM erases everything before it writes (CircuitPython's
``ports/espressif/common-hal/nvm/ByteArray.c``), so a power cut in between leaves zeros, as on a new
board; and each access takes 8 KB of the heap for a moment. So it is read once and written rarely,
and zeros mean "no record".

The format is that of `nerveshub_link.slots.record`.
"""

import gc

from ..slots.record import StateError, pack, unpack


class NvmCopy:
    """
    A record at the end of the NVM, since applications usually use its beginning.

    :param nvm: ``microcontroller.nvm``, or a bytearray
    :param int size: bytes reserved for the record
    :raises ValueError: if there is no NVM, or it is too small
    """

    def __init__(self, nvm, size: int = 1536) -> None:
        if nvm is None or len(nvm) < size:
            raise ValueError("microcontroller.nvm must have %d bytes" % size)
        self._nvm = nvm
        self._size = size
        self._start = len(nvm) - size
        self._sequence = 0
        self.blank = False
        """True if the last `load` found only zeros: a new board, or an interrupted write."""

    def load(self):
        """
        Read the record.

        :return: the dict, or None without a valid record, see ``blank``
        """
        raw = self._read(self._size)
        self.blank = not raw.strip(b"\0")
        found = unpack(raw)
        if found is None:
            return None
        self._sequence = found[0]
        return found[1]

    def _read(self, count: int) -> bytes:
        gc.collect()  # each access needs a block of 8 KB
        return bytes(self._nvm[self._start : self._start + count])

    def encode(self, record: dict) -> bytes:
        """
        Encode a record, as `save` writes it.

        :param dict record: JSON values
        :return: the bytes
        :raises StateError: if the record is too long
        """
        return pack((self._sequence + 1) & 0x3FFFFFFF, record, self._size)

    def save(self, record: dict) -> None:
        """
        Write the record, and read it back.

        :param dict record: as for `encode`
        :raises StateError: if the record is too long, or reading it back gave other bytes
        """
        frame = self.encode(record)
        gc.collect()
        self._nvm[self._start : self._start + len(frame)] = frame
        if self._read(len(frame)) != frame:
            raise StateError("the NVM does not hold what was written")
        self._sequence = (self._sequence + 1) & 0x3FFFFFFF
