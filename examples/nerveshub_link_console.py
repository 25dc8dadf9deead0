# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: Unlicense
"""
A Python prompt on the board, in NervesHub's terminal. Everybody who may open the device's console
there can do everything that the board's code can.

Not for a prepared board as it is: without fwup_writer=AppSlotWriter() it takes no updates.
"""

import board
import microcontroller
import wifi

from nerveshub_link import Console, NervesHubLink

FIRMWARE = {
    "uuid": "2a6ff5bc-7d5c-5c7a-9a3a-2f0c4a6a5a01",
    "product": "greenhouse",
    "version": "1.0.0",
    "platform": board.board_id,
    "architecture": "xtensa",
}

state = {"watered": 0}


def water(seconds):
    """For operators: water(5)"""
    state["watered"] += seconds
    return state


# The prompt has these names, and link. Files that are dropped on the terminal go to /uploads, for
# which the drive must be writable for code.
console = Console(
    {"state": state, "water": water, "cpu": microcontroller.cpu},
    upload_folder="/uploads",
    idle_timeout=300,
)

link = NervesHubLink.from_settings(wifi.radio, firmware_meta=FIRMWARE, console=console)

while True:
    link.poll()
