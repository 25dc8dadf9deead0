# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: Unlicense
"""
The board shows up in NervesHub and stays there. Settings are in settings.toml. It prints what the
link does: waiting, connecting, joining, joined, and why something failed.
"""

import board
import wifi

from nerveshub_link import NervesHubLink

# What runs on this board. Platform and architecture are letter for letter those of the firmware
# that was uploaded; the uuid is what NervesHub shows for it.
FIRMWARE = {
    "uuid": "2a6ff5bc-7d5c-5c7a-9a3a-2f0c4a6a5a01",
    "product": "greenhouse",
    "version": "1.0.0",
    "platform": board.board_id,
    "architecture": "xtensa",
}

link = NervesHubLink.from_settings(wifi.radio, firmware_meta=FIRMWARE)

state = error = None
while True:
    link.poll()
    if link.state != state or link.last_error != error:
        state, error = link.state, link.last_error
        print(state, error or "")
