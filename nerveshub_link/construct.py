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
