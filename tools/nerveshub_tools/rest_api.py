# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.rest_api`
================================================================================

NervesHub's REST API, at the paths of the real server: who am I, organization, products, signing
keys, firmware, scripts, and the beginning of a login. Devices and deployment groups have modules
of their own.

Separate from `nerveshub_tools.operator_api`, whose calls the server does not have, and which needs
no token. Source: calls of a real server, which the tests play to this one.
"""

import contextlib
import os
import tempfile
from typing import Any, Optional

from aiohttp import BodyPartReader, web

from . import rest_deployments, rest_devices
from .api_tools import TOO_LARGE, data, error, fields_of, hub_of
from .firmware import Firmware
from .images import read_meta
from .organization import Script
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
    sorry,
)
from .signatures import BROKEN, key_bytes, signer

MAX_UPLOAD = 200_000_000
"""Bytes; the server's default of FIRMWARE_UPLOAD_MAX_SIZE"""
_CHUNK = 1 << 16
_FORMAT = (
    "Unrecognised firmware format. Expected an fwup archive (.fw) or an ESP-IDF application"
    " image (.bin)."
)
_ORG = "/orgs/{org}"
_FIRMWARES = PRODUCT + "/firmwares"
_SCRIPTS = PRODUCT + "/scripts"
_SCRIPTS_A_PAGE = 25


def routes() -> list:
    """What is added below ``/api``."""
    return [
        web.get("/users/me", for_users(_me)),
        web.post("/auth/cli_session", _begin_login),
        web.get("/auth/cli_session/{session}", _check_login),
        web.get("/orgs", for_users(_orgs)),
        web.get(_ORG + "/products", for_users(_products)),
        web.get(PRODUCT, for_users(_product)),
        web.get(_ORG + "/keys", for_users(_keys)),
        web.post(_ORG + "/keys", for_users(_add_key)),
        web.get(_ORG + "/ca_certificates", for_users(_ca_certificates)),
        web.get(_FIRMWARES, for_users(_firmwares)),
        web.post(_FIRMWARES, for_users(_upload)),
        web.get(_FIRMWARES + "/{uuid}", for_users(_firmware)),
        web.get(_SCRIPTS, for_users(_scripts)),
        web.post(_SCRIPTS, for_users(_add_script)),
        *rest_deployments.routes(),
        *rest_devices.routes(),
    ]


async def _me(request: web.Request) -> web.Response:
    return data(hub_of(request).organization.user)


async def _begin_login(request: web.Request) -> web.Response:
    hub = hub_of(request)
    token = hub.organization.begin_login((await fields_of(request)).get("note"))
    code = hub.organization.logins[token].code
    return data({"token": token, "url": f"{hub.url}/auth/cli/{token}", "confirmation_code": code})


async def _check_login(request: web.Request) -> web.Response:
    organization = hub_of(request).organization
    token = request.match_info["session"]
    login = organization.logins.get(token)
    if login is None:
        raise not_found()
    if not login.confirmed:
        return data({"status": "waiting"})
    del organization.logins[token]  # the token is handed out once
    return data({"status": "ready", "user_token": organization.token})


async def _orgs(request: web.Request) -> web.Response:
    hub = hub_of(request)
    at = moment(hub.started_at)
    return data([{"name": hub.organization.name, "inserted_at": at, "updated_at": at}])


def _shown_product(request: web.Request) -> dict:
    return {
        "name": hub_of(request).product,
        "allow_unsigned_esp_idf_firmware": True,
        "allowed_update_tools": ["fwup", "esp-idf"],
        "require_unique_firmware_version": False,
    }


async def _products(request: web.Request) -> web.Response:
    return data([_shown_product(request)])


async def _product(request: web.Request) -> web.Response:
    return data(_shown_product(request))


# Signing keys


def _shown_keys(request: web.Request) -> list:
    hub = hub_of(request)
    names = hub.organization.key_names
    return [
        {"name": names.get(key, f"key {number}"), "scheme": "ed25519", "key": key}
        for number, key in enumerate(list(hub.public_keys), 1)
    ]


async def _keys(request: web.Request) -> web.Response:
    return data(_shown_keys(request))


async def _add_key(request: web.Request) -> web.Response:
    hub, given = hub_of(request), await fields_of(request)
    name, key = given.get("name"), given.get("key")
    wrong = {}
    if not isinstance(name, str) or not name.strip():
        wrong["name"] = [BLANK]
    elif any(shown["name"] == name for shown in _shown_keys(request)):
        wrong["name"] = [TAKEN]
    try:
        key_bytes(key if isinstance(key, str) else "")
    except ValueError:
        wrong["key"] = ["is invalid" if key else BLANK]
    if wrong:
        return invalid(**wrong)
    with hub.changing():
        if key not in hub.public_keys:
            hub.public_keys.append(key)
        hub.organization.key_names[key] = name
    shown = {"name": name, "scheme": "ed25519", "key": key}
    return web.json_response({"data": shown}, status=201)


async def _ca_certificates(_request: web.Request) -> web.Response:
    # Which CA is good, this hub is told when it starts, not by REST.
    return data([])


# Firmware


def _shown(firmware: Firmware) -> dict:
    keys = ("version", "product", "author", "uuid", "platform", "architecture")
    tool = "fwup" if firmware.extension == "fw" else "esp-idf"
    return {**{key: firmware.meta[key] for key in keys}, "tool": tool}


async def _firmwares(request: web.Request) -> web.Response:
    return data([_shown(item) for item in reversed(list(hub_of(request).firmwares.values()))])


async def _firmware(request: web.Request) -> web.Response:
    firmware = hub_of(request).firmwares.get(request.match_info["uuid"])
    if firmware is None:
        raise not_found()
    return data(_shown(firmware))


async def _upload(request: web.Request) -> web.Response:
    hub = hub_of(request)
    image = await _received(request)
    if image is None:
        return error(422, "No firmware uploaded")
    with _as_file(image) as path:
        try:
            meta = read_meta(path)
        except BROKEN:
            return error(422, _FORMAT)
        if image[:1] != b"\xe9" and signer(path, list(hub.public_keys)) is None:
            raise sorry()  # as the real server: no word of the signature
    if meta.get("product") != hub.product:
        return error(
            422,
            f'This firmware is built for the product "{meta.get("product")}", but was uploaded'
            f' to "{hub.product}".',
        )
    if meta["uuid"] in hub.firmwares:
        return invalid(uuid=[TAKEN])
    uuid = hub.add_firmware(image, meta)
    return created(_shown(hub.firmwares[uuid]), *product_path(request, "firmwares", uuid))


async def _received(request: web.Request) -> Optional[bytes]:
    """The field ``firmware`` of a form, None if there is none."""
    if not request.content_type.startswith("multipart/"):
        return None
    async for part in await request.multipart():
        if isinstance(part, BodyPartReader) and part.name == "firmware" and part.filename:
            image = bytearray()
            while chunk := await part.read_chunk(_CHUNK):
                image += chunk
                if len(image) > MAX_UPLOAD:
                    raise web.HTTPRequestEntityTooLarge(MAX_UPLOAD, len(image), reason=TOO_LARGE)
            return bytes(image)
    return None


@contextlib.contextmanager
def _as_file(image: bytes):
    """The path of a file with these bytes, as long as the block runs."""
    number, path = tempfile.mkstemp(".bin" if image[:1] == b"\xe9" else ".fw", "nerveshub-")
    try:
        with open(number, "wb") as file:
            file.write(image)
        yield path
    finally:
        os.unlink(path)


# Scripts


async def _scripts(request: web.Request) -> web.Response:
    found = hub_of(request).organization.scripts
    shown = [{"id": item.id, "name": item.name, "tags": item.tags} for item in found]
    pagination = {
        "page_size": _SCRIPTS_A_PAGE,
        "total_entries": len(shown),
        "page_number": 1,
        "total_pages": 1,
    }
    return web.json_response({"data": shown, "pagination": pagination})


async def _add_script(request: web.Request) -> web.Response:
    hub, given = hub_of(request), await fields_of(request)
    wrong: dict = {
        key: [BLANK]
        for key in ("name", "text")
        if not isinstance(given.get(key), str) or not given[key].strip()
    }
    if wrong:
        return invalid(**wrong)
    scripts = hub.organization.scripts
    tags: Any = given.get("tags")
    script = Script(len(scripts) + 1, given["name"], given["text"], tags, hub.clock())
    scripts.append(script)
    at = moment(script.at)
    shown = {
        "id": script.id,
        "name": script.name,
        "text": script.text,
        "tags": script.tags,
        "inserted_at": at,
        "updated_at": at,
        "created_by": {"id": 1, **hub.organization.user},
    }
    return data(shown)
