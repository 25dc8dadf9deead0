# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.rollout_view`
================================================================================

Shows a `nerveshub_tools.rollout.Rollout`: a table that is drawn anew on a terminal, a line for each
change elsewhere, and the result.
"""

from typing import Dict, List, Optional

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from .fleet_access import plain, tell
from .rollout import AWAY, BLOCKED, OFF, RUNS, TRIAL, UNFINISHED, Rollout, Row

_COLORS = {RUNS: "green", TRIAL: "yellow", BLOCKED: "red", OFF: "red", AWAY: "dim"}
_NOBODY = "no device belongs to the group yet: NervesHub chooses the group when a device connects"
_MOST = 20  # lines of a table that is drawn anew: the terminal must have room for it


async def watched(rollout: Rollout, version: str, console: Optional[Console] = None) -> bool:
    """
    Show a rollout until it ends.

    :param str version: of the release
    :return: do all devices that are connected run it?
    """
    console = console or Console()
    if console.is_terminal and not console.is_dumb_terminal:  # TERM=dumb can't draw again
        with Live(console=console, auto_refresh=False) as live:
            await rollout.run(lambda it: live.update(table(it, version), refresh=True))
    else:
        await rollout.run(_Lines().show)
    for line in result(rollout, version):
        tell(line)
    return rollout.done


class _Lines:
    """For output that is kept: a line whenever a device does something else."""

    def __init__(self) -> None:
        self._told: Dict[str, tuple] = {}
        self._trouble = ""

    def show(self, rollout: Rollout) -> None:
        if rollout.trouble != self._trouble:
            self._trouble = rollout.trouble
            tell(f"NervesHub does not answer: {rollout.trouble}" if rollout.trouble else "It does.")
        for row in rollout.rows:
            if self._told.get(row.identifier) != (row.state, row.runs):
                self._told[row.identifier] = (row.state, row.runs)
                tell(f"{row.identifier}: {row.state}, runs {row.runs}")


def table(rollout: Rollout, version: str) -> Table:
    """The devices; those that are not finished come first if there are too many."""
    names = ("device", "runs", "target", "online", "update", "blocked until")
    found = Table(*names, caption=plain(rollout.trouble) or None)
    rows = rollout.rows
    if len(rows) > _MOST:
        rows = sorted(rows, key=lambda row: row.state in {RUNS, AWAY})[:_MOST]
        found.caption = f"and {len(rollout.rows) - _MOST} more"
    for row in rows:
        percent = "" if row.percent is None else f" {row.percent} %"
        cells = (
            row.identifier,
            row.runs,
            version,
            "yes" if row.online else "no",
            row.state + percent,
            row.blocked_until or "",
        )
        found.add_row(*(Text(plain(cell)) for cell in cells), style=_COLORS.get(row.state))
    return found


def result(rollout: Rollout, version: str) -> List[str]:
    """How it ended, in words: those that run it counted, all others named."""
    rows = rollout.rows
    if not rows:
        return [rollout.trouble or _NOBODY]
    running = sum(row.state == RUNS for row in rows)
    if running == len(rows):
        devices = "the device runs" if running == 1 else f"all {running} devices run"
        return [f"{devices} {version}"]
    lines = [f"{running} of {len(rows)} devices run {version}"]
    return lines + [_why(row) for row in rows if row.state != RUNS]


def _why(row: Row) -> str:
    name = row.identifier
    back = f"nerveshub-link penalty {name} --clear"
    if row.state == AWAY:
        return f"{name} is not connected: it gets the release when it comes"
    if row.state == BLOCKED:
        words = "its updates failed, or were put off"
        return f"{name} runs {row.runs} and is blocked until {row.blocked_until}: {words}. {back}"
    if row.state == OFF:
        return f"{name} runs {row.runs}, and its automatic updates are off: {back}"
    if row.state == TRIAL:
        return f"{name} runs it on trial, and has not confirmed it in time"
    assert row.state in UNFINISHED
    return f"{name} still runs {row.runs} ({row.state}): the time is over"
