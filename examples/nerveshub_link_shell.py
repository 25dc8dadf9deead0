# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: Unlicense
"""
A shell for operators, with a command of the application.

Not for a prepared board as it is: without fwup_writer=AppSlotWriter() it takes no updates.
"""

import time

import board
import digitalio
import wifi

from nerveshub_link import LocalShell, NervesHubLink

FIRMWARE = {
    "uuid": "2a6ff5bc-7d5c-5c7a-9a3a-2f0c4a6a5a01",
    "product": "greenhouse",
    "version": "1.0.0",
    "platform": board.board_id,
    "architecture": "xtensa",
}

pump = digitalio.DigitalInOut(board.D5)
pump.switch_to_output(False)

# Everybody who may open the shell in NervesHub can read, change and delete the files of this board,
# including its passwords. LocalShell(python=True) also lets them run any Python code.
shell = LocalShell()


@shell.command("water", "SECONDS: run the pump")
def water(args):
    end = time.monotonic() + min(float(args[0]), 60)
    pump.value = True
    try:
        while time.monotonic() < end:
            yield ""  # the main loop goes on meanwhile
    finally:
        pump.value = False  # after ctrl-c, too
    yield "watered\n"


link = NervesHubLink.from_settings(
    wifi.radio,
    firmware_meta=FIRMWARE,
    extensions={"local_shell": shell},
)

while True:
    link.poll()
