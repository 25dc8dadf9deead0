# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Counts what an update and a start cost the flash. Prints JSON lines."""

import json
import sys
import time

from flash import BLOCK, SECTOR
from scenario import Phase, Story


def count(writes):
    """Numbers on a list of writes."""
    return {
        "erases": len(writes),
        "in block 0": len([1 for sector, _ in writes if sector * SECTOR < BLOCK]),
        "bytes": sum([len(data) for _, data in writes]),
    }


def main(options):
    """Two updates of the same size and a start; then the guard's check of the manifest."""
    story = Story("update")
    flash, machine = story.flash, story.machine
    for release in options["releases"]:
        writes = flash.record()
        story.play(Phase("", ("", ""), {"release": release}, ""))
        size = sum([len(data) for data in story.releases.files[release].values()])
        files = len(story.releases.files[release])
        numbers = count(writes)
        numbers.update({"event": "update", "release": release, "size": size, "files": files})
        print(json.dumps(numbers))
    writes = flash.record()
    machine.power_on()
    print(json.dumps(dict(count(writes), event="start")))
    import nh_boot

    reads = flash.reads
    begun = time.ticks_us()
    assert nh_boot.intact("/slots/" + machine.ran[-1][0])
    taken = time.ticks_us() - begun
    print(json.dumps({"event": "check", "microseconds": taken, "reads": flash.reads - reads}))


main(json.loads(sys.stdin.read()))
