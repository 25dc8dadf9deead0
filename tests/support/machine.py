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

import builtins
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
from nerveshub_tools.board_images import read_only, unpack
from nerveshub_tools.board_modules import Board, DeepSleepRequest, ReloadException, Reset
from nerveshub_tools.board_storage import Mounts

from nerveshub_link.slots.record import DeviceState

from . import slots

FILES = Path(__file__).resolve().parents[2] / "examples" / "board"
GUARD = ("boot.py", "code.py", "safemode.py")
GUARD += ("nh_boot.py", "nh_run.py", "nh_trial.py", "nh_wake.py", "nh_slots.py")
COPIES = ("nh_a", "nh_b", "nh_c")
RESCUE = "print('rescue')"


class Images:
    """Mounted images: each is unpacked where it is mounted."""

    def __init__(self):
        self._folders = []

    def mount(self, path, image):
        """Show the files."""
        assert not os.listdir(path), "something in the folder would be hidden"
        unpack(image, path)
        self._folders.append(path)

    def umount(self, path):
        """The files go, the folder stays."""
        self._folders.remove(path)
        shutil.rmtree(path)
        os.mkdir(path)

    def holds(self, path):
        """Tell whether a path leads into an image."""
        path = os.path.abspath(path) + "/"
        return any(path.startswith(folder + "/") for folder in self._folders)


class Machine:
    """
    :param pathlib.Path folder: its drive
    :param tuple circuitpython: the version whose ``os.getenv`` it has
    """

    def __init__(self, folder, circuitpython=(10, 2)):
        self.root = str(folder)
        self._images = Images()
        self._mounts = Mounts(self._images)
        self.board = Board(mounts=self._mounts)
        self.circuitpython = circuitpython
        self.slept = []
        """Seconds of each ``time.sleep`` of the guard."""
        self._folder = folder
        for name in COPIES:
            (folder / name).mkdir()
            (folder / name / "state.bin").write_bytes(bytes(15 * 512))
        for name in GUARD:
            shutil.copyfile(FILES / name, folder / name)
        for name in ("app", "data", "slot", "media"):
            (folder / name).mkdir()
        slots.make_empty(folder)
        (folder / "app" / "code.py").write_text(RESCUE)

    # The drive

    @property
    def drive(self):
        """Its folder."""
        return self._folder

    def install(self, slot, files, number=1, **meta):
        """Put a release into a slot."""
        slots.install(self._folder, slot, files, number, **meta)

    def tear(self, slot):
        """Change a bit in a slot's image."""
        slots.tear(self._folder, slot)

    def whole(self, slot):
        """Tell whether the guard finds a complete release in a slot."""
        spec = importlib.util.spec_from_file_location("nh_boot", str(self._folder / "nh_boot.py"))
        guard = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(guard)
        return guard._whole(slot)

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
        """The bytes of all copies."""
        return [(self._folder / name / "state.bin").read_bytes() for name in COPIES]

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
        """True if the guard has chosen the launcher with the watchdog."""
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

    def _check_writable(self, path):
        if self.board.read_only or self._images.holds(path):
            raise read_only(path)

    def _open(self, real):
        def opened(path, mode="r", *more, **named):
            if not set("wax+").isdisjoint(mode):
                self._check_writable(path)
            return real(path, mode, *more, **named)

        return opened

    def _mkdir(self, real):
        def made(path, *more):
            self._check_writable(path)
            real(path, *more)

        return made

    def vm(self, file, folder=None, names=None):
        """One run of a file. Return how it ended, as `run` does."""
        importlib.invalidate_caches()
        old = os.getcwd(), list(sys.path), dict(sys.modules)
        os.chdir(folder or self.root)
        sys.path.insert(0, self.root)
        self.board.install()
        test = type(sys)("test")
        test.__dict__.update(names or {})
        sys.modules["test"] = test
        try:
            with contextlib.ExitStack() as patches:
                patches.enter_context(mock.patch.object(time, "sleep", self.slept.append))
                patches.enter_context(mock.patch.object(os, "getenv", self._getenv))
                patches.enter_context(mock.patch.object(os, "mkdir", self._mkdir(os.mkdir)))
                patches.enter_context(mock.patch.object(builtins, "open", self._open(open)))
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
            self._mounts.unmount_all()
            sys.path[:] = old[1]
            for name in set(sys.modules) - set(old[2]):
                if not name.startswith("nerveshub_link"):
                    del sys.modules[name]
            self.board.uninstall()
            sys.modules.pop("test", None)
