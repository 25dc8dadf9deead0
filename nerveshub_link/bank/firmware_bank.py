# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.bank.firmware_bank`
====================================================

Writes the firmware bank that is not running, through ``dualbank``, which has these rules
(CircuitPython's ``ports/espressif/common-hal/dualbank/__init__.c``):

* The first ``flash()`` erases the whole bank, which takes seconds, and needs more than 288 bytes;
  later ones need multiples of 16, if the flash is encrypted.
* ``flash()`` without an offset appends. All calls here do, so no byte is programmed twice.
  ``esp_ota_write`` accepts any length, so the last piece is not padded.
* Only the end of the VM closes an interrupted update. Until then the same image can continue: its
  first bytes are compared with those in the bank, and the rest is written. Any other image must
  wait for a restart.
* After a failed ``switch()`` a reset is needed; after a failed ``flash()`` it is not known how much
  was written.
"""

import binascii

from micropython import const

from ..errors import UpdateError, describe, keep_timeout
from .esp_image import HEAD_SIZE

ERASE_SECONDS = 90
"""Limit of the erase's duration: 2 MB take about 6 s, by the flash's data sheets at most 64 s."""

RESTART = "the board must restart first: an earlier firmware update was interrupted"
HOW_TO_SHRINK = (
    "the drive covers the second firmware bank (storage is extended). To free it: "
    "import storage; storage.erase_filesystem(extended=False). That ERASES the whole CIRCUITPY "
    "drive: save your files first"
)

_BLOCK = const(16)
_SWITCH_SECONDS = const(20)  # it reads the image twice
_WORDS = {
    "Firmware is duplicate": "the board runs this version already, and dualbank compares"
    " versions only",
    "Firmware is invalid": "the image in the bank is not valid",
    "storage is extended": HOW_TO_SHRINK,
}


class _Open:
    """The update that ``dualbank`` has open. It lives as long as the VM, as this module does."""

    def __init__(self, uuid: str) -> None:
        self.uuid = uuid
        self.count = 0  # bytes in the bank
        self.crc = 0


_open = None


def is_extended(dualbank) -> bool:
    """
    Tell whether the drive is extended over the second bank. Writes nothing: ``flash()`` checks that
    before its arguments, and then refuses that there are none
    (``shared-bindings/dualbank/__init__.c``).

    :param dualbank: the module
    :return: True if it is
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
    Writes images, one after the other.

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
        """
        Tell whether an image can be written without a restart.

        :param str uuid: identifies the image
        """
        return not self.broken and (_open is None or _open.uuid == uuid)

    def begin(self, uuid: str, check) -> None:
        """
        Begin an image.

        :param str uuid: identifies the image
        :param check: function that gets the first `HEAD_SIZE` bytes, or all if there are fewer, and
            raises if they are wrong; nothing is erased before
        :raises UpdateError: if the board must restart first
        """
        if not self.takes(uuid):
            raise UpdateError(RESTART)
        self._uuid = uuid
        self._check = check
        self._part = bytearray(HEAD_SIZE)  # the head, then less than a block
        self._wanted = HEAD_SIZE

    def forget(self) -> None:
        """Drop the image that is being written. The bank keeps its bytes."""
        self._part = None
        self._wanted = 0
        self._filled = 0
        self._position = 0
        self._crc = 0

    def check_size(self, size: int) -> None:
        """
        Check that an image fits in a bank.

        :param int size: bytes of the image
        :raises UpdateError: if it does not
        """
        if size > self._size:
            raise UpdateError("the image has %d bytes or more, a bank %d" % (size, self._size))

    def write(self, data) -> None:
        """
        Write the next bytes of the image.

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
        """Write to the bank, or compare with the bytes that are in it already."""
        if _open is not None and self._position < _open.count:
            count = min(_open.count - self._position, len(view))
            self._crc = binascii.crc32(view[:count], self._crc)
            self._position += count
            view = view[count:]
            if self._position == _open.count and self._crc != _open.crc:
                self.broken = True
                raise UpdateError("the image has changed since the last try; " + RESTART)
        if len(view):
            self._flash(view)
            self._position += len(view)
            _open.count += len(view)
            _open.crc = binascii.crc32(view, _open.crc)

    def _flash(self, view) -> None:
        global _open  # noqa: PLW0603 belongs to the VM, not to this object
        try:
            if _open is None:
                self._calmly(ERASE_SECONDS, self._dualbank.flash, view)
            else:
                self._dualbank.flash(view)
        except Exception as error:
            # The errors in _WORDS are raised before the erase. (Builds in other languages have
            # translated texts, for which a reset is needed.)
            self.broken = _open is not None or str(error) not in _WORDS
            raise UpdateError(_explain(error)) from error
        if _open is None:
            _open = _Open(self._uuid)

    def end(self) -> None:
        """
        Write the last bytes of the image.

        :raises UpdateError: if the image is shorter than at the last try, or can't be written
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
        Make the other bank start from the next reset on. CircuitPython checks its image before.

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
        """Call a slow function, with a longer timeout of the watchdog meanwhile."""
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
    Set the timeout of the armed watchdog.

    On Espressif that raises ``espidf.IDFError``, an OSError, after the value was set
    (``common-hal/watchdog/WatchDogTimer.c``). No error of it may end the update: the old timeout
    stays then.
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
