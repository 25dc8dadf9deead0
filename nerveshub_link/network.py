# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.network`
====================================================

Brings the Wi-Fi back. After an outage the board is up long before its router: CircuitPython tries
to join once, at boot, and nobody tries again. Given the radio, the link does.
"""


class Network:
    """
    Looks after a ``wifi.radio``.

    :param radio: ``wifi.radio``
    :param str ssid: name of the network; None if nobody has told it
    :param str password: None for an open network
    """

    def __init__(self, radio, ssid, password) -> None:
        self._radio = radio
        self._ssid = ssid
        self._password = password or ""

    def is_up(self) -> bool:
        """Tell whether there is a network, as far as the radio knows."""
        radio = self._radio
        return bool(radio.enabled and radio.connected and radio.ipv4_address is not None)

    def connect(self, timeout: int) -> None:
        """
        Join the Wi-Fi. Blocks.

        :param int timeout: seconds
        :raises Exception: what the radio raises, such as ConnectionError
        """
        radio = self._radio
        if not radio.enabled:
            radio.enabled = True
        elif radio.connected:
            # Associated, but without an address: only a fresh start asks for one again.
            radio.enabled = False
            radio.enabled = True
        if not radio.connected:
            if not self._ssid:
                raise ValueError(
                    "CIRCUITPY_WIFI_SSID is not in settings.toml, and wifi_ssid was not given"
                )
            radio.connect(self._ssid, self._password, timeout=timeout)
