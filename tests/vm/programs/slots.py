# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
An update of an application in its slot, without a network: the archive comes from a file, in pieces
as a download hands them out. Options: ``drive`` (slot a runs), ``archive``, ``meta``.
"""

import gc
import json
import os
import sys

CHUNK = 4096


class Launcher:
    """What ``nh_run`` leaves for the library."""

    slot = "a"
    armed = 0


def main(options):
    """Install it."""
    buffer = bytearray(CHUNK)
    view = memoryview(buffer)
    from nerveshub_link import AppSlotWriter

    sys.modules["nh_launcher"] = Launcher
    writer = AppSlotWriter(options["drive"])
    with open(options["archive"], "rb") as archive:
        writer.fwup_begin(os.stat(options["archive"])[6], options["meta"])
        while True:
            count = archive.readinto(buffer)
            if not count:
                break
            piece = view[:count]
            while writer.fwup_chunk(piece) is False:
                piece = view[:0]
    slices = 1
    while writer.fwup_finish() is False:
        slices += 1
    gc.collect()
    print(json.dumps({"event": "installed", "used": gc.mem_alloc(), "slices": slices}))


main(json.load(sys.stdin))
