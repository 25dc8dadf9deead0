# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: Unlicense
"""
Logs: lines of the application appear on the board's page in NervesHub.

Not for a prepared board as it is: without fwup_writer=AppSlotWriter() it takes no updates.
"""

import time

import adafruit_logging
import board
import wifi

from nerveshub_link import DeviceLogs, NervesHubLink

FIRMWARE = {
    "uuid": "2a6ff5bc-7d5c-5c7a-9a3a-2f0c4a6a5a01",
    "product": "greenhouse",
    "version": "1.0.0",
    "platform": board.board_id,
    "architecture": "xtensa",
}

logs = DeviceLogs(level="info")  # keeps the newest 32 lines while the board is offline

logger = adafruit_logging.getLogger("greenhouse")
logger.setLevel(adafruit_logging.DEBUG)
logger.addHandler(logs)

link = NervesHubLink.from_settings(
    wifi.radio,
    firmware_meta=FIRMWARE,
    logger=logger,  # for the link's own lines, too
    extensions={"logging": logs},
)
logger.info("started")
link.log("warning", "this goes without a logger")

next_line = time.monotonic() + 60
while True:
    link.poll()
    if time.monotonic() >= next_line:
        next_line += 60
        logger.info("still here")
