# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.board_modules`
================================================================================

What only a board has: ``supervisor``, ``microcontroller``, ``watchdog``, ``storage``, as far as the
boot guard and the library touch them, with the real ones' traps:

* what was set for the next run is gone after it, and after a hard reset;
* a reload shows as such in ``run_reason`` until the next hard reset, after a crash, too;
* the traceback is that of the run before, and only that;
* a watchdog that is armed goes on after an exception, and ends with any other end;
* the drive is read-only until ``boot.py`` remounts it.

`Board.boot` and `Board.run` say what happens on the outside; the code in the middle sees modules.
Plain Python without any library, so that it runs on CPython and inside a small VM.
"""

import sys


class Reset(BaseException):
    """Raised by ``microcontroller.reset()``: the run ends here, and nothing is cleaned up."""


class Reload(BaseException):
    """Raised by ``supervisor.reload()``: the run ends here."""


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


class WatchDog:
    """``microcontroller.watchdog``. Nothing bites by itself: the test looks at ``mode``."""

    def __init__(self):
        self.timeout = None
        self.mode = None
        self.fed = 0

    def feed(self):
        """Count."""
        if self.mode is None:
            raise ValueError("WatchDogTimer is not currently running")
        self.fed += 1

    def deinit(self):
        """Disarm."""
        self.mode = None


class Board:
    """
    The supervisor's side of one board.

    :param ticks: function that returns milliseconds, for ``supervisor.ticks_ms``
    """

    def __init__(self, ticks=None):
        self.watchdog = WatchDog()
        self.read_only = True
        self.next_code = None
        """What is set for the next run: ``(file, folder, reload_on_success, reload_on_error)``."""
        self.wake_alarm = None
        self._ticks = ticks or (lambda: 0)
        self._run_reason = RUN_REASONS.STARTUP
        self._reset_reason = RESET_REASONS.POWER_ON
        self._safe_mode_reason = SAFE_MODE_REASONS.NONE
        self._traceback = None

    def boot(self, reset="POWER_ON", safe_mode="NONE"):
        """A hard start: nothing in RAM is left."""
        self.watchdog = WatchDog()
        self.read_only = True
        self.next_code = None
        self._run_reason = RUN_REASONS.STARTUP
        self._reset_reason = getattr(RESET_REASONS, reset)
        self._safe_mode_reason = getattr(SAFE_MODE_REASONS, safe_mode)
        self._traceback = None

    def ended(self, traceback=None):
        """A run has ended: by itself, or with this traceback."""
        self._traceback = traceback
        if traceback is None:
            self.watchdog.deinit()

    def reloaded(self, reason="SUPERVISOR_RELOAD"):
        """A run was ended by a reload."""
        self._run_reason = getattr(RUN_REASONS, reason)
        self._traceback = None
        self.watchdog.deinit()

    def take_next_code(self):
        """What the next run is to run; None for ``code.py``. Asked once a run."""
        found, self.next_code = self.next_code, None
        return found

    def state(self):
        """Everything that a run leaves behind, as a dict for `restore`."""
        return {
            "read_only": self.read_only,
            "next_code": self.next_code,
            "run_reason": self._run_reason,
            "reset_reason": self._reset_reason,
            "safe_mode_reason": self._safe_mode_reason,
            "traceback": self._traceback,
            "watchdog": self.watchdog.timeout if self.watchdog.mode else None,
        }

    def restore(self, state):
        """Go on where another process, which is the VM of one run, has left off."""
        self.read_only = state["read_only"]
        self.next_code = state["next_code"] and tuple(state["next_code"])
        self._run_reason = state["run_reason"]
        self._reset_reason = state["reset_reason"]
        self._safe_mode_reason = state["safe_mode_reason"]
        self._traceback = state["traceback"]
        self.watchdog.timeout = state["watchdog"]
        self.watchdog.mode = "watchdog.WatchDogMode.RESET" if state["watchdog"] else None

    def install(self):
        """Put the modules where ``import`` finds them."""
        sys.modules["supervisor"] = Bag(
            RunReason=RUN_REASONS,
            SafeModeReason=SAFE_MODE_REASONS,
            runtime=Bag(
                run_reason=self._run_reason,
                safe_mode_reason=self._safe_mode_reason,
                autoreload=True,
            ),
            get_previous_traceback=lambda: self._traceback,
            set_next_code_file=self._set_next_code_file,
            reload=self._reload,
            ticks_ms=self._ticks,
        )
        sys.modules["microcontroller"] = Bag(
            cpu=Bag(reset_reason=self._reset_reason, uid=b"\x01\x02\x03\x04", temperature=30.0),
            ResetReason=RESET_REASONS,
            watchdog=self.watchdog,
            reset=self._reset,
        )
        sys.modules["watchdog"] = Bag(
            WatchDogMode=Bag(
                RAISE="watchdog.WatchDogMode.RAISE", RESET="watchdog.WatchDogMode.RESET"
            )
        )
        sys.modules["storage"] = Bag(
            remount=self._remount, getmount=lambda path: Bag(readonly=self.read_only)
        )
        sys.modules["alarm"] = Bag(wake_alarm=self.wake_alarm)

    def uninstall(self):
        """Take the modules away again."""
        for name in ("supervisor", "microcontroller", "watchdog", "storage", "alarm"):
            sys.modules.pop(name, None)

    def _set_next_code_file(
        self, filename, *, working_directory=None, reload_on_success=False, reload_on_error=False
    ):
        try:
            open(filename).close()
        except OSError:
            raise ValueError("File not found") from None
        self.next_code = (filename, working_directory, reload_on_success, reload_on_error)

    def _reload(self):
        self.reloaded()
        raise Reload

    def _reset(self):
        raise Reset

    def _remount(self, path, readonly=False):
        self.read_only = readonly
