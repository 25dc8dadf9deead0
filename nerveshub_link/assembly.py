# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.assembly`
====================================================

Creates the parts of a link, from the bottom up: each gets the parts that it uses as arguments.
Needed only while the link is created, so this is a separate module, which is dropped afterwards. It
is imported after the options are checked and the module that checks them is dropped.
"""

from .common.memory import forget, load

# All modules that every link needs, loaded first, so that the buffers get a block after them.
load(
    *"common.states wire.backoff wire.server_time wire.phoenix wire.frames wire.http_head"
    " wire.transport wire.websocket wire.connection device.trial device.restart device.topic"
    " dispatch update.download_retry update.image_check update.downloader"
    " update.image_download update.reports update.manager".split(" ")
)

# Modules, not their contents: each dotted name in an import is kept in the board's memory.
from .device import restart, topic, trial
from .dispatch import Dispatch
from .update import downloader, manager
from .wire import connection, phoenix, transport


def assemble(link, config, socket_pool, ssl_context, reporter, buffer) -> tuple:  # noqa: PLR0913, PLR0914, PLR0917
    """
    Create the parts.

    :param NervesHubLink link: for log lines, and for the console and scripts, which can use it
    :param Config config: the checked options
    :param socket_pool: a socket pool
    :param ssl_context: an SSL context, or None
    :param Callbacks reporter: logs and calls the application
    :param bytearray buffer: for chunks of an update; empty if the link never downloads
    :return: `Connection`, `Channels`, `DeviceTopic`, `UpdateManager`, `Restart`, `Dispatch`; and
        `Archives` and `DeviceLogs`, or None
    """
    call, log = reporter.call, reporter.log
    if config.warning:
        log("warning", config.warning)
    if config.fwup_writer is not None:
        from .update.fwup_writer import give_log  # noqa: PLC0415 with a writer only

        give_log(config.fwup_writer, log)
    firmware = trial.Trial(config, log)

    def new_transport():
        return transport.Transport(socket_pool, ssl_context, firmware.before_open)

    server = connection.Connection(config, socket_pool, call, log, firmware.before_open)
    channels = phoenix.Channels(
        server.socket.send_text, config.reply_timeout * 1000, config.heartbeat_interval * 1000
    )
    push = channels.pusher(topic.TOPIC)
    loader = downloader.Downloader(
        new_transport(),
        len(buffer),
        config.connect_timeout,
        config.idle_timeout * 1000,
        config.minimum_speed,
        buffer,
    )
    updates = manager.UpdateManager(config, loader, push, call, log)
    reboot = restart.Restart(config.client, push, updates, call, log)
    topics, handlers = {}, {}
    archives = logs = scripts = answers = None
    # Imported only where they are used: most boards use only some of these parts.
    if config.archive_folder:
        load("device.archives")
        from .device import archives as module  # noqa: PLC0415

        archives = module.Archives(config, loader, updates, call, log, _public_keys(config))
        handlers["archive"] = archives.offer
    if config.extensions:
        load("extensions.router", "extensions.setup")
        from .extensions import setup  # noqa: PLC0415

        topics["extensions"], logs = setup.make_extensions(
            config, channels, log, server.time, updates, reboot, new_transport
        )
        handlers["extensions:get"] = topics["extensions"].offer
    if config.console is not None:
        topics["console"] = _console(config.console)
        topics["console"].setup(link, channels, config, log)
    if config.scripts is not None:
        from .device import script_answers  # noqa: PLC0415

        answers = script_answers.ScriptAnswers(push)
        scripts = _scripts(config, link, topics.get("console"), push, answers.refuse, log)
        handlers["scripts/run"] = scripts.handle
    device = topic.DeviceTopic(
        config,
        channels,
        push,
        firmware,
        updates,
        reboot,
        answers,
        scripts,
        handlers,
        call,
        log,
        link.log,
    )
    dispatch = Dispatch(server, channels, device, topics, log)
    return server, channels, device, updates, reboot, dispatch, archives, logs


def _public_keys(config) -> tuple:
    """Return the keys that verify archives: the writer's, or those in settings.toml."""
    keys = getattr(config.fwup_writer, "public_keys", ())
    if not keys:
        from .release.public_keys import read_keys  # noqa: PLC0415 its memory is wanted back

        keys = read_keys()
        forget("release.public_keys", "config.settings")
    return keys


def _console(given):
    if given is not True:
        return given
    from .console import console  # noqa: PLC0415

    return console.Console()


def _scripts(config, link, console, push, refuse, log):  # noqa: PLR0913, PLR0917
    from .console import scripts  # noqa: PLC0415

    names = {"link": link}
    if config.scripts == "console":
        return scripts.Scripts(names, console, push, refuse, log, config.clock)
    names.update(config.scripts)
    return scripts.Scripts(names, None, push, refuse, log, config.clock)
