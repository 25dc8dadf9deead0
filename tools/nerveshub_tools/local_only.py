# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.local_only`
================================================================================

Tells whether a request comes from this computer, but not from a web page that is open on it.

Separate because the operator's interface and the operator's page both need it.
"""

import ipaddress
from typing import Optional
from urllib.parse import urlsplit

_NAMES = {"localhost", "127.0.0.1", "::1"}
_PORTS = {"http": 80, "https": 443}


def is_local(peer: str, own: str, host: str, origin: Optional[str]) -> bool:
    """
    :param str peer: address that the request comes from
    :param str own: address that it came to
    :param str host: its header ``Host``, looked at against DNS rebinding
    :param str origin: its header ``Origin``, looked at against requests of other sites, those at
        another port of this computer included; None if there is none
    """
    try:
        theirs, ours = (ipaddress.ip_address(end.split("%")[0]) for end in (peer, own))
        named = urlsplit("//" + host)
        sender = urlsplit(origin or "")
        usual = _PORTS.get(sender.scheme)
        same_port = (named.port or usual) == (sender.port or usual)
    except ValueError:
        return False
    names = {*_NAMES, str(ours)}
    # Whoever calls from the address that it calls is this computer, whatever the address.
    near = theirs.is_loopback or theirs == ours
    same_site = origin is None or (same_port and sender.hostname in names)
    return near and named.hostname in names and same_site
