# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.errors`
====================================================

The errors of this library:

* `NervesHubError`: base class of all others

  * `TransportError`: the network, the socket or TLS failed; another attempt may succeed
  * `ProtocolError`: the peer violated its protocol
  * `UpdateError`: an update failed; NervesHub shows its text to the operator

    * `DownloadError`: one attempt to download failed; the next one may succeed

Texts of errors may be sent to NervesHub, so their secrets are masked here: `mask`.

Mistakes in options are plain `ValueError`, raised at construction. `NervesHubLink.poll` raises
none of these: it reports them through ``last_error``, the logger and the client's callbacks. The
only exception that it raises is the watchdog's, see `timeouts`.

Every room may import this module. It imports nothing of this package.
"""

from micropython import const

_MAX_TEXT = const(200)

_MASK = const("***")

secrets = []
"""What `mask` replaces, of all links, the longest first; `known_secrets` collects it."""

timeouts = []
"""
``watchdog.WatchDogTimeout`` exceptions that were caught. ``except Exception`` catches them, but
they are for the application, since the watchdog is off from then on. `NervesHubLink.poll` raises
them at its end.
"""


class NervesHubError(Exception):
    """Base class of all errors of this library."""


class TransportError(NervesHubError):
    """
    Raised when a connection can't be opened, or was lost.

    :param str text: the reason
    :param bool no_memory: True if there was no memory for another socket or TLS session: an attempt
        may succeed after another connection was closed
    :param bool reached: True if the peer answered, even if it refused: the network itself works
    """

    def __init__(self, text: str, no_memory: bool = False, reached: bool = False) -> None:
        super().__init__(text)
        self.no_memory = no_memory
        self.reached = reached


class ProtocolError(NervesHubError):
    """
    Raised when the peer violates HTTP, WebSocket or Phoenix rules.

    :param str text: the violation
    :param int code: the WebSocket close code to send (RFC 6455, 7.4.1)
    """

    def __init__(self, text: str, code: int = 1002) -> None:
        super().__init__(text)
        self.code = code


class UpdateError(NervesHubError):
    """Raised when an update fails. The text becomes the ``reason`` in NervesHub."""


class DownloadError(UpdateError):
    """
    Raised when an attempt to download an image failed, and another one may succeed.

    :param str text: the reason
    :param str then: ``"resume"``: the received bytes are valid, request the rest; ``"restart"``:
        they are not, begin again; ``"renew"``: the URL is not valid any more, ask for another
    """

    def __init__(self, text: str, then: str = "resume") -> None:
        super().__init__(text)
        self.then = then


def mask(text: str) -> str:
    """
    Replace every secret in a text by ``***``. Do it before the text is cut: a part of a secret is
    not recognised. Never raises: without memory the result is ``***`` alone.

    :param str text: a text that may leave the device
    :return: the masked text; the same object if it has no secret
    """
    try:
        for secret in secrets:
            if secret in text:
                text = text.replace(secret, _MASK)
        return text
    except MemoryError:
        return _MASK


def describe(error: Exception, before: str = "") -> str:
    """
    Describe an exception, for logs, operators and JSON: see `printable`. Never raises: without
    memory the result is ``before`` and the exception's name.

    :param Exception error: any exception
    :param str before: text before the description, such as ``"identify: "``
    :return: for example ``"OSError: [Errno 104] ECONNRESET"``; for our own errors the text alone
    """
    keep_timeout(error)
    name = type(error).__name__
    try:
        text = str(error)
        if not isinstance(error, NervesHubError):
            text = name + ": " + text if text else name
        return printable(before + text)
    except Exception as another:
        # No memory, or the exception's own __str__ has raised.
        keep_timeout(another)
    try:
        return before + name
    except MemoryError:
        return name


def keep_timeout(error) -> None:
    """
    Keep an exception in `timeouts` if it is the watchdog's. Every ``except Exception`` must call
    this, or `describe`, which does it.

    :param Exception error: the caught exception
    """
    if type(error).__name__ == "WatchDogTimeout":
        timeouts.append(error)


def text_of(value) -> str:
    """
    Convert a received value to a text. Never raises, even if the value is nested too deep.

    :param value: a result of ``json.loads``
    :return: the text
    """
    try:
        return str(value)
    except Exception as error:
        keep_timeout(error)
        return "(nested too deep)"


def printable(text: str) -> str:
    """
    Make a foreign text safe for logs and for JSON: printable ASCII only (CircuitPython strings may
    be invalid UTF-8), at most 200 characters, with secrets masked, and without the query part of
    any URL in it, since that part may be a credential.

    :param str text: such as an exception's or a server's text
    :return: the safe text
    """
    # Make lists only if the text must be changed: often the text reports a lack of memory.
    text = mask(text)[: 4 * _MAX_TEXT]
    if "?" in text:
        words = text.split(" ")
        for index, word in enumerate(words):
            at = word.find("?")
            if 0 <= at < len(word) - 1:  # not just a question mark at the end
                # Keep punctuation at the end of the word.
                end = word[len(word.rstrip("\"'<>(),.;:")) :]
                words[index] = word[:at] + "?..." + end
        text = " ".join(words)
    text = text[:_MAX_TEXT]
    for char in text:
        if not " " <= char <= "~":
            return "".join([char if " " <= char <= "~" else "_" for char in text])
    return text
