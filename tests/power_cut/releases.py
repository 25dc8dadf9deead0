# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""The applications of the power-cut proof: small, with nested folders and their own ``lib``."""

import random

from nerveshub_tools import packer
from support.vm import ROOT, build, compile_mpy

META = {"product": "weather", "platform": "board", "architecture": "xtensa"}
_CODE = """import weather.station
import outside

outside.serve(weather.station.NAME)
"""
_RESCUE = """import outside

outside.serve("rescue")
"""
# As the release's version, which must be one, and by which its metadata names it.
SMALL = ("1", "2", "3", "4", "5", "bad")
LARGE = ("large1", "large2", "large3", "roomy", "moved", "kept")
_LIKE = {"kept": "roomy"}
SLOT = 317 * 1024
"""Bytes of the largest slot, that of ``programs/costs.py``."""
VERSIONS = {name: "%d.0.0" % number for number, name in enumerate(SMALL + LARGE, 1)}


def files_of(name: str) -> dict:
    """
    All files of a release: most are the same in each, as libraries are; lengths vary.

    :param str name: of `SMALL` or `LARGE`, or "rescue"
    """
    if name == "rescue":
        return {"code.py": _RESCUE.encode()}
    if name in LARGE:
        return _large(name)
    noise = random.Random(name)
    station = "NAME = %r\n" % name if name != "bad" else "raise ValueError('not ready')\n"
    return {
        "code.py": _CODE.encode(),
        "lib/weather/__init__.py": b"",
        "lib/weather/station.py": station.encode(),
        "lib/weather/words.py": b"WORDS = 'sun rain wind fog'\n" * 60,
        "lib/adafruit_sensor.mpy": random.Random(1).randbytes(9000),
        "pages/index.html": b"<p>It rains.</p>" * noise.randrange(100, 400),
        "pages/images/sun.bin": noise.randbytes(noise.randrange(9000, 14000)),
        "pages/images/A rather long name.txt": name.encode() * 3,
    }


def _large(name: str) -> dict:
    """
    300 KB in 40 files, as an application with its libraries has them; a tenth is new in each. In
    "moved" what is new has another length, too, so that all behind it lies elsewhere. So it has in
    "kept", which is packed like "roomy" and leaves the rest where it was; these two have 240 KB.
    """
    files = {"code.py": _CODE.encode(), "lib/weather/__init__.py": b""}
    files["lib/weather/station.py"] = ("NAME = %r\n" % name).encode()
    for number in range(29 if name in {"roomy", "kept"} else 37):
        new = number % 10 == 0
        length = random.Random((name if new and name in {"moved", "kept"} else "") + str(number))
        content = random.Random((name if new else "") + str(number))
        folder = ("lib/adafruit_x", "lib/adafruit_y", "lib", "pages")[number % 4]
        path = "%s/part%d.mpy" % (folder, number)
        files[path] = content.randbytes(length.randrange(2000, 11900))
    return files


def write_all(folder, names) -> None:
    """
    Write each release as a ``.fw`` and as the image that it becomes; of the rescue application its
    files.

    :param pathlib.Path folder: where to
    :param names: which ones
    """
    for name in names:
        for path, data in files_of(name).items():
            target = folder / "sources" / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        if name != "rescue":
            meta = dict(META, version=VERSIONS[name])
            like = folder / (_LIKE[name] + ".fw") if name in _LIKE else None
            target = folder / (name + ".fw")
            source = folder / "sources" / name
            packed = packer.pack(source, target, meta, like=like, slot_size=SLOT)
            (folder / (name + ".img")).write_bytes(packed.made.image)


def lay_out(folder, names=SMALL):
    """
    A folder for the VM with everything that the programs in it need.

    :param pathlib.Path folder: an empty or missing one
    :param names: of the releases, beside the rescue application
    """
    folder = build(folder)
    (folder / "board").mkdir()
    for source in (ROOT / "examples" / "board").glob("*.py"):
        (folder / "board" / source.name).write_text(source.read_text())
    programs = [ROOT / "tools" / "nerveshub_tools" / "board_modules.py"]
    programs += sorted((ROOT / "tests" / "power_cut" / "programs").glob("*.py"))
    for source in programs:
        copy = folder / source.name
        copy.write_text(source.read_text())
        compile_mpy(copy, source.name)
        copy.unlink()
    write_all(folder / "releases", ("rescue", *names))
    return folder
