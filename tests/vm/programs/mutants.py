# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Feeds releases with something wrong to a slot, one after the other, in one small heap. Prints a JSON
line: of each what became of it.

Options: ``slot``: path of a slot's file; ``batch``: a file with all archives, one behind the other;
``lengths``: of them; ``device``: for what a release must be; and perhaps ``keys``: public keys in
hex, and ``lowest``: version below which none is taken.
"""

import gc
import json
import random
import sys

from nerveshub_link.errors import UpdateError
from nerveshub_link.release.fw_reader import FwReader
from nerveshub_link.slots.image_install import ImageInstall
from nerveshub_link.slots.slot_file import SlotFile

PIECES = (1, 100, 512, 1000, 4096)


def install(make, file, length, buffer):
    """Returns ``taken``, ``refused`` or the name of an exception that is neither."""
    gc.collect()
    try:
        one = make()
        reader = FwReader(one)
        while length:
            count = file.readinto(buffer[: min(length, random.choice(PIECES))])
            length -= count
            piece = buffer[:count]
            while not reader.feed(piece):
                piece = b""
        reader.finish()
        while not one.verify():
            pass
        one.commit()
        return "taken"
    except UpdateError:
        return "refused"
    except Exception as error:
        return type(error).__name__


def main(options):
    """One after the other."""
    buffer = memoryview(bytearray(4096))
    slot = SlotFile(options["slot"])
    keys = tuple([bytes.fromhex(key) for key in options.get("keys", ())])
    outcomes = []
    at = 0

    def make():
        return ImageInstall(slot, options["device"], "new", 7, keys, options.get("lowest"))

    with open(options["batch"], "rb") as file:
        for length in options["lengths"]:
            ImageInstall(slot, options["device"], "", 1).revoke()
            file.seek(at)
            outcomes.append(install(make, file, length, buffer))
            at += length
            if (slot.header() is not None) != (outcomes[-1] == "taken"):
                outcomes[-1] += " and has a header" if slot.header() else " and has none"
    print(json.dumps({"event": "mutants", "outcomes": outcomes}))


main(json.load(sys.stdin))
