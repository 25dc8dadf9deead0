# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.downloads`
================================================================================

Serves firmware over HTTP, in all ways that a NervesHub device may meet:

* ``/firmware/1/<uuid>.fw``: the server's static files, with its own idea of ``Range``;
* ``/s3/<uuid>.fw?X-Amz-Signature=...``: a presigned address of an object store. It is good for
  GET only and for a day, and its errors are XML. (From the store's documentation, not captured.);
* ``/proxy?firmware=<base64url of an address>``: an organization's firmware proxy;
* ``/redirect/<n>/...``: n redirects, then the rest of the path.

Separate from the hub's websocket because they share only the store of firmware.
``hub.download_faults`` has the planned faults, ``hub.downloads`` counts the bytes. Faults of the
network below HTTP are not here: a test that needs them has a proxy, or its own broken server.
"""

import asyncio
import contextlib
from typing import Optional
from urllib.parse import parse_qsl, urlsplit

from aiohttp import web

from .download_faults import Fault
from .download_ledger import Download
from .firmware import BEYOND, WHOLE, Firmware, select, unproxied
from .presigned import device_of, refusal

_CHUNK = 16 * 1024
_HTML = '<!DOCTYPE html>\n<html lang="en"><head><title>{0}</title></head><body>{0}</body></html>\n'
_XML = '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{}</Code><Message>{}</Message></Error>'


def is_download(path: str) -> bool:
    """Is this path served here?"""
    return path == "/proxy" or path.startswith(("/firmware/", "/s3/", "/redirect/"))


def redirecting_url(hub, url: str, hops: int) -> str:
    """The same address behind some redirects."""
    parts = urlsplit(url)
    tail = parts.path + ("?" + parts.query if parts.query else "")
    return f"{hub.url}/redirect/{hops}{tail}"


async def handle(hub, request: web.Request) -> web.StreamResponse:
    """Answer a request whose path `is_download`."""
    path, query = request.path, request.query
    if request.method not in {"GET", "HEAD"}:
        return _html(404, "Not Found")
    if path.startswith("/redirect/"):
        return _redirect(request)
    if path == "/proxy":
        try:
            real = urlsplit(unproxied(query.get("firmware", "")))
        except ValueError:
            return _html(400, "Bad Request")
        path, query = real.path, dict(parse_qsl(real.query))
    whose = device_of(query)
    with hub.changing():
        fault = hub.download_faults.take(whose)
    status = fault.status
    if status is None and "Range" in request.headers:
        status = fault.range_status
    if fault.drop or status is not None:
        if fault.drop and request.transport is not None:
            request.transport.abort()
        return _html(status or 500, "On Purpose")
    firmware = _find(hub, path)
    if path.startswith("/s3/"):
        return await _object_store(hub, request, firmware, query, fault)
    return await _static_file(hub, request, firmware, whose, fault)


async def _static_file(
    hub, request, firmware: Optional[Firmware], whose: Optional[str], fault: Fault
) -> web.StreamResponse:
    if firmware is None:
        return _html(404, "Not Found")
    headers = {"cache-control": "public", "etag": firmware.etag}
    if request.headers.get("If-None-Match") == firmware.etag:
        return web.Response(status=304, headers=headers)
    # If-Range is not looked at, as on the server.
    chosen = WHOLE if fault.ignore_range else select(request.headers.get("Range"), firmware.size)
    if chosen == BEYOND:
        hub.refuse(f"Range {request.headers['Range']} begins behind the end: 500")
        return _html(500, "Internal Server Error")
    return await _bytes(hub, request, firmware, chosen, headers, whose, fault)


async def _object_store(hub, request, firmware, query, fault: Fault) -> web.StreamResponse:
    wrong = "SignatureDoesNotMatch"
    # The method is part of what is signed, so HEAD does not match either.
    if firmware is not None and request.method == "GET":
        wrong = refusal(hub.product_secret, firmware.uuid, query, hub.clock())
    if wrong == "AccessDenied":
        return _xml(403, wrong, "Request has expired")
    if wrong:
        hub.refuse(f"{request.method} of a presigned address: 403")
        return _xml(403, wrong, "The request signature does not match.")
    chosen = WHOLE if fault.ignore_range else select(request.headers.get("Range"), firmware.size)
    if chosen == BEYOND:
        return _xml(416, "InvalidRange", "The requested range is not satisfiable")
    covers_all = chosen == WHOLE and not fault.ignore_range
    covers_all = covers_all and request.headers.get("Range", "").startswith("bytes=0-")
    if covers_all and firmware.size:
        chosen = (0, firmware.size - 1)  # a store answers 206 here, other than the server
    headers = {"etag": firmware.etag}
    return await _bytes(hub, request, firmware, chosen, headers, device_of(query), fault)


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


async def _bytes(  # noqa: PLR0913, PLR0917 the parts of one answer
    hub, request, firmware, chosen, headers, whose: Optional[str], fault: Fault
) -> web.StreamResponse:
    start, end = (0, firmware.size - 1) if chosen == WHOLE else chosen
    headers = {**headers, "content-type": firmware.content_type, "accept-ranges": "bytes"}
    if chosen != WHOLE:
        if fault.shorten is not None:
            end = min(end, start + fault.shorten - 1)
        total = firmware.size if fault.total is None else fault.total
        headers["content-range"] = fault.content_range or f"bytes {start}-{end}/{total}"
    if fault.etag is not None:
        headers["etag"] = fault.etag
    status = 200 if chosen == WHOLE else 206
    body = firmware.data[start : end + 1]
    if fault.corrupt is not None and start <= fault.corrupt <= end:
        at = fault.corrupt - start
        body = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
    if request.method == "HEAD":
        return web.Response(status=status, headers=headers, body=body)
    with hub.changing():
        entry = hub.downloads.begin(firmware.uuid, whose, status, start)
        if fault == Fault() and not hub.download_rate:
            entry.sent = len(body)
            return web.Response(status=status, headers=headers, body=body)
    response = web.StreamResponse(status=status, headers=headers)
    response.content_length = len(body)
    if fault.close:
        response.force_close()
    await response.prepare(request)
    ends = [place for place in (fault.cut, fault.stall) if place is not None and place < len(body)]
    with contextlib.suppress(ConnectionError):
        await _send(hub, response, body[: min(ends)] if ends else body, fault.drip, entry)
        if ends and min(ends) == fault.stall:
            while request.transport is not None and not request.transport.is_closing():
                await asyncio.sleep(0.01)
        elif not ends:
            await response.write_eof()
        if (ends or fault.hang_up) and request.transport is not None:
            request.transport.close()  # what was written goes out
    return response


async def _send(hub, response, body: bytes, drip: Optional[float], entry: Download) -> None:
    # A server that drips sends byte by byte, a slow one in pieces.
    for at in range(0, len(body), 1 if drip else _CHUNK):
        piece = body[at : at + (1 if drip else _CHUNK)]
        await response.write(piece)
        with hub.changing():
            entry.sent += len(piece)
        rate = hub.download_rate  # it may have been changed, or taken away, meanwhile
        if drip or rate:
            await asyncio.sleep(1 / drip if drip else _CHUNK / rate)


def _html(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=_HTML.format(text), content_type="text/html")


def _xml(status: int, code: str, text: str) -> web.Response:
    return web.Response(status=status, text=_XML.format(code, text), content_type="application/xml")
