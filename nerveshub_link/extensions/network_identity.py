# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.extensions.network_identity`
====================================================

The extension ``network_identity``: reports the device's identities in other networks, when
NervesHub asks and when they have changed. An identity that the server would refuse (its
``lib/nerves_hub/devices/network_identity.ex``) is left out, and that is logged once.
"""

import json

from micropython import const

from ..common.ticks import elapsed
from ..errors import describe
from .router import Extension, check_interval, check_json

_SERVICES = const(("iroh", "netbird", "tailscale", "wireguard"))
_MOST = const(10)
_MAX_TEXT = const(255)
_MAX_DETAILS = const(4096)  # bytes of JSON


class NetworkIdentity(Extension):
    """
    Reports identities.

    :param provider: a list of identities, a function that returns one, or an object with such a
        method ``identities``. Each identity is a dict: ``service`` (``"iroh"``, ``"netbird"``,
        ``"tailscale"`` or ``"wireguard"``), ``identifier`` (a text), and optionally ``instance`` (a
        text) and ``details`` (a dict)
    :param int interval: seconds after which the provider is asked for changes
    :raises ValueError: if the provider or the interval is invalid
    """

    def __init__(self, provider, interval: int = 60) -> None:
        provider = getattr(provider, "identities", provider)
        if not callable(provider) and not isinstance(provider, (list, tuple)):
            raise ValueError("network_identity must be a list, a function, or have identities()")
        check_interval("network_identity", interval, 1)
        self._provider = provider
        self._interval = interval * 1000
        self._looked_at = None
        self._reported = None
        self._complaint = None

    def setup(self, port) -> None:
        """Take the link's log function. Called by the link."""
        self._log = port.log

    def attached(self) -> None:
        """Forget the last report: the server may not have it any more."""
        self._reported = self._looked_at = None

    def handle_event(self, event: str, payload: dict):
        """Answer ``request`` by a report."""
        if event == "request":
            self._report(True)

    def poll(self, now: int) -> None:
        """Report changed identities, once per interval."""
        if self._looked_at is None:
            self._looked_at = now
        elif elapsed(now, self._looked_at) >= self._interval:
            self._looked_at = now
            if self._reported is not None:  # not before the server has asked
                self._report(False)

    def _report(self, always: bool) -> None:
        try:
            found = self._provider() if callable(self._provider) else self._provider
            kept = []
            for identity in found:
                if len(kept) < _MOST and self._is_good(identity):
                    kept.append(identity)
        except Exception as error:
            self._complain("network_identity: " + describe(error))
            return
        text = json.dumps(kept)
        if always or text != self._reported:
            self.push("report", {"identities": kept})
            self._reported = text

    def _is_good(self, identity) -> bool:
        reason = refusal(identity)
        if reason:
            self._complain("network_identity: left out: " + reason)
        return not reason

    def _complain(self, text: str) -> None:
        if text != self._complaint:
            self._complaint = text
            self._log("warning", text)


def refusal(identity):
    """
    Tell why the server would refuse an identity.

    :param identity: anything
    :return: the reason, or None if the identity is valid
    """
    if not isinstance(identity, dict) or identity.get("service") not in _SERVICES:
        return "service must be one of " + ", ".join(_SERVICES)
    for name in identity:
        value = identity[name]
        if name in ("identifier", "instance"):
            if not isinstance(value, str) or not 0 < len(value) <= _MAX_TEXT:
                return name + " must be a text of 1 to 255 characters"
        elif name == "details":
            if not _are_details(value):
                return "details must be a dict of at most 4096 bytes as JSON"
        elif name != "service":
            return "an identity has no " + str(name)
    return None if "identifier" in identity else "identifier is missing"


def _are_details(value) -> bool:
    try:
        check_json(value)
        return isinstance(value, dict) and len(json.dumps(value).encode()) <= _MAX_DETAILS
    except (TypeError, ValueError, RuntimeError):
        return False
