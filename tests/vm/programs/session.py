# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
A whole session with a hub: connect, join, take an update, as a board's code.py would.

Prints one JSON line for each thing that happens. Options (JSON, on standard input):

* ``host``, ``port``, ``product_key``, ``product_secret``, ``identifier``; ``ca``: PEM text, for TLS
* ``until``: ``"reboot"``; ``"joined"``; ``"idle"`` (joined, and 1,000 idle polls measured);
  ``"heartbeats"`` (three of them were answered); ``"error"`` (``last_error`` was set); ``"failed"``
  (an update was); ``"confirmed"`` (the release on trial was)
* ``hurry``: True to let the pauses between two tries of a download pass at once
* ``extensions``: True for health and logging; ``link``: further options of NervesHubLink
* ``drive``: a prepared drive, of which ``slot`` runs: updates are written by AppSlotWriter, which
  gets ``public_keys``
* ``stall``: each so-manieth send finds the buffer full; ``seconds``: when to give up; ``memory``:
  True to tell what is in use
"""

import gc
import hashlib
import json
import sys

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
    if "drive" in options:
        import session_slots

        drive, slot, keys = options["drive"], options["slot"], options.get("public_keys")
        given["fwup_writer"] = session_slots.slot_writer(drive, slot, clock, keys)
    else:
        given["fwup_writer"] = Writer()
    if options.get("extensions"):
        import session_parts

        given["extensions"] = {"health": session_parts.health(), "logging": True}
    for name in ("host", "port", "product_key", "product_secret", "identifier"):
        given[name] = options[name]
    given.update(options.get("link", {}))
    return NervesHubLink(socketpool.SocketPool(None), context, ssl=context is not None, **given)


def main(options):
    gc.collect()
    if options.get("memory"):
        tell("memory", at="imported", bytes=gc.mem_alloc())
    socketpool._stall = options.get("stall", 0)
    clock, app = Clock(), App()
    link = make(options, clock, app)
    until = options["until"]
    finish = None
    if until == "confirmed":
        from session_slots import confirmed as finish
    elif until in ("idle", "heartbeats"):
        import session_parts

        finish = getattr(session_parts, until)
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
        if until == "joined" and link.connected:
            break
        if until in ("error", "reboot or error") and link.last_error is not None:
            break
        if finish and finish(link, clock):
            break
        if (ticks_ms() - begun) % PERIOD > options.get("seconds", 20) * 1000:
            tell("gave_up")
            break
    tell("end", state=link.state, error=link.last_error)
    link.deinit()


main(json.load(sys.stdin))
