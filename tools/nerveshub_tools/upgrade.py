# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.upgrade`
================================================================================

Decides whether a request is accepted as a device's websocket. Path, origin, version, identity and
headers are checked in the real server's order, with its answers.

Separate because it is a decision without I/O: a `Request` goes in, an identifier or an `Answer`
comes out. The caller does the websocket handshake or sends the answer, and leaves the TCP
connection open after it, as the real server does.

Not here: MessagePack sockets (``vsn=3.0.0``), which the real server accepts and this hub refuses
like any other version it does not speak.
"""

import base64
import binascii
from dataclasses import dataclass, field
from typing import Dict, Mapping, Optional, Union
from urllib.parse import parse_qs, urlsplit

from .auth import Refused, verify
from .metadata import parse_version

SOCKET_PATHS = ("/device-socket/websocket", "/socket/websocket")
NO_AUTH = "no certificate pair or shared secrets connection settings were provided"
DOCS = "https://docs.nerves-hub.org/"


@dataclass
class Request:
    """
    What is known of an upgrade request.

    :param str target: path and query
    :param headers: header -> value, names in lower case
    :param bool tls: did it come over TLS? Then it is the device endpoint, else the web endpoint
    :param str common_name: of a verified client certificate, else None
    """

    target: str
    headers: Mapping[str, str]
    tls: bool = False
    common_name: Optional[str] = None


@dataclass
class Answer:
    """An answer that is no upgrade."""

    status: int
    headers: Dict[str, str] = field(default_factory=dict)
    body: str = ""


class _Rejected(Exception):
    """Carries the `Answer` out of the checks."""


def decide(hub, request: Request) -> Union[str, Answer]:
    """The identifier of the device that may come in, or the `Answer` for it."""
    if hub.redirects:
        status, location = hub.redirects.pop(0)
        return Answer(status, {"location": location})
    try:
        _check_address(hub, request)
        if hub.unavailable:
            return Answer(503, {"nh-connection-error-reason": hub.unavailable}, hub.unavailable)
        identifier = _identify(hub, request)
        _check_handshake(hub, request.headers)
    except Refused as refused:
        hub.refuse(f"401: {refused}")
        if str(refused) == NO_AUTH:
            return Answer(401, {"nh-connection-error-reason": NO_AUTH}, NO_AUTH)
        return Answer(401)
    except _Rejected as rejected:
        return rejected.args[0]
    return identifier


def _check_address(hub, request: Request) -> None:
    url = urlsplit(request.target)
    if url.path not in SOCKET_PATHS:
        hub.refuse(f"upgrade of wrong path {url.path}")
        raise _Rejected(elsewhere(request))
    origin = request.headers.get("origin")
    vsn = (parse_qs(url.query).get("vsn") or ["1.0.0"])[-1]
    # On the web endpoint /socket is the browsers' socket, which wants a user's token.
    if url.path == "/socket/websocket" and not request.tls:
        fault = "/socket is no device socket without TLS"
    elif origin is not None and urlsplit(origin).hostname not in _own_names(hub):
        fault = f"Origin {origin} is another site"
    elif (parse_version(vsn) or ())[:2] != (2, 0):
        fault = f"vsn {vsn}"
    else:
        return
    hub.refuse(f"403: {fault}")
    raise _Rejected(Answer(403))


def elsewhere(request: Request) -> Answer:
    """Any path that is none: the web endpoint sends to https, the device endpoint to the docs."""
    host = request.headers.get("host", "localhost").rsplit(":", 1)[0]
    return Answer(301, {"location": DOCS if request.tls else f"https://{host}{request.target}"})


def _own_names(hub) -> set:
    return {"localhost", "127.0.0.1", urlsplit(hub.url or "").hostname}


def _identify(hub, request: Request) -> str:
    # A certificate wins over headers, which are not even looked at then.
    if request.common_name is not None:
        identifier = request.common_name
    else:
        extra = {name: value for name, value in request.headers.items() if name[:2] == "x-"}
        if not extra:
            raise Refused(NO_AUTH)
        identifier = verify(extra, hub.credentials, hub.clock())
    if identifier in hub.deleted:
        raise Refused(f"device {identifier} was deleted")
    return identifier


def _check_handshake(hub, headers: Mapping[str, str]) -> None:
    try:
        key = base64.b64decode(headers.get("sec-websocket-key", ""), validate=True)
    except binascii.Error:
        key = b""
    connection = [item.strip().lower() for item in headers.get("connection", "").split(",")]
    if "upgrade" not in connection:
        fault = "'connection' header must contain 'upgrade'"
    elif headers.get("upgrade", "").strip().lower() != "websocket":
        fault = "'upgrade' header must contain 'websocket'"
    elif headers.get("sec-websocket-version", "").strip() != "13":
        fault = "'sec-websocket-version' header must be '13'"
    elif len(key) != 16:
        fault = "'sec-websocket-key' header must be 16 bytes in base64"
    else:
        return
    hub.refuse(f"400: {fault}")
    raise _Rejected(Answer(400, {}, fault))
