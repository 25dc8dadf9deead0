# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Reads from a drive's FAT which file owns which sector. For FAT12 as CircuitPython formats it."""

from flash import SECTOR

_FOLDER = 0x10
_LONG_NAME = 0x0F


class Shape:
    """
    Where things lie, by the boot record.

    :param image: memoryview of a drive
    """

    def __init__(self, image):
        self.per_cluster = image[13]
        self.fat = _number(image, 14)
        self.root = self.fat + image[16] * _number(image, 22)
        self.data = self.root + _number(image, 17) * 32 // SECTOR

    def sectors(self, cluster):
        """Those of a cluster."""
        first = self.data + (cluster - 2) * self.per_cluster
        return range(first, first + self.per_cluster)


def _number(image, at):
    return image[at] | image[at + 1] << 8


def table_sectors(image):
    """
    How many sectors boot record, FAT and root directory have.

    :param image: memoryview of a drive
    """
    return Shape(image).data


def owners(image):
    """
    Tell whose the sectors are.

    :param image: memoryview of a drive; what is torn owns nothing
    :return: dict of sector numbers: path of the file or folder whose data it holds
    """
    found = {}
    shape = Shape(image)
    root = b"".join([_sector(image, number) for number in range(shape.root, shape.data)])
    folders = [("", root)]
    while folders:
        path, entries = folders.pop()
        for name, kind, cluster in _entries(entries):
            here = path + "/" + name
            chain = []
            for number in _chain(image, shape.fat, cluster):
                chain += shape.sectors(number)
            for number in chain:
                found[number] = here
            if kind & _FOLDER:
                folders.append((here, b"".join([_sector(image, number) for number in chain])))
    return found


def _sector(image, number):
    return bytes(image[number * SECTOR : (number + 1) * SECTOR])


def _chain(image, fat, cluster):
    while 2 <= cluster < 0xFF0:
        yield cluster
        at = fat * SECTOR + cluster * 3 // 2
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
