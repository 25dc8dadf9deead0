# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Builds the headers of the vectors given in ``{"vectors": [...]}`` and prints them, one JSON line
each.
"""

import json
import sys

from nerveshub_link.wire.signing import build_headers

for vector in json.load(sys.stdin)["vectors"]:
    headers = build_headers(
        vector["key"], vector["secret"], vector["identifier"], vector["time"], alg=vector["alg"]
    )
    print(json.dumps({"event": vector["name"], "headers": headers}))
