# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Makes the k-th call of a seam raise. A seam is where the library meets what can fail:
``allocation``, ``hash``, ``json``, ``connect``, ``send``, ``recv``, ``close``, ``file``, ``clock``,
``random``, ``radio``, ``callback``, ``writer``. Each call counts twice: as ``send`` before it does
anything, as ``send done`` when its work is done.

CPython does not run out of memory on demand. There, ``allocation`` is every visit of a line of the
library that makes an object on a board; the line raises before it does anything.

.. code-block:: python

    seams = Seams("send", 3, "OSError")
    socket.send = seams.wrap("send", socket.send)
    with seams.inside_library():
        ...                            # the third send raises OSError
"""

import ast
import contextlib
import dis
import hashlib
import inspect
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import nerveshub_link

PACKAGE = str(Path(nerveshub_link.__file__).parent) + os.sep
EXCEPTIONS = {
    "MemoryError": lambda: MemoryError("injected"),
    "OSError": lambda: OSError(5, "injected"),
    "KeyboardInterrupt": KeyboardInterrupt,
}
ALLOCATION = "allocation"


class Seams:
    """
    Counts the calls of each seam while `on`, and raises at one of them.

    :param str seam: which seam raises; None for none
    :param int k: at which of its calls, from 1
    :param str exception: one of `EXCEPTIONS`
    """

    def __init__(self, seam=None, k=0, exception=None):
        self.on = False
        self.calls = []
        """Without a seam: ``(seam, k, site)`` of each call, in order."""
        self.stack = None
        """Functions of the library in which it raised, innermost first; None until then."""
        self._counts = {}
        self.exception = exception
        self.seam, self.k = seam, k

    def reach(self, seam):
        """A call of a seam: count it, and raise if it is the one."""
        if not self.on or self.stack is not None:
            return
        k = self._counts[seam] = self._counts.get(seam, 0) + 1
        if self.seam is None:
            self.calls.append((seam, k, (_stack() or ["outside"])[0]))
        elif seam == self.seam and k == self.k:
            self.stack = _stack()
            raise EXCEPTIONS[self.exception]()

    def wrap(self, seam, function):
        """Return a function that does the same, and belongs to a seam."""

        def call(*args, **kwargs):
            self.reach(seam)
            result = function(*args, **kwargs)
            self.reach(seam + " done")
            return result

        call.__name__ = getattr(function, "__name__", seam)
        return call

    @contextlib.contextmanager
    def inside_library(self):
        """Put the seams that are native functions into all modules of the library."""
        replaced = {
            "json": _Wrapped(self, "json", json),
            "hashlib": SimpleNamespace(new=self.wrap("hash", self._new_hash)),
            "os": _Wrapped(self, "file", os),
            "gc": SimpleNamespace(collect=lambda: None),  # not of this process, which is large
        }
        changed = []
        for name, module in list(sys.modules.items()):
            if name.startswith("nerveshub_link.") and module is not None:
                values = vars(module)
                for key in replaced:
                    if key in values:
                        changed.append((values, key, values[key]))
                        values[key] = replaced[key]
                values["open"] = self._open
                changed.append((values, "open", None))
        tracer = sys.gettrace()
        if self.seam in (None, ALLOCATION):
            sys.settrace(self._enter)
        try:
            yield self
        finally:
            sys.settrace(tracer)
            for values, key, old in changed:
                if old is None:
                    values.pop(key, None)
                else:
                    values[key] = old

    def _new_hash(self, *args):
        return _Wrapped(self, "hash", hashlib.new(*args))

    def _open(self, *args, **kwargs):
        self.reach("file")
        file = _File(self, "file", open(*args, **kwargs))
        self.reach("file done")
        return file

    # Allocations

    def _enter(self, frame, _event, _argument):
        """A function is called: watch it if it allocates."""
        code = frame.f_code
        lines = _codes[code] if code in _codes else allocating_lines(code)
        if not lines or not self.on or self.stack is not None:
            return None

        def line(frame, event, _argument):
            if event == "line" and frame.f_lineno in lines:
                self.reach(ALLOCATION)
            return line

        return line


class _Wrapped:
    """All functions of a module or an object belong to a seam."""

    def __init__(self, seams, seam, inner):
        self._seams, self._seam, self._inner = seams, seam, inner

    def __getattr__(self, name):
        value = getattr(self._inner, name)
        if callable(value) and not isinstance(value, type):
            value = self._seams.wrap(self._seam, value)
        self.__dict__[name] = value
        return value


class _File(_Wrapped):
    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def _stack():
    """Where the library is, innermost first: ``module.function:line``."""
    found = []
    frame = sys._getframe(2)
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(PACKAGE):
            place = Path(file).stem, frame.f_code.co_name, frame.f_lineno
            found.append("%s.%s:%d" % place)
        frame = frame.f_back
    return found


# Which lines allocate

_MAKERS = set(
    "bytes bytearray memoryview str dict list set tuple sorted hex enumerate zip range".split()
)
_METHODS = set(
    "encode decode join split rsplit partition rpartition strip rstrip lstrip lower upper replace"
    " format hex to_bytes append extend add setdefault update dumps loads b2a_base64 pack"
    " unpack_from digest new".split()
)
_DISPLAYS = (
    ast.JoinedStr,
    ast.Dict,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
    ast.Lambda,
    ast.Import,
    ast.ImportFrom,
)
_lines = {}  # file: lines that allocate
_codes = {}  # code object: those of them that lie in it


def allocating_lines(code):
    """The lines of a code object of the library that make an object; an empty set of any other."""
    found = _codes.get(code)
    if found is None:
        found = _codes[code] = frozenset()
        file = code.co_filename
        if file.startswith(PACKAGE):
            if file not in _lines:
                tree = ast.parse(Path(file).read_text())
                nodes = (node for node in ast.walk(tree) if _allocates(node))
                _lines[file] = frozenset(node.lineno for node in nodes)
            own = frozenset(line for _, line in dis.findlinestarts(code))
            # A module's and a class's own lines run once in a process: not the same in each run.
            if code.co_flags & inspect.CO_OPTIMIZED:
                found = _codes[code] = own & _lines[file]
    return found


def _allocates(node):
    if isinstance(node, (ast.List, ast.Tuple)):
        constant = isinstance(node, ast.Tuple) and all(
            isinstance(item, ast.Constant) for item in node.elts
        )
        return isinstance(node.ctx, ast.Load) and not constant
    if isinstance(node, ast.Subscript):
        # A slice is a copy; and where an item is stored, a dict may grow.
        return isinstance(node.slice, ast.Slice) or isinstance(node.ctx, ast.Store)
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, (ast.Add, ast.Mod)) and any(
            isinstance(getattr(part, "value", None), (str, bytes)) for part in ast.walk(node)
        )
    if isinstance(node, ast.Call):
        return _makes(node.func)
    return isinstance(node, _DISPLAYS)


def _makes(function):
    """Does a call of this make an object, as far as its name tells?"""
    if isinstance(function, ast.Attribute):
        return function.attr in _METHODS
    name = getattr(function, "id", "")
    return name in _MAKERS or name.lstrip("_")[:1].isupper()
