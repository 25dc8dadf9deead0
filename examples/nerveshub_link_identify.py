# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: Unlicense
"""
An operator's command "identify": the board beeps, so that it can be found.

Not for a prepared board as it is: without fwup_writer=AppSlotWriter() it takes no updates.
"""

import board
import pwmio
import wifi

from nerveshub_link import Client, NervesHubLink

FIRMWARE = {
    "uuid": "2a6ff5bc-7d5c-5c7a-9a3a-2f0c4a6a5a01",
    "product": "greenhouse",
    "version": "1.0.0",
    "platform": board.board_id,
    "architecture": "xtensa",
}


class Beeping(Client):
    # Without this, the board's NeoPixel or LED blinks.
    def identify(self):
        buzzer = pwmio.PWMOut(board.D9, frequency=2000, duty_cycle=0)
        try:
            for _ in range(10):
                buzzer.duty_cycle = 0x8000
                yield 100  # milliseconds until the next step; poll() does not wait
                buzzer.duty_cycle = 0
                yield 900
        finally:
            buzzer.deinit()


link = NervesHubLink.from_settings(
    wifi.radio,
    firmware_meta=FIRMWARE,
    client=Beeping(),
    connection_types=["wifi"],
)

while True:
    link.poll()
