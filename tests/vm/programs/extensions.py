# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
All five extensions beside the link, as a board's code.py would use them, until the operator types
``done`` into the shell. Prints one JSON line for each thing that happens.

Options (JSON, on standard input): ``host``, ``port``, ``product_key``, ``product_secret``,
``identifier``; ``lines``: how many are logged at once; ``archives``: a folder, for archives;
``seconds``: when to give up.
"""

import gc
import json
import sys

import socketpool
from adafruit_ticks import ticks_ms

from nerveshub_link import DOWNLOAD, Client, DeviceLogs, LocalShell, NervesHubLink

META = {
    "product": "demo",
    "architecture": "xtensa",
    "platform": "board",
    "version": "1.0.0",
    "uuid": "old",
}
PERIOD = 1 << 29


def tell(event, **more):
    more["event"] = event
    print(json.dumps(more))


class Clock:
    """Real milliseconds, pushed forward by the program."""

    offset = 0
    polled = None  # when the poll under way began; None: nobody has asked yet

    def __call__(self):
        now = (ticks_ms() + self.offset) % PERIOD
        if self.polled is None:
            self.polled = now
        return now


class App(Client):
    def archive_available(self, info):
        return DOWNLOAD

    def archive_ready(self, path, verified):
        with open(path, "rb") as file:
            size = 0
            while True:
                piece = file.read(512)
                if not piece:
                    break
                size += len(piece)
        tell("archive", path=path, verified=verified, size=size)

    def public_keys(self, kind, keys):
        tell("keys", kind=kind, lengths=[len(key) for key in keys])

    def identify(self):
        for step in range(3):
            tell("blink", step=step)
            yield 500


def watch(logs, clock):
    """Take note of the poll in which each line leaves: when it began, by the link's clock."""
    send = logs.push
    times = []

    def push(event, payload):
        sent = send(event, payload)
        if sent:
            times.append(clock.polled)
        return sent

    logs.push = push
    return times


def main(options):
    gc.collect()
    tell("memory", at="imported", bytes=gc.mem_alloc())
    clock, ended = Clock(), []
    logs, shell = DeviceLogs(), LocalShell(python=True)

    @shell.command("done")
    def done(args):
        ended.append(1)
        return "bye"

    link = NervesHubLink(
        socketpool.SocketPool(None),
        host=options["host"],
        port=options["port"],
        ssl=False,
        product_key=options["product_key"],
        product_secret=options["product_secret"],
        identifier=options["identifier"],
        firmware_meta=META,
        client=App(),
        clock=clock,
        request_public_keys=True,
        archive_folder=options.get("archives"),
        extensions={
            "health": True,
            "logging": logs,
            "geo": lambda: {"latitude": 52.5, "longitude": 13.4},
            "local_shell": shell,
            "network_identity": [{"service": "iroh", "identifier": "ab" * 32}],
        },
    )
    gc.collect()
    tell("memory", at="made", bytes=gc.mem_alloc())
    begun = ticks_ms()
    times = None
    while not ended and (ticks_ms() - begun) % PERIOD < options.get("seconds", 50) * 1000:
        clock.polled = None
        link.poll()
        if times is None and logs.push is not None:
            times = watch(logs, clock)
            for number in range(options["lines"]):
                link.log("info", "line %d" % number)
            # Two halves of a character: no text that UTF-8 can hold, but one that a board makes.
            link.log("warning", json.loads('"odd \\ud83d\\ude00"'))
        if times is not None and len(times) <= options["lines"]:
            clock.offset += 5
    for _ in range(200):
        clock.polled = None
        link.poll()
        clock.offset += 25
    tell("after", state=link.state, error=link.last_error)
    times = times or [0]
    gaps = [(after - before) % PERIOD for before, after in zip(times, times[1:])]
    tell("lines", sent=len(times), least=min(gaps or [0]))
    gc.collect()
    tell("memory", at="end", bytes=gc.mem_alloc())
    tell("end", state=link.state, error=link.last_error, done=bool(ended))
    link.deinit()


main(json.load(sys.stdin))
