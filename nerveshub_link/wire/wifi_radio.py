# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.wire.wifi_radio`
====================================================

Joins the Wi-Fi again. After a power failure the board is up long before its router, and
CircuitPython tries to join only once, at boot. With the option ``radio``, the link tries again.

What is done, with the default options:

=====================================  ===========================================================
no Wi-Fi or no address                 join at each attempt to connect; restart after 30 minutes
Wi-Fi, but the server is not reached   join again every 30 minutes; restart after 6, 12 and 24
                                       hours, and then once a day: a network stack can be stuck
=====================================  ===========================================================

A radio that raises an exception counts as "no Wi-Fi".
"""

from ..common.ticks import elapsed
from ..errors import keep_timeout


class WifiRadio:
    """
    Joins the Wi-Fi through a ``wifi.radio``, and tells when a restart may help.

    :param Config config: its ``radio``, ``wifi_ssid``, ``wifi_password``, ``network_reset_after``
        and ``server_reset_after`` (seconds) are used
    :param int now: ticks in milliseconds
    """

    def __init__(self, config, now: int) -> None:
        self._radio = config.radio
        self._ssid = config.wifi_ssid
        self._password = config.wifi_password or ""
        self._network_limit = config.network_reset_after * 1000
        self._server_limit = config.server_reset_after * 1000
        self.reached(now)

    def reached(self, now: int) -> None:
        """
        Restart all waiting times: a peer has answered, so the network works.

        :param int now: ticks in milliseconds
        """
        self._reached = self._joined = self._up = now
        self._restarts = 0  # requested since the server was last reached

    def is_up(self) -> bool:
        """Tell whether the radio has joined a network and has an address. Never raises."""
        radio = self._radio
        try:
            return bool(radio.enabled and radio.connected and radio.ipv4_address is not None)
        except Exception as error:
            keep_timeout(error)
            return False  # connect() fails in the same way, and its error is logged

    def is_usable(self, now: int) -> bool:
        """
        Tell whether a connect may be tried. False also if the Wi-Fi is up, but should be joined
        again, since the server was not reached for ``network_reset_after``.

        :param int now: ticks in milliseconds
        """
        if not self.is_up():
            return False
        self._up = now
        limit = self._network_limit
        return not (limit and self._ssid and elapsed(now, self._joined) >= limit)

    def connect(self, timeout: int, now: int) -> None:
        """
        Join the Wi-Fi. Blocks.

        :param int timeout: seconds
        :param int now: ticks in milliseconds
        :raises Exception: what the radio raises, such as ConnectionError
        """
        radio = self._radio
        self._joined = now
        if not radio.enabled:
            radio.enabled = True
        elif radio.connected:
            # Associated, but without an address or a way to the server: switch it off and on.
            radio.enabled = False
            radio.enabled = True
        if not radio.connected:
            if not self._ssid:
                raise ValueError(
                    "CIRCUITPY_WIFI_SSID is not in settings.toml, and wifi_ssid was not given"
                )
            radio.connect(self._ssid, self._password, timeout=timeout)

    def why_restart(self, now: int):
        """
        Tell why a restart of the board may help.

        :param int now: ticks in milliseconds
        :return: the reason in words, or None
        """
        if not self._network_limit:
            return None
        if elapsed(now, self._up) >= self._network_limit:
            if not self.is_up():
                return "no network for too long"
            self._up = now
        if self._server_limit:
            wait = self._server_limit << max(min(self._restarts, 3) - 1, 0)
            if elapsed(now, self._reached) >= wait:
                return "the server was not reached for too long"
        return None

    def restarting(self, now: int) -> None:
        """
        Restart the waiting times: a restart was requested. If it does not happen, the next request
        comes later.

        :param int now: ticks in milliseconds
        """
        restarts = self._restarts + 1
        self.reached(now)
        self._restarts = restarts
