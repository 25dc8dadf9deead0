# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.simulated_device`
================================================================================

A device without a board: keeps a `nerveshub_tools.device_process` running and starts it again
whenever it reboots. Its folder is its flash: ``firmware`` and what `FileWriter` keeps beside it. To
code that an operator runs on it, that folder is all there is (`nerveshub_tools.board_paths`).
"""

import subprocess
import threading
from pathlib import Path
from typing import Callable, Optional

from . import child_process

_REBOOT = 17  # device_process.REBOOT; that module needs the library, this one does not
FACTORY = {
    "uuid": "00000000-0000-4000-8000-000000000001",
    "product": "demo",
    "architecture": "generic",
    "version": "1.0.0",
    "platform": "simulated",
}
"""What a new simulated device reports to run."""


class SimulatedDevice:
    """
    :param folder: where the device keeps its files; made if it is not there
    :param on_event: called, from a thread, with each event: a dict with the key ``event``
    :param str host: of the hub
    :param int port: of the hub
    :param str identifier: the device's name
    :param bool ssl: False for an unencrypted connection
    :param str ca: path of the CA that the hub's certificate must come from; the system's if None
    :param str product_key: shared secret's key
    :param str product_secret: shared secret
    :param str device_cert: client certificate, instead of a shared secret
    :param str device_key: its private key
    :param dict meta: what it runs at first; `FACTORY` if None
    :param int confirm_after: seconds after which new firmware is confirmed
    :param bool console: True for a console and scripts: whoever operates the hub runs code here
    """

    def __init__(  # noqa: PLR0913 - options, keyword only
        self,
        folder,
        on_event: Callable[[dict], None],
        *,
        host: str,
        port: int,
        identifier: str,
        ssl: bool = True,
        ca: Optional[str] = None,
        product_key: Optional[str] = None,
        product_secret: Optional[str] = None,
        device_cert: Optional[str] = None,
        device_key: Optional[str] = None,
        meta: Optional[dict] = None,
        confirm_after: int = 60,
        console: bool = False,
    ) -> None:
        # Without links: the device's process takes no path that leads through one.
        folder = Path(folder).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        self.image = folder / "firmware"
        """Where the installed image lies."""
        self._on_event = on_event
        self._options = {
            "image": str(self.image),
            "host": host,
            "port": port,
            "identifier": identifier,
            "ssl": ssl,
            "ca": ca,
            "product_key": product_key,
            "product_secret": product_secret,
            "device_cert": device_cert,
            "device_key": device_key,
            "meta": meta or FACTORY,
            "confirm_after": confirm_after,
            "uploads": str(folder / "uploads") if console else None,
        }
        self._child: Optional[subprocess.Popen] = None
        self._stopping = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="device", daemon=True)

    def __enter__(self) -> "SimulatedDevice":
        self._thread.start()
        return self

    def __exit__(self, *_exception) -> None:
        self.stop()

    def join(self) -> None:
        """Wait until the device has ended for good."""
        self._thread.join()

    def stop(self) -> None:
        """Switch it off."""
        with self._lock:
            self._stopping = True
            child = self._child
            if child:
                child_process.close(child)
        if child:
            child_process.reap(child)
        self._thread.join()

    def _run(self) -> None:
        while True:
            child = self._boot()
            if child is None:
                return
            for event in child_process.events(child):
                self._on_event(event)
            code = child.wait()
            child_process.close(child)
            if code != _REBOOT:
                if not self._stopping:
                    self._on_event({"event": "exit", "code": code})
                return

    def _boot(self) -> Optional[subprocess.Popen]:
        with self._lock:
            if self._stopping:
                return None
            self._child = child_process.start("nerveshub_tools.device_process", self._options)
        return self._child
