# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.console.code_runner`
====================================================

Runs an operator's code, for the console and for scripts: catches its output and its errors, and
survives it.

``sys.stdout`` can't be exchanged on a board, so the namespace has a ``print`` of its own; what an
imported module prints goes where it always does. There is one thread: code that does not end holds
the main loop, and nothing here can stop it.
"""

import sys

from ..errors import describe, keep_timeout

_OWN = "code_runner.py"
_MAX_ERROR = 2000
# They are how CircuitPython leaves the program; its own code must get them.
_PASSING = ("ReloadException", "DeepSleepRequest")
_NONE_GIVEN = object()


def must_pass(error) -> bool:
    """
    Tell whether an exception is none of the operator's: the board reloads, or goes to sleep.

    :param BaseException error: what was caught
    """
    return type(error).__name__ in _PASSING


def traceback_of(error) -> str:
    """
    Put an exception into the words of Python, without the lines of this library.

    :param BaseException error: what was caught
    """
    keep_timeout(error)
    try:
        text = _traceback(error)
    except Exception as another:
        # An exception whose text raises, or no memory.
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
    Return an object's ``repr``, whatever that does.

    :param value: the object
    """
    try:
        return repr(value)
    except BaseException as error:
        if must_pass(error):
            raise
        return "<%s, whose repr() failed>" % type(value).__name__


def _input(*_) -> None:
    raise RuntimeError("input() would hold the main loop: nobody could answer")


class CodeRunner:
    """
    A namespace, and what runs in it.

    :param dict names: names that the application gives
    :param OutputBuffer output: where ``print`` goes while nothing else is said; None for the
        board's own output
    :param str about: what ``help()`` shows
    """

    def __init__(self, names: dict, output=None, about: str = "") -> None:
        self._output = output
        self._about = about
        self.namespace = space = {}
        """The names that the code sees: a copy, so that the application's own stay as they are."""
        space["__name__"] = "__main__"
        space["help"] = self._help
        space.update(names)
        space["print"] = self._print
        space["input"] = _input
        # What MicroPython and CircuitPython call for each expression compiled by "single".
        space["__repl_print__"] = self._show

    def run(self, code, output=None, mode: str = "single") -> bool:
        """
        Run code to its end, however long that takes. Raises nothing of what the code raises.

        :param code: source, or what ``compile`` made of it
        :param OutputBuffer output: where what it prints goes
        :param str mode: ``"single"`` to show the values of expressions, ``"exec"`` not to
        :return: False if it ended with an exception, which was written to the output
        """
        before = self._output
        if output is not None:
            self._output = output
        hook = getattr(sys, "displayhook", None)  # how CPython shows values
        try:
            if hook is not None:
                sys.displayhook = self._show
            if isinstance(code, str):
                name = "<console>" if mode == "single" else "<script>"
                code = compile(code, name, mode)
            exec(code, self.namespace)
            return True
        except BaseException as error:
            # Also what is no Exception: it would end the program, be it an operator's mistake.
            if must_pass(error):
                raise
            return self._ended(error)
        finally:
            self._output = before
            if hook is not None:
                sys.displayhook = hook

    def _ended(self, error) -> bool:
        if isinstance(error, SystemExit):
            # It ends the command. The device goes on.
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
        """As the builtin, which has no other way to be caught; ``flush`` has nothing to do."""
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
        doc = getattr(thing, "__doc__", None)  # a board drops them
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
