# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: Unlicense
"""
A certificate instead of a shared secret, and your own CA.

The files are put on the board once, outside of /lib/nerveshub_link: circup replaces that folder.

Not for a prepared board as it is: without fwup_writer=AppSlotWriter() it takes no updates.
"""

import adafruit_connection_manager
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

pool = adafruit_connection_manager.get_radio_socketpool(wifi.radio)
ssl_context = adafruit_connection_manager.get_radio_ssl_context(wifi.radio)

# Only for a server whose certificate is not signed by a public CA: from here on only this CA is
# trusted, also for the server from which updates are downloaded.
with open("/certs/ca.pem") as file:
    authority = file.read()
if not authority:
    # With an empty text CircuitPython would verify nothing.
    raise ValueError("/certs/ca.pem is empty")
ssl_context.load_verify_locations(cadata=authority)

link = NervesHubLink(
    pool,
    ssl_context,
    host="devices.example.com",
    device_cert="/certs/device.pem",
    device_key="/certs/device-key.pem",
    firmware_meta=FIRMWARE,
    radio=wifi.radio,
)

while True:
    link.poll()
