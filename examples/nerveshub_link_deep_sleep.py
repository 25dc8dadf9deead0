# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: Unlicense
"""
A board on a battery: it wakes up once an hour, reports, installs an update if there is one, and
goes back to deep sleep.

The drive must be prepared, with this application as the first slot's content:

    nerveshub-link board prepare CIRCUITPY --app FOLDER --public-key greenhouse-key.pub ...
"""

import time

import alarm
import wifi

from nerveshub_link import APPLY, AppSlotWriter, Client, NervesHubLink

SLEEP = 3600  # seconds


class SleepyClient(Client):
    awake_until = time.monotonic() + 60  # the time it has to get online

    def handle_connected(self):
        # NervesHub asks for the health and sends what it has within seconds.
        self.stay_awake(15)

    def update_available(self, meta):
        self.stay_awake(1800)
        return APPLY

    def fwup_error(self, reason):
        self.awake_until = time.monotonic()

    def stay_awake(self, seconds):
        self.awake_until = max(self.awake_until, time.monotonic() + seconds)


client = SleepyClient()
writer = AppSlotWriter()
link = NervesHubLink.from_settings(
    wifi.radio, client=client, fwup_writer=writer, extensions={"health": True}
)

# A release on trial stays awake until it is confirmed, or until the guard gives it up.
while time.monotonic() < client.awake_until or not writer.firmware_validated():
    link.poll()

link.deinit()
wake_up = alarm.time.TimeAlarm(monotonic_time=time.monotonic() + SLEEP)
alarm.exit_and_deep_sleep_until_alarms(wake_up)
