# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Lays a drive out as ``nerveshub-link board prepare`` does, in that order: what is written later must
not share a block of 4 KB with what a start needs. The slots' files are the board's own work, at its
first start.
"""

import json
import os

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
    "nh_pad/0.bin nh_a/state.bin nh_b/state.bin nh_c/state.bin lib nh_boot.py nh_run.py"
    " nh_trial.py nh_wake.py nh_slots.py boot.py code.py safemode.py app/code.py app/meta.json"
    " slot media images nh_pad/1.bin settings.toml nh_pad/2.bin images/a nh_pad/3.bin images/b"
    " nh_pad/4.bin data develop nh_pad/5.bin"
).split()
"""What comes behind what; a test holds it against the real command."""


def prepare(guard, rescue, meta, sectors):
    """
    Lay out the empty drive that is mounted.

    :param dict guard: files of the root folder
    :param dict rescue: files of ``/app``
    :param dict meta: what the rescue application reports
    :param int sectors: of a slot
    """
    for path in sorted(FACTORY):
        put("", {path: FACTORY[path]})
    os.mkdir("/lib")
    state = DeviceState()
    os.rename("/code.py", "/code.py.before-nerveshub")
    for path in ORDER:
        if path.startswith("nh_pad/"):
            put("", {path: bytes(_BLOCK)})
        elif path.endswith("state.bin"):
            put("", {path: bytes(15 * 512)})
        elif path in guard:
            put("", {path: guard[path]})
        elif path == "settings.toml":
            put("", {path: b'CIRCUITPY_WIFI_SSID = "home"\n'})
        elif path == "app/code.py":
            put("/app", rescue)
        elif path == "app/meta.json":
            put("", {path: (json.dumps(meta) + "\n").encode()})
        elif path == "lib":
            put("/lib", {"adafruit_ticks.mpy": bytes(900), "nerveshub_link/link.mpy": bytes(6000)})
        else:
            os.mkdir("/" + path)
    state.load()
    state.save({"run": "", "make": sectors})


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
