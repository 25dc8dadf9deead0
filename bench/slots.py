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
    "large2": "into a slot that holds little",
    "large3": "into one that holds a release like it",
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
        drive = releases.lay_out(Path(folder) / "drive")
        result = Vm(vms[0][1].command, drive).run(
            "costs", {"releases": wanted}, heap=_HEAP, timeout=300
        )
        assert result.code == 0, result
        rows = []
        for update in result.all("update"):
            rows += _update(update, _RELEASES[update["release"]])
        rows.append(Row("erases of a normal start", str(result.one("start")["erases"])))
        check = result.one("check")
        words = "{:.1f} ms, {} sectors read".format(check["microseconds"] / 1000, check["reads"])
        rows.append(Row("the guard's check of 300 KB, " + vms[0][0], words))
    return rows + [_guard(name, vm, 32 if short else _STEP) for name, vm in vms]


def _update(update: dict, where: str) -> list:
    erases = update["erases"] * _BLOCK / update["size"]
    written = update["bytes"] / update["size"]
    what = "{} KB in {} files {}: ".format(update["size"] // 1000, update["files"], where)
    return [
        at_most(what + "erases per 4 KB", erases, 9, "{:.1f}"),
        at_most(what + "bytes written per byte", written, 1.1, "{:.2f}"),
        Row(what + "erases of the block with the FAT", str(update["in block 0"])),
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
