# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
The launcher: runs the application that the guard (``nh_boot``) has chosen, in a VM of its own.

The current directory tells what to run: ``/images/a`` or ``/images/b``, whose image is mounted at
``/slot``; or ``/app``, the rescue application, or ``/develop``, which are plain files. The
application's ``lib`` comes first in ``sys.path``; its ``code.py`` runs as ``__main__``, or its
``code.mpy`` is imported. An application on trial is started by ``nh_trial`` instead, with a
watchdog that ``NervesHubLink.poll`` feeds. This can't be done by the guard, since watchdog,
``sys.path`` and mounts do not survive the reload between guard and application. When the
application ends, for whatever reason, the guard runs next.

The image is mounted a second time at ``/media``, through a file of its own, for files that a
display or the sound reads in the background (OnDiskBitmap, WaveFile, MP3Decoder): they are read
between two byte codes, also during a read from ``/slot``, and FatFs can't nest two reads of one
volume.

Only this VM knows how the application ended: for the next VM, an end and a ``supervisor.reload()``
look the same, and there is no traceback after a lack of memory. So the launcher sets the guard's
current directory by ``supervisor.set_next_code_file``, which writes nothing to the flash.

==================================  ================================================================
the guard starts in                 the application
==================================  ================================================================
``/images``                         crashed, or could not be mounted, read or compiled. Set at the
                                    beginning, since after a crash there may be no memory for it
``/``                               ended, by itself or by a reload
``/nh_a``                           was interrupted by Ctrl-C
``/nh_b``                           crashed after ten minutes, which is not this start's fault
==================================  ================================================================

While a slot is open for writing, the VM must end by a reset of the board: otherwise its end would
close the file, which writes a folder. How the application ended is written to the record then.
"""

import os
import sys
import time

import supervisor

STEADY = 600
"""Seconds after which a crash is no longer the start's fault."""
ROOT = globals().get("__file__", "").rpartition("/")[0].rstrip("/")
"""The drive's path: ``""`` on a board."""
# Made now, since there may be no memory later.
_HOME = ROOT or "/"
_GUARD = ROOT + "/code.py"
_CRASHED, _ENDED, _STOPPED, _LATE = (ROOT + name for name in ("/images", "/", "/nh_a", "/nh_b"))


class Launcher:
    """Information for the library, which finds it as ``sys.modules["nh_launcher"]``."""

    slot = ""
    """The running slot, ``"a"`` or ``"b"``; ``""`` for the rescue application."""
    armed = 0
    """Timeout in seconds to which the launcher has set the watchdog; 0 if it is not armed."""


class Image:
    """A slot's image as a block device that can only be read."""

    def __init__(self, path: str) -> None:
        self._file = open(path, "rb")
        self._file.seek(7 * 512 + 12)
        self._sectors = int.from_bytes(self._file.read(4), "little") // 512

    def readblocks(self, number: int, buffer) -> int:
        """Read blocks. Never raises: after an exception here, FatFs would mix up sectors."""
        for _ in range(2):  # a Ctrl-C in here is lost; the next one reaches the application
            try:
                self._file.seek((8 + number) * 512)
                return 0 if self._file.readinto(buffer) == len(buffer) else -5
            except BaseException:
                pass
        return -5

    def count(self) -> int:
        """Return the number of blocks of 512 bytes. Without an ioctl(), FatFs needs no more."""
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
        _leave(_ENDED)  # the same as an end
    except KeyboardInterrupt:
        letter = ""
        _out(paths)
        if _at_desk():
            letter = None  # no reset, though closing a slot writes: a person is there to mend it
            raise SystemExit from None  # only this leads to CircuitPython's prompt
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
    """Mount the slot's image, if there is one, and change to the application's folder."""
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
        os.stat("code.mpy")  # raises if it is missing: import would find the guard's /code.py
        __import__("code")  # compiled code can only be imported
        return
    with open("code.py", "rb") as file:
        source = file.read(size)  # with a length, only one buffer is allocated
    program = compile(source, "code.py", "exec")
    del source
    exec(program, {"__name__": "__main__", "__file__": here + "/code.py"})


def _out(paths: list) -> None:
    """Leave the image: restore ``sys.path`` and the current directory."""
    sys.path[:] = paths
    try:
        os.chdir(_HOME)
    except Exception:
        pass  # out of memory: the end of the VM does the same


def _leave(folder: str) -> None:
    """Set the guard's current directory. Needs about 100 bytes: CircuitPython checks both paths."""
    try:
        supervisor.set_next_code_file(
            _GUARD, working_directory=folder, reload_on_success=True, reload_on_error=True
        )
    except Exception:
        pass  # out of memory, or the folder is missing: the earlier setting stays


def _has_written() -> bool:
    """Tell whether the library has a slot open for writing."""
    slots = sys.modules.get("nerveshub_link.slots.slot_file")
    try:
        return slots is not None and slots.is_open()
    except Exception:
        return True  # out of memory


def _reset(letter: str, error) -> None:
    """Write to the record how the application ended, then reset the board."""
    try:
        import nh_boot  # noqa: PLC0415 it takes memory

        nh_boot.note(letter, error)
    except Exception as failure:
        print("nh_run:", failure)
    import microcontroller  # noqa: PLC0415

    microcontroller.reset()


def _at_desk() -> bool:
    """If a person pressed Ctrl-C: stop the watchdog, do not count this start; return True."""
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
