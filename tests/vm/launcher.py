# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
The boot guard's launcher runs an application that may use up the memory. Prints a JSON line: how
the run ended, and in which folder the guard is to start.
"""

import json
import os
import sys
import time

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


class Time:
    """A clock that gains so many seconds between two looks."""

    def __init__(self, step):
        self._now = 0
        self._step = step

    def monotonic(self):
        self._now += self._step
        return self._now


def main(options):
    sys.modules["supervisor"] = Supervisor
    sys.modules["time"] = Time(options["seconds"])
    sys.path.insert(0, options["board"])
    import nh_run

    sys.modules["time"] = time
    os.chdir(options["folder"])
    how = "ended"
    try:
        nh_run.run()
    except BaseException as error:
        how = type(error).__name__
    folder = LAST[0][len(options["board"]) :]
    print(json.dumps({"event": "ended", "how": how, "folder": folder}))


main(json.loads(sys.stdin.readline()))
