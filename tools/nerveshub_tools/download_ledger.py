# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.download_ledger`
================================================================================

How many bytes of a firmware have travelled, and to whom: one entry for each answer. No I/O;
`nerveshub_tools.downloads` writes it, under the hub's lock.
"""

from dataclasses import dataclass
from typing import List, Mapping, Optional

from .devices import Device


@dataclass
class Download:
    """
    One answer with bytes of a firmware.

    :param str uuid: of the firmware
    :param str identifier: whose download it is, None if nobody can tell
    :param int status: 200 or 206
    :param int start: position in the file of the answer's first byte
    :param int sent: bytes of the body that were handed to the network so far. Of an answer in one
        piece these are all of them, though a device that hangs up may not receive them
    """

    uuid: str
    identifier: Optional[str]
    status: int
    start: int
    sent: int = 0


class DownloadLedger:
    """:param devices: identifier -> `nerveshub_tools.devices.Device`"""

    def __init__(self, devices: Mapping[str, Device]) -> None:
        self.entries: List[Download] = []
        """Every answer with bytes of a firmware, in order"""
        self._devices = devices

    def begin(self, uuid: str, identifier: Optional[str], status: int, start: int) -> Download:
        """
        An answer begins; the caller counts its bytes in the entry that this gives.

        An address of the server's own files does not tell whose download it is (None). It is the
        device's whose update to this firmware is in flight, if there is just one.
        """
        if identifier is None:
            busy = [
                device.identifier
                for device in self._devices.values()
                if device.inflight and device.inflight.uuid == uuid
            ]
            identifier = busy[0] if len(busy) == 1 else None
        self.entries.append(Download(uuid, identifier, status, start))
        return self.entries[-1]

    def body_bytes(self, uuid: str, identifier: Optional[str] = None) -> int:
        """
        How many bytes of a firmware have gone out. Heads of answers are not counted.

        :param str identifier: those of one device, None for all
        """
        return sum(
            entry.sent
            for entry in self.entries
            if entry.uuid == uuid and identifier in {None, entry.identifier}
        )
