# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.downloads`
================================================================================

Firmware over HTTP, the ways a NervesHub device meets it:

* ``/firmware/1/<uuid>.fw``: the server's static files, with its own idea of ``Range``;
* ``/s3/<uuid>.fw?X-Amz-Signature=...``: a presigned address of an object store. It is good for
  GET only, and its errors are XML. (From the store's documentation, not captured.);
* ``/proxy?firmware=<base64url of an address>``: an organisation's firmware proxy;
* ``/redirect/<n>/...``: n redirects, then the rest of the path.

Separate from the hub's websocket because nothing is shared but the store of firmware. Faults of
the network are not here: a test that needs a broken server writes a broken server.
"""

import asyncio
import hashlib
import hmac
from typing import Optional
from urllib.parse import urlsplit

from aiohttp import web

from .firmware import BEYOND, WHOLE, Firmware, select, unproxied

_CHUNK = 16 * 1024
_HTML = '<!DOCTYPE html>\n<html lang="en"><head><title>{0}</title></head><body>{0}</body></html>\n'
_XML = '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{}</Code><Message>{}</Message></Error>'


def is_download(path: str) -> bool:
    """Is this path served here?"""
    return path == "/proxy" or path.startswith(("/firmware/", "/s3/", "/redirect/"))


def signature(hub, uuid: str) -> str:
    """What a presigned address of this firmware must carry."""
    return hmac.new(hub.product_secret.encode(), uuid.encode(), hashlib.sha256).hexdigest()


def presigned_url(hub, uuid: str) -> str:
    """An object store's address of a firmware. Its query is a credential."""
    query = f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature={signature(hub, uuid)}"
    return f"{hub.url}/s3/{uuid}.{hub.firmwares[uuid].extension}?{query}"


def redirecting_url(hub, url: str, hops: int) -> str:
    """The same address behind some redirects."""
    parts = urlsplit(url)
    tail = parts.path + ("?" + parts.query if parts.query else "")
    return f"{hub.url}/redirect/{hops}{tail}"


async def handle(hub, request: web.Request) -> web.StreamResponse:
    """Answer a request whose path `is_download`."""
    path = request.path
    if request.method not in {"GET", "HEAD"}:
        return _html(404, "Not Found")
    if path.startswith("/redirect/"):
        return _redirect(request)
    if path == "/proxy":
        try:
            path = urlsplit(unproxied(request.query.get("firmware", ""))).path
        except ValueError:
            return _html(400, "Bad Request")
    firmware = _find(hub, path)
    if path.startswith("/s3/"):
        return await _object_store(hub, request, firmware)
    return await _static_file(hub, request, firmware) if firmware else _html(404, "Not Found")


async def _static_file(hub, request, firmware: Firmware) -> web.StreamResponse:
    headers = {"cache-control": "public", "etag": firmware.etag}
    if request.headers.get("If-None-Match") == firmware.etag:
        return web.Response(status=304, headers=headers)
    # If-Range is not looked at, as on the server.
    chosen = select(request.headers.get("Range"), firmware.size)
    if chosen == BEYOND:
        hub.refuse(f"Range {request.headers['Range']} begins behind the end: 500")
        return _html(500, "Internal Server Error")
    return await _bytes(hub, request, firmware, chosen, headers)


async def _object_store(hub, request, firmware: Optional[Firmware]) -> web.StreamResponse:
    given = request.query.get("X-Amz-Signature", "")
    good = firmware is not None and hmac.compare_digest(
        given.encode(), signature(hub, firmware.uuid).encode()
    )
    # The method is part of what is signed, so HEAD does not match either.
    if not good or request.method != "GET":
        hub.refuse(f"{request.method} of a presigned address: 403")
        return _xml(403, "SignatureDoesNotMatch", "The request signature does not match.")
    chosen = select(request.headers.get("Range"), firmware.size)
    if chosen == BEYOND:
        return _xml(416, "InvalidRange", "The requested range is not satisfiable")
    covers_all = chosen == WHOLE and request.headers.get("Range", "").startswith("bytes=0-")
    if covers_all and firmware.size:
        chosen = (0, firmware.size - 1)  # a store answers 206 here, other than the server
    return await _bytes(hub, request, firmware, chosen, {"etag": firmware.etag})


def _find(hub, path: str) -> Optional[Firmware]:
    uuid, _, extension = path.rsplit("/", 1)[-1].rpartition(".")
    firmware = hub.firmwares.get(uuid)
    return firmware if firmware and firmware.extension == extension else None


def _redirect(request: web.Request) -> web.Response:
    hops, slash, tail = request.raw_path[len("/redirect/") :].partition("/")
    if not hops.isdigit() or not slash:
        return _html(404, "Not Found")
    left = int(hops) - 1
    location = f"/redirect/{left}/{tail}" if left > 0 else f"/{tail}"
    return web.Response(status=302, headers={"location": location})


async def _bytes(hub, request, firmware, chosen, headers) -> web.StreamResponse:
    start, end = (0, firmware.size - 1) if chosen == WHOLE else chosen
    headers = {**headers, "content-type": firmware.content_type, "accept-ranges": "bytes"}
    if chosen != WHOLE:
        headers["content-range"] = f"bytes {start}-{end}/{firmware.size}"
    status = 200 if chosen == WHOLE else 206
    body = firmware.data[start : end + 1]
    if not hub.download_rate or request.method == "HEAD":
        return web.Response(status=status, headers=headers, body=body)
    response = web.StreamResponse(status=status, headers=headers)
    response.content_length = len(body)
    await response.prepare(request)
    for at in range(0, len(body), _CHUNK):
        await response.write(body[at : at + _CHUNK])
        rate = hub.download_rate  # it may have been changed, or taken away, meanwhile
        if rate:
            await asyncio.sleep(_CHUNK / rate)
    await response.write_eof()
    return response


def _html(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=_HTML.format(text), content_type="text/html")


def _xml(status: int, code: str, text: str) -> web.Response:
    return web.Response(status=status, text=_XML.format(code, text), content_type="application/xml")
