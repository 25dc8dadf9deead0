# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: Unlicense
"""
The application joins the Wi-Fi itself: to choose between networks, or to save power.

Without radio=... the link does not touch the Wi-Fi. Without a network its connections fail; it
waits (1 to 90 seconds, longer each time), and tries again.

Not for a prepared board as it is: without fwup_writer=AppSlotWriter() it takes no updates.
"""

import os
import time

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
NETWORKS = (
    (os.getenv("CIRCUITPY_WIFI_SSID"), os.getenv("CIRCUITPY_WIFI_PASSWORD")),
    ("second-network", "its-password"),
)

link = NervesHubLink(
    adafruit_connection_manager.get_radio_socketpool(wifi.radio),
    adafruit_connection_manager.get_radio_ssl_context(wifi.radio),
    host=os.getenv("NERVESHUB_HOST"),
    product_key=os.getenv("NERVESHUB_PRODUCT_KEY"),
    product_secret=os.getenv("NERVESHUB_PRODUCT_SECRET"),
    firmware_meta=FIRMWARE,
)


def join_a_network():
    for name, password in NETWORKS:
        try:
            wifi.radio.connect(name, password, timeout=10)
            return
        except ConnectionError as error:
            print("Can't join", name, error)


next_try = time.monotonic()
while True:
    if not wifi.radio.connected and time.monotonic() >= next_try:
        join_a_network()
        next_try = time.monotonic() + 30
    link.poll()
