# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""An update of which only what changed travels, from a development hub over real sockets."""

from nerveshub_link import AppSlotWriter

from .applications import META
from .fakes import FakeClock
from .hub_board import Board
from .signing import Signer

NEW = dict(META, uuid="new")
SIGNER = Signer()


def update(hub, root, release, *faults):
    """
    Push a release to the device whose slot a runs, until it is installed or has failed.

    :param hub: a `HubThread`; it forgets what it has served before
    :param str root: the device's drive
    :param bytes release: signed by `SIGNER`
    :param faults: what the hub does to each download
    :return: the ranges that the hub has served, and the device's log
    """
    hub.download_faults.clear()
    hub.downloads.entries.clear()
    hub.add_firmware(release, NEW)
    writer = AppSlotWriter(root, public_keys=[SIGNER.public], clock=FakeClock())
    with Board(hub, fwup_writer=writer, download_retries=3) as one:
        one.join()
        hub.download_faults.add(*faults)
        hub.push_update(one.identifier, NEW["uuid"])

        def done():
            if one.link._updates.paused:
                one.skip(30)  # until the next try
            return one.client.named("reboot") or one.client.named("fwup_error")

        one.until(done)
    served = [(entry.start, entry.start + entry.sent) for entry in hub.downloads.entries]
    return served, one.log.text
