# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.download_faults`
================================================================================

Downloads that go wrong on purpose: what shall happen to the next ones, and to whose. No I/O;
`nerveshub_tools.downloads` acts accordingly.
"""

from dataclasses import dataclass
from typing import List, Optional


@dataclass(frozen=True)
class Fault:
    """
    What goes wrong with one download. `cut` and `stall` count bytes of the answer's body; `corrupt`
    is a position in the file.
    """

    drop: bool = False
    """Hang up without an answer."""
    status: Optional[int] = None
    """Answer this status, and no file."""
    cut: Optional[int] = None
    """Hang up after so many bytes."""
    stall: Optional[int] = None
    """Say nothing more after so many bytes, until the client hangs up."""
    drip: Optional[float] = None
    """Bytes per second."""
    corrupt: Optional[int] = None
    """Flip a bit of the byte there."""
    ignore_range: bool = False
    """Answer 200 and the whole file."""
    content_range: Optional[str] = None
    """Say this instead of the right ``Content-Range``."""
    total: Optional[int] = None
    """Say in ``Content-Range`` that the file is so long; the range itself is right."""
    range_status: Optional[int] = None
    """Answer a request with ``Range`` with this status (416, 403), and no file; one without is
    answered as ever."""
    shorten: Optional[int] = None
    """Answer a range with its first so many bytes, and say so; HTTP allows to give less."""
    etag: Optional[str] = None
    """Say this ETag, quotes included, as if the file had been replaced."""
    close: bool = False
    """Say ``Connection: close``, and hang up after the answer."""
    hang_up: bool = False
    """Hang up after the answer without having said so."""


@dataclass
class _Planned:
    fault: Fault
    times: Optional[int]
    identifier: Optional[str]


class DownloadFaults:
    """The plan. The first fault that concerns a download happens to it."""

    def __init__(self) -> None:
        self._planned: List[_Planned] = []

    def add(
        self, *faults: Fault, times: Optional[int] = 1, identifier: Optional[str] = None
    ) -> None:
        """
        Plan faults, each for one download after the other.

        :param int times: how often each of them happens; None for always
        :param str identifier: whose downloads, None for anybody's. Only presigned addresses tell
            whose a download is
        """
        self._planned += [_Planned(fault, times, identifier) for fault in faults]

    def clear(self) -> None:
        """From now on, nothing goes wrong."""
        self._planned.clear()

    def take(self, identifier: Optional[str]) -> Fault:
        """What happens to a download of this device (None: not known whose)."""
        for planned in self._planned:
            if planned.identifier in {None, identifier}:
                if planned.times is not None:
                    planned.times -= 1
                    if planned.times <= 0:
                        self._planned.remove(planned)
                return planned.fault
        return Fault()
