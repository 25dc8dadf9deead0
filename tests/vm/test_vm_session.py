# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Whole sessions with a hub, by the library inside MicroPython."""

import hashlib
import random

import pytest
from nerveshub_tools.server import HubThread
from nerveshub_tools.tls import ServerTls
from support.ca import ThrowawayCa
from support.fault_proxy import Fault, FaultProxy
from support.raw_server import RawServer, read_head, read_to_end, server_frame, upgrade
from support.vm import Vm, build, heap_limit

pytestmark = pytest.mark.vm

IMAGE = random.Random(1).randbytes(1_400_000)
META = {"uuid": "new", "version": "1.1.0", "platform": "board", "architecture": "xtensa"}


@pytest.fixture(scope="module")
def drive(tmp_path_factory):
    return build(tmp_path_factory.mktemp("drive") / "mpy")


@pytest.fixture(scope="module")
def vm(micropython, drive):
    return Vm(micropython, drive)


@pytest.fixture(scope="module", params=["micropython", "micropython_32"])
def small_vm(request, drive):
    """One VM after the other: a board's pointers have 32 bits."""
    return Vm(request.getfixturevalue(request.param), drive)


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return ThrowawayCa(tmp_path_factory.mktemp("ca"))


def options_for(hub, until, **more):
    return {
        "host": "localhost",
        "port": hub.port,
        "product_key": hub.product_key,
        "product_secret": hub.product_secret,
        "identifier": "board",
        "until": until,
        **more,
    }


def offer(hub, image=IMAGE):
    hub.deploy(hub.add_firmware(image, META))


def statuses(hub):
    events = hub.device("board").events
    return [payload["status"] for _, event, payload in events if event == "status_update"]


def assert_updated(hub, result):
    digest = hashlib.sha256(IMAGE).hexdigest()
    assert result.one("finish") == {"event": "finish", "count": len(IMAGE), "sha256": digest}, (
        result
    )
    assert result.one("reboot"), result
    hub.wait(lambda hub: ("device", "rebooting", {}) in hub.device("board").events)
    assert hub.violations == []
    assert statuses(hub) == ["received", "started", "completed"]


def test_an_update_of_1_4_megabytes_fits_into_a_small_heap(small_vm):
    with HubThread() as hub:
        offer(hub)
        limit = heap_limit(small_vm)
        result = small_vm.run("session", options_for(hub, "reboot"), heap=limit)
        assert_updated(hub, result)


def test_an_update_over_tls_fits_into_a_small_heap(small_vm, ca):
    with HubThread(tls=ServerTls(*ca.issue("localhost", "127.0.0.1"))) as hub:
        offer(hub)
        limit = heap_limit(small_vm, tls=True)
        result = small_vm.run("session", options_for(hub, "reboot", ca=ca.pem), heap=limit)
        assert_updated(hub, result)


@pytest.mark.parametrize("every", [2, 3])
@pytest.mark.parametrize("tls", [False, True])
def test_nothing_is_lost_where_sends_find_the_buffer_full(vm, ca, tls, every):
    with HubThread(tls=ServerTls(*ca.issue("localhost", "127.0.0.1")) if tls else None) as hub:
        offer(hub)
        more = {"ca": ca.pem} if tls else {}
        options = options_for(hub, "reboot", stall=every, extensions=True, **more)
        result = vm.run("session", options)
        assert_updated(hub, result)


def test_heartbeats_go_on_and_are_answered(vm):
    with HubThread() as hub:
        result = vm.run("session", options_for(hub, "heartbeats"))

    assert result.one("heartbeats") == {"event": "heartbeats", "answers": 3}, result
    assert hub.violations == []
    assert [topic for topic, _, _ in hub.device("board").events].count("phoenix") == 3


@pytest.mark.parametrize("extensions", [False, True])
@pytest.mark.parametrize("tls", [False, True])
def test_a_thousand_idle_polls_allocate_nothing(vm, ca, tls, extensions):
    with HubThread(tls=ServerTls(*ca.issue("localhost", "127.0.0.1")) if tls else None) as hub:
        more = {"ca": ca.pem} if tls else {}
        result = vm.run("session", options_for(hub, "idle", extensions=extensions, **more))

    # A round in which the server said something is no idle one; but not all of them can be that.
    assert result.all("idle")[-1] == {"event": "idle", "polls": 1000, "bytes": 0}, result
    assert result.one("locked") == {"event": "locked", "connected": True, "error": None}, result


def test_a_server_with_a_foreign_certificate_is_refused(vm, ca, tmp_path):
    with HubThread(tls=ServerTls(*ThrowawayCa(tmp_path).issue("localhost"))) as hub:
        result = vm.run("session", options_for(hub, "error", ca=ca.pem))

    assert "certificate is not trusted" in result.one("end")["error"], result
    assert hub.requests == []


def test_a_certificate_for_another_name_is_refused(vm, ca):
    with HubThread(tls=ServerTls(*ca.issue("elsewhere.example"))) as hub:
        result = vm.run("session", options_for(hub, "error", ca=ca.pem))

    assert "certificate is not trusted" in result.one("end")["error"], result
    assert hub.requests == []


def test_a_download_that_breaks_off_once_too_often_is_told_and_the_link_goes_on(vm):
    def break_off(peer):
        read_head(peer)
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(IMAGE))
        peer.sendall(IMAGE[:100_000])

    with (
        RawServer(break_off) as server,
        HubThread(public_url="http://{}:{}".format(server.host, server.port)) as hub,
    ):
        offer(hub)
        result = vm.run("session", options_for(hub, "failed", link={"download_retries": 0}))
        hub.wait(lambda hub: "failed" in statuses(hub))

    reason = result.one("failed")["reason"]
    assert "100000 of 1400000" in reason, result
    assert result.all("abort") and not result.all("finish"), result
    assert result.one("end")["state"] == "joined"


def test_a_download_broken_20_times_completes_within_the_same_heap(small_vm):
    with HubThread() as hub:
        cut = len(IMAGE) // 22
        with FaultProxy(hub.port, [Fault("cut", "down", cut)] * 20) as proxy:
            hub.url = "http://%s:%d" % (proxy.host, proxy.port)
            offer(hub)
            link = {"heartbeat_interval": 150, "reply_timeout": 120}
            options = options_for(hub, "reboot", hurry=True, link=link)
            result = small_vm.run("session", options, heap=heap_limit(small_vm))
            assert_updated(hub, result)
            assert len(result.all("begin")) == 1 and not result.all("abort")
            assert proxy.fired == 20
            assert sum(passed["down"] for passed in proxy.passed) < 1.1 * len(IMAGE)


def test_a_garbage_frame_ends_the_connection_and_not_the_program(vm):
    def garbage(peer):
        upgrade(peer)
        peer.sendall(b"\xff\xff" + bytes(200))
        read_to_end(peer)

    with RawServer(garbage) as server:
        result = vm.run("session", foreign(server, "error"))

    assert result.one("end") == {
        "event": "end",
        "state": "waiting",
        "error": "frame with reserved bits",
    }, result


def test_a_message_that_is_no_json_is_passed_over(vm):
    def babble(peer):
        upgrade(peer)
        peer.sendall(server_frame(1, b'[null,null,"device",'))
        read_to_end(peer)

    with RawServer(babble) as server:
        result = vm.run("session", foreign(server, "error"))

    assert result.one("end")["state"] == "joining", result
    assert result.one("end")["error"] == "message is not an array of five"


def test_an_answer_that_is_no_http_is_told(vm):
    def babble(peer):
        read_head(peer)
        peer.sendall(b"SSH-2.0-OpenSSH_9.7\r\n")

    with RawServer(babble) as server:
        result = vm.run("session", foreign(server, "error"))

    assert result.one("end")["error"] == "the answer is not HTTP/1", result


def foreign(server, until):
    """Options for a server that is no hub."""
    return {
        "host": server.host,
        "port": server.port,
        "product_key": "nhp_key",
        "product_secret": "secret",
        "identifier": "board",
        "until": until,
    }
