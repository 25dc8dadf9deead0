# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""The applications of the power-cut proof: small, with nested folders and their own ``lib``."""

import random
import zipfile
from pathlib import Path

from support.vm import ROOT, build, compile_mpy

_CODE = """import weather.station
import outside

outside.serve(weather.station.NAME)
"""
_RESCUE = """import outside

outside.serve("rescue")
"""


def files_of(name: str) -> dict:
    """
    All files of a release: most are the same in each, as libraries are; lengths vary.

    :param str name: "1", "2", "3", "bad" or "rescue"
    """
    if name == "rescue":
        return {"code.py": _RESCUE.encode()}
    if name.startswith("large"):
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
    """300 KB in 40 files, as an application with its libraries has them; a tenth is new in each."""
    files = {"code.py": _CODE.encode(), "lib/weather/__init__.py": b""}
    files["lib/weather/station.py"] = ("NAME = %r\n" % name).encode()
    for number in range(37):
        noise = random.Random((name if number % 10 == 0 else "") + str(number))
        folder = ("lib/adafruit_x", "lib/adafruit_y", "lib", "pages")[number % 4]
        files["%s/part%d.mpy" % (folder, number)] = noise.randbytes(noise.randrange(2000, 14600))
    return files


def write_all(folder: Path, names) -> None:
    """
    Write each release as a folder and as two archives, stored and deflated.

    :param Path folder: where to
    :param names: which ones
    """
    for name in names:
        files = files_of(name)
        for path, data in files.items():
            target = folder / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        if name != "rescue":
            for kind, method in (
                ("stored", zipfile.ZIP_STORED),
                ("deflated", zipfile.ZIP_DEFLATED),
            ):
                _pack(folder / ("%s.%s.fw" % (name, kind)), name, files, method)


def _pack(path: Path, name: str, files: dict, method: int) -> None:
    conf = 'meta-product="weather"\nmeta-version="%s"\n' % name
    for member, data in sorted(files.items()):
        length = "length=%d\n" % len(data) if data else ""
        conf += 'file-resource "%s" {\n%s}\n' % (member, length)
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("meta.conf", conf)
        for member, data in sorted(files.items()):
            archive.writestr("data/" + member, data)


def lay_out(folder):
    """
    A folder for the VM with everything that the programs in it need.

    :param pathlib.Path folder: an empty or missing one
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
    names = ("rescue", "1", "2", "3", "bad", "large1", "large2", "large3")
    write_all(folder / "releases", names)
    return folder
