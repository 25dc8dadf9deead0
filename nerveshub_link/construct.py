# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.construct`
====================================================

Creates a link: checks the options, drops the modules that check them, then creates the parts.
Needed only while a link is created, so this is a separate module, which is dropped, too.
"""

from .common.callbacks import Callbacks
from .common.memory import forget
from .errors import describe

# Each module that is needed only briefly is imported in a function of its own: the variables of a
# running function would keep the module in memory. Not imported by "from . import x", which calls
# the package's __getattr__ first on a board.


def construct(link, socket_pool, ssl_context, options: dict) -> tuple:
    """
    Create the parts of a link.

    :param NervesHubLink link: the link
    :param socket_pool: a socket pool
    :param ssl_context: an SSL context, or None
    :param dict options: all options that `NervesHubLink` names, by name
    :return: the `Config`, the `Callbacks`, and what `nerveshub_link.assembly.assemble` returns
    :raises ValueError: for any mistake in the options, with the option's name
    """
    config = _configure(ssl_context, options)
    reporter = Callbacks(config.logger)
    # The buffer is allocated first: after the parts, the heap may be too fragmented for it.
    downloads = config.fwup_writer is not None or config.archive_folder
    buffer = bytearray(config.chunk_size if downloads else 0)
    return (config, reporter) + _assemble(link, config, socket_pool, ssl_context, reporter, buffer)


def _configure(ssl_context, options: dict):
    from .config import options as checks  # noqa: PLC0415 see above

    options["join_writers"] = _join_writers
    config = checks.configure(ssl_context, options)
    options.clear()  # the caller keeps the dict until the link is created
    del checks
    forget("config.options", "config.metadata", "config.settings", "common.known_secrets")
    return config


def _join_writers(writers):
    from .release import writer_choice  # noqa: PLC0415 few boards have more than one

    return writer_choice.WriterChoice(writers)


def _assemble(link, config, socket_pool, ssl_context, reporter, buffer) -> tuple:  # noqa: PLR0913, PLR0917
    from .assembly import assemble  # noqa: PLC0415 see above

    parts = assemble(link, config, socket_pool, ssl_context, reporter, buffer)
    del assemble
    forget("assembly", "extensions.setup")
    return parts


def from_settings(cls, radio, options: dict):
    """
    Create a link from ``settings.toml``, see `NervesHubLink.from_settings`.

    :param type cls: `NervesHubLink`, or a class derived from it
    :param radio: ``wifi.radio``, or another radio that ``adafruit_connection_manager`` supports
    :param dict options: the constructor's options; they override the settings
    :return: the link
    :raises ValueError: for any mistake in the settings or options, with the name
    """
    from adafruit_connection_manager import (  # noqa: PLC0415 this way of making a link only
        get_radio_socketpool,
        get_radio_ssl_context,
    )

    from .config import settings  # noqa: PLC0415

    given = settings.read_settings()
    # The link can reconnect only wifi.radio.
    given["radio"] = radio if hasattr(radio, "enabled") else None
    given.update(options)
    if "host" not in given:
        raise ValueError("host: NERVESHUB_HOST is missing in settings.toml")
    authority = settings.read_text("NERVESHUB_CA")
    context = get_radio_ssl_context(radio) if authority is None else _trust(authority)
    return cls(get_radio_socketpool(radio), context, **given)


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
