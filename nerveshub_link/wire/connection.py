# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.wire.connection`
====================================================

Opens the WebSocket, and opens it again after a loss: waits for the network, signs, connects,
follows redirects, explains refusals, corrects the clock, and backs off. The messages on the
WebSocket are handled by `nerveshub_link.link`.

=====================  ==========================================================================
phase                  meaning
=====================  ==========================================================================
`WAITING_FOR_NETWORK`  no Wi-Fi, or joining it failed
`WAITING`              the pause before a connect: the back-off after a failure, or none
`CONNECTING`           the upgrade request was sent, and its answer is due
`OPEN`                 messages go both ways
`CLOSED`               for good
=====================  ==========================================================================

``_TABLE`` holds the transitions between them.

The caller calls `Connection.step` in each poll and `Connection.tick` some 40 times a second. Once
the device has been joined for a minute, the caller calls `Connection.succeeded`: only that resets
the back-off.

Longer than other modules: all that may happen in a phase must be seen together.
"""

from micropython import const

from ..common.memory import forget
from ..common.states import next_state
from ..common.ticks import elapsed
from ..errors import TransportError, describe
from . import websocket
from .backoff import Backoff
from .http_head import Url
from .server_time import ServerTime
from .transport import Transport
from .websocket import WebSocket

WAITING_FOR_NETWORK = "waiting_for_network"
WAITING = "waiting"
CONNECTING = "connecting"
OPEN = "open"
CLOSED = "closed"

_NO_NETWORK = const(0)
_NETWORK = const(1)
_ASKED = const(2)
_ACCEPTED = const(3)
_LOST = const(4)
_AGAIN = const(5)
_CLOSE = const(6)

# fmt: off
_TABLE = (
    # phase, event, next phase: what is done
    WAITING, _NO_NETWORK, WAITING_FOR_NETWORK,  # the Wi-Fi is joined
    WAITING_FOR_NETWORK, _NETWORK, WAITING,  # a connect follows in the same step
    WAITING, _ASKED, CONNECTING,  # the connect has succeeded, and the upgrade request was sent
    CONNECTING, _ACCEPTED, OPEN,  # the device topic is joined
    CONNECTING, _LOST, WAITING,  # refused, or no answer: the back-off begins
    OPEN, _LOST, WAITING,  # the back-off begins
    WAITING_FOR_NETWORK, _AGAIN, WAITING,  # reconnect() was called: no pause
    CONNECTING, _AGAIN, WAITING,  # a redirect, a corrected clock, reconnect(): no pause
    OPEN, _AGAIN, WAITING,  # reconnect(), or room is made for a download: no pause
    WAITING_FOR_NETWORK, _CLOSE, CLOSED,  # deinit() was called
    WAITING, _CLOSE, CLOSED,  # deinit() was called
    CONNECTING, _CLOSE, CLOSED,  # deinit() was called: the socket is closed
    OPEN, _CLOSE, CLOSED,  # deinit() was called: a close frame is sent, the socket is closed
)
# fmt: on

# Both of the server's endpoints have this path (device_endpoint.ex, endpoint.ex); 403 without vsn.
_TARGET = const("/device-socket/websocket?vsn=2.0.0")
# Seconds: a signature from one second in the future is refused, one 90 seconds old is not.
_CLOCK_SLACK = const(10)
_CLOSE_TIMEOUT = const(2000)
_PATIENCE = const(8)  # ticks after a deadline while received bytes are still unread


class Connection:
    """
    The connection to the server, over all reconnects.

    :param Config config: the checked options
    :param socket_pool: a socket pool
    :param call: function that calls a callback of the application and catches its exceptions
    :param log: function of level and text
    :param before_open: as `Transport`'s, for each step that blocks
    """

    def __init__(self, config, socket_pool, call, log, before_open) -> None:  # noqa: PLR0913, PLR0917
        self._before_open = before_open
        self._config = config
        self._call = call
        self._log = log
        # Imported only when they are needed: memory is scarce.
        now = config.clock()
        self._network = None
        if config.radio is not None:
            from .wifi_radio import WifiRadio  # noqa: PLC0415

            self._network = WifiRadio(config, now)
        self._backoff = Backoff(
            config.backoff_minimum * 1000, config.backoff_maximum * 1000, config.random
        )
        self.time = ServerTime(config.time, config.clock)
        """The server's clock, a `ServerTime`."""
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
        """Why the last connection ended, in words."""
        self.young = True
        """True until `succeeded` is called: the device has been joined for less than a minute."""
        self._since = now
        self._delay = 0
        self._late = 0  # ticks past the deadline of the upgrade
        self._clock_corrected = False
        self._home = Url(config.ssl, config.host, config.port, _TARGET)
        self._start_over()

    @property
    def is_open(self) -> bool:
        """True while the WebSocket is open (read-only)."""
        return self.phase == OPEN

    def _start_over(self) -> None:
        self._url = self._home
        self._redirects = 0
        self._leaving = False  # a close handshake of ours is under way

    def step(self, now: int) -> int:
        """
        Send and receive what is possible without waiting.

        :param int now: ticks in milliseconds
        :return: an event of `nerveshub_link.wire.websocket`; ``REFUSED`` needs no further handling
        """
        event = self.socket.step()
        if event == websocket.OPENED:
            self._go(_ACCEPTED)
            self.young = True
            self._clock_corrected = False
            head, self.socket.response = self.socket.response, None
            if not self._config.use_secret:
                # Without a signature the server does not check the clock: its date is the only way.
                self.time.correct(head.headers.get("date"))
        elif event == websocket.REFUSED:
            head, self.socket.response = self.socket.response, None
            self._refused(head, now)
        elif event == websocket.ENDED:
            if self._leaving:
                self.hang_up(now)
            else:
                self.lost(self._why_ended(), now)
        return event

    def _why_ended(self) -> str:
        socket = self.socket
        if not socket.closed_by_server:
            return socket.close_reason
        from .refusals import closing  # noqa: PLC0415 seldom needed

        reason = closing(socket.close_code, socket.close_reason, self.young)
        del closing
        forget("wire.refusals")
        return reason

    def tick(self, now: int, drained: bool) -> None:
        """
        Check the deadlines: connect, or give up waiting for an answer. A connect blocks.

        :param int now: ticks in milliseconds
        :param bool drained: True if everything received was handled
        """
        since = elapsed(now, self._since)
        self.time.tick(now)
        # CircuitPython would allocate a tuple in each tick.
        if not self.socket.state and (self.phase == OPEN or self.phase == CONNECTING):  # noqa: PLR1714
            # An exception interrupted a change of phase: the socket is closed already.
            self.lost("the connection is gone", now)
        elif self.phase == OPEN:
            if self._network is not None:
                self._network.reached(now)
            if self._leaving and since >= _CLOSE_TIMEOUT:
                self.hang_up(now)
        elif self.phase == CONNECTING:
            if since >= self._config.reply_timeout * 1000:
                # The answer may be received but unread, if the application's loop took long.
                self._late += 1
                if drained or self._late >= _PATIENCE:
                    self.lost("no answer to the upgrade request", now)
        elif since >= self._delay and self.phase != CLOSED:
            self._try(now)

    def _try(self, now: int) -> None:
        config = self._config
        try:
            network = self._network
            if network is not None:
                if not network.is_usable(now):
                    self._go(_NO_NETWORK)
                    self._log("info", "joining the Wi-Fi")
                    timeout = self._announce("wifi")
                    if self.phase == CLOSED:
                        return  # the callback has closed the client
                    network.connect(timeout, now)
                    if not network.is_up():
                        raise TransportError("the Wi-Fi gave no address")
                self._go(_NETWORK)
            timeout = self._announce("connect")
            if self.phase == CLOSED:
                return  # as above
            headers = {"User-Agent": "nerveshub_link"}
            if config.use_secret:
                headers.update(self._sign())
                self._before_open(timeout)
            self.socket.open(self._url, headers, timeout)
            self._go(_ASKED)
            self._late = 0
            self._since = config.clock()  # not now: the connect blocked
            if network is not None:
                network.reached(self._since)
        except Exception as error:
            now = config.clock()
            if self._network is not None and getattr(error, "reached", False):
                self._network.reached(now)
            self.lost(describe(error), now)

    def _announce(self, what: str) -> int:
        """Tell the application that the next step blocks; return the seconds that it may block."""
        timeout = self._before_open(self._config.connect_timeout)
        self._call(self._config.client.handle_blocking, what, timeout)
        return self._before_open(timeout)  # again, since the callback may have taken long

    def _sign(self) -> dict:
        if not self.time.is_set:
            # The server will refuse the request, but the refusal's Date header holds the time.
            self._log("warning", "the clock is not set: asking the server for the time")
        config = self._config
        seconds = max(self.time.now() - _CLOCK_SLACK, 0)
        # For a connect only: 2 KB that the rest of the session has.
        from .signing import build_headers  # noqa: PLC0415

        try:
            return build_headers(
                config.product_key, config.product_secret, config.identifier, seconds
            )
        finally:
            del build_headers
            forget("wire.signing")

    def _refused(self, head, now: int) -> None:
        from .refusals import handle  # noqa: PLC0415 seldom needed

        if handle(self, head, now):
            self._wait(_AGAIN, 0, now)
        del handle
        forget("wire.refusals")

    def _go(self, event: int) -> None:
        self.phase = next_state(_TABLE, self.phase, event)

    def _wait(self, event: int, delay: int, now: int) -> None:
        self._go(event)
        self._since = now
        self._delay = delay

    def lost(self, reason: str, now: int) -> None:
        """
        Close the connection, and connect again after the back-off.

        :param str reason: why, for the log
        :param int now: ticks in milliseconds
        """
        self.socket.abort()
        self.reason = reason
        self._start_over()
        self._wait(_LOST, self._backoff.next(), now)
        self._log("error", reason)

    def reconnect(self, now: int) -> None:
        """Close with a handshake of at most 2 s; the next tick connects again."""
        if self.phase == OPEN:
            self.socket.close(1000)
            self._since = now
            self._leaving = True
        else:
            self.hang_up(now)

    def hang_up(self, now: int) -> None:
        """Send a close frame and close without waiting; the next tick connects again."""
        self.socket.close(1000)
        self.socket.abort()
        self._start_over()
        self._wait(_AGAIN, 0, now)

    def close(self, now: int) -> None:
        """Send a close frame, close without waiting, and stay closed."""
        self._go(_CLOSE)
        self.hang_up(now)

    def succeeded(self) -> None:
        """Reset the back-off to its minimum: the device has stayed joined."""
        self.young = False
        self._backoff.reset()

    def why_restart(self, now: int):
        """
        Tell why a restart of the board may help: the network has not worked for long.

        :param int now: ticks in milliseconds
        :return: the reason in words, or None
        """
        return None if self._network is None else self._network.why_restart(now)

    def restarting(self, now: int) -> None:
        """Restart the count of the time without network: a restart was requested."""
        if self._network is not None:
            self._network.restarting(now)

    def stay(self, now: int) -> None:
        """Restart the count of the time without network: a download uses the network right now."""
        if self._network is not None:
            self._network.reached(now)
