# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
The WebSocket's connection is broken at every phase: connect, TLS handshake, upgrade, join, frames
in both directions, during an update whose own connection is whole. The device always comes back,
the update is always installed, and the hub sees nothing that the real server would crash on.
"""

import random

import pytest
from nerveshub_tools.hub import OperatorError
from nerveshub_tools.server import HubThread
from nerveshub_tools.tls import ServerTls
from support.ca import ThrowawayCa
from support.fault_bench import NAME, NEW_META, UUID, Device
from support.fault_proxy import Fault, FaultProxy

IMAGE = random.Random(13).randbytes(3000)


@pytest.fixture(name="hub", scope="module")
def running_hub():
    with HubThread() as hub:
        hub.add_firmware(IMAGE, NEW_META)
        yield hub


@pytest.fixture(name="lengths", scope="module")
def measured_lengths(hub):
    """How many bytes go up and down, from the connect to the last word of an update."""
    with FaultProxy(hub.port) as proxy:
        session(hub, proxy)
        return dict(proxy.passed[0])


def session(hub, proxy, ssl_context=None):
    """
    Join through the proxy, and take an update as an operator would see to it: pushed by hand, and
    pushed again if it got lost with a connection or in a damaged frame.
    """
    # Without waiting for a minute between two tries: that is not what is tested here.
    options = {"backoff_maximum": 1, "idle_timeout": 5, "connect_timeout": 1}

    def hurry():
        return 20 if proxy.holding else 10 * bool(proxy.fired)

    with Device(hub, IMAGE, proxy.port, ssl_context, **options) as device:
        for _ in range(4):
            device.until(lambda: device.link.connected and hub.device(NAME).joined, hurry)
            pushed_at = device.ahead
            try:
                if hub.device(NAME).inflight is not None:
                    hub.reconnect(NAME)  # and the server forgets it
                    device.until(lambda: not device.link.connected, hurry)
                    continue
                hub.push_update(NAME, UUID)
            except OperatorError:
                continue  # the connection has just gone
            device.until(lambda at=pushed_at: device.ended or lost(device, at), hurry)
            if device.writer.commits:
                break
            device.client.heard.clear()
        assert device.writer.wrong == 0
        # The restart is told of, after a reconnection if need be.
        device.until(lambda: device.client.named("reboot") and device.link.connected, hurry)
    return device


def lost(device, pushed_at):
    """Did the offer never come?"""
    late = not device.link.connected or device.ahead - pushed_at > 300_000
    return late and not device.link._updates.active


def survive(hub, faults, strict=True, **options):
    fired = 0
    for fault in faults:
        with FaultProxy(hub.port, [fault]) as proxy:
            device = session(hub, proxy, **options)
            assert device.writer.commits == 1, (fault, device.log.text)
            # Two sessions differ a little: how often progress is told, what shares a TLS record.
            fired += bool(proxy.fired)
        if strict:
            assert hub.violations == [], fault
        hub.violations.clear()
    assert fired >= len(faults) * 9 // 10
    print("%d fault points" % fired)


def spread(length, count):
    return list(range(0, length, max(1, length // count)))


def test_connection_that_is_reset_at_once(hub):
    survive(hub, [Fault("reset", "up", 0)])


@pytest.mark.parametrize("kind", ["cut", "reset", "stall"])
@pytest.mark.parametrize("way", ["up", "down"])
def test_connection_that_ends_anywhere_between_upgrade_and_last_word(hub, lengths, way, kind):
    survive(hub, [Fault(kind, way, at) for at in spread(lengths[way] - 10, 40)])


@pytest.mark.parametrize("way", ["up", "down"])
def test_connection_that_drips_from_anywhere_on(hub, lengths, way):
    survive(hub, [Fault("drip", way, at) for at in spread(lengths[way] - 10, 6)])


@pytest.mark.parametrize("way", ["up", "down"])
def test_bit_that_flips_anywhere(hub, lengths, way):
    # A corrupted frame is another frame: the hub sees texts that no device would send, and says so.
    faults = [Fault("flip", way, at, bit=at % 8) for at in spread(lengths[way] - 10, 40)]
    survive(hub, faults, strict=False)


def test_tls_connection_that_breaks_in_the_handshake_and_behind_it(tmp_path):
    ca = ThrowawayCa(tmp_path)
    with HubThread(tls=ServerTls(*ca.issue("localhost", "127.0.0.1"))) as hub:
        hub.add_firmware(IMAGE, NEW_META)
        context = ca.client_context()
        with FaultProxy(hub.port) as proxy:
            session(hub, proxy, context)
            lengths = dict(proxy.passed[0])
        faults = [
            Fault(kind, way, at, bit=2)
            for kind in ("cut", "reset", "flip")
            for way in ("up", "down")
            for at in spread(lengths[way] - 40, 6)
        ]
        survive(hub, faults, ssl_context=context)
