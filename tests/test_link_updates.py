# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""An update and the link around it: what is said when, lost connections, sockets that run out."""

import pytest
from support.desk import META, NEW_META, Desk, Network, RecordingWriter, update

from nerveshub_link import IGNORE, reschedule
from nerveshub_link.errors import TransportError

IMAGE = bytes(range(256)) * 40


def offer(desk, peer=None, **tweaks):
    """Push an update to the device; let it connect to the file server; return that peer."""
    peer = peer or desk.peer
    peer.say(None, None, "device", "update", update(IMAGE, **tweaks))
    return desk.connect(5)


def test_update_is_told_from_received_to_rebooting_in_order():
    desk = Desk(fwup_writer=RecordingWriter())
    hub = desk.joined()
    hub.heard()
    files = offer(desk)
    assert files.address[:3] == ("files.example", 80, False)
    assert files.target == "/firmware/1/new.fw?signature=hidden"
    files.answer(200, body=IMAGE)
    desk.until(lambda: desk.client.named("reboot"), 10)
    events = hub.events()
    assert [event for event in events if event[0] != "fwup_progress"] == [
        ("status_update", {"status": "received"}),
        ("status_update", {"status": "started", "downloader_network_interface": "wlan0"}),
        ("status_update", {"status": "completed"}),
        ("rebooting", {}),
    ]
    progress = [(value["stage"], value["value"]) for name, value in events if "value" in value]
    assert progress[0] == ("downloading", 0)
    assert ("downloading", 100) in progress
    assert progress[-2:] == [("updating", 0), ("updating", 100)]
    assert progress == sorted(progress)
    assert all(type(value) is int for _, value in progress)
    assert [event[0] for event in events[-3:]] == ["fwup_progress", "status_update", "rebooting"]
    assert desk.writer.image == IMAGE
    assert desk.writer.heard[0] == ("fwup_begin", len(IMAGE), update(IMAGE)["firmware_meta"])
    assert desk.writer.heard[-1] == ("fwup_finish",)
    assert desk.client.named("update_available") == [
        ("update_available", update(IMAGE)["firmware_meta"])
    ]
    assert files.closed
    assert len(desk.client.named("reboot")) == 1
    assert "hidden" not in desk.log.text


@pytest.mark.parametrize(
    "decision, said",
    [
        (IGNORE, {"status": "ignored", "reason": "ignored by the device"}),
        (
            reschedule(90_000, "at work"),
            {"status": "rescheduled", "delay_for": 90_000, "reason": "at work"},
        ),
        ("yes", None),
    ],
)
def test_decision_of_the_application_reaches_the_server(decision, said):
    desk = Desk(fwup_writer=RecordingWriter())
    desk.client.decision = decision
    peer = desk.joined()
    peer.heard()
    peer.say(None, None, "device", "update", update(IMAGE))
    desk.wait(1)
    events = peer.events()
    assert events[0] == ("status_update", {"status": "received"})
    if said is None:
        assert events[1][1]["status"] == "rescheduled"
        assert events[1][1]["delay_for"] == 3_600_000
    else:
        assert events[1] == ("status_update", said)
    assert len(events) == 2
    assert len(desk.network.peers) == 1


def test_heartbeats_go_on_during_a_download():
    desk = Desk(fwup_writer=RecordingWriter(), heartbeat_interval=30, idle_timeout=600)
    hub = desk.joined()
    offer(desk)
    hub.heard()
    for _ in range(8):
        desk.wait(10)
        for frame in hub.heard():
            if frame[2] == "phoenix":
                hub.reply(frame[1], "phoenix")
    assert desk.link.connected
    assert not desk.peer.closed


def test_update_goes_on_while_the_websocket_drops_and_comes_back():
    desk = Desk(fwup_writer=RecordingWriter())
    hub = desk.joined()
    files = offer(desk)
    files.put(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(IMAGE) + IMAGE[:5000])
    desk.wait(0.2)
    hub.end()
    desk.wait(0.2)
    assert not desk.link.connected
    files.put(IMAGE[5000:8000])
    desk.wait(0.2)
    payload = desk.join()
    assert payload["currently_downloading_uuid"] == NEW_META["uuid"]
    assert payload["nerves_fw_uuid"] == META["uuid"]
    again = desk.peer
    files.put(IMAGE[8000:])
    desk.until(lambda: desk.client.named("reboot"), 10)
    assert desk.writer.image == IMAGE
    events = again.events()
    assert ("status_update", {"status": "completed"}) in events
    assert events[-1] == ("rebooting", {})
    assert not [event for event in events if event[1].get("status") in ("received", "started")]


def test_update_installed_while_offline_is_reported_before_the_restart():
    desk = Desk(fwup_writer=RecordingWriter(), backoff_minimum=5)
    hub = desk.joined()
    files = offer(desk)
    hub.end()
    files.answer(200, body=IMAGE)
    desk.wait(3)
    assert desk.writer.heard[-1] == ("fwup_finish",)
    assert desk.client.named("reboot") == []
    desk.join()
    desk.until(lambda: desk.client.named("reboot"), 10)
    events = desk.peer.events()
    assert ("status_update", {"status": "completed"}) in events
    assert events[-1] == ("rebooting", {})


def test_update_installed_while_offline_restarts_the_board_anyway_after_a_minute():
    desk = Desk(fwup_writer=RecordingWriter())
    hub = desk.joined()
    files = offer(desk)
    hub.end()
    desk.network.refusals = [TransportError("no route")] * 99
    files.answer(200, body=IMAGE)
    desk.until(lambda: desk.writer.named("fwup_finish"), 5)
    assert 59_000 < desk.until(lambda: desk.client.named("reboot"), 100) < 63_500


def test_idle_device_joins_without_currently_downloading_uuid():
    desk = Desk(fwup_writer=RecordingWriter())
    assert "currently_downloading_uuid" not in desk.join()
    files = offer(desk)
    files.answer(404)
    desk.wait(1)
    assert desk.client.named("fwup_error") == [
        ("fwup_error", "download: HTTP 404 from http://files.example/firmware/1/new.fw")
    ]
    desk.network.peers[0].end()
    assert "currently_downloading_uuid" not in desk.join()


def test_where_two_sockets_are_too_many_the_websocket_makes_room_for_the_download():
    network = Network(room=1)
    desk = Desk(network, fwup_writer=RecordingWriter())
    hub = desk.joined()
    hub.heard()
    files = offer(desk)
    assert hub.closed
    assert network.most == 1
    assert files.address[0] == "files.example"
    assert hub.heard()[-1] == ("close", 1000)
    assert desk.client.named("handle_disconnected") == [
        ("handle_disconnected", "making room for the download")
    ]
    files.put(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(IMAGE))
    desk.wait(30)
    assert len(network.peers) == 2, "it connected to the hub while the download needed the room"
    files.put(IMAGE)
    payload = desk.join()
    assert payload["currently_downloading_uuid"] == NEW_META["uuid"]
    desk.until(lambda: desk.client.named("reboot"), 10)
    events = desk.peer.events()
    assert ("status_update", {"status": "completed"}) in events
    assert events[-1] == ("rebooting", {})
    assert network.most == 1
    assert desk.writer.image == IMAGE


def test_where_even_one_socket_is_too_many_the_update_fails_and_the_link_comes_back():
    network = Network()
    desk = Desk(network, fwup_writer=RecordingWriter())
    hub = desk.joined()
    network.refusals = [TransportError("out of memory", no_memory=True)] * 2
    hub.say(None, None, "device", "update", update(IMAGE))
    desk.wait(0.3)
    payload = desk.join()
    assert desk.client.named("fwup_error") == [("fwup_error", "download: out of memory")]
    assert payload["currently_downloading_uuid"] == NEW_META["uuid"]
    statuses = [value for name, value in desk.peer.events() if name == "status_update"]
    assert statuses == [{"status": "failed", "reason": "download: out of memory"}]


def test_reconnect_by_hand_does_not_disturb_a_download():
    desk = Desk(fwup_writer=RecordingWriter())
    hub = desk.joined()
    files = offer(desk)
    desk.link.reconnect()
    hub.close(1000)
    assert desk.join()["currently_downloading_uuid"] == NEW_META["uuid"]
    files.answer(200, body=IMAGE)
    desk.until(lambda: desk.client.named("reboot"), 10)


def test_reboot_by_the_operator_ends_an_update_under_way():
    desk = Desk(fwup_writer=RecordingWriter())
    hub = desk.joined()
    files = offer(desk)
    files.put(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(IMAGE) + IMAGE[:100])
    desk.wait(0.2)
    hub.say(None, None, "device", "reboot", {})
    desk.wait(0.4)
    assert desk.writer.heard[-1] == ("fwup_abort",)
    assert len(desk.client.named("reboot")) == 1
    assert files.closed


def test_deinit_ends_an_update_under_way():
    desk = Desk(fwup_writer=RecordingWriter())
    desk.joined()
    files = offer(desk)
    files.put(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(IMAGE) + IMAGE[:100])
    desk.wait(0.2)
    desk.link.deinit()
    assert desk.writer.heard[-1] == ("fwup_abort",)
    assert desk.network.open_connections == 0


@pytest.mark.parametrize("name", ["fwup_begin", "fwup_chunk", "fwup_finish"])
@pytest.mark.parametrize("error", [OSError(28, "no space left"), MemoryError()])
def test_writer_that_raises_fails_the_update_and_nothing_else(name, error):
    writer = RecordingWriter(name)
    writer.error = error
    desk = Desk(fwup_writer=writer)
    hub = desk.joined()
    offer(desk).answer(200, body=IMAGE)
    desk.wait(1)
    failed = [value for _, value in hub.events() if value.get("status") == "failed"]
    assert len(failed) == 1 and failed[0]["reason"].startswith(name + ": ")
    assert desk.writer.heard[-1] == ("fwup_abort",)
    assert desk.link.connected
    assert desk.client.named("reboot") == []


@pytest.mark.parametrize("name", ["fwup_progress", "fwup_error", "handle_blocking"])
def test_callback_that_raises_during_an_update_does_no_harm(name):
    desk = Desk(fwup_writer=RecordingWriter())
    desk.client.raising = {name}
    desk.joined()
    offer(desk).answer(500)
    desk.wait(1)
    files = offer(desk, desk.network.peers[0])
    files.answer(200, body=IMAGE)
    desk.until(lambda: desk.client.named("reboot"), 10)
    assert desk.client.named(name)
