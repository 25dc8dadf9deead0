# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: Unlicense
"""
Support scripts, which operators run from NervesHub: on one board, or by its API on all boards.
They are run as code on this board, like the connecting code that NervesHub sends at each join.

Not for a prepared board as it is: without fwup_writer=AppSlotWriter() it takes no updates.
"""

import gc

import board
import wifi

from nerveshub_link import NervesHubLink

FIRMWARE = {
    "uuid": "2a6ff5bc-7d5c-5c7a-9a3a-2f0c4a6a5a01",
    "product": "greenhouse",
    "version": "1.0.0",
    "platform": board.board_id,
    "architecture": "xtensa",
}

settings = {"interval": 60}

# Each script runs in its own namespace, which has link and these names. For example:
#
#     settings["interval"] = 10
#     gc.collect()
#     gc.mem_free()
#
# The operator sees the printed output, and the value of the last line.
link = NervesHubLink.from_settings(
    wifi.radio,
    firmware_meta=FIRMWARE,
    scripts={"settings": settings, "gc": gc},
)

while True:
    link.poll()
