# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.device.rare_events`
====================================================

Handles rare events on the ``device`` topic: ``identify``, public keys, and a script that can't be
run. Part of `nerveshub_link.device.topic`, and imported only when one of them arrives, since memory
is scarce on a board.
"""

from ..common.memory import forget
from ..common.ticks import LONGEST, elapsed
from ..errors import describe


def handle(device, event: str, payload: dict, now: int) -> None:
    """
    Handle an event. Unknown ones are ignored.

    :param DeviceTopic device: the topic
    :param str event: the event's name
    :param dict payload: its payload
    :param int now: ticks in milliseconds
    """
    if event == "identify":
        device.close()
        light = Light(device.config.client, device.log, now)
        device.light = light if light.on else None
    elif event in ("fwup_public_keys", "archive_public_keys"):
        if device.config.request_public_keys:
            from .public_keys import read_keys  # noqa: PLC0415 only with an option

            kind = event.partition("_")[0]
            keys = device.public_keys[kind] = read_keys(payload)
            forget("device.public_keys", "release.public_keys")
            device.call(device.config.client.public_keys, kind, list(keys))
    elif event == "scripts/run":
        _refuse(device, payload.get("ref"), "scripts are off on this device")


def script_passed_over(device, ends: str, length: int) -> None:
    """
    Refuse a script whose message was skipped, since it was too long or there was no memory.

    :param DeviceTopic device: the topic
    :param str ends: the message's first and last characters
    :param int length: the message's length in bytes; 0 if it is not known
    """
    _, found, rest = ends.partition('"ref":"')  # not in the script: its quotes are escaped
    ref, closed, _ = rest.partition('"')
    if found and closed and "\n" not in ref:
        most = device.config.max_message_size
        reason = "no memory for the script on this device"
        if length > most:
            words = "the script's message has %d bytes, at most %d (max_message_size) are allowed"
            reason = words % (length, most)
        _refuse(device, ref, reason)


def _refuse(device, ref, reason: str) -> None:
    if device.answers is None:
        from .script_answers import ScriptAnswers  # noqa: PLC0415 where scripts are off

        device.answers = ScriptAnswers(device.push)
    device.answers.refuse(ref, reason)


class Light:
    """
    Calls `Client.identify`, and runs its generator step by step.

    :param Client client: the application's client
    :param log: function of level and text
    :param int now: ticks in milliseconds
    """

    def __init__(self, client, log, now: int) -> None:
        self._log = log
        self._from = now
        self._wait = 0
        self._generator = None
        try:
            made = client.identify()
            self._generator = made if hasattr(made, "__next__") else None
        except Exception as error:
            self._failed(error)

    @property
    def on(self) -> bool:
        """True if the generator has more steps (read-only)."""
        return self._generator is not None

    def _failed(self, error: Exception) -> None:
        self._log("error", describe(error, "identify: "))

    def step(self, now: int) -> bool:
        """
        Run the generator's next step, if it is due. Never raises.

        :param int now: ticks in milliseconds
        :return: False if it has ended
        """
        if elapsed(now, self._from) >= self._wait:
            try:
                self._from = now
                self._wait = min(int(next(self._generator)), LONGEST * 1000)
            except StopIteration:
                return False
            except Exception as error:
                self._failed(error)
                self.close()
                return False
        return True

    def close(self) -> None:
        """Close the generator, which a board's garbage collector does not do. Never raises."""
        if hasattr(self._generator, "close"):
            try:
                self._generator.close()
            except Exception as error:
                self._failed(error)
