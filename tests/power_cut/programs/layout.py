# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Lays a drive out as ``nerveshub-link board prepare`` does, in that order: what is written later must
not share a block of 4 KB with what a start needs.
"""

import os
from binascii import crc32

from nerveshub_link.device_state import DeviceState
from nerveshub_link.slot_files import keep_apart
from nerveshub_link.slot_manifest import Manifest

_BLOCK = 4096


def prepare(guard, rescue, application=None, meta=None, holes=False):
    """
    Lay out the empty drive that is mounted.

    :param dict guard: files of the root folder
    :param dict rescue: files of ``/app``
    :param dict application: files of the first application, or None
    :param dict meta: its metadata
    :param holes: between the application's files there are small holes, left by files in ``/data``
    """
    with open("/" + "keep-me-" * 24 + "abc", "wb"):
        pass  # its name fills the first sector of the root directory
    state = DeviceState()
    state.create()
    put("", guard)
    put("", {"settings.toml": b'CIRCUITPY_WIFI_SSID = "home"\n'})
    put("/app", rescue)
    put("/lib", {"adafruit_ticks.mpy": bytes(900), "nerveshub_link/link.mpy": bytes(6000)})
    os.mkdir("/slots")
    _pad("/lib/pad0")
    os.mkdir("/slots/a")
    _pad("/lib/pad1")
    os.mkdir("/slots/b")
    _pad("/lib/pad2")
    os.mkdir("/data")
    if application is not None:
        manifest = Manifest(dict(meta, n=1))
        for number, path in enumerate(sorted(application)):
            data = application[path]
            put("/slots/a", {path: data})
            manifest.add(path, len(data), crc32(data))
            if holes:
                put("/data", {"%d.log" % number: bytes(1500)})
        manifest.write("/slots/a")
        keep_apart("/slots/a")
        for name in os.listdir("/data"):
            os.remove("/data/" + name)
    state.load()
    state.save({"run": "" if application is None else "a", "old": "", "trial": 0})


def _pad(path):
    with open(path, "wb") as file:
        file.write(bytes(_BLOCK))


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
