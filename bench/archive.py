# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
How many bytes of a release travel, and how fast they are read, checked and unpacked in the VM. Its
own decoder, written in C, is the measure.

Up to November 2026 a release was a zip file of all files, inflated by Python code of our own. The
size of such a zip file is measured again in each run, since the application consists of this
package, which changes; how long inflating took was measured once more before that code went.
"""

import io
import random
import tempfile
import zipfile
from pathlib import Path

from nerveshub_tools import container, fat_image
from support.applications import archive
from support.archives import deflate
from support.vm import PACKAGE, ROOT, compile_mpy, modules

from .rows import Row, at_most

_ROUNDS = 9
_HEAP = 1024 * 1024
# Measured on 2026-11-28: inflating took so many times as long as the VM's own decoder took for the
# same bytes.
_INFLATE = {"64-bit VM": 12.2, "32-bit VM": 21.3}


def measure(vms: list, short: bool = False) -> list:
    """
    All rows of this module.

    :param vms: (name, `support.vm.Vm`) of each VM there is
    :param bool short: True for one round in the first VM
    """
    files = application()
    size = sum(map(len, files.values()))
    made = container.make(fat_image.build(files))
    what = "bytes on the wire per byte of an application, {} files".format(len(files))
    rows = [
        at_most(what, len(archive(files)) / size, _zipped(files) / size, "{:.3f}"),
        Row(
            "its image, chunks, table",
            "{:,} bytes, {}, {:,} bytes".format(len(made.image), len(made.chunks), len(made.table)),
        ),
    ]
    for name, vm in vms[:1] if short else vms:
        rows += _measure(name, vm, files, 1 if short else _ROUNDS)
    return rows


def _zipped(files: dict) -> int:
    """Bytes of a zip file of these files, as releases were once."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        for name in sorted(files):
            file.writestr(name, files[name])
    return len(packed.getvalue())


def application() -> dict:
    """
    Files of an application of 300 KB, much as they really are: compiled modules and source of 12 KB
    at most, which shrink to about half and a third, and 60 KB of noise, which does not shrink.
    """
    files = {"code.py": (ROOT / "examples" / "nerveshub_link_simpletest.py").read_bytes()}
    with tempfile.TemporaryDirectory() as folder:
        for name in modules():
            copy = Path(folder) / name.replace("/", "-")
            copy.write_bytes((ROOT / PACKAGE / name).read_bytes())
            path = "lib/nerveshub_link/%s.mpy" % name[: -len(".py")]
            files[path] = compile_mpy(copy, name).read_bytes()
    text = b"".join((ROOT / PACKAGE / name).read_bytes() for name in modules())
    files["assets/noise.bin"] = random.Random(1).randbytes(60_000)
    left = 300 * 1024 - sum(map(len, files.values()))
    for at in range(0, left, 12_000):
        files["lib/parts/part_%d.py" % at] = text[at : min(left, at + 12_000)]
    return files


def _measure(name: str, vm, files: dict, count: int) -> list:
    files = {path: data for path, data in files.items() if "noise" not in path}
    (vm.folder / "native.bin").write_bytes(deflate(b"".join(files.values())))
    (vm.folder / "archive.bin").write_bytes(archive(files))
    options = {"archive": "archive.bin", "native": "native.bin", "rounds": count}
    result = vm.run("archive", options, heap=_HEAP)
    rounds = result.all("round")
    assert len(rounds) == count, result
    # Of the best rounds: others had the processor, too, in the rest.
    ours = min(line["us"] / line["bytes"] for line in rounds)
    native = min(line["native_us"] / line["native_bytes"] for line in rounds)
    what = "reading, checking and unpacking, time against the VM's own decoder, " + name
    return [
        at_most(what, ours / native, _INFLATE[name], "{:.1f} times"),
        Row("reading, checking and unpacking, " + name, "{:.0f} KB/s".format(1000 / ours)),
    ]
