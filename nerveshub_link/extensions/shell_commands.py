# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.extensions.shell_commands`
====================================================

The commands of `nerveshub_link.extensions.local_shell`, and the parser of a command line. No
terminal and no network: a command gets its arguments and yields texts. Imported with the first key.
"""

import gc
import sys
import time

from micropython import const

from ..console.output_buffer import OutputBuffer
from ..errors import NervesHubError, describe
from .shell_drive import DriveCommands

_MOST = const(4096)  # most characters of output of a py command
_STATES = "idle renewing downloading verifying installing reporting installed closed".split()
# Errors of FatFs, and of Linux; a board's errno does not name all of them.
_ERRORS = {
    2: "no such file or folder",
    5: "drive error",
    13: "the folder is not empty, or access is denied",
    17: "it exists already",
    20: "not a folder",
    21: "is a folder",
    22: "invalid name",
    28: "no space left",
    30: "the drive is read-only for code: see storage.remount() in boot.py",
    39: "the folder is not empty",
}
_HELP = (
    ("cat", "FILE...: show files"),
    ("cd", "[FOLDER]: go to a folder"),
    ("cp", "FILE TO: copy a file"),
    ("df", "[PATH]: space on the drive"),
    ("free", ": memory"),
    ("head", "[-n LINES] FILE: the first lines"),
    ("help", ": this list"),
    ("log", "[debug|info|warning|error]: which lines go to NervesHub"),
    ("ls", "[-l] [PATH]: list a folder"),
    ("mkdir", "FOLDER: make a folder"),
    ("mv", "FROM TO: rename"),
    ("pwd", ": the current folder"),
    ("reload", ": start code.py again"),
    ("reset", ": restart the board"),
    ("rm", "PATH...: remove files and empty folders"),
    ("update", ": state of the update"),
    ("uptime", ": time since the board's start"),
    ("version", ": versions, running firmware"),
)


def split(line: str) -> list:
    """
    Split a line into words at blanks that are not quoted or escaped by a backslash.

    :param str line: the line
    :return: the words
    :raises NervesHubError: if a quote is missing
    """
    words, word, quote, escaped = [], None, "", False
    for char in line:
        if escaped:
            word, escaped = (word or "") + char, False
        elif char == "\\" and quote != "'":
            escaped = True
        elif quote:
            if char == quote:
                quote = ""
            else:
                word += char
        elif char in "'\"":
            quote, word = char, word or ""
        elif char in " \t":
            if word is not None:
                words.append(word)
            word = None
        else:
            word = (word or "") + char
    if quote or escaped:
        raise NervesHubError("a quote is missing")
    if word is not None:
        words.append(word)
    return words


class Commands(DriveCommands):
    """
    All commands of one shell.

    :param Port port: what it may use of the link
    :param dict added: the application's commands: name to ``(function, line for help)``
    :param dict namespace: names for ``py``; None without the command ``py``
    """

    def __init__(self, port, added: dict, namespace) -> None:
        super().__init__()
        self._port = port
        self._added = added
        self._python = None
        if namespace is not None:
            from ..console.code_runner import (  # noqa: PLC0415 only with an option
                CodeRunner,
            )

            self._python = CodeRunner(namespace)

    def start(self, line: str):
        """
        Start the command of a line.

        :param str line: the typed line
        :return: the command's name, and a generator of texts; None for both if the line is empty
        :raises NervesHubError: if the line is invalid
        """
        first, _, rest = line.strip().partition(" ")
        if first == "py" and self._python is not None:
            return "py", self._py(rest.strip())
        words = split(line)
        if not words:
            return None, None
        name = words.pop(0)
        if name in self._added:
            return name, _pieces(self._added[name][0], words)
        for known, _ in _HELP:
            if known == name:
                return name, getattr(self, "_" + name)(words)
        raise NervesHubError(name + ": no such command; help lists them")

    def complaint(self, name: str, error) -> str:
        """
        Describe an exception of a command.

        :param str name: the command's name
        :param error: the exception
        :return: one line
        """
        number = error.args[0] if isinstance(error, OSError) and error.args else None
        text = _ERRORS.get(number)
        if text is None:
            text = describe(error)
        elif getattr(error, "filename", None):
            text = "%s: %s" % (error.filename, text)
        return (name + ": " if name else "") + text + "\n"

    # The commands

    def _free(self, args):
        if not hasattr(gc, "mem_free"):
            raise NervesHubError("not known on this machine")
        gc.collect()
        used, free = gc.mem_alloc(), gc.mem_free()
        yield "%d bytes, %d used, %d free\n" % (used + free, used, free)

    def _uptime(self, args):
        seconds = time.monotonic_ns() // 1000000000
        days, seconds = divmod(seconds, 86400)
        hours, seconds = divmod(seconds, 3600)
        yield "%d days, %02d:%02d:%02d\n" % (days, hours, seconds // 60, seconds % 60)

    def _version(self, args):
        version = ".".join([str(part) for part in sys.implementation.version[:3]])
        yield "%s %s\n" % (sys.implementation.name, version)
        yield "nerveshub_link %s\n" % sys.modules["nerveshub_link"].__version__
        meta = self._port.config.running_meta() or {}
        for name in ("product", "version", "platform", "architecture", "uuid"):
            yield "%s %s\n" % (name, meta.get(name))

    def _update(self, args):
        updates = self._port.updates
        text = _STATES[updates.state]
        if updates.active and updates.percent >= 0:
            text += ", %d %%" % updates.percent
        if updates.paused:
            text += ", waiting for the next try"
        yield text + "\n"

    def _log(self, args):
        logs = self._port.logs
        if logs is None:
            raise NervesHubError("the extension logging is off")
        if args:
            try:
                logs.setLevel(args[0])
            except ValueError as error:
                raise NervesHubError(str(error)) from None
        yield "%s and above\n" % logs.level_name

    def _reset(self, args):
        yield "restarting\n"
        self._port.restart.ask(self._port.clock())

    def _reload(self, args):
        try:
            from supervisor import reload  # noqa: PLC0415 only boards have it
        except ImportError:
            raise NervesHubError("boards only") from None
        yield "reloading\n"
        for _ in range(20):  # half a second, for the output to be sent
            yield ""
        reload()

    def _py(self, source: str):
        output = OutputBuffer(_MOST)
        self._python.run(source, output)
        yield output.take_all()

    def _help(self, args):
        known = [(name, words) for name, words in _HELP if name not in self._added]
        if self._python is not None:
            known.append(("py", "EXPRESSION: run Python"))
        for name in self._added:
            known.append((name, self._added[name][1]))
        for name, words in sorted(known):
            yield "%s %s\n" % (name, words)


def _pieces(function, args):
    """Make a generator of texts of an application's command."""
    found = function(args)
    if found is None:
        return
    if isinstance(found, str) or not hasattr(found, "__next__"):
        text = str(found)
        yield text if text.endswith("\n") else text + "\n"
        return
    yield from found
