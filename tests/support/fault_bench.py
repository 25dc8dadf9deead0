# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
A device for tests of faults: the real link on real sockets, a writer that checks what is committed,
and a clock that runs ahead while no bytes come, so that no test sleeps.
"""

import select
import socket
import ssl
import time

from adafruit_ticks import ticks_ms

from nerveshub_link import NervesHubLink

from .desk import META, NEW_META, Log, RecordingClient, RecordingWriter

UUID = NEW_META["uuid"]
NAME = "dev-1"
DEADLINE = 30
"""Seconds after which a case fails: a safety net, not a measurement."""


class JudgingWriter(RecordingWriter):
    """Counts commits, and those of a wrong image."""

    def __init__(self, image):
        super().__init__()
        self.right = image
        self.commits = 0
        self.wrong = 0
        self._bytes = bytearray()

    def fwup_begin(self, size, meta):
        self._bytes = bytearray()

    def fwup_chunk(self, data):
        self._bytes += data

    def fwup_finish(self):
        self.commits += 1
        self.wrong += bytes(self._bytes) != self.right

    def fwup_abort(self):
        self._bytes = bytearray()


class Pool:
    """A socket pool that remembers its sockets, so that a test can wait for them."""

    SOCK_STREAM = socket.SOCK_STREAM
    getaddrinfo = staticmethod(socket.getaddrinfo)

    def __init__(self):
        self.sockets = []

    def socket(self, *args):
        self.sockets.append(socket.socket(*args))
        return self.sockets[-1]

    def idle(self):
        """Wait a few milliseconds; True if no bytes came."""
        self.sockets = [one for one in self.sockets if one.fileno() >= 0]
        return not select.select(self.sockets, [], [], 0.002)[0]


class Device:
    """
    One link, from its construction on.

    :param hub: whose keys it has
    :param int port: where it finds the hub, maybe through a proxy
    :param bytes image: what may be committed
    """

    def __init__(self, hub, image, port=None, ssl_context=None, **options):
        self._pool = Pool()
        self.ahead = 0
        """How many milliseconds its clock is ahead."""
        self.patient = False
        """True to give the server time to answer joins and heartbeats in long pauses."""
        self.client = RecordingClient()
        self.writer = JudgingWriter(image)
        self.log = Log()
        defaults = {"heartbeat_interval": 150, "reply_timeout": 120, "chunk_size": 1024}
        self.link = NervesHubLink(
            self._pool,
            ssl_context,
            host="127.0.0.1",
            port=port or hub.port,
            ssl=ssl_context is not None,
            product_key=hub.product_key,
            product_secret=hub.product_secret,
            identifier=NAME,
            client=self.client,
            fwup_writer=self.writer,
            logger=self.log,
            clock=lambda: (ticks_ms() + self.ahead) % (1 << 29),
            random=lambda: 0.0,
            **dict(defaults, **options),
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.link.deinit()

    def until(self, condition, hurry=lambda: 0):
        """
        Poll until something is so.

        :param hurry: how many seconds pass whenever nothing has come for a moment. If the link
            itself only waits, time flies anyway
        """
        end = time.monotonic() + DEADLINE
        while not condition():
            assert time.monotonic() < end, self.log.text[-3000:]
            self.link.poll()
            if self.link._updates._image.paused:
                if not self.patient:
                    self.ahead += 8000
                elif self._pool.idle() and self.link.connected:
                    self.ahead += 2000
            elif self.link.state == "waiting":
                self.ahead += 500
            elif self.link._updates._reports.held:
                self.ahead += 100  # the first answer to an offer leaves a moment after it
            elif self._pool.idle():
                self.ahead += 1000 * hurry()

    @property
    def downloads(self):
        """How many connections it has opened, or tried to, for the image."""
        return sum(call[1] == "download" for call in self.client.named("handle_blocking"))

    @property
    def ended(self):
        """True if an update has succeeded or failed."""
        return bool(self.client.named("reboot") or self.client.named("fwup_error"))


__all__ = ["META", "NAME", "NEW_META", "UUID", "Device", "JudgingWriter", "ssl"]
