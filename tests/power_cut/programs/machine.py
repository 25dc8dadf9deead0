# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
A board whose drive is simulated flash under the real FatFs. It does what CircuitPython does around
Python code: ``/safemode.py``, ``/boot.py``, ``/code.py`` or what was set for the next run, each in
a VM of its own, until the test's condition is met or the board stops. The launcher mounts a slot's
image as on a board.

All that these files import comes from the drive as well, but for the package: that is beside it,
since no update writes the package that runs. The clock is a number: nobody waits.
"""

import gc
import io
import os
import sys

import vfs
from board_modules import Bag, Board, ReloadException, Reset

_STARTS = 40
_GUARD = ("nh_boot", "nh_run", "nh_trial", "nh_wake", "nh_slots")
_IMAGES = ("/slot", "/media")
_BOOT_OUT = (
    b"Adafruit CircuitPython 10.1.3 on 2025-10-17; A board with ESP32S3\r\nBoard ID:a_board\r\n"
    b"UID:0123456789AB\r\nboot.py output:\r\n"
)


class Content(BaseException):
    """Raised within the application to end the run: its condition is met."""


class Prompt(Exception):
    """The VM has ended, and CircuitPython is at its prompt. What was open is closed."""


class Brick(Exception):
    """The board does not come back by itself."""


class Torn(Brick):
    """An application was started that is no release, byte for byte."""


class Unmountable(Brick):
    """CircuitPython would format the drive: all is lost."""


class Machine:
    """
    A board.

    :param Flash flash: its drive
    :param identify: function of a folder: name of the release that it holds byte for byte, or None
    :param outside: what applications import as ``outside``
    """

    def __init__(self, flash, identify, outside):
        self.flash = flash
        self.now = 0
        self.board = Board(lambda: self.now & 0x1FFFFFFF)
        self.ran = []
        """What was started since `power_on`: (slot or "", name of the release)."""
        self.closed = 0
        """How many slots the end of a VM has closed that were open for writing."""
        self._content = False
        self._identify = identify
        self._outside = outside
        self._compiled = {}
        self._time = Bag(
            sleep=self._sleep, monotonic=lambda: self.now / 1000, time=lambda: 1700000000
        )
        self._modules = {}

    def keep_modules(self):
        """What is imported now stays, as if it were built in."""
        self._modules = dict(sys.modules)

    def _sleep(self, seconds):
        self.now += int(seconds * 1000)

    def content(self):
        """For the application: nothing is left to do, the power may go."""
        self._content = True
        self._reset()

    def _reset(self):
        """``microcontroller.reset()``: whatever runs on its way out does not run on a board."""
        self.flash.disconnect()
        _written().clear()
        raise Content if self._content else Reset

    def mount(self):
        """
        Mount the drive anew: what FatFs had in RAM is lost, and no file is closed.

        :raises Unmountable: if that can't be
        """
        self.flash.disconnect()
        _written().clear()
        self._unmount_images()
        try:
            vfs.umount("/")
        except OSError:
            pass
        try:
            vfs.mount(vfs.VfsFat(self.flash.port()), "/")
        except OSError:
            raise Unmountable from None

    @staticmethod
    def _unmount_images():
        os.chdir("/")
        for path in _IMAGES:
            try:
                vfs.umount(path)
            except OSError:
                pass

    def _end_vm(self):
        """Finalisers close what is open, and what was mounted from the heap is gone."""
        for file in _written().values():
            self.closed += 1
            file.close()
        _written().clear()
        self._unmount_images()

    def power_on(self, reset="POWER_ON", safe_mode="NONE", usb_connected=False):
        """
        Run until an application is content.

        :raises Brick: if that never happens
        :raises Prompt: if somebody has pressed Ctrl-C
        """
        self.ran = []
        self._starts = 0
        self._failure = ""
        self._content = False
        self.board.usb_connected = usb_connected
        while True:
            self.mount()
            self.board.boot(reset, safe_mode)
            reset, next_safe_mode = "SOFTWARE", "NONE"
            try:
                if safe_mode != "NONE":
                    self._start("/safemode.py", "/")
                    raise Brick("safe mode for ever")
                self._boot()
                while True:
                    self._run()
            except Reset:
                safe_mode = next_safe_mode
            except Content:
                return

    def start_once(self):
        """The first start at the desk, which ends before code.py."""
        self.mount()
        self.board.boot()
        self._starts = 0
        self._boot()

    def _boot(self):
        """``boot.py``, and boot_out.txt, which CircuitPython makes anew when it would change."""
        self._start("/boot.py", "/")
        try:
            with open("/boot_out.txt", "rb") as file:
                if file.read() == _BOOT_OUT:
                    return
        except OSError:
            pass
        try:
            with open("/boot_out.txt", "wb") as file:
                file.write(_BOOT_OUT)
        except OSError:
            pass  # main.c does not look, either

    def _run(self):
        """One VM; returns if another one follows."""
        path, folder, on_success, on_error = self.board.take_next_code() or (
            "/code.py",
            "/",
            False,
            False,
        )
        if path != "/code.py":
            release = self._identify(folder)
            if release is None:
                raise Torn("a torn application was started: " + folder)
            self.ran.append((folder[-1] if folder.startswith("/images/") else "", release))
        try:
            failure = self._start(path, folder)
        except ReloadException:
            self._end_vm()
            return
        except SystemExit:
            self._end_vm()
            raise Prompt from None
        self._end_vm()
        if not (on_error if failure else on_success):
            raise Brick("code done running: %s: %s" % (path, failure))

    def _start(self, path, folder):
        """Run a file in a fresh VM; returns the traceback or None."""
        self._starts += 1
        if self._starts > _STARTS:
            raise Brick("it starts again and again: " + self._failure)
        try:
            os.chdir(folder)
            self._fresh(path)
            exec(self._compile(path), {"__name__": "__main__", "__file__": path})
        except (Exception, KeyboardInterrupt) as error:
            text = io.StringIO()
            sys.print_exception(error, text)
            self._failure = text.getvalue()
            self.board.ended(error, self._failure)
            return self._failure
        self.board.ended()
        return None

    def _fresh(self, path):
        """Nothing of the run before is left but what the board itself has."""
        for name in list(sys.modules):
            if name not in self._modules:
                del sys.modules[name]
        sys.modules["time"] = self._time
        # Without mem_alloc: here a read allocates, so the heap says nothing of a file's pieces.
        sys.modules["gc"] = Bag(collect=gc.collect)
        sys.modules["outside"] = self._outside
        sys.modules["traceback"] = Bag(format_exception=_format_exception)
        self.board.install()
        sys.modules["microcontroller"].reset = self._reset
        storage = sys.modules["storage"]
        storage.VfsFat, storage.mount = vfs.VfsFat, vfs.mount
        sys.path[:] = ["", "/", ".frozen", "/lib", "/host"]
        for name in _GUARD:
            self._preload(name)

    def _preload(self, name):
        """
        Compiling the guard takes ten times as long as all the rest of a start. So its code is kept,
        as long as its file on the drive is the same, byte for byte.
        """
        path = "/" + name + ".py"
        try:
            code = self._compile(path)
        except Exception:
            return  # whoever imports it will see
        values = {"__name__": name, "__file__": path}
        sys.modules[name] = Lazy(code, values)

    def _compile(self, path):
        with open(path, "rb") as file:
            source = file.read()
        known = self._compiled.get(path)
        if known is None or known[0] != source:
            known = source, compile(source.decode(), path, "exec")
            self._compiled[path] = known
        return known[1]


def _format_exception(kind, error, traceback):
    text = io.StringIO()
    sys.print_exception(error, text)
    return [text.getvalue()]


def _written():
    """The slots that the library keeps open for writing, as long as the VM lives."""
    return sys.modules["nerveshub_link.slots.slot_file"]._open


class Lazy:
    """A module that is executed when somebody wants something of it."""

    def __init__(self, code, values):
        self._code = code
        self._values = values

    def __getattr__(self, name):
        values = self._values
        if self._code is not None:
            code, self._code = self._code, None
            exec(code, values)
        try:
            return values[name]
        except KeyError:
            raise AttributeError(name) from None
