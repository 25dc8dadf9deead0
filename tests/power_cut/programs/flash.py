# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
The flash under a small board's CIRCUITPY: 960 KB of raw NOR, in blocks of 4 KB.

Writing a sector of 512 bytes reads its block, erases it (all bytes 0xFF) and programs it again from
its beginning, whatever else lies in it. That is what CircuitPython does on an ESP32. A power cut
leaves the block erased and any part of it programmed.

Nothing here cuts the power while code runs: each write is recorded, and `torn` makes of the drive
before a write what a cut within that write leaves. What was in RAM is lost with the VM.
"""

SECTOR = 512
BLOCK = 4096
SECTORS = 1920

_ERASED = memoryview(b"\xff" * BLOCK)


class Flash:
    """A block device, as ``VfsFat`` asks for it."""

    def __init__(self):
        self.data = bytearray(b"\xff" * (SECTORS * SECTOR))
        self.view = memoryview(self.data)
        self.writes = None
        """List of (sector, its new bytes) while writes are recorded, else None."""
        self.reads = 0

    def readblocks(self, sector, buffer, offset=0):
        """Read."""
        self.reads += 1
        start = sector * SECTOR
        buffer[:] = self.view[start : start + len(buffer)]

    def writeblocks(self, sector, buffer, offset=0):
        """Erase and program: one sector after the other, as CircuitPython does."""
        start = sector * SECTOR
        self.view[start : start + len(buffer)] = buffer
        if self.writes is not None:
            for at in range(0, len(buffer), SECTOR):
                self.writes.append((sector + at // SECTOR, bytes(buffer[at : at + SECTOR])))

    def ioctl(self, operation, argument):
        """Tell the geometry."""
        return {4: SECTORS, 5: SECTOR}.get(operation, 0)

    def record(self):
        """Record writes from now on; returns the list."""
        self.writes = []
        return self.writes


def write(image, sector, new):
    """What a whole write does."""
    image[sector * SECTOR : (sector + 1) * SECTOR] = new


def torn(image, sector, new):
    """
    What cuts within a write leave of its block: a list of its 4 KB, each different. The first one
    is that of a cut before anything happened.

    :param image: memoryview of the drive before
    """
    start = sector * SECTOR // BLOCK * BLOCK
    at = sector * SECTOR - start
    before = bytes(image[start : start + BLOCK])
    after = before[:at] + new + before[at + SECTOR :]
    # Nothing, whole sectors, a bit of the one that is written, all but the block's last byte.
    found = [before]
    for programmed in list(range(0, BLOCK, SECTOR)) + [at + 40, BLOCK - 1]:
        block = after[:programmed] + bytes(_ERASED[programmed:])
        if block not in found and block != after:
            found.append(block)
    return start, found
