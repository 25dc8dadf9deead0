# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
How deep poll() calls, in frames. CircuitPython keeps all frames in 2 KB (1.5 KB before 10), and the
application's own loop has to fit in, too. Counted on CPython, where they can be watched: frames of
this package and of Adafruit's libraries; what is Python on a computer but native on a board is not
counted, and neither is the inside of callbacks.
"""

import socket
import ssl
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

from nerveshub_tools.server import HubThread
from nerveshub_tools.tls import ServerTls
from support.ca import ThrowawayCa

import nerveshub_link
from nerveshub_link import Client, Console, HealthProvider, NervesHubLink

from .device import Counter
from .rows import at_most

_AIM = 16
_PACKAGE = Path(nerveshub_link.__file__).parent
_IMAGE = bytes(50_000)
_NEW = {"uuid": "new", "version": "1.1.0", "platform": "board", "architecture": "xtensa"}

# The first feature whose function is on the stack has it; what is none of them is "the rest".
_FEATURES = (
    ("operator's code", "code_runner.run"),  # so many frames lie above it
    ("files of the console", "file_transfer."),
    ("console", "console"),
    ("connect and TLS", "connection._try"),
    ("update: connect", "downloader._connect"),
    ("update: chunk", "manager._download"),
    ("update: verify", "manager._verify"),
    ("update: finish", "manager._install"),
    ("update: offer", "manager.offer"),
    ("health", "health."),
    ("logging", "device_logs."),
    ("extensions", "router."),
    ("join", "topic.join"),
    ("message", "dispatch._message"),
)


class _Watch:
    """Notes the deepest stack of each feature, by CPython's profiler."""

    def __init__(self) -> None:
        self.deepest = {}

    def __call__(self, frame, event, _argument) -> None:
        if event != "call":
            return
        chain = _chain(frame)
        if not chain:
            return
        feature = _feature(chain)
        if len(chain) > len(self.deepest.get(feature, ())):
            self.deepest[feature] = chain


def _chain(frame) -> list:
    """Frames that a board would have, innermost first, down to poll(); [] if this is not ours."""
    if not _counts(frame.f_code.co_filename):
        return []
    names = []
    while frame is not None:
        file = frame.f_code.co_filename
        if _counts(file):
            names.append(Path(file).stem + "." + frame.f_code.co_name)
            if names[-1] == "link.poll":
                return names
        elif file == __file__:
            return []  # in a callback, or not in poll() at all
        frame = frame.f_back
    return []


@cache  # asked for each frame of each call
def _counts(file: str) -> bool:
    path = Path(file)
    return _PACKAGE in path.parents or path.name.startswith("adafruit_")


def _feature(chain: list) -> str:
    for feature, mark in _FEATURES:
        if any(name.startswith(mark) for name in chain):
            return feature
    return "the rest"


class _App(Client):
    rebooted = False

    def reboot(self) -> None:
        self.rebooted = True

    def identify(self) -> None:
        """A client with its own identify(), since a computer has no LED."""


class _Health(HealthProvider):
    def health_check(self) -> dict:
        return {"cpu_temp": 42.0}


def measure() -> list:
    """One row for each feature, the deepest first."""
    watch = _Watch()
    with tempfile.TemporaryDirectory() as folder:
        ca = ThrowawayCa(Path(folder))
        tls = ServerTls(*ca.issue("localhost", "127.0.0.1"))
        with HubThread(tls=tls) as hub:
            sys.setprofile(watch)
            try:
                _converse(hub, ca, folder)
            finally:
                sys.setprofile(None)
    missing = [feature for feature, _ in _FEATURES if feature not in watch.deepest]
    assert not missing, "never seen: {}".format(missing)
    found = sorted(watch.deepest.items(), key=lambda item: -len(item[1]))
    rows = [at_most("frames under poll(): " + name, len(at), _AIM, "{}") for name, at in found]
    rows[0].value += " (" + " > ".join(reversed(found[0][1])) + ")"
    return rows


def _converse(hub, ca, folder: str) -> None:
    """A session in which everything happens once."""
    app = _App()
    link = NervesHubLink(
        socket,
        ssl.create_default_context(cafile=str(ca.path)),
        host="localhost",
        port=hub.port,
        product_key=hub.product_key,
        product_secret=hub.product_secret,
        identifier="bench",
        client=app,
        fwup_writer=Counter(set()),
        extensions={"health": _Health(), "logging": True},
        console=Console(upload_folder=folder),
        scripts=True,
    )
    device = "bench"
    with link:
        _poll(link, lambda: len(hub.device(device).attached) == 2)
        hub.identify(device)
        hub.request_health(device)
        link.log("info", "a line")
        _poll(link, lambda: hub.device(device).health and hub.device(device).logs)
        hub.run_script(device, "x = 1")
        _poll(link, lambda: "console" in hub.device(device).topics)
        hub.push(device, "console", "file-data/start", {"filename": "a"})
        hub.push(device, "console", "file-data", {"filename": "a", "data": "QUJD"})
        hub.push(device, "console", "file-data/stop", {"filename": "a"})
        hub.push(device, "console", "dn", {"data": "x = 1\r"})
        _poll(link, lambda: ">>> x = 1\r\n>>> " in hub.device(device).console)
        hub.push_update(device, hub.add_firmware(_IMAGE, _NEW))
        _poll(link, lambda: app.rebooted)


def _poll(link, done) -> None:
    """
    Poll until it is done. The hub is a thread of this process: without a pause the polls, which are
    watched and therefore slow, may keep the interpreter's lock from it for a minute.
    """
    for _ in range(20_000):
        link.poll()
        if done():
            return
        assert link.last_error is None, link.last_error
        time.sleep(0.001)
    raise AssertionError("the session does not get on")
