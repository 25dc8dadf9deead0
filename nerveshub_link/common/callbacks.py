# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.common.callbacks`
====================================================

Calls the application's callbacks and its logger, and catches their exceptions. All parts of a link
share one `Callbacks`.
"""

from ..errors import describe, mask

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
"""Level names and their numbers in ``adafruit_logging`` and ``logging``."""


class Callbacks:
    """
    Writes to the logger, keeps the last error, and calls callbacks.

    :param logger: an ``adafruit_logging`` or ``logging`` logger, or None
    """

    def __init__(self, logger) -> None:
        self._logger = logger
        self.last_error = None
        """The last error in words, or None."""

    def pass_on(self, level: str, text: str, prefix: str = "") -> None:
        """
        Write a line to the logger, with secrets masked. Never raises.

        :param str level: one of `LEVELS`
        :param str text: the line
        :param str prefix: text before the line
        """
        if self._logger is not None:
            try:
                self._logger.log(LEVELS[level], mask(prefix + text))
            except Exception as error:
                self.last_error = describe(error, "logger: ")

    def log(self, level: str, text: str) -> None:
        """
        Log an event of the link. An error is also kept in `last_error`. Never raises.

        :param str level: one of `LEVELS`
        :param str text: the event in words; secrets are masked
        """
        if level == "error":
            self.last_error = mask(text)
        self.pass_on(level, text, "nerveshub_link: ")

    def call(self, function, *args) -> bool:
        """
        Call a callback of the application, and log its exception.

        :param function: the callback
        :param args: its arguments
        :return: False if it raised
        """
        try:
            function(*args)
            return True
        except Exception as error:
            name = getattr(function, "__name__", "callback")
            self.log("error", describe(error, name + ": "))
            return False
