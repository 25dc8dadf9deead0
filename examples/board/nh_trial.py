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


def seconds() -> int:
    """Seconds that the settings give it."""
    try:
        return int(os.getenv("NERVESHUB_WATCHDOG", "90"))
    except ValueError:
        return 90


if __name__ == "__main__":
    nh_run.run(seconds())
