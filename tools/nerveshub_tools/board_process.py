# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.board_process`
================================================================================

One run of one file on the simulated board: ``boot.py``, ``code.py``, ``safemode.py``, or what
``supervisor.set_next_code_file`` has named.

A program of its own (``python -m nerveshub_tools.board_process``), because a board's VM ends with
each run. What outlives it comes as a line of JSON on standard input, and goes back the same way.
Standard output carries a JSON object a line. When standard input ends, the power is off.

The file sees the modules that only a board has (`nerveshub_tools.board_modules`), CPython's sockets
and TLS behind ``wifi`` and ``socketpool``, its drive at ``/`` (`nerveshub_tools.board_paths`), and
``settings.toml`` behind ``os.getenv``.
"""

import json
import os
import signal
import socket
import sys
import threading
import time
import traceback
import types
from pathlib import Path

from . import board_modules, board_settings
from .board_paths import DrivePaths
from .board_storage import Mounts

HUNG = 18
"""Exit status after the watchdog has reset it."""
CUT = 19
"""Exit status after the power went off."""
_LOOK = 0.02
_TICKS = 1 << 29
_BEFORE_WRAP = 65536  # a board's ticks begin so many milliseconds before they wrap


class _Watchdog(board_modules.WatchDogTimer):
    """The hardware's: it bites a program that does nothing at all."""

    def __init__(self):
        # Whatever is done to it, it begins to count anew.
        super().__init__(lambda what: setattr(self, "_fed_at", time.monotonic()))
        self._fed_at = time.monotonic()
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self):
        while True:
            time.sleep(_LOOK)
            # Both may change in between: the main thread disarms it.
            mode, timeout, fed_at = self.mode, self.timeout, self._fed_at
            if mode is not None and timeout and time.monotonic() - fed_at > timeout:
                os._exit(HUNG)


class Radio:
    """``wifi.radio``; adafruit_connection_manager knows it by its name."""

    enabled = True
    connected = True
    ipv4_address = "127.0.0.1"
    mac_address = b"\x02\x00\x00\x00\x00\x01"
    ap_info = None

    def connect(self, ssid, password=b"", *, channel=0, bssid=None, timeout=None):
        """The network is that of this computer, and always there."""


class _Console:
    """Standard output of the file: each line becomes an event."""

    def __init__(self, emit):
        self._emit = emit
        self._line = ""

    def write(self, text):
        """What ``print`` calls."""
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            self._emit("output", text=line)
        return len(text)

    def flush(self):
        """Nothing waits but a line that is not ended yet."""

    def close_line(self):
        """The run has ended, and so has its last line."""
        if self._line:
            self.write("\n")


def _events():
    """A function that tells the parent something; standard output is the file's from now on."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    lock = threading.Lock()

    def emit(event, **fields):
        with lock:
            out.write(json.dumps({"event": event, **fields}) + "\n")
            out.flush()

    sys.stdout = _Console(emit)
    return emit


def _watch_power(stdin):
    """The parent is gone: so is the power."""

    def wait():
        while stdin.read(1):
            pass
        os._exit(CUT)

    threading.Thread(target=wait, daemon=True).start()


def _install(board, drive: Path, identity: dict):
    board.install()
    sys.modules["microcontroller"].cpu.uid = bytearray.fromhex(identity["uid"])
    for name, contents in {
        "board": {"board_id": identity["board_id"]},
        "wifi": {"radio": Radio()},
        "socketpool": {"SocketPool": lambda radio: socket},
    }.items():
        sys.modules[name] = types.ModuleType(name)
        vars(sys.modules[name]).update(contents)
    settings = drive / board_settings.NAME
    version = tuple(identity["circuitpython"])
    os.getenv = lambda key, default=None: board_settings.getenv(settings, key, default, version)


def _shorten_waits(emit, scale: float):
    """The guard waits long after crashes: for tests, long waits pass faster."""
    real = time.sleep

    def sleep(seconds):
        if seconds >= 1:
            emit("sleep", seconds=seconds)
            seconds *= scale
        real(seconds)

    time.sleep = sleep


def _traceback(error: BaseException, paths: DrivePaths) -> str:
    """As a board tells it: from the drive's first file on."""
    frames = error.__traceback__
    while frames is not None and not _is_on(frames.tb_frame.f_code.co_filename, paths):
        frames = frames.tb_next
    return paths.shown("".join(traceback.format_exception(type(error), error, frames)))


def _is_on(name: str, paths: DrivePaths) -> bool:
    return not os.path.isabs(name) or paths.shown(name) != name


def _run(file: str, shown: str) -> tuple:
    """Run the file; how it ended, and the exception if that was one."""
    source = Path(file).read_bytes()
    module = types.ModuleType("__main__")
    module.__file__ = shown
    sys.modules["__main__"] = module
    try:
        exec(compile(source, file, "exec"), vars(module))
    except board_modules.ReloadException:
        return "reload", None
    except SystemExit as error:
        return "exited", error
    except KeyboardInterrupt as error:
        return "interrupted", error
    except Exception as error:
        return "crashed", error
    return "ended", None


def main() -> None:
    """Run what standard input names."""
    # Unbuffered, so that nothing hides what comes behind the line.
    stdin = os.fdopen(0, "rb", buffering=0)
    emit = _events()
    options = json.loads(stdin.readline())
    console = sys.stdout
    _watch_power(stdin)
    drive = Path(options["drive"])
    begun = time.monotonic()

    def ticks():
        passed = int((options["uptime"] + time.monotonic() - begun) * 1000)
        return (_TICKS - _BEFORE_WRAP + passed) % _TICKS

    def reset():
        # At once, whatever would catch an exception: no code sees a reset.
        console.close_line()
        emit("ended", how="reset", traceback=None, board=board.state())
        os._exit(0)

    paths = DrivePaths(drive, options["images"], lambda: board.read_only)
    board = board_modules.Board(ticks, Mounts(paths))
    board.watchdog = _Watchdog()
    board.restore(options["board"])
    _install(board, drive, options)
    sys.modules["microcontroller"].reset = reset
    paths.install()
    if options["sleep_scale"] != 1:
        _shorten_waits(emit, options["sleep_scale"])
    # As on a board; then what this computer has.
    sys.path[:0] = ["", "/", "/lib"]
    sys.dont_write_bytecode = True
    os.chdir(options["folder"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    emit("started", file=options["file"])
    how, error = _run(str(drive / options["file"].lstrip("/")), options["file"])
    text = None if error is None else _traceback(error, paths)
    if how == "reload":
        board.reloaded()
    else:
        board.ended(error, text)
    console.close_line()
    # At the end of a VM, as CircuitPython's stop_mp() does it; a reset closes nothing.
    for path in paths.close_all():
        emit("folder_written", file=path)
    emit("ended", how=how, traceback=text, board=board.state())
    # No socket is closed properly.
    os._exit(0)


if __name__ == "__main__":
    main()
