# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
An application that uses adafruit_requests, over the same socket pool, and a link that takes an
update meanwhile.

Options (JSON, on standard input): ``host``, ``port``, ``product_key``, ``product_secret``; ``ca``:
PEM text, for TLS; ``url``: what is fetched; ``sockets``: how many the board has; ``close_all``: in
which moments the application closes all sockets, ``"joined"``, ``"download"``, ``"connecting"``;
``hold``: True to keep one answer open during the update; ``hog``: True to leave no memory for a
while. Prints one JSON line for each thing that happens.
"""

import gc
import hashlib
import json
import sys

import adafruit_requests
import socketpool
from adafruit_connection_manager import connection_manager_close_all
from adafruit_ticks import ticks_ms

from nerveshub_link import Client, FwupWriter, NervesHubLink

META = {"uuid": "old", "product": "p", "architecture": "a", "platform": "b", "version": "1.0.0"}
EVERY = 40  # polls between two fetches
SECONDS = 30


def tell(event, **more):
    more["event"] = event
    print(json.dumps(more))


class App(Client):
    ended = False

    def reboot(self):
        self.ended = True
        tell("reboot")

    def handle_disconnected(self, reason):
        tell("disconnected", reason=reason)


class Writer(FwupWriter):
    count = 0

    def firmware_meta(self):
        return META

    def fwup_begin(self, size, meta):
        self.count = 0
        self.hash = hashlib.new("sha256")

    def fwup_chunk(self, data):
        self.count += len(data)
        self.hash.update(data)

    def fwup_finish(self):
        tell("finish", sha256=self.hash.digest().hex())


class Application:
    """The application's own work."""

    def __init__(self, options, pool, context):
        self.session = adafruit_requests.Session(pool, context)
        self.url = options["url"]
        self.pool = pool
        self.fetched = 0
        self.errors = []
        self.no_memory = False

    def fetch(self):
        """Fetch once; what goes wrong is noted, and the loop goes on."""
        try:
            with self.session.get(self.url, timeout=5) as response:
                # Not response.json(): json.load takes native streams only, unlike a board's.
                assert json.loads(response.text) == {"temperature": 21}
            self.fetched += 1
        except MemoryError:
            self.no_memory = True  # there may be none for words
        except (OSError, RuntimeError) as error:
            if "existing socket" in str(error):
                # Memory ran out within a request, which leaves its socket in use.
                connection_manager_close_all(self.pool)
            words = "%s: %s" % (type(error).__name__, error)
            if words not in self.errors:
                self.errors.append(words)


class Clock:
    """Real milliseconds, and the pauses between two tries of a download pass at once."""

    offset = 0

    def __call__(self):
        return (ticks_ms() + self.offset) % (1 << 29)


def moment(link, writer):
    """What goes on, in one word."""
    if writer.count:
        return "download"
    return "joined" if link.connected else link.state


def hog(link, application, clock):
    """
    Take all memory but a little, let the link, whose heartbeat is due, and the application have
    their turns, and give it back.
    """
    clock.offset += 31_000
    taken = None
    size = 1024
    while size >= 32:
        try:
            taken = [taken, bytearray(size)]
        except MemoryError:
            size //= 2
    for _ in range(200):
        link.poll()
    application.fetch()
    connected = link.connected
    taken = None
    gc.collect()
    tell("hogged", connected=connected, error=link.last_error, application=application.no_memory)


def main(options):
    socketpool._limit = options.get("sockets", socketpool._limit)
    pool = socketpool.SocketPool(None)
    context = None
    if "ca" in options:
        import ssl

        context = ssl.create_default_context()
        context.load_verify_locations(cadata=options["ca"])
    app, writer, clock = App(), Writer(), Clock()
    link = NervesHubLink(
        pool,
        context,
        ssl=context is not None,
        host=options["host"],
        port=options["port"],
        product_key=options["product_key"],
        product_secret=options["product_secret"],
        identifier="board",
        client=app,
        fwup_writer=writer,
        clock=clock,
    )
    application = Application(options, pool, context)
    closings = options.get("close_all", [])
    held = None
    polls = 0
    begun = ticks_ms()
    while not app.ended and (ticks_ms() - begun) % (1 << 29) < SECONDS * 1000:
        link.poll()
        polls += 1
        if link._updates.paused:
            clock.offset += 16_000
        if closings and moment(link, writer) == closings[0]:
            tell("close_all", at=closings.pop(0))
            connection_manager_close_all(pool)
        if polls % EVERY == 0:
            application.fetch()
        if link.connected:
            if options.get("hold") and held is None:
                # Another session: each keeps one answer, and closes it for the next.
                session = adafruit_requests.Session(pool, context, "held")
                held = session.get(options["url"], timeout=5)
            if options.get("hog"):
                options["hog"] = False
                hog(link, application, clock)
    if held is not None:
        held.close()
    tell("errors", application=application.errors, link=link.last_error)
    link.deinit()
    before = application.fetched
    # With the last socket, if there is only one; twice, should the first find a socket in use.
    application.fetch()
    application.fetch()
    tell("end", fetched=application.fetched, works=application.fetched > before)


main(json.load(sys.stdin))
