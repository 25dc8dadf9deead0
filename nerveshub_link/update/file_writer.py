# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.update.file_writer`
====================================================

The simplest `FwupWriter`: the image becomes a file. For CPython hosts, simulators and tests, and
as a model for writers of your own. It installs nothing: the program on the host must start what the
file holds. So a board refuses it: it would restart, run the code that it ran before, and report the
new release as running.

``<path>`` is the installed image, ``<path>.json`` tells its metadata and whether it was confirmed;
``<path>.part`` and ``<path>.json.part`` are those on their way. Each is completed under that name
first, so that on a host there is always an installed image whole. (A board's ``os.rename`` removes
the old file first.) A record whose length is not the image's is ignored.
"""

import json
import os
import sys

from ..errors import UpdateError
from .fwup_writer import FwupWriter


class FileWriter(FwupWriter):
    """
    Writes firmware images to a file.

    :param str path: where the installed image lies; its folder must exist and be writable
    :param dict firmware_meta: what to report until the first update was installed
    :param bool on_board: True to use it on a board all the same, where your own code brings what
        the file holds to its place
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
        Return the metadata of the image that was installed at construction, or what the constructor
        was given: an update counts from the next start on.
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
        # All that a full disk can refuse comes first: what is reported as failed must not start.
        self._write({"meta": self._new_meta, "size": self._size, "validated": False})
        os.rename(self._path + ".part", self._path)
        self._file = None
        self._record.pop("size", None)  # from now on the record is the new image's
        self._commit()

    def fwup_abort(self) -> None:
        """Remove ``<path>.part``."""
        file, self._file = self._file, None
        if file is None:
            return
        try:
            file.close()
        except OSError:
            pass  # the disk may be full: all the more reason to remove it
        os.remove(self._path + ".part")

    def fwup_confirm(self) -> None:
        """Remember that the installed image is good."""
        record = dict(self._record)
        record["validated"] = True
        if "size" in record:
            self._write(record)
            self._commit()
        self._record = record
