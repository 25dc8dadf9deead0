# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.optional_parts`
====================================================

Adds to a link what is off until asked for: extensions, archives, console, scripts. Needed once,
while the link is made: so it is a module of its own, which gives its memory back.
"""

from .common.memory import load


def add_parts(link, parts) -> None:
    """
    Make what the options ask for.

    :param NervesHubLink link: for the console and for scripts, whose code may use it
    :param Parts parts: of the link
    """
    config = parts.config
    if config.archive_folder:
        load("device.archives")
        from .device.archives import (  # noqa: PLC0415 here and below: not every board has it
            Archives,
        )

        parts.archives = parts.device.archives = Archives(parts)
    if config.extensions:
        load("extensions.router", "extensions.setup")
        from .extensions.setup import add_extensions  # noqa: PLC0415

        add_extensions(parts)
    console = config.console
    if console is True:
        from .console.console import Console  # noqa: PLC0415

        console = Console()
    if console is not None:
        console.setup(link, parts.channels, config, parts.log)
        parts.dispatch.topics["console"] = console
    if config.scripts is not None:
        from .console.scripts import Scripts  # noqa: PLC0415

        shared = console if config.scripts == "console" else None
        names = {"link": link}
        names.update({} if shared else config.scripts)
        device = parts.device
        device.scripts = Scripts(
            names, shared, device.push, device.refuse_script, parts.log, parts.clock
        )
