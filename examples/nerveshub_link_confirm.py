# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: Unlicense
"""New firmware is kept only after a check of one's own: here, that the sensor answers."""

import board
import wifi

from nerveshub_link import FileWriter, NervesHubLink

FIRMWARE = {
    "uuid": "2a6ff5bc-7d5c-5c7a-9a3a-2f0c4a6a5a01",
    "product": "greenhouse",
    "version": "1.0.0",
    "platform": board.board_id,
    "architecture": "xtensa",
}


def sensor_answers():
    """Put your own check here."""
    return True


link = NervesHubLink.from_settings(
    wifi.radio,
    fwup_writer=FileWriter("/update.fw", firmware_meta=FIRMWARE),
    auto_confirm=False,
)
checked = False

while True:
    link.poll()
    # Until it is confirmed, NervesHub sends this board no further update of a deployment.
    if link.connected and not checked and sensor_answers():
        checked = link.confirm_update()
