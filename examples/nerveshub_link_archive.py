# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: Unlicense
"""
Archives: files that NervesHub has for the board beside its firmware.

Not for a prepared board as it is: without fwup_writer=AppSlotWriter() it takes no updates.
"""

import os

import board
import wifi

from nerveshub_link import DOWNLOAD, Client, NervesHubLink, ignore

FIRMWARE = {
    "uuid": "2a6ff5bc-7d5c-5c7a-9a3a-2f0c4a6a5a01",
    "product": "greenhouse",
    "version": "1.0.0",
    "platform": board.board_id,
    "architecture": "xtensa",
}


class Sounds(Client):
    def archive_available(self, info):
        if info["size"] > 500_000:
            return ignore("too large")
        return DOWNLOAD

    def archive_ready(self, path, verified):
        # verified is False on a board without public keys: then only the length was checked.
        print(path, os.stat(path)[6], "bytes")

    def public_keys(self, kind, keys):
        print("the organization signs its", kind, "with", len(keys), "keys")


# The drive must be writable for code, as on a prepared board, and the folder must exist.
link = NervesHubLink.from_settings(
    wifi.radio,
    firmware_meta=FIRMWARE,
    client=Sounds(),
    archive_folder="/archives",
    request_public_keys=True,
)

while True:
    link.poll()
