# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: Unlicense
"""
An application that NervesHub updates as a whole: this file is its code.py; its folder may have
other files and a lib/, too. If a new release crashes, hangs or does not reach NervesHub, the board
goes back to the old one by itself.

The drive must be prepared, with this application as the first slot's content:

    nerveshub-link board prepare CIRCUITPY --app FOLDER --public-key greenhouse-key.pub ...

Files that must survive updates belong in /data: everything beside this file is replaced.
"""

import json

import wifi

from nerveshub_link import AppSlotWriter, NervesHubLink

STARTS = "/data/starts.json"


def count_start():
    try:
        with open(STARTS) as file:
            text = file.read()
        if text[-1:] != "}":
            raise ValueError("cut off")  # CircuitPython 10.1 accepts incomplete JSON
        starts = json.loads(text)["starts"] + 1
    except (OSError, ValueError, KeyError, TypeError):
        starts = 1  # the first start, or a power cut has damaged the file
    try:
        with open(STARTS, "w") as file:
            json.dump({"starts": starts}, file)
    except OSError:
        pass  # the drive is full, or NERVESHUB_DEVELOP leaves it to the computer
    return starts


# The writer knows which release runs. A new one is confirmed after a minute online; without that
# the board goes back.
link = NervesHubLink.from_settings(
    wifi.radio, fwup_writer=AppSlotWriter(), extensions={"logging": True}
)
link.log("info", "start number %d" % count_start())

while True:
    link.poll()
