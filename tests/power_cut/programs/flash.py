# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
The flash under a small board's CIRCUITPY: 960 KB of raw NOR, in blocks of 4 KB.

A write of some sectors reads each block that they lie in, erases it (all bytes 0xFF) and programs
it again from its beginning, whatever else lies in it: one erase for each block of each write, as in
CircuitPython's ``ports/espressif/supervisor/internal_flash.c``. A power cut leaves the block erased
and any part of it programmed.

Nothing here cuts the power while code runs: each write is recorded, and `torn` makes of the drive
before a write what a cut within that write leaves. What was in RAM is lost with the VM.
"""

SECTOR = 512
BLOCK = 4096
SECTORS = 1920
_PER_BLOCK = BLOCK // SECTOR

_ERASED = memoryview(b"\xff" * BLOCK)


class Flash:
    """
    The chip.

    :param int sectors: how many it has
    """

    def __init__(self, sectors=SECTORS):
        self.sectors = sectors
        self.data = bytearray(b"\xff" * (sectors * SECTOR))
        self.view = memoryview(self.data)
        self.writes = None
        """List of (sector, new bytes), each within one block, while writes are recorded."""
        self.table_sectors = 0
        """Sectors from the beginning on that hold boot record, FAT and root directory."""
        self.table_erases = 0
        """How often a block with some of these was erased."""
        self.reads = 0
        self._port = None

    def port(self):
        """
        The block device for a mount. The one before writes nothing any more: what a reset has left
        open is never closed, though a collector may think so.
        """
        self.disconnect()
        self._port = Port(self)
        return self._port

    def disconnect(self):
        """From now on nothing reaches the chip: a reset, or the power is off."""
        if self._port is not None:
            self._port.on = False

    def write(self, sector, buffer):
        """Erase and program, block by block."""
        count = len(buffer) // SECTOR
        done = 0
        while done < count:
            here = sector + done
            part = min(_PER_BLOCK - here % _PER_BLOCK, count - done)
            piece = buffer[done * SECTOR : (done + part) * SECTOR]
            write(self.view, here, piece)
            if self.in_tables(here):
                self.table_erases += 1
            if self.writes is not None:
                self.writes.append((here, bytes(piece)))
            done += part

    def in_tables(self, sector):
        """Does the block of a sector hold boot record, FAT or root directory?"""
        return sector // _PER_BLOCK * _PER_BLOCK < self.table_sectors

    def record(self):
        """Record writes from now on; returns the list."""
        self.writes = []
        return self.writes


class Port:
    """The chip as a block device, as ``VfsFat`` asks for it."""

    def __init__(self, flash):
        self.on = True
        self._flash = flash
        self._geometry = {4: flash.sectors, 5: SECTOR}

    def readblocks(self, sector, buffer, offset=0):
        """Read. When it is disconnected nobody looks, but a finaliser may ask."""
        if not self.on:
            return
        self._flash.reads += 1
        start = sector * SECTOR
        buffer[:] = self._flash.view[start : start + len(buffer)]

    def writeblocks(self, sector, buffer, offset=0):
        """Write, as long as nothing has disconnected it."""
        if self.on:
            self._flash.write(sector, memoryview(buffer))

    def ioctl(self, operation, argument):
        """Tell the geometry."""
        return self._geometry.get(operation, 0)


def write(image, sector, new):
    """What a whole write does."""
    image[sector * SECTOR : sector * SECTOR + len(new)] = new


def torn(image, sector, new):
    """
    What cuts within a write leave of its block: a list of its 4 KB, each different. The first one
    is that of a cut before anything happened.

    :param image: memoryview of the drive before
    """
    start = sector * SECTOR // BLOCK * BLOCK
    at = sector * SECTOR - start
    before = bytes(image[start : start + BLOCK])
    after = before[:at] + new + before[at + len(new) :]
    # Nothing, whole sectors, a bit of the one that is written, all but the block's last byte.
    found = [before]
    for programmed in list(range(0, BLOCK, SECTOR)) + [at + 40, BLOCK - 1]:
        block = after[:programmed] + bytes(_ERASED[programmed:])
        if block not in found and block != after:
            found.append(block)
    return start, found
