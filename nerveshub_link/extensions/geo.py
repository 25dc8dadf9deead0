# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.extensions.geo`
====================================================

The extension ``geo``: answers ``geo:location:request`` by ``geo:location:update``. NervesHub asks
once for each connection (its ``lib/nerves_hub/extensions/geo.ex``) and shows a map. The location
comes from a function of the application, or from `GeoIp` (`nerveshub_link.extensions.geo_ip`).
"""

from ..common.ticks import elapsed
from ..errors import describe
from .router import Extension, check_interval


class Geo(Extension):
    """
    Reports the device's location.

    :param provider: function that returns the location, or an object with such a method
        ``location``: a dict with ``latitude`` and ``longitude`` in degrees, and optionally
        ``accuracy`` in metres and ``source`` (a text; with ``"gps"`` the map shows more detail); or
        None if the location is not known now. Or a `GeoIp`
    :param int interval: seconds after which the location is reported again without a request; 0 for
        never
    :raises ValueError: if the provider or the interval is invalid
    """

    def __init__(self, provider, interval: int = 0) -> None:
        self._provider = provider
        self._locate = getattr(provider, "location", provider)
        if not callable(self._locate):
            raise ValueError("geo must be a function, or have a method location()")
        check_interval("geo", interval, 0)
        self._interval = interval * 1000
        self._reported_at = None

    def setup(self, port) -> None:
        """Pass the port to a provider with a method ``setup``. Called by the link."""
        self._clock = port.clock
        if hasattr(self._provider, "setup"):
            self._provider.setup(port)

    def detached(self) -> None:
        """Drop a request that was not answered."""
        self._reported_at = None
        if hasattr(self._provider, "cancel"):
            self._provider.cancel()

    def handle_event(self, event: str, payload: dict):
        """Answer ``location:request``: now, or, if the provider takes time, from `poll`."""
        if event == "location:request":
            self._report(self._clock())

    def _report(self, now: int) -> None:
        self._reported_at = now
        if hasattr(self._provider, "start"):
            self._provider.start(now)
            return
        try:
            found = answer(self._locate())
        except Exception as error:
            found = failure("ERROR", describe(error))
        self.push("location:update", found)

    def poll(self, now: int) -> None:
        """Continue a provider's request, and report again when the interval is over."""
        if hasattr(self._provider, "poll"):
            found = self._provider.poll(now)
            if found is not None:
                self.push("location:update", found)
        if self._interval and self._reported_at is not None:
            if elapsed(now, self._reported_at) >= self._interval:
                self._report(now)


def failure(code: str, description: str) -> dict:
    """
    Make the payload of ``location:update`` for an unknown location.

    :param str code: the reason, for programs
    :param str description: the reason in words
    :return: the payload
    """
    return {"error_code": code, "error_description": description}


def answer(place) -> dict:
    """
    Make the payload of ``location:update``.

    :param place: the provider's result, see `Geo`
    :return: the payload
    :raises ValueError: if latitude or longitude is out of range
    """
    if place is None:
        return failure("NO_LOCATION", "the location is not known now")
    if "error_code" in place:
        return failure(str(place["error_code"]), str(place.get("error_description", "")))
    found = {
        "latitude": _degrees(place["latitude"], 90),
        "longitude": _degrees(place["longitude"], 180),
        # The server's page needs it.
        "source": str(place.get("source") or "device"),
    }
    accuracy = place.get("accuracy")
    if isinstance(accuracy, (int, float)) and accuracy - accuracy == 0:
        found["accuracy"] = accuracy
    return found


def _degrees(value, most: int) -> float:
    value = float(value)
    if not -most <= value <= most:
        raise ValueError("latitude or longitude out of range")
    return value
