# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: Unlicense
"""
The board's location: from a GNSS receiver, fixed, or by its public IP address.

Not for a prepared board as it is: without fwup_writer=AppSlotWriter() it takes no updates.
"""

import board
import wifi

from nerveshub_link import Geo, NervesHubLink

FIRMWARE = {
    "uuid": "2a6ff5bc-7d5c-5c7a-9a3a-2f0c4a6a5a01",
    "product": "greenhouse",
    "version": "1.0.0",
    "platform": board.board_id,
    "architecture": "xtensa",
}

FIXED = {"latitude": 52.52, "longitude": 13.405}


def location():
    """With a receiver: {"latitude": gps.latitude, ..., "source": "gps"}, or None without a fix."""
    return FIXED


link = NervesHubLink.from_settings(
    wifi.radio,
    firmware_meta=FIRMWARE,
    # Reported when NervesHub asks, which is once for each connection, and every ten minutes after
    # that. "geo": location is the same without the ten minutes; "geo": GeoIp() asks a service for
    # the location of this network's public address.
    extensions={"geo": Geo(location, interval=600)},
)

while True:
    link.poll()
