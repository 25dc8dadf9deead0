# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.errors`
====================================================

What can go wrong, as a tree:

* `NervesHubError`: everything below; catch this one

  * `TransportError`: the network, the socket or TLS failed; trying again may help
  * `ProtocolError`: the peer sent what its protocol forbids
  * `UpdateError`: an update can't be finished; its text is what the operator will read

    * `DownloadError`: one try to download it failed; the next one may not

The words for an error may leave the device, so secrets are masked here: `mask`.

Mistakes in options are plain `ValueError`, raised at construction. `NervesHubLink.poll` raises
none of these: it tells them through ``last_error``, the logger and the client's callbacks. The one
exception that it passes on is the watchdog's, see `timeouts`.

This is a module of its own so that every layer can import it. It imports nothing.
"""

_MAX_TEXT = 200
_SHORTEST = 6  # characters of a secret: a shorter one would be masked in the midst of words
_SHORTEST_REST = 4  # of one whose beginning was cut off
_MASK = "***"
_secrets = []  # of all links, the longest first

timeouts = []
"""
``watchdog.WatchDogTimeout`` that was caught. It is an ordinary Exception, so whoever survives
everything catches it as well; but the application asked for it, and the watchdog is off from then
on. `NervesHubLink.poll` raises it at its end.
"""


class NervesHubError(Exception):
    """Raised when something in this library fails; the base of all its errors."""


class TransportError(NervesHubError):
    """
    Raised when a connection can't be opened, or broke.

    :param str text: what failed
    :param bool no_memory: True if there was no room for one more socket or TLS session, so that it
        may work after another connection was closed
    :param bool reached: True if the other side answered, if only to refuse: the network itself
        works
    """

    def __init__(self, text: str, no_memory: bool = False, reached: bool = False) -> None:
        super().__init__(text)
        self.no_memory = no_memory
        self.reached = reached


class ProtocolError(NervesHubError):
    """
    Raised when the peer breaks HTTP or WebSocket rules.

    :param str text: what it did
    :param int code: the WebSocket close code that tells the peer (RFC 6455, 7.4.1)
    """

    def __init__(self, text: str, code: int = 1002) -> None:
        super().__init__(text)
        self.code = code


class UpdateError(NervesHubError):
    """Raised when an update can't be finished. The text becomes the ``reason`` in NervesHub."""


class DownloadError(UpdateError):
    """
    Raised when a try to download an image failed, and another one may succeed.

    :param str text: what failed
    :param str then: ``"resume"``: what has come is good, and the rest is missing; ``"restart"``:
        what has come is not; ``"renew"``: the URL is good no longer
    """

    def __init__(self, text: str, then: str = "resume") -> None:
        super().__init__(text)
        self.then = then


def keep_secret(text: str) -> None:
    """
    Mask a text from now on.

    :param str text: a secret; one of fewer than 6 characters is not masked
    """
    if len(text) >= _SHORTEST and text not in _secrets:
        at = 0
        while at < len(_secrets) and len(_secrets[at]) >= len(text):
            at += 1
        _secrets.insert(at, text)  # in front of those that may be a part of it


def mask(text: str) -> str:
    """
    Replace every secret in a text by ``***``. Do it before the text is cut: a part of a secret is
    not recognised. Never raises: a text that there is no memory to mask is nothing but ``***``.

    :param str text: what is to leave the device
    """
    try:
        for secret in _secrets:
            if secret in text:
                text = text.replace(secret, _MASK)
        return text
    except MemoryError:
        return _MASK


def mask_cut(text: str) -> str:
    """
    As `mask`, for a text whose beginning was cut off before, maybe within a secret.

    :param str text: such as the end of a traceback that the boot guard has kept
    """
    for secret in _secrets:
        for begin in range(1, len(secret) - _SHORTEST_REST + 1):
            if text.startswith(secret[begin:]):
                text = _MASK + text[len(secret) - begin :]
                break
    return mask(text)


def describe(error: Exception, before: str = "") -> str:
    """
    Put an exception into words that may be shown to an operator and sent as JSON: see `printable`.
    Never raises: where there is no memory for the words, ``before`` and the name have to do.

    :param Exception error: any exception
    :param str before: what stands before it, such as ``"identify: "``
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
        # No memory, or a stranger's __str__ raised.
        keep_timeout(another)
    try:
        return before + name
    except MemoryError:
        return name


def keep_timeout(error) -> None:
    """
    Keep an exception in `timeouts` if it is the watchdog's. For whoever catches everything without
    calling `describe`, which does it.

    :param Exception error: what was caught
    """
    if type(error).__name__ == "WatchDogTimeout":
        timeouts.append(error)


def text_of(value) -> str:
    """
    Make a text of what a server sent, which may be nested too deep for it.

    :param value: what json.loads returned
    """
    try:
        return str(value)
    except Exception as error:
        keep_timeout(error)
        return "(too deep to be shown)"


def printable(text: str) -> str:
    """
    Make a foreign text fit for logs and for JSON.

    Printable ASCII only (CircuitPython can hold strings that are no valid UTF-8), at most 200
    characters, with secrets masked, and without the query part of any URL in it, since that part is
    a credential.

    :param str text: such as an exception's, or what a server says
    """
    # Lists only where something is to be changed: often it is said that there is no memory left.
    text = mask(text)[: 4 * _MAX_TEXT]
    if "?" in text:
        words = text.split(" ")
        for index, word in enumerate(words):
            at = word.find("?")
            if 0 <= at < len(word) - 1:  # not a mere question mark
                # Punctuation that ends the word is not the query's, or tells nothing.
                end = word[len(word.rstrip("\"'<>(),.;:")) :]
                words[index] = word[:at] + "?..." + end
        text = " ".join(words)
    text = text[:_MAX_TEXT]
    for char in text:
        if not " " <= char <= "~":
            return "".join([char if " " <= char <= "~" else "_" for char in text])
    return text
