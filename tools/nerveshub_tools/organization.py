# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.organization`
================================================================================

The hub's data beside devices and firmware: the organization, its user, names of signing keys,
scripts, and command lines that are logging in.

Separate because devices never see it; only `nerveshub_tools.rest_api` uses it.
"""

import hmac
import secrets
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional

from .auth import new_key

_MAX_LOGINS = 100


@dataclass
class Script:
    """A support script of the product."""

    id: int
    name: str
    text: str
    tags: Optional[List[str]]
    at: float
    """Unix time at which it was made"""


@dataclass
class Login:
    """A command line that has asked for a token, and which nobody has let in yet."""

    note: str
    code: int
    """What the command line shows, so that a person can compare it with the page"""
    confirmed: bool = False


@dataclass
class Organization:
    """
    :param str name: of the organization
    :param str token: the user's token; a random one if left out
    """

    name: str
    token: str = field(default_factory=lambda: new_key("nhu_"))
    user: Dict[str, str] = field(
        default_factory=lambda: {"name": "Operator", "email": "operator@localhost"}
    )
    key_names: Dict[str, str] = field(default_factory=dict)
    """Public key -> name; the keys themselves are the hub's ``public_keys``"""
    scripts: List[Script] = field(default_factory=list)
    logins: Dict[str, Login] = field(default_factory=dict)
    """Token of the session -> login"""

    def is_user(self, authorization: str) -> bool:
        """Is a header ``Authorization`` good? The server takes ``token`` and ``bearer``."""
        scheme, _, token = authorization.partition(" ")
        # aiohttp hands bytes that are no UTF-8 on as surrogates.
        given = token.encode("utf-8", "surrogateescape")
        good = hmac.compare_digest(given, self.token.encode())
        return scheme.lower() in {"token", "bearer"} and good

    def begin_login(self, note: Any) -> str:
        """A command line wants in. Gives its session's token."""
        if len(self.logins) >= _MAX_LOGINS:
            del self.logins[next(iter(self.logins))]
        token = secrets.token_urlsafe(24)
        self.logins[token] = Login(str(note or ""), 100_000 + secrets.randbelow(900_000))
        return token

    def script(self, name_or_id: str) -> Optional[Script]:
        """A script by its name or its number; the name comes first."""
        by_name = [item for item in self.scripts if item.name == name_or_id]
        by_id = [item for item in self.scripts if str(item.id) == name_or_id]
        return next(iter(by_name + by_id), None)
