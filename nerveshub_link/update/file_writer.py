# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.update.file_writer`
====================================================

The simplest `FwupWriter`: the image becomes a file. For CPython hosts, simulators and tests, and
as a model for your own writers. It does not run the image: the program on the host must do that. So
it is refused on a board, which would restart, run its old code, and report the new release as
running.

``<path>`` is the installed image, ``<path>.json`` holds its metadata and whether it was confirmed;
``<path>.part`` and ``<path>.json.part`` are incomplete ones. A file is renamed only when it is
complete, so that a host always has a complete installed image. (A board's ``os.rename`` removes the
old file first.) A record with another length than the image's is ignored.
"""

import json
import os
import sys

from ..errors import UpdateError
from .fwup_writer import FwupWriter


class FileWriter(FwupWriter):
    """
    Writes firmware images to a file.

    :param str path: path of the installed image; its folder must exist and be writable
    :param dict firmware_meta: metadata to report until the first update was installed
    :param bool on_board: True to allow it on a board, where your own code installs the file
    :raises ValueError: on a board, without ``on_board``
    """

    def __init__(self, path: str, firmware_meta=None, *, on_board: bool = False) -> None:
        if sys.implementation.name == "circuitpython" and not on_board:
            raise ValueError(
                "FileWriter stores an update as a file, and nothing on a board runs it. Use"
                " AppSlotWriter (an application) or DualBankWriter (CircuitPython); on_board=True"
                " if your own code brings it to its place"
            )
        self._path = path
        self._file = None
        self._size = 0
        self._new_meta = None
        self._record = self._load() or {"meta": firmware_meta, "validated": True}

    def _load(self):
        try:
            with open(self._path + ".json", "rb") as file:
                record = json.loads(file.read().decode())
            if record["size"] == os.stat(self._path)[6]:
                return record
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return None

    def _write(self, record: dict) -> None:
        with open(self._path + ".json.part", "wb") as file:
            file.write(json.dumps(record).encode())

    def _commit(self) -> None:
        os.rename(self._path + ".json.part", self._path + ".json")

    def firmware_meta(self):
        """
        Return the metadata of the image that was installed at construction, or the option
        ``firmware_meta``: an update runs only from the next start on.
        """
        return self._record["meta"]

    def firmware_validated(self) -> bool:
        """Return False between the start of a new image and its confirmation."""
        return self._record["validated"]

    def fwup_begin(self, size, meta: dict) -> None:
        """Open ``<path>.part``."""
        self.fwup_abort()
        self._size = 0
        self._new_meta = meta
        self._file = open(self._path + ".part", "wb")

    def fwup_chunk(self, data: memoryview) -> None:
        """Append to ``<path>.part``."""
        if self._file.write(data) != len(data):
            raise UpdateError("no space left for " + self._path + ".part")
        self._size += len(data)

    def fwup_finish(self) -> None:
        """Replace the installed image by the new one and remember its metadata, unconfirmed."""
        self._file.close()
        # First everything that fails on a full disk: a release reported as failed must not start.
        self._write({"meta": self._new_meta, "size": self._size, "validated": False})
        os.rename(self._path + ".part", self._path)
        self._file = None
        self._record.pop("size", None)  # the record on the disk belongs to the new image now
        self._commit()

    def fwup_abort(self) -> None:
        """Remove ``<path>.part``."""
        file, self._file = self._file, None
        if file is None:
            return
        try:
            file.close()
        except OSError:
            pass  # the disk may be full: remove the file nevertheless
        os.remove(self._path + ".part")

    def fwup_confirm(self) -> None:
        """Record that the installed image is confirmed."""
        record = dict(self._record)
        record["validated"] = True
        if "size" in record:
            self._write(record)
            self._commit()
        self._record = record
