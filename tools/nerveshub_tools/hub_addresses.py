# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.hub_addresses`
================================================================================

Where the hub listens, and which address a device in the network would use for that.
"""

import contextlib
import socket

import click

from .fleet_access import plain

NEAR = ("localhost", "127.0.0.1", "::1")
"""Names of this computer for itself"""
EVERYWHERE = {"0.0.0.0": ("192.0.2.1", "127.0.0.1"), "::": ("2001:db8::1", "::1")}
"""All addresses; an address far away, and this computer's own"""


def bracketed(host: str) -> str:
    """A name or address as it stands in a URL."""
    return f"[{host}]" if ":" in host else host


def listening(host: str) -> str:
    """
    The address to listen on, as the system understands what was given.

    :raises click.ClickException: if it is none
    """
    host = host.strip().strip("[]")
    if not host:
        raise click.UsageError("--host is empty; for all addresses it is 0.0.0.0")
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        text = f"{plain(host)} is no address of this computer: {error}"
        raise click.ClickException(text) from error
    everywhere = [info[4][0] for info in found if info[4][0] in EVERYWHERE]
    return everywhere[0] if everywhere else host


def reachable(host: str) -> str:
    """The address that a device in the network would use."""
    if host not in EVERYWHERE:
        return host
    far, near = EVERYWHERE[host]
    family = socket.AF_INET6 if ":" in far else socket.AF_INET
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        # No packet is sent: a datagram socket only looks the route up.
        probe.connect((far, 9))
        return probe.getsockname()[0]
    return near
