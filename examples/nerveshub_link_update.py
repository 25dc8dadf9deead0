# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: Unlicense
"""
Updates: the application decides when, hears how far they are, and keeps the watchdog quiet.

FileWriter stores what NervesHub sends as one file, and remembers what is installed. For that, code
must be allowed to write to CIRCUITPY; boot.py has:  import storage; storage.remount("/", False)
"""

import board
import microcontroller
import wifi
from watchdog import WatchDogMode

from nerveshub_link import APPLY, Client, FileWriter, NervesHubLink, ignore, reschedule

# Reported until the first update is installed; after that, the writer knows.
FIRMWARE = {
    "uuid": "2a6ff5bc-7d5c-5c7a-9a3a-2f0c4a6a5a01",
    "product": "greenhouse",
    "version": "1.0.0",
    "platform": board.board_id,
    "architecture": "xtensa",
}

pump_runs = False


class GreenhouseClient(Client):
    def update_available(self, meta):
        if pump_runs:
            # NervesHub offers it again in ten minutes.
            return reschedule(10 * 60 * 1000, "the pump runs")
        if meta["version"].startswith("0."):
            # This costs 24 hours without any update: say no only when it is meant.
            return ignore("no version before 1.0.0")
        return APPLY

    def fwup_progress(self, percent, stage):
        print(stage, percent, "%")

    def fwup_error(self, reason):
        print("The update failed, the old version goes on:", reason)

    def handle_connected(self):
        print("NervesHub sees this board.")

    def handle_disconnected(self, reason):
        print("Offline:", reason)

    def handle_blocking(self, what, seconds):
        # poll() is about to wait for the network, up to so many seconds for each of a few steps.
        microcontroller.watchdog.feed()


microcontroller.watchdog.timeout = 60
microcontroller.watchdog.mode = WatchDogMode.RESET

link = NervesHubLink.from_settings(
    wifi.radio,
    client=GreenhouseClient(),
    fwup_writer=FileWriter("/update.fw", firmware_meta=FIRMWARE),
)

while True:
    microcontroller.watchdog.feed()
    link.poll()
