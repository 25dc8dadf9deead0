# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: Unlicense
"""
The board's identities in other networks, such as WireGuard.

Not for a prepared board as it is: without fwup_writer=AppSlotWriter() it takes no updates.
"""

import board
import wifi

from nerveshub_link import NervesHubLink

FIRMWARE = {
    "uuid": "2a6ff5bc-7d5c-5c7a-9a3a-2f0c4a6a5a01",
    "product": "greenhouse",
    "version": "1.0.0",
    "platform": board.board_id,
    "architecture": "xtensa",
}


def identities():
    """Called when NervesHub asks, and once a minute to find changes."""
    key = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="
    return [{"service": "wireguard", "identifier": key, "details": {"port": 51820}}]


link = NervesHubLink.from_settings(
    wifi.radio,
    firmware_meta=FIRMWARE,
    extensions={"network_identity": identities},
)

while True:
    link.poll()
