# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
The boot guard's launcher runs an application out of an image, which is a file on a drive: both are
FatFs. The application may use up the memory. Prints a JSON line: how the run ended, in which folder
the guard is to start, and what it has left behind.
"""

import json
import os
import sys
import time

import vfs
from file_device import FileDevice

LAST = [None]


class Runtime:
    """No computer is attached."""

    usb_connected = False


class Supervisor:
    """As much of ``supervisor`` as it needs."""

    runtime = Runtime

    @staticmethod
    def set_next_code_file(
        filename, working_directory, reload_on_success, reload_on_error
    ):  # called when memory has run out
        LAST[0] = working_directory


class Storage:
    """As much of ``storage`` as it needs."""

    VfsFat = vfs.VfsFat
    mount = vfs.mount


class Time:
    """A clock that gains so many seconds between two looks."""

    def __init__(self, step):
        self._now = 0
        self._step = step

    def monotonic(self):
        self._now += self._step
        return self._now


def main(options):
    """Run the application once."""
    sys.modules["supervisor"] = Supervisor
    sys.modules["storage"] = Storage
    sys.modules["time"] = Time(options["seconds"])
    drive = vfs.VfsFat(FileDevice(options["drive"]))
    vfs.umount("/")
    vfs.mount(drive, "/")
    sys.path[:] = ["", "/", "/lib"]
    os.chdir("/")
    import nh_run

    sys.modules["time"] = time
    os.chdir(options["folder"])
    how = "ended"
    try:
        nh_run.run()
    except BaseException as error:
        how = type(error).__name__
    left = {"cwd": os.getcwd(), "path": sys.path, "slot": nh_run.Launcher.slot}
    if options.get("look"):
        left["files"] = sorted(os.listdir("/slot"))
    print(json.dumps(dict(left, event="ended", how=how, folder=LAST[0])))


main(json.loads(sys.stdin.readline()))
