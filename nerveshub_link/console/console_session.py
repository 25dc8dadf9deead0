# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.console.console_session`
====================================================

A session of the operator in NervesHub's terminal, from the first message on: queued output, queued
input, the prompt, file transfers. `nerveshub_link.console.console` makes it and closes it.

The server's ``lib/nerves_hub_web/channels/console_channel.ex`` crashes on every event that it does
not know, and on an ``up`` without a text. It forwards any event that a browser sends, so unknown
events are ignored here. There is no flow control in either direction.

Received keys are only queued, and handled in `ConsoleSession.work`: so the operator's code has more
stack, and its next output is made only after the network has taken the previous one.
"""

import sys

from micropython import const

from ..common.memory import load
from ..errors import printable
from .output_buffer import OutputBuffer

_KEYS = const(256)  # most keys handled by one poll
_PIECES = const(2)  # most pieces sent by one poll, each of 512 characters
_LITTLE = const(1024)  # characters of queued output; with more of them no keys are handled
# Characters of queued input. A single message may be longer, up to max_message_size.
_MAX_INPUT = const(32768)
# Not imported from line_editor, which an upload alone does not need.
_PASTE_BEGIN = const("\x1b[200~")
_PASTE_END = const("\x1b[201~")
_HELP = """\
This is the board's own Python, in the main loop of its application:
nothing else runs while a command runs, and it can't be stopped from here.
  download(path)   send a file of the board to the browser; ctrl-c cancels
  help(object)     the names in an object
  exit()           close this prompt and free its memory
  _                the last value
Names of the application: %s
"""


class ConsoleSession:
    """
    One session of an operator.

    :param Console console: the options
    :param push: function of event and payload that returns False if it could not be sent
    :param log: function of level and text
    """

    def __init__(self, console, push, log) -> None:
        self._console = console
        self._push = push
        self._log = log
        self.output = OutputBuffer(console.output_limit, "\r\n")
        """The queued output for the terminal."""
        self.left = False
        """True if the operator has left; queued output is still sent."""
        self._width = 80
        self._input = ""  # the oldest queued message
        self._at = 0  # how many of its keys were handled
        self._further = []  # later messages; joined they would need one large block of memory
        self._refused = None  # the last characters of a refused paste whose end has not come yet
        self._wanted = False  # a prompt is to be opened
        self._files = None
        self._runner = None
        self._prompt = None

    # Input

    def handle(self, event: str, payload: dict) -> None:
        """
        Handle one event of the server.

        :param str event: the event's name
        :param dict payload: its payload
        """
        if event == "dn":
            self._typed(payload.get("data"))
        elif event == "window_size":
            self._resized(payload.get("width"))
        elif event == "restart":
            self._start_over("")
            self._prompt = self._runner = None
            self._wanted = True
        elif event in ("file-data/start", "file-data", "file-data/stop"):
            self._transfer().handle(event, payload)

    def _typed(self, data) -> None:
        if not isinstance(data, str) or not data:
            return
        self._wanted = True
        at = data.rfind("\x03")
        if at >= 0:
            # Ctrl-C discards all queued input before it, such as a long paste.
            self._start_over(data[at:])
            if self._files is not None:
                self._files.cancel()
            return
        if self._refused is not None:
            data = self._refused + data  # the end mark may arrive in two pieces
            at = data.find(_PASTE_END)
            self._refused = data[1 - len(_PASTE_END) :] if at < 0 else None
            if at < 0:
                return
            data = data[at:]
        waiting = len(self._input) - self._at + sum([len(text) for text in self._further])
        if waiting and waiting + len(data) > _MAX_INPUT:
            self.notice("%d characters of input were dropped: queue full" % len(data))
            self.refuse(data)
            return
        further = self._further
        if not waiting:
            self._input, self._at = data, 0
        elif further and len(further[-1]) < _KEYS:
            further[-1] += data  # one text instead of many single keys
        else:
            further.append(data)

    def _start_over(self, data: str) -> None:
        self._input, self._at, self._further, self._refused = data, 0, [], None

    def refuse(self, data: str) -> None:
        """
        Handle that input was dropped: the rest of a paste that it belonged to is discarded, too.

        :param str data: the dropped input, or its beginning and its end
        """
        within = self._drop_paste()
        begin, end = data.rfind(_PASTE_BEGIN), data.rfind(_PASTE_END)
        if begin > end or (within and end < 0):
            self._refused = ""
        elif within:
            self._further.append(_PASTE_END)

    def _drop_paste(self) -> bool:
        """If the queued input ends within a paste, drop that paste; return True then."""
        texts = [self._input[self._at :]] + self._further
        for index in range(len(texts) - 1, -1, -1):
            begin, end = texts[index].rfind(_PASTE_BEGIN), texts[index].rfind(_PASTE_END)
            if begin > end:
                texts[index] = texts[index][:begin]
                self._input, self._at, self._further = texts[0], 0, texts[1 : index + 1]
                return True
            if end >= 0:
                return False
        prompt = self._prompt
        if prompt is None or not prompt.editor.pasting:
            return False
        self._start_over("")
        prompt.refuse("", True)
        return True

    def _resized(self, width) -> None:
        if isinstance(width, int) and not isinstance(width, bool) and width > 0:
            self._width = width
            if self._prompt is not None:
                self._prompt.editor.set_width(width)
        self._wanted = True
        # The page may be a new one: switch on its marks around pastes (xterm, mode 2004).
        self.output.tell("\x1b[?2004h")

    def notice(self, text: str) -> None:
        """
        Show a notice to the operator and log it. A line that is being typed is shown again.

        :param str text: one line
        """
        self._log("info", "console: " + printable(text))
        text = "[" + text + "]\n"
        if self._prompt is not None and self.code is None:
            self._prompt.editor.show(text)
        else:
            self.output.tell("\n" + text)

    # Work in each poll

    @property
    def code(self):
        """A complete statement for the `runner`, else None (read-only)."""
        return None if self._prompt is None else self._prompt.code

    def work(self, now: int) -> bool:
        """
        Send queued output, and handle the next keys until a statement is complete.

        :param int now: ticks in milliseconds
        :return: True while output or a file is being sent: the session is not idle
        """
        if self.output.size and not self._flush() and self.output.size > _LITTLE:
            return True
        busy = self._files is not None and self._files.poll(now)
        if self._prompt is None:
            if self._wanted:
                self._open()
        elif (self._further or self._at < len(self._input)) and not self.left:
            self._use_keys(self._prompt)
        self._flush()
        return busy

    def ran(self) -> None:
        """Show the next prompt, after the statement was run."""
        if not self.left:
            self._prompt.ran()
        self._flush()

    def _use_keys(self, prompt) -> None:
        text = self._input[self._at : self._at + _KEYS]
        last = self._at + len(text) == len(self._input) and not self._further
        while text and prompt.code is None and not prompt.left:
            used = prompt.feed(text, not last)
            self._at += used
            text = text[used:]
        if prompt.left:
            self.left = True
        if self._at >= len(self._input):
            self._input, self._at = self._further.pop(0) if self._further else "", 0

    def _flush(self) -> bool:
        """Send some of the queued output; return True if all was sent."""
        output = self.output
        for _ in range(_PIECES):
            text = output.first()
            if not text:
                return True
            try:
                if not self._push("up", {"data": text}):
                    return False
            except MemoryError:
                return False  # it stays queued until there is memory
            output.drop_first()
        return output.size == 0

    # The prompt

    def _open(self) -> None:
        load("console.line_editor", "console.python_source", "console.python_prompt")
        from .python_prompt import PythonPrompt  # noqa: PLC0415 an upload alone needs no prompt

        self._wanted = False
        about = sys.implementation
        version = ".".join([str(number) for number in about.version[:3]])
        title = self._console.config.identifier
        title = title + ", " if title else ""
        self.output.tell("\n%s%s %s. Type help() for help.\n" % (title, about.name, version))
        self._prompt = PythonPrompt(self.runner().namespace, self.output, self._width)
        self._prompt.start()

    def runner(self):
        """Return the `CodeRunner` with the prompt's names."""
        if self._runner is None:
            load("console.code_runner")
            from .code_runner import CodeRunner  # noqa: PLC0415 an upload alone runs no code

            names = {"link": self._console.link}
            names.update(self._console.names)
            about = _HELP % ", ".join(sorted(names))
            names["download"] = self._download
            names["exit"] = names["quit"] = self._exit
            self._runner = CodeRunner(names, self.output, about)
        return self._runner

    def _exit(self) -> None:
        """Implement ``exit()`` of the prompt."""
        self.left = True
        raise SystemExit

    def _transfer(self):
        if self._files is None:
            load("console.file_transfer")
            from .file_transfer import FileTransfer  # noqa: PLC0415 with the first file

            console = self._console
            limits = console.upload_limit, console.download_limit
            self._files = FileTransfer(console.upload_folder, *limits, self._push, self.notice)
        return self._files

    def _download(self, path: str) -> None:
        """Implement ``download()`` of the prompt."""
        size = self._transfer().download(path)
        self.output.write("[sending %d bytes; ctrl-c cancels]\n" % size)

    def close(self, how: str) -> None:
        """
        End the session: cancel file transfers and show a last line.

        :param str how: how it ended, for the operator
        """
        if self._files is not None:
            self._files.lost("the console was closed")
        if self._prompt is not None:
            self.output.tell("\x1b[?2004l\n[prompt %s]\n" % how)
        self._flush()

    def passed_over(self, words: str, ends: str) -> None:
        """
        Handle that a message was skipped: an upload or a paste may be incomplete now.

        :param str words: the notice for the operator
        :param str ends: the message's first and last characters, as JSON, if it held keys; else
            ``""``
        """
        self.notice(words)
        if self._files is not None:
            self._files.missed()
        if ends:
            self.refuse(ends.replace("\\u001B", "\x1b").replace("\\u001b", "\x1b"))

    def lost(self) -> None:
        """Handle the loss of the channel: file transfers end."""
        if self._files is not None:
            self._files.lost("the connection was lost")
