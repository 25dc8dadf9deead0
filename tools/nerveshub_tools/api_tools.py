# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.api_tools`
================================================================================

Shared by the handlers of the operator's interface: access control, parsing of requests, answers.

Separate because `nerveshub_tools.operator_api` and `nerveshub_tools.terminal_api` both need it.
"""

import dataclasses
import json
from typing import Any, Callable

from aiohttp import web

from .hub import Hub, OperatorError
from .local_only import is_local

HUB: web.AppKey = web.AppKey("hub", Hub)
"""Where an application keeps its hub."""
TOO_LARGE = "Request Entity Too Large"  # newer Pythons would put it in other words
NOT_FOUND = "Resource Not Found or Authorization Insufficient"
"""The server's words for what is not there or not for this user"""
_HIDDEN = {"events", "frames", "terminals", "files", "health", "health_times", "logs", "join"}


def is_trusted(request: web.Request) -> bool:
    """Does the request come from this computer, and not from some web page open on it?"""
    try:
        ends = [request.transport.get_extra_info(end)[0] for end in ("peername", "sockname")]
    except (AttributeError, TypeError, IndexError):
        return False
    return is_local(*ends, request.headers.get("Host", ""), request.headers.get("Origin"))


@web.middleware
async def guard(request: web.Request, handler: Callable) -> web.StreamResponse:
    """Refuse requests from elsewhere, and report errors as JSON."""
    if not is_trusted(request):
        return error(403, "the operator's interface is for this computer only")
    try:
        return await handler(request)
    except OperatorError as failure:
        return error(409, str(failure))
    except ValueError as failure:
        return error(400, str(failure))
    except web.HTTPException as failure:
        # aiohttp's own 404, of a path that nobody serves, has the words of HTTP.
        unknown = failure.status == 404 and failure.reason == "Not Found"
        return error(failure.status, NOT_FOUND if unknown else failure.reason)


def hub_of(request: web.Request) -> Hub:
    """The hub that the request is for."""
    return request.app[HUB]


def identifier_of(request: web.Request) -> str:
    """The device in the path; 404 if the hub never saw it."""
    identifier = request.match_info["identifier"]
    if identifier not in hub_of(request).identifiers():
        raise web.HTTPNotFound(reason="no such device")
    return identifier


def device_of(request: web.Request):
    """A copy of the record of the device in the path."""
    return hub_of(request).device(identifier_of(request))


async def fields_of(request: web.Request) -> dict:
    """The JSON object in the body; an empty body is an empty one."""
    try:
        given = json.loads(await request.text() or "{}")
    except RecursionError:
        raise ValueError("the body is nested too deeply") from None
    if not isinstance(given, dict):
        raise ValueError("the body must be a JSON object")
    return given


def text(given: dict, name: str) -> str:
    """A field that must be a text."""
    if not isinstance(given.get(name), str):
        raise ValueError(f"{name} must be a text")
    return given[name]


def whole(given: dict, name: str, default: Any = None) -> int:
    """A field that must be a whole number above 0."""
    value = given.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{name} must be a whole number above 0")
    return value


def number(value: Any, name: str) -> float:
    """A number of a query or a field, 0 or more."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        found = -1.0
    if not 0 <= found < float("inf"):
        raise ValueError(f"{name} must be a number, 0 or more")
    return found


def plain(record) -> dict:
    """A dataclass as JSON has it, without what has a path of its own."""
    names = [item.name for item in dataclasses.fields(record) if item.name not in _HIDDEN]
    return {name: _jsonable(getattr(record, name)) for name in names}


def _jsonable(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return dataclasses.asdict(value)
    return sorted(value) if isinstance(value, set) else value


def data(value: Any) -> web.Response:
    """200 with a value."""
    return web.json_response({"data": value})


def done() -> web.Response:
    """204: nothing to say."""
    return web.Response(status=204)


def error(status: int, detail: str) -> web.Response:
    """An error as the real server words it."""
    return web.json_response({"errors": {"detail": detail}}, status=status)
