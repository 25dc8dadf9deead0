# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.operator_api`
================================================================================

The hub's operator over HTTP, in JSON, under ``/api/``. The paths that the real server has too
(``POST /api/devices/<identifier>/upgrade`` with ``{"uuid": ...}``, ``reboot``, ``reconnect``)
are called the same and answer 204.

Separate because it is a thin translation of `nerveshub_tools.hub.Hub`. There is no login: it
answers this computer only, and no page of another site.
"""

import dataclasses
import ipaddress
import json
from urllib.parse import urlsplit

from aiohttp import web

from .hub import OperatorError

_LOCAL_NAMES = {"localhost", "127.0.0.1", "::1"}
_HIDDEN = {"events", "frames", "console"}


def is_trusted(request: web.Request) -> bool:
    """Does the request come from this computer, and not from some web page open on it?"""
    try:
        ends = [request.transport.get_extra_info(end) for end in ("peername", "sockname")]
        peer, own = (ipaddress.ip_address(end[0].split("%")[0]) for end in ends)
    except (AttributeError, TypeError, ValueError):
        return False
    # Whoever calls from the address that it calls is this computer, whatever the address.
    local = peer.is_loopback or peer == own
    names = {*_LOCAL_NAMES, str(own)}
    # Host is looked at against DNS rebinding, Origin against requests of other sites.
    named = urlsplit("//" + request.headers.get("Host", "")).hostname in names
    origin = request.headers.get("Origin")
    return local and named and (origin is None or urlsplit(origin).hostname in names)


async def handle(hub, request: web.Request) -> web.Response:
    """Answer a request under ``/api/``."""
    if not is_trusted(request):
        return _error(403, "the operator's interface is for this computer only")
    parts = [part for part in request.path.split("/") if part][1:]
    try:
        if request.method == "GET":
            return _get(hub, parts)
        if request.method == "POST" and len(parts) == 3 and parts[0] == "devices":
            return _post(hub, parts[1], parts[2], await request.text())
    except OperatorError as error:
        return _error(409, str(error))
    except ValueError as error:
        return _error(400, str(error))
    return _error(404, "Not Found")


def _get(hub, parts: list) -> web.Response:
    if parts == ["devices"]:
        return _data([_device(hub, identifier) for identifier in hub.identifiers()])
    if len(parts) == 2 and parts[0] == "devices" and parts[1] in hub.identifiers():
        return _data(_device(hub, parts[1]))
    if parts == ["firmwares"]:
        return _data([{**item.meta, "size": item.size} for item in list(hub.firmwares.values())])
    if parts == ["hub"]:
        lists = {"violations": list(hub.violations), "dropped": list(hub.dropped)}
        return _data({"product": hub.product, **lists})
    return _error(404, "Not Found")


def _device(hub, identifier: str) -> dict:
    found = dataclasses.asdict(hub.device(identifier))
    shown = {key: value for key, value in found.items() if key not in _HIDDEN}
    return {key: sorted(v) if isinstance(v, set) else v for key, v in shown.items()}


def _post(hub, identifier: str, action: str, body: str) -> web.Response:
    if identifier not in hub.identifiers():
        return _error(404, "no such device")
    payload = json.loads(body or "{}")
    if action == "upgrade":
        uuid = payload.get("uuid") if isinstance(payload, dict) else None
        if uuid not in hub.firmwares:
            return _error(404, "no such firmware")
        hub.push_update(identifier, uuid)
    elif action in {"reboot", "reconnect", "identify"}:
        getattr(hub, action)(identifier)
    else:
        return _error(404, "Not Found")
    return web.Response(status=204)


def _data(value) -> web.Response:
    return web.json_response({"data": value})


def _error(status: int, detail: str) -> web.Response:
    return web.json_response({"errors": {"detail": detail}}, status=status)
