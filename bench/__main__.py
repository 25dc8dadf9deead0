# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
``python -m bench``: prints a table for each part. A missed aim is marked, but is not a failure.

The VM is found as the tests find it (``scripts/micropython.sh``). Where a 32-bit MicroPython can be
had (``scripts/micropython.sh 32``), memory is measured in it, too: its pointers are as small as a
board's.

With ``--short`` it measures all of this once and roughly, in some ten seconds: `make test` runs it
so, to see that it still works.
"""

import subprocess
import sys
import tempfile

from rich.console import Console
from rich.table import Table
from support.vm import LIBRARIES, Vm, build

from . import ROOT, archive, depth, memory, signatures, slots, speed, stalls, travel


def find_vms(folder: str) -> list:
    """(name, `Vm`) of each MicroPython there is, on one drive that has adafruit_requests, too."""
    commands = [command for command in (_find(), _find("32")) if command]
    if not commands:
        return []
    drive = build(folder, libraries=(*LIBRARIES, "adafruit_requests"))
    vms = [Vm(command, drive) for command in commands]
    return [("32-bit VM" if vm.is_32_bit else "64-bit VM", vm) for vm in vms]


def _find(*bits: str) -> str:
    """Path of a MicroPython, "" if there is none; only for that of 32 bits no reason is printed."""
    found = subprocess.run(
        ["sh", str(ROOT / "scripts" / "micropython.sh"), *bits],
        capture_output=True,
        text=True,
        check=False,
    )
    if found.returncode and not bits:
        print(found.stderr.strip(), file=sys.stderr)
    return "" if found.returncode else found.stdout.strip()


def measure(short: bool) -> list:
    """All rows: (title, rows) of each part."""
    with tempfile.TemporaryDirectory() as folder:
        vms = find_vms(folder)
        first = vms[0][1] if vms else None
        yield "speed", speed.measure(first, short)
        yield "how long a poll() takes", stalls.measure(short)
        yield "depth", depth.measure()
        yield "archives", archive.measure(vms, short)
        yield "what travels of a signed release", travel.measure(short)
        yield "signatures", signatures.measure(vms, short)
        yield "slots, on a drive of 960 KB", slots.measure(vms, short)
        yield "memory", memory.measure(vms, short)
        if first:
            yield "drive", memory.sizes(first)


def main() -> None:
    """Print each table as soon as it is measured, and at the end how many aims were missed."""
    console = Console()
    missed = 0
    for title, rows in measure("--short" in sys.argv[1:]):
        table = Table(title=title, title_justify="left", expand=True)
        table.add_column("", min_width=1, max_width=1)
        table.add_column("what", ratio=5)
        table.add_column("aim", ratio=2)
        table.add_column("measured", ratio=5, overflow="fold")
        for row in rows:
            mark = {True: "+", False: "!", None: ""}[row.good]
            missed += row.good is False
            table.add_row(mark, row.what, row.aim, row.value)
        console.print(table)
    console.print("{} aims missed".format(missed) if missed else "all aims reached")


if __name__ == "__main__":  # the server's process imports this module, too
    main()
