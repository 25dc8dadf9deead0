# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.config.options`
====================================================

Checks all options, once, before anything else happens: each mistake raises a ``ValueError`` that
names the option and says how to correct it. No other module checks options. Only `NervesHubLink`
imports this module, while it is made, and removes it from memory, about 7 KB on a board.

Names and defaults stand in the signature of `NervesHubLink`; what is allowed, stands here. Longer
than other modules, so that all checks are in one place.
"""

import os
import random as _random
import time as _time

from adafruit_ticks import ticks_ms
from micropython import const

from ..client import Client
from ..common.ticks import LONGEST
from ..errors import describe
from .config import Config
from .metadata import NEEDED, check_metadata

# Texts, not tuples, and const(): the names of constants and short texts stay in a board's memory.
_CLIENT_METHODS = const(
    "update_available fwup_progress fwup_error reboot identify handle_connected"
    " handle_disconnected handle_blocking archive_available archive_ready public_keys"
)
_WRITER_METHODS = const(
    "firmware_meta firmware_validated firmware_auto_reverted last_failure poll fwup_accepts"
    " fwup_check fwup_begin fwup_chunk fwup_finish fwup_abort fwup_confirm"
)
_EXTENSION_METHODS = const("attached detached handle_event poll")

# name: (least, most), all in the unit of the option
_NUMBERS = {
    "heartbeat_interval": (1, 150),  # the server closes the connection after 180 s of silence
    "connect_timeout": (1, 120),
    "reply_timeout": (1, 120),
    "backoff_minimum": (1, 3600),
    "backoff_maximum": (1, 86400),
    "idle_timeout": (1, 600),
    "minimum_speed": (0, 10_000_000),
    "download_retries": (0, 1000),
    "retry_delay": (1, 3600),
    "download_timeout": (60, LONGEST),
    "confirm_after": (0, 86400),
    "network_reset_after": (0, 86400),
    "server_reset_after": (0, 86400),
    "chunk_size": (1024, 65536),
    "receive_buffer": (1024, 65536),
    "max_message_size": (2048, 1 << 20),
}
_FLAGS = const(("auto_confirm", "allow_unverified", "request_public_keys"))
# name: the default, used for None
_PORTS = {"clock": ticks_ms, "time": _time.time, "random": _random.random, "urandom": os.urandom}
_TEXTS = ("wifi_ssid", "wifi_password", "archive_folder")  # or None


def configure(ssl_context, options: dict) -> Config:
    """
    Check all options.

    :param ssl_context: an SSL context, or None
    :param dict options: all options that `NervesHubLink` names, by name; and ``join_writers``
    :return: the checked options
    :raises ValueError: for the first mistake found, with the option's name
    """
    config = Config()
    config.ssl_context = ssl_context
    _check_tables(config, options)
    _check_server(config, options)
    _check_auth(config, options)
    from ..common.known_secrets import (  # noqa: PLC0415 it reads settings.toml: not on import
        keep_secrets,
    )

    keep_secrets(config)  # before an error's text can contain one of them
    _check_callbacks(config, options)
    meta = config.firmware_meta = options["firmware_meta"]
    if meta is not None:
        check_metadata("firmware_meta", meta)
    try:
        running = config.running_meta()
    except Exception as error:
        # With the option, a device with failing flash still comes online.
        if meta is None:
            raise ValueError("fwup_writer.firmware_meta() raised " + describe(error)) from error
        running = meta
    if running is None:
        needed = ", ".join(NEEDED)
        raise ValueError("firmware_meta needs " + needed + ", unless fwup_writer has them")
    if running is not meta:
        check_metadata("fwup_writer.firmware_meta()", running)
    config.known_meta = running
    if config.backoff_maximum < config.backoff_minimum:
        raise ValueError("backoff_maximum is less than backoff_minimum")
    return config


def _check_tables(config, options: dict) -> None:
    for name in _NUMBERS:
        least, most = _NUMBERS[name]
        value = options[name]
        if not _is_int(value) or not least <= value <= most:
            raise ValueError("%s must be a whole number from %d to %d" % (name, least, most))
        setattr(config, name, value)
    for name in _FLAGS:
        value = options[name]
        if value is not True and value is not False:
            raise ValueError(name + " must be True or False")
        setattr(config, name, value)
    for name in _PORTS:
        value = options[name]
        if value is None:
            value = _PORTS[name]
        if not callable(value):
            raise ValueError(name + " must be a function")
        setattr(config, name, value)
    for name in _TEXTS:
        value = options[name]
        if value is not None:
            _check_text(name, value, ascii_only=False)
        setattr(config, name, value)
    config.network_interface = options["network_interface"]
    _check_text("network_interface", config.network_interface)


def _check_server(config, options: dict) -> None:
    host = options["host"]
    _check_text("host", host)
    if host[0] == "[" and host[-1] == "]":
        host = host[1:-1]
    for char in "/ []@\"'":
        if char in host or host.count(":") == 1:  # several are an IPv6 address
            raise ValueError(
                "host must be a name like 'devices.example.com', without https://, port or path"
            )
    tls = options["ssl"]
    if tls is not True and tls is not False:
        raise ValueError("ssl must be True or False")
    if tls and config.ssl_context is None:
        raise ValueError("ssl_context is needed while ssl is True")
    port = options["port"]
    if port is None:
        port = 443 if tls else 80
    if not _is_int(port) or not 0 < port < 65536:
        raise ValueError("port must be a whole number from 1 to 65535")
    config.host = host
    config.port = port
    config.ssl = tls
    config.warning = _insecure(config)


def _insecure(config):
    """Return why the connection is not safe, or None if it is."""
    if not config.ssl:
        return (
            "ssl=False: nothing is encrypted, and anyone on the network path can read and change "
            "all messages, including updates. Use it only with a test server"
        )
    # CircuitPython's contexts always verify, and have no such attributes.
    mode = getattr(config.ssl_context, "verify_mode", None)
    if mode == 0:
        return (
            "ssl_context verifies no certificate (verify_mode is CERT_NONE): anyone on the "
            "network path can act as the server and install anything"
        )
    if mode is not None and not config.ssl_context.check_hostname:
        return (
            "ssl_context does not check the server's name (check_hostname is False): anyone with "
            "any valid certificate can act as the server"
        )
    return None


def _check_auth(config, options: dict) -> None:
    secret = options["product_key"], options["product_secret"]
    certificate = options["device_cert"], options["device_key"]
    if any(value is not None for value in secret) and any(
        value is not None for value in certificate
    ):
        raise ValueError("product_key/product_secret and device_cert/device_key exclude each other")
    config.use_secret = secret[0] is not None or secret[1] is not None
    names = (
        ("product_key", "product_secret") if config.use_secret else ("device_cert", "device_key")
    )
    for name in names:
        if options[name] is None:
            if config.use_secret or certificate[0] is not None or certificate[1] is not None:
                raise ValueError(name + " is missing")
            raise ValueError(
                "product_key and product_secret are needed, or device_cert and device_key"
            )
        _check_text(name, options[name])
    identifier = options["identifier"]
    if identifier is None:
        from .settings import chip_id  # noqa: PLC0415 only without the option

        identifier = chip_id()
    if identifier is None and config.use_secret:
        raise ValueError("identifier is needed: this machine has no chip id to use instead")
    if identifier is not None:
        _check_text("identifier", identifier, ascii_only=False)
    if config.use_secret and secret[1][:4] in ("nhp_", "nhd_"):
        raise ValueError("product_secret begins like a key (nhp_ or nhd_): were the two swapped?")
    if not config.use_secret:
        if not config.ssl:
            raise ValueError("device_cert needs ssl=True")
        try:
            config.ssl_context.load_cert_chain(certificate[0], certificate[1])
        except (OSError, ValueError) as error:
            raise ValueError(
                "device_cert or device_key can't be loaded: " + describe(error)
            ) from error
    config.identifier = identifier
    config.product_key = secret[0]
    config.product_secret = secret[1]


def _check_callbacks(config, options: dict) -> None:
    config.client = options["client"] if options["client"] is not None else Client()
    _check_methods("client", config.client, _CLIENT_METHODS, "Client")
    config.fwup_writer = _writer(options["fwup_writer"], options["join_writers"])
    config.extensions = {} if options["extensions"] is None else options["extensions"]
    if not isinstance(config.extensions, dict):
        raise ValueError("extensions must be a dict of name and object")
    for name in config.extensions:
        _check_text("extensions: a name", name)
        if ":" in name:
            raise ValueError("extensions: " + name + ": a name must not have a colon")
        value = config.extensions[name]
        if not hasattr(value, "handle_event") and _is_extension(name, value):
            continue
        _check_methods("extensions: " + name, value, _EXTENSION_METHODS, "Extension")
        _check_text("extensions: version of " + name, getattr(value, "version", None))
    _check_operators(config, options)
    config.radio = options["radio"]
    for name in ("enabled", "connected", "ipv4_address", "connect"):
        if config.radio is not None and not hasattr(config.radio, name):
            raise ValueError("radio must be wifi.radio, or None: it has no " + name)
    if config.radio is not None:
        from .settings import read_text  # noqa: PLC0415 only with a radio

        config.wifi_ssid = config.wifi_ssid or read_text("CIRCUITPY_WIFI_SSID")
        config.wifi_password = config.wifi_password or read_text("CIRCUITPY_WIFI_PASSWORD")
    types = options["connection_types"]
    if types is None:
        types = ["wifi"] if config.radio is not None else []
    if not isinstance(types, (list, tuple)):
        raise ValueError("connection_types must be a list of texts")
    for kind in types:
        _check_text("connection_types: each", kind)
    config.connection_types = list(types)
    config.logger = options["logger"]
    if config.logger is not None and not hasattr(config.logger, "log"):
        raise ValueError("logger must be an adafruit_logging or logging logger")


def _writer(given, join_writers):
    """Return one writer, also if several were given."""
    if given is None:
        return None
    if not isinstance(given, (tuple, list)):
        _check_methods("fwup_writer", given, _WRITER_METHODS, "FwupWriter")
        return given
    if not given:
        raise ValueError("fwup_writer must not be empty; use None for no writer")
    for number, writer in enumerate(given):
        _check_methods("fwup_writer[%d]" % number, writer, _WRITER_METHODS, "FwupWriter")
    if len(given) == 1:
        return given[0]
    return join_writers(given)


def _is_extension(name: str, value) -> bool:
    """Tell whether the link can make an extension of this value, see `make_extension`."""
    if name in ("health", "logging", "local_shell") and value is True:
        return True
    if name == "health":
        return callable(getattr(value, "health_check", None))
    if name == "geo":
        return callable(value) or callable(getattr(value, "location", None))
    if name == "network_identity":
        return (
            callable(value)
            or isinstance(value, (list, tuple))
            or callable(getattr(value, "identities", None))
        )
    return False


def _check_operators(config, options: dict) -> None:
    console, scripts = options["console"], options["scripts"]
    config.console = None if console is False else console
    if config.console is not None and console is not True:
        _check_methods("console", console, "setup handle poll lost", "Console")
    if scripts is False:
        scripts = None
    elif scripts is True:
        scripts = {}
    if scripts == "console":
        if config.console is None:
            raise ValueError("scripts='console' needs the option console")
    elif scripts is not None and not isinstance(scripts, dict):
        raise ValueError("scripts must be True, False, a dict of names, or 'console'")
    config.scripts = scripts


def _is_int(value) -> bool:
    return isinstance(value, int) and value is not True and value is not False


def _check_text(name: str, value, ascii_only: bool = True) -> None:
    if not isinstance(value, str) or not value:
        raise ValueError(name + " must be a text, not empty")
    for char in value:
        # A line break would let one header become two.
        if char < " " or char == "\x7f" or (ascii_only and char > "~"):
            raise ValueError(name + " has a control or non-ASCII character in it")


def _check_methods(name: str, value, methods: str, base: str) -> None:
    for method in methods.split(" "):
        if not callable(getattr(value, method, None)):
            raise ValueError(name + " must have a method " + method + "(): derive it from " + base)
