# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.board_modules`
================================================================================

Stand-ins for a board's modules ``supervisor``, ``microcontroller``, ``watchdog``, ``storage`` and
``alarm``, as far as the boot guard and the library use them. They have no names that CircuitPython
10 lacks (``tests/guard/test_board_api.py`` compares them with its stubs), and the real ones' traps:

* what was set for the next run is gone after it, and after a hard reset; file and folder must
  exist;
* a reload shows as such in ``run_reason`` until the next hard reset, after a crash, too;
* the traceback is that of the run before, and only that; its lines end in CR LF; there is none
  after memory ran out;
* a watchdog that is armed goes on after an exception, SystemExit included, and ends with any other
  end, Ctrl-C included; a new timeout while it is armed raises, though it is in force then;
* ``alarm.wake_alarm`` belongs to the first run of code.py after a hard start;
* the drive is read-only until ``boot.py`` remounts it.

`Board.boot` and `Board.ended` say what happens on the outside; the code in the middle sees modules.
Plain Python without any library, so that it runs on CPython and inside a small VM. It is one file,
though a long one, because tests copy it into such a VM.
"""

import os
import sys


class Reset(BaseException):
    """Raised by ``microcontroller.reset()``: the run ends here, and nothing is cleaned up."""


class ReloadException(BaseException):
    """Raised by ``supervisor.reload()``: the run ends here. CircuitPython's name: code knows it."""


class DeepSleepRequest(BaseException):
    """Raised by ``alarm.exit_and_deep_sleep_until_alarms()``; likewise CircuitPython's name."""


class IDFError(OSError):
    """``espidf.IDFError``."""


class WatchDogTimeout(Exception):
    """``watchdog.WatchDogTimeout``: an Exception like any other."""


class Values:
    """An enumeration: each name is a value of its own."""

    def __init__(self, kind, names):
        for name in names.split():
            setattr(self, name, kind + "." + name)


class Bag:
    """Something with attributes."""

    def __init__(self, **values):
        for name in values:
            setattr(self, name, values[name])


RUN_REASONS = Values("supervisor.RunReason", "STARTUP AUTO_RELOAD SUPERVISOR_RELOAD REPL_RELOAD")
SAFE_MODE_REASONS = Values(
    "supervisor.SafeModeReason",
    "NONE BROWNOUT HARD_FAULT INTERRUPT_ERROR WATCHDOG STACK_OVERFLOW GC_ALLOC_OUTSIDE_VM USER",
)
RESET_REASONS = Values(
    "microcontroller.ResetReason",
    "POWER_ON BROWNOUT SOFTWARE DEEP_SLEEP_ALARM RESET_PIN WATCHDOG UNKNOWN RESCUE_DEBUG",
)


WATCHDOG_MODES = Values("watchdog.WatchDogMode", "RAISE RESET")


class WatchDogTimer:
    """
    ``microcontroller.watchdog`` of an Espressif chip (CircuitPython's
    ``ports/espressif/common-hal/watchdog/WatchDogTimer.c``). Nothing bites by itself: the test
    looks at ``mode``.

    :param note: function that is told what it is set to, and ``"feed"``
    """

    def __init__(self, note=None):
        self._timeout = 0.0
        self._mode = None
        self._note = note or (lambda what: None)

    @property
    def timeout(self):
        """Seconds; 0.0 after a hard start."""
        return self._timeout

    @timeout.setter
    def timeout(self, seconds):
        if not isinstance(seconds, (int, float)):
            raise TypeError("can't convert to float")
        if not 0 <= seconds * 1000 <= 0xFFFFFFFF:
            raise ValueError("timeout must be >= 0")
        self._timeout = float(seconds)
        self._note(seconds)
        self._check_unarmed()  # esp_task_wdt_add() after all is done

    @property
    def mode(self):
        """None while it is off."""
        return self._mode

    @mode.setter
    def mode(self, mode):
        if mode not in (None, WATCHDOG_MODES.RAISE, WATCHDOG_MODES.RESET):
            raise TypeError("mode must be of type WatchDogMode")
        if mode == self._mode:
            return
        if mode is not None:
            self._check_unarmed()
        self._mode = mode
        self._note(mode)

    def _check_unarmed(self):
        if self._mode is not None:
            raise IDFError("Invalid argument")  # the task is already subscribed

    def feed(self):
        """Silent while it is off."""
        if self._mode is not None:
            self._note("feed")


class Board:
    """
    The supervisor's side of one board.

    :param ticks: function that returns milliseconds, for ``supervisor.ticks_ms``
    :param mounts: what mounts images, `nerveshub_tools.board_storage.Mounts`; None where nothing is
        mounted
    """

    def __init__(self, ticks=None, mounts=None):
        self.fed = 0
        """How often the watchdog was fed."""
        self.read_only = True
        self.usb_connected = False
        self.next_code = None
        """What is set for the next run: ``(file, folder, reload_on_success, reload_on_error)``."""
        self.wake_alarm = None
        """What the first run of code.py finds as ``alarm.wake_alarm``: set it after `boot`."""
        self._ticks = ticks or (lambda: 0)
        self._mounts = mounts
        self.boot()

    def boot(self, reset="POWER_ON", safe_mode="NONE"):
        """A hard start: nothing in RAM is left."""
        self.watchdog = WatchDogTimer(self._note)
        self.read_only = True
        self.next_code = None
        self.wake_alarm = "a time alarm" if reset == "DEEP_SLEEP_ALARM" else None
        self._runs = 0
        self._run_reason = RUN_REASONS.STARTUP
        self._reset_reason = getattr(RESET_REASONS, reset)
        self._safe_mode_reason = getattr(SAFE_MODE_REASONS, safe_mode)
        self._traceback = None

    def _note(self, what):
        if what == "feed":
            self.fed += 1

    def ended(self, error=None, traceback=None):
        """
        A run has ended: by itself, or with an exception, be it SystemExit or KeyboardInterrupt.

        :param error: the exception
        :param str traceback: its text
        """
        self._traceback = None
        if error is None or isinstance(error, KeyboardInterrupt):
            self.watchdog.mode = None
        elif self.watchdog.mode == WATCHDOG_MODES.RAISE:
            self.watchdog.mode = None
        if traceback and not isinstance(error, MemoryError):
            self._traceback = "\r\n".join(line.rstrip("\r") for line in traceback.split("\n"))

    def woke_up(self):
        """It only pretended to sleep deeply, for a computer is attached: a first run, no reset."""
        self.wake_alarm = "a time alarm"
        self._runs = 0
        self._run_reason = RUN_REASONS.STARTUP

    def reloaded(self, reason="SUPERVISOR_RELOAD"):
        """A run was ended by a reload; or somebody has pressed Ctrl-D at the prompt."""
        self._run_reason = getattr(RUN_REASONS, reason)
        if reason != "REPL_RELOAD":  # what is done at the prompt is no run
            self._traceback = None
        self.watchdog.mode = None

    def take_next_code(self):
        """
        What the run that begins now is to run; None for ``code.py``. Asked before each run but that
        of ``boot.py`` and ``safemode.py``.
        """
        self._runs += 1
        if self._runs > 1:
            self.wake_alarm = None
        found, self.next_code = self.next_code, None
        return found

    def state(self):
        """Everything that a run leaves behind, as a dict for `restore`."""
        return {
            "read_only": self.read_only,
            "usb_connected": self.usb_connected,
            "next_code": self.next_code,
            "wake_alarm": self.wake_alarm,
            "runs": self._runs,
            "run_reason": self._run_reason,
            "reset_reason": self._reset_reason,
            "safe_mode_reason": self._safe_mode_reason,
            "traceback": self._traceback,
            "watchdog": (self.watchdog.timeout, self.watchdog.mode),
        }

    def restore(self, state):
        """Go on where another process, which is the VM of one run, has left off."""
        self.read_only = state["read_only"]
        self.usb_connected = state["usb_connected"]
        self.next_code = state["next_code"] and tuple(state["next_code"])
        self.wake_alarm = state["wake_alarm"]
        self._runs = state["runs"]
        self._run_reason = state["run_reason"]
        self._reset_reason = state["reset_reason"]
        self._safe_mode_reason = state["safe_mode_reason"]
        self._traceback = state["traceback"]
        self.watchdog.mode = None
        self.watchdog.timeout, self.watchdog.mode = state["watchdog"]

    def install(self):
        """Put the modules where ``import`` finds them."""
        sys.modules["supervisor"] = Bag(
            RunReason=RUN_REASONS,
            SafeModeReason=SAFE_MODE_REASONS,
            runtime=Bag(
                run_reason=self._run_reason,
                safe_mode_reason=self._safe_mode_reason,
                autoreload=True,
                usb_connected=self.usb_connected,
                serial_connected=self.usb_connected,
            ),
            get_previous_traceback=lambda: self._traceback,
            set_next_code_file=self._set_next_code_file,
            reload=self._reload,
            ticks_ms=self._ticks,
        )
        sys.modules["microcontroller"] = Bag(
            cpu=Bag(
                reset_reason=self._reset_reason,
                uid=bytearray(b"\x01\x02\x03\x04"),
                temperature=30.0,
            ),
            ResetReason=RESET_REASONS,
            watchdog=self.watchdog,
            reset=self._reset,
        )
        sys.modules["watchdog"] = Bag(
            WatchDogMode=WATCHDOG_MODES,
            WatchDogTimeout=WatchDogTimeout,
            WatchDogTimer=WatchDogTimer,
        )
        sys.modules["storage"] = Bag(remount=self._remount, getmount=self._getmount)
        if self._mounts is not None:
            self._mounts.add_to(sys.modules["storage"])
        sys.modules["alarm"] = Bag(
            wake_alarm=self.wake_alarm, exit_and_deep_sleep_until_alarms=self._sleep
        )

    def uninstall(self):
        """Take the modules away again."""
        for name in ("supervisor", "microcontroller", "watchdog", "storage", "alarm"):
            sys.modules.pop(name, None)

    def _set_next_code_file(  # noqa: PLR0913 the real one's
        self,
        filename,
        *,
        working_directory=None,
        reload_on_success=False,
        reload_on_error=False,
        sticky_on_success=False,
        sticky_on_error=False,
        sticky_on_reload=False,
    ):
        for name in (filename, working_directory):
            if name is not None and not isinstance(name, str):
                raise TypeError("must be of type str or None")
        if filename is not None and not _exists(filename):
            raise ValueError("File not found")
        if working_directory is not None and not _exists(working_directory):
            raise ValueError("Invalid working_directory")
        if sticky_on_success or sticky_on_error or sticky_on_reload:
            raise NotImplementedError("sticky: this stand-in does not know it")
        self.next_code = None
        if filename is not None:
            self.next_code = (filename, working_directory, reload_on_success, reload_on_error)

    def _reload(self):
        self.reloaded()
        raise ReloadException

    def _reset(self):
        raise Reset

    def _sleep(self, *alarms, preserve_dios=()):
        raise DeepSleepRequest

    def _remount(self, mount_path, readonly=False, *, disable_concurrent_write_protection=False):
        if mount_path != "/":
            raise OSError(22, "Invalid argument")
        if self._runs and self.usb_connected and self.read_only:
            raise RuntimeError("Cannot remount path when visible via USB.")
        self.read_only = readonly

    def _getmount(self, mount_path):
        if mount_path != "/":
            raise OSError(22, "Invalid argument")
        return Bag(readonly=self.read_only)


def _exists(path):
    try:
        os.stat(path)
    except OSError:
        return False
    return True
