# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Lays a drive out as ``nerveshub-link board prepare`` does, in that order: what is written later must
not share a block of 4 KB with what a start needs.
"""

import os
from binascii import crc32

from nerveshub_link.slots.slot_manifest import Manifest

from nerveshub_link.slots.record import DeviceState

_BLOCK = 4096


FACTORY = {
    ".fseventsd/no_log": b"",
    ".metadata_never_index": b"",
    ".Trashes": b"",
    "settings.toml": b"",
    "code.py": b'print("Hello World!")\n',
    "boot_out.txt": b"Adafruit CircuitPython 10.1.3 on 2025-10-17; A board with ESP32S3\r\n",
}
"""What CircuitPython puts on a new drive."""

ORDER = (
    "nh_pad/0.bin nh_a/state.bin nh_b/state.bin nh_boot.py nh_run.py nh_trial.py nh_wake.py "
    "boot.py code.py safemode.py settings.toml app/code.py app/.nh/manifest lib slots "
    "nh_pad/1.bin slots/a nh_pad/2.bin slots/b nh_pad/3.bin data slots/a/code.py "
    "slots/a/.nh/manifest slots/a/.nh/pad"
).split()
"""What comes behind what; a test holds it against the real command."""


def prepare(guard, rescue, application=None, meta=None, holes=False):
    """
    Lay out the empty drive that is mounted.

    :param dict guard: files of the root folder
    :param dict rescue: files of ``/app``
    :param dict application: files of the first application, or None
    :param dict meta: its metadata
    :param holes: between the application's files there are small holes, left by files in ``/data``
    """
    for path in sorted(FACTORY):
        put("", {path: FACTORY[path]})
    os.mkdir("/lib")
    state = DeviceState()
    os.rename("/code.py", "/code.py.before-nerveshub")
    for path in ORDER:
        if path.startswith("nh_pad/"):
            put("", {path: bytes(_BLOCK)})
        elif path == "nh_a/state.bin":
            state.create()
        elif path in guard:
            put("", {path: guard[path]})
        elif path == "settings.toml":
            put("", {path: b'CIRCUITPY_WIFI_SSID = "home"\n'})
        elif path == "app/code.py":
            put("/app", rescue)
        elif path == "lib":
            put("/lib", {"adafruit_ticks.mpy": bytes(900), "nerveshub_link/link.mpy": bytes(6000)})
        elif path in ("slots", "slots/a", "slots/b", "data"):
            os.mkdir("/" + path)
    if application is not None:
        _fill(application, meta, holes)
    state.load()
    state.save({"run": "" if application is None else "a"})


def _fill(application, meta, holes):
    """Slot a."""
    manifest = Manifest(dict(meta, n=1))
    for number, path in enumerate(sorted(application)):
        data = application[path]
        put("/slots/a", {path: data})
        manifest.add(path, len(data), crc32(data))
        if holes:
            put("/data", {"%d.log" % number: bytes(1500)})
    manifest.write("/slots/a")
    put("/slots/a", {".nh/pad": bytes(7 * 512)})
    for name in os.listdir("/data"):
        os.remove("/data/" + name)


def put(folder, files):
    """Write files, and the folders that they need."""
    made = set()
    for path in sorted(files):
        here = ""
        for part in (folder[1:] + "/" + path if folder else path).split("/")[:-1]:
            here += "/" + part
            if here not in made:
                made.add(here)
                try:
                    os.mkdir(here)
                except OSError:
                    pass  # it is there
        with open(folder + "/" + path, "wb") as file:
            file.write(files[path])
