# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.assembly`
====================================================

Makes the parts of a link, from the bottom up: each gets what it needs when it is made, and nothing
later. Needed once, while the link is made: so it is a module of its own, which gives its memory
back. It is imported when the options are checked and the memory of the module that checks them is
free again.
"""

from .common.memory import forget, load

# All that a link needs, from the bottom up: so that its buffers find room behind it.
load(
    *"common.states wire.backoff wire.server_time wire.phoenix wire.frames wire.http_head"
    " wire.transport wire.websocket wire.connection device.trial device.restart device.topic"
    " dispatch update.download_retry update.image_check update.downloader"
    " update.image_download update.reports update.manager".split(" ")
)

# Modules, not what is in them: a name with a dot is one more name that a board keeps for good.
from .device import restart, topic, trial
from .dispatch import Dispatch
from .update import downloader, manager
from .wire import connection, phoenix, transport


def assemble(link, config, socket_pool, ssl_context, reporter, buffer) -> tuple:  # noqa: PLR0913, PLR0914, PLR0917
    """
    Make the parts.

    :param NervesHubLink link: for the log, and for what runs the application's or operators' code
    :param Config config: the checked options
    :param socket_pool: a socket pool
    :param ssl_context: an SSL context, or None
    :param Callbacks reporter: the link's
    :param bytearray buffer: for chunks of an update; empty if nothing is downloaded
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
    # Here and below: most boards have only some of these.
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
    """Those of the writer, or of settings.toml where it has none: for archives."""
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
