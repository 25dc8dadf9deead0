# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.assembly`
====================================================

Makes the parts of a link, and tells them of each other. Needed once, while the link is made: so it
is a module of its own, which gives its memory back. It is imported when the options are checked and
the configurator's memory is free again.
"""

from .common.memory import load

# All that a link needs, from the bottom up: so that its buffers find room behind it.
load(
    *"wire.backoff wire.server_time wire.phoenix wire.frames wire.http_head wire.transport"
    " wire.websocket wire.connection device.topic dispatch update.download_retry"
    " update.image_answer update.image_check update.downloader update.image_download"
    " update.reports update.manager parts".split(" ")
)

from .device.topic import DeviceTopic
from .dispatch import Dispatch
from .parts import Parts
from .update.downloader import Downloader
from .update.manager import UpdateManager
from .wire.connection import Connection
from .wire.phoenix import Channels


def assemble(config, socket_pool, ssl_context, reporter, log, buffer) -> Parts:  # noqa: PLR0913
    """
    Make the parts.

    :param Config config: the checked options
    :param socket_pool: a socket pool
    :param ssl_context: an SSL context, or None
    :param Callbacks reporter: the link's
    :param log: function of level and text: `NervesHubLink.log`
    :param bytearray buffer: for chunks of an update; empty if nothing is downloaded
    """
    parts = Parts(config, socket_pool, ssl_context, reporter)
    parts.connection = link = Connection(config, socket_pool, reporter.call, reporter.log)
    parts.time = link.time
    parts.channels = Channels(
        link.socket.send_text, config.reply_timeout * 1000, config.heartbeat_interval * 1000
    )
    parts.device = device = DeviceTopic(config, parts.channels, reporter.call, reporter.log, log)
    link.before_open = device.before_open
    parts.downloader = Downloader(
        parts.transport(),
        len(buffer),
        config.connect_timeout,
        config.idle_timeout * 1000,
        config.minimum_speed,
        buffer,
    )
    parts.updates = device.updates = UpdateManager(
        config, parts.downloader, device.push, reporter.call, reporter.log
    )
    parts.dispatch = Dispatch(link, parts.channels, device, reporter.log)
    return parts
