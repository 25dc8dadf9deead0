# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Real links and the development hub over TCP and TLS: a device's life, and what disturbs it."""

import random

import pytest
from nerveshub_tools.server import HubThread
from support.ca import ThrowawayCa
from support.desk import META, NEW_META
from support.hub_board import Board, tls_of

from nerveshub_link import FileWriter, HealthProvider

IMAGE = random.Random(7).randbytes(150_000)
ALL = "health logging".split()


class Health(HealthProvider):
    def health_check(self):
        return {"cpu_temp": 41.5}


@pytest.fixture(params=["tcp", "tls", "certificate"])
def world(request, tmp_path):
    """A hub, and the options of a device that it lets in: by secret over TCP and TLS, and mTLS."""
    if request.param == "tcp":
        with HubThread() as hub:
            yield hub, {}
            assert hub.violations == []
        return
    ca, tls = tls_of(tmp_path)
    options = {"ssl_context": ca.client_context()}
    if request.param == "certificate":
        options["device_cert"], options["device_key"] = ca.issue_device("dev-1")
    with HubThread(tls=tls) as hub:
        yield hub, options
        assert hub.violations == []


@pytest.fixture
def hub():
    with HubThread() as running:
        yield running
        assert running.violations == []


def test_device_lives_from_its_first_join_to_a_confirmed_update(world, tmp_path):
    hub, options = world
    path = str(tmp_path / "image.bin")
    hub.add_firmware(IMAGE, NEW_META)
    with Board(
        hub,
        fwup_writer=FileWriter(path, META),
        extensions={"health": Health(), "logging": True},
        **options,
    ) as board:
        board.join()
        assert board.device.meta["uuid"] == META["uuid"]
        assert board.device.validated
        board.until(lambda: board.device.interface == "wlan0")
        board.until(lambda: board.device.health and board.device.attached >= set(ALL))
        assert board.device.health[-1]["metrics"] == {"cpu_temp": 41.5}
        board.link.log("info", "hello from the device")
        board.until(lambda: board.device.logs)
        assert board.device.logs[-1]["message"] == "hello from the device"
        board.skip(31)
        board.until(lambda: "heartbeat" in board.events("phoenix"))
        hub.push_update("dev-1", NEW_META["uuid"])
        board.until(lambda: board.client.named("reboot"))
        hub.wait(lambda one: "rebooting" in board.events())
        statuses = [
            value["status"] for _, event, value in board.device.events if event == "status_update"
        ]
        assert statuses == ["received", "started", "completed"]
        assert board.device.inflight.status == "completed"
    with open(path, "rb") as file:
        assert file.read() == IMAGE
    with Board(hub, fwup_writer=FileWriter(path, META), **options) as board:
        board.join()
        assert board.device.meta["uuid"] == NEW_META["uuid"]
        assert board.device.meta["version"] == "2.0.0"
        assert board.device.inflight is None
        assert not board.device.validated
        board.poll_for(65)
        board.until(lambda: board.device.validated)
    with Board(hub, fwup_writer=FileWriter(path, META), **options) as board:
        board.join()
        assert board.device.validated
        assert board.client.named("fwup_error") == []
    hub.wait(lambda one: not one.device("dev-1").connected)


def test_deployment_reaches_the_device_and_goes_on_over_a_lost_connection(hub, tmp_path):
    hub.add_firmware(IMAGE, NEW_META)
    hub.download_rate = 400_000
    hub.deploy(NEW_META["uuid"])
    with Board(hub, fwup_writer=FileWriter(str(tmp_path / "image"), META)) as board:
        board.join()
        board.until(lambda: any("value" in payload for _, _, payload in board.device.events))
        hub.close("dev-1", 1011)
        board.until(lambda: not board.link.connected)
        board.skip(2)
        board.join()
        assert board.device.join["currently_downloading_uuid"] == NEW_META["uuid"]
        hub.download_rate = 1e9
        board.until(lambda: board.client.named("reboot"))
        hub.wait(lambda one: one.device("dev-1").inflight.status == "completed")
        assert len(board.client.named("update_available")) == 1


@pytest.mark.parametrize(
    "disturb, said",
    [
        (
            lambda hub: hub.close("dev-1", 1001),
            "closed by the server with code 1001, soon after the join: does another device use the "
            "same identifier?",
        ),
        (lambda hub: hub.drain(), "closed by the server with code 1012"),
        (lambda hub: hub.close("dev-1", 1000), "closed by the server with code 1000"),
        (lambda hub: hub.crash("dev-1", "device"), "the server closed the device's channel"),
    ],
)
def test_device_comes_back_by_itself(hub, disturb, said):
    with Board(hub) as board:
        board.join()
        disturb(hub)
        board.until(lambda: not board.link.connected)
        assert board.link.last_error == said
        assert board.client.named("handle_disconnected") == [("handle_disconnected", said)]
        board.skip(6)
        board.join()
        assert len(board.client.named("handle_connected")) == 2


def test_crash_of_the_extensions_leaves_the_device_joined(hub):
    with Board(hub, extensions={"health": Health()}) as board:
        board.join().until(lambda: board.device.health)
        hub.crash("dev-1", "extensions")
        board.until(lambda: not board.link._channels.is_joined("extensions"))
        board.skip(6)
        count = len(board.device.health)
        board.until(lambda: len(board.device.health) > count)
        assert board.client.named("handle_disconnected") == []
        assert board.device.connections == 1


def test_second_device_with_the_same_identifier_throws_the_first_one_out(hub):
    with Board(hub) as first, Board(hub) as second:
        first.join()
        second.join()
        first.until(lambda: not first.link.connected)
        assert first.link.last_error.endswith("does another device use the same identifier?")
        assert second.link.connected


def test_operator_identifies_reboots_and_runs_a_script(hub):
    with Board(hub) as board:
        board.join()
        hub.identify("dev-1")
        board.until(lambda: board.client.named("identify"))
        ref = hub.run_script("dev-1", "1 + 1")
        board.until(lambda: board.device.scripts.get(ref))
        assert board.device.scripts[ref] == "scripts are off on this device"
        hub.reboot("dev-1")
        board.until(lambda: board.client.named("reboot"))
        hub.wait(lambda one: "rebooting" in board.events())


def test_extension_is_switched_off_and_on_by_the_operator(hub):
    with Board(hub, extensions={"health": Health()}) as board:
        board.join().until(lambda: board.device.health)
        hub.set_extension("health", False)
        hub.set_extension("health", True)
        count = len(board.device.health)
        board.until(lambda: len(board.device.health) > count)


def test_several_links_live_side_by_side_on_two_hubs(hub):
    with (
        HubThread() as other,
        Board(hub, "a") as one,
        Board(hub, "b") as two,
        Board(other, "a") as three,
    ):
        boards = (one, two, three)
        for board in boards:
            board.until(lambda b=board: b.link.connected and b.device.joined, boards)
        assert sorted(hub.identifiers()) == ["a", "b"]
        assert other.identifiers() == ["a"]
        hub.identify("b")
        one.until(lambda: two.client.named("identify"), boards)
        assert one.client.named("identify") == three.client.named("identify") == []
        two.link.deinit()
        hub.wait(lambda running: not running.device("b").connected)
        for board in (one, three):
            board.skip(31)
            board.until(lambda b=board: "heartbeat" in b.events("phoenix"), (one, three))
        assert one.link.connected and three.link.connected
        assert other.violations == []


# Refusals: the hub counts these as violations, as the real server answers 401


def test_wrong_secret_is_refused_in_words():
    with HubThread() as hub, Board(hub, product_secret="wrong") as board:
        board.until(lambda: board.link.last_error)
        assert board.link.last_error == (
            "refused by the server (HTTP 401): check product_key, product_secret and identifier"
        )
        assert hub.violations


def test_device_without_a_clock_is_let_in_at_the_second_try():
    with HubThread() as hub, Board(hub, time=lambda: 946_684_800) as board:
        board.join()
        assert "the clock is not set" in board.log.text
        assert "the clock was off by" in board.log.text
        upgrades = [request for request in hub.requests if "device-socket" in request[1]]
        assert len(upgrades) == 2


def test_server_that_is_not_available_is_waited_for(hub):
    hub.unavailable = "platform is down"
    with Board(hub) as board:
        board.until(lambda: board.link.last_error)
        assert board.link.last_error == "refused by the server (HTTP 503): platform is down"
        hub.unavailable = None
        hub.violations.clear()
        board.skip(3)
        board.join()


def test_redirect_of_the_upgrade_is_followed(hub):
    hub.redirects.append((302, "/device-socket/websocket?vsn=2.0.0"))
    with Board(hub) as board:
        board.join()
        assert "redirected to http://127.0.0.1" in board.log.text


def test_server_whose_certificate_is_not_trusted_gets_nothing(tmp_path):
    _, tls = tls_of(tmp_path)
    other = ThrowawayCa(tmp_path, "another CA")
    with HubThread(tls=tls) as hub, Board(hub, ssl_context=other.client_context()) as board:
        board.until(lambda: board.link.last_error)
        assert "certificate" in board.link.last_error.lower()
        assert hub.requests == []
        assert board.link.state == "waiting"


def test_device_certificate_of_another_ca_is_not_let_in(tmp_path):
    ca, tls = tls_of(tmp_path)
    cert, key = ThrowawayCa(tmp_path, "another CA").issue_device("dev-1")
    context = ca.client_context()
    with (
        HubThread(tls=tls) as hub,
        Board(hub, ssl_context=context, device_cert=cert, device_key=key) as board,
    ):
        board.until(lambda: board.link.last_error)
        assert not hub.device("dev-1").connected
        assert not board.link.connected


def test_hub_that_is_away_is_waited_for_and_found_again():
    with HubThread() as hub:
        port, key, secret = hub.port, hub.product_key, hub.product_secret
        board = Board(hub)
        board.join()
    with board:
        board.until(lambda: not board.link.connected)
        board.skip(2)
        board.until(lambda: "can't connect to" in board.log.text)
        with HubThread(port=port, product_key=key, product_secret=secret) as again:
            board.hub = again
            board.skip(200)
            board.join()
            assert again.violations == []
