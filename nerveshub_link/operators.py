# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.operators`
====================================================

From the options ``console`` and ``scripts`` to what they turn on. Imported while a link with one of
them is made, and let go again: no other board pays for either.
"""


def add_operators(  # noqa: PLR0913, PLR0917 the parts of a link
    link, config, channels, conversation, device, log
) -> None:
    """
    Hang the console and the scripts into a link.

    :param NervesHubLink link: what operators know as ``link``
    :param Config config: the checked options
    :param Channels channels: of the link, as the others
    :param Conversation conversation: gets the topic ``console``
    :param Device device: gets the scripts
    :param log: function of level and text
    """
    console = config.console
    if console is True:
        from .console import Console  # noqa: PLC0415 one may be on without the other

        console = Console()
    if console is not None:
        console.setup(link, channels, config, log)
        conversation.topics["console"] = console
    if config.scripts is not None:
        from .scripts import Scripts  # noqa: PLC0415

        shared = console if config.scripts == "console" else None
        names = {"link": link}
        if shared is None:
            names.update(config.scripts)
        device.scripts = Scripts(names, shared, device.push, log, config.clock)
