# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Counts what updates and a start cost the flash. Prints JSON lines. Options: ``releases``: to be
installed one after the other; ``large_clusters``: True for a drive with clusters of 4 KB.
"""

import json
import os
import sys
import time

import vfs
from flash import BLOCK, SECTOR
from scenario import Phase, Story

_SECTORS = 4096  # of the drive with large clusters
_SLOT = 634


def format_large(device):
    """An empty FAT12 with clusters of 4 KB, each of which is a block of the flash."""
    sector = bytearray(SECTOR)
    sector[:3] = b"\xeb\x3c\x90"
    sector[3:11] = b"MSDOS5.0"
    # Bytes a sector, sectors a cluster, reserved ones, FATs, entries of the root, sectors, kind,
    # sectors of the FAT: the data begin at sector 40.
    sector[11:24] = b"\x00\x02\x08\x06\x00\x01\x00\x02\x00\x10\xf8\x02\x00"
    sector[38] = 0x29
    sector[54:62] = b"FAT12   "
    sector[510:] = b"\x55\xaa"
    device.writeblocks(0, sector)
    device.writeblocks(1, bytes(39 * SECTOR))
    device.writeblocks(6, b"\xf8\xff\xff" + bytes(SECTOR - 3))


def count(writes, tables):
    """Numbers on a list of writes."""
    return {
        "erases": len(writes),
        "in tables": len([1 for sector, _ in writes if sector // 8 * 8 < tables]),
        "bytes": sum([len(data) for _, data in writes]),
        "blocks": len({sector * SECTOR // BLOCK for sector, _ in writes}),
    }


def updates(story, releases):
    """Install one after the other."""
    flash = story.flash
    for release in releases:
        writes = flash.record()
        story.play(Phase("", ("", ""), {"release": release}, ""))
        flash.writes = None
        numbers = count(writes, flash.table_sectors)
        numbers.update({"event": "update", "release": release})
        numbers["size"] = len(story.releases.images[release])
        print(json.dumps(numbers))


def mounting(story):
    """The launcher's mount and a first import, in reads of the image."""
    machine = story.machine
    machine.mount()
    machine._fresh("/nh_run.py")
    import nh_run

    reads = [0]

    class Counted(nh_run.Image):
        def readblocks(self, number, buffer):
            reads[0] += 1
            return super().readblocks(number, buffer)

    device = Counted("/images/%s/app.img" % machine.ran[-1][0])
    vfs.mount(vfs.VfsFat(device), "/slot", readonly=True)
    os.chdir("/slot")
    sys.path.insert(0, "/slot/lib")
    mounted = reads[0]
    import weather.station  # noqa: F401 to see what it costs

    print(json.dumps({"event": "mount", "mount": mounted, "import": reads[0] - mounted}))
    os.chdir("/")
    vfs.umount("/slot")


def main(options):
    """Updates of the same size, a start, then the guard's check of the image."""
    large = options["large_clusters"]
    story = Story(_SECTORS if large else None, _SLOT, format_large if large else None)
    flash, machine = story.flash, story.machine
    story.play(Phase("", ("", ""), {}, ""))  # the slots are made
    story.moving = False
    updates(story, options["releases"])
    before, reads = flash.table_erases, flash.reads
    writes = flash.record()
    machine.power_on()
    flash.writes = None
    numbers = count(writes, flash.table_sectors)
    numbers.update({"event": "start", "reads": flash.reads - reads})
    assert flash.table_erases == before
    print(json.dumps(numbers))
    mounting(story)
    import nh_boot

    reads = flash.reads
    begun = time.ticks_us()
    assert nh_boot._whole(machine.ran[-1][0])
    taken = time.ticks_us() - begun
    print(json.dumps({"event": "check", "microseconds": taken, "reads": flash.reads - reads}))


main(json.loads(sys.stdin.read()))
