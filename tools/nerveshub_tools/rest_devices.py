# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.rest_devices`
================================================================================

Devices over NervesHub's REST API: lists, records, and what an operator does with one.

Separate because devices have two kinds of paths, ``/api/devices/ID`` and one below the product, and
`nerveshub_tools.rest_api` has all the rest. For a device that is not connected the answer is 204,
without any effect, as on the real server.
"""

import base64
import binascii
import contextlib
import uuid
from datetime import UTC, datetime
from typing import Any, List, Optional

from aiohttp import web
from cryptography import x509

from .api_tools import data, device_of, done, error, fields_of, hub_of, number
from .changes import until
from .devices import Device
from .hub import OperatorError
from .rest_tools import (
    BAD_REQUEST,
    BLANK,
    PRODUCT,
    TAKEN,
    created,
    for_users,
    invalid,
    moment,
    not_found,
    product_path,
    sorry,
)

PAGE_SIZE = 10
SCRIPT_WAIT = 30
"""Seconds that the operator waits for a script, as on the server, which answers 403 then."""
NO_ANSWER = "device not available or responding"
_META = (
    "version description product author uuid platform architecture misc vcs_identifier fwup_version"
).split()
_LIST = PRODUCT + "/devices"


def routes() -> list:
    """What is added below ``/api``."""
    found = [
        web.get(_LIST, for_users(_list)),
        web.post(_LIST, for_users(_create)),
    ]
    for device in ("/devices/{identifier}", _LIST + "/{identifier}"):
        found += [
            web.get(device, for_users(_show)),
            web.post(device + "/upgrade", for_users(_upgrade)),
            web.post(device + r"/{action:reboot|reconnect}", for_users(_act)),
            web.delete(device + "/penalty", for_users(_forgive)),
            web.post(device + "/code", for_users(_code)),
            web.post(device + "/scripts/{script}", for_users(_script)),
        ]
    device = _LIST + "/{identifier}"
    return [
        *found,
        web.put(device, for_users(_change)),
        web.delete(device, for_users(_delete)),
        web.get(device + "/certificates", for_users(_certificates)),
        web.post(device + "/certificates", for_users(_add_certificate)),
    ]


def _known(request: web.Request) -> str:
    identifier = request.match_info["identifier"]
    hub = hub_of(request)
    if identifier not in hub.identifiers() or identifier in hub.deleted:
        raise not_found()
    return identifier


def shape(hub, device: Device) -> dict:
    """A device as the server shows it."""
    group = hub.deployments.get(device.deployment_id)
    online = "connected" if device.connected else "disconnected"
    online = online if device.connections else "not_seen"
    meta = device.meta
    blocked = device.blocked_until
    return {
        "version": meta.get("version") or "unknown",
        "description": device.description,
        "identifier": device.identifier,
        "tags": device.tags,
        "deployment_group": group
        and {
            "name": group.name,
            "firmware_uuid": group.uuid,
            "is_active": group.active,
            "firmware_version": (hub.known_meta(group.uuid) or {}).get("version"),
        },
        "online": online,
        "deleted": device.identifier in hub.deleted,
        "firmware_metadata": {
            "id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{device.identifier} {meta['uuid']}")),
            **{key: meta.get(key) for key in _META},
        }
        if meta.get("uuid")
        else None,
        "updates_enabled": device.updates_enabled,
        "updates_blocked_until": None if blocked is None else moment(blocked) + "Z",
        "connection_status": online,
        "product_name": hub.product,
        "org_name": hub.organization.name,
        "last_communication": _last_seen(device),
    }


def _last_seen(device: Device) -> str:
    if device.seen_at is None:
        return "never"
    at = datetime.fromtimestamp(device.seen_at, UTC)
    return at.strftime("%Y-%m-%d %H:%M:%S.%fZ")


async def _list(request: web.Request) -> web.Response:
    hub, query = hub_of(request), request.query
    filters = {
        key[len("filters[") : -1]: value
        for key, value in query.items()
        if key.startswith("filters[") and key.endswith("]")
    }
    found = [
        shape(hub, hub.device(identifier))
        for identifier in sorted(hub.identifiers())
        if identifier not in hub.deleted
    ]
    found = [device for device in found if _matches(device, filters)]
    page = max(1, int(number(query.get("pagination[page]", 1), "page")))
    size = max(1, int(number(query.get("pagination[page_size]", PAGE_SIZE), "page_size")))
    pagination = {
        "page_size": size,
        "total_entries": len(found),
        "page_number": page,
        "total_pages": -(-len(found) // size),
    }
    shown = found[(page - 1) * size : page * size]
    return web.json_response({"data": shown, "pagination": pagination})


def _matches(device: dict, filters: dict) -> bool:
    """Does a device pass the filters? Those that this hub does not know let everything pass."""
    meta = device["firmware_metadata"] or {}
    tags = device["tags"] or []
    blocked = device["updates_blocked_until"] is not None
    updates = {
        "enabled": device["updates_enabled"],
        "disabled": not device["updates_enabled"],
        "penalty-box": blocked,
    }
    searched = " ".join([device["identifier"], meta.get("platform") or "", *tags]).lower()
    tests = {
        "identifier": lambda text: text.lower() in device["identifier"].lower(),
        "search": lambda text: text.lower() in searched,
        "connection": lambda text: text == device["connection_status"],
        "firmware_version": lambda text: text == meta.get("version"),
        "platform": lambda text: text == meta.get("platform"),
        "tags": lambda text: all(tag.strip() in tags for tag in text.split(",")),
        "updates": lambda text: updates.get(text, True),
    }
    return all(tests[key](text) for key, text in filters.items() if key in tests)


async def _show(request: web.Request) -> web.Response:
    _known(request)
    return data(shape(hub_of(request), device_of(request)))


def _tags(given: Any) -> Optional[List[str]]:
    """Tags as a list or as a text with commas; `ValueError` for anything else."""
    if given is None:
        return None
    tags = [tag.strip() for tag in given.split(",")] if isinstance(given, str) else given
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise ValueError("tags must be a list of texts")
    return tags


def _fields(given: dict) -> dict:
    fields = {}
    if "tags" in given:
        fields["tags"] = _tags(given["tags"])
    if isinstance(given.get("description"), str):
        fields["description"] = given["description"]
    return fields


async def _create(request: web.Request) -> web.Response:
    hub, given = hub_of(request), await fields_of(request)
    identifier = given.get("identifier")
    if not isinstance(identifier, str) or not identifier.strip():
        return invalid(identifier=[BLANK])
    try:
        device = hub.add_device(identifier, **_fields(given))
    except KeyError:
        return invalid(identifier=[TAKEN])
    return created(shape(hub, device), *product_path(request, "devices", identifier))


async def _change(request: web.Request) -> web.Response:
    hub, identifier = hub_of(request), _known(request)
    device = hub.change_device(identifier, **_fields(await fields_of(request)))
    return web.json_response({"data": shape(hub, device)}, status=201)


async def _delete(request: web.Request) -> web.Response:
    hub_of(request).delete_device(_known(request))
    return done()


async def _upgrade(request: web.Request) -> web.Response:
    hub, identifier = hub_of(request), _known(request)
    wanted = (await fields_of(request)).get("uuid")
    device = hub.device(identifier)
    # An unknown firmware, and a second update beside one in flight: the real server fails.
    if not isinstance(wanted, str) or wanted not in hub.firmwares or device.inflight:
        raise sorry()
    try:
        hub.push_update(identifier, wanted)
    except OperatorError:
        # The device is not connected, and its next join drops the update, but this much remains.
        hub.change_device(identifier, updates_enabled=False)
    return done()


async def _act(request: web.Request) -> web.Response:
    identifier = _known(request)
    with contextlib.suppress(OperatorError):
        getattr(hub_of(request), request.match_info["action"])(identifier)
    return done()


async def _forgive(request: web.Request) -> web.Response:
    hub_of(request).unblock(_known(request))
    return done()


async def _code(request: web.Request) -> web.Response:
    identifier, given = _known(request), await fields_of(request)
    code = given.get("code") or given.get("body")
    if not isinstance(code, str):
        raise ValueError("code or body parameter required")
    with contextlib.suppress(OperatorError):
        hub_of(request).terminals.type_code(identifier, code)
    return done()


async def _script(request: web.Request) -> web.Response:
    hub, identifier = hub_of(request), _known(request)
    script = hub.organization.script(request.match_info["script"])
    if script is None:
        raise not_found()
    wait = number(request.query.get("timeout", SCRIPT_WAIT * 1000), "timeout") / 1000
    try:
        return await run_script(hub, identifier, script.text, wait)
    except OperatorError:
        return error(403, NO_ANSWER)


async def run_script(hub, identifier: str, source: str, wait: float) -> web.Response:
    """Run a script on a device; its answer as text, or 403 if none has come after ``wait`` s."""
    ref = hub.run_script(identifier, source)
    await until(hub, lambda hub: hub.script_answer(identifier, ref) is not None, wait)
    answer = hub.script_answer(identifier, ref)
    return error(403, NO_ANSWER) if answer is None else web.Response(text=answer)


async def _certificates(request: web.Request) -> web.Response:
    return data(hub_of(request).device(_known(request)).certificates)


async def _add_certificate(request: web.Request) -> web.Response:
    hub, identifier = hub_of(request), _known(request)
    given = (await fields_of(request)).get("cert")
    try:
        pem = base64.b64decode(given if isinstance(given, str) else "", validate=True)
        certificate = x509.load_pem_x509_certificate(pem)
    except (binascii.Error, ValueError):
        return error(400, BAD_REQUEST)
    serial = str(certificate.serial_number)
    added = {
        "serial": serial,
        "not_before": moment(certificate.not_valid_before_utc.timestamp()) + "Z",
        "not_after": moment(certificate.not_valid_after_utc.timestamp()) + "Z",
    }
    before = hub.device(identifier).certificates
    hub.change_device(identifier, certificates=[*before, added])
    path = product_path(request, "devices", identifier, "certificates", serial)
    return created(added, *path)
