# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.console.python_prompt`
====================================================

Python's prompt: from keys to statements, with ``>>>`` and ``...``, and completion of names.

It runs nothing: `PythonPrompt.feed` leaves a whole statement in ``code``, the caller runs it (so
that few frames lie below it), and calls `PythonPrompt.ran`.

What is pasted runs as it stands in a file, too: a blank line within a block does not end it while
more is to come, and a block ends where the next line is not indented. A prompt that obeyed the
letter would run half of a pasted function.

A line or a block that is too long is refused, and with it all that belongs to it: the rest of the
paste, or else what waits already. Run by itself, that could do anything.
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
        """A statement to be run, source or what ``compile`` made of it; else None."""
        self.left = False
        """True if the operator wants to leave."""
        self._held = None
        self._refusing = False  # is the rest of something refused being dropped?
        self._drop_block()

    def _drop_block(self) -> None:
        self._block = ""
        self._scanner = Scanner()
        self._compound = None  # known when the first logical line is complete

    def start(self) -> None:
        """Forget what was begun, and show a prompt."""
        self._drop_block()
        self._held = self.code = None
        self._refusing = False
        self.editor.begin(">>> ")

    def feed(self, text: str, more: bool) -> int:
        """
        Take keys, until a statement is complete.

        :param str text: a few hundred at most
        :param bool more: True if more keys are here already
        :return: how many were used up
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
        Drop what was begun, and what belongs to it.

        :param str why: for the operator; ``""`` if he knows
        :param bool more: True if something that belongs to it is here, or will come
        """
        if why:
            rest = ", and all that came with it" if more else ""
            self._output.tell("[%s: it is dropped%s]\n" % (why, rest))
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
        """Go on after the statement was run."""
        self.code = None
        if self._held is None:
            self.editor.begin(">>> ")
        else:
            (line, more), self._held = self._held, None
            self._line(line, more)

    def _line(self, line: str, more: bool) -> None:
        scanner = self._scanner
        if self._block and not scanner.is_open and begins_statement(line):
            # Is the block complete without it? A decorator is not.
            try:
                self.code = compile(self._block, "<console>", "single")
                self._drop_block()
                self._held = line, more
                return
            except Exception as error:
                keep_timeout(error)  # else, it will be shown with the line
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
        """All names at a place; asking for an attribute may run the operator's code."""
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
