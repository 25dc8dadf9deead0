# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""A file of the computer as a block device, for FatFs."""

import os


class FileDevice:
    """A block device that can only be read."""

    def __init__(self, path):
        self._file = open(path, "rb")
        self._sectors = os.stat(path)[6] // 512

    def readblocks(self, number, buffer, offset=0):
        """Fill the buffer."""
        self._file.seek(number * 512 + offset)
        self._file.readinto(buffer)

    def ioctl(self, operation, _):
        """Number and size of the blocks."""
        return {4: self._sectors, 5: 512}.get(operation)
