# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.connection`
====================================================

Getting an open WebSocket, and getting it again: waiting for the network, signing, connecting,
redirects, refusals, the clock, back-off. What is said over the WebSocket is the link's business.

=====================  ====================================  ====================================
phase                  what goes on                          how it ends
=====================  ====================================  ====================================
`WAITING_FOR_NETWORK`  no Wi-Fi, or joining it failed        network up: connect. Else again, later
`WAITING`              back-off after a failure              the time is up: connect
`CONNECTING`           the upgrade's answer is due           accepted: open. Else: waiting
`OPEN`                 messages go both ways                 connection lost: waiting
=====================  ====================================  ====================================

The caller calls `Connection.step` in each poll and `Connection.tick` some 40 times a second, and
reports a join that worked by `Connection.succeeded`: only that resets the back-off.
"""

from micropython import const

from . import websocket
from .backoff import Backoff
from .errors import TransportError, describe, printable
from .http_head import Url, resolve
from .server_time import ServerTime
from .ticks import elapsed
from .transport import Transport
from .websocket import WebSocket

WAITING_FOR_NETWORK = "waiting_for_network"
WAITING = "waiting"
CONNECTING = "connecting"
OPEN = "open"
CLOSED = "closed"

# Known to both of the server's endpoints (its device_endpoint.ex, endpoint.ex); 403 without vsn.
_TARGET = "/device-socket/websocket?vsn=2.0.0"
_CLOCK_SLACK = const(10)  # seconds: one second into the future is refused, 90 into the past are not
_CLOCK_OFF = const(5)  # seconds: less than this is not why a signature was refused
_MAX_REDIRECTS = const(2)  # as nerves_hub_link
_CLOSE_TIMEOUT = const(2000)


class Connection:
    """
    The way to the server.

    :param Config config: the checked options
    :param socket_pool: a socket pool
    :param call: function that calls a callback of the user and survives its exceptions
    :param log: function of level and text
    """

    def __init__(self, config, socket_pool, call, log) -> None:
        self._config = config
        self._call = call
        self._log = log
        # Imported only when they are needed: memory is scarce.
        self._network = None
        if config.radio is not None:
            from .network import Network  # noqa: PLC0415

            self._network = Network(config.radio, config.wifi_ssid, config.wifi_password)
        self._build_headers = None
        if config.use_secret:
            from .shared_secret import build_headers  # noqa: PLC0415

            self._build_headers = build_headers
        self._backoff = Backoff(
            config.backoff_minimum * 1000, config.backoff_maximum * 1000, config.random
        )
        self.time = ServerTime(config.time)
        """The server's clock, as far as it is known."""
        self.socket = WebSocket(
            Transport(socket_pool, config.ssl_context),
            config.receive_buffer,
            config.max_message_size,
            config.urandom,
        )
        """The `WebSocket`."""
        self.phase = WAITING
        """One of the phases above."""
        self.reason = ""
        """Why the connection ended last."""
        now = config.clock()
        self._since = now
        self._delay = 0
        self._reached = now  # when the network last proved to work
        self._clock_corrected = False
        self._start_over()

    def _start_over(self) -> None:
        config = self._config
        self._url = Url(config.ssl, config.host, config.port, _TARGET)
        self._redirects = 0
        self._leaving = False  # a close handshake of ours is under way

    def step(self, now: int) -> int:
        """
        Send and receive what is possible now.

        :param int now: ticks in milliseconds
        :return: an event of `nerveshub_link.websocket`; of ``REFUSED`` care was taken already
        """
        event = self.socket.step()
        if event == websocket.OPENED:
            self.phase = OPEN
            self._reached = now
        elif event == websocket.REFUSED:
            self._refused(self.socket.response, now)
        elif event == websocket.ENDED:
            if self._leaving:
                self.hang_up(now)
            else:
                self.lost(self.socket.close_reason, now)
        return event

    def tick(self, now: int, drained: bool) -> None:
        """
        Do what time demands: connect, or give up waiting for an answer. A connect blocks.

        :param int now: ticks in milliseconds
        :param bool drained: True if everything received was handled
        """
        since = elapsed(now, self._since)
        if self.phase == OPEN:
            self._reached = now
            if self._leaving and since >= _CLOSE_TIMEOUT:
                self.hang_up(now)
        elif self.phase == CONNECTING:
            if drained and since >= self._config.reply_timeout * 1000:
                self.lost("no answer to the upgrade request", now)
        elif since >= self._delay and self.phase != CLOSED:
            self._try(now)

    def _try(self, now: int) -> None:
        config = self._config
        try:
            if not self._has_network():
                self.phase = WAITING_FOR_NETWORK
                self._log("info", "joining the Wi-Fi")
                self._call(config.client.handle_blocking, "wifi", config.connect_timeout)
                if self.phase == CLOSED:
                    return  # that callback had enough of us
                self._network.connect(config.connect_timeout)
                if not self._has_network():
                    raise TransportError("the Wi-Fi gave no address")
            self._call(config.client.handle_blocking, "connect", config.connect_timeout)
            if self.phase == CLOSED:
                return  # as above
            headers = {"User-Agent": "nerveshub_link"}
            if self._build_headers is not None:
                headers.update(self._sign())
            self.socket.open(self._url, headers, config.connect_timeout)
            self.phase = CONNECTING
            self._since = config.clock()  # connecting took its time
        except Exception as error:
            if getattr(error, "reached", False):
                self._reached = now
            self.lost(describe(error), config.clock())

    def _has_network(self) -> bool:
        return self._network is None or self._network.is_up()

    def _sign(self) -> dict:
        if not self.time.is_set:
            # Refused for sure, but the refusal's Date header tells the time.
            self._log("warning", "the clock is not set: asking the server for the time")
        config = self._config
        seconds = max(self.time.now() - _CLOCK_SLACK, 0)
        return self._build_headers(
            config.product_key, config.product_secret, config.identifier, seconds
        )

    def _refused(self, head, now: int) -> None:
        self._reached = now
        status = head.status
        if head.location is not None:
            self._redirect(head.location, now)
            return
        moved = 0
        if status == 401 and self._config.use_secret:
            moved = self.time.correct(head.headers.get("date"))
        if abs(moved) >= _CLOCK_OFF and not self._clock_corrected:
            self._clock_corrected = True  # once: after that, it is not the clock
            self._log("warning", "the clock was off by %d s; now it goes by the server's" % -moved)
            self._wait(0, now)
            return
        self.lost(_refusal(status, head.headers, self._config.use_secret, self.time.is_set), now)

    def _redirect(self, location: str, now: int) -> None:
        self._redirects += 1
        try:
            if self._redirects > _MAX_REDIRECTS:
                raise ValueError("more than %d redirects" % _MAX_REDIRECTS)
            self._url = resolve(self._url, location)
        except ValueError as error:
            self.lost("upgrade redirected: " + str(error), now)
            return
        self._log("info", "redirected to " + self._url.shown)
        self._wait(0, now)

    def _wait(self, delay: int, now: int) -> None:
        if self.phase not in (WAITING_FOR_NETWORK, CLOSED):
            self.phase = WAITING
        self._since = now
        self._delay = delay

    def lost(self, reason: str, now: int) -> None:
        """
        Give the connection up, and make it again after the back-off.

        :param str reason: why, for the log
        :param int now: ticks in milliseconds
        """
        self.socket.abort()
        self.reason = reason
        self._log("error", reason)
        self._start_over()
        if self.phase == WAITING_FOR_NETWORK and self._has_network():
            self.phase = WAITING
        self._wait(self._backoff.next(), now)

    def reconnect(self, now: int) -> None:
        """Close with a handshake, or without an answer after 2 s; the next tick connects again."""
        if self.phase == OPEN:
            self.socket.close(1000)
            self._since = now
            self._leaving = True
        else:
            self.hang_up(now)

    def hang_up(self, now: int) -> None:
        """Say goodbye and close at once; the next tick connects again."""
        self.socket.close(1000)
        self.socket.abort()
        self._start_over()
        if self.phase != CLOSED:
            self.phase = WAITING
        self._wait(0, now)

    def close(self, now: int) -> None:
        """Say goodbye, and stay closed."""
        self.phase = CLOSED
        self.hang_up(now)

    def succeeded(self) -> None:
        """The device has joined: from now on, waiting begins at the minimum again."""
        self._backoff.reset()
        self._clock_corrected = False

    def is_stranded(self, now: int) -> bool:
        """
        Tell whether the network has not worked for so long that a restart of the board may help.
        """
        limit = self._config.network_reset_after * 1000
        watched = self._network is not None
        return limit > 0 and watched and elapsed(now, self._reached) >= limit

    def stay(self, now: int) -> None:
        """Count the time without network from now on: the restart it called for did not happen."""
        self._reached = now


def _refusal(status: int, headers: dict, use_secret: bool, clock_is_set: bool) -> str:
    """What a refused upgrade means, in words that help."""
    said = headers.get("nh-connection-error-reason")
    if said:
        hint = printable(said)
    elif status == 401 and not use_secret:
        hint = "the server does not know the certificate"
    elif status == 401 and not clock_is_set:
        hint = "the clock is not set, and the answer has no date; set it by NTP"
    elif status == 401:
        hint = "check product_key, product_secret and identifier"
    elif status == 403:
        hint = "is host a NervesHub server?"
    elif status == 503:
        hint = "the server is not available"
    else:
        hint = "this is no answer to a WebSocket upgrade"
    return "refused by the server (HTTP %d): %s" % (status, hint)
