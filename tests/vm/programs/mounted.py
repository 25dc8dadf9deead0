# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Mounts images on FatFs, as a board does, and tells what is in them. Prints JSON lines."""

import hashlib
import json
import os
import sys

import vfs
from file_device import FileDevice

_FOLDER_BIT = 0x4000


def contents(folder):
    """Yield path, length and SHA-256 of each file."""
    for name, kind, *_ in os.ilistdir(folder):
        path = folder + "/" + name
        if kind & _FOLDER_BIT:
            yield from contents(path)
        else:
            with open(path, "rb") as file:
                data = file.read()
            yield path, len(data), hashlib.new("sha256", data).digest().hex()


def main(options):
    """Mount one after the other."""
    for path in options["images"]:
        vfs.mount(vfs.VfsFat(FileDevice(path)), "/slot", readonly=True)
        found = {path[len("/slot/") :]: rest for path, *rest in contents("/slot")}
        print(json.dumps({"event": "image", "files": found}))
        vfs.umount("/slot")


main(json.loads(sys.stdin.read()))
