# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.deployments`
================================================================================

Deployment groups: which devices get which firmware, and when a device gets no more of it.

Separate because these are the server's rules alone; `nerveshub_tools.hub` offers the updates.
"""

import re
from dataclasses import dataclass
from typing import List, Optional

from .devices import PENALTY_SECONDS, Device
from .metadata import parse_version

_REQUIREMENT = re.compile(r"\s*(==|!=|>=|<=|>|<|~>)?\s*(\d+\.\d+(?:\.\d+)?\S*)\s*")
_COMPARE = {
    "==": lambda version, wanted: version == wanted,
    "!=": lambda version, wanted: version != wanted,
    ">=": lambda version, wanted: version >= wanted,
    "<=": lambda version, wanted: version <= wanted,
    ">": lambda version, wanted: version > wanted,
    "<": lambda version, wanted: version < wanted,
}


@dataclass
class Deployment:
    """
    A firmware that some devices should run, and when a device gets no more of it for a while.

    :param identifiers: of the devices; None means all of them
    :param int failure_threshold: attempts after which a device gets into the penalty box
    :param int failure_rate_amount: attempts within ``failure_rate_seconds`` that lead there, too
    :param float penalty_seconds: for how long
    :param str name: of the group, unique
    :param tags: tags that a device must have, all of them. None for a group that goes by
        ``identifiers``, as the real server has none
    :param str version: requirement on the version that a device runs, such as ``< 2.0.0``
    :param bool active: is the group switched on?
    :param int release: counts the firmwares that the group had
    :param float released_at: unix time of the last release
    """

    id: int
    uuid: str
    identifiers: Optional[set] = None
    failure_threshold: int = 3
    failure_rate_amount: int = 5
    failure_rate_seconds: float = 180
    penalty_seconds: float = PENALTY_SECONDS
    name: str = ""
    tags: Optional[List[str]] = None
    version: str = ""
    active: bool = True
    release: int = 1
    released_at: float = 0

    def __post_init__(self) -> None:
        self.name = self.name or f"group {self.id}"

    def takes(self, device: Device, firmware: dict) -> bool:
        """
        Is the device one of this group?

        :param dict firmware: metadata of the group's firmware, whose platform and architecture
            a device must have if the group goes by tags
        """
        if self.tags is None:
            return self.identifiers is None or device.identifier in self.identifiers
        return (
            all(device.meta.get(key) == firmware.get(key) for key in ("platform", "architecture"))
            and set(self.tags) <= set(device.tags or ())
            and fits(device.meta.get("version") or "", self.version)
        )

    def has_enough_of(self, device: Device, now: float) -> bool:
        """Were there too many attempts to update the device?"""
        recent = [at for at in device.attempts if at > now - self.failure_rate_seconds]
        return (
            len(recent) >= self.failure_rate_amount
            or len(device.attempts) >= self.failure_threshold
        )


def is_requirement(text: str) -> bool:
    """Is this a requirement on a version, as Elixir writes it? An empty one takes all."""
    parts = re.split(r"\band\b|\bor\b", text)
    return not text or all(_REQUIREMENT.fullmatch(part) for part in parts)


def fits(version: str, requirement: str) -> bool:
    """
    Does a version meet a requirement of Elixir's ``Version``, such as ``>= 1.0.0 and < 2.0.0`` or
    ``~> 1.2``? What is behind a dash in a version does not count here.
    """
    found = parse_version(version)
    if not requirement:
        return True
    if found is None or not is_requirement(requirement):
        return False
    return any(
        all(_meets(found, part) for part in re.split(r"\band\b", alternative))
        for alternative in re.split(r"\bor\b", requirement)
    )


def _meets(found: tuple, part: str) -> bool:
    sign, text = _REQUIREMENT.fullmatch(part).groups()
    numbers = tuple(int(number) for number in re.findall(r"\d+", text)[:3])
    wanted = (numbers + (0,))[:3]
    if sign == "~>":
        # ~> 1.2 allows 1.x, ~> 1.2.3 allows 1.2.x.
        return found >= wanted and found[: len(numbers) - 1] == numbers[:-1]
    return _COMPARE[sign or "=="](found, wanted)
