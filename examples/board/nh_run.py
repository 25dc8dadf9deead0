# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
The launcher: runs an application in a VM of its own, as the guard (``nh_boot``) has chosen it.

The current directory is the application's slot. Its ``lib`` comes first in the search for modules;
its ``code.py`` runs as ``__main__``. An application on trial is started by ``nh_trial`` instead,
with a watchdog that ``NervesHubLink.poll`` feeds: neither that nor ``sys.path`` would survive the
reload between guard and application. Whatever ends the application, the guard comes next.

How it ended, only this VM knows: to the next one, an end and a ``supervisor.reload()`` look alike,
and after memory ran out there is no traceback. So the launcher says in which folder the guard is to
start, by ``supervisor.set_next_code_file``, which writes nothing.

==================================  ================================================================
the guard starts in                 the application
==================================  ================================================================
``/slots``                          crashed, or could not be read or compiled; set first of all, so
                                    that nothing has to be done when memory has run out
``/``                               ended, by itself or by a reload
``/nh_a``                           was interrupted by Ctrl-C
``/nh_b``                           crashed after ten steady minutes: not this start's fault
==================================  ================================================================
"""

import os
import sys
import time

import supervisor

armed = 0
"""Seconds with which the watchdog was armed, for nerveshub_link; with others, somebody else did."""
STEADY = 600
"""Seconds after which a crash is no longer the start's fault."""
ROOT = globals().get("__file__", "").rpartition("/")[0].rstrip("/")
"""Where the drive is: ``""`` on a board."""
# Made now: later, memory may have run out.
_GUARD = ROOT + "/code.py"
_CRASHED, _ENDED, _STOPPED, _LATE = (ROOT + name for name in ("/slots", "/", "/nh_a", "/nh_b"))


def run(watchdog: int = 0) -> None:
    """
    Run the application in the current directory.

    :param int watchdog: seconds without a ``poll()`` after which the board is reset; 0 for never
    """
    here = _here()
    _leave(_CRASHED)
    sys.path.insert(0, here + "lib")
    begun = time.monotonic()
    try:
        if watchdog:
            _arm(watchdog)
        exec(_program(), {"__name__": "__main__", "__file__": here + "code.py"})
        _leave(_ENDED)
    except SystemExit:
        _leave(_ENDED)  # an end like any other
    except KeyboardInterrupt:
        _stop_at_desk()
        _leave(_STOPPED)  # noise on a serial line
        raise
    except Exception:
        if time.monotonic() - begun >= STEADY:
            _leave(_LATE)
        raise
    except BaseException:
        _leave(_ENDED)  # a reload, or the way into deep sleep
        raise


def _here() -> str:
    try:
        return os.getcwd() + "/"
    except OSError:
        return ""  # a power cut has torn the folder above, and FAT finds its way up there no more


def _program():
    with open("code.py") as file:
        return compile(file.read(), "code.py", "exec")


def _leave(folder: str) -> None:
    """Say where the guard is to start. Needs some 100 bytes: CircuitPython looks for both paths."""
    try:
        supervisor.set_next_code_file(
            _GUARD, working_directory=folder, reload_on_success=True, reload_on_error=True
        )
    except Exception:
        pass  # out of memory, or the folder is missing: what was said before holds


def _stop_at_desk() -> None:
    """If it was a person who pressed Ctrl-C: not counted, and the prompt. Else return."""
    try:
        import nh_boot  # noqa: PLC0415 it takes memory

        if not nh_boot.at_desk():
            return
        nh_boot.forgive()
    except Exception as error:
        print("nh_run:", error)
        if not supervisor.runtime.usb_connected:
            return
    _disarm()
    raise SystemExit  # CircuitPython leads it to the prompt, and nothing else


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


def _disarm() -> None:
    """At the prompt nobody would feed it."""
    try:
        import microcontroller  # noqa: PLC0415 only boards have it

        microcontroller.watchdog.mode = None
    except Exception as error:
        print("nh_run:", error)


if __name__ == "__main__":
    run()
