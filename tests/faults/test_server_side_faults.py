# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
What the firmware server itself does to a download, as the hub plays it: addresses that expire,
ranges ignored or answered wrongly, files that are ill; and what the server remembers afterwards.
"""

import random
import time

import pytest
from nerveshub_tools.download_faults import Fault
from nerveshub_tools.server import HubThread
from support.fault_bench import NAME, NEW_META, UUID, Device

IMAGE = random.Random(15).randbytes(1_100_000)
DAY = 86_400
LIFETIME = 600  # shorter than a day, so that the server has not forgotten the update by then


class Clock:
    ahead = 0

    def __call__(self):
        return time.time() + self.ahead


@pytest.fixture(name="clock")
def hubs_clock():
    return Clock()


@pytest.fixture(name="hub")
def running_hub(clock):
    with HubThread(clock=clock, idle_timeout=10**9) as hub:
        hub.add_firmware(IMAGE, NEW_META)
        yield hub
        assert hub.violations == []


@pytest.fixture(name="device")
def joined_device(hub):
    with Device(hub, IMAGE, chunk_size=4096) as device:
        device.until(lambda: device.link.connected)
        yield device
        assert device.writer.wrong == 0


def statuses(hub):
    events = hub.device(NAME).events
    return [what["status"] for _, event, what in events if event == "status_update"]


def ranges(hub):
    return [headers.get("range") for _, path, headers in hub.requests if UUID in path]


def break_off(hub, device, at=500_000):
    """Let the download that comes break off, and stop the time there."""
    hub.download_faults.add(Fault(cut=at))
    device.until(lambda: "broke off at %d" % at in device.log.text)


def finish(device):
    device.until(lambda: device.ended)
    assert device.client.named("fwup_error") == []
    assert device.writer.commits == 1


def test_url_of_a_deployment_that_expired_is_renewed_and_the_download_goes_on(hub, device, clock):
    hub.url_lifetime = LIFETIME
    hub.deploy(UUID)
    break_off(hub, device)
    clock.ahead += LIFETIME
    finish(device)
    assert ranges(hub) == [None, "bytes=500000-", "bytes=500000-"]
    hub.wait(lambda hub: statuses(hub)[-1:] == ["completed"])
    assert statuses(hub) == ["received", "started"] * 2 + ["completed"]
    assert hub.device(NAME).connections == 1
    assert hub.device(NAME).blocked_until is None


def test_url_of_a_push_by_hand_that_expired_fails_and_says_what_to_do(hub, device, clock):
    hub.url_lifetime = LIFETIME
    hub.push_update(NAME, UUID)
    break_off(hub, device)
    clock.ahead += LIFETIME
    device.until(lambda: device.ended)
    hub.wait(lambda hub: statuses(hub)[-1:] == ["failed"])
    assert statuses(hub) == ["received", "started", "failed"]
    (reason,) = [call[1] for call in device.client.named("fwup_error")]
    assert reason.startswith("download: HTTP 403 from http://127.0.0.1:")
    assert reason.endswith(
        "/22222222-2222-2222-2222-222222222222.fw: has the URL expired? Push again"
    )
    assert hub.device(NAME).audit[-1] == "update %s failed: %r" % (UUID, reason)
    assert hub.device(NAME).inflight is None
    device.client.heard.clear()
    hub.push_update(NAME, UUID)
    finish(device)


def test_url_that_can_not_be_renewed_costs_the_device_a_day_once(hub, device, clock):
    hub.download_faults.add(Fault(status=403), times=None)
    hub.deploy(UUID)
    device.until(lambda: device.ended)
    hub.wait(lambda hub: statuses(hub)[-1:] == ["failed"])
    assert statuses(hub) == ["received", "started"] * 2 + ["failed"]
    blocked = hub.device(NAME).blocked_until - clock()
    assert DAY - 60 < blocked <= DAY
    hub.recheck_deployments()
    hub.download_faults.clear()
    clock.ahead += DAY
    device.client.heard.clear()
    hub.recheck_deployments()
    finish(device)


def test_deployment_that_is_withdrawn_meanwhile_fails_without_a_word_to_a_server_that_forgot(
    hub, device
):
    hub.deploy(UUID)
    hub.download_faults.add(Fault(status=403))
    hub.wait(lambda hub: hub.device(NAME).inflight)
    hub.deployments.clear()
    device.until(lambda: device.ended, hurry=lambda: 10)
    assert device.client.named("fwup_error") == [
        ("fwup_error", "download: URL expired, and the server has not offered the update again")
    ]
    assert statuses(hub) == ["received", "started"]
    device.client.heard.clear()
    hub.deploy(UUID)
    finish(device)


def test_update_that_the_server_forgot_in_a_long_pause_is_offered_again_and_goes_on(hub, clock):
    with Device(hub, IMAGE, chunk_size=4096, retry_delay=1600) as device:
        device.until(lambda: device.link.connected)
        hub.deploy(UUID)
        hub.download_faults.add(Fault(cut=500_000))
        device.patient = True

        def ended():
            clock.ahead = device.ahead / 1000  # the same half hour passes for both
            return device.ended

        device.until(ended)
        finish(device)
        assert ranges(hub) == [None, "bytes=500000-"]
        hub.wait(lambda hub: statuses(hub)[-1:] == ["completed"])
        assert statuses(hub)[:4] == ["received", "started"] * 2


@pytest.mark.parametrize(
    ("fault", "asked"),
    [
        (Fault(ignore_range=True), [None, "bytes=500000-"]),
        (Fault(content_range="bytes 0-9/10"), [None, "bytes=500000-", None]),
        (Fault(content_range="bytes 500001-1099999/1100000"), [None, "bytes=500000-", None]),
        (Fault(status=416), [None, "bytes=500000-", None]),
        (Fault(status=500), [None] + ["bytes=500000-"] * 2),
        (Fault(status=503), [None] + ["bytes=500000-"] * 2),
        (Fault(status=429), [None] + ["bytes=500000-"] * 2),
        (Fault(drop=True), [None] + ["bytes=500000-"] * 2),
        (Fault(cut=0), [None] + ["bytes=500000-"] * 2),
        (Fault(corrupt=600_000), [None, "bytes=500000-", None]),
        (Fault(corrupt=1_099_999), [None, "bytes=500000-", None]),
    ],
)
def test_fault_of_the_server_at_the_second_try_is_mended(hub, device, fault, asked):
    hub.download_faults.add(Fault(cut=500_000), fault)
    hub.deploy(UUID)
    finish(device)
    assert ranges(hub) == asked
    hub.wait(lambda hub: statuses(hub)[-1:] == ["completed"])
    assert statuses(hub) == ["received", "started", "completed"]


@pytest.mark.parametrize(
    ("fault", "idle_timeout", "words"),
    [
        (Fault(stall=500_000), 60, "went silent after 500000 bytes"),
        (Fault(stall=500_000), 600, "slower than 30000 bit/s at 500000 of"),
        (Fault(drip=300), 600, "slower than 30000 bit/s at "),
    ],
)
def test_stalled_or_dripping_server_is_left_and_asked_for_the_rest(hub, fault, idle_timeout, words):
    hub.download_faults.add(fault)
    with Device(hub, IMAGE, chunk_size=4096, idle_timeout=idle_timeout) as device:
        device.until(lambda: device.link.connected)
        hub.deploy(UUID)
        device.until(lambda: words in device.log.text, hurry=lambda: 5)
        finish(device)
        assert device.writer.wrong == 0
    first, second = ranges(hub)
    assert first is None and second.startswith("bytes=")


def test_damaged_part_is_noticed_before_the_whole_was_fetched(hub, device):
    hub.download_faults.add(Fault(corrupt=5))
    hub.deploy(UUID)
    finish(device)
    assert "part 1 of 2 is damaged" in device.log.text
    broken_at = int(device.log.text.split("broke off at ")[1].split(" ")[0])
    # The piece that ends the part is not counted: it never reached the writer.
    assert (1 << 20) - 4096 <= broken_at < (1 << 20) + 4096
    assert ranges(hub) == [None, None]


def test_server_with_other_bytes_than_it_says_is_given_up_after_three_goes(hub, device):
    hub.download_faults.add(Fault(corrupt=1_050_000), times=None)
    hub.deploy(UUID)
    device.until(lambda: device.ended)
    assert device.client.named("fwup_error") == [
        ("fwup_error", "download: part 2 of 2 is damaged: its checksum is wrong")
    ]
    assert ranges(hub) == [None] * 3
    hub.wait(lambda hub: statuses(hub) == ["received", "started", "failed"])
    assert hub.device(NAME).blocked_until is not None
