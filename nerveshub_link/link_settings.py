# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.link_settings`
====================================================

What `nerveshub_link.NervesHubLink.from_settings` passes to the constructor. A separate module,
which is dropped before the link is created.
"""

import adafruit_connection_manager

from .config import settings
from .errors import describe


def arguments(radio, options: dict) -> tuple:
    """
    Read ``settings.toml``.

    :param radio: ``wifi.radio``, or another radio that ``adafruit_connection_manager`` supports
    :param dict options: the constructor's options; they override the settings
    :return: the constructor's arguments: socket pool, SSL context, and a dict of options
    :raises ValueError: for any mistake in the settings, with the name
    """
    given = settings.read_settings()
    # The link can reconnect only wifi.radio.
    given["radio"] = radio if hasattr(radio, "enabled") else None
    given.update(options)
    if "host" not in given:
        raise ValueError("host: NERVESHUB_HOST is missing in settings.toml")
    authority = settings.read_text("NERVESHUB_CA")
    manager = adafruit_connection_manager
    context = manager.get_radio_ssl_context(radio) if authority is None else _trust(authority)
    return manager.get_radio_socketpool(radio), context, given


def _trust(path: str):
    """
    Create an SSL context that trusts only the CAs in a file.

    :param str path: path of the file with the CAs' certificates (PEM)
    :return: the SSL context
    :raises ValueError: if the file can't be read, or has no usable certificate
    """
    import ssl  # noqa: PLC0415 only with NERVESHUB_CA

    try:
        with open(path) as file:
            text = file.read()
    except (OSError, UnicodeError) as error:
        raise ValueError("NERVESHUB_CA: %s can't be read: %s" % (path, describe(error))) from None
    # CircuitPython takes an empty text for "verify nothing" (shared-module/ssl/SSLSocket.c).
    if "-----BEGIN CERTIFICATE-----" not in text or "-----END CERTIFICATE-----" not in text:
        raise ValueError("NERVESHUB_CA: %s holds no certificate in PEM form" % path)
    context = ssl.create_default_context()
    try:
        context.load_verify_locations(cadata=text)
    except (OSError, ValueError) as error:
        raise ValueError("NERVESHUB_CA: %s can't be used: %s" % (path, describe(error))) from None
    return context
