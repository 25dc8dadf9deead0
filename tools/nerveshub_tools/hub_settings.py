# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.hub_settings`
================================================================================

What a device needs in its ``settings.toml`` to find a hub: the command prints it, and the
page shows it.
"""

import ipaddress
from typing import List
from urllib.parse import urlsplit

from .settings_toml import quote


def settings_lines(hub) -> List[str]:
    """
    The lines, for the address of the hub.

    :param hub: the `nerveshub_tools.hub.Hub`, with its ``url``
    """
    url = urlsplit(hub.url)
    near = ["# only this computer can reach it; with --host 0.0.0.0, boards can, too"]
    return [
        *(near if _is_near(url.hostname) else []),
        f"NERVESHUB_HOST = {quote(url.hostname)}",
        f"NERVESHUB_PORT = {url.port}",
        f"NERVESHUB_SSL = {int(url.scheme == 'https')}",
        f"NERVESHUB_PRODUCT_KEY = {quote(hub.product_key)}",
        f"NERVESHUB_PRODUCT_SECRET = {quote(hub.product_secret)}",
    ]


def _is_near(host: str) -> bool:
    """Does this name lead a device to itself only?"""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
