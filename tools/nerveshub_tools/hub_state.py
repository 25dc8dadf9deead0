# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.hub_state`
================================================================================

The development hub's state: devices, sockets, keys, firmware, and violations of the protocol.

Separate from what an operator does with it (`nerveshub_tools.hub`) and from any I/O. One lock
guards all state, so every public method may be called from any thread; `HubState.wait` sleeps on
it until something has changed.
"""

import contextlib
import threading
import time as _time
from typing import Any, Callable, Dict, Generator, List, Optional

from .auth import Credential, new_key
from .connection import Connection
from .devices import Device
from .download_faults import DownloadFaults
from .download_ledger import DownloadLedger
from .extensions_channel import ALL as ALL_EXTENSIONS
from .firmware import Firmware, proxied
from .organization import Organization
from .presigned import LIFETIME, presign


class OperatorError(Exception):
    """Raised when the server can't do now what the operator asks for."""


def locked(method: Callable) -> Callable:
    """Run a method under the hub's lock, then wake all that wait for a change."""

    def call(self, *args, **kwargs):
        with self.changing():
            return method(self, *args, **kwargs)

    call.__name__, call.__doc__ = method.__name__, method.__doc__
    return call


class HubState:
    """
    State of one product.

    :param str product: name of the product
    :param str organization: name of the organization that it belongs to
    :param str product_key: ``nhp_...``; a random one if None
    :param str product_secret: its secret; a random one if None
    :param clock: gives unix time in seconds; everything that depends on time asks it
    :param float idle_timeout: seconds without a frame after which a socket is closed with 1002
    :param extensions: names of the extensions that are switched on
    :param str public_url: what firmware addresses begin with; the hub's own address if None
    """

    def __init__(  # noqa: PLR0913 - settings, keyword only
        self,
        *,
        product: str = "demo",
        organization: str = "desk",
        product_key: Optional[str] = None,
        product_secret: Optional[str] = None,
        clock: Callable[[], float] = _time.time,
        idle_timeout: float = 180,
        extensions=ALL_EXTENSIONS,
        public_url: Optional[str] = None,
    ) -> None:
        self.product = product
        self.organization = Organization(organization)
        self.product_key = product_key or new_key("nhp_")
        self.product_secret = product_secret or new_key("")
        self.clock = clock
        self.started_at = clock()
        self.idle_timeout = idle_timeout
        self.extensions = set(extensions)
        self.url = public_url
        self.firmware_proxy_url: Optional[str] = None
        self.url_lifetime: Optional[int] = None
        """Seconds for which firmware addresses are good, like those of an object store; None for
        addresses of the server's own files, which are always valid"""
        self.download_faults = DownloadFaults()
        """What shall go wrong with downloads"""
        self.public_keys: List[str] = []
        self.archive: Optional[dict] = None
        self.connecting_code: Optional[str] = None
        self.unavailable: Optional[str] = None
        """Set to a text and every upgrade is answered 503 with it."""
        self.violations: List[str] = []
        """Everything the real server would have refused or crashed on."""
        self.dropped: List[str] = []
        """Everything that it would have ignored silently."""
        self.requests: List[tuple] = []
        """(method, path with query, headers) of every HTTP request, upgrades too"""
        self.redirects: List[tuple] = []
        """(status, location) to answer the next upgrades with"""
        self.listeners: List[Callable[[str, str, str, Any], None]] = []
        """Called with (identifier, topic, event, payload) of every message, under the lock; and
        with the topic "socket" and "connected" or "disconnected". They must not wait."""
        self.wakers: List[Callable[[], None]] = []
        """Called after each change, from any thread; for those who cannot sleep in `wait`."""
        self.download_rate: Optional[float] = None
        """Bytes per second at which firmware goes out; None for as fast as it can"""
        self.changed = threading.Condition(threading.RLock())
        self.credentials: Dict[str, Credential] = {
            self.product_key: Credential(self.product_secret)
        }
        self.firmwares: Dict[str, Firmware] = {}
        self.deleted: set = set()
        self._devices: Dict[str, Device] = {}
        self.downloads = DownloadLedger(self._devices)
        """Which bytes of firmware have gone out, and to whom"""
        self._connections: Dict[str, Connection] = {}

    # What happened

    def refuse(self, text: str) -> None:
        """Remember something that the real server refuses or crashes on."""
        self.violations.append(text)

    def drop(self, text: str) -> None:
        """Remember something that the real server ignores in silence."""
        self.dropped.append(text)

    def tell(self, identifier: str, topic: str, event: str, payload: Any = None) -> None:
        """Tell the listeners what a device did."""
        for listener in list(self.listeners):
            listener(identifier, topic, event, payload)

    def offer_deployments(self, device: Device) -> None:
        """Called after each join of a device; `nerveshub_tools.hub` has deployments."""

    def device(self, identifier: str) -> Device:
        """A copy of what is known about a device; an empty one if it never connected."""
        with self.changed:
            found = self._devices.get(identifier)
            return found.snapshot() if found else Device(identifier)

    def identifiers(self) -> List[str]:
        """Every device that ever connected."""
        with self.changed:
            return list(self._devices)

    @contextlib.contextmanager
    def changing(self) -> Generator[None, None, None]:
        """Hold the lock, then wake whoever waits for a change."""
        with self.changed:
            try:
                yield
            finally:
                self.changed.notify_all()
                for waker in list(self.wakers):
                    waker()

    def wait(self, predicate: Callable[["HubState"], Any], timeout: float = 10) -> Any:
        """
        Sleep until ``predicate(hub)`` is true and give its value; TimeoutError otherwise.

        It is looked at again whenever something has happened, not every few milliseconds.
        """
        with self.changed:
            value = self.changed.wait_for(lambda: predicate(self), timeout)
        if not value:
            raise TimeoutError(f"not within {timeout} s; violations: {self.violations}")
        return value

    @locked
    def add_device(self, identifier: str, **fields) -> Device:
        """Register a device before it connects for the first time; `KeyError` if it is there."""
        if identifier in self._devices:
            raise KeyError(identifier)
        device = Device(identifier, id=len(self._devices) + 1, **fields)
        self._devices[identifier] = device
        return device.snapshot()

    @locked
    def change_device(self, identifier: str, **fields) -> Device:
        """Set fields of a device's record, such as its tags."""
        for name, value in fields.items():
            setattr(self._devices[identifier], name, value)
        return self._devices[identifier].snapshot()

    @locked
    def delete_device(self, identifier: str) -> None:
        """Let the device in no more. As on the server, a socket that is open stays so."""
        self.deleted.add(identifier)

    # Sockets (called by the server)

    @locked
    def connect(self, identifier: str, wake: Callable[[], None] = lambda: None) -> Connection:
        """An authenticated socket: creates the device, ends an older socket of it with 1001."""
        device = self._devices.get(identifier)
        if device is None:
            device = self._devices[identifier] = Device(identifier, id=len(self._devices) + 1)
        older = self._connections.get(identifier)
        if older:
            older.close(1001)
        device.connected = True
        device.connections += 1
        device.seen_at = self.clock()
        connection = self._connections[identifier] = Connection(self, device, wake)
        self.tell(identifier, "socket", "connected")
        return connection

    @locked
    def disconnected(self, connection: Connection) -> None:
        """The socket of a connection is gone, whoever closed it."""
        connection.closing = True
        connection.phoenix.terminate()
        device = connection.device
        if self._connections.get(device.identifier) is connection:
            del self._connections[device.identifier]
            device.connected = False
            device.seen_at = connection.received_at
            self.tell(device.identifier, "socket", "disconnected")

    @locked
    def tick(self) -> None:
        """Do what is due by the clock. The server calls it every second."""
        now = self.clock()
        for connection in list(self._connections.values()):
            if not connection.closing and now - connection.received_at >= self.idle_timeout:
                self.refuse(f"{connection.device.identifier} was idle for {self.idle_timeout} s")
                connection.close(1002)
        for device in self._devices.values():
            device.expire(now)

    # Firmware

    def known_meta(self, uuid: str) -> Optional[dict]:
        """Metadata of an uploaded firmware."""
        firmware = self.firmwares.get(uuid)
        return dict(firmware.meta) if firmware else None

    @locked
    def add_firmware(self, image: bytes, meta: dict) -> str:
        """Upload an image; ``meta`` has at least uuid and version. Gives the uuid."""
        firmware = Firmware.of(image, {"product": self.product, **meta})
        self.firmwares[firmware.uuid] = firmware
        return firmware.uuid

    def presigned_url(
        self, uuid: str, lifetime: int = LIFETIME, identifier: Optional[str] = None
    ) -> str:
        """An object store's address of a firmware, maybe of a device's own."""
        query = presign(self.product_secret, uuid, self.clock(), lifetime, identifier)
        return f"{self.url}/s3/{uuid}.{self.firmwares[uuid].extension}?{query}"

    def firmware_url(self, uuid: str, identifier: Optional[str] = None) -> str:
        """
        Where the firmware is: ``/firmware/1/<uuid>.fw``, or a presigned address if `url_lifetime`
        says so; maybe behind the proxy.
        """
        if self.url_lifetime is None:
            url = f"{self.url}/firmware/1/{uuid}.{self.firmwares[uuid].extension}"
        else:
            url = self.presigned_url(uuid, self.url_lifetime, identifier)
        return proxied(self.firmware_proxy_url, url) if self.firmware_proxy_url else url

    def update_payload(
        self,
        uuid: str,
        deployment_id: Optional[int] = None,
        identifier: Optional[str] = None,
        **tweaks,
    ) -> dict:
        """Payload of an ``update`` event. ``tweaks`` replace fields of it."""
        url = self.firmware_url(uuid, identifier)
        return {**self.firmwares[uuid].update_payload(url, deployment_id), **tweaks}
