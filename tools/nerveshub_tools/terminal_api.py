# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.terminal_api`
================================================================================

Console, local shell and files of a device over HTTP, a part of `nerveshub_tools.operator_api`.

Separate because these speak to what runs on a device, the others to the hub's own records.
"""

import re
from urllib.parse import quote

from aiohttp import web

from .api_tools import (
    TOO_LARGE,
    data,
    device_of,
    done,
    fields_of,
    hub_of,
    identifier_of,
    number,
    text,
    whole,
)
from .changes import until
from .received_files import MAX_SIZE

_MAX_WAIT = 60
_SIZES = {"console": ("height", "width"), "shell": ("rows", "cols")}


def routes(device: str) -> list:
    """What is added below the path of a device."""
    kind = r"/{kind:console|shell}"
    return [
        web.get(device + kind, _read),
        web.post(device + kind, _type),
        web.post(device + kind + "/window_size", _resize),
        web.post(device + "/console/restart", _restart),
        web.get(device + "/files", _files),
        web.post(device + "/files", _upload),
        web.get(device + r"/files/{number:\d+}", _download),
    ]


async def _read(request: web.Request) -> web.Response:
    hub, identifier, kind = hub_of(request), identifier_of(request), request.match_info["kind"]
    after = number(request.query.get("after", "0"), "after")
    wait = min(number(request.query.get("wait", "0"), "wait"), _MAX_WAIT)
    await until(hub, lambda hub: hub.terminals.scrollback(identifier, kind).end != after, wait)
    printed = hub.terminals.scrollback(identifier, kind)
    return data({"text": printed.since(int(after)), "end": printed.end})


async def _type(request: web.Request) -> web.Response:
    identifier, kind = identifier_of(request), request.match_info["kind"]
    keys = {"data": text(await fields_of(request), "data")}
    event = "dn" if kind == "console" else "input"
    hub_of(request).terminals.send(identifier, kind, event, keys)
    return done()


async def _resize(request: web.Request) -> web.Response:
    identifier, kind = identifier_of(request), request.match_info["kind"]
    given = await fields_of(request)
    size = {name: whole(given, name) for name in _SIZES[kind]}
    hub_of(request).terminals.send(identifier, kind, "window_size", size)
    return done()


async def _restart(request: web.Request) -> web.Response:
    hub_of(request).terminals.send(identifier_of(request), "console", "restart", {})
    return done()


async def _files(request: web.Request) -> web.Response:
    found = enumerate(device_of(request).files)
    return data(
        [
            {"number": n, "name": f.name, "size": len(f.data), "received_at": f.received_at}
            for n, f in found
        ]
    )


async def _upload(request: web.Request) -> web.Response:
    identifier, name = identifier_of(request), request.query.get("name", "")
    if not name:
        raise ValueError("?name= must say what the file is to be called")
    body = bytearray()
    async for piece in request.content.iter_any():
        body += piece
        if len(body) > MAX_SIZE:
            raise web.HTTPRequestEntityTooLarge(MAX_SIZE, len(body), reason=TOO_LARGE)
    hub_of(request).terminals.send_file(identifier, name, bytes(body))
    return done()


async def _download(request: web.Request) -> web.Response:
    files, wanted = device_of(request).files, int(request.match_info["number"])
    if wanted >= len(files):
        raise web.HTTPNotFound(reason="no such file")
    # The name is the device's word: what could leave a folder or a header is taken out of it.
    name = quote(re.sub(r"[/\\\x00-\x1f]", "_", files[wanted].name), safe="")
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
        "X-Content-Type-Options": "nosniff",
    }
    return web.Response(body=files[wanted].data, headers=headers)
