# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
The connection of a firmware download is broken at every byte that matters: the real link, a real
hub, a proxy between them. No wrong image is ever committed, and the right one always is in the end.
"""

import random

import pytest
from nerveshub_tools.server import HubThread
from nerveshub_tools.tls import ServerTls
from support.ca import ThrowawayCa
from support.fault_bench import NAME, NEW_META, UUID, Device
from support.fault_proxy import Fault, FaultProxy

IMAGE = random.Random(12).randbytes(6000)
IN_A_ROW = 9  # faults that bring no byte, in one download: fewer than it bears


@pytest.fixture(name="hub", scope="module")
def running_hub():
    with HubThread() as hub:
        hub.add_firmware(IMAGE, NEW_META)
        yield hub


@pytest.fixture(name="lengths", scope="module")
def measured_lengths(hub):
    """How many bytes a request has, and the head of its answer."""
    with FaultProxy(hub.port) as proxy:
        update(hub, proxy)
        passed = dict(proxy.passed[0])
    return passed["up"], passed["down"] - len(IMAGE)


def update(hub, proxy, **tweaks):
    """One device, one update through the proxy; return the device at its end."""
    url = hub.firmware_url(UUID).replace(":%d/" % hub.port, ":%d/" % proxy.port)
    with Device(hub, IMAGE) as device:
        device.until(lambda: device.link.connected)
        hub.push_update(NAME, UUID, firmware_url=url, **tweaks)
        # A stalled connection is given up after a minute, and so is a head without an end.
        device.until(lambda: device.ended, lambda: hurry(proxy, device))
        assert device.writer.wrong == 0
        device.until(lambda: device.link.connected)
    return device


def hurry(proxy, device):
    """How many seconds pass at once, where nothing comes: none before the fault has happened."""
    if not proxy.harmed(device.downloads) and not device.writer.commits:
        return 0
    return 30 if proxy.holding else 5


def survive(hub, faults, in_a_row=IN_A_ROW):
    """Let all faults happen, several in one download; each download must succeed."""
    for at in range(0, len(faults), in_a_row):
        some = faults[at : at + in_a_row]
        with FaultProxy(hub.port, some) as proxy:
            device = update(hub, proxy)
            assert proxy.fired >= len(some), some
        assert device.writer.commits == 1, (some, device.log.text)
        assert device.client.named("fwup_error") == []
    assert hub.violations == []
    print("%d fault points" % len(faults))


def spread(length, count):
    """Positions within a length: the first and last ones, and some of those between."""
    middle = range(8, length - 8, max(1, (length - 16) // count))
    return sorted({at for at in [*range(8), *middle, *range(length - 8, length)] if at >= 0})


def test_connection_that_is_reset_at_once_and_one_that_is_refused(hub):
    survive(hub, [Fault("reset", "up", 0)] * IN_A_ROW)
    with FaultProxy(hub.port, listening=False) as proxy:
        url = hub.firmware_url(UUID).replace(":%d/" % hub.port, ":%d/" % proxy.port)
        with Device(hub, IMAGE) as device:
            device.until(lambda: device.link.connected)
            hub.push_update(NAME, UUID, firmware_url=url)
            device.until(lambda: device.log.text.count("next try") == 5)
            proxy.listen()
            device.until(lambda: device.ended)
            assert (device.writer.commits, device.writer.wrong) == (1, 0)
    assert hub.violations == []
    print("5 fault points")


@pytest.mark.parametrize("kind", ["cut", "reset", "stall"])
def test_request_that_does_not_arrive_whole(hub, lengths, kind):
    survive(hub, [Fault(kind, "up", at) for at in spread(lengths[0], 30)])


@pytest.mark.parametrize("kind", ["cut", "reset", "stall"])
def test_head_of_the_answer_that_ends_at_each_of_its_bytes(hub, lengths, kind):
    every = range(lengths[1]) if kind == "cut" else spread(lengths[1], 25)
    survive(hub, [Fault(kind, "down", at) for at in every])


@pytest.mark.parametrize("kind", ["cut", "reset", "stall"])
def test_body_that_ends_at_many_of_its_bytes_and_before_its_last_one(hub, lengths, kind):
    # Each on a connection of its own, counted from where that one's body begins.
    heads = lengths[1]
    places = [heads + at for at in spread(len(IMAGE), 60)]
    survive(hub, [Fault(kind, "down", at) for at in places], in_a_row=1)


def test_breaks_pile_up_and_the_rest_gets_ever_smaller(hub, lengths):
    # The head of a 206 is a little longer, so each connection brings some 200 bytes.
    faults = [Fault("cut", "down", lengths[1] + 250)] * 20
    with FaultProxy(hub.port, faults) as proxy:
        device = update(hub, proxy)
        bodies = sum(passed["down"] for passed in proxy.passed)
        assert proxy.fired == 20
    assert (device.writer.commits, device.writer.wrong) == (1, 0)
    assert bodies < len(IMAGE) + 22 * (lengths[1] + 100)  # no byte of the body twice
    print("20 fault points")


def test_1_4_megabytes_broken_20_times_take_at_most_a_tenth_more_bytes():
    image = random.Random(14).randbytes(1_400_000)
    with (
        HubThread() as hub,
        FaultProxy(hub.port, [Fault("cut", "down", 65_000 + 7 * at) for at in range(20)]) as proxy,
    ):
        hub.add_firmware(image, NEW_META)
        hub.url = "http://%s:%d" % (proxy.host, proxy.port)
        hub.deploy(UUID)
        with Device(hub, image, chunk_size=4096) as device:
            device.until(lambda: device.ended)
        assert (device.writer.commits, device.writer.wrong) == (1, 0)
        assert proxy.fired == 20
        downloaded = sum(passed["down"] for passed in proxy.passed)
        assert len(image) < downloaded <= 1.1 * len(image)
        assert hub.violations == []
    print("20 fault points, %.4f times the bytes" % (downloaded / len(image)))


@pytest.mark.parametrize("way", ["up", "down"])
def test_dripping_is_no_fault_at_all(hub, lengths, way):
    length = lengths[0] if way == "up" else lengths[1] + len(IMAGE)
    for at in (0, length // 3, length - 2):
        with FaultProxy(hub.port, [Fault("drip", way, at)]) as proxy:
            assert update(hub, proxy).writer.commits == 1
            assert proxy.connections == 1
    print("3 fault points")


# Plain TCP, bits that flip


def test_flipped_bit_in_the_head_of_the_answer(hub, lengths):
    places = spread(lengths[1], 60)
    survive(hub, [Fault("flip", "down", at, bit=at % 7) for at in places], in_a_row=1)


def test_flipped_bit_in_the_image_is_noticed_and_it_is_fetched_again(hub, lengths):
    places = [lengths[1] + at for at in spread(len(IMAGE), 30)]
    survive(hub, [Fault("flip", "down", at, bit=at % 8) for at in places], in_a_row=2)


def test_flipped_bit_in_the_image_of_every_download_is_no_image(hub, lengths):
    with FaultProxy(hub.port, [Fault("flip", "down", lengths[1] + 9)] * 99) as proxy:
        device = update(hub, proxy)
        assert proxy.connections == 3
    assert device.writer.commits == 0
    hub.wait(lambda hub: "checksum" in (hub.device(NAME).audit or [""])[-1])
    assert hub.violations == []
    print("3 fault points")


def test_flipped_bit_in_the_request_asks_for_something_else_at_worst(hub, lengths):
    # What does not exist is a plain no, which ends the update: the operator pushes it again.
    places = spread(lengths[0], 40)
    installed = 0
    for at in places:
        with FaultProxy(hub.port, [Fault("flip", "up", at, bit=at % 7)]) as proxy:
            device = update(hub, proxy)
            installed += device.writer.commits
            if not device.writer.commits:
                (reason,) = [call[1] for call in device.client.named("fwup_error")]
                assert reason.startswith("download: HTTP 4"), reason
    assert installed > len(places) // 3
    # The hub notes requests that the real server would not understand either.
    hub.violations.clear()
    print("%d fault points" % len(places))


# TLS


def test_tls_connection_that_breaks_in_the_handshake_and_in_each_record(tmp_path):
    ca = ThrowawayCa(tmp_path)
    with HubThread(tls=ServerTls(*ca.issue("localhost", "127.0.0.1"))) as hub:
        hub.add_firmware(IMAGE, NEW_META)

        def run(proxy):
            url = hub.firmware_url(UUID).replace(":%d/" % hub.port, ":%d/" % proxy.port)
            with Device(hub, IMAGE, ssl_context=ca.client_context(), connect_timeout=1) as device:
                device.until(lambda: device.link.connected)
                hub.push_update(NAME, UUID, firmware_url=url)
                device.until(lambda: device.ended, lambda: hurry(proxy, device))
                assert device.writer.wrong == 0
                device.until(lambda: device.link.connected)
            return device

        with FaultProxy(hub.port) as proxy:
            run(proxy)
            total = dict(proxy.passed[0])
        faults = [
            Fault(kind, way, at, bit=3)
            for kind in ("cut", "reset", "flip")
            for way, step in (("up", 211), ("down", 397))
            for at in range(1, total[way] - 60, step)
        ]
        for at in range(0, len(faults), 5):
            some = faults[at : at + 5]
            with FaultProxy(hub.port, some) as proxy:
                device = run(proxy)
                assert device.writer.commits == 1, (some, device.log.text)
        assert hub.violations == []
    print("%d fault points" % len(faults))
