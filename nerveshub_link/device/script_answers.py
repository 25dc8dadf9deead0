# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.device.script_answers`
====================================================

Answers scripts that were not run. Not in the topic, because few boards need it: imported with the
option ``scripts``, or when a script comes without it.
"""


class ScriptAnswers:
    """
    Answers to scripts that were not run. A device that announces version 2.1.0 must answer every
    script, or the operator waits for 30 seconds.

    :param push: function of event and payload that sends to the device topic
    """

    def __init__(self, push) -> None:
        self._push = push
        self._owed = []  # ref and reason

    def refuse(self, ref, reason: str) -> None:
        """
        Answer a script with an error. If there is no memory for that now, `settle` tries again.

        :param str ref: the script's ref
        :param str reason: the reason, for the operator
        """
        self._owed.append((ref, reason))
        self.settle()

    def settle(self) -> None:
        """Send the queued answers."""
        while self._owed:
            ref, reason = self._owed[0]
            try:
                answer = {"ref": ref, "result": "error", "reason": reason}
                answer["output"], answer["return"] = reason, ""
                self._push("scripts/run", answer)
            except MemoryError:
                return
            self._owed.pop(0)  # also if not joined: the server does not wait any more then
