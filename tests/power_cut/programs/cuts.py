# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Cuts the power in every write of a phase, in several places of each, and looks what becomes of the
board. Prints JSON lines.
"""

import json
import sys

from fat_map import owners
from flash import BLOCK, SECTOR, torn, write
from machine import Brick, Unmountable
from scenario import Story

_MOST_FAILURES = 10
_RECOVERY = 4
_SAMPLE = 11


class Cutter:
    """
    Tries all cuts of one phase.

    :param Story story: the board before the phase
    """

    def __init__(self, story):
        self._story = story
        self._flash = story.flash
        self._before = bytes(story.flash.data)
        self.writes = []
        """What the phase wrote, from `record` on."""
        self.once, self.block_0, self.twice = {}, {}, {}
        """How many cuts ended how: one outside block 0, one in it, two outside."""
        self.failures = []
        """Where and how it went wrong."""

    def record(self):
        """Let the phase happen, uncut."""
        self.writes = self._flash.record()
        self._story.play(self._story.phase)
        self._flash.writes = None

    def cut_everywhere(self, doubles):
        """
        Cut within each write of the phase.

        :param int doubles: every so-many-th case is recovered from a second time, with cuts in it
        """
        view = memoryview(bytearray(self._before))
        case = 0
        for number, (sector, new) in enumerate(self.writes):
            start, contents = torn(view, sector, new)
            for kind, content in enumerate(contents):
                case += 1
                double = doubles and start and case % doubles == 0
                self._put(view, start, content)
                writes = self._flash.record() if double else None
                outcome = self._outcome(start, lambda: shared(view, sector))
                self._flash.writes = None
                self._count(self.once if start else self.block_0, outcome, (number, sector, kind))
                if double:
                    self._cut_again(view, (number, sector, kind), start, content, writes)
            write(view, sector, new)

    def _cut_again(self, before, first, start, content, writes):
        view = memoryview(bytearray(before))
        view[start : start + BLOCK] = content
        # The first writes are the recovery's own; behind them comes an update like any other.
        for number, (sector, new) in enumerate(writes):
            if sector * SECTOR >= BLOCK and (number < _RECOVERY or number % _SAMPLE == 0):
                again, contents = torn(view, sector, new)
                for kind, torn_again in enumerate(contents[1:]):
                    self._put(view, again, torn_again)
                    outcome = self._outcome(
                        again, lambda: shared(before, first[1]) or shared(view, sector)
                    )
                    self._count(self.twice, outcome, first + (number, sector, kind))
            write(view, sector, new)

    def _put(self, view, start, content):
        self._flash.view[:] = view
        self._flash.view[start : start + BLOCK] = content

    def _outcome(self, start, may_need_rescue):
        """Power on; words on what came of it, a failure's beginning with an exclamation mark."""
        story, phase = self._story, self._story.phase
        outside, machine = story.outside, story.machine
        outside.want(phase.then)
        try:
            machine.mount()
            if start and "run" not in story.record():
                return "!both copies of the record are lost"
            machine.power_on()
        except Unmountable:
            return "!unmountable"
        except Brick as error:
            return "!brick: " + str(error)
        first, last = outside.joins[0][0], outside.joins[-1][0]
        record = story.record()
        confirmed = (record.get("run"), phase.then) == machine.ran[-1] and not record["trial"]
        if last != phase.then or not confirmed:
            return "!not completed: %s %s" % (outside.joins, outside.refused)
        if first == "rescue" != phase.old and not may_need_rescue():
            return "!the rescue application runs: %s" % machine.ran
        # Cut a second time, the release that is wanted behind the phase may run already.
        known = {phase.then: "new", phase.new: "new", "rescue": "rescue", phase.old: "old"}
        return known.get(first) or "!wrong release: %s" % machine.ran

    def _count(self, counts, outcome, where):
        if outcome[0] == "!":
            if counts is not self.block_0 and len(self.failures) < _MOST_FAILURES:
                self.failures.append([where, outcome])
            outcome = outcome[1:].split(":")[0]
        counts[outcome] = counts.get(outcome, 0) + 1


def shared(view, sector):
    """
    Does the block of a sector hold data of both slots, or the folder that they are in?

    :param view: the drive before that sector is written; what is free then becomes the idle slot's
    """
    found = owners(view)
    first = sector * SECTOR // BLOCK * (BLOCK // SECTOR)
    holds = {found.get(number, "")[:8] for number in range(first, first + BLOCK // SECTOR)}
    if "/slots" in holds:
        return True
    holds = {slot for slot in holds if slot in ("/slots/a", "/slots/b")}
    return len(holds) + (sector not in found) > 1


def main(options):
    """Cut one phase."""
    cutter = Cutter(Story(options["phase"]))
    cutter.record()
    cutter.cut_everywhere(options["doubles"])
    print(
        json.dumps(
            {
                "event": "cut",
                "writes": len(cutter.writes),
                "writes in block 0": len([1 for at, _ in cutter.writes if at * SECTOR < BLOCK]),
                "once": cutter.once,
                "block 0": cutter.block_0,
                "twice": cutter.twice,
                "failures": cutter.failures,
            }
        )
    )


main(json.loads(sys.stdin.read()))
