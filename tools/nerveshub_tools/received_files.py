# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.received_files`
================================================================================

Files that a device sends over its console: ``file-data/start``, ``file-data``, ``file-data/stop``.

Separate because the real server passes these three on and the operator's browser puts the file
together; the hub does it here, within limits, so that a file can be fetched at any time.
"""

import base64
import binascii
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional

EVENTS = ("file-data/start", "file-data", "file-data/stop")
MAX_SIZE = 10 * 1024 * 1024
"""Bytes; NervesHub's own client sends no larger file."""
_KEPT = 20
_UNDER_WAY = 4


@dataclass(frozen=True)
class ReceivedFile:
    """A file that was received completely."""

    name: str
    """As the device says; not to be trusted as a path."""
    data: bytes
    received_at: float


class FileReceiver:
    """
    :param files: where whole files are put, the newest last
    :param clock: gives the time
    :param complain: called with a text for each invalid message
    """

    def __init__(self, files: List[ReceivedFile], clock: Callable[[], float], complain) -> None:
        self._files = files
        self._clock = clock
        self._complain = complain
        self._parts: Dict[str, Optional[bytearray]] = {}  # None: given up, the rest is passed over

    def handle(self, event: str, payload: Any) -> None:
        """One of `EVENTS`."""
        name = payload.get("filename") if isinstance(payload, dict) else None
        if not isinstance(name, str) or not name:
            self._complain(f"{event} without a filename")
        elif event == "file-data/start":
            if len(self._parts) >= _UNDER_WAY:
                lost = next(iter(self._parts))
                del self._parts[lost]
                self._complain(f"file {lost!r:.80} never ended")
            self._parts[name] = bytearray()
        elif name not in self._parts:
            self._complain(f"{event} of {name!r:.80}, which did not start")
        elif event == "file-data":
            self._append(name, payload.get("data"))
        else:
            data = self._parts.pop(name)
            if data is not None:
                self._files.append(ReceivedFile(name, bytes(data), self._clock()))
                del self._files[:-_KEPT]

    def _append(self, name: str, text: Any) -> None:
        part = self._parts[name]
        if part is None:
            return
        try:
            part += base64.b64decode(text, validate=True)
            fault = f"is larger than {MAX_SIZE} bytes" if len(part) > MAX_SIZE else None
        except (TypeError, ValueError, binascii.Error):
            fault = "is not in base64"
        if fault:
            self._parts[name] = None
            self._complain(f"file {name!r:.80} {fault}: given up")
