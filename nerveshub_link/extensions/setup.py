# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.extensions.setup`
====================================================

Makes the extensions of the option ``extensions``, whose values may be an `Extension` or a simpler
value, such as a provider. Not in the router, since this is imported only while the link is made.
Each extension has its own module, so only those that are used take memory.
"""

import gc

from .port import Port
from .router import Extensions


def make_extension(name: str, value):
    """
    Make the extension for one key.

    :param str name: the key
    :param value: True, a provider, or an `Extension`
    :return: an `Extension`
    :raises ValueError: if the value is invalid
    """
    if hasattr(value, "handle_event"):
        return value
    if name == "health":
        if value is True:
            from .board_health import BoardHealth  # noqa: PLC0415 here and below: see above

            value = BoardHealth()
        from .health import Health  # noqa: PLC0415

        return Health(value)
    if name == "logging":
        from .device_logs import DeviceLogs  # noqa: PLC0415

        return DeviceLogs()
    if name == "geo":
        from .geo import Geo  # noqa: PLC0415

        return Geo(value)
    if name == "network_identity":
        from .network_identity import NetworkIdentity  # noqa: PLC0415

        return NetworkIdentity(value)
    from .local_shell import LocalShell  # noqa: PLC0415

    return LocalShell()


def make_extensions(config, channels, log, time, updates, restart, transport):  # noqa: PLR0913, PLR0917
    """
    Make all extensions of the option.

    :param Config config: the checked options
    :param Channels channels: the socket's topics, for the router
    :param log: and the following: see `nerveshub_link.extensions.port.Port`
    :return: the router, and the `DeviceLogs` among the extensions or None
    """
    given = config.extensions
    made = {}
    for name in given:
        gc.collect()  # against fragmentation of the heap
        made[name] = make_extension(name, given[name])
    logs = made.get("logging")
    if not hasattr(logs, "add"):
        logs = None  # the application's own extension
    port = Port(config, log, time, updates, restart, transport, logs)
    for name in made:
        # Optional method of an extension that needs more of the link than push().
        setup = getattr(made[name], "setup", None)
        if setup is not None:
            setup(port)
    return Extensions(made, channels, log), logs
