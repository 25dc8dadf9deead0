# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""A real link on a development hub, over TCP or TLS, for end-to-end tests."""

import select
import socket
import time

from adafruit_ticks import ticks_ms
from nerveshub_tools.tls import ServerTls
from support.ca import ThrowawayCa
from support.desk import META, Log, RecordingClient
from support.raw_server import DEADLINE

from nerveshub_link import NervesHubLink


class Board:
    """
    A device on a hub. Real time, to which the test can add; `until` polls like a main loop.

    :param hub: a running `HubThread`
    :param options: those of `NervesHubLink`
    """

    def __init__(self, hub, identifier="dev-1", ssl_context=None, **options):
        self.hub = hub
        self.identifier = identifier
        self.ahead = 0
        self.client = RecordingClient()
        self.log = Log()
        if "device_cert" not in options:
            options.setdefault("product_key", hub.product_key)
            options.setdefault("product_secret", hub.product_secret)
        if options.get("fwup_writer") is None:
            options.setdefault("firmware_meta", META)
        self.link = NervesHubLink(
            socket,
            ssl_context,
            host=hub.host,
            port=hub.port,
            ssl=ssl_context is not None,
            identifier=identifier,
            client=self.client,
            logger=self.log,
            clock=lambda: (ticks_ms() + self.ahead) % (1 << 29),
            reply_timeout=120,
            **options,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.link.deinit()

    @property
    def device(self):
        """What the hub knows about this device."""
        return self.hub.device(self.identifier)

    def until(self, condition, others=()):
        """Poll until something is so."""
        give_up = time.monotonic() + DEADLINE
        while not condition():
            assert time.monotonic() < give_up, "%s; hub: %s" % (
                self.link.last_error,
                self.hub.violations,
            )
            for board in (self,) + tuple(others):
                board.link.poll()
            select.select([], [], [], 0.002)
        return self

    def join(self):
        """Poll until the hub sees the device joined, and the device knows."""
        return self.until(lambda: self.link.connected and self.device.joined)

    def skip(self, seconds):
        """Let so much time pass at once."""
        self.ahead += round(seconds * 1000)

    def poll_for(self, seconds):
        """Let so much time pass, and poll every five seconds of it: steady enough to confirm."""
        for _ in range(seconds // 5):
            self.skip(5)
            self.link.poll()

    def events(self, topic="device"):
        """Names of the events that the hub has heard on a topic."""
        return [event for seen, event, _ in self.device.events if seen == topic]


def tls_of(tmp_path):
    ca = ThrowawayCa(tmp_path)
    cert, key = ca.issue("127.0.0.1", "localhost")
    return ca, ServerTls(cert, key, client_ca=str(ca.path))
