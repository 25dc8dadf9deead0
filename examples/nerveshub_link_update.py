# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: Unlicense
"""
Updates: the application decides when, shows their progress, and has a watchdog.

The drive must be prepared, with this application as the first slot's content:

    nerveshub-link board prepare CIRCUITPY --app FOLDER --product greenhouse --version 1.0.0
"""

import wifi

from nerveshub_link import APPLY, AppSlotWriter, Client, NervesHubLink, ignore, reschedule

pump_runs = False


class GreenhouseClient(Client):
    def update_available(self, meta):
        if pump_runs:
            # NervesHub offers it again in ten minutes.
            return reschedule(10 * 60 * 1000, "the pump runs")
        if meta["version"].startswith("0."):
            # After this, NervesHub offers no update for 24 hours.
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
        print("poll() may wait", seconds, "seconds for each of a few steps:", what)


writer = AppSlotWriter()
# The board is reset after 60 seconds without poll(); on trial after 90 (NERVESHUB_WATCHDOG), if
# that is less. Only poll() should feed the watchdog: a release that never polls must not stay.
writer.watchdog(60)

link = NervesHubLink.from_settings(wifi.radio, client=GreenhouseClient(), fwup_writer=writer)

while True:
    link.poll()
