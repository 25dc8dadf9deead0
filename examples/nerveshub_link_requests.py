# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: Unlicense
"""
The application uses adafruit_requests beside the link.

Not for a prepared board as it is: without fwup_writer=AppSlotWriter() it takes no updates.
"""

import time

import adafruit_connection_manager
import adafruit_requests
import board
import wifi

from nerveshub_link import NervesHubLink

URL = "http://wifitest.adafruit.com/testwifi/index.html"
EVERY = 60  # seconds

FIRMWARE = {
    "uuid": "2a6ff5bc-7d5c-5c7a-9a3a-2f0c4a6a5a01",
    "product": "greenhouse",
    "version": "1.0.0",
    "platform": board.board_id,
    "architecture": "xtensa",
}

# These two functions always return the same pool and context, which the link uses, too.
pool = adafruit_connection_manager.get_radio_socketpool(wifi.radio)
ssl_context = adafruit_connection_manager.get_radio_ssl_context(wifi.radio)
requests = adafruit_requests.Session(pool, ssl_context)
link = NervesHubLink.from_settings(wifi.radio, firmware_meta=FIRMWARE, extensions={"logging": True})


def fetch():
    try:
        # "with" releases the socket. The timeout is short, since the link is not polled meanwhile.
        with requests.get(URL, timeout=5) as response:
            link.log("info", "fetched: " + response.text[:60])
    except (OSError, RuntimeError, MemoryError) as error:
        # No network, no free socket, or no memory: try again the next time.
        link.log("warning", "not fetched: " + str(error))
        if "existing socket" in str(error):
            # An earlier request ran out of memory and left its socket in use. This closes all
            # sockets of the pool; the link connects again by itself.
            adafruit_connection_manager.connection_manager_close_all(pool)


fetched = time.monotonic()
while True:
    link.poll()
    if link.connected and time.monotonic() - fetched > EVERY:
        fetched = time.monotonic()
        fetch()
