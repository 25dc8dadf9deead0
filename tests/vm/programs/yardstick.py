# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
The speed of the library against what one would write without it. For the bench, whose server it
needs. Options: ``host``, ``port``, ``size`` of the image, ``rounds``.
"""

import gc
import hashlib
import json
import sys
import time

import adafruit_connection_manager
import adafruit_requests
import socketpool

from nerveshub_link import Client, FwupWriter, NervesHubLink

META = {"uuid": "old", "product": "p", "architecture": "a", "platform": "b", "version": "1.0.0"}
CHUNK = 4096
POLLS = 5000


class Writer(FwupWriter):
    count = 0
    begun = False

    def firmware_meta(self):
        return META

    def fwup_begin(self, size, meta):
        self.begun = True

    def fwup_chunk(self, data):
        self.count += len(data)


class App(Client):
    def reboot(self):
        pass


def make(options, pool, manner, writer):
    return NervesHubLink(
        pool,
        host=options["host"],
        port=options["port"],
        ssl=False,
        product_key=manner,
        product_secret="secret",
        identifier="bench",
        client=App(),
        fwup_writer=writer,
    )


def now():
    """
    The time, on a heap without garbage. MicroPython keeps the frames of larger functions on the
    heap and searches room for them at each call, which a board does not: it has a stack for that.
    """
    gc.collect()
    return time.ticks_us()


def update(options, pool):
    writer = Writer()
    with make(options, pool, "whole", writer) as link:
        while not writer.begun:
            link.poll()
        begun = now()
        while writer.count < options["size"]:
            link.poll()
        return time.ticks_diff(time.ticks_us(), begun)


def requests(options, pool):
    session = adafruit_requests.Session(pool, None)
    address = "http://%s:%d/whole" % (options["host"], options["port"])
    with session.get(address, timeout=10) as response:
        begun = now()
        digest = hashlib.new("sha256")
        for chunk in response.iter_content(CHUNK):
            digest.update(chunk)
        spent = time.ticks_diff(time.ticks_us(), begun)
    adafruit_connection_manager.connection_manager_close_all(pool)
    return spent


def idle(options, pool):
    with make(options, pool, "none", Writer()) as link:
        while not link.connected:
            link.poll()
        poll = link.poll
        poll()
        begun = now()
        for _ in range(POLLS):
            poll()
        return time.ticks_diff(time.ticks_us(), begun)


def bare(options, pool):
    """Over the shims, too: their Python takes time that a board's native sockets do not."""
    socket = pool.socket()
    socket.connect((options["host"], options["port"]))
    socket.settimeout(0)
    buffer = bytearray(CHUNK)
    receive = socket.recv_into
    begun = now()
    for _ in range(POLLS):
        try:
            receive(buffer)
        except OSError:
            pass
    spent = time.ticks_diff(time.ticks_us(), begun)
    socket.close()
    return spent


def tell(event, ours, other):
    print(json.dumps({"event": event, "ours": ours, "bare": other}))


def main(options):
    pool = socketpool.SocketPool(None)
    for _ in range(options["rounds"]):
        tell("update", update(options, pool), requests(options, pool))
        tell("idle", idle(options, pool), bare(options, pool))


main(json.load(sys.stdin))
