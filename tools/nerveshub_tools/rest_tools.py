# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.rest_tools`
================================================================================

Shared by the handlers of NervesHub's REST API: access control, the server's error texts, times.

Separate because several modules need it: `nerveshub_tools.rest_api`, ``rest_devices`` and
``rest_deployments``. Status codes and texts are those of a captured server.
"""

import functools
from datetime import UTC, datetime
from typing import Any, Awaitable, Callable, Optional
from urllib.parse import quote

from aiohttp import web

from .api_tools import NOT_FOUND, hub_of

SORRY = "Sorry, an unexpected error occurred. The masters of the web have been notified."
BAD_REQUEST = "An unknown error occurred, please check the request."
TAKEN = "has already been taken"
BLANK = "can't be blank"
PRODUCT = "/orgs/{org}/products/{product}"

Handler = Callable[[web.Request], Awaitable[web.Response]]


def for_users(handler: Handler) -> Handler:
    """Accept requests with the user's token, for the hub's organization and product."""

    @functools.wraps(handler)
    async def checked(request: web.Request) -> web.Response:
        hub = hub_of(request)
        if not hub.organization.is_user(request.headers.get("Authorization", "")):
            raise web.HTTPUnauthorized(reason=NOT_FOUND)
        asked = request.match_info
        if asked.get("org", hub.organization.name) != hub.organization.name:
            raise not_found()
        if asked.get("product", hub.product) != hub.product:
            raise not_found()
        return await handler(request)

    return checked


def not_found() -> web.HTTPNotFound:
    """404, as for everything that is not there or not for this user; to be raised."""
    return web.HTTPNotFound(reason=NOT_FOUND)


def sorry() -> web.HTTPInternalServerError:
    """500 without a reason: here the real server fails as well; to be raised."""
    return web.HTTPInternalServerError(reason=SORRY)


def invalid(**fields) -> web.Response:
    """422: what is wrong with which field."""
    return web.json_response({"errors": fields}, status=422)


def created(value: Any, *path: str) -> web.Response:
    """201 with a value, and where it is from now on."""
    location = "/api/" + "/".join(quote(part, safe="") for part in path)
    return web.json_response({"data": value}, status=201, headers={"Location": location})


def product_path(request: web.Request, *path: str) -> tuple:
    """A path below the product."""
    hub = hub_of(request)
    return ("orgs", hub.organization.name, "products", hub.product, *path)


def moment(time: Optional[float]) -> Optional[str]:
    """A unix time as the server writes it, in UTC and without a zone."""
    if time is None:
        return None
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%S")
