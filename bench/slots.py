# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""What an update of an application costs the flash, and what the boot guard costs a start."""

import shutil
import tempfile
from pathlib import Path

from power_cut import releases
from support.vm import ROOT, Vm

from .rows import Row, at_most

_RELEASES = {
    "large1": "into an empty slot",
    "large2": "into the other one",
    "large3": "a tenth of it is new",
    "roomy": "another application",
    "moved": "a tenth is new and of other lengths, all else moves",
    "kept": "a tenth is new and of other lengths, packed --like the release before it",
}
_HEAP = 24 * 1024 * 1024
_BLOCK = 4096
_LEAST, _MOST, _STEP = 24, 160, 4  # KB


def measure(vms: list, short: bool = False) -> list:
    """
    All rows of this module.

    :param vms: (name, `support.vm.Vm`) of each VM there is
    :param bool short: True to install one release, and to look for the guard's heap roughly
    """
    if not vms:
        return [Row("slots", "no MicroPython")]
    wanted = list(_RELEASES)[: 1 if short else None]
    with tempfile.TemporaryDirectory() as folder:
        vm = Vm(vms[0][1].command, releases.lay_out(Path(folder) / "drive", wanted))
        rows = []
        for clusters, aim in (("512 bytes", 8.1), ("4 KB", 1.05)):
            options = {"releases": wanted, "large_clusters": clusters == "4 KB"}
            result = vm.run("costs", options, heap=_HEAP, timeout=300)
            assert result.code == 0, result
            for update in result.all("update"):
                rows += _update(update, clusters, aim)
            if clusters == "512 bytes":
                rows += _start(vms[0][0], result)
    return rows + [_guard(name, vm, 32 if short else _STEP) for name, vm in vms]


def _update(update: dict, clusters: str, aim: float) -> list:
    """All that is written from the first byte to the confirmation: image, table, header, record."""
    release, erases = update["release"], update["erases"] * _BLOCK / update["size"]
    what = "image of {} KB, clusters of {}, {}: ".format(
        update["size"] // 1024, clusters, _RELEASES[release]
    )
    erased = what + "erases per 4 KB"
    if release == "large3":
        return [at_most(erased, erases, min(aim, 1.1), "{:.2f}")]
    if release in {"roomy", "moved", "kept"}:
        return [Row(erased, "{:.2f}".format(erases))]
    rows = [at_most(erased, erases, aim, "{:.2f}")]
    if release == "large1":
        written = update["bytes"] / update["size"]
        rows.append(at_most(what + "bytes written per byte", written, 1.05, "{:.3f}"))
        tables = update["in tables"]
        words = what + "erases of boot record, FAT and root directory"
        rows.append(at_most(words, tables, 0, "{}"))
    return rows


def _start(name: str, result) -> list:
    start, mount, check = (result.one(event) for event in ("start", "mount", "check"))
    words = "{:.1f} ms, {} reads of the flash".format(check["microseconds"] / 1000, check["reads"])
    return [
        at_most("erases of a normal start", start["erases"], 0, "{}"),
        Row("mount of an image, then a first import", "{mount} and {import} reads".format(**mount)),
        Row("the guard's check of an image of 300 KB, " + name, words),
        Row("a whole start with it", "{} reads of the flash".format(start["reads"])),
    ]


def _guard(name: str, vm, step: int) -> Row:
    """The guard is source, and its own VM's whole memory is free for it."""
    shutil.copyfile(ROOT / "examples" / "board" / "nh_boot.py", vm.folder / "nh_boot.py")
    for kilobytes in range(_LEAST, _MOST, step):
        result = vm.run("imports", {"modules": ["nh_boot"]}, heap=kilobytes * 1024)
        found = result.all("import")
        if found and found[0]["error"] is None:
            words = "{} KB of heap to read it, {} bytes then".format(kilobytes, found[0]["bytes"])
            return Row("the guard, " + name, words)
    return Row("the guard, " + name, "more than {} KB".format(_MOST))
