# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
How fast an update goes, and how cheap a poll is that finds nothing to do.

By the processor's time, which does not count what other programs on the machine take: all that is
measured here is work. The VM can't tell it, and is measured by the clock.
"""

import gc
import hashlib
import socket
from statistics import median
from time import thread_time

import adafruit_connection_manager
import adafruit_requests

from . import server
from .device import CHUNK, Counter, make
from .rows import Row, at_least, at_most

_ROUNDS = 9
_POLLS = 20_000
_HEAP = 200 * 1024


def measure(vm, short: bool = False) -> list:
    """
    All rows of this module.

    :param vm: a `support.vm.Vm` that has adafruit_requests
    :param bool short: True for one round
    """
    rounds = 1 if short else _ROUNDS
    with server.BenchServer() as other:
        throughput = _interleaved(_update, _requests, other.port, rounds)
        idle = _interleaved(_idle, _bare, other.port, rounds)
        rows = [
            at_least(
                "update through poll(), speed against a bare loop over adafruit_requests",
                median(bare / ours for ours, bare in throughput),
                0.9,
                "{:.2f} times",
            ),
            at_most(
                "idle poll(), time against one bare recv_into",
                median(ours / bare for ours, bare in idle),
                5,
                "{:.1f} times",
            ),
        ]
        rows += _in_vm(vm, other.port, 1 if short else 5)
    return rows


def _interleaved(first, second, port: int, rounds: int) -> list:
    """Several rounds of both, in turns: what disturbs the machine disturbs both."""
    measured = []
    for _ in range(rounds):
        gc.collect()
        measured.append((first(port), second(port)))
    return measured


class _Bare(Counter):
    """Adds up the bytes only: the loop beside it does not note what happened, either."""

    def fwup_chunk(self, data: memoryview) -> None:
        self.count += len(data)


def _update(port: int) -> float:
    """Seconds of work from the response's head to the last byte hashed and written."""
    link, app, writer, _ = make(port, server.WHOLE, _Bare)
    with link:
        while not writer.begun:
            link.poll()
        begun = thread_time()
        while writer.count < server.SIZE:
            link.poll()
        seconds = thread_time() - begun
        while not app.rebooted:
            link.poll()
            assert app.failed is None, app.failed
    return seconds


def _requests(port: int) -> float:
    """The same bytes by adafruit_requests, hashed in pieces of the same size."""
    manager = adafruit_connection_manager
    try:
        session = adafruit_requests.Session(socket, None)
        address = "http://127.0.0.1:{}/{}".format(port, server.WHOLE)
        with session.get(address, timeout=10) as response:
            begun = thread_time()
            digest = hashlib.new("sha256")
            for chunk in response.iter_content(CHUNK):
                digest.update(chunk)
            seconds = thread_time() - begun
    finally:
        manager.connection_manager_close_all(socket)
    assert digest.digest() == hashlib.sha256(server.IMAGE).digest()
    return seconds


def _idle(port: int) -> float:
    link, _, _, _ = make(port, server.NO_UPDATE)
    with link:
        while not link.connected:
            link.poll()
        poll = link.poll
        poll()
        begun = thread_time()
        for _ in range(_POLLS):
            poll()
        seconds = thread_time() - begun
        assert link.connected
    return seconds


def _bare(port: int) -> float:
    with socket.create_connection(("127.0.0.1", port)) as peer:
        peer.settimeout(0)
        buffer = bytearray(CHUNK)
        receive = peer.recv_into
        begun = thread_time()
        for _ in range(_POLLS):
            try:
                receive(buffer)
            except OSError:
                pass
        return thread_time() - begun


def _in_vm(vm, port: int, rounds: int) -> list:
    if vm is None:
        return [Row("the same in the VM", "no MicroPython")]
    options = {"host": "127.0.0.1", "port": port, "size": server.SIZE}
    result = vm.run("yardstick", {**options, "rounds": rounds}, heap=_HEAP)
    assert result.code == 0 and result.all("update"), result
    speeds = [line["bare"] / line["ours"] for line in result.all("update")]
    idles = [line["ours"] / line["bare"] for line in result.all("idle")]
    return [
        at_least("the same speed in the VM, over the shims", median(speeds), 0.9, "{:.2f} times"),
        at_most("the same idle poll() in the VM, over the shims", median(idles), 5, "{:.1f} times"),
    ]
