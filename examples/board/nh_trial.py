# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
The launcher for an application on trial: as ``nh_run``, with the watchdog on. 90 seconds without a
``poll()`` and the board starts anew; ``NERVESHUB_WATCHDOG`` in settings.toml changes that, 0 for
no watchdog.
"""

import os

import nh_run

_DEFAULT = 90
_LONGEST = 24 * 60 * 60


def seconds() -> int:
    """Seconds that the settings give it; 90 if they give none, or something else."""
    try:
        value = os.getenv("NERVESHUB_WATCHDOG")  # text or int
        if value in (None, ""):
            return _DEFAULT
        if 0 <= int(value) <= _LONGEST:
            return int(value)
    except ValueError:
        pass  # of getenv, too: CircuitPython 10.1 reads nothing but texts in quotes and integers
    print("nh_trial: NERVESHUB_WATCHDOG must be a whole number of seconds, one day at most; now 90")
    return _DEFAULT


if __name__ == "__main__":
    nh_run.run(seconds())
