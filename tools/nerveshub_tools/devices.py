# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.devices`
================================================================================

The server's record of a device, and its changes by an update in flight.

Separate because this is the server's database row: it outlives connections, and the channel and the
operator both write it. No frames here; input that would crash the server raises `Crash`.
"""

from collections import deque
from dataclasses import dataclass, field, replace
from typing import Any, Deque, Dict, List, Optional, Set, Tuple

from .phoenix import Crash, has_nul
from .received_files import ReceivedFile
from .scrollback import Scrollback

STATUSES = (
    "requested rescheduled ignored received started downloading updating completed failed expired"
).split()
INFLIGHT_EXPIRY = 30 * 60
"""Seconds after which an update without a change is forgotten."""
PROGRESS_STORED_EVERY = 15
"""Seconds; within them, progress of an unchanged status is shown but not stored."""
PENALTY_SECONDS = 24 * 3600
"""For how long a device is in the penalty box, unless its deployment group says else."""
HISTORY = 5000
"""How many frames and events of a device are kept."""


@dataclass
class Inflight:
    """The update that the server believes to be under way."""

    status: str
    updated_at: float
    uuid: Optional[str] = None
    deployment_id: Optional[int] = None
    progress: Optional[int] = None
    penalty_seconds: float = PENALTY_SECONDS
    """For how long ``failed`` and ``ignored`` block the device, if a deployment brought it."""


def _history() -> Deque:
    return deque(maxlen=HISTORY)


def _scrollbacks() -> Dict[str, Scrollback]:
    return {"console": Scrollback(), "shell": Scrollback()}


@dataclass
class Device:  # pylint: disable=too-many-instance-attributes
    """Everything the hub knows about one identifier. `Hub.device` gives copies of it."""

    identifier: str
    id: int = 0
    connected: bool = False
    joined: bool = False
    """Is the device topic joined now?"""
    topics: Set[str] = field(default_factory=set)
    connections: int = 0
    """How many connections were accepted so far."""
    seen_at: Optional[float] = None
    """When it connected, and once it has gone: when its last message came"""
    description: Optional[str] = None
    tags: Optional[List[str]] = None
    certificates: List[dict] = field(default_factory=list)
    """Those that an operator has registered: serial, not_before, not_after"""
    meta: Dict[str, Any] = field(default_factory=dict)
    """What it runs: uuid, product, platform, architecture, version, ..."""
    join: Any = None
    """Payload of the last join of the device topic."""
    api_version: str = "1.0.0"
    validation: str = "unknown"
    """validated, not_validated or unknown"""
    auto_revert: bool = False
    inflight: Optional[Inflight] = None
    progress: Tuple[Optional[str], Optional[int]] = (None, None)
    """What an operator sees live: status and percent of the last message."""
    attempts: List[float] = field(default_factory=list)
    """When updates were offered and answered, whatever the answers were."""
    blocked_until: Optional[float] = None
    """Until then deployments offer nothing: put off by the device, or in the penalty box."""
    updates_enabled: bool = True
    deployment_id: Optional[int] = None
    interface: Optional[str] = None
    connection_types: List[str] = field(default_factory=list)
    attached: Set[str] = field(default_factory=set)
    health: Deque[dict] = field(default_factory=_history)
    """The reports, oldest first"""
    health_times: Deque[float] = field(default_factory=_history)
    """When each of them came"""
    logs: Deque[dict] = field(default_factory=_history)
    location: Optional[dict] = None
    identities: List[dict] = field(default_factory=list)
    console_version: Optional[str] = None
    terminals: Dict[str, Scrollback] = field(default_factory=_scrollbacks)
    """What it printed on its console and its local shell"""
    files: List[ReceivedFile] = field(default_factory=list)
    """Files that it sent over its console"""
    scripts: Dict[str, Optional[str]] = field(default_factory=dict)
    """ref -> what the script answered, None while it runs"""
    audit: List[str] = field(default_factory=list)
    events: Deque[Tuple[str, str, Any]] = field(default_factory=_history)
    """(topic, event, payload) of every message of the device"""
    frames: Deque[Tuple[str, list]] = field(default_factory=_history)
    """("client" or "server", frame) in order"""

    @property
    def console(self) -> str:
        """The last lines that it printed on its console."""
        return self.terminals["console"].text

    @property
    def shell(self) -> str:
        """The last lines that its local shell printed."""
        return self.terminals["shell"].text

    @property
    def validated(self) -> bool:
        """Did the device say that its firmware is good?"""
        return self.validation == "validated"

    def snapshot(self) -> "Device":
        """A copy that later messages do not change."""
        return replace(
            self,
            topics=set(self.topics),
            meta=dict(self.meta),
            inflight=self.inflight and replace(self.inflight),
            attempts=list(self.attempts),
            attached=set(self.attached),
            health=list(self.health),
            health_times=list(self.health_times),
            logs=list(self.logs),
            identities=list(self.identities),
            terminals={kind: text.copy() for kind, text in self.terminals.items()},
            files=list(self.files),
            scripts=dict(self.scripts),
            audit=list(self.audit),
            events=list(self.events),
            frames=list(self.frames),
        )

    def may_update(self, now: float) -> bool:
        """May deployments reach it: switched on, not in the penalty box, firmware not on trial?"""
        blocked = self.blocked_until is not None and self.blocked_until > now
        return self.updates_enabled and not blocked and self.validation != "not_validated"

    def runs(self, found: dict, now: float) -> None:
        """
        The device joined with the firmware record ``found``.

        Another uuid than before counts as a successful update, whichever uuid it is. The same
        uuid rewrites nothing, not even a changed version text.
        """
        if found["uuid"] == self.meta.get("uuid"):
            return
        if has_nul(found):
            raise Crash("NUL in the firmware's metadata")
        if self.meta:
            self.audit.append(f"{self.identifier} now runs {found['version']} ({found['uuid']})")
        # Fields that this style of parameters does not carry keep their old value.
        self.meta = {**self.meta, **found}
        self.inflight = None
        self.attempts = []
        self.blocked_until = None

    def punish(self, now: float, seconds: float) -> None:
        """Put it into the penalty box, and begin to count its attempts anew."""
        self.blocked_until = now + seconds
        self.attempts = []
        self.audit.append(f"{self.identifier} is in the penalty box: too many attempts to update")

    def forgive(self) -> None:
        """An operator takes it out of the penalty box. Automatic updates are on then, too."""
        self.blocked_until, self.attempts, self.updates_enabled = None, [], True

    def expire(self, now: float) -> None:
        """Forget an update that has not moved for half an hour."""
        if self.inflight and now - self.inflight.updated_at > INFLIGHT_EXPIRY:
            self.audit.append(f"update {self.inflight.uuid} expired")
            self.inflight = None

    def report_status(
        self, status: str, now: float, progress: Optional[int] = None, whole: bool = True
    ) -> None:
        """
        Set the row's status, as most ``status_update`` and all progress messages do.

        :param str status: one of `STATUSES`, else the server's channel crashes
        :param int progress: percent, None for a status without one
        :param bool whole: False for progress, which is stored only now and then
        """
        if status not in STATUSES:
            raise Crash(f"unknown status {status!r}")
        row = self.inflight
        self.progress = (status, progress)
        if row is None:
            # The server inserts a row for an update that it never asked for. It blocks others.
            self.inflight = Inflight(status, now, progress=progress)
            self.attempts.append(now)
            return
        if row.status == "requested":
            self.attempts.append(now)
        stale = now - row.updated_at > PROGRESS_STORED_EVERY
        if not whole and row.status == status and not stale:
            return
        if (row.status, row.progress) != (status, progress):
            row.updated_at = now
        row.status, row.progress = status, progress

    def give_up(
        self, status: str, reason: Any, now: float, seconds: Optional[float] = None
    ) -> None:
        """
        The device said failed, ignored or rescheduled: the row goes, a deployment is blocked.

        :param float seconds: for how long updates of a deployment are blocked; None for its
            penalty time
        """
        row = self.inflight
        if row is None:
            raise Crash(f"{status!r} while no update is in flight")
        if has_nul(reason):
            raise Crash("NUL in the reason")  # all or nothing: the row stays as it was
        if row.status == "requested":
            self.attempts.append(now)
        if row.deployment_id is not None:
            self.blocked_until = now + (row.penalty_seconds if seconds is None else seconds)
        self.progress = (status, None)
        self.audit.append(f"update {row.uuid} {status}: {reason!r}")
        self.inflight = None
