# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Pushes the texts given as JSON sources in ``{"texts": [...]}``, as values and as keys, and prints
what the channel sends, each as hex of its UTF-8 in a JSON line.
"""

import json
import sys

from nerveshub_link.wire.phoenix import Channels


def main():
    sent = []
    channels = Channels(sent.append, 10000, 30000)
    channels.join("device", dict, 0)
    channels.receive('["1","1","device","phx_reply",{"status":"ok","response":{}}]', 0)
    for source in json.load(sys.stdin)["texts"]:
        text = json.loads('"' + source + '"')  # as a board reads what a server sent
        channels.push("device", "x", {"a": text, text: [{text: text}]})
        print(json.dumps({"event": "sent", "hex": sent[-1].encode().hex()}))


main()
