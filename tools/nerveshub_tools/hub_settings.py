# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.hub_settings`
================================================================================

What a device needs in its ``settings.toml`` to find a hub: the command prints it, and the
page shows it. And what the other commands need.
"""

import ipaddress
import os
import shlex
from typing import List, Optional
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


def write_environment(file, hub, uri: str, ca: Optional[str]) -> None:
    """
    Write a file that a shell can read with ``. FILE``: what the other commands need.

    :param file: its path. Nobody else may read it
    :param hub: the `nerveshub_tools.hub.Hub`, with its ``url``
    :param str uri: the hub's address on this computer
    :param ca: path of the CA to trust, None without one
    """
    url = urlsplit(hub.url)
    values = {
        "NERVES_HUB_URI": uri,
        "NERVES_HUB_TOKEN": hub.organization.token,
        "NERVES_HUB_CA_CERT": os.path.abspath(ca) if ca else "",
        "NERVESHUB_HOST": url.hostname,
        "NERVESHUB_PORT": str(url.port),
        "NERVESHUB_SSL": str(int(url.scheme == "https")),
        "NERVESHUB_PRODUCT_KEY": hub.product_key,
        "NERVESHUB_PRODUCT_SECRET": hub.product_secret,
    }
    new = f"{file}.part"
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as target:
        for name, value in values.items():
            target.write(f"export {name}={shlex.quote(value)}\n" if value else f"unset {name}\n")
    os.replace(new, file)


def _is_near(host: str) -> bool:
    """Does this name lead a device to itself only?"""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
