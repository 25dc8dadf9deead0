# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.update.app_watchdog`
====================================================

The board's one watchdog, which two want: the launcher arms it for a release on trial, and the
application may want one for itself. `Watchdog` arms it for both. Imported only where there is one;
the caller must call `Watchdog.feed` often.

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

    The launcher runs in this VM and leaves itself as the module ``nh_launcher``, with its seconds
    in
    ``armed``. With another timeout, the watchdog is the application's own.
    """
    dog, launcher = find(), sys.modules.get("nh_launcher")
    if dog is None or launcher is None or dog.mode is None:
        return None
    seconds = dog.timeout
    return Watchdog(dog, seconds) if launcher.armed == seconds else None


class Watchdog:
    """
    The watchdog, as long as it has the timeout that it was given here: with another one, somebody
    else looks after it, and it is neither fed nor stopped.

    :param dog: ``microcontroller.watchdog``
    :param seconds: those of the launcher, who has armed it for a trial; 0 if it has not
    """

    def __init__(self, dog, seconds=0) -> None:
        self._dog = dog
        self._trial = seconds
        self._wanted = 0
        self.seconds = seconds
        """Seconds without `feed` after which the board is reset."""

    def feed(self) -> None:
        """Feed it."""
        dog = self._dog
        if dog.timeout == self.seconds:
            dog.feed()

    def want(self, seconds: int) -> None:
        """
        Arm it for the application; during a trial, with the shorter of both timeouts.

        :param int seconds: the application's
        :raises ValueError: if the chip can't wait for so long
        """
        self._wanted = seconds
        self._arm(min(seconds, self._trial) if self._trial else seconds)

    def confirmed(self) -> bool:
        """
        The trial is over: give it the application's timeout, or disarm it.

        :return: True if there is something left to feed
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
            dog.mode = mode  # as it was, if that is too long for this chip
