# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.console.scripts`
====================================================

Support scripts: Python that an operator runs from NervesHub's page or API, and the connecting code
that NervesHub sends at each join. They come as ``scripts/run`` on the ``device`` topic, with a text
and a ref; the answer has the same ref, the printed output, and the value of the last statement.

The server stops waiting for the answer after 15 s (its ``lib/nerves_hub/device_link.ex``). There is
only one thread, so a running script can't be stopped: its duration is measured when it has ended.
"""

import gc
import sys

from micropython import const

from ..common.memory import forget
from ..common.ticks import elapsed
from ..errors import describe

_LIMIT = const(10)  # seconds, as in nerves_hub_link
_MAX_OUTPUT = const(4096)  # characters
_MAX_VALUE = const(1024)
_MAX_WAITING = const(8)
_PIECE = const(256)
_PIECES = const(4)


class Scripts:
    """
    Runs support scripts, one per poll.

    :param dict namespace: names for every script, each of which gets its own namespace
    :param Console console: the console in whose namespace scripts run instead; or None
    :param push: function of event and payload that sends to the device topic
    :param refuse: function of a script's ref and a reason, as `ScriptAnswers.refuse`
    :param log: function of level and text
    :param clock: function that returns ticks in milliseconds
    """

    def __init__(self, namespace: dict, console, push, refuse, log, clock) -> None:  # noqa: PLR0913, PLR0917
        self._namespace = namespace
        self._console = console
        self._push = push
        self._refuse = refuse
        self._log = log
        self._clock = clock
        self._waiting = []
        self._reserve = None  # memory for an answer after a script has used up the rest
        self._take_reserve()

    def handle(self, payload: dict, now: int) -> None:
        """
        Queue a script; `poll` runs it, where more of the stack is free.

        :param dict payload: ``text`` and ``ref``
        :param int now: ticks in milliseconds
        """
        ref, text = payload.get("ref"), payload.get("text")
        if not isinstance(text, str):
            self._refuse(ref, "a script without text")
        elif len(self._waiting) >= _MAX_WAITING:
            self._refuse(ref, "the script queue is full")
        else:
            self._waiting.append((ref, text))

    def poll(self) -> None:
        """Run the next script, if there is one."""
        if not self._waiting:
            return
        ref, text = self._waiting.pop(0)
        reason = self._run(ref, text)
        del text
        if reason is not None:
            # The operator waits for an answer: free the reserved memory for it.
            self._reserve = None
            gc.collect()
            self._refuse(ref, reason)
            self._log("error", "script: " + reason)
        if "nerveshub_link.console.console_session" not in sys.modules:  # it uses the same modules
            forget("console.code_runner", "console.output_buffer", "console.python_source")
        self._take_reserve()

    def _take_reserve(self) -> None:
        """Reserve memory in small pieces: an answer needs several of them, and no large one."""
        if self._reserve is None:
            try:
                self._reserve = [bytearray(_PIECE) for _ in range(_PIECES)]
            except MemoryError:
                pass  # the next script tries again

    def _run(self, ref, text: str):
        """Run a script and answer it; or return why it could not be answered."""
        reason = "no memory to run it"
        try:
            # Imported for each script and removed after it: most boards rarely run one.
            from .code_runner import CodeRunner, shown  # noqa: PLC0415
            from .output_buffer import OutputBuffer  # noqa: PLC0415
            from .python_source import keep_last_value  # noqa: PLC0415

            if self._console is not None:
                runner = self._console.session().runner()
            else:
                runner = CodeRunner(self._namespace)
            output = OutputBuffer(_MAX_OUTPUT)
            begun = self._clock()
            text, has_value = keep_last_value(text)
            completed = runner.run(text, output, "exec")
            reason = "it ran, but no memory for its answer"
            value = runner.namespace.get("_") if completed and has_value else None
            value = "" if value is None else shown(value)
            if len(value) > _MAX_VALUE:
                value = value[:_MAX_VALUE] + "..."
            seconds = elapsed(self._clock(), begun) // 1000
            if seconds >= _LIMIT:
                output.tell("\n[this blocked the main loop for %d s]\n" % seconds)
            answer = {"ref": ref, "output": output.take_all(), "return": value}
            answer["result"] = "completed" if completed else "error"
            if not completed:
                answer["reason"] = "the script raised an exception"
            if not self._push("scripts/run", answer):
                self._log("warning", "a script's answer was not sent: not joined")
            return None
        except MemoryError:
            return reason
        except Exception as error:
            return describe(error)
