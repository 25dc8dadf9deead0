# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.link`
====================================================

`NervesHubLink`, the object of the application: its options, and `NervesHubLink.poll`, which calls
the parts in turn. `Connection` opens the WebSocket, `Dispatch` routes its messages, `Channels`
speaks Phoenix, `UpdateManager` runs updates.

===================  =====================================  =====================================
``state``            what happens                           how it ends
===================  =====================================  =====================================
waiting_for_network  no Wi-Fi, or joining it failed         network up: connecting
waiting              back-off after a failure               the time is up: connecting
connecting           the upgrade's answer is due            accepted: joining. Else: waiting
joining              the device topic is being joined       accepted: joined; refused: joins again;
                                                            connection lost: waiting
joined               everything works                       connection lost: waiting; topic lost:
                                                            joining
closed               `NervesHubLink.deinit` was called      never
===================  =====================================  =====================================

The order of a poll: received messages, one step of an update, every 25 ms the timers. During an
update, messages are handled every 25 ms only.

This module is longer than other modules because it names and documents all options.
"""

import gc

from micropython import const

from .common.callbacks import LEVELS
from .common.memory import forget
from .common.ticks import elapsed
from .errors import describe, keep_timeout, timeouts

_TICK = const(25)  # milliseconds between two checks of the timers
_NO_WORDS = const("fault: out of memory")  # made before memory is short


class NervesHubLink:
    """
    The device's link to NervesHub. Ready after construction; call `poll` in the main loop.

    :param socket_pool: a socket pool, or CPython's ``socket`` module
    :param ssl_context: an SSL context that trusts the server's CA; None only with ``ssl=False``
    :param str host: the server's name
    :param int port: the server's port; None for 443, or 80 with ``ssl=False``
    :param bool ssl: False for an unencrypted connection, which only a development server accepts;
        the log warns of it, and of an ``ssl_context`` that does not verify the server
    :param str device_cert: path of the device's certificate (PEM); with ``device_key`` instead of
        a product key
    :param str device_key: path of the certificate's private key (PEM)
    :param str product_key: ``nhp_...`` of the product, or ``nhd_...`` of the device
    :param str product_secret: the secret that belongs to it
    :param str identifier: the device's name in NervesHub; by default the chip's unique id in hex
    :param dict firmware_meta: the running firmware's metadata, as texts: ``uuid``, ``product``,
        ``architecture``, ``version``, ``platform``; required unless ``fwup_writer`` provides it
    :param Client client: the application's decisions and callbacks
    :param FwupWriter fwup_writer: writes updates; or a tuple of several writers: each update goes
        to the first one that accepts it; without a writer, updates are ignored
    :param dict extensions: ``{"health": True, "logging": True}``, and ``geo``, ``local_shell``,
        ``network_identity`` or your own `Extension`; see the documentation's page of each
    :param Console console: a prompt for operators, or True for one with the defaults; everyone who
        may open it in NervesHub can run code on this device
    :param scripts: True to run the scripts that operators send, each in its own namespace; a dict
        of names that every script can use; ``"console"`` to run them in the console's namespace.
        Scripts, too, are code that operators run on this device
    :param radio: ``wifi.radio``, to reconnect the Wi-Fi when it is lost; None if the application
        does that
    :param logger: an ``adafruit_logging`` or ``logging`` logger for the link's log lines
    :param int heartbeat_interval: seconds between two heartbeats, 30
    :param int connect_timeout: seconds for each wait of a connect, 10
    :param int reply_timeout: seconds for the answer to the upgrade, a join or a heartbeat, 10
    :param int backoff_minimum: seconds before the first reconnect, 1
    :param int backoff_maximum: longest delay of a reconnect in seconds, 60; a random part of up to
        half of the delay is added
    :param int idle_timeout: seconds without a byte after which a download's connection is closed
        and a new one continues the download, 60
    :param int minimum_speed: bits per second, 30000: a download's connection is closed after the
        time that the rest of the image needs at this speed, but not before five minutes; 0 for no
        limit
    :param int download_retries: tries in a row without progress after which a download has failed,
        10; 0 to never try again
    :param int retry_delay: seconds between two tries, 15; a random part of up to half is added
    :param int download_timeout: seconds for the whole download, 86400
    :param int confirm_after: seconds joined after which new firmware is confirmed, 60
    :param bool auto_confirm: False if the application calls `confirm_update` itself
    :param int network_reset_after: seconds without Wi-Fi or an IP address after which
        `Client.reboot` is called, 1800; after the same time without reaching the server, the Wi-Fi
        is joined again; 0 for neither, and for no restart at all; only with ``radio``
    :param int server_reset_after: seconds without reaching the server after which `Client.reboot`
        is called although the Wi-Fi works, 21600; if that does not restart, again after 12 and 24
        hours, then every 24 hours (other values likewise); 0 for never; only with ``radio``
    :param int chunk_size: bytes of an update that one `poll` moves, 4096; the URL of a redirect
        must fit into it, too
    :param int receive_buffer: bytes of the buffer for messages, 2048; it grows for a longer message
        and shrinks again
    :param int max_message_size: bytes, 16384; longer messages are skipped
    :param bool allow_unverified: True to install updates that come without a checksum
    :param str network_interface: name of the interface, as NervesHub knows it: ``wlan0``,
        ``eth0``, ``wwan0``
    :param list connection_types: the types of connection that NervesHub shows; by default
        ``["wifi"]`` with ``radio``; [] for none
    :param bool request_public_keys: True to get the organization's signing keys at each join, see
        `Client.public_keys`
    :param str archive_folder: folder for archives; without one, archives are ignored
    :param str wifi_ssid: replaces CIRCUITPY_WIFI_SSID
    :param str wifi_password: replaces CIRCUITPY_WIFI_PASSWORD
    :param clock: function that returns ticks, as ``adafruit_ticks.ticks_ms``, which is the default
    :param time: function that returns seconds since 1970; None for ``time.time``
    :param random: function that returns a float from 0 to 1; None for ``random.random``
    :param urandom: function that returns a number of random bytes; None for ``os.urandom``
    :raises ValueError: for any mistake in the options, with the option's name
    :raises TypeError: for an option that does not exist, with its name
    """

    def __init__(  # noqa: PLR0913 the options of a device
        self,
        socket_pool,
        ssl_context=None,
        *,
        host,
        port=None,
        ssl=True,
        device_cert=None,
        device_key=None,
        product_key=None,
        product_secret=None,
        identifier=None,
        firmware_meta=None,
        client=None,
        fwup_writer=None,
        extensions=None,
        console=None,
        scripts=None,
        radio=None,
        logger=None,
        heartbeat_interval=30,
        connect_timeout=10,
        reply_timeout=10,
        backoff_minimum=1,
        backoff_maximum=60,
        idle_timeout=60,
        minimum_speed=30000,
        download_retries=10,
        retry_delay=15,
        download_timeout=86400,
        confirm_after=60,
        auto_confirm=True,
        network_reset_after=1800,
        server_reset_after=21600,
        chunk_size=4096,
        receive_buffer=2048,
        max_message_size=16384,
        allow_unverified=False,
        network_interface="wlan0",
        connection_types=None,
        request_public_keys=False,
        archive_folder=None,
        wifi_ssid=None,
        wifi_password=None,
        clock=None,
        time=None,
        random=None,
        urandom=None,
    ) -> None:
        from .construct import construct  # noqa: PLC0415 its memory is free again behind it

        (
            self._config,
            self._reporter,
            self._connection,
            self._channels,
            self._device,
            self._updates,
            self._restart,
            self._dispatch,
            self._archives,
            self._logs,
        ) = construct(
            self,
            socket_pool,
            ssl_context,
            {
                "host": host,
                "port": port,
                "ssl": ssl,
                "device_cert": device_cert,
                "device_key": device_key,
                "product_key": product_key,
                "product_secret": product_secret,
                "identifier": identifier,
                "firmware_meta": firmware_meta,
                "client": client,
                "fwup_writer": fwup_writer,
                "extensions": extensions,
                "console": console,
                "scripts": scripts,
                "radio": radio,
                "logger": logger,
                "heartbeat_interval": heartbeat_interval,
                "connect_timeout": connect_timeout,
                "reply_timeout": reply_timeout,
                "backoff_minimum": backoff_minimum,
                "backoff_maximum": backoff_maximum,
                "idle_timeout": idle_timeout,
                "minimum_speed": minimum_speed,
                "download_retries": download_retries,
                "retry_delay": retry_delay,
                "download_timeout": download_timeout,
                "confirm_after": confirm_after,
                "auto_confirm": auto_confirm,
                "network_reset_after": network_reset_after,
                "server_reset_after": server_reset_after,
                "chunk_size": chunk_size,
                "receive_buffer": receive_buffer,
                "max_message_size": max_message_size,
                "allow_unverified": allow_unverified,
                "network_interface": network_interface,
                "connection_types": connection_types,
                "request_public_keys": request_public_keys,
                "archive_folder": archive_folder,
                "wifi_ssid": wifi_ssid,
                "wifi_password": wifi_password,
                "clock": clock,
                "time": time,
                "random": random,
                "urandom": urandom,
            },
        )
        del construct
        forget("construct")
        self._clock = self._config.clock
        self._log = self._reporter.log
        self._ticked = self._clock()
        self._polling = False
        self._closed = False

    @classmethod
    def from_settings(cls, radio, **options):
        """
        Create a link from ``settings.toml``: NERVESHUB_HOST, NERVESHUB_PORT, NERVESHUB_SSL,
        NERVESHUB_PRODUCT_KEY, NERVESHUB_PRODUCT_SECRET, NERVESHUB_IDENTIFIER,
        NERVESHUB_DEVICE_CERT, NERVESHUB_DEVICE_KEY. With NERVESHUB_CA, the path of a PEM file, the
        link has its own SSL context, which trusts the CAs in that file; otherwise it uses the
        radio's.

        :param radio: ``wifi.radio``, which the link also reconnects when the Wi-Fi is lost; or
            another radio that ``adafruit_connection_manager`` supports, which the application
            connects
        :param options: the constructor's options; they override the settings
        :return: the `NervesHubLink`
        :raises ValueError: as the constructor
        """
        pool, context, given = _settings(radio, options)
        return cls(pool, context, **given)

    def __enter__(self):
        return self

    def __exit__(self, exc_type, exc_value, traceback) -> None:
        self.deinit()

    @property
    def state(self) -> str:
        """The phase, one of those in the table above (read-only)."""
        if self._closed:
            return "closed"
        if self._connection.is_open:
            return "joined" if self.connected else "joining"
        return self._connection.phase

    @property
    def connected(self) -> bool:
        """True while the device is joined: NervesHub sees it online (read-only)."""
        return self._device.joined

    @property
    def last_error(self):
        """The text of the last error, or None (read-only)."""
        return self._reporter.last_error

    @property
    def public_keys(self) -> dict:
        """
        The organization's signing keys from NervesHub: ``"fwup"`` and ``"archive"``, each a list of
        keys of 32 bytes; empty without ``request_public_keys`` (read-only).
        """
        return self._device.public_keys

    def poll(self) -> None:
        """
        Do the next piece of work. Call it often in the main loop.

        Never raises because of errors of the network, the server, the flash or a callback. It
        raises the watchdog's ``WatchDogTimeout`` if the application has set the watchdog to mode
        RAISE, and everything that is not an ``Exception``: KeyboardInterrupt (Ctrl-C), SystemExit,
        and CircuitPython's ReloadException and DeepSleepRequest. The connection is closed then, and
        the next `poll` opens a new one.

        Blocks only to join the Wi-Fi, to connect (signing included) and to erase a firmware bank,
        each announced by `Client.handle_blocking`; and while your own callbacks, your writer and
        operators' commands run.
        """
        if self._closed or self._polling:
            return
        # This is `now` if the clock raises. Everything that can raise is within the try: after an
        # exception outside, the link would stay "joined" and do nothing.
        now = self._ticked
        try:
            self._polling = True
            now = self._clock()
            passed = elapsed(now, self._ticked)
            due = passed >= _TICK
            if not passed and now != self._ticked:
                # The last poll() was over 5.8 days ago. Ticks wrap, so times noted then seem to be
                # in the future: connect again.
                self._ticked = now
                self._dispatch.drop("poll() was not called for days", now)
            updating = self._updates.active
            drained = True
            # During an update, chunks have priority: messages are read every 25 ms only.
            if self._connection.socket.state and (due or not updating):
                drained = self._dispatch.receive(now)
            # After a step that blocked, `now` is out of date: check no timers in this poll.
            if not (updating and self._update(now)) and due:
                self._ticked = now
                self._tick(now, drained)
        except Exception as error:
            self._fault(error, now)
        except BaseException as error:
            # Ctrl-C, a reload, SystemExit, at any point. The next poll() opens a new connection.
            self._fault(error, now)
            raise
        finally:
            self._polling = False
        if timeouts:
            error = timeouts[0]
            timeouts.clear()
            raise error

    def reconnect(self) -> None:
        """Close the connection, and let `poll` open a new one without a delay."""
        if not self._closed:
            now = self._ticked  # not from the clock, which may raise; this is accurate enough
            self._connection.reconnect(now)
            self._dispatch.lost("reconnect() was called", now)

    def confirm_update(self) -> bool:
        """
        Confirm the running firmware. With ``auto_confirm`` the link does this itself.

        :return: True if it is confirmed now; False if the writer failed, see ``last_error``
        """
        return self._device.confirm()

    def log(self, level: str, message: str) -> None:
        """
        Log a line; with ``extensions={"logging": True}``, in NervesHub, too.

        :param str level: ``"debug"``, ``"info"``, ``"warning"`` or ``"error"``
        :param str message: the line
        :raises ValueError: if there is no such level
        """
        if level not in LEVELS:
            raise ValueError("level must be one of debug, info, warning, error")
        message = str(message)
        logs = self._logs
        before = logs and logs.added
        self._reporter.pass_on(level, message)
        if logs is not None and logs.added == before:  # it was not the logger's handler
            logs.add(level, message)

    def deinit(self) -> None:
        """Drop a running update, close all connections, and stay closed."""
        if self._closed:
            return
        self._closed = True
        now = self._ticked
        self._connection.close(now)
        self._dispatch.lost("deinit() was called", now)
        self._device.close()
        if self._archives is not None:
            self._archives.close()
        self._updates.close()

    # The work of poll()

    def _update(self, now: int) -> bool:
        """Do the next step of an update. True if it may have blocked."""
        action = self._updates.step(now)
        if action == "reboot":
            self._restart.ask(now)
            self._updates.restart_noted()
        elif action == "rejoin" and self.connected:
            self._device.join(now)
        elif action == "blocks" and self.connected:
            self._channels.beat(now)
        elif action == "no room":
            self._make_room(now)
        return self._updates.blocked

    def _make_room(self, now: int) -> None:
        self._log("warning", "no memory for a second connection: hanging up for the download")
        self._connection.hang_up(now)
        self._dispatch.lost("making room for the download", now)
        gc.collect()

    def _tick(self, now: int, drained: bool) -> None:
        link, archives = self._connection, self._archives
        self._device.tick(now, link.socket.flushed)
        if self._updates.alone or (archives is not None and archives.alone):
            link.stay(now)  # no reconnect now, and the network does not count as lost
        else:
            link.tick(now, drained)
        if link.is_open:
            self._dispatch.tick(now, drained)
        elif self._updates.paused or not self._updates.active:
            why = link.why_restart(now)
            if why is not None:
                link.restarting(now)
                self._log("error", why + ": restarting")
                self._reporter.call(self._config.client.reboot)
        # Last, because it may block.
        if archives is not None and (link.is_open or archives.alone):
            if archives.tick(now):
                self._make_room(now)

    def _fault(self, error, now: int) -> None:
        """Drop the connection after an unexpected exception, since poll() must not raise."""
        try:
            reason = "fault: " if isinstance(error, Exception) else "interrupted: "
            reason += describe(error)
        except Exception as another:
            keep_timeout(another)
            reason = _NO_WORDS  # the connection must be dropped, even without the error's text
        try:
            if self._connection.socket.state or self._reporter.last_error != reason:
                # Reported only once if every poll() raises the same error.
                self._dispatch.drop(reason, now)
        except Exception as another:
            keep_timeout(another)
            self._reporter.last_error = "fault while handling a fault"


def _settings(radio, options: dict) -> tuple:
    # In a function of its own, whose variables do not keep the module in memory any longer.
    from .link_settings import arguments  # noqa: PLC0415 this way of making a link only

    made = arguments(radio, options)
    del arguments
    forget("link_settings", "config.settings")
    return made
