# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.update.image_check`
====================================================

Verifies a downloaded image: SHA-256 of the whole, and of each part of it, so that a damaged
download is detected within a megabyte. Hashing continues when the download resumes.

NervesHub sends ``checksum``, and ``partials_checksums`` for each consecutive MiB, the last one
short (its ``lib/nerves_hub/firmwares.ex``). The image's checksum decides. A list of parts that is
malformed, or has a wrong length, is ignored: refusing the update would cost the device a day, and
the image's checksum is sufficient.
"""

import hashlib

from micropython import const

from ..errors import DownloadError

_PART = const(1 << 20)


class ImageCheck:
    """
    The checksums of one image.

    :param str checksum: the image's, as returned by `sha256_text`, or None without one
    :param partials: ``partials_checksums`` as the server sent them
    """

    def __init__(self, checksum, partials) -> None:
        self.checksum = checksum
        self._given = partials

    def begin(self, size: int) -> bool:
        """
        Begin with the image's first byte, or begin again.

        :param int size: the image's length in bytes
        :return: False if the checksums of its parts are invalid, and ignored
        """
        self._whole = hashlib.new("sha256")
        self._size = size
        self._parts = parts = _parts(self._given, size) if self._given else None
        usable = parts is not None or not self._given
        if parts is not None and parts == [self.checksum]:
            self._parts = None  # a small image: one hash is sufficient
        self._index = -1
        if self._parts is not None:
            self._next_part()
        return usable

    def _next_part(self) -> None:
        self._index += 1
        self._left = min(self._size - self._index * _PART, _PART)
        self._part = hashlib.new("sha256")

    def update(self, data: memoryview) -> None:
        """
        Hash the next bytes.

        :param memoryview data: the bytes, not more than the image's rest
        :raises DownloadError: if a part of the image is complete, and its checksum wrong
        """
        self._whole.update(data)
        if self._parts is None:
            return
        while len(data) >= self._left:
            self._part.update(data[: self._left])
            if self._part.digest().hex() != self._parts[self._index]:
                words = "part %d of %d is damaged: its checksum is wrong"
                raise DownloadError(words % (self._index + 1, len(self._parts)), "restart")
            if self._index + 1 == len(self._parts):
                self._parts = self._part = None
                return
            data = data[self._left :]
            self._next_part()
        self._part.update(data)
        self._left -= len(data)

    def finish(self) -> None:
        """
        Verify the complete image.

        :raises DownloadError: if its checksum is wrong
        """
        found = self._whole.digest().hex()
        if self.checksum is not None and found != self.checksum:
            words = "checksum is %s, should be %s"
            raise DownloadError(words % (found, self.checksum), "restart")


def sha256_text(value):
    """
    Convert a SHA-256 to lower-case hex. NervesHub sends upper case.

    :param value: anything
    :return: the text, or None if the value is not a SHA-256 in hex
    """
    text = value.lower() if isinstance(value, str) else ""
    return text if len(text) == 64 and not text.strip("0123456789abcdef") else None


def _parts(given, size: int):
    """Return the parts' checksums; None if they are malformed or their number is wrong."""
    if not isinstance(given, list) or len(given) != (size + _PART - 1) // _PART:
        return None
    parts = [sha256_text(value) for value in given]
    return None if None in parts else parts
