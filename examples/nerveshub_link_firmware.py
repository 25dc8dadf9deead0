# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: Unlicense
"""
Updates of CircuitPython itself, on a board with 8 MB flash or more.

Before, once: the drive must not cover the second firmware bank. In the REPL (this ERASES the whole
CIRCUITPY drive):  import storage; storage.erase_filesystem(extended=False)
"""

from nerveshub_link import DualBankWriter

# Reported until the first update is installed; after that, the writer has the metadata.
FIRMWARE = {
    "uuid": "2a6ff5bc-7d5c-5c7a-9a3a-2f0c4a6a5a01",
    "product": "greenhouse",
    "version": "10.1.0",
    "platform": "your_board_id",
    "architecture": "xtensa",
}

# At the beginning: it counts the starts of new firmware, and goes back after three that failed.
# A failure before this line is not counted.
writer = DualBankWriter(firmware_meta=FIRMWARE)

import wifi  # noqa: E402

from nerveshub_link import Client, NervesHubLink  # noqa: E402


class FirmwareClient(Client):
    def handle_blocking(self, what, seconds):
        if what == "erase":
            print("Erasing the bank, which may take up to", seconds, "seconds.")

    def fwup_progress(self, percent, stage):
        print(stage, percent, "%")

    def fwup_error(self, reason):
        print("The update failed, the old firmware goes on:", reason)


link = NervesHubLink.from_settings(wifi.radio, client=FirmwareClient(), fwup_writer=writer)

while True:
    # New firmware is confirmed after a minute online.
    link.poll()
