# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
A whole session with an update, health and logs, in which now and then a poll() finds no memory: the
heap is locked, or filled up to a few bytes.

Options (JSON, on standard input): ``host``, ``port``, ``product_key``, ``product_secret``;
``first``, ``every``: which polls; ``free``: how many bytes they find, 0 for a locked heap; ``log``:
True to print what the link logs. Prints one JSON line for each thing that happens.
"""

import gc
import hashlib
import json
import sys

import micropython
import socketpool
from adafruit_ticks import ticks_ms

from nerveshub_link import Client, FwupWriter, HealthProvider, NervesHubLink

META = {"uuid": "old", "product": "p", "architecture": "a", "platform": "b", "version": "1.0.0"}
SECONDS = 30


def tell(event, **more):
    more["event"] = event
    print(json.dumps(more))


class App(Client):
    restarts = 0

    def reboot(self):
        self.restarts += 1

    def fwup_error(self, reason):
        tell("failed", reason=reason)


class Writer(FwupWriter):
    """Hashes, in memory that is there already."""

    count = 0
    finished = 0
    hash = hashlib.new("sha256")

    def firmware_meta(self):
        return META

    def fwup_begin(self, size, meta):
        self.count = 0
        self.hash = hashlib.new("sha256")

    def fwup_chunk(self, data):
        self.hash.update(data)
        self.count += len(data)

    def fwup_finish(self):
        self.finished += 1


class Health(HealthProvider):
    checks = 0

    def health_check(self):
        self.checks += 1
        return {"free": gc.mem_free()}


class Clock:
    """Real milliseconds; the link's pauses pass at once."""

    offset = 0

    def __call__(self):
        return (ticks_ms() + self.offset) % (1 << 29)


class Logger:
    """Prints what the link logs, where there is memory for it."""

    def log(self, level, text):
        tell("log", text=text)


def fill(free):
    """Take all memory but so much; return what holds it."""
    spare = bytearray(free)
    taken = None
    size = 4096
    while size >= 16:
        try:
            taken = [taken, bytearray(size)]
        except MemoryError:
            size //= 2
    del spare
    return taken


def poll_without_memory(link, free):
    if free:
        taken = fill(free)
        link.poll()
        del taken
        gc.collect()
        return
    micropython.heap_lock()
    try:
        link.poll()
    finally:
        micropython.heap_unlock()


def main(options):
    # What the connection manager loses for lack of memory, a board's collector closes.
    socketpool.limit = 10_000
    app, writer, clock, health = App(), Writer(), Clock(), Health()
    link = NervesHubLink(
        socketpool.SocketPool(None),
        ssl=False,
        host=options["host"],
        port=options["port"],
        product_key=options["product_key"],
        product_secret=options["product_secret"],
        identifier="board",
        client=app,
        fwup_writer=writer,
        extensions={"health": health, "logging": True},
        chunk_size=1024,
        download_retries=1000,  # by chance, ten in a row may fall on polls without memory
        logger=Logger() if options.get("log") else None,
        clock=clock,
    )
    polls = exhausted = after = 0
    begun = ticks_ms()
    done = False
    while not done and (ticks_ms() - begun) % (1 << 29) < SECONDS * 1000:
        polls += 1
        if polls % options["every"] == options["first"] and not after:
            exhausted += 1
            poll_without_memory(link, options["free"])
        else:
            link.poll()
        if link.state == "waiting" or link._updates.paused:
            clock.offset += 200
        if writer.finished:
            clock.offset += 1  # a restart that there was no memory for comes a minute later
        if app.restarts:
            # It does not restart, so that what the link does from now on can be watched.
            after += 1
            if after == 100:
                health.checks = 0
                link.reconnect()  # so that the server asks for the health once more
            if after == 1000:
                link.log("info", "still here")
            quiet = link.connected and not link._logs._lines
            done = after > 3000 and health.checks and quiet
    tell("end", polls=polls, exhausted=exhausted, restarts=app.restarts, finished=writer.finished)
    tell("image", count=writer.count, sha256=writer.hash.digest().hex())
    tell("link", state=link.state, error=link.last_error)


main(json.load(sys.stdin))
