# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.slots.slot_manifest`
====================================================

The list of what a slot holds, ``.nh/manifest``: what the boot guard checks before it hands over.
Lines of text, each ended by one line feed::

    nh1 {"uuid": "...", "version": "1.1.0", "n": 3}     the release's metadata, as JSON
    89abcdef 1234 lib/sensor.py                         CRC-32, length, path; for each file
    end 01234567                                        CRC-32 of all lines before

The JSON may have spaces behind it. ``n`` counts installations: the greater, the newer. A manifest
is written last. The guard (``examples/board/nh_boot.py``) checks it with code of its own.
"""

import binascii
import json
import os

FOLDER = ".nh"
NAME = ".nh/manifest"
_MOST_SPARE = 4096
_BUFFER = 2048
_END_LENGTH = 13


class Manifest:
    """
    A manifest in the making.

    :param dict meta: the release's metadata
    """

    def __init__(self, meta: dict) -> None:
        self._text = bytearray(b"nh1 " + json.dumps(meta).encode() + b"\n")
        self.count = 0
        """How many files it lists."""

    def add(self, path: str, length: int, crc: int) -> None:
        """
        List a file.

        :param str path: from the slot on
        :param int length: in bytes
        :param int crc: its CRC-32
        """
        self._text.extend(("%08x %d %s\n" % (crc, length, path)).encode())
        self.count += 1

    def write(self, slot: str) -> None:
        """
        Write it, and read it back.

        :param str slot: the slot's folder
        :raises OSError: if the drive did not take it
        """
        text = self._text
        path = slot + "/" + NAME
        try:
            os.mkdir(slot + "/" + FOLDER)
        except OSError:
            pass  # it is there, or what is written into it will fail
        try:
            # Over the old one, since that changes no chain of clusters. It can't be shortened.
            file = open(path, "r+b")
            spare = os.stat(path)[6] - len(text) - _END_LENGTH
            if spare > _MOST_SPARE:
                file.close()
                raise OSError("a torn length")
            if spare > 0:
                end = text.find(b"\n")
                text[end:end] = b" " * spare
        except OSError:
            file = open(path, "wb")
        text.extend(("end %08x\n" % binascii.crc32(text)).encode())
        with file:
            file.write(text)
        with open(path, "rb") as file:
            if file.read(len(text)) != text:
                raise OSError("the manifest can't be read back")


def invalidate(slot: str) -> None:
    """
    From now on a folder is no whole slot, until the next manifest is written.

    :param str slot: the slot's folder
    :raises OSError: if the drive did not take it
    """
    try:
        file = open(slot + "/" + NAME, "r+b")
    except OSError:
        return  # it was none
    with file:
        file.write(b"\n\n\n\n")


def read_meta(slot: str):
    """
    Tell which release a slot holds.

    :param str slot: its folder
    :return: the metadata, or None if there is no manifest, or not even its first line is whole
    """
    try:
        with open(slot + "/" + NAME, "rb") as file:
            line = file.readline()
        if line[-1:] != b"\n":
            return None  # a torn file; CircuitPython 10.1 takes JSON that is cut off
        meta = json.loads(line[4:].decode())
    except (OSError, ValueError):
        return None
    return meta if isinstance(meta, dict) else None


def checksum(path: str, buffer=None) -> tuple:
    """
    Read a file.

    :param str path: the file
    :param bytearray buffer: to read with; its own if there is none
    :return: length and CRC-32
    :raises OSError: if it can't be read
    """
    buffer = bytearray(_BUFFER) if buffer is None else buffer
    view = memoryview(buffer)
    length = crc = 0
    with open(path, "rb") as file:
        while True:
            count = file.readinto(buffer)
            if not count:
                return length, crc
            crc = binascii.crc32(view[:count], crc)
            length += count
