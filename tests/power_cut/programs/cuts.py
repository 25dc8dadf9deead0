# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Cuts the power in every write of each phase, at several places of each, and checks the board after
that. Prints JSON lines. Options: ``seconds`` for each phase, 0 to try every cut; ``doubles``: after
each so-many-th cut, the power is cut again during the recovery.
"""

import json
import sys
import time

from flash import BLOCK, torn, write
from machine import Brick
from scenario import PHASES, Story

_MOST_FAILURES = 10
_RECOVERY = 4
_SAMPLE = 11
_TRIED = 3  # cases to see how long one takes


class Cutter:
    """
    Tries all cuts of one phase.

    :param Story story: the board before the phase
    :param Phase phase: what happens
    """

    def __init__(self, story, phase):
        self._story = story
        self._phase = phase
        self._flash = story.flash
        self._before = bytes(story.flash.data)
        self.writes = []
        """What the phase wrote, from `record` on."""
        self.once, self.tables, self.twice = {}, {}, {}
        """How many cuts ended how: one elsewhere, one in the tables, two
        elsewhere."""
        self.failures = []
        """Where and how it went wrong."""
        self.cases = 0
        """How many cuts there are."""

    def record(self):
        """Let the phase happen, uncut; returns how often it erased a block of the tables."""
        before = self._flash.table_erases
        self.writes = self._flash.record()
        self._story.play(self._phase)
        self._flash.writes = None
        self._after = bytes(self._flash.data)
        return self._flash.table_erases - before

    def cut(self, seconds, doubles):
        """
        Cut within the writes of the phase.

        :param seconds: how long, at most and about; 0 for all cuts
        :param int doubles: every so-many-th case is recovered from a second time, with cuts in it
        """
        steps = self._steps(seconds) if seconds else (1, 1)
        view = memoryview(bytearray(self._before))
        counts = [0, 0]
        tried = 0
        for number, (sector, new) in enumerate(self.writes):
            start, contents = torn(view, sector, new)
            image = self._story.is_image(sector)
            tables = self._flash.in_tables(sector)
            for kind, content in enumerate(contents):
                counts[image] += 1
                if counts[image] % steps[image]:
                    continue
                tried += 1
                double = not tables and tried % doubles == 0
                self._put(view, start, content)
                writes = self._flash.record() if double else None
                outcome = self._outcome(tables)
                self._flash.writes = None
                counted = self.tables if tables else self.once
                self._count(counted, outcome, (number, sector, kind))
                if double:
                    self._cut_again(view, (number, sector, kind), start, content, writes)
            write(view, sector, new)
        self.cases = sum(counts)

    def _steps(self, seconds):
        """Each so-many-th cut is tried, of those in an image and of the others."""
        view = memoryview(bytearray(self._before))
        cases = [0, 0]
        taken = []
        every = max(len(self.writes) // _TRIED, 1)
        for number, (sector, new) in enumerate(self.writes):
            start, contents = torn(view, sector, new)
            cases[self._story.is_image(sector)] += len(contents)
            if number % every == 0:
                self._put(view, start, contents[-1])
                begun = time.ticks_us()
                self._outcome(True)
                taken.append(time.ticks_diff(time.ticks_us(), begun) / 1000000)
            write(view, sector, new)
        each = sum(taken) / len(taken)
        most = max(seconds - sum(taken), 0.2) / each
        vital = most / 2 if cases[1] else most
        rest = most - min(vital, cases[0])
        return max(1, -(-cases[0] // int(vital + 1))), max(1, -(-cases[1] // int(rest + 1)))

    def _cut_again(self, before, first, start, content, writes):
        view = memoryview(bytearray(before))
        view[start : start + BLOCK] = content
        # The first writes are the recovery's own; behind them comes an update like any other.
        for number, (sector, new) in enumerate(writes):
            if not self._flash.in_tables(sector) and (number < _RECOVERY or number % _SAMPLE == 0):
                again, contents = torn(view, sector, new)
                for kind, torn_again in enumerate(contents[1:]):
                    self._put(view, again, torn_again)
                    outcome = self._outcome(False)
                    self._count(self.twice, outcome, first + (number, sector, kind))
            write(view, sector, new)

    def _put(self, view, start, content):
        self._flash.view[:] = view
        self._flash.view[start : start + BLOCK] = content

    def _outcome(self, tables):
        """
        Power on; words on what came of it, a failure's beginning with an exclamation mark.

        :param tables: was the cut in boot record, FAT or root directory?
        """
        story, phase = self._story, self._phase
        outside, machine = story.outside, story.machine
        outside.want(phase.then)
        before = self._flash.table_erases
        try:
            machine.mount()
            if not tables and "run" not in story.record():
                return "!all copies of the record are lost"
            machine.power_on()
            machine.mount()
        except Brick as error:
            return "!%s: %s" % (type(error).__name__.lower(), error)
        if not (tables or phase.writes_tables) and self._flash.table_erases != before:
            return "!the recovery wrote to the tables"
        if story.moving and not story.locate():
            return "in pieces: a board would see it"
        return self._judge(outside.joins[0][0], outside.joins[-1][0])

    def _judge(self, first, last):
        """The board runs: the right release, and in the end the one that is wanted?"""
        phase, machine, outside = self._phase, self._story.machine, self._story.outside
        if outside.refused and phase.may_lose and first in (phase.old, phase.new):
            return "slot lost, online"
        record = self._story.record()
        confirmed = (record.get("run"), phase.then) == machine.ran[-1] and not record["trial"]
        if last != phase.then or not confirmed:
            return "!not completed: %s %s" % (outside.joins, outside.refused)
        if first == "rescue" != phase.old:
            return "!the rescue application runs: %s" % machine.ran
        # Cut a second time, the release that is wanted behind the phase may run already.
        known = {phase.then: "new", phase.new: "new", "rescue": "rescue", phase.old: "old"}
        return known.get(first) or "!wrong release: %s" % machine.ran

    def _count(self, counts, outcome, where):
        if outcome[0] == "!":
            if counts is not self.tables and len(self.failures) < _MOST_FAILURES:
                self.failures.append([where, outcome])
            outcome = outcome[1:].split(":")[0]
        counts[outcome] = counts.get(outcome, 0) + 1

    def end(self):
        """Leave the board as the phase does."""
        self._flash.view[:] = self._after


def main(options):
    """Cut one phase after the other."""
    story = Story()
    for phase in PHASES:
        cutter = Cutter(story, phase)
        closed = story.machine.closed
        erases = cutter.record()
        closed = story.machine.closed - closed
        if not options["phases"] or phase.name in options["phases"]:
            cutter.cut(options["seconds"], options["doubles"])
        cutter.end()
        story.moving = False  # from the first phase on
        print(
            json.dumps(
                {
                    "event": "cut",
                    "phase": phase.name,
                    "writes": len(cutter.writes),
                    "table erases": erases,
                    "allowed": phase.writes_tables,
                    "closed": closed,
                    "cases": cutter.cases,
                    "once": cutter.once,
                    "in tables": cutter.tables,
                    "twice": cutter.twice,
                    "failures": cutter.failures,
                }
            )
        )


main(json.loads(sys.stdin.read()))
