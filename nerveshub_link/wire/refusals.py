# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.wire.refusals`
====================================================

What the end of a connection means, in words that help: an upgrade that was refused or redirected,
and a close frame. Part of `nerveshub_link.wire.connection`, and imported only when one of these
happens, since memory is scarce on a board.
"""

from ..errors import printable
from .http_head import resolve

_MAX_REDIRECTS = 2  # as nerves_hub_link
_BY_STATUS = {
    400: "does a proxy on the way drop the headers Connection and Upgrade?",
    403: "is host a NervesHub server?",
    426: "does a proxy on the way drop the headers Connection and Upgrade?",
    503: "the server is not available",
}


def judge(head, url, host: str, redirects: int, signed: bool, clock_is_set: bool) -> tuple:  # noqa: PLR0913, PLR0917
    """
    Decide what follows an answer that does not accept the upgrade.

    :param HeadReader head: the answer
    :param Url url: what was asked for
    :param str host: the server's name, by the options
    :param int redirects: how many there were, with this answer
    :param bool signed: whether the request was signed with a shared secret
    :param bool clock_is_set: whether the device knows the time
    :return: the `Url` to ask instead, or None; and why there is none, in words
    """
    if head.location is None:
        return None, _refusal(head, signed, clock_is_set)
    try:
        if redirects > _MAX_REDIRECTS:
            raise ValueError("more than %d redirects" % _MAX_REDIRECTS)
        url = resolve(url, head.location)
        if signed and url.host.lower() != host.lower():
            # Whoever gets the signature can be this device for 90 seconds.
            raise ValueError("to %s; host must be its name, if that is right" % url.host)
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
        hint = _BY_STATUS.get(status, "this is no answer to a WebSocket upgrade")
    return "refused by the server (HTTP %d): %s" % (status, hint)


def closing(code: int, reason: str, young: bool) -> str:
    """
    Say what the server's close frame means.

    :param int code: its code
    :param str reason: the text in it
    :param bool young: whether the device joined less than a minute ago
    """
    text = "closed by the server with code %d" % code
    if reason:
        text += ": " + printable(reason)
    if code == 1001:
        # NervesHub's lib/nerves_hub_web/channels/device_socket.ex: the newer connection stays.
        if young:
            text += ", soon after the join: does another device use the same identifier?"
        else:
            text += ": an operator wants it made anew, or another device uses the same identifier"
    return text
