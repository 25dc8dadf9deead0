# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Unpack the chunks of a release. Options: ``container``: its path; ``table``: bytes of its table;
``streams``: pairs of ``wbits`` and a stream in hex. Prints the CRC-32 of the image, and what
``zlib`` did with each stream.
"""

import binascii
import json
import sys
import zlib

from nerveshub_link.release.chunk_table import SECTOR, ChunkTable, unpack


def outcome(data, *wbits):
    """The type and the length of what comes out, or the error."""
    try:
        result = zlib.decompress(data, *wbits)
        return type(result).__name__, len(result)
    except Exception as error:
        return type(error).__name__, error.args[0]


def main(options):
    with open(options["container"], "rb") as file:
        table = ChunkTable(file.read(options["table"]))
        crc = 0
        for number in range(table.count):
            sectors, stored = table.row(number)
            data = file.read(stored)
            assert table.is_stored(number, data)
            image = unpack(data, sectors * SECTOR)
            assert table.is_unpacked(number, image)
            crc = binascii.crc32(image, crc)
    print(json.dumps({"event": "image", "crc": crc}))
    for wbits, text in options["streams"]:
        data = memoryview(bytes.fromhex(text))
        found = outcome(data) if wbits is None else outcome(data, wbits)
        print(json.dumps({"event": "stream", "found": found}))


main(json.load(sys.stdin))
