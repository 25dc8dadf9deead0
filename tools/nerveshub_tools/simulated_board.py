# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.simulated_board`
================================================================================

A simulated board: a folder is its drive, laid out by ``board prepare``, with the real boot guard,
the real library and an unchanged application. Each run of a file is its own process
(`nerveshub_tools.board_process`); this module is the supervisor that starts them.

===========================  =======================================================================
what happens                 what comes next, as with CircuitPython
===========================  =======================================================================
power on, reset              ``boot.py``, then ``code.py``; the drive is read-only for code; what
                             ``boot.py`` prints goes to ``boot_out.txt`` if it is not there already
``supervisor.reload()``      what was named as the next code file, else ``code.py``
an exception, an end         the same if it was asked for, else the board waits at its prompt; a
                             watchdog that an exception has left armed resets it then
SystemExit                   the prompt, whatever was asked for; Ctrl-D there starts anew
Ctrl-C                       an exception like any other, but that it disarms the watchdog
the end of any run           no image is mounted any longer; files open for writing are closed,
                             which writes their folders. A reset closes nothing
watchdog                     a reset that says so
brownout, hard fault         safe mode: ``safemode.py`` alone, then it waits
===========================  =======================================================================
"""

import os
import queue
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Callable, Optional

from . import child_process
from .board_drive import BOOT_OUT, Drive
from .board_modules import Board

_HUNG = 18  # board_process.HUNG; that module is a program
BOOT_OUT_TEXT = """\
Adafruit CircuitPython 10.1.0 on 2026-02-02; Simulated board with ESP32S3
Board ID:simulated
"""


def make_drive(folder, **wish) -> Path:
    """
    Lay out a new drive, as ``board prepare`` does.

    :param folder: made if it is not there
    :param wish: as `nerveshub_tools.board_prepare.Wish` takes it; the library is copied
    """
    from .board_prepare import Preparation, Wish  # noqa: PLC0415 it needs the library

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / BOOT_OUT).write_text(BOOT_OUT_TEXT)
    work = Preparation(
        Drive(folder), Wish(**{"library": "copy", **wish}), lambda text: True, lambda text: None
    )
    work.run()
    return folder


class SimulatedBoard:
    """
    :param folder: the drive
    :param on_event: called, from a thread, with each event: a dict with the key ``event``:
        ``boot``, ``started``, ``output``, ``ended``, ``watchdog``, ``prompt``, ``safe_mode``,
        ``died``, ``folder_written`` (with ``file``: it was open for writing when a VM ended)
    :param str ca: path of the CA that servers must come from; the system's if None
    :param str uid: the chip's unique id in hex
    :param float sleep_scale: how long a second is in a ``time.sleep`` of at least one; less than 1
        for tests, which then hear of it by the event ``sleep``
    :param bool usb: is a computer attached?
    :param tuple circuitpython: the version whose ``os.getenv`` it has, such as ``(10, 2)``; that
        which ``boot_out.txt`` tells if None
    """

    def __init__(  # noqa: PLR0913 a board has many sides
        self,
        folder,
        on_event: Callable[[dict], None],
        *,
        ca: Optional[str] = None,
        uid: str = "0123456789ab",
        sleep_scale: float = 1,
        usb: bool = False,
        circuitpython: Optional[tuple] = None,
    ) -> None:
        self.drive = Path(os.path.realpath(folder))
        """Where its drive is."""
        self._on_event = on_event
        self._environment = {"SSL_CERT_FILE": str(ca)} if ca else {}
        info = Drive(self.drive).info()
        self._options = {
            "drive": str(self.drive),
            "uid": uid,
            "board_id": info.board_id,
            "sleep_scale": sleep_scale,
            "circuitpython": circuitpython or [int(part) for part in info.version.split(".")[:2]],
        }
        self._board = Board()
        self._board.usb_connected = usb
        self._printed: list = []  # by the run that goes on
        self._started = 0.0
        self._images = Path()  # what is in mounted images, while it is on
        self._child: Optional[subprocess.Popen] = None
        self._lock = threading.Lock()
        self._actions: queue.Queue = queue.Queue()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="board", daemon=True)

    def __enter__(self) -> "SimulatedBoard":
        self._thread.start()
        return self

    def __exit__(self, *_exception) -> None:
        self.stop()

    def join(self) -> None:
        """Wait until it was switched off."""
        self._thread.join()

    # What happens to a board

    def stop(self) -> None:
        """Switch it off."""
        with self._lock:
            self._stopping = True
            child = self._child
            if child:
                child_process.close(child)
        self._actions.put(None)
        if child:
            child_process.reap(child)
        self._thread.join()

    def cut_power(self, reset: str = "POWER_ON") -> None:
        """Take the power away, in the middle of whatever it does, and bring it back."""
        self._hit(reset, "NONE")

    def press_reset(self) -> None:
        """Press the reset button."""
        self._hit("RESET_PIN", "NONE")

    def fail(self, reason: str = "BROWNOUT") -> None:
        """Let it end up in safe mode: ``BROWNOUT``, ``HARD_FAULT`` and so on."""
        self._hit("BROWNOUT" if reason == "BROWNOUT" else "SOFTWARE", reason)

    def press_ctrl_c(self) -> None:
        """Interrupt what runs, as from the serial prompt."""
        with self._lock:
            if self._child:
                self._child.send_signal(signal.SIGINT)

    def press_ctrl_d(self) -> None:
        """Start ``code.py`` anew, at the prompt."""
        self._actions.put("ctrl-d")

    def _hit(self, reset: str, safe_mode: str) -> None:
        with self._lock:
            self._actions.put((reset, safe_mode))
            if self._child:
                self._child.kill()

    # The supervisor

    def _run(self) -> None:
        start = ("POWER_ON", "NONE")
        with tempfile.TemporaryDirectory(prefix="simulated-board-") as images:
            self._images = Path(images)
            while start is not None:
                self._board.boot(*start)
                self._started = time.monotonic()
                self._on_event({"event": "boot", "reset": start[0], "safe_mode": start[1]})
                start = self._safe_mode(start[1]) if start[1] != "NONE" else self._start()

    def _safe_mode(self, reason: str) -> Optional[tuple]:
        if reason != "USER" and (self.drive / "safemode.py").is_file():
            how = self._process("/safemode.py", "/")
            if isinstance(how, tuple) or how is None:
                return how
        self._on_event({"event": "safe_mode", "reason": reason})
        return self._wait(lambda action: isinstance(action, tuple))

    def _start(self) -> Optional[tuple]:
        """From a hard start to the next one; None if it was switched off."""
        if (self.drive / "boot.py").is_file():
            how = self._process("/boot.py", "/")
            if isinstance(how, tuple) or how is None:
                return how
        self._write_boot_out()
        while True:
            named = self._board.take_next_code()
            file, folder, on_success, on_error = named or ("/code.py", "/", False, False)
            how = self._process(file, folder or "/")
            if isinstance(how, tuple) or how is None:
                return how
            if (
                how == "reload"
                or (how == "ended" and on_success)
                or (how in {"crashed", "interrupted"} and on_error)
            ):
                continue
            if how in {"crashed", "exited"} and self._board.watchdog.mode:
                return "WATCHDOG", "NONE"
            self._on_event({"event": "prompt"})
            action = self._wait(lambda action: True)
            if action != "ctrl-d":
                return action
            self._board.reloaded("REPL_RELOAD")

    def _write_boot_out(self) -> None:
        """As CircuitPython's main.c: the FAT is written only if anything is new."""
        path = self.drive / BOOT_OUT
        if path.is_symlink():  # what it leads to is not on the drive
            path.unlink()
            path.write_text(BOOT_OUT_TEXT)
        old = path.read_bytes()
        lines = old.decode().splitlines()[:2]
        lines += ["UID:" + self._options["uid"].upper(), "boot.py output:", *self._printed]
        new = "".join(line + "\r\n" for line in lines).encode()
        if new != old:
            path.write_bytes(new)

    def _wait(self, wanted) -> Optional[tuple]:
        while True:
            action = self._actions.get()
            if action is None or wanted(action):
                return action

    def _process(self, file: str, folder: str):
        """
        Run a file.

        :return: how it ended: a word, or how the next hard start begins; None if switched off
        """
        options = {
            **self._options,
            "file": file if not file.startswith(str(self.drive)) else file[len(str(self.drive)) :],
            "folder": folder if folder.startswith(str(self.drive)) else str(self.drive) + folder,
            "images": str(self._images),
            "uptime": time.monotonic() - self._started,
            "board": self._board.state(),
        }
        for mounted in self._images.iterdir():
            shutil.rmtree(mounted)  # an image is mounted for one run
        with self._lock:
            if self._stopping:
                return None
            if not self._actions.empty():  # hit between two runs
                action = self._actions.get()
                if action != "ctrl-d":
                    return action
            module = "nerveshub_tools.board_process"
            self._child = child = child_process.start(module, options, **self._environment)
        how = None
        self._printed.clear()
        for event in child_process.events(child):
            if event["event"] == "ended":
                how = event["how"]
                self._board.restore(event.pop("board"))
            elif event["event"] == "output":
                self._printed.append(event["text"])
            self._on_event(event)
        code = child.wait()
        child_process.close(child)
        with self._lock:
            self._child = None
            if self._stopping:
                return None
        return self._outcome(how, code)

    def _outcome(self, how: Optional[str], code: int):
        if not self._actions.empty():
            action = self._actions.get()
            if action != "ctrl-d":
                return action
        if how == "reset":
            return "SOFTWARE", "NONE"
        if code == _HUNG:
            self._on_event({"event": "watchdog"})
            return "WATCHDOG", "NONE"
        if how is None:
            # No file can do that, only a fault in these tools.
            self._on_event({"event": "died", "code": code})
            return None
        return how
