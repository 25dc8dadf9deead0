# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.device.script_answers`
====================================================

Answers to scripts that were not run. Apart from the topic because few boards ever need them:
imported with scripts, or when one comes although they are off.
"""


class ScriptAnswers:
    """
    What is owed to operators whose scripts were not run: whoever announces version 2.1.0 must
    answer, or the operator waits for 30 seconds.

    :param push: function of event and payload that sends to the device topic
    """

    def __init__(self, push) -> None:
        self._push = push
        self._owed = []  # ref and reason

    def refuse(self, ref, reason: str) -> None:
        """
        Answer a script by an error. If there is no memory for that now, `settle` tries again.

        :param str ref: the script's
        :param str reason: for the operator
        """
        self._owed.append((ref, reason))
        self.settle()

    def settle(self) -> None:
        """Send the answers that are owed."""
        while self._owed:
            ref, reason = self._owed[0]
            try:
                answer = {"ref": ref, "result": "error", "reason": reason}
                answer["output"], answer["return"] = reason, ""
                self._push("scripts/run", answer)
            except MemoryError:
                return
            self._owed.pop(0)  # also if nothing is joined: the server has forgotten it then
