# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.bank.esp_image`
====================================================

Parses the head of an ESP-IDF image, and searches the rest of it, so that an image is checked before
any flash is erased. The caller collects `HEAD_SIZE` bytes and passes them to `read_head`.

The layout is ESP-IDF's (``esp_image_header_t``, 24 bytes; one segment header, 8; then
``esp_app_desc_t``, 256, in ``components/esp_app_format/include/esp_app_desc.h``); NervesHub reads
the same fields in its ``lib/nerves_hub/firmwares/update_tool/esp_idf.ex``.
"""

import struct

from micropython import const

from ..errors import UpdateError, printable

HEAD_SIZE = 304
"""
Bytes that `read_head` needs. The first ``dualbank.flash`` needs more than 24 + 8 + 256 bytes, and
flash encryption needs multiples of 16.
"""

_MAGIC = const(0xE9)
_DESC = const(32)
_DESC_MAGIC = const(b"\x32\x54\xcd\xab")  # 0xABCD5432
_CHIPS = {0: "esp32", 2: "esp32s2", 5: "esp32c3", 9: "esp32s3", 13: "esp32c6", 16: "esp32h2"}
_SEND = const("; send the build's circuitpython-firmware.bin")


class AppDescription:
    """
    An image's description of itself (``esp_app_desc_t``).

    Attributes, all texts: ``version``, ``project``, ``time``, ``date`` and ``idf``, written by the
    build; ``chip``, such as ``"esp32s3"``; ``sha256``, the hex digest of the build's ELF file.

    :param head: the image's first `HEAD_SIZE` bytes
    """

    def __init__(self, head) -> None:
        self.chip = chip_name(struct.unpack_from("<H", head, 12)[0])
        self.version = _text(head, 48, 32)
        self.project = _text(head, 80, 32)
        self.time = _text(head, 112, 16)
        self.date = _text(head, 128, 16)
        self.idf = _text(head, 144, 32)
        self.sha256 = bytes(head[176:208]).hex()

    def __str__(self) -> str:
        return "%s %s for %s, built %s %s with ESP-IDF %s" % (
            self.project,
            self.version,
            self.chip,
            self.date,
            self.time,
            self.idf,
        )


def chip_name(number: int) -> str:
    """
    Return the name of a chip.

    :param int number: ``chip_id`` in an image's header
    :return: such as ``"esp32s3"``, or ``"chip N"`` for an unknown number
    """
    return _CHIPS.get(number) or "chip %d" % number


def read_head(head, chip=None) -> AppDescription:
    """
    Check the beginning of an image.

    :param head: its first `HEAD_SIZE` bytes, or all if there are fewer
    :param str chip: this board's chip, such as ``"esp32s3"``; None if it is not known
    :return: the image's description of itself
    :raises UpdateError: if this is not an application image, or one for another chip
    """
    start = bytes(head[:4])
    if start == b"UF2\n":
        raise UpdateError("this is a .uf2 file" + _SEND)
    if not start or start[0] != _MAGIC:
        # The bootloader of an ESP32-S2 is at 0x1000: the bytes before it are 0xFF.
        hint = ": a combined firmware.bin?" if start == b"\xff\xff\xff\xff" else ""
        raise UpdateError(
            "not a firmware image: it begins with %s, not with e9%s" % (start.hex(), hint) + _SEND
        )
    if len(head) < HEAD_SIZE:
        raise UpdateError("not a firmware image: only %d bytes" % len(head))
    if bytes(head[_DESC : _DESC + 4]) != _DESC_MAGIC:
        raise UpdateError(
            "not an application image, but a bootloader or a combined firmware.bin" + _SEND
        )
    description = AppDescription(head)
    if chip and description.chip != chip:
        raise UpdateError("the image is for %s, this board is %s" % (description.chip, chip))
    return description


def _text(head, start: int, size: int) -> str:
    """Read a C string in a field of fixed size."""
    raw = bytes(head[start : start + size])
    end = raw.find(b"\0")
    try:
        return printable((raw if end < 0 else raw[:end]).decode())
    except UnicodeError:
        return "?"


class Search:
    """
    Searches a stream for a word, also across the borders of its pieces.

    :param bytes word: the word
    :param int tail: number of bytes after the word that ``fits`` needs
    :param fits: function of the byte before the word (0 at the very start) and the ``tail`` bytes
        after it, that returns whether this place is the one
    """

    def __init__(self, word: bytes, tail: int, fits) -> None:
        self._word = word
        self._tail = tail
        self._fits = fits
        self._keep = 1 + len(word) + tail  # one byte more than the longest incomplete match
        self._buffer = bytearray(self._keep + 512)
        self._view = memoryview(self._buffer)
        self.found = None
        """The ``tail`` bytes after the first place that fits; None if not found so far."""

    def feed(self, data) -> None:
        """
        Search the next bytes.

        :param data: bytes or memoryview, any length
        """
        keep, view = self._keep, self._view
        size = len(self._buffer) - keep
        for start in range(0, len(data), size):
            if self.found is not None:
                return
            piece = data[start : start + size]
            end = keep + len(piece)
            view[keep:end] = piece
            self._look(end)
            # Keep the end, since a match may have begun in it.
            view[:keep] = view[end - keep : end]

    def _look(self, end: int) -> None:
        length = len(self._word)
        last = end - self._tail  # a word must end here, to have its tail in the buffer
        at = self._buffer.find(self._word, 1, last)
        while at >= 0:
            after = bytes(self._view[at + length : at + length + self._tail])
            if self._fits(self._buffer[at - 1], after):
                self.found = after
                return
            at = self._buffer.find(self._word, at + 1, last)


def is_word_part(byte: int) -> bool:
    """Tell whether a byte may be part of a board's id: a letter, a digit, ``-`` or ``_``."""
    return 48 <= byte <= 57 or 65 <= byte <= 90 or 97 <= byte <= 122 or byte in (45, 95)
