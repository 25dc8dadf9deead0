# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.operator_api`
================================================================================

The hub's operator over HTTP, in JSON, under ``/api/``: what the real server has no call for, and,
from `nerveshub_tools.rest_api`, what it has. tools/README.md lists all.

Separate because it is a thin translation of `nerveshub_tools.hub.Hub`. There is no login for it, as
there is for the real server's calls: it answers this computer only, and no page of another site.
"""

from aiohttp import web

from . import rest_api, terminal_api
from .api_tools import (
    HUB,
    data,
    device_of,
    done,
    fields_of,
    guard,
    hub_of,
    identifier_of,
    number,
    plain,
    text,
    whole,
)
from .rest_devices import SCRIPT_WAIT, run_script


def application(hub) -> web.Application:
    """What answers under ``/api``: an application to be put under the server's."""
    app = web.Application(middlewares=[guard])
    app[HUB] = hub
    device = "/devices/{identifier}"
    app.add_routes(
        [
            web.get("/hub", _hub),
            web.get("/firmwares", _firmwares),
            web.get("/deployments", _deployments),
            web.post("/deployments", _deploy),
            web.get("/devices", _devices),
            web.get(device + "/state", _device),
            web.post(device + "/identify", _identify),
            web.post(device + "/scripts", _script),
            web.get(device + "/logs", _logs),
            web.get(device + "/health", _health),
            web.post(device + "/health", _check_health),
            web.get(device + "/location", _location),
            web.get(device + "/network_identities", _network_identities),
        ]
    )
    app.add_routes(terminal_api.routes(device))
    app.add_routes(rest_api.routes())
    return app


async def _hub(request: web.Request) -> web.Response:
    hub = hub_of(request)
    lists = {"violations": list(hub.violations), "dropped": list(hub.dropped)}
    return data({"product": hub.product, **lists})


async def _firmwares(request: web.Request) -> web.Response:
    found = list(hub_of(request).firmwares.values())
    return data([{**item.meta, "size": item.size} for item in found])


async def _deployments(request: web.Request) -> web.Response:
    return data([plain(item) for item in list(hub_of(request).deployments.values())])


async def _deploy(request: web.Request) -> web.Response:
    given = await fields_of(request)
    group = given.get("identifiers")
    if group is not None and not (
        isinstance(group, list) and all(isinstance(item, str) for item in group)
    ):
        raise ValueError("identifiers must be a list of texts, or left out for all devices")
    hub_of(request).deploy(_known(request, given), group, whole(given, "number", 1))
    return done()


def _known(request: web.Request, given: dict) -> str:
    uuid = given.get("uuid")
    if not isinstance(uuid, str) or uuid not in hub_of(request).firmwares:
        raise web.HTTPNotFound(reason="no such firmware")
    return uuid


async def _devices(request: web.Request) -> web.Response:
    hub = hub_of(request)
    return data([plain(hub.device(identifier)) for identifier in hub.identifiers()])


async def _device(request: web.Request) -> web.Response:
    return data(plain(device_of(request)))


async def _identify(request: web.Request) -> web.Response:
    hub_of(request).identify(identifier_of(request))
    return done()


async def _script(request: web.Request) -> web.Response:
    hub, identifier, given = hub_of(request), identifier_of(request), await fields_of(request)
    # Milliseconds, as in the real server's parameter of this name.
    wait = number(given.get("timeout", SCRIPT_WAIT * 1000), "timeout") / 1000
    return await run_script(hub, identifier, text(given, "text"), wait)


async def _logs(request: web.Request) -> web.Response:
    return data(device_of(request).logs)


async def _health(request: web.Request) -> web.Response:
    device = device_of(request)
    reports = zip(device.health_times, device.health)
    return data([{"received_at": at, "report": report} for at, report in reports])


async def _check_health(request: web.Request) -> web.Response:
    hub_of(request).request_health(identifier_of(request))
    return done()


async def _location(request: web.Request) -> web.Response:
    return data(device_of(request).location)


async def _network_identities(request: web.Request) -> web.Response:
    return data(device_of(request).identities)
