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

sys.path.insert(0, os.getcwd())  # so that later imports find it from another folder, too

CHUNK = 4096


def main(options):
    buffer = bytearray(CHUNK)
    view = memoryview(buffer)
    from nerveshub_link import AppSlotWriter

    os.chdir(options["drive"] + "/slots/a")
    writer = AppSlotWriter(options["drive"])
    with open(options["archive"], "rb") as archive:
        writer.fwup_begin(os.stat(options["archive"])[6], options["meta"])
        while True:
            count = archive.readinto(buffer)
            if not count:
                break
            writer.fwup_chunk(view[:count])
    writer.fwup_finish()
    gc.collect()
    print(json.dumps({"event": "installed", "used": gc.mem_alloc()}))


main(json.load(sys.stdin))
