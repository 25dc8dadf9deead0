# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: Unlicense
"""
The same library on a PC or a Raspberry Pi, with CPython. Options come from the environment:

    NERVESHUB_HOST=... NERVESHUB_PRODUCT_KEY=... NERVESHUB_PRODUCT_SECRET=... \\
        python nerveshub_link_cpython.py
"""

import os
import socket
import ssl
import sys
import time

from nerveshub_link import Client, FileWriter, NervesHubLink

FIRMWARE = {
    "uuid": "2a6ff5bc-7d5c-5c7a-9a3a-2f0c4a6a5a01",
    "product": "greenhouse",
    "version": "1.0.0",
    "platform": "pc",
    "architecture": "generic",
}


class Program(Client):
    def fwup_progress(self, percent, stage):
        print(stage, percent, "%")

    def handle_connected(self):
        print("joined")

    def handle_disconnected(self, reason):
        print("offline:", reason)

    def reboot(self):
        # A board would restart; here the program is started again.
        print("restarting", flush=True)
        link.deinit()
        os.execv(sys.executable, [sys.executable] + sys.argv)


plain = os.getenv("NERVESHUB_SSL", "true").lower() in ("0", "false", "no", "off")
link = NervesHubLink(
    socket,
    None if plain else ssl.create_default_context(),
    ssl=not plain,
    host=os.getenv("NERVESHUB_HOST", "localhost"),
    port=int(os.getenv("NERVESHUB_PORT", "443")),
    product_key=os.getenv("NERVESHUB_PRODUCT_KEY"),
    product_secret=os.getenv("NERVESHUB_PRODUCT_SECRET"),
    identifier=os.getenv("NERVESHUB_IDENTIFIER", socket.gethostname()),
    client=Program(),
    fwup_writer=FileWriter("firmware.bin", firmware_meta=FIRMWARE),
    confirm_after=10,
)

state = error = None
while True:
    link.poll()
    if link.state != state or link.last_error != error:
        state, error = link.state, link.last_error
        print(state, error or "", flush=True)
    time.sleep(0.01)
