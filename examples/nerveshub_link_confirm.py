# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: Unlicense
"""
A new release is confirmed only after your own check: here, that the sensor answers. Without a
confirmation the board goes back after 15 minutes.

The drive must be prepared, as for nerveshub_link_app_slots.py.
"""

import wifi

from nerveshub_link import AppSlotWriter, NervesHubLink


def sensor_answers():
    """Put your own check here."""
    return True


link = NervesHubLink.from_settings(wifi.radio, fwup_writer=AppSlotWriter(), auto_confirm=False)
checked = False

while True:
    link.poll()
    # Until the release is confirmed, NervesHub sends this board no other update of a deployment.
    if link.connected and not checked and sensor_answers():
        checked = link.confirm_update()
