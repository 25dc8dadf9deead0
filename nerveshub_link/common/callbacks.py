# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.common.callbacks`
====================================================

How the application hears of what happens, and how it is called without harm: all parts of a link
share one `Callbacks`. Nothing that the application does in a callback or a logger comes back as an
exception.
"""

from ..errors import describe, mask

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
"""Level names and their numbers in ``adafruit_logging`` and ``logging``."""


class Callbacks:
    """
    Tells the logger, and remembers the last error.

    :param logger: an ``adafruit_logging`` or ``logging`` logger, or None
    """

    def __init__(self, logger) -> None:
        self._logger = logger
        self.last_error = None
        """What went wrong last, in words, or None."""

    def pass_on(self, level: str, text: str, prefix: str = "") -> None:
        """
        Give a line to the logger, with secrets masked. Never raises.

        :param str level: one of `LEVELS`
        :param str text: the line
        :param str prefix: what stands before it
        """
        if self._logger is not None:
            try:
                self._logger.log(LEVELS[level], mask(prefix + text))
            except Exception as error:
                self.last_error = describe(error, "logger: ")

    def log(self, level: str, text: str) -> None:
        """
        Tell what the link does. An error is also remembered. Never raises.

        :param str level: one of `LEVELS`
        :param str text: in words; secrets are masked
        """
        if level == "error":
            self.last_error = mask(text)
        self.pass_on(level, text, "nerveshub_link: ")

    def call(self, function, *args) -> bool:
        """
        Call the application.

        :return: False if it raised, which is logged
        """
        try:
            function(*args)
            return True
        except Exception as error:
            name = getattr(function, "__name__", "callback")
            self.log("error", describe(error, name + ": "))
            return False
