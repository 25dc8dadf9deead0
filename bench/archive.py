# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""How fast archives are unpacked in the VM. Its own decoder, written in C, is the measure."""

import zipfile
from statistics import median

from support.archives import application, deflate, python_zip

from .rows import Row, at_most

_ROUNDS = 5
_HEAP = 1024 * 1024


def measure(vms: list, short: bool = False) -> list:
    """
    All rows of this module.

    :param vms: (name, `support.vm.Vm`) of each VM there is
    :param bool short: True for one round in the first VM
    """
    rows = []
    for name, vm in vms[:1] if short else vms:
        rows += _measure(name, vm, 1 if short else _ROUNDS)
    return rows or [Row("archives", "no MicroPython")]


def _measure(name: str, vm, count: int) -> list:
    files = [file for file in application() if "noise" not in file[0]]
    content = b"".join(content for _, content in files)
    (vm.folder / "native.bin").write_bytes(deflate(content))
    one = _rounds(vm, count, python_zip([("one", content)]), native="native.bin")
    many = _rounds(vm, count, python_zip(files))
    stored = _rounds(vm, count, python_zip(files, method=zipfile.ZIP_STORED))
    ratio = median(
        line["us"] / line["bytes"] * line["native_bytes"] / line["native_us"] for line in one
    )
    return [
        at_most("inflate, time against the VM's own, " + name, ratio, 15, "{:.1f} times"),
        Row("inflate, one file, " + name, _speed(one)),
        Row("inflate, {} files, {}".format(len(files), name), _speed(many)),
        Row("the same files stored, " + name, _speed(stored)),
    ]


def _rounds(vm, count: int, data: bytes, **more) -> list:
    (vm.folder / "archive.bin").write_bytes(data)
    options = {"archive": "archive.bin", "chunk": 4096, "rounds": count, **more}
    result = vm.run("archive", options, heap=_HEAP)
    assert len(result.all("round")) == count, result
    return result.all("round")


def _speed(rounds: list) -> str:
    """Of the best round: others had the processor, too, in the rest."""
    return "{:.0f} KB/s".format(max(line["bytes"] / line["us"] for line in rounds) * 1000)
