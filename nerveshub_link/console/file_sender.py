# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.console.file_sender`
====================================================

Sends a file of the board to an operator's browser. Part of `nerveshub_link.console.file_transfer`,
imported with the first download.
"""

import binascii
import os

from micropython import const

from .file_names import safe_name

_CHUNK = const(1024)
_LEAST = const(96)


class FileSender:
    """
    Sends one file.

    :param str path: path of the file
    :param int limit: bytes of the longest file
    :raises ValueError: if the file is longer
    :raises OSError: if the file can't be read
    """

    def __init__(self, path: str, limit: int) -> None:
        self.size = os.stat(path)[6]
        """Length of the file in bytes."""
        if self.size > limit:
            raise ValueError("%s has %d bytes, more than %d" % (path, self.size, limit))
        self.path = path
        """Path of the file."""
        self._file = open(path, "rb")
        self._name = safe_name(path)
        self._chunk = -1  # number of the next piece; -1 before the start
        self._data = None
        self._sent = 0  # bytes
        self._count = 0  # bytes in the current piece
        self._piece = _CHUNK

    def step(self, push) -> bool:
        """
        Send the next piece.

        :param push: function of event and payload that returns False if it could not be sent
        :return: True when the whole file was sent
        :raises OSError: if the file can't be read
        :raises MemoryError: if there is no memory for the piece; the next one is smaller
        """
        named = {"filename": self._name}
        if self._chunk < 0:
            if push("file-data/start", named):
                self._chunk = 0
            return False
        try:
            if self._data is None:
                self._data = self._read()
            if not self._data:
                return push("file-data/stop", named)
            named["chunk"] = self._chunk
            named["data"] = self._data
            if push("file-data", named):
                self._chunk += 1
                self._sent += self._count
                self._data = None
            return False
        except MemoryError:
            # A smaller piece may fit into a fragmented heap.
            self._data = None
            self._piece = max(self._piece // 2, _LEAST)
            raise

    def _read(self) -> str:
        self._file.seek(self._sent)
        # Not more than the announced size, though the file may grow meanwhile.
        data = self._file.read(min(self._piece, self.size - self._sent))
        self._count = len(data)
        return binascii.b2a_base64(data, newline=False).decode()

    def close(self) -> None:
        """Close the file. Without a ``file-data/stop`` the browser discards the file."""
        self._file.close()
