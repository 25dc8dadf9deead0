# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.bank.firmware_bank`
====================================================

The firmware bank that does not run, through ``dualbank``, whose rules these are (CircuitPython's
``ports/espressif/common-hal/dualbank/__init__.c``):

* The first ``flash()`` erases the whole bank, which takes seconds, and wants more than 288 bytes;
  later ones multiples of 16, should the flash be encrypted.
* ``flash()`` without an offset appends to what it has written. All calls here do, so no byte is
  ever programmed twice; and ``esp_ota_write`` takes any length, so the last piece is not padded.
* Nothing closes an update that was broken off but the end of the VM. Until then the same image can
  go on: what comes first again must be what is in the bank, and is only compared. Any other image
  must wait for a restart.
* After a failed ``switch()`` only a reset helps, and after a ``flash()`` that failed nobody knows
  how far it came.
"""

import binascii

from micropython import const

from ..errors import UpdateError, describe, keep_timeout
from .esp_image import HEAD_SIZE

ERASE_SECONDS = 90
"""Bound of the erase: 2 MB take some 6 s, and 64 s in the worst case of the flash's data sheets."""

RESTART = "the board must restart first: an earlier firmware update was broken off"
HOW_TO_SHRINK = (
    "the drive takes the place of the second firmware bank (storage is extended). To give it back: "
    "import storage; storage.erase_filesystem(extended=False). That ERASES the whole CIRCUITPY "
    "drive: save your files first"
)

_BLOCK = const(16)
_SWITCH_SECONDS = const(20)  # it reads the image twice
_WORDS = {
    "Firmware is duplicate": "the board runs this version already, and dualbank tells firmware by"
    " its version only",
    "Firmware is invalid": "the image in the bank is not valid",
    "storage is extended": HOW_TO_SHRINK,
}


class _Open:
    """What ``dualbank`` keeps open. It lives as long as the VM, and so does this module."""

    def __init__(self, uuid: str) -> None:
        self.uuid = uuid
        self.count = 0  # bytes in the bank
        self.crc = 0


_open = None


def is_extended(dualbank) -> bool:
    """
    Tell whether the drive is extended over the second bank. Writes nothing: CircuitPython asks for
    that before it looks at the arguments of ``flash()``, and refuses these, since there are none
    (``shared-bindings/dualbank/__init__.c``).

    :param dualbank: the module
    """
    try:
        dualbank.flash()
    except RuntimeError:
        return True
    except TypeError:
        pass
    return False


class FirmwareBank:
    """
    Takes one image after the other.

    :param dualbank: the module
    :param watchdog: ``microcontroller.watchdog``
    :param int size: bytes of a bank
    """

    def __init__(self, dualbank, watchdog, size: int) -> None:
        self._dualbank = dualbank
        self._watchdog = watchdog
        self._size = size
        self._check = None
        self._uuid = None
        self.forget()
        self.broken = False
        """True if nothing can be written before a reset."""

    @property
    def is_open(self) -> bool:
        """True from the erase of the bank until `switch` (read-only)."""
        return _open is not None

    def takes(self, uuid: str) -> bool:
        """Tell whether an image can be written without a restart."""
        return not self.broken and (_open is None or _open.uuid == uuid)

    def begin(self, uuid: str, check) -> None:
        """
        Begin an image.

        :param str uuid: tells images apart
        :param check: function that gets the first `HEAD_SIZE` bytes, or all there are, and raises
            if they are wrong; nothing is erased before
        :raises UpdateError: if there must be a restart first
        """
        if not self.takes(uuid):
            raise UpdateError(RESTART)
        self._uuid = uuid
        self._check = check
        self._part = bytearray(HEAD_SIZE)  # the head, then less than a block
        self._wanted = HEAD_SIZE

    def forget(self) -> None:
        """Drop the image under way. What is in the bank stays there."""
        self._part = None
        self._wanted = 0
        self._filled = 0
        self._position = 0
        self._crc = 0

    def check_size(self, size: int) -> None:
        """
        Check whether there is room.

        :param int size: bytes of the image
        :raises UpdateError: if there is not
        """
        if size > self._size:
            raise UpdateError("the image has %d bytes or more, a bank %d" % (size, self._size))

    def write(self, data) -> None:
        """
        Take the next bytes of the image.

        :param data: bytes or memoryview, any length
        :raises UpdateError: if they can't be written
        """
        self.check_size(self._position + self._filled + len(data))
        if self._filled or self._wanted > _BLOCK:
            count = min(self._wanted - self._filled, len(data))
            self._part[self._filled : self._filled + count] = data[:count]
            self._filled += count
            data = data[count:]
            if self._filled < self._wanted:
                return
            if self._wanted > _BLOCK:
                self._check(self._part)
            self._write(self._part)
            self._part = bytearray(_BLOCK) if self._wanted > _BLOCK else self._part
            self._wanted = _BLOCK
            self._filled = 0
        whole = len(data) // _BLOCK * _BLOCK
        if whole:
            self._write(data[:whole])
        self._filled = len(data) - whole
        self._part[: self._filled] = data[whole:]

    def _write(self, view) -> None:
        """Write to the bank, or compare with what is in it already."""
        if _open is not None and self._position < _open.count:
            count = min(_open.count - self._position, len(view))
            self._crc = binascii.crc32(view[:count], self._crc)
            self._position += count
            view = view[count:]
            if self._position == _open.count and self._crc != _open.crc:
                self.broken = True
                raise UpdateError("the image is not what it was at the last try; " + RESTART)
        if len(view):
            self._flash(view)
            self._position += len(view)
            _open.count += len(view)
            _open.crc = binascii.crc32(view, _open.crc)

    def _flash(self, view) -> None:
        global _open  # noqa: PLW0603 it is the VM's, not this object's
        try:
            if _open is None:
                self._calmly(ERASE_SECONDS, self._dualbank.flash, view)
            else:
                self._dualbank.flash(view)
        except Exception as error:
            # Of these two it is known that they come before the erase. (Their texts are translated
            # in builds of other languages.)
            self.broken = _open is not None or str(error) not in _WORDS
            raise UpdateError(_explain(error)) from error
        if _open is None:
            _open = _Open(self._uuid)

    def end(self) -> None:
        """
        The image is complete: write what is left.

        :raises UpdateError: if there are less than were written at the last try
        """
        if self._wanted > _BLOCK:
            self._check(self._part[: self._filled])
        if self._filled:
            self._write(self._part[: self._filled])
            self._filled = 0
        if _open is None or self._position < _open.count:
            self.broken = True
            raise UpdateError("the image is shorter than at the last try; " + RESTART)

    def switch(self) -> None:
        """
        Let the other bank start from the next reset on, once CircuitPython has checked its image.

        :raises UpdateError: if that fails
        """
        global _open  # noqa: PLW0603 see _flash
        try:
            self._calmly(_SWITCH_SECONDS, self._dualbank.switch)
        except Exception as error:
            self.broken = _open is not None
            raise UpdateError(_explain(error)) from error
        _open = None

    def _calmly(self, seconds: int, function, *args) -> None:
        """Call what takes long, with a watchdog that waits for it."""
        dog, timeout = self._watchdog, None
        if dog is not None and dog.mode is not None:
            timeout = dog.timeout
            dog.feed()
            if timeout < seconds:
                _set_timeout(dog, seconds)
        try:
            function(*args)
        finally:
            if timeout is not None:
                dog.feed()
                if dog.timeout != timeout:
                    _set_timeout(dog, timeout)


def _set_timeout(dog, seconds) -> None:
    """
    Give the watchdog that is armed another timeout.

    On Espressif that raises ``espidf.IDFError``, an OSError, after the value has been taken
    (``common-hal/watchdog/WatchDogTimer.c``). Whatever it is, it must not fail the update: the
    watchdog then does with what it has.
    """
    try:
        dog.timeout = seconds
    except Exception as error:
        keep_timeout(error)


def _explain(error) -> str:
    words = _WORDS.get(str(error))
    if words is None:
        words = "the bank can't be written: %s. The board restarts before another try" % (
            describe(error)
        )
    return words
