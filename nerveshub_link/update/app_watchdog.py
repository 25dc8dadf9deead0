# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.update.app_watchdog`
====================================================

A board has one watchdog, and two parts use it: the launcher arms it for a release on trial, and the
application may ask for it with an option. `Watchdog` serves both. Imported only where the board has
a watchdog; the caller must call `Watchdog.feed` often.

The facts are CircuitPython's (``ports/espressif/common-hal/watchdog/WatchDogTimer.c``): it is
disarmed by ``mode = None``, and must be before it gets another timeout or mode, since these raise
``espidf.IDFError``, an OSError, while it is armed.
"""

import sys


def find():
    """Return ``microcontroller.watchdog``; None where there is none, such as on CPython."""
    try:
        import microcontroller  # noqa: PLC0415 only boards have it

        return microcontroller.watchdog
    except (ImportError, AttributeError, NotImplementedError):
        return None


def of_the_launcher():
    """
    Return the `Watchdog` that the launcher has armed for a release on trial, or None.

    The launcher runs in this VM and leaves itself as the module ``nh_launcher``, whose ``armed`` is
    the timeout in seconds. With another timeout, the watchdog is the application's own.
    """
    dog, launcher = find(), sys.modules.get("nh_launcher")
    if dog is None or launcher is None or dog.mode is None:
        return None
    seconds = dog.timeout
    return Watchdog(dog, seconds) if launcher.armed == seconds else None


def watch(dog, seconds: int):
    """
    Arm the watchdog for the application, see `nerveshub_link.FwupWriter.watchdog`.

    :param Watchdog dog: the one that is armed already, or None
    :param int seconds: from 1 to 86400
    :return: the `Watchdog`; None if the board has no watchdog
    :raises ValueError: if ``seconds`` is wrong, or more than this chip's watchdog can wait
    """
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not 1 <= seconds <= 86400:
        raise ValueError("watchdog: seconds must be a whole number from 1 to 86400")
    if dog is None:
        found = find()
        if found is None:
            return None
        dog = Watchdog(found)
    dog.want(seconds)
    return dog


class Watchdog:
    """
    The board's watchdog, as long as it has the timeout that was set here. With another timeout, the
    application uses the watchdog itself, and this object neither feeds nor stops it.

    :param dog: ``microcontroller.watchdog``
    :param int seconds: timeout that the launcher has set for a trial; 0 without a trial
    """

    def __init__(self, dog, seconds=0) -> None:
        self._dog = dog
        self._trial = seconds
        self._wanted = 0
        self.seconds = seconds
        """Seconds without `feed` after which the board is reset."""

    def feed(self) -> None:
        """Feed the watchdog. Call it more often than every `seconds`."""
        dog = self._dog
        if dog.timeout == self.seconds:
            dog.feed()

    def want(self, seconds: int) -> None:
        """
        Arm the watchdog for the application; during a trial, with the shorter of both timeouts.

        :param int seconds: the application's timeout
        :raises ValueError: if the timeout is longer than the chip can wait
        """
        self._wanted = seconds
        self._arm(min(seconds, self._trial) if self._trial else seconds)

    def confirmed(self) -> bool:
        """
        End the trial: set the application's timeout, or disarm the watchdog.

        :return: True if the watchdog is still armed and must be fed
        """
        self._trial = 0
        if self._dog.timeout != self.seconds:
            return False
        if not self._wanted:
            self._dog.mode = None
        elif self._wanted != self.seconds:
            self._arm(self._wanted)
        return bool(self._wanted)

    def _arm(self, seconds) -> None:
        from watchdog import WatchDogMode  # noqa: PLC0415 only boards have it

        dog = self._dog
        mode, dog.mode = dog.mode, None
        try:
            dog.timeout = seconds
            self.seconds = seconds
            mode = WatchDogMode.RESET
        finally:
            dog.mode = mode  # unchanged, if the timeout is too long for this chip
