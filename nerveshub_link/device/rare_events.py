# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.device.rare_events`
====================================================

The server's events on the ``device`` topic that come seldom: ``identify``, public keys, and a
script that can't be run. Part of `nerveshub_link.device.topic`, and imported only when one of them
comes, since memory is scarce on a board.
"""

from ..common.ticks import LONGEST, elapsed
from ..errors import describe


def handle(device, event: str, payload: dict, now: int) -> None:
    """
    Handle an event; one that is not known is ignored.

    :param DeviceTopic device: whose topic it is
    :param str event: its name
    :param dict payload: what came with it
    :param int now: ticks in milliseconds
    """
    if event == "identify":
        device.close()
        light = Light(device.config.client, device.log, now)
        device.light = light if light.on else None
    elif event in ("fwup_public_keys", "archive_public_keys"):
        if device.config.request_public_keys:
            from .public_keys import read_keys  # noqa: PLC0415 they come if they were asked for

            kind = event.partition("_")[0]
            keys = device.public_keys[kind] = read_keys(payload)
            device.call(device.config.client.public_keys, kind, list(keys))
    elif event == "scripts/run":
        device.refuse_script(payload.get("ref"), "scripts are off on this device")


def script_passed_over(device, ends: str, length: int) -> None:
    """
    Answer a script that was too long to be taken, or for which there was no memory.

    :param DeviceTopic device: whose topic it is
    :param str ends: the first and last characters of its message
    :param int length: the message's bytes; 0 if they are not known
    """
    _, found, rest = ends.partition('"ref":"')  # within a text its quotes would be escaped
    ref, closed, _ = rest.partition('"')
    if found and closed and "\n" not in ref:
        most = device.config.max_message_size
        reason = "there is no memory for the script on this device"
        if length > most:
            words = "the script's message has %d bytes, at most %d (max_message_size) are taken"
            reason = words % (length, most)
        device.refuse_script(ref, reason)


class Light:
    """
    Leads the generator of `Client.identify` on.

    :param Client client: whose ``identify`` is called
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
        """True if there is something to lead on (read-only)."""
        return self._generator is not None

    def _failed(self, error: Exception) -> None:
        self._log("error", describe(error, "identify: "))

    def step(self, now: int) -> bool:
        """
        Let the generator do its next step, if it is time. Never raises.

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
        """End the generator; on a board nobody else does it. Never raises."""
        if hasattr(self._generator, "close"):
            try:
                self._generator.close()
            except Exception as error:
                self._failed(error)
