# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.console.code_runner`
====================================================

Runs an operator's code, for the console and for scripts, and catches its output and exceptions.

``sys.stdout`` can't be replaced on a board, so the namespace has its own ``print``; the output of
imported modules goes to the board's serial console as always. There is only one thread: code that
does not end blocks the main loop, and nothing can stop it.
"""

import sys

from micropython import const

from ..errors import describe, keep_timeout

_OWN = const("code_runner.py")
_MAX_ERROR = const(2000)
# CircuitPython ends the program with these exceptions: they must not be caught.
_PASSING = const(("ReloadException", "DeepSleepRequest"))
_NONE_GIVEN = object()


def must_pass(error) -> bool:
    """
    Tell whether an exception must be raised again, since the board reloads or goes to sleep by it.

    :param BaseException error: the caught exception
    :return: True if it must
    """
    return type(error).__name__ in _PASSING


def traceback_of(error) -> str:
    """
    Format an exception as Python's traceback, without the lines of this library.

    :param BaseException error: the caught exception
    :return: the text, at most about 2,000 characters
    """
    keep_timeout(error)
    try:
        text = _traceback(error)
    except Exception as another:
        # The exception's own __str__ has raised, or there is no memory.
        keep_timeout(another)
        return type(error).__name__ + "\n"
    kept = []
    skip = False
    for line in text.replace("\r", "").split("\n"):
        if line.startswith("  File "):
            skip = _OWN in line
        elif not line.startswith("    "):
            skip = False
        if not skip:
            kept.append(line)
    text = "\n".join(kept)
    if len(text) > _MAX_ERROR:
        text = text[:500] + "\n...\n" + text[500 - _MAX_ERROR :]
    return text


def _traceback(error) -> str:
    try:
        from traceback import format_exception  # noqa: PLC0415 MicroPython has none
    except ImportError:
        from io import StringIO  # noqa: PLC0415

        stream = StringIO()
        sys.print_exception(error, stream)
        return stream.getvalue()
    return "".join(format_exception(type(error), error, error.__traceback__))


def shown(value) -> str:
    """
    Return an object's ``repr``, or a placeholder if that raises.

    :param value: the object
    :return: the text
    """
    try:
        return repr(value)
    except BaseException as error:
        if must_pass(error):
            raise
        return "<%s, whose repr() failed>" % type(value).__name__


def _input(*_) -> None:
    raise RuntimeError("input() would block the main loop")


class CodeRunner:
    """
    A namespace in which code runs.

    :param dict names: names and objects that the application provides
    :param OutputBuffer output: where ``print`` writes by default; None for the board's own output
    :param str about: the text that ``help()`` shows
    """

    def __init__(self, names: dict, output=None, about: str = "") -> None:
        self._output = output
        self._about = about
        self.namespace = space = {}
        """The global names of the code: a copy, so that the application's own don't change."""
        space["__name__"] = "__main__"
        space["help"] = self._help
        space.update(names)
        space["print"] = self._print
        space["input"] = _input
        # MicroPython and CircuitPython call this for each expression compiled by "single".
        space["__repl_print__"] = self._show

    def run(self, code, output=None, mode: str = "single") -> bool:
        """
        Run code to its end, however long that takes. Exceptions of the code are caught.

        :param code: source, or a code object
        :param OutputBuffer output: where ``print`` writes; None for the runner's own output
        :param str mode: ``"single"`` to show the values of expressions, ``"exec"`` not to
        :return: False if it ended with an exception, which was written to the output
        :raises BaseException: only those for which `must_pass` is True
        """
        before = self._output
        if output is not None:
            self._output = output
        hook = getattr(sys, "displayhook", None)  # CPython shows values by it
        try:
            if hook is not None:
                sys.displayhook = self._show
            if isinstance(code, str):
                name = "<console>" if mode == "single" else "<script>"
                code = compile(code, name, mode)
            exec(code, self.namespace)
            return True
        except BaseException as error:
            # Not only Exception: SystemExit or KeyboardInterrupt would end the application.
            if must_pass(error):
                raise
            return self._ended(error)
        finally:
            self._output = before
            if hook is not None:
                sys.displayhook = hook

    def _ended(self, error) -> bool:
        if isinstance(error, SystemExit):
            # It ends the operator's command, but not the application.
            if not error.args or error.args[0] in (None, 0):
                return True
            text = "SystemExit: " + _text(error.args[0]) + "\n"
        elif isinstance(error, KeyboardInterrupt):
            text = "KeyboardInterrupt\n"
        else:
            text = traceback_of(error)
        if self._output is not None:
            self._output.tell(text)
        return False

    def _print(self, *values, sep=" ", end="\n", file=None, flush=False) -> None:
        """Replace the builtin ``print``, to catch the output; ``flush`` has no effect."""
        sep = " " if sep is None else sep
        end = "\n" if end is None else end
        if file is not None:
            print(*values, sep=sep, end=end, file=file)
        elif self._output is None:
            print(*values, sep=sep, end=end)
        else:
            self._output.write(sep.join([str(value) for value in values]) + end)

    def _show(self, value) -> None:
        if value is not None:
            self.namespace["_"] = value
            self._print(repr(value))

    def _help(self, thing=_NONE_GIVEN) -> None:
        if thing is _NONE_GIVEN:
            self._print(self._about, end="")
            return
        self._print("%s, a %s" % (shown(thing)[:60], type(thing).__name__))
        doc = getattr(thing, "__doc__", None)  # a board has no docstrings
        if isinstance(doc, str):
            self._print(doc)
        for name in sorted(dir(thing)):
            if not name.startswith("_"):
                try:
                    self._print("  %s -- %s" % (name, shown(getattr(thing, name))[:60]))
                except Exception as error:
                    self._print("  %s: %s" % (name, describe(error)))


def _text(value) -> str:
    try:
        return str(value)
    except Exception as error:
        keep_timeout(error)
        return type(value).__name__
