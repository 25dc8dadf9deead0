# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.extensions.geo_ip`
====================================================

Finds the device's approximate location by its public IP address: asks the Nerves project's
whenwhere service, as NervesHub's other clients do
(https://github.com/nerves-networking/whenwhere). The service answers a GET with JSON, in which
latitude and longitude are texts, and returns the request's nonce in a header, which no cache and no
captive portal does.

The service is a third party that learns of this device, so it is asked only if the application
passes a `GeoIp`. Only connecting blocks (for a limited time, announced by
`Client.handle_blocking`); the answer is read as it arrives, into 2 KB, and not during an update.
"""

import json

from micropython import const

from ..common.ticks import elapsed
from ..errors import NervesHubError, ProtocolError, describe
from ..wire.http_head import HeadReader, parse_url, request_head
from .geo import answer, failure

_TIMEOUT = const(10 * 1000)  # milliseconds for the whole answer
_LIMIT = const(2048)  # bytes of the whole answer; CloudFront's heads have about 600

_HEADERS = const(" content-length date x-nonce ")

_IDLE = const(0)
_DUE = const(1)
_ASKING = const(2)


class GeoIp:
    """
    Asks a whenwhere server for the location. Pass it as ``extensions={"geo": GeoIp()}``.

    :param str url: URL of the server
    :raises ValueError: if the URL is invalid
    """

    def __init__(self, url: str = "https://whenwhere.nerves-project.org/") -> None:
        try:
            parse_url(url)
        except (ValueError, AttributeError) as error:
            raise ValueError("url of GeoIp: " + str(error)) from None
        self._address = url
        self._state = _IDLE
        self._transport = None

    def location(self):
        """Return None: the answer comes from `poll`."""
        return None

    def setup(self, port) -> None:
        """Take the port. Called by the link."""
        self._port = port
        self._transport = port.transport()

    def start(self, now: int) -> None:
        """
        Ask, as soon as no update is running.

        :param int now: ticks in milliseconds
        """
        if self._state == _IDLE:
            self._state = _DUE

    def cancel(self) -> None:
        """Cancel the request."""
        self._close()

    def poll(self, now: int):
        """
        Do the next step of a request.

        :param int now: ticks in milliseconds
        :return: the payload of ``location:update``, also for a failure; None if not finished
        """
        if self._state == _IDLE or self._port.updates.active:
            if self._state == _ASKING:
                self._close()
                self._state = _DUE  # the update needs the memory
            return None
        try:
            if self._state == _DUE:
                self._ask()
            elif self._since is None:
                self._since = now  # not earlier, since connecting has blocked
            elif elapsed(now, self._since) >= _TIMEOUT:
                raise NervesHubError("no answer from " + self._url.host)
            else:
                return self._go_on()
        except Exception as error:
            self._close()
            return failure("HTTP_ERROR", describe(error))
        return None

    def _ask(self) -> None:
        config = self._port.config
        self._nonce = bytes(config.urandom(8)).hex()
        mark = "&" if "?" in self._address else "?"
        self._url = url = parse_url(self._address + mark + "nonce=" + self._nonce)
        self._buffer = bytearray(_LIMIT)
        self._head = HeadReader(self._buffer, names=_HEADERS)
        headers = {"User-Agent": "nerveshub_link", "Connection": "close"}
        self._request = memoryview(request_head(url, headers))
        try:
            config.client.handle_blocking("geo", config.connect_timeout)
        except Exception as error:
            self._port.log("error", "handle_blocking: " + describe(error))
        self._transport.open(url.host, url.port, url.tls, config.connect_timeout)
        self._since = None
        self._end = None  # of the body in the buffer, once the head is there
        self._state = _ASKING

    def _go_on(self):
        if len(self._request):
            self._request = self._request[self._transport.send(self._request) :]
        elif self._transport.readable():
            head = self._head
            count = self._transport.recv_into(head.space())
            if self._end is not None:
                head.end += count
            elif count and head.received(count):
                self._judge(head)
            if self._end is not None and head.end >= self._end:
                return self._finish()
            if head.end == _LIMIT:
                raise ProtocolError("answer longer than %d bytes" % _LIMIT)
        return None

    def _judge(self, head) -> None:
        if head.status != 200:
            raise NervesHubError("HTTP %d from %s" % (head.status, self._url.host))
        if head.headers.get("x-nonce") != self._nonce:
            raise ProtocolError("wrong nonce in the answer: a captive portal?")
        try:
            length = int(head.headers["content-length"])
        except (KeyError, ValueError):
            raise ProtocolError("answer without a length") from None
        self._end = head.start + length

    def _finish(self) -> dict:
        head = self._head
        body = bytes(self._buffer[head.start : self._end])
        date = head.headers.get("date")
        self._close()
        if not self._port.time.is_set:
            # A device with a certificate has no other source for the time.
            self._port.time.correct(date)
        found = json.loads(body.decode())
        if not isinstance(found, dict) or "latitude" not in found or "longitude" not in found:
            return failure("NO_LOCATION", "the service can't locate this address")
        place = {"latitude": found["latitude"], "longitude": found["longitude"], "source": "geoip"}
        return answer(place)

    def _close(self) -> None:
        self._state = _IDLE
        self._transport.close()
        self._buffer = self._head = self._request = None
