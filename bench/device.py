# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
A device on CPython whose callbacks do almost nothing, so that the library is measured. Beside the
update it has everything that a real device has: health, logs with a line at each progress,
archives.
"""

import socket
import tempfile

from nerveshub_link import Client, FwupWriter, HealthProvider, NervesHubLink

CHUNK = 4096
META = {
    "uuid": "old",
    "product": "demo",
    "architecture": "xtensa",
    "platform": "board",
    "version": "1.0.0",
}


_archives = tempfile.TemporaryDirectory()


class Counter(FwupWriter):
    """
    Counts what comes.

    :param set did: where the names of what happened go; whoever looks may empty it
    """

    def __init__(self, did: set) -> None:
        self._did = did
        self.count = 0
        self.begun = False
        self.finished = False

    def firmware_meta(self) -> dict:
        return META

    def fwup_begin(self, size: int, meta: dict) -> None:
        self.begun = True
        self._did.add("begin")

    def fwup_chunk(self, data: memoryview) -> None:
        self.count += len(data)
        self._did.add("chunk" if len(data) == CHUNK else "part of a chunk")

    def fwup_finish(self) -> None:
        self.finished = True
        self._did.add("finish")


class App(Client):
    """
    Remembers what it heard.

    :param set did: as `Counter`'s
    """

    def __init__(self, did: set) -> None:
        self._did = did
        self.rebooted = False
        self.failed = None
        self.log = None

    def handle_blocking(self, what: str, seconds: int) -> None:
        self._did.add(what)

    def fwup_progress(self, percent: int, stage: str) -> None:
        self._did.add("progress")
        self.log("info", "%s: %d %%" % (stage, percent))

    def fwup_error(self, reason: str) -> None:
        self.failed = reason

    def reboot(self) -> None:
        self.rebooted = True


class Health(HealthProvider):
    """Measures nothing that takes time."""

    def health_check(self) -> dict:
        return {"cpu_temp": 41.5}


def make(port: int, manner: str, writer_class=Counter, **options):
    """
    Make a link to a `bench.server.BenchServer`.

    :return: the link, its `App` and its `Counter`, and the set of what they did
    """
    did = set()
    app, writer = App(did), writer_class(did)
    link = NervesHubLink(
        socket,
        None,
        host="127.0.0.1",
        port=port,
        ssl=False,
        product_key=manner,
        product_secret="secret",
        identifier="bench",
        client=app,
        fwup_writer=writer,
        extensions={"health": Health(), "logging": True},
        archive_folder=_archives.name,
        **options,
    )
    app.log = link.log
    return link, app, writer, did
