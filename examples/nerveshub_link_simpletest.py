# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: Unlicense
"""
The board appears in NervesHub and stays online. Settings are in settings.toml. It prints the link's
state: waiting, connecting, joining, joined; and errors.

Not for a prepared board as it is: without fwup_writer=AppSlotWriter() it takes no updates.
"""

import board
import wifi

from nerveshub_link import NervesHubLink

# The firmware that runs on this board. Platform and architecture must be exactly those of the
# uploaded firmware; NervesHub shows its uuid.
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
