# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.rest_deployments`
================================================================================

Deployment groups over NervesHub's REST API: list, create, show, change, delete.

Separate because a group's rules for its fields are many; `nerveshub_tools.rest_api` has the rest.
"""

from typing import Any, Optional

from aiohttp import web

from .api_tools import data, done, fields_of, hub_of
from .deployments import Deployment, is_requirement
from .rest_tools import (
    BLANK,
    PRODUCT,
    TAKEN,
    created,
    for_users,
    invalid,
    moment,
    not_found,
    product_path,
)

_GROUPS = PRODUCT + "/deployments"
_GROUP = _GROUPS + "/{name}"
_BAD_VERSION = "must be valid Elixir version requirement string"


def routes() -> list:
    """What is added below ``/api``."""
    return [
        web.get(_GROUPS, for_users(_list)),
        web.post(_GROUPS, for_users(_create)),
        web.get(_GROUP, for_users(_show)),
        web.put(_GROUP, for_users(_change)),
        web.delete(_GROUP, for_users(_delete)),
    ]


def _shape(request: web.Request, group: Deployment, fresh: bool = False) -> dict:
    """A group as the server shows it; one that was just created has no counts yet."""
    hub = hub_of(request)
    firmware = hub.firmwares[group.uuid].meta
    with hub.changed:
        members = sum(hub.device(item).deployment_id == group.id for item in hub.identifiers())
    at = moment(group.released_at)
    return {
        "name": group.name,
        "state": "on" if group.active else "off",
        "firmware_uuid": group.uuid,
        "current_release": {
            "number": group.release,
            "firmware": {
                key: firmware[key] for key in ("version", "uuid", "platform", "architecture")
            },
            "inserted_at": at,
            "updated_at": at,
        },
        "conditions": {
            "version": group.version,
            "tags": list(group.tags or ()),
            "tag_operator": "and",
        },
        "device_count": None if fresh else members,
        "releases_count": None if fresh else group.release,
        "delta_updatable": False,
        "is_active": group.active,
        "notes": None,
        "archive_uuid": None,
    }


def _group(request: web.Request) -> Deployment:
    wanted = request.match_info["name"]
    for group in list(hub_of(request).deployments.values()):
        if group.name == wanted:
            return group
    raise not_found()


async def _list(request: web.Request) -> web.Response:
    groups = list(hub_of(request).deployments.values())
    return data([_shape(request, group) for group in groups])


async def _show(request: web.Request) -> web.Response:
    return data(_shape(request, _group(request)))


def _conditions(given: dict) -> tuple:
    """Tags and version of a group, and what is wrong with them."""
    conditions = given.get("conditions")
    if not isinstance(conditions, dict):
        return None, "", {"conditions": [BLANK]}
    tags, version = conditions.get("tags") or [], conditions.get("version") or ""
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        return None, "", {"tags": ["is invalid"]}
    if not isinstance(version, str) or not is_requirement(version):
        return None, "", {"version": [_BAD_VERSION]}
    return tags, version, {}


def _known(request: web.Request, uuid: Any) -> Optional[str]:
    return uuid if isinstance(uuid, str) and uuid in hub_of(request).firmwares else None


async def _create(request: web.Request) -> web.Response:
    hub, given = hub_of(request), await fields_of(request)
    name, uuid = given.get("name"), _known(request, given.get("firmware"))
    tags, version, wrong = _conditions(given)
    if not isinstance(name, str) or not name.strip():
        wrong["name"] = [BLANK]
    elif any(group.name == name for group in list(hub.deployments.values())):
        wrong["name"] = [TAKEN]
    if uuid is None:
        wrong["firmware"] = [BLANK]
        wrong["deployment_releases"] = [{"firmware": [BLANK]}]
    if wrong:
        return invalid(**wrong)
    group = hub.create_group(
        name, uuid, tags=tags, version=version, active=given.get("is_active") is True
    )
    path = product_path(request, "deployments", name)
    return created(_shape(request, group, fresh=True), *path)


async def _change(request: web.Request) -> web.Response:
    group = _group(request)
    given = (await fields_of(request)).get("deployment")
    if not isinstance(given, dict):
        raise ValueError("the fields belong under deployment")
    changes: dict = {}
    if "firmware" in given:
        changes["uuid"] = _known(request, given["firmware"])
        if changes["uuid"] is None:
            return invalid(firmware=[BLANK])
    if isinstance(given.get("is_active"), bool):
        changes["active"] = given["is_active"]
    if isinstance(given.get("state"), str):
        changes["active"] = given["state"].lower() == "on"
    if "conditions" in given:
        changes["tags"], changes["version"], wrong = _conditions(given)
        if wrong:
            return invalid(**wrong)
    return data(_shape(request, hub_of(request).change_group(group.id, **changes)))


async def _delete(request: web.Request) -> web.Response:
    hub_of(request).delete_group(_group(request).id)
    return done()
