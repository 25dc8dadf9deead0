# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.extensions.geo`
====================================================

The extension ``geo``: answers ``geo:location:request`` by ``geo:location:update``. NervesHub asks
once for each connection (its ``lib/nerves_hub/extensions/geo.ex``) and shows a map. Where the
device is, the user's function knows, or `GeoIp` (`nerveshub_link.extensions.geo_ip`).
"""

from ..common.ticks import elapsed
from ..errors import describe
from .router import Extension, check_interval


class Geo(Extension):
    """
    Reports where the device is.

    :param provider: function that returns the place, or an object with such a method ``location``:
        a dict with ``latitude`` and ``longitude`` in degrees, and optionally ``accuracy`` in metres
        and ``source`` (a text; with ``"gps"`` the map shows more detail); or None if the place is
        not known now. Or a `GeoIp`
    :param int interval: seconds after which the place is reported again without being asked; 0 for
        never
    :raises ValueError: if the provider or the interval is none
    """

    def __init__(self, provider, interval: int = 0) -> None:
        self._provider = provider
        self._locate = getattr(provider, "location", provider)
        if not callable(self._locate):
            raise ValueError("geo must be a function, or have a method location()")
        check_interval("geo", interval, 0)
        self._interval = interval * 1000
        self._reported_at = None

    def setup(self, parts) -> None:
        """Pass the link's parts on to a provider that wants them."""
        self._clock = parts.clock
        if hasattr(self._provider, "setup"):
            self._provider.setup(parts)

    def detached(self) -> None:
        """Forget the question."""
        self._reported_at = None
        if hasattr(self._provider, "cancel"):
            self._provider.cancel()

    def handle_event(self, event: str, payload: dict):
        """Answer ``location:request``, now or, if it takes some time, from `poll`."""
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
        """Go on asking, and report again when it is time."""
        if hasattr(self._provider, "poll"):
            found = self._provider.poll(now)
            if found is not None:
                self.push("location:update", found)
        if self._interval and self._reported_at is not None:
            if elapsed(now, self._reported_at) >= self._interval:
                self._report(now)


def failure(code: str, description: str) -> dict:
    """
    Make the answer that there is no place.

    :param str code: for programs
    :param str description: for people
    """
    return {"error_code": code, "error_description": description}


def answer(place) -> dict:
    """
    Make the payload of ``location:update``.

    :param place: what the provider returned
    :raises ValueError: if it is no place on earth
    """
    if place is None:
        return failure("NO_LOCATION", "the device does not know its place now")
    if "error_code" in place:
        return failure(str(place["error_code"]), str(place.get("error_description", "")))
    found = {
        "latitude": _degrees(place["latitude"], 90),
        "longitude": _degrees(place["longitude"], 180),
        # Its page can't do without.
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
