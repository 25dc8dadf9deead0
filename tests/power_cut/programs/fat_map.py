# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Reads from a drive's FAT which file owns which sector. For FAT12 as CircuitPython formats it."""

from flash import SECTOR

_FAT = 1
_ROOT = 7
_ROOT_SECTORS = 32
_DATA = _ROOT + _ROOT_SECTORS - 2  # sector of cluster 0, if there were one
_FOLDER = 0x10
_LONG_NAME = 0x0F


def table_sectors(image):
    """
    How many sectors boot record, FAT and root directory have.

    :param image: memoryview of a drive
    """
    number = lambda at: image[at] | image[at + 1] << 8  # noqa: E731 twice, here only
    return number(14) + image[16] * number(22) + number(17) * 32 // SECTOR


def owners(image):
    """
    Tell whose the sectors are.

    :param image: memoryview of a drive; what is torn owns nothing
    :return: dict of sector numbers: path of the file or folder whose data it holds
    """
    found = {}
    root = b"".join([_sector(image, _ROOT + number) for number in range(_ROOT_SECTORS)])
    folders = [("", root)]
    while folders:
        path, entries = folders.pop()
        for name, kind, cluster in _entries(entries):
            here = path + "/" + name
            chain = list(_chain(image, cluster))
            for number in chain:
                found[_DATA + number] = here
            if kind & _FOLDER:
                data = b"".join([_sector(image, _DATA + number) for number in chain])
                folders.append((here, data))
    return found


def _sector(image, number):
    return bytes(image[number * SECTOR : (number + 1) * SECTOR])


def _chain(image, cluster):
    while 2 <= cluster < 0xFF0:
        yield cluster
        at = _FAT * SECTOR + cluster * 3 // 2
        pair = image[at] | image[at + 1] << 8
        cluster = pair >> 4 if cluster & 1 else pair & 0xFFF


def _entries(data):
    """Names (the long one, if there is one), attributes, first clusters."""
    long_name = ""
    for at in range(0, len(data), 32):
        first, kind = data[at], data[at + 11]
        if not first:
            return
        if first == 0xE5:
            long_name = ""
        elif kind == _LONG_NAME:
            units = data[at + 1 : at + 11] + data[at + 14 : at + 26] + data[at + 28 : at + 32]
            part = "".join([chr(units[i]) for i in range(0, 26, 2) if units[i] not in (0, 0xFF)])
            long_name = part + long_name
        else:
            short = "".join([chr(byte) for byte in data[at : at + 8]]).strip().lower()
            ending = "".join([chr(byte) for byte in data[at + 8 : at + 11]]).strip().lower()
            if first != 0x2E:
                short += "." + ending if ending else ""
                yield long_name or short, kind, data[at + 26] | data[at + 27] << 8
            long_name = ""
