# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Check Ed25519 signatures. Options: ``cases``: a file with a line for each: public key, signature and
message in hex, with a comma between. Prints what came out, as text of 0 and 1.
"""

import gc
import json
import sys

from nerveshub_link.release.ed25519 import verify


def main(options):
    outcomes = ""
    with open(options["cases"]) as file:
        for line in file:
            gc.collect()
            parts = [bytes.fromhex(text) for text in line.strip().split(",")]
            outcomes += "1" if verify(*parts) else "0"
    print(json.dumps({"event": "signatures", "outcomes": outcomes}))


main(json.load(sys.stdin))
