# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.bank.nvm_copy`
====================================================

One record in ``microcontroller.nvm``, for what must be remembered of firmware banks.

Espressif's NVM erases everything before it writes (CircuitPython's
``ports/espressif/common-hal/nvm/ByteArray.c``), so a power cut in between leaves zeros, which is
also what a new board has; and each access takes 8 KB of the heap for a moment. So: read once, write
rarely, and take zeros for "not known".

The frame is that of `nerveshub_link.slots.record`.
"""

import gc

from ..slots.record import StateError, pack, unpack


class NvmCopy:
    """
    A record at the end of the NVM: what applications keep there themselves usually begins at 0.

    :param nvm: ``microcontroller.nvm``, or a bytearray
    :param int size: bytes that the record may take
    :raises ValueError: if there is no NVM, or not enough of it
    """

    def __init__(self, nvm, size: int = 1536) -> None:
        if nvm is None or len(nvm) < size:
            raise ValueError("microcontroller.nvm must have %d bytes" % size)
        self._nvm = nvm
        self._size = size
        self._start = len(nvm) - size
        self._sequence = 0
        self.blank = False
        """True if the last `load` found nothing but zeros: a new board, or a write cut off."""

    def load(self):
        """
        Read the record.

        :return: the dict, or None if there is none: see ``blank``
        """
        raw = self._read(self._size)
        self.blank = not raw.strip(b"\0")
        found = unpack(raw)
        if found is None:
            return None
        self._sequence = found[0]
        return found[1]

    def _read(self, count: int) -> bytes:
        gc.collect()  # each access wants 8 KB in one piece
        return bytes(self._nvm[self._start : self._start + count])

    def encode(self, record: dict) -> bytes:
        """
        Return the record as `save` writes it.

        :param dict record: anything that JSON can hold
        :raises StateError: if it is too long
        """
        return pack((self._sequence + 1) & 0x3FFFFFFF, record, self._size)

    def save(self, record: dict) -> None:
        """
        Write the record, and read it back.

        :param dict record: as for `encode`
        :raises StateError: if it is too long, or the NVM does not hold it
        """
        frame = self.encode(record)
        gc.collect()
        self._nvm[self._start : self._start + len(frame)] = frame
        if self._read(len(frame)) != frame:
            raise StateError("the NVM does not hold what was written")
        self._sequence = (self._sequence + 1) & 0x3FFFFFFF
