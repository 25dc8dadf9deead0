# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: Unlicense
"""
Your own extension: here geo with a fixed location, for a board that never moves.

Not for a prepared board as it is: without fwup_writer=AppSlotWriter() it takes no updates.
"""

import board
import wifi

from nerveshub_link import Extension, NervesHubLink

FIRMWARE = {
    "uuid": "2a6ff5bc-7d5c-5c7a-9a3a-2f0c4a6a5a01",
    "product": "greenhouse",
    "version": "1.0.0",
    "platform": board.board_id,
    "architecture": "xtensa",
}


class FixedPlace(Extension):
    """Answers NervesHub's geo:location:request by geo:location:update."""

    version = "0.0.1"

    def __init__(self, latitude, longitude):
        self.latitude = latitude
        self.longitude = longitude

    def handle_event(self, event, payload):
        if event != "location:request":
            return None
        answer = {"latitude": self.latitude, "longitude": self.longitude, "source": "fixed"}
        return ("location:update", answer)


link = NervesHubLink.from_settings(
    wifi.radio,
    firmware_meta=FIRMWARE,
    extensions={"geo": FixedPlace(52.52, 13.405)},
)

while True:
    link.poll()
