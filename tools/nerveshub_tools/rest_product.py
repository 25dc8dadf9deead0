# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.rest_product`
================================================================================

NervesHub's REST API below a product: firmware, deployment groups, devices.

Separate from the connection itself, `nerveshub_tools.rest_client`.
"""

import io
from pathlib import Path
from typing import Any, Callable, List, Optional

import aiohttp

from .rest_client import CONNECT_SECONDS, Refused, RestClient

UPLOAD_SECONDS = 600
"""How long the server may take to look at an uploaded file"""
_PAGE_SIZE = 100


class Product:
    """
    The calls of one product.

    Devices are called by their long paths: servers on which two products may have devices of the
    same name refuse the short ones.

    :param RestClient client: the connection
    :param str org: the organization's name
    :param str name: the product's name
    """

    def __init__(self, client: RestClient, org: str, name: str) -> None:
        self.org = org
        self.name = name
        self._client = client

    async def _call(self, method: str, *path: str, **options) -> Any:
        return await self._client.call(
            method, "orgs", self.org, "products", self.name, *path, **options
        )

    # Firmware

    async def firmwares(self) -> List[dict]:
        """All releases, the newest first."""
        return (await self._call("GET", "firmwares"))["data"]

    async def firmware(self, uuid: str) -> Optional[dict]:
        """A release, None if the product has none with this uuid."""
        try:
            return (await self._call("GET", "firmwares", uuid))["data"]
        except Refused as refused:
            if refused.status == 404:
                return None
            raise

    async def upload(self, path, told: Callable[[int], None] = lambda _: None) -> dict:
        """
        Upload a release.

        :param told: called with how many bytes were sent since the last time, from another thread
        """
        form = aiohttp.FormData()
        with _Counted(path, told) as file:
            form.add_field(
                "firmware", file, filename=Path(path).name, content_type="application/octet-stream"
            )
            timeout = aiohttp.ClientTimeout(
                total=None, sock_connect=CONNECT_SECONDS, sock_read=UPLOAD_SECONDS
            )
            return (await self._call("POST", "firmwares", data=form, timeout=timeout))["data"]

    # Deployment groups

    async def groups(self) -> List[dict]:
        """All deployment groups."""
        return (await self._call("GET", "deployments"))["data"]

    async def create_group(self, name: str, uuid: str, tags: List[str], active: bool) -> dict:
        """Make a group for devices with all of these tags."""
        body = {
            "name": name,
            "firmware": uuid,
            "conditions": {"version": "", "tags": tags},
            "is_active": active,
        }
        return (await self._call("POST", "deployments", json=body))["data"]

    async def change_group(self, name: str, **fields) -> dict:
        """Change a group: ``firmware=`` a uuid makes its next release, ``state="on"``."""
        return (await self._call("PUT", "deployments", name, json={"deployment": fields}))["data"]

    # Devices

    async def devices(self) -> List[dict]:
        """All devices, page by page."""
        found: List[dict] = []
        number = pages = 1
        while number <= pages:
            query = {"pagination[page]": number, "pagination[page_size]": _PAGE_SIZE}
            answer = await self._call("GET", "devices", query=query)
            found += answer["data"]
            pages = (answer.get("pagination") or {}).get("total_pages") or 1
            number += 1
        return found

    async def device(self, identifier: str) -> dict:
        """One device."""
        return (await self._call("GET", "devices", identifier))["data"]

    async def create_device(self, identifier: str) -> dict:
        """Make a device that has not connected yet."""
        body = {"identifier": identifier, "tags": []}
        return (await self._call("POST", "devices", json=body))["data"]

    async def certificates(self, identifier: str) -> List[dict]:
        """A device's certificates: ``serial``, ``not_before``, ``not_after``."""
        return (await self._call("GET", "devices", identifier, "certificates"))["data"]

    async def add_certificate(self, identifier: str, cert: str) -> dict:
        """Let the server know a device's certificate: base64 of the PEM."""
        path = ("devices", identifier, "certificates")
        return (await self._call("POST", *path, json={"cert": cert}))["data"]

    async def upgrade(self, identifier: str, uuid: str) -> None:
        """Push a release to a device; ends its automatic updates."""
        await self._call("POST", "devices", identifier, "upgrade", json={"uuid": uuid})

    async def reboot(self, identifier: str) -> None:
        """Ask a device to reboot."""
        await self._call("POST", "devices", identifier, "reboot", json={})

    async def clear_penalty(self, identifier: str) -> None:
        """Take a device out of the penalty box, and switch its automatic updates on."""
        await self._call("DELETE", "devices", identifier, "penalty")


class _Counted(io.BufferedReader):
    """A file that tells how much of it was read, so that an upload can show how far it is."""

    def __init__(self, path, told: Callable[[int], None]) -> None:
        super().__init__(io.FileIO(path))
        self._told = told

    def read(self, size: int = -1) -> bytes:  # pylint: disable=signature-differs
        """As the file's own."""
        data = super().read(size)
        self._told(len(data))
        return data
