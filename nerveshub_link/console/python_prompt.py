# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.console.python_prompt`
====================================================

Python's prompt: makes statements of keys, with ``>>>`` and ``...``, and completes names.

It does not run code: `PythonPrompt.feed` leaves a complete statement in ``code``, the caller runs
it, with few frames on the stack, and calls `PythonPrompt.ran`.

Pasted code runs as it would from a file: a blank line within a block does not end it while more
input follows, and a block ends where the next line is not indented. Python's own prompt would run
half of a pasted function.

A line or a block that is too long is refused, and so is everything that belongs to it: the rest of
the paste, or the queued input. The rest alone could do something that nobody wanted.
"""

import builtins

from ..errors import keep_timeout
from .code_runner import must_pass

# Not "from . import line_editor": on a board that asks the package's __getattr__ first.
from .line_editor import COMPLETE, END, LINE, NOTHING, TOO_LONG, LineEditor
from .python_source import Scanner, begins_statement, is_code, is_compound

_MAX_BLOCK = 8192
_MAX_NAMES = 200
_KEYWORDS = "False None True and assert break class continue def del elif else except finally for"
_KEYWORDS += " from global if import lambda nonlocal not pass raise return try while with yield"


class PythonPrompt:
    """
    A prompt.

    :param dict namespace: where names are looked up for completion
    :param OutputBuffer output: what the terminal shows
    :param int width: the terminal's columns
    """

    def __init__(self, namespace: dict, output, width: int) -> None:
        self._namespace = namespace
        self._output = output
        self.editor = LineEditor(output.tell, width)
        """The `LineEditor`."""
        self.code = None
        """A complete statement, source or a code object; else None."""
        self.left = False
        """True if the operator has left by ctrl-d."""
        self._held = None  # the line after a complete block, and its ``more``
        self._refusing = False  # True while the rest of refused input is dropped
        self._drop_block()

    def _drop_block(self) -> None:
        self._block = ""
        self._scanner = Scanner()
        self._compound = None  # known when the first logical line is complete

    def start(self) -> None:
        """Discard an incomplete statement, and show a prompt."""
        self._drop_block()
        self._held = self.code = None
        self._refusing = False
        self.editor.begin(">>> ")

    def feed(self, text: str, more: bool) -> int:
        """
        Handle keys, until a statement is complete.

        :param str text: a few hundred characters at most
        :param bool more: True if more keys are queued
        :return: how many characters were handled
        """
        if self._refusing:
            return self._skip(text, more)
        editor = self.editor
        used = editor.feed(text)
        event = editor.event
        more = editor.pasting or more or used < len(text)
        if event == LINE:
            self._line(editor.line, more)
        elif event == COMPLETE:
            self._complete()
        elif event == END:
            self.left = True
        elif event == TOO_LONG:
            self.refuse("the line was too long", more)
        elif event != NOTHING:
            self.start()
        return used

    def refuse(self, why: str, more: bool) -> None:
        """
        Drop an incomplete statement, and the input that belongs to it.

        :param str why: the reason for the operator; ``""`` if it was shown already
        :param bool more: True if more of it is queued or will come
        """
        if why:
            rest = ", with all that followed" if more else ""
            self._output.tell("[%s: dropped%s]\n" % (why, rest))
        if not more:
            self.start()
            return
        self._drop_block()
        self._held = self.code = None
        self._refusing = True

    def _skip(self, text: str, more: bool) -> int:
        editor = self.editor
        pasted = editor.pasting
        used = editor.skip(text)
        over = not editor.pasting if pasted else used < len(text) or not more
        if over:
            self.start()
        return used

    def ran(self) -> None:
        """Show the next prompt, after the statement was run."""
        self.code = None
        if self._held is None:
            self.editor.begin(">>> ")
        else:
            (line, more), self._held = self._held, None
            self._line(line, more)

    def _line(self, line: str, more: bool) -> None:
        scanner = self._scanner
        if self._block and not scanner.is_open and begins_statement(line):
            # The block may be complete without this line; after a decorator it is not.
            try:
                self.code = compile(self._block, "<console>", "single")
                self._drop_block()
                self._held = line, more
                return
            except Exception as error:
                keep_timeout(error)  # the error is shown when the block runs with the line
        if not (self._block or is_code(line)):
            self.editor.begin(">>> ")
            return
        self._block += line + "\n"
        if len(self._block) > _MAX_BLOCK:
            self.refuse("the block has more than %d characters" % _MAX_BLOCK, more)
            return
        scanner.feed(line)
        if self._compound is None and not scanner.is_open:
            self._compound = is_compound(self._block) or scanner.ends_with_colon
        if scanner.is_open or (self._compound and (line.strip() or more)):
            self.editor.begin("... ")
            return
        self.code = self._block
        self._drop_block()

    def _complete(self) -> None:
        editor = self.editor
        before = editor.text[: editor.cursor]
        if not before.strip():
            editor.insert("    ")
            return
        at = len(before)
        while at and (
            before[at - 1] in "._" or before[at - 1].isalpha() or before[at - 1].isdigit()
        ):
            at -= 1
        words = before[at:].split(".")
        prefix = words[-1]
        names = self._names(words[:-1])
        found = []
        for name in sorted(names):
            if name.startswith(prefix) and (prefix or name[:1] != "_") and name not in found[-1:]:
                found.append(name)
        if not found:
            self._output.tell("\a")
            return
        first, last = found[0], found[-1]
        same = 0
        while same < min(len(first), len(last)) and first[same] == last[same]:
            same += 1
        if same > len(prefix):
            editor.insert(first[len(prefix) : same])
        elif len(found) > 1:
            editor.show(_columns(found[:_MAX_NAMES], editor.width))

    def _names(self, path: list) -> list:
        """Return all names in an object. Looking up an attribute may run the operator's code."""
        space = self._namespace
        try:
            if not path:
                names = list(space) + dir(builtins) + _KEYWORDS.split(" ")
            else:
                name = path[0]
                thing = space[name] if name in space else getattr(builtins, name)
                for name in path[1:]:
                    thing = getattr(thing, name)
                names = dir(thing)
            return [name for name in names if isinstance(name, str)]
        except BaseException as error:
            if must_pass(error):
                raise
            return []


def _columns(names: list, width: int) -> str:
    step = max([len(name) for name in names]) + 2
    each = max(width // step, 1)
    text = ""
    for index, name in enumerate(names):
        last = index % each == each - 1 or index == len(names) - 1
        text += name + ("\n" if last else " " * (step - len(name)))
    return text
