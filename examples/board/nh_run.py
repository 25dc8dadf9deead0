# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
The launcher: runs an application in a VM of its own, as the guard (``nh_boot``) has chosen it.

The current directory says what to run: ``/images/a`` or ``/images/b``, whose image is mounted at
``/slot``; or ``/app``, the rescue application, or ``/develop``, which are plain files. The
application's ``lib`` comes first in the search for modules; its ``code.py`` runs as ``__main__``,
or its ``code.mpy`` is imported. An application on trial is started by ``nh_trial`` instead, with a
watchdog that ``NervesHubLink.poll`` feeds: neither that nor ``sys.path`` nor a mount would survive
the reload between guard and application. Whatever ends the application, the guard comes next.

The image is mounted a second time at ``/media``, through a file of its own. What a display or the
sound reads in the background (OnDiskBitmap, WaveFile, MP3Decoder) belongs there: it is read between
two byte codes, also in the middle of a read from ``/slot``, and two reads that are nested in one
FatFs volume destroy each other.

How it ended, only this VM knows: to the next one, an end and a ``supervisor.reload()`` look alike,
and after memory ran out there is no traceback. So the launcher says in which folder the guard is to
start, by ``supervisor.set_next_code_file``, which writes nothing.

==================================  ================================================================
the guard starts in                 the application
==================================  ================================================================
``/images``                         crashed, or could not be mounted, read or compiled; set first of
                                    all, so that nothing has to be done when memory has run out
``/``                               ended, by itself or by a reload
``/nh_a``                           was interrupted by Ctrl-C
``/nh_b``                           crashed after ten steady minutes: not this start's fault
==================================  ================================================================

Where a slot was written, the VM may only end by a reset of the board: the end of the VM closes the
file, and that writes a folder. What the mark and the traceback would say goes into the record then.
"""

import os
import sys
import time

import supervisor

STEADY = 600
"""Seconds after which a crash is no longer the start's fault."""
ROOT = globals().get("__file__", "").rpartition("/")[0].rstrip("/")
"""Where the drive is: ``""`` on a board."""
# Made now: later, memory may have run out.
_HOME = ROOT or "/"
_GUARD = ROOT + "/code.py"
_CRASHED, _ENDED, _STOPPED, _LATE = (ROOT + name for name in ("/images", "/", "/nh_a", "/nh_b"))


class Launcher:
    """What the library finds in ``sys.modules["nh_launcher"]``."""

    slot = ""
    """The slot that runs, ``"a"`` or ``"b"``; ``""`` for the rescue application."""
    armed = 0
    """Seconds with which the watchdog was armed; with others, somebody else did."""


class Image:
    """A slot's image as a block device that can only be read."""

    def __init__(self, path: str) -> None:
        self._file = open(path, "rb")
        self._file.seek(7 * 512 + 12)
        self._sectors = int.from_bytes(self._file.read(4), "little") // 512

    def readblocks(self, number: int, buffer) -> int:
        """Read. Never raises: after an exception here, FatFs would take one sector for another."""
        for _ in range(2):  # a Ctrl-C in here is lost; another one will find the application's code
            try:
                self._file.seek((8 + number) * 512)
                return 0 if self._file.readinto(buffer) == len(buffer) else -5
            except BaseException:
                pass
        return -5

    def count(self) -> int:
        """How many blocks of 512 bytes it has. Without an ioctl(), FatFs needs no more."""
        return self._sectors


def run(watchdog: int = 0) -> None:
    """
    Run the application of the current directory.

    :param int watchdog: seconds without a ``poll()`` after which the board is reset; 0 for never
    """
    sys.modules["nh_launcher"] = Launcher
    _leave(_CRASHED)
    paths = sys.path[:]
    begun = time.monotonic()
    letter, error = "c", None
    try:
        if watchdog:
            _arm(watchdog)
        here = _enter(os.getcwd())
        sys.path.insert(0, here + "/lib")
        _execute(here)
        letter = "e"
        _leave(_ENDED)
    except SystemExit:
        letter = "e"
        _leave(_ENDED)  # an end like any other
    except KeyboardInterrupt:
        letter = ""
        _out(paths)
        if _at_desk():
            letter = None  # what the end of the VM writes, somebody is there to mend
            raise SystemExit from None  # CircuitPython leads it to the prompt, and nothing else
        _leave(_STOPPED)  # noise on a serial line
        raise
    except Exception as raised:
        error = raised
        if time.monotonic() - begun >= STEADY:
            letter = "s"
            _leave(_LATE)
        raise
    except BaseException:
        letter = "e"
        _leave(_ENDED)  # a reload, or the way into deep sleep
        raise
    finally:
        _out(paths)
        if letter is not None and _has_written():
            _reset(letter, error)


def _enter(folder: str) -> str:
    """Mount the image if there is one, and go where the application is."""
    if not folder.startswith(ROOT + "/images/"):
        return folder
    import storage  # noqa: PLC0415 the rescue application needs none

    Launcher.slot = folder[-1]
    for place in ("/slot", "/media"):
        try:
            os.stat(ROOT + place)
        except OSError:
            os.mkdir(ROOT + place)
        image = storage.VfsFat(Image(folder + "/app.img"))
        storage.mount(image, ROOT + place, readonly=True)
    os.chdir(ROOT + "/slot")
    return ROOT + "/slot"


def _execute(here: str) -> None:
    try:
        size = os.stat("code.py")[6]
    except OSError:
        os.stat("code.mpy")  # else the guard's own /code.py would be found
        __import__("code")  # no other way leads to compiled code
        return
    with open("code.py", "rb") as file:
        source = file.read(size)  # with its length, it takes the room once
    program = compile(source, "code.py", "exec")
    del source
    exec(program, {"__name__": "__main__", "__file__": here + "/code.py"})


def _out(paths: list) -> None:
    """Leave the image, before anything else looks for a file in it."""
    sys.path[:] = paths
    try:
        os.chdir(_HOME)
    except Exception:
        pass  # out of memory: the end of the VM leaves it, too


def _leave(folder: str) -> None:
    """Say where the guard is to start. Needs some 100 bytes: CircuitPython looks for both paths."""
    try:
        supervisor.set_next_code_file(
            _GUARD, working_directory=folder, reload_on_success=True, reload_on_error=True
        )
    except Exception:
        pass  # out of memory, or the folder is missing: what was said before holds


def _has_written() -> bool:
    """Does the library keep a slot open for writing?"""
    slots = sys.modules.get("nerveshub_link.slots.slot_file")
    try:
        return slots is not None and slots.is_open()
    except Exception:
        return True  # out of memory


def _reset(letter: str, error) -> None:
    """Reset the board, after the record has got what would be lost; ``""``: nothing to count."""
    try:
        import nh_boot  # noqa: PLC0415 it takes memory

        nh_boot.note(letter, error)
    except Exception as failure:
        print("nh_run:", failure)
    import microcontroller  # noqa: PLC0415

    microcontroller.reset()


def _at_desk() -> bool:
    """Was it a person who pressed Ctrl-C? Then it is not counted, and the watchdog is off."""
    try:
        import nh_boot  # noqa: PLC0415 it takes memory

        if not nh_boot.at_desk():
            return False
        nh_boot.disarm()
        nh_boot.note("", None)
    except Exception as error:
        print("nh_run:", error)
        return bool(supervisor.runtime.usb_connected)
    return True


def _arm(seconds: int) -> None:
    try:
        import microcontroller  # noqa: PLC0415 only boards have it
        import watchdog  # noqa: PLC0415

        microcontroller.watchdog.timeout = seconds
        microcontroller.watchdog.mode = watchdog.WatchDogMode.RESET
        Launcher.armed = seconds
    except Exception as error:
        print("nh_run: no watchdog:", error)


if __name__ == "__main__":
    run()
