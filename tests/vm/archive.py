# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Read an archive and tell of each file in it, or measure how fast that goes.

Options: ``archive``: its path; ``chunk``: bytes handed over at a time; ``rounds``: how often to
measure, 0 to tell of the files; ``native``: a file of raw DEFLATE that the VM's own decoder is to
read, for comparison.
"""

import binascii
import gc
import io
import json
import sys
import time

from nerveshub_link.release.fw_reader import FwReader


class Teller:
    """Prints a line for each file."""

    def archive_meta(self, conf):
        print(json.dumps({"event": "meta", "crc": binascii.crc32(conf)}))

    def file_begin(self, path, size):
        self.path = path
        self.crc = self.size = 0

    def file_data(self, view):
        self.crc = binascii.crc32(view, self.crc)
        self.size += len(view)

    def file_end(self, crc):
        event = {"event": "file", "path": self.path, "size": self.size, "crc": self.crc}
        print(json.dumps(event))


class Counter:
    """Counts bytes, as little work as can be."""

    def __init__(self):
        self.count = 0

    def archive_meta(self, conf):
        pass

    def file_begin(self, path, size):
        pass

    def file_data(self, view):
        self.count += len(view)

    def file_end(self, crc):
        pass


def read(options, sink):
    """Microseconds spent in the reader."""
    reader = FwReader(sink)
    buffer = memoryview(bytearray(options["chunk"]))
    gc.collect()
    spent = 0
    with open(options["archive"], "rb") as file:
        while True:
            count = file.readinto(buffer)
            if not count:
                break
            begun = time.ticks_us()
            reader.feed(buffer[:count])
            spent += time.ticks_diff(time.ticks_us(), begun)
    reader.finish()
    return spent


def native(path):
    """The same by the VM's own decoder: bytes and microseconds."""
    import deflate

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
    if not options.get("rounds"):
        read(options, Teller())
        print(json.dumps({"event": "end"}))
    for _ in range(options.get("rounds", 0)):
        sink = Counter()
        spent = read(options, sink)
        event = {"event": "round", "bytes": sink.count, "us": spent}
        if options.get("native"):
            event["native_bytes"], event["native_us"] = native(options["native"])
        print(json.dumps(event))


main(json.load(sys.stdin))
