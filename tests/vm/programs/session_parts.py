# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""What only some sessions need: apart from `session`, whose memory is measured as a board's."""

import gc
import json

import socketpool
from adafruit_ticks import ticks_ms

PERIOD = 1 << 29


def tell(event, **more):
    more["event"] = event
    print(json.dumps(more))


def health():
    """A provider. A session without extensions does not pay for its base class."""
    from nerveshub_link import HealthProvider

    class Health(HealthProvider):
        def health_check(self):
            return {"free": gc.mem_free()}

    return Health()


def spend(link, milliseconds):
    """Poll for a while, by the real clock."""
    begun = ticks_ms()
    while (ticks_ms() - begun) % PERIOD < milliseconds:
        link.poll()


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
