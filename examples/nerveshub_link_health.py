# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: Unlicense
"""Health: numbers that NervesHub charts, measured when it asks."""

import gc

import board
import microcontroller
import wifi

from nerveshub_link import HealthProvider, NervesHubLink

FIRMWARE = {
    "uuid": "2a6ff5bc-7d5c-5c7a-9a3a-2f0c4a6a5a01",
    "product": "greenhouse",
    "version": "1.0.0",
    "platform": board.board_id,
    "architecture": "xtensa",
}


class BoardHealth(HealthProvider):
    def health_check(self):
        used = gc.mem_alloc()
        free = gc.mem_free()
        access_point = wifi.radio.ap_info
        return {
            "cpu_temp": microcontroller.cpu.temperature,
            "mem_used_percent": 100 * used // (used + free),
            "heap_free_bytes": free,
            # None while there is no network: what is no number is left out.
            "wifi_rssi": access_point.rssi if access_point else None,
        }


link = NervesHubLink.from_settings(
    wifi.radio,
    firmware_meta=FIRMWARE,
    extensions={"health": BoardHealth()},
)

while True:
    link.poll()
