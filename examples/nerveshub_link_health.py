# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: Unlicense
"""
Health: the board's own values, values of the application, alarms and checks.

Not for a prepared board as it is: without fwup_writer=AppSlotWriter() it takes no updates.
"""

import analogio
import board
import wifi

from nerveshub_link import BoardHealth, NervesHubLink

FIRMWARE = {
    "uuid": "2a6ff5bc-7d5c-5c7a-9a3a-2f0c4a6a5a01",
    "product": "greenhouse",
    "version": "1.0.0",
    "platform": board.board_id,
    "architecture": "xtensa",
}

soil = analogio.AnalogIn(board.A0)


class GreenhouseHealth(BoardHealth):
    def health_check(self):
        # Memory, drive, temperature, Wi-Fi, uptime, reason of the last reset.
        report = super().health_check()
        report["metrics"]["soil_moisture"] = soil.value // 656
        report["metadata"]["place"] = "north wall"
        report["checks"]["soil_sensor"] = (soil.value > 500, "reads %d" % soil.value)
        return report


health = GreenhouseHealth()  # extensions={"health": True} reports the board's own values only

link = NervesHubLink.from_settings(
    wifi.radio,
    firmware_meta=FIRMWARE,
    extensions={"health": health},
)

while True:
    link.poll()
    if soil.value < 6000:
        # Reported at once, and in every report until it is cleared. Setting it again has no effect.
        health.set_alarm("dry", "the soil is dry")
    elif soil.value > 8000:
        health.clear_alarm("dry")
