# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: Unlicense
"""Logs: lines of the application show up on the board's page in NervesHub."""

import time

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

link = NervesHubLink.from_settings(
    wifi.radio,
    firmware_meta=FIRMWARE,
    extensions={"logging": True},
)
link.log("info", "started")

next_line = time.monotonic() + 60
while True:
    link.poll()
    if time.monotonic() >= next_line:
        next_line += 60
        # While the board is offline, the newest 32 lines are kept.
        link.log("debug", "still here")
