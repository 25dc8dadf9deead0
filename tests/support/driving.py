# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Drives code that never waits, against real sockets: step it, and let the operating system wait until
there is something to do. `DEADLINE` is a safety net that fails the test, not a measure.
"""

import select
import time

from support.raw_server import DEADLINE


def wait(transport, writable=False):
    """
    Wait until a `Transport` has something to read (or room to write).

    :param Transport transport: an open one
    :param bool writable: whether room to write ends the wait, too
    """
    if transport.readable():
        return
    sockets = [transport._socket]
    ready = select.select(sockets, sockets if writable else [], [], DEADLINE)
    assert ready[0] or ready[1], "nothing came within {} seconds".format(DEADLINE)


class Deadline:
    """Fails the test when something goes on and on without an end."""

    def __init__(self):
        self._end = time.monotonic() + DEADLINE

    def check(self):
        assert time.monotonic() < self._end, "no end after {} seconds".format(DEADLINE)


def read(transport, count, size=4096):
    """Read exactly so many bytes, with reads of at most ``size``."""
    data = b""
    view = memoryview(bytearray(size))
    deadline = Deadline()
    while len(data) < count:
        deadline.check()
        wait(transport)
        got = transport.recv_into(view[: min(size, count - len(data))])
        data += bytes(view[:got])
    return data


def write(transport, data):
    """Write all bytes."""
    rest = memoryview(data)
    deadline = Deadline()
    while rest:
        deadline.check()
        count = transport.send(rest)
        rest = rest[count:]
        if rest and not count:
            wait(transport, writable=True)


def events(socket, transport, *wanted):
    """
    Step a `WebSocket` until one of these events; returns it. Events that need no attention are
    skipped, any other one fails.
    """
    deadline = Deadline()
    while True:
        deadline.check()
        event = socket.step()
        if event in wanted:
            return event
        assert event in (0, 6), "event {}: {}".format(event, socket.close_reason)
        if event == 0:
            wait(transport, writable=not socket.flushed)
