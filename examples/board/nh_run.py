# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
The launcher: runs an application in a VM of its own, as the guard (``nh_boot``) has chosen it.

The current directory is the application's slot. Its ``lib`` comes first in the search for modules;
its ``code.py`` runs as ``__main__``. An application on trial is started by ``nh_trial`` instead,
with a watchdog that ``NervesHubLink.poll`` feeds: neither that nor ``sys.path`` would survive the
reload between guard and application. Whatever ends the application, the guard comes next.
"""

import os
import sys
import time

armed = 0
"""Seconds with which the watchdog was armed, for nerveshub_link; with others, somebody else did."""
_STEADY = 600  # seconds after which a crash is no longer the start's fault


def run(watchdog: int = 0) -> None:
    """
    Run the application in the current directory.

    :param int watchdog: seconds without a ``poll()`` after which the board is reset; 0 for never
    """
    here = _here()
    sys.path.insert(0, here + "lib")
    if watchdog:
        _arm(watchdog)
    with open("code.py") as file:
        source = file.read()
    program = compile(source, "code.py", "exec")
    del source
    begun = time.monotonic()
    try:
        exec(program, {"__name__": "__main__", "__file__": here + "code.py"})
    except SystemExit:
        pass  # an end like any other
    except KeyboardInterrupt:
        _forgive()  # somebody is at the desk
        raise
    except Exception:
        if time.monotonic() - begun >= _STEADY:
            _forgive(crashed=True)
        raise


def _here() -> str:
    try:
        return os.getcwd() + "/"
    except OSError:
        return ""  # a power cut has torn the folder above, and FAT finds its way up there no more


def _forgive(crashed: bool = False) -> None:
    try:
        import nh_boot  # noqa: PLC0415 it takes memory

        nh_boot.forgive(crashed)
    except Exception as error:
        print("nh_run:", error)  # then it counts


def _arm(seconds: int) -> None:
    global armed  # noqa: PLW0603 the library looks for it here
    try:
        import microcontroller  # noqa: PLC0415 only boards have it
        import watchdog  # noqa: PLC0415

        microcontroller.watchdog.timeout = seconds
        microcontroller.watchdog.mode = watchdog.WatchDogMode.RESET
        armed = seconds
    except Exception as error:
        print("nh_run: no watchdog:", error)


if __name__ == "__main__":
    run()
