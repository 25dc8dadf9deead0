# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.wire.refusals`
====================================================

Handles a refused or redirected upgrade, and explains it or a close frame: the text names the likely
cause and what to check. Part of `nerveshub_link.wire.connection`; imported only when one of these
happens, and dropped after it, since memory is scarce on a board.
"""

from micropython import const

from ..errors import printable
from .http_head import resolve

_MAX_REDIRECTS = const(2)  # as nerves_hub_link
_BY_STATUS = {
    400: "does a proxy on the way drop the headers Connection and Upgrade?",
    403: "is host a NervesHub server?",
    426: "does a proxy on the way drop the headers Connection and Upgrade?",
    503: "the server is not available",
}


def handle(connection, head, now: int) -> bool:
    """
    Handle a response that does not accept the upgrade: set the clock by it, follow a redirect, or
    report the reason. As a part of the connection it uses what is private there.

    :param Connection connection: the connection
    :param HeadReader head: the response
    :param int now: ticks in milliseconds
    :return: True if the next try follows at once; False if the connection is lost
    """
    if connection._network is not None:
        connection._network.reached(now)
    moved = connection.time.correct(head.headers.get("date"))
    if moved:
        connection._log("warning", "the clock was off by %d s; using the server's time" % -moved)
    signed = connection._config.use_secret
    if moved and head.status == 401 and signed and not connection._clock_corrected:
        connection._clock_corrected = True  # try again once; a second 401 has another cause
        return True
    connection._redirects += 1
    url, reason = judge(
        head,
        connection._url,
        connection._home.host,
        connection._redirects,
        signed,
        connection.time.is_set,
    )
    if url is None:
        connection.lost(reason, now)
        return False
    connection._url = url
    connection._log("info", "redirected to " + url.shown)
    return True


def judge(head, url, host: str, redirects: int, signed: bool, clock_is_set: bool) -> tuple:  # noqa: PLR0913, PLR0917
    """
    Decide what to do after a response that does not accept the upgrade.

    :param HeadReader head: the response
    :param Url url: the requested URL
    :param str host: option ``host``
    :param int redirects: number of redirects so far, including this response
    :param bool signed: whether the request was signed with a shared secret
    :param bool clock_is_set: whether the device knows the time
    :return: the `Url` to ask next and ``""``; or None and the reason in words
    """
    if head.location is None:
        return None, _refusal(head, signed, clock_is_set)
    try:
        if redirects > _MAX_REDIRECTS:
            raise ValueError("more than %d redirects" % _MAX_REDIRECTS)
        url = resolve(url, head.location)
        if signed and url.host.lower() != host.lower():
            # A signature lets its receiver act as this device for 90 seconds.
            raise ValueError("to %s; if that is right, set host to it" % url.host)
        return url, ""
    except ValueError as error:
        return None, "upgrade redirected: " + str(error)


def _refusal(head, use_secret: bool, clock_is_set: bool) -> str:
    status = head.status
    said = head.headers.get("nh-connection-error-reason")
    if said:
        hint = printable(said)
    elif status == 401 and not use_secret:
        hint = "the server does not know the certificate"
    elif status == 401 and not clock_is_set:
        hint = "the clock is not set, and the answer has no date; set it by NTP"
    elif status == 401:
        hint = "check product_key, product_secret and identifier"
    else:
        hint = _BY_STATUS.get(status, "not an answer to a WebSocket upgrade")
    return "refused by the server (HTTP %d): %s" % (status, hint)


def closing(code: int, reason: str, young: bool) -> str:
    """
    Explain the server's close frame.

    :param int code: the close code
    :param str reason: the text in the close frame
    :param bool young: whether the device joined less than a minute ago
    :return: the reason for the log
    """
    text = "closed by the server with code %d" % code
    if reason:
        text += ": " + printable(reason)
    if code == 1001:
        # NervesHub's lib/nerves_hub_web/channels/device_socket.ex: the newer connection stays.
        if young:
            text += ", soon after the join: does another device use the same identifier?"
        else:
            text += ": an operator asked to reconnect, or another device uses the same identifier"
    return text
