# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
A board with a console and scripts, polled until an operator calls ``stop()``.

Options (JSON, on standard input): ``host``, ``port``, ``product_key``, ``product_secret``,
``identifier``; ``console``: options of `Console`; ``scripts``; ``link``: further options of
`NervesHubLink`; ``on``: False for a link without console and scripts; ``seconds``: when to give up.
The prompt knows ``stop``, ``memory``, ``wait(seconds)``, which advances the clock, and ``idle()``,
which measures a thousand idle polls.
"""

import gc
import json
import os
import sys

import socketpool
from adafruit_ticks import ticks_ms

from nerveshub_link import NervesHubLink

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


class App:
    ended = False
    offset = 0
    measuring = False

    def stop(self):
        self.ended = True

    def wait(self, seconds):
        self.offset += seconds * 1000

    def clock(self):
        return (ticks_ms() + self.offset) % PERIOD

    def idle(self):
        self.measuring = True

    def measure(self, poll):
        """As a board's second, in which each poll is a millisecond behind the one before."""
        for _ in range(50):
            gc.collect()
            gc.disable()
            before = gc.mem_alloc()
            for _ in range(1000):
                self.offset += 1
                poll()
            after = gc.mem_alloc()
            gc.enable()
            if after == before:
                break
        tell("idle", bytes=after - before)

    def memory(self, at):
        gc.collect()
        modules = [name for name in sys.modules if name.startswith("nerveshub_link.")]
        tell("memory", at=at, bytes=gc.mem_alloc(), modules=sorted(modules))


def main(options):
    app = App()
    names = {
        "idle": app.idle,
        "stop": app.stop,
        "wait": app.wait,
        "memory": app.memory,
        "os": os,
        "app": app,
    }
    given = {}
    if options.get("on", True):
        from nerveshub_link import Console

        given["console"] = Console(names, **options.get("console", {}))
        scripts = options.get("scripts", True)
        given["scripts"] = names if scripts is True else scripts
    for name in ("host", "port", "product_key", "product_secret", "identifier"):
        given[name] = options[name]
    given.update(options.get("link", {}))
    link = NervesHubLink(
        socketpool.SocketPool(None), ssl=False, firmware_meta=META, clock=app.clock, **given
    )
    begun = ticks_ms()
    joined = False
    while not app.ended:
        link.poll()
        if app.measuring:
            app.measuring = False
            for _ in range(100):
                link.poll()  # the prompt that is due
            app.measure(link.poll)
        if link.connected and not joined:
            joined = True
            app.memory("joined")
            if not options.get("on", True):
                break
        if (ticks_ms() - begun) % PERIOD > options.get("seconds", 60) * 1000:
            tell("gave_up")
            break
    tell("end", state=link.state, error=link.last_error)
    app.memory("end")
    link.deinit()


main(json.load(sys.stdin))
