# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.slots.record`
====================================================

The device's persistent state: one small record, in three copies that are written in turn, so that a
power cut while one is written leaves the others. A damaged, missing or foreign copy is detected.

Each copy is a file of 15 sectors with the record in the middle one: ``/nh_a/state.bin``, ``nh_b``,
``nh_c``. CIRCUITPY is on raw flash, where writing one sector erases the 4 KB around it; wherever
these begin, here they belong to this file only. The file is made on the computer and then rewritten
in place: its name, length and clusters never change. Each copy has its own folder, in the root
directory, because closing a file rewrites the folder that it is in. A write costs two erases, none
of them in the block with boot record and FAT. Making a file would cost one there: so a copy that is
missing, or has another length, is not used any more.

The format, little-endian: ``NHst``, format version (u16), length of the JSON (u16), sequence number
(u32), JSON, CRC-32 of everything before (u32). The boot guard reads and writes the same format,
with its own code (``examples/board/nh_boot.py``), so that no update of the library can break it.

====================  ==============================================================================
key                   meaning
====================  ==============================================================================
``run``               the slot to run, ``"a"`` or ``"b"``; ``""`` for the rescue application
``old``               the slot to go back to; ``""`` if there is none
``trial``             1 while ``run`` is not confirmed
``ends``              how each start of the trial ended, a letter each: ``c`` crashed, ``e`` ended
                      by itself, ``h`` hung, ``p`` lost power, ``r`` reset itself, ``u`` was not
                      confirmed in time; ``?`` has not ended yet
``crashes``           crashes of the confirmed application without ten steady minutes in between
``safe``              starts in safe mode without ten steady minutes in between
``bad``, ``why``      uuid of the last release that failed, and why: ``crashed``, ``hung``,
                      ``power``, ``unconfirmed``, ``torn``; ``tries`` if its count in ``tried``
                      was used up and was replaced by another release's
``tried``             ``[key, count]``: how many times a deployment has installed one release
                      without a confirmation; the key is 30 bits of the CRC-32 of its uuid. A push
                      by hand of that release and its confirmation remove it
``rev``               1 from going back until the next installation
``min``               version below which no signed release is taken, such as ``"1.2.0"``; it only
                      rises
``soon``              what ``min`` becomes when the release on trial is confirmed
``tb``                end of the last traceback, or another description of the last failure
``make``              sectors of each slot file, until the board has made them at its first start
``split``             the slots whose files are not in one piece, ``"a"``, ``"b"`` or ``"ab"``
====================  ==============================================================================
"""

import binascii
import json
import os
import struct

from micropython import const

from ..errors import NervesHubError

_MAGIC = const(b"NHst")
_VERSION = const(1)
_HEAD = const("<4sHHI")
_HEAD_SIZE = const(12)
_SECTOR = const(512)
_OFFSET = const(7 * _SECTOR)
_FILE_SIZE = const(15 * _SECTOR)
_COPIES = const(("/nh_a/state.bin", "/nh_b/state.bin", "/nh_c/state.bin"))


class StateError(NervesHubError):
    """Raised when the record is too long, or can't be written to the drive or the NVM."""


def pack(sequence: int, values: dict, size: int = _SECTOR) -> bytes:
    """
    Encode a record. If it is too long, the beginning of ``tb`` is cut off.

    :param int sequence: sequence number; the record with the greatest one is the newest
    :param dict values: the record's values
    :param int size: most bytes of the result
    :return: the bytes
    :raises StateError: if the record does not fit
    """
    most = size - _HEAD_SIZE - 4
    text = json.dumps(values).encode()
    if len(text) > most and values.get("tb"):
        shorter = dict(values)
        while len(text) > most and shorter["tb"]:
            shorter["tb"] = shorter["tb"][16:]  # the error is at the end
            text = json.dumps(shorter).encode()
    if len(text) > most:
        raise StateError("the record has %d bytes, at most %d fit" % (len(text), most))
    frame = struct.pack(_HEAD, _MAGIC, _VERSION, len(text), sequence) + text
    return frame + struct.pack("<I", binascii.crc32(frame))


def unpack(data):
    """
    Decode a record, also of a newer format version.

    :param data: bytes that begin with the record
    :return: sequence number and values, or None if the record is invalid
    """
    if len(data) < _HEAD_SIZE:
        return None
    magic, version, length, sequence = struct.unpack_from(_HEAD, data, 0)
    end = _HEAD_SIZE + length
    if magic != _MAGIC or version < _VERSION or end + 4 > len(data):
        return None
    if struct.unpack_from("<I", data, end)[0] != binascii.crc32(data[:end]):
        return None
    try:
        values = json.loads(bytes(data[_HEAD_SIZE:end]).decode())
    except ValueError:
        return None
    return (sequence, values) if isinstance(values, dict) else None


class DeviceState:
    """
    The record, in its three copies on the drive.

    :param str root: folder of the drive, without a slash at its end; ``""`` on a board
    """

    def __init__(self, root: str = "") -> None:
        self._root = root
        self._sequence = 0
        self._last = None  # number of the copy that `save` has last tried to write

    @property
    def writes(self) -> int:
        """How often the record was written, since the drive was prepared (read-only)."""
        return self._sequence

    def _path(self, copy: int) -> str:
        return self._root + _COPIES[copy]

    def _read(self, copy: int):
        try:
            with open(self._path(copy), "rb") as file:
                file.seek(_OFFSET)
                return unpack(file.read(_SECTOR))
        except OSError:
            return None

    def _number(self, copy: int) -> int:
        record = self._read(copy)
        return record[0] if record is not None else 0

    def load(self) -> dict:
        """
        Read the newest valid copy.

        :return: its values; an empty dict without a valid copy
        """
        self._sequence, values = 0, {}
        for copy in range(len(_COPIES)):
            record = self._read(copy)
            if record is not None and record[0] > self._sequence:
                self._sequence, values = record
        return values

    def save(self, values: dict, instead: bool = False) -> None:
        """
        Write the record over its oldest copy, and read it back. If that fails, try the next copy,
        but never the newest one.

        :param dict values: the record's values
        :param bool instead: True to replace the copy that `save` has last tried to write: a power
            cut meanwhile leaves the record from before that
        :raises StateError: if that failed; the newest copy is unchanged then
        """
        numbers = [self._number(copy) for copy in range(len(_COPIES))]
        sequence = max(numbers) + 1
        frame = pack(sequence, values)
        order = [(numbers[copy], copy) for copy in range(len(_COPIES)) if self._is_there(copy)]
        order.sort()
        if len(order) > 1:
            order.pop()
        if instead and self._last is not None:
            order.insert(0, (0, self._last))
        why = "all its files are lost; erase the drive and prepare it again"
        for _, copy in order:
            self._last = copy
            try:
                self._write(copy, frame)
            except OSError as error:
                why = str(error)
                continue
            if self._number(copy) == sequence:
                self._sequence = sequence
                return
            why = "it can't be read back as it was written"
        raise StateError("the record can't be written: " + why)

    def _is_there(self, copy: int) -> bool:
        try:
            return os.stat(self._path(copy))[6] == _FILE_SIZE
        except OSError:
            return False

    def _write(self, copy: int, frame: bytes) -> None:
        sector = bytearray(_SECTOR)
        sector[: len(frame)] = frame
        with open(self._path(copy), "r+b") as file:
            file.seek(_OFFSET)
            file.write(sector)

    def create(self) -> None:
        """
        Make all copies, empty: on a computer, first of all on an empty drive, so that no other file
        shares their flash blocks. Existing copies are overwritten.

        :raises OSError: if the drive can't be written
        """
        for path in _COPIES:
            try:
                os.mkdir(self._root + path.rsplit("/", 1)[0])
            except OSError:
                pass  # it is there
            with open(self._root + path, "wb") as file:
                file.write(bytes(_FILE_SIZE))
