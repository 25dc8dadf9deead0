# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.scripts`
====================================================

Support scripts: Python that an operator runs from NervesHub's page or API, and the connecting code
that NervesHub sends at each join. They come as ``scripts/run`` on the ``device`` topic, with a text
and a ref; the answer has the same ref, what was printed, and the value of the last statement.

The server forgets a script after 15 s (its ``lib/nerves_hub/device_link.ex``). There is one thread
here, and nobody who could stop a script: how long it took is looked at when it is over.
"""

import sys

from micropython import const

from .errors import describe
from .memory import forget
from .ticks import elapsed

_LIMIT = const(10)  # seconds, as in nerves_hub_link
_MAX_OUTPUT = const(4096)  # characters
_MAX_VALUE = const(1024)
_MAX_WAITING = const(8)


class Scripts:
    """
    Runs support scripts, one a poll.

    :param dict namespace: names that every script finds, in a namespace of its own
    :param Console console: whose namespace to run in instead; or None
    :param push: function of event and payload, as `Device.push`
    :param log: function of level and text
    :param clock: function that returns ticks in milliseconds
    """

    def __init__(self, namespace: dict, console, push, log, clock) -> None:
        self._namespace = namespace
        self._console = console
        self._push = push
        self._log = log
        self._clock = clock
        self._waiting = []

    def handle(self, payload: dict) -> None:
        """
        Take a script, to be run by the next `poll`: there it has fewer frames above it.

        :param dict payload: ``text`` and ``ref``
        """
        ref, text = payload.get("ref"), payload.get("text")
        if not isinstance(text, str):
            self._refuse(ref, "a script without a text")
        elif len(self._waiting) >= _MAX_WAITING:
            self._refuse(ref, "too many scripts wait")
        else:
            self._waiting.append((ref, text))

    def _refuse(self, ref, reason: str) -> None:
        self._answer(
            {"ref": ref, "result": "error", "reason": reason, "output": reason, "return": ""}
        )

    def poll(self) -> None:
        """Run the next script, if there is one."""
        if not self._waiting:
            return
        ref, text = self._waiting.pop(0)
        try:
            # With a script, and let go after it: most boards hardly ever run one.
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
            value = runner.namespace.get("_") if completed and has_value else None
            value = "" if value is None else shown(value)
            if len(value) > _MAX_VALUE:
                value = value[:_MAX_VALUE] + "..."
            seconds = elapsed(self._clock(), begun) // 1000
            if seconds >= _LIMIT:
                output.tell("\n[this took %d s, and held the board's main loop]\n" % seconds)
            answer = {"ref": ref, "output": output.take_all(), "return": value}
            answer["result"] = "completed" if completed else "error"
            if not completed:
                answer["reason"] = "the script raised an exception"
            self._answer(answer)
        except Exception as error:
            # No memory, most likely: for the script, or for its answer.
            self._log("error", "script: " + describe(error))
            self._refuse(ref, describe(error))
        if "nerveshub_link.console_session" not in sys.modules:  # it has the same in use
            forget("code_runner", "output_buffer", "python_source")

    def _answer(self, answer: dict) -> None:
        if not self._push("scripts/run", answer):
            self._log("warning", "a script's answer was not sent: not joined")
