# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.console.console`
====================================================

The option ``console`` and its topic: `Console` joins and waits. The other modules
(`nerveshub_link.console.console_session`) are imported with the first message, and removed from
memory when the operator leaves or is idle: an unused console takes little memory.
"""

from micropython import const

from ..common.memory import forget, load
from ..common.ticks import elapsed
from ..errors import describe, printable, text_of
from ..wire import phoenix

TOPIC = "console"

_STATEMENTS = const(16)  # most statements run by one poll
_TURN = const(20)  # milliseconds; after them the next statement waits for the next poll
# From 2.0.0 on NervesHub's page can send files.
_VERSION = const("2.0.0")
_MODULES = (
    "console_session python_prompt line_editor python_source code_runner output_buffer"
    " file_transfer file_sender file_names"
)


class Console:
    """
    A Python prompt on the board, in NervesHub's terminal: pass it as the option ``console``.

    Everybody who may open a device's console in NervesHub can do what the board's code can: read
    its secrets, write its files, stop the application.

    :param dict namespace: names for the prompt, such as ``{"pump": pump}``; ``link`` is always
        there. The prompt gets a copy: an assignment there does not change the application's names
    :param str upload_folder: folder for files that an operator uploads; created if it is missing.
        None to accept no files
    :param int upload_limit: bytes of the longest file that is accepted, 1 MiB
    :param int download_limit: bytes of the longest file that is sent, 10 MiB
    :param int idle_timeout: seconds without a key after which the prompt is closed and its memory
        is freed, 300; 0 for never
    :param int output_limit: characters of output that may be queued, 8192; the rest is dropped, and
        its length is shown
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
        self.names = {} if namespace is None else namespace
        self.upload_folder = upload_folder
        self.upload_limit = upload_limit
        self.download_limit = download_limit
        self.idle_timeout = idle_timeout
        self.output_limit = output_limit
        if not isinstance(self.names, dict) or not all(
            isinstance(name, str) for name in self.names
        ):
            raise ValueError("console: namespace must be a dict with names (texts) as its keys")
        if upload_folder is not None and (not isinstance(upload_folder, str) or not upload_folder):
            raise ValueError("console: upload_folder must be a path, or None to take no files")
        for name, least, most in (
            ("upload_limit", 1, 1 << 30),
            ("download_limit", 1, 1 << 30),
            ("idle_timeout", 0, 86400),
            ("output_limit", 512, 1 << 20),
        ):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
                raise ValueError(
                    "console: %s must be a whole number from %d to %d" % (name, least, most)
                )
        self.link = self.config = self._channels = self._log = None
        self._session = None
        self._touched = False  # True if a message came since the last poll
        self._since = 0

    def setup(self, link, channels, config, log) -> None:
        """
        Connect the console to its link. Called by the link.

        :param NervesHubLink link: the object ``link`` at the prompt
        :param Channels channels: the socket's topics
        :param Config config: the checked options
        :param log: function of level and text
        """
        self.link = link
        self.config = config
        self._channels = channels
        self._log = log

    def _join_payload(self) -> dict:
        return {"console_version": _VERSION, "device_api_version": phoenix.API_VERSION}

    def _push(self, event: str, payload: dict) -> bool:
        return self._channels.push(TOPIC, event, payload) is not None

    def session(self):
        """Return the `ConsoleSession`; it is made if there is none."""
        self._touched = True
        if self._session is None:
            load("console.output_buffer", "console.console_session")
            from .console_session import ConsoleSession  # noqa: PLC0415 with the first message

            self._session = ConsoleSession(self, self._push, self._log)
        return self._session

    def handle(self, kind: int, event, payload) -> None:
        """
        Handle a result of `Channels.receive` for this topic. Never raises.

        :param int kind: `nerveshub_link.wire.phoenix.JOINED` and so on
        :param str event: the event's name, with kind `nerveshub_link.wire.phoenix.MESSAGE`
        :param payload: the message's payload, or the join's response
        """
        try:
            if kind == phoenix.MESSAGE:
                self.session().handle(event, payload)
            elif kind == phoenix.REFUSED:
                self._log("error", "console refused: " + printable(text_of(payload)))
            elif kind == phoenix.CRASHED:
                self._log("warning", "the server closed the console's channel")
                self.lost()
        except Exception as error:
            # Most likely no memory for a paste. That must not end the connection.
            self._log("error", "console: " + describe(error))

    def passed_over(self, what: str, ends: str) -> None:
        """
        Handle that a message was skipped; most likely it was a paste. Never raises.

        :param str what: the reason, for the operator
        :param str ends: the message's first and last characters, as far as they are known
        """
        try:
            typed = '"dn"' in ends
            if self._session is not None or typed:
                most = self.config.max_message_size
                words = "%s; at most %d bytes (max_message_size) are allowed" % (what, most)
                self.session().passed_over(words, ends if typed else "")
        except Exception as error:
            self._log("error", "console: " + describe(error))

    def poll(self, now: int) -> None:
        """
        Join; or send queued output, and handle the next keys. A command runs in here as soon as its
        keys are complete.

        :param int now: ticks in milliseconds
        """
        channels = self._channels
        if not channels.is_joined(TOPIC):
            if not channels.is_wanted(TOPIC) and channels.is_joined("device"):
                channels.join(TOPIC, self._join_payload, now)
            return
        session = self._session
        if session is None:
            return
        try:
            busy = session.work(now)
            if busy or self._touched:
                self._touched = False
                self._since = now
            for _ in range(_STATEMENTS):
                if session.code is None or session.left:
                    break
                # Called here, not deeper: each further frame leaves less stack for the code.
                session.runner().run(session.code, session.output)
                session.ran()
                if elapsed(self.config.clock(), now) >= _TURN:
                    break
                session.work(now)
            if session.left:
                if not session.output.size:
                    self._end("closed; any key opens it again")
            elif self.idle_timeout and elapsed(now, self._since) >= self.idle_timeout * 1000:
                self._end("closed after %d s without a key" % self.idle_timeout)
        except Exception as error:
            # Most likely no memory.
            self._log("error", "console: " + describe(error))
            self._end("closed: " + describe(error))

    def _end(self, how: str) -> None:
        """Close the session and free its memory: names, history, modules."""
        session, self._session = self._session, None
        forget(*("console." + name for name in _MODULES.split(" ")))
        try:
            session.close(how)
        except Exception as error:
            self._log("error", "console: " + describe(error))

    def lost(self) -> None:
        """
        Handle the loss of the channel: file transfers end; the prompt and queued output stay.
        """
        if self._session is not None:
            self._session.lost()
