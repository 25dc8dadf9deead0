# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
The launcher for an application on trial: as ``nh_run``, but with the watchdog, which resets the
board after 90 seconds without a ``poll()``. ``NERVESHUB_WATCHDOG`` in settings.toml is another
number of seconds; 0 for no watchdog.
"""

import os

import nh_run

_DEFAULT = 90
_LONGEST = 24 * 60 * 60


def seconds() -> int:
    """Return the watchdog's timeout by settings.toml; 90 without a valid setting."""
    try:
        value = os.getenv("NERVESHUB_WATCHDOG")  # text or int
        if value in (None, ""):
            return _DEFAULT
        if 0 <= int(value) <= _LONGEST:
            return int(value)
    except ValueError:
        pass  # also from getenv: CircuitPython 10.1 reads only texts in quotes and integers
    print("nh_trial: NERVESHUB_WATCHDOG must be a whole number of seconds, one day at most; now 90")
    return _DEFAULT


if __name__ == "__main__":
    nh_run.run(seconds())
