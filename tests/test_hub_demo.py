# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""The demonstration and the simulated device: the real library in a process of its own."""

import contextlib
import hashlib
import io
import queue

import hub_replay
import pytest
from nerveshub_tools import demo as demo_module
from nerveshub_tools.ca import Authority
from nerveshub_tools.demo import STEPS, Demo
from nerveshub_tools.server import HubThread
from nerveshub_tools.simulated_device import FACTORY, SimulatedDevice
from nerveshub_tools.tls import ServerTls
from rich.console import Console

assert hub_replay  # it puts the tools of the working tree on the path
NEW = {**FACTORY, "uuid": "00000000-0000-4000-8000-000000000002", "version": "2.0.0"}
TIMEOUT = 30


class Events(queue.Queue):
    def until(self, name, **fields):
        """The first event of this name and with these fields."""
        while True:
            event = self.get(timeout=TIMEOUT)
            if event["event"] == name and fields.items() <= event.items():
                return event


@contextlib.contextmanager
def simulated(hub, folder, **options):
    events = Events()
    given = {"identifier": "dev", "host": "localhost", "port": hub.port, "confirm_after": 1}
    secret = {"product_key": hub.product_key, "product_secret": hub.product_secret}
    if "device_cert" not in options:
        given.update(secret)
    with SimulatedDevice(folder, events.put, **{**given, **options}) as device:
        yield device, events


def play(**options):
    output = io.StringIO()
    code = Demo(Console(file=output, width=200), image_size=50_000, rate=None, **options).run()
    return code, output.getvalue()


def test_demo_shows_every_step_in_order_and_succeeds():
    code, output = play()
    assert code == 0, output
    at = [output.index(f" s  {word} ") for word in STEPS]
    assert at == sorted(at)
    assert "running " + FACTORY["uuid"] in output
    assert "100 %" in output


def test_demo_fails_when_the_image_is_not_what_was_announced():
    code, output = play(tweaks={"checksum": "0" * 64})
    assert code == 1
    assert "failed" in output
    assert "rebooting" not in output


def test_demo_fails_when_it_takes_too_long():
    code, output = play(timeout=0)
    assert code == 1
    assert "'connected' did not happen within 0 s" in output


def test_demo_fails_when_the_real_server_would_have_refused_something(monkeypatch):
    class Complaining(HubThread):
        def __init__(self, **settings):
            super().__init__(**settings)
            self.refuse("something")

    monkeypatch.setattr(demo_module, "HubThread", Complaining)
    code, output = play()
    assert code == 1
    assert "the real server would have refused: something" in output


def meddled(monkeypatch, meddle):
    """Play the demonstration; ``meddle(hub, device)`` comes just before its last look."""
    check = Demo._check
    monkeypatch.setattr(
        Demo, "_check", lambda self, hub, device: (meddle(hub, device), check(self, hub, device))
    )
    code, output = play()
    assert "validated" in output
    return code, output.splitlines()[-1]


def test_demo_fails_when_the_installed_image_is_not_the_one_that_was_pushed(monkeypatch):
    def flip_a_bit(_, device):
        data = bytearray(device.image.read_bytes())
        data[-1] ^= 1
        device.image.write_bytes(data)

    assert meddled(monkeypatch, flip_a_bit) == (
        1,
        "failed: the installed image is not the one that was pushed",
    )


def test_demo_fails_when_the_device_runs_something_else_in_the_end(monkeypatch):
    def run_factory(hub, _):
        with hub.changing():
            hub._devices[demo_module.IDENTIFIER].meta = dict(FACTORY)

    code, last = meddled(monkeypatch, run_factory)
    assert code == 1
    assert last == f"failed: the hub believes it runs {FACTORY['uuid']}, validated"


def test_demo_fails_when_the_new_firmware_is_not_confirmed_in_the_end(monkeypatch):
    def take_back(hub, _):
        with hub.changing():
            hub._devices[demo_module.IDENTIFIER].validation = "not_validated"

    code, last = meddled(monkeypatch, take_back)
    assert code == 1
    assert last.startswith("failed: the hub believes it runs ")
    assert last.endswith(", not_validated")


def test_demo_fails_when_the_device_comes_back_on_the_old_firmware(monkeypatch):
    class Forgetful(SimulatedDevice):
        def _boot(self):
            # What it has installed is gone when it starts, as after an automatic revert.
            for path in self.image.parent.iterdir():
                path.unlink()
            return super()._boot()

    monkeypatch.setattr(demo_module, "SimulatedDevice", Forgetful)
    code, output = play()
    assert code == 1
    last = output.splitlines()[-1]
    assert last == f"failed: the device came back on {FACTORY['uuid']} (version 1.0.0)"


def test_simulated_device_updates_over_plain_http_and_keeps_its_image(tmp_path):
    image = bytes(range(256)) * 100
    with HubThread() as hub, simulated(hub, tmp_path, ssl=False) as (device, events):
        hub.add_firmware(image, NEW)
        hub.wait(lambda hub: hub.device("dev").joined, TIMEOUT)
        hub.push_update("dev", NEW["uuid"])
        events.until("verified")
        events.until("reboot")
        assert events.until("boot")["uuid"] == NEW["uuid"]
        hub.wait(lambda hub: hub.device("dev").meta["uuid"] == NEW["uuid"], TIMEOUT)
        hub.wait(lambda hub: hub.device("dev").validated, TIMEOUT)
        events.until("confirmed")
        assert hub.device("dev").interface == "wlan0"
        hub.wait(lambda hub: hub.device("dev").health, TIMEOUT)
        assert hub.device("dev").health[0]["metrics"]["uptime_seconds"] > 0
        assert not hub.violations
        assert not hub.dropped
    assert hashlib.sha256(device.image.read_bytes()).digest() == hashlib.sha256(image).digest()


def test_simulated_device_boots_again_when_told_to_and_shows_itself(tmp_path):
    with HubThread() as hub, simulated(hub, tmp_path, ssl=False) as (_, events):
        hub.wait(lambda hub: hub.device("dev").joined, TIMEOUT)
        hub.identify("dev")
        events.until("identify")
        hub.reboot("dev")
        events.until("reboot")
        hub.wait(lambda hub: hub.device("dev").connections == 2, TIMEOUT)
        assert ("device", "rebooting", {}) in hub.device("dev").events


def test_simulated_device_comes_in_by_its_certificate(tmp_path):
    authority = Authority(tmp_path / "ca")
    tls = ServerTls(*authority.server(), client_ca=authority.cert)
    cert, key = authority.client("by-certificate")
    options = {"ca": authority.cert, "device_cert": cert, "device_key": key}
    with HubThread(tls=tls) as hub, simulated(hub, tmp_path / "dev", **options):
        hub.wait(lambda hub: hub.device("by-certificate").joined, TIMEOUT)
        assert not hub.violations


def test_simulated_device_does_not_talk_to_a_hub_that_it_has_no_reason_to_trust(tmp_path):
    authority, other = Authority(tmp_path / "ca"), Authority(tmp_path / "other")
    tls = ServerTls(*authority.server())
    with HubThread(tls=tls) as hub, simulated(hub, tmp_path / "dev", ca=other.cert) as (_, events):
        text = ""
        while "certificate" not in text:
            text = (events.until("state")["error"] or "").lower()
        assert not hub.requests


def test_simulated_device_says_what_is_wrong_with_its_options(tmp_path):
    with HubThread() as hub, simulated(hub, tmp_path, ssl=False, host="a b") as (_, events):
        assert "host" in events.until("fatal")["text"]
        assert events.until("exit")["code"] == 1


@pytest.mark.parametrize("number", range(2))
def test_simulated_device_can_be_switched_off_at_once(tmp_path, number):
    with HubThread() as hub, simulated(hub, tmp_path, ssl=False):
        if number:
            hub.wait(lambda hub: hub.device("dev").connected, TIMEOUT)
