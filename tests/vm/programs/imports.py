# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Import modules one after the other, and tell what each one costs. Options: ``{"modules": [...]}``.
"""

import gc
import json
import sys


def main(options):
    for name in options["modules"]:
        gc.collect()
        before = gc.mem_alloc()
        try:
            __import__(name)
            error = None
        except Exception as caught:
            error = repr(caught)
        gc.collect()
        print(
            json.dumps(
                {
                    "event": "import",
                    "module": name,
                    "bytes": gc.mem_alloc() - before,
                    "error": error,
                }
            )
        )


main(json.load(sys.stdin))
