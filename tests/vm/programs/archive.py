# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Measure how fast a release is read, checked and unpacked, without the flash.

Options: ``archive``: its path; ``rounds``: how often; ``native``: a file of raw DEFLATE that the
VM's own decoder is to read, for comparison.
"""

import gc
import io
import json
import sys
import time

import deflate

from nerveshub_link.release.fw_reader import FwReader
from nerveshub_link.slots.image_install import ImageInstall


class NoFlash:
    """A slot that takes everything and keeps nothing."""

    room = 1 << 20
    sectors = 0

    def write(self, sector, view):
        """Count."""
        self.sectors += len(view) // 512
        return 0

    def holds(self, sector, view):
        """Yes."""
        return True


def read(path):
    """Bytes of the image, and microseconds."""
    slot = NoFlash()
    reader = FwReader(ImageInstall(slot, {}, "", 1))
    buffer = memoryview(bytearray(4096))
    gc.collect()
    spent = 0
    with open(path, "rb") as file:
        while True:
            count = file.readinto(buffer)
            if not count:
                break
            begun = time.ticks_us()
            piece = buffer[:count]
            while not reader.feed(piece):
                piece = b""
            spent += time.ticks_diff(time.ticks_us(), begun)
    reader.finish()
    return slot.sectors * 512, spent


def native(path):
    """The same by the VM's own decoder: bytes and microseconds."""
    buffer = bytearray(4096)
    with open(path, "rb") as file:
        source = io.BytesIO(file.read())  # it would take each byte from a file by itself
    gc.collect()
    begun = time.ticks_us()
    stream = deflate.DeflateIO(source, deflate.RAW, 15)
    total = 0
    while True:
        count = stream.readinto(buffer)
        if not count:
            return total, time.ticks_diff(time.ticks_us(), begun)
        total += count


def main(options):
    """In turns."""
    for _ in range(options["rounds"]):
        size, spent = read(options["archive"])
        event = {"event": "round", "bytes": size, "us": spent}
        event["native_bytes"], event["native_us"] = native(options["native"])
        print(json.dumps(event))


main(json.load(sys.stdin))
