# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
A board in this process: a folder as its drive, the real guard and launcher on it, and the modules
of CircuitPython as stand-ins. One run of the VM after the other, as the supervisor would have them.

.. code-block:: python

    machine = Machine(tmp_path)
    machine.install("a", {"code.py": "raise ValueError('bug')"}, version="1.0.0")
    machine.remember(run="a")
    machine.power_on()                 # boot.py, then code.py: the guard chooses
    assert machine.chosen == "a"
    machine.run()                      # the application; it ends, crashes, resets ...
"""

import contextlib
import importlib.util
import io
import os
import shutil
import sys
import time
import traceback
from pathlib import Path
from unittest import mock

from nerveshub_tools import board_settings
from nerveshub_tools.board_modules import Board, DeepSleepRequest, ReloadException, Reset

from nerveshub_link.slots.record import DeviceState
from nerveshub_link.slots.slot_manifest import Manifest, checksum

FILES = Path(__file__).resolve().parents[2] / "examples" / "board"
GUARD = ("boot.py", "code.py", "safemode.py")
GUARD += ("nh_boot.py", "nh_run.py", "nh_trial.py", "nh_wake.py")
RESCUE = "print('rescue')"


class Machine:
    """
    :param pathlib.Path folder: its drive
    :param tuple circuitpython: the version whose ``os.getenv`` it has
    """

    def __init__(self, folder, circuitpython=(10, 2)):
        self.root = str(folder)
        self.board = Board()
        self.circuitpython = circuitpython
        self.slept = []
        """Seconds of each ``time.sleep`` of the guard."""
        self._folder = folder
        DeviceState(self.root).create()
        for name in GUARD:
            shutil.copyfile(FILES / name, folder / name)
        for name in ("app", "slots/a", "slots/b", "data"):
            (folder / name).mkdir(parents=True)
        (folder / "app" / "code.py").write_text(RESCUE)

    # The drive

    def install(self, slot, files, number=1, **meta):
        """Put a release into a slot."""
        meta = dict({"uuid": "uuid of " + slot, "version": "1.0.0"}, **meta)
        folder = self._folder / "slots" / slot
        shutil.rmtree(folder)
        folder.mkdir()
        manifest = Manifest(dict(meta, n=number))
        for path in sorted(files):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(files[path])
            manifest.add(path, *checksum(str(folder / path)))
        manifest.write(str(folder))

    def slot(self, name):
        """The folder of a slot."""
        return self._folder / "slots" / name

    def intact(self, slot):
        """Does the guard find a slot whole?"""
        spec = importlib.util.spec_from_file_location("nh_boot", str(FILES / "nh_boot.py"))
        guard = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(guard)
        return guard.intact(str(self.slot(slot)))

    def set(self, *lines):
        """Write settings.toml."""
        (self._folder / "settings.toml").write_text("".join(line + "\n" for line in lines))

    def remember(self, **values):
        """Write the record."""
        state = DeviceState(self.root)
        state.load()
        state.save(values)

    @property
    def record(self):
        """The record as it is now."""
        return DeviceState(self.root).load()

    def records(self):
        """The bytes of both copies."""
        return [(self._folder / name / "state.bin").read_bytes() for name in ("nh_a", "nh_b")]

    # Runs of the VM

    def power_on(self, reset="POWER_ON", safe_mode="NONE"):
        """A hard start: ``boot.py`` and ``code.py``, or in safe mode ``safemode.py`` alone."""
        self.board.boot(reset, safe_mode)
        if safe_mode != "NONE":
            assert self.vm("safemode.py") == "reset", "the board stays in safe mode"
            return self.power_on("SOFTWARE")
        self._boot()
        return self.guard()

    def _boot(self):
        """``boot.py``; what it prints goes to boot_out.txt if it is not there already."""
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            self.vm("boot.py")
        print(printed.getvalue(), end="")
        path = self._folder / "boot_out.txt"
        text = "Board ID:test\nboot.py output:\n" + printed.getvalue()
        if not path.exists() or path.read_text() != text:
            path.write_text(text)

    def guard(self):
        """``code.py``, as after each run of the application. Return the chosen folder's name."""
        file, folder, _, _ = self.board.take_next_code() or ("code.py", None, False, False)
        assert self.vm(os.path.basename(file), folder) == "reload"
        return self.chosen

    def wake(self, pretended=False, **names):
        """
        A wake from deep sleep: ``boot.py``, and ``code.py``, in whose VM the application runs.
        Return how that ended, as `run` does.

        :param bool pretended: a computer was attached, so there was no reset
        """
        if pretended:
            self.board.woke_up()
        else:
            self.board.boot("DEEP_SLEEP_ALARM")
            self._boot()
        file, folder, _, _ = self.board.take_next_code() or ("code.py", None, False, False)
        return self.vm(os.path.basename(file), folder, names)

    @property
    def chosen(self):
        """What the guard has handed over to: ``"a"``, ``"b"`` or ``"app"``."""
        _, folder, on_success, on_error = self.board.next_code
        assert on_success and on_error, "the guard would not get control back"
        return os.path.basename(folder)

    @property
    def on_trial(self):
        """Has the guard chosen the launcher with the watchdog?"""
        return self.board.next_code[0].endswith("/nh_trial.py")

    def run(self, **names):
        """
        The application, by its launcher. Return how it ended: ``"end"``, ``"error"``, ``"reload"``,
        ``"reset"``, ``"sleep"``, ``"interrupt"``, or ``"prompt"`` after SystemExit. It finds
        ``names`` in a module called ``test``.
        """
        file, folder, _, _ = self.board.take_next_code()
        return self.vm(os.path.basename(file), folder, names)

    def go(self, **names):
        """The application, and the guard after it. Return what the guard chose then."""
        how = self.run(**names)
        assert how in ("end", "error", "reload", "interrupt"), how
        return self.guard()

    def _getenv(self, key, default=None):
        return board_settings.getenv(
            self._folder / "settings.toml", key, default, self.circuitpython
        )

    def vm(self, file, folder=None, names=None):
        old = os.getcwd(), list(sys.path), dict(sys.modules)
        os.chdir(folder or self.root)
        sys.path.insert(0, self.root)
        self.board.install()
        test = type(sys)("test")
        test.__dict__.update(names or {})
        sys.modules["test"] = test
        try:
            with (
                mock.patch.object(time, "sleep", self.slept.append),
                mock.patch.object(os, "getenv", self._getenv),
            ):
                path = self._folder / file
                program = compile(path.read_text(), file, "exec")
                exec(program, {"__name__": "__main__", "__file__": str(path)})
            self.board.ended()
            return "end"
        except ReloadException:
            return "reload"
        except Reset:
            return "reset"
        except DeepSleepRequest:
            self.board.ended()
            return "sleep"
        except (Exception, KeyboardInterrupt, SystemExit) as error:
            self.board.ended(error, traceback.format_exc())
            if isinstance(error, SystemExit):
                return "prompt"
            return "interrupt" if isinstance(error, KeyboardInterrupt) else "error"
        finally:
            os.chdir(old[0])
            sys.path[:] = old[1]
            for name in set(sys.modules) - set(old[2]):
                if not name.startswith("nerveshub_link"):
                    del sys.modules[name]
            self.board.uninstall()
            sys.modules.pop("test", None)
