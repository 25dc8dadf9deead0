# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.rollout`
================================================================================

How the devices of a deployment group take a release: asks the server again and again, says what
each device does, and ends by itself.

Separate from the commands that wait for it, and from what they print
(`nerveshub_tools.rollout_view`). NervesHub's REST API tells what a device runs, whether it is
connected, and until when it is blocked; it does not tell whether a release is confirmed, nor how
far a download is. The development hub tells these, too.
"""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Awaitable, Callable, List, Optional

from .rest_client import Refused, RestClient, RestError
from .rest_product import Product

RUNS = "runs it"
TRIAL = "on trial"
WAITS = "waiting"
UPDATES = "updating"
RESTARTS = "restarting"
BLOCKED = "blocked"
OFF = "updates are off"
AWAY = "not connected"
UNFINISHED = (TRIAL, WAITS, UPDATES, RESTARTS)
"""States in which there is more to come."""
TIMEOUT = 900
_PAUSE, _HUB_PAUSE = 2, 0.3
_EMPTY = 10
"""Seconds that a group may be without devices: a server needs a moment for a new one."""


@dataclass(frozen=True)
class Row:
    """
    A device of the group.

    :param str identifier: its name
    :param str runs: version that it runs
    :param str state: one of the words above
    :param bool online: is it connected?
    :param blocked_until: time until which it is offered nothing, as the server says it, or None
    :param percent: of the download or the installation; None if it is not known
    """

    identifier: str
    runs: str
    state: str
    online: bool
    blocked_until: Optional[str] = None
    percent: Optional[int] = None


class Rollout:
    """
    :param Product product: whose devices are asked for
    :param RestClient client: the connection
    :param str group: the deployment group
    :param str uuid: of the release
    :param float timeout: seconds after which the wait is over
    :param clock: seconds that pass
    :param now: what time it is
    :param sleep: waits some seconds
    """

    def __init__(  # noqa: PLR0913 - options, keyword only
        self,
        product: Product,
        client: RestClient,
        group: str,
        uuid: str,
        *,
        timeout: float = TIMEOUT,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], Awaitable] = asyncio.sleep,
    ) -> None:
        self._product = product
        self._client = client
        self._group = group
        self._uuid = uuid
        self._timeout = timeout
        self._clock, self._now, self._sleep = clock, now, sleep
        self._seen: set = set()
        self._is_hub = False
        self.rows: List[Row] = []
        """The devices as they were when they were asked for last"""
        self.trouble = ""
        """Why the server was not asked last time, in words; empty if it was"""

    @property
    def done(self) -> bool:
        """Has every device that is connected the release? (read-only)"""
        return all(row.state in {RUNS, AWAY} for row in self.rows) and not self.trouble

    async def run(self, show: Callable[["Rollout"], None]) -> None:
        """
        Wait until no device has anything to come, or the time is over.

        :param show: called whenever the devices were asked for
        :raises RestError: if the server refuses to tell
        """
        begun = self._clock()
        self._is_hub = await self._asks_a_hub()
        while True:
            left = self._timeout - (self._clock() - begun)
            await self._look(left)
            show(self)
            waited = self._timeout - left
            finished = not self.trouble and not any(row.state in UNFINISHED for row in self.rows)
            if left <= 0 or (finished and (self.rows or waited >= _EMPTY)):
                return
            await self._sleep(min(_HUB_PAUSE if self._is_hub else _PAUSE, max(left, 0)))

    async def _look(self, left: float) -> None:
        until = self._now() + timedelta(seconds=max(left, 0))
        try:
            found = await self._product.devices()
            rows = []
            for item in sorted(found, key=lambda item: item["identifier"]):
                if (item.get("deployment_group") or {}).get("name") == self._group:
                    rows.append(await self._row(item, until))
        except Refused as refused:
            if refused.status < 500:
                raise
            self.trouble = str(refused)
        except RestError as error:
            self.trouble = str(error)
        else:
            self.rows, self.trouble = rows, ""

    async def _row(self, item: dict, until: datetime) -> Row:
        identifier = item["identifier"]
        online = item["connection_status"] == "connected"
        if online:
            self._seen.add(identifier)
        told = await self._told_by_hub(identifier) if online and self._is_hub else {}
        blocked = item.get("updates_blocked_until")
        blocked = blocked if blocked and _moment(blocked) > self._now() else None
        state, percent = self._state(item, online, told), None
        if state == WAITS and told.get("inflight"):
            state, percent = UPDATES, (told.get("progress") or [None, None])[1]
        elif state == WAITS and not item["updates_enabled"]:
            state = OFF
        elif state == WAITS and blocked and _moment(blocked) >= until:
            state = BLOCKED
        return Row(identifier, item["version"], state, online, blocked, percent)

    def _state(self, item: dict, online: bool, told: dict) -> str:
        meta = item.get("firmware_metadata") or {}
        if meta.get("uuid") == self._uuid:
            return TRIAL if told.get("validation") == "not_validated" else RUNS
        if not online:
            return RESTARTS if item["identifier"] in self._seen else AWAY
        return WAITS

    async def _asks_a_hub(self) -> bool:
        """Is the server the development hub? It has a call for that; NervesHub answers 404."""
        try:
            found = await self._client.call("GET", "hub")
        except RestError:
            return False
        return isinstance(found, dict) and "violations" in (found.get("data") or {})

    async def _told_by_hub(self, identifier: str) -> dict:
        return (await self._client.call("GET", "devices", identifier, "state"))["data"]


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except (AttributeError, ValueError):
        return datetime.min.replace(tzinfo=UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
