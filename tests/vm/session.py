# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
A whole session with a hub: connect, join, take an update, as a board's code.py would.

Prints one JSON line for each thing that happens. Options (JSON, on standard input):

* ``host``, ``port``, ``product_key``, ``product_secret``, ``identifier``; ``ca``: PEM text, for TLS
* ``until``: ``"reboot"``; ``"joined"``; ``"idle"`` (joined, and 1,000 idle polls measured);
  ``"heartbeats"`` (three of them were answered); ``"error"`` (``last_error`` was set); ``"failed"``
  (an update was)
* ``hurry``: True to let the pauses between two tries of a download pass at once
* ``extensions``: True for health and logging; ``link``: further options of NervesHubLink
* ``drive``: a prepared drive, whose slot a runs: updates are written by AppSlotWriter
* ``stall``: each so-manieth send finds the buffer full; ``seconds``: when to give up; ``memory``:
  True to tell what is in use
"""

import gc
import hashlib
import json
import os
import sys

sys.path.insert(0, os.getcwd())  # so that later imports find it from another folder, too

import socketpool
from adafruit_ticks import ticks_ms

from nerveshub_link import Client, FwupWriter, NervesHubLink

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
    """Real milliseconds, which a program may push forward, or drive by itself."""

    def __init__(self):
        self.offset = 0
        self.fixed = None

    def __call__(self):
        if self.fixed is not None:
            return self.fixed
        return (ticks_ms() + self.offset) % PERIOD


class App(Client):
    ended = False
    failed = False

    def reboot(self):
        self.ended = True
        tell("reboot")

    def fwup_progress(self, percent, stage):
        if percent in (0, 100):
            tell("progress", percent=percent, stage=stage)

    def fwup_error(self, reason):
        self.failed = True
        tell("failed", reason=reason)

    def handle_connected(self):
        tell("connected")

    def handle_disconnected(self, reason):
        tell("disconnected", reason=reason)

    def handle_blocking(self, what, seconds):
        tell("blocking", what=what, seconds=seconds)


class Writer(FwupWriter):
    """Hashes and counts, which is what the network costs without a flash."""

    def firmware_meta(self):
        return META

    def fwup_begin(self, size, meta):
        self.size = size
        self.count = 0
        self.hash = hashlib.new("sha256")
        tell("begin", size=size, uuid=meta["uuid"])

    def fwup_chunk(self, data):
        self.count += len(data)
        self.hash.update(data)

    def fwup_finish(self):
        tell("finish", count=self.count, sha256=self.hash.digest().hex())

    def fwup_abort(self):
        tell("abort")


def make(options, clock, app):
    context = None
    if "ca" in options:
        import ssl

        context = ssl.create_default_context()
        context.load_verify_locations(cadata=options["ca"])
    given = {"client": app, "clock": clock}
    given["fwup_writer"] = slot_writer(options["drive"], clock) if "drive" in options else Writer()
    if options.get("extensions"):
        given["extensions"] = {"health": health(), "logging": True}
    for name in ("host", "port", "product_key", "product_secret", "identifier"):
        given[name] = options[name]
    given.update(options.get("link", {}))
    return NervesHubLink(socketpool.SocketPool(None), context, ssl=context is not None, **given)


def health():
    """A provider. A session without extensions does not pay for its base class."""
    from nerveshub_link import HealthProvider

    class Health(HealthProvider):
        def health_check(self):
            return {"free": gc.mem_free()}

    return Health()


def slot_writer(drive, clock):
    from nerveshub_link import AppSlotWriter

    os.chdir(drive + "/slots/a")
    return AppSlotWriter(drive, clock=clock)


def main(options):
    gc.collect()
    if options.get("memory"):
        tell("memory", at="imported", bytes=gc.mem_alloc())
    socketpool._stall = options.get("stall", 0)
    clock, app = Clock(), App()
    link = make(options, clock, app)
    until = options["until"]
    finish = FINISHES.get(until)
    begun = ticks_ms()
    state = None
    while not app.ended and not (until == "failed" and app.failed):
        link.poll()
        if options.get("hurry") and link._updates.paused:
            clock.offset += 16_000
        if link.state != state:
            state = link.state
            tell("state", state=state, error=link.last_error)
            if options.get("memory"):
                gc.collect()
                tell("memory", at=state, bytes=gc.mem_alloc())
        if finish and finish(link, clock):
            break
        if (ticks_ms() - begun) % PERIOD > options.get("seconds", 20) * 1000:
            tell("gave_up")
            break
    tell("end", state=link.state, error=link.last_error)
    link.deinit()


def spend(link, milliseconds):
    """Poll for a while, by the real clock."""
    begun = ticks_ms()
    while (ticks_ms() - begun) % PERIOD < milliseconds:
        link.poll()


def is_joined(link, clock):
    return link.connected


def is_wrong(link, clock):
    return link.last_error is not None


def heartbeats(link, clock):
    """Three of them, each once the answer to the one before is there."""
    if not link.connected:
        return False
    spend(link, 100)
    answers = 0
    for _ in range(3):
        before = socketpool._received
        clock.offset += 30_000
        begun = ticks_ms()
        while socketpool._received == before and (ticks_ms() - begun) % PERIOD < 5000:
            link.poll()
        link.poll()
        answers += link.connected and socketpool._received > before
    tell("heartbeats", answers=answers)
    return True


def idle(link, clock):
    """
    Measure polls that find nothing to do: what they allocate, and whether one gets by with the heap
    locked. The clock makes a millisecond's step at each, so the looks at the timers are among them.
    More rounds, should the server have said something.
    """
    import micropython

    if not link.connected:
        return False
    spend(link, 200)
    clock.fixed = clock()
    poll = link.poll
    for _ in range(50):
        gc.collect()
        gc.disable()
        before = gc.mem_alloc()
        for _ in range(1000):
            clock.fixed += 1
            poll()
        after = gc.mem_alloc()
        gc.enable()
        tell("idle", polls=1000, bytes=after - before)
        if after == before:
            break
    clock.fixed += 30
    micropython.heap_lock()
    poll()
    micropython.heap_unlock()
    tell("locked", connected=link.connected, error=link.last_error)
    return True


FINISHES = {
    "joined": is_joined,
    "error": is_wrong,
    "reboot or error": is_wrong,
    "heartbeats": heartbeats,
    "idle": idle,
}

main(json.load(sys.stdin))
