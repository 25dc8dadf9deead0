# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Verify an archive of operators. Options: ``archive``: its path; ``key``: a public key in hex;
``harm``: where a byte is changed before it is verified once more. Prints in how many pieces it was
verified, and then why it was not.
"""

import gc
import json
import sys

from nerveshub_link.device.archive_check import ArchiveCheck


def pieces(path, key):
    """How many there were."""
    gc.collect()
    check = ArchiveCheck(path, (key,))
    count = 1
    try:
        while not check.step():
            count += 1
    finally:
        check.close()
    return count


def main(options):
    path, key = options["archive"], bytes.fromhex(options["key"])
    print(json.dumps({"event": "verified", "pieces": pieces(path, key)}))
    with open(path, "r+b") as file:
        file.seek(options["harm"])
        file.write(b"!")
    try:
        pieces(path, key)
    except Exception as error:
        print(json.dumps({"event": "harmed", "why": repr(error)}))


main(json.load(sys.stdin))
