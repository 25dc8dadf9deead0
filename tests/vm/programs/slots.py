# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
An update of an application in its slot, without a network: the archive comes from a file, in pieces
as a download hands them out, and only those parts that the writer asks for. Options: ``drive``
(slot a runs), ``archive``, ``meta``, ``public_keys``.
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
    writer = AppSlotWriter(options["drive"], public_keys=options.get("public_keys"))
    size = os.stat(options["archive"])[6]
    part = 0, writer.fwup_first or size
    travelled = 0
    with open(options["archive"], "rb") as archive:
        writer.fwup_begin(size, options["meta"])
        while part is not None:
            at, stop = part
            archive.seek(at)
            while at < (stop or size):
                count = archive.readinto(view[: min(CHUNK, (stop or size) - at)])
                piece = view[:count]
                while writer.fwup_chunk(piece) is False:
                    piece = view[:0]
                at += count
                travelled += count
            part = None if at == size else 0
            while part is not None and not isinstance(part, tuple):
                part = writer.fwup_next(at, True)
    slices = 1
    while writer.fwup_finish() is False:
        slices += 1
    gc.collect()
    told = {"event": "installed", "used": gc.mem_alloc(), "slices": slices}
    print(json.dumps(dict(told, travelled=travelled)))


main(json.load(sys.stdin))
