# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.console`
====================================================

The ``console`` topic: what the operator sees in NervesHub's terminal. `Console` is the option of
that name; it joins, holds what waits to be sent, and lets files pass. The prompt itself is
`nerveshub_link.python_prompt`, imported with the first message and let go again when nobody has
used it for a while.

The server's ``lib/nerves_hub_web/channels/console_channel.ex`` crashes on every event that it does
not know, and on an ``up`` without a text; it sends any event that a browser sends, so those that
are unknown are ignored. There is no flow control in either direction.

Keys are only kept when they come, and used in `Console.poll`: there the operator's code has the
fewest frames above it, and what it prints can wait until the network has taken what was before.
"""

import sys

from micropython import const

from . import channel
from .errors import describe, printable
from .memory import forget
from .output_buffer import OutputBuffer

TOPIC = "console"

_TICKS = const((1 << 29) - 1)
_KEYS = const(256)  # used by one poll at most
_PIECES = const(2)  # sent by one poll at most, each of 512 characters
_MAX_INPUT = const(32768)  # waiting; a single message may be longer, if max_message_size lets it
_LITTLE = const(1024)  # characters waiting to be sent with which more keys may be used
# From 2.0.0 on the operator's page sends files.
_VERSION = "2.0.0"
_HELP = """\
This is the board's own Python, in the main loop of its application:
nothing else goes on while a command runs, and nobody can stop it from here.
  download(path)   send a file of the board to the browser; ctrl-c cancels
  help(object)     what an object has
  exit()           close this prompt and free its memory
  _                the last value
Names of the application: %s
"""
_MODULES = ("python_prompt", "line_editor", "python_source", "code_runner", "file_transfer")


class Console:
    """
    A Python prompt on the board, in NervesHub's terminal: give it as the option ``console``.

    Whoever may open a device's console in NervesHub can do with the board whatever its code can:
    read its secrets, write its files, stop its work.

    :param dict namespace: names for the prompt, such as ``{"link": link, "pump": pump}``; the
        prompt gets a copy, so what is assigned there does not change the application's own names
    :param str upload_folder: where files go that an operator uploads; made if it is missing. None
        to take no files
    :param int upload_limit: bytes of the longest file that is taken, 1 MiB
    :param int download_limit: bytes of the longest file that is sent, 10 MiB
    :param int idle_timeout: seconds without a key after which the prompt is closed and its memory
        is freed, 300; 0 for never
    :param int output_limit: characters of output that may wait to be sent, 8192; what a command
        prints beyond that is dropped, and its amount told
    :raises ValueError: for any mistake in the options, with the option's name
    """

    def __init__(  # noqa: PLR0913 the options of a console
        self,
        namespace=None,
        *,
        upload_folder="/uploads",
        upload_limit=1 << 20,
        download_limit=10 << 20,
        idle_timeout=300,
        output_limit=8192,
    ) -> None:
        if namespace is None:
            namespace = {}
        if not isinstance(namespace, dict):
            raise ValueError("console: namespace must be a dict of names")
        for name in namespace:
            if not isinstance(name, str):
                raise ValueError("console: namespace must have names (texts) as its keys")
        if upload_folder is not None and (not isinstance(upload_folder, str) or not upload_folder):
            raise ValueError("console: upload_folder must be a path, or None to take no files")
        _check_number("upload_limit", upload_limit, 1, 1 << 30)
        _check_number("download_limit", download_limit, 1, 1 << 30)
        _check_number("idle_timeout", idle_timeout, 0, 86400)
        _check_number("output_limit", output_limit, 512, 1 << 20)
        self._names = namespace
        self._folder = upload_folder
        self._upload_limit = upload_limit
        self._download_limit = download_limit
        self._idle_timeout = idle_timeout * 1000
        self._output = OutputBuffer(output_limit, "\r\n")
        self._link = None
        self._channels = None
        self._log = None
        self._title = ""
        self._max_message = 0
        self._width = 80
        self._input = ""
        self._at = 0
        self._wanted = False  # the operator is here, and there is no prompt yet
        self._touched = True  # since the last poll
        self._since = 0
        self._files = None
        self._runner = None
        self._prompt = None

    def setup(self, link, channels, config, log) -> None:
        """
        Hear to which link this belongs.

        :param NervesHubLink link: what the prompt knows as ``link``
        :param Channels channels: where to join and push
        :param Config config: the checked options
        :param log: function of level and text
        """
        self._link = link
        self._channels = channels
        self._log = log
        self._title = config.identifier or ""
        self._max_message = config.max_message_size

    def _join_payload(self) -> dict:
        return {"console_version": _VERSION, "device_api_version": channel.API_VERSION}

    # What comes

    def handle(self, kind: int, event, payload) -> None:
        """
        Handle what `Channels.receive` understood of this topic.

        :param int kind: ``channel.JOINED`` and so on
        :param str event: for ``channel.MESSAGE``
        :param payload: the message's payload, or the join's response
        """
        try:
            if kind == channel.MESSAGE:
                self._touched = True
                self._event(event, payload)
            elif kind == channel.REFUSED:
                self._log("error", "console refused: " + printable(str(payload)))
            elif kind == channel.CRASHED:
                self._log("warning", "the server closed the console's channel")
                self.lost()
        except Exception as error:
            # No memory for a paste, most likely. The connection has not deserved to die for it.
            self._log("error", "console: " + describe(error))

    def _event(self, event: str, payload: dict) -> None:
        if event == "dn":
            self._typed(payload.get("data"))
        elif event == "window_size":
            self._resized(payload.get("width"))
        elif event == "restart":
            self._close()
            self._wanted = True
        elif event in ("file-data/start", "file-data", "file-data/stop"):
            self._transfer().handle(event, payload)

    def _typed(self, data) -> None:
        if not isinstance(data, str) or not data:
            return
        self._wanted = True
        at = data.rfind("\x03")
        if at >= 0:
            # What was typed before it counts no more, be it a long paste that goes wrong.
            self._input, self._at = data[at:], 0
            if self._files is not None:
                self._files.cancel()
            return
        waiting = self._input[self._at :]
        if waiting and len(waiting) + len(data) > _MAX_INPUT:
            self.notice("%d characters of input were dropped: too many wait" % len(data))
            return
        self._input, self._at = waiting + data, 0

    def _resized(self, width) -> None:
        if isinstance(width, int) and width is not True and width > 0:
            self._width = width
            if self._prompt is not None:
                self._prompt.editor.set_width(width)
        self._wanted = True
        # The page may have been opened anew: let it tell pastes from keys (xterm, mode 2004).
        self._output.tell("\x1b[?2004h")

    def overlong(self, count: int) -> None:
        """
        Hear that a message was passed over; most likely it was a paste.

        :param int count: its bytes
        """
        if self._prompt is not None:
            text = "a message of %d bytes was passed over; at most %d (max_message_size) are taken"
            self.notice(text % (count, self._max_message))

    def notice(self, text: str) -> None:
        """
        Tell the operator and the log something, whatever is being typed.

        :param str text: a line
        """
        self._log("info", "console: " + printable(text))
        text = "[" + text + "]\n"
        if self._prompt is not None and self._prompt.code is None:
            self._prompt.editor.show(text)
        else:
            self._output.tell("\n" + text)

    def _transfer(self):
        if self._files is None:
            from .file_transfer import FileTransfer  # noqa: PLC0415 with the first file

            limits = self._upload_limit, self._download_limit
            self._files = FileTransfer(self._folder, *limits, self._push, self.notice)
        return self._files

    def _download(self, path: str) -> None:
        """``download()`` of the prompt."""
        size = self._transfer().download(path)
        self._output.write("[sending %d bytes; ctrl-c cancels]\n" % size)

    # What is due

    def poll(self, now: int) -> None:
        """
        Send what waits, and use the next keys. A command that they make complete runs in here.

        :param int now: ticks in milliseconds
        """
        channels = self._channels
        if not channels.is_joined(TOPIC):
            if not channels.is_wanted(TOPIC) and channels.is_joined("device"):
                channels.join(TOPIC, self._join_payload, now)
            return
        try:
            self._work(now)
            prompt = self._prompt
            if prompt is not None and prompt.code is not None:
                # From here, not from below: each frame is one less for the operator's code.
                self._runner.run(prompt.code, self._output)
                if not prompt.left:
                    prompt.ran()
                self._flush()
        except Exception as error:
            # No memory, most likely.
            self._close()
            self._log("error", "console: " + describe(error))
            self._output.tell("\n[the prompt was closed: %s]\n" % describe(error))

    def _work(self, now: int) -> None:
        if self._touched:
            self._touched = False
            self._since = now
        if self._output.size and not self._flush() and self._output.size > _LITTLE:
            return
        if self._files is not None and self._files.poll(now):
            self._since = now
        prompt = self._prompt
        if self._idle_timeout and (now - self._since) & _TICKS >= self._idle_timeout:
            self._since = now
            if self._runner is not None or self._files is not None:
                self._leave("closed after %d s without a key" % (self._idle_timeout // 1000))
        elif prompt is None:
            if self._wanted:
                self._open()
                self._flush()
        elif prompt.left:
            self._leave("closed; any key opens it again")
        elif self._at < len(self._input):
            self._use_keys(prompt)
            self._flush()

    def _use_keys(self, prompt) -> None:
        text = self._input[self._at : self._at + _KEYS]
        end = self._at + len(text) == len(self._input)
        while text and prompt.code is None and not prompt.left:
            used = prompt.feed(text, not end)
            self._at += used
            text = text[used:]
        if self._at >= len(self._input):
            self._input, self._at = "", 0

    def _push(self, event: str, payload: dict) -> bool:
        return self._channels.push(TOPIC, event, payload) is not None

    def _flush(self) -> bool:
        """Send some of the output. True if none is left."""
        output = self._output
        for _ in range(_PIECES):
            text = output.first()
            if not text:
                return True
            if not self._push("up", {"data": text}):
                return False
            output.drop_first()
        return output.size == 0

    # The prompt

    def _open(self) -> None:
        from .python_prompt import PythonPrompt  # noqa: PLC0415 with the first message

        self._wanted = False
        runner = self.runner()
        self._prompt = PythonPrompt(runner.namespace, self._output, self._width)
        about = sys.implementation
        version = ".".join([str(number) for number in about.version[:3]])
        title = self._title + ", " if self._title else ""
        text = "\n%s%s %s. Type help() for help.\n" % (title, about.name, version)
        self._output.tell(text)
        self._prompt.start()

    def runner(self):
        """Return the `CodeRunner` of the prompt; made if nobody uses the prompt now."""
        if self._runner is None:
            from .code_runner import CodeRunner  # noqa: PLC0415 with the first message

            names = {"link": self._link}
            names.update(self._names)
            about = _HELP % ", ".join(sorted(names))
            names["download"] = self._download
            names["exit"] = names["quit"] = self._exit
            self._runner = CodeRunner(names, self._output, about)
            self._touched = True
        return self._runner

    def _exit(self) -> None:
        """``exit()`` of the prompt."""
        if self._prompt is not None:
            self._prompt.left = True
        raise SystemExit

    def _leave(self, why: str) -> None:
        if self._prompt is not None:
            self._output.tell("\x1b[?2004l\n[prompt %s]\n" % why)
            self._flush()
        self._close()

    def _close(self) -> None:
        """Give the prompt's memory back: its names, its history, its code."""
        self._prompt = self._runner = None
        self._input, self._at = "", 0
        self._wanted = False
        if self._files is not None and not self._files.busy:
            self._files = None
        forget(*_MODULES)

    def lost(self) -> None:
        """
        The channel is gone, and files under way with it. The prompt stays, and so does what waits
        to be sent.
        """
        if self._files is not None:
            self._files.lost()


def _check_number(name: str, value, least: int, most: int) -> None:
    if not isinstance(value, int) or value is True or value is False or not least <= value <= most:
        raise ValueError("console: %s must be a whole number from %d to %d" % (name, least, most))
