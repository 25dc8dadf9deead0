# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Updates through a whole link: statuses, lost connections, too few sockets."""

import random
from unittest import mock

import pytest
from support.desk import META, NEW_META, Desk, Network, RecordingWriter, update

from nerveshub_link import IGNORE, reschedule
from nerveshub_link.errors import TransportError
from nerveshub_link.update import downloader

IMAGE = bytes(range(256)) * 40
VARIED = random.Random(3).randbytes(9000)  # no part of it is like another


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


def test_the_first_answer_leaves_some_200_ms_after_the_offer_and_poll_goes_on_meanwhile():
    desk = Desk(fwup_writer=RecordingWriter())
    hub = desk.joined()
    hub.heard()
    hub.say(None, None, "device", "update", update(IMAGE))
    hub.say(None, None, "device", "identify", {})
    desk.wait(0.175)
    assert (hub.events(), desk.network.peers) == ([], [hub])
    assert desk.client.named("identify") == [("identify",)]
    desk.wait(0.1)
    assert [event[1]["status"] for event in hub.events()] == ["received", "started"]


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
        (
            "fwup_error",
            "download: HTTP 404 from http://files.example/firmware/1/new.fw: not found",
        )
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
    desk = Desk(network, fwup_writer=RecordingWriter(), download_retries=0)
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
    offer(desk).answer(404)
    desk.wait(1)
    files = offer(desk, desk.network.peers[0])
    files.answer(200, body=IMAGE)
    desk.until(lambda: desk.client.named("reboot"), 10)
    assert desk.client.named(name)


# What the application does within its callbacks


class Impatient(RecordingWriter):
    """A writer that calls something before it has taken a chunk: its flash is slow."""

    action = None

    def fwup_chunk(self, data):
        if self.action is not None:
            self.action()
        super().fwup_chunk(data)


def assert_installed_once(desk, hub, image):
    """The right image was committed, and the server heard each status once."""
    assert desk.writer.image == image
    assert desk.writer.named("fwup_begin") == desk.writer.heard[:1]
    assert desk.writer.named("fwup_finish") == desk.writer.heard[-1:]
    assert desk.writer.named("fwup_abort") == []
    events = hub.events()
    statuses = [value["status"] for name, value in events if name == "status_update"]
    assert statuses == ["received", "started", "completed"]
    progress = [(value["stage"], value["value"]) for name, value in events if "value" in value]
    assert progress == sorted(set(progress))
    assert len(desk.client.named("reboot")) == 1
    assert "fault" not in desk.log.text


@pytest.mark.parametrize("where", ["fwup_chunk", "third fwup_chunk", "fwup_progress", "begin"])
def test_poll_within_an_update_does_nothing_and_the_right_image_is_installed(where):
    writer = Impatient()
    desk = Desk(fwup_writer=writer, chunk_size=1024, heartbeat_interval=150)
    hub = desk.joined()
    hub.heard()

    def nested():
        desk.clock.advance(30)
        if where != "third fwup_chunk" or len(writer.named("fwup_chunk")) == 2:
            desk.poll(3)

    if where == "fwup_progress":
        desk.client.doing["fwup_progress"] = nested
    elif where == "begin":
        writer.doing["fwup_begin"] = nested
    else:
        writer.action = nested
    hub.say(None, None, "device", "update", update(VARIED))
    files = desk.connect(5)
    files.answer(200, body=VARIED)
    desk.until(lambda: desk.client.named("reboot"), 20)
    desk.wait(1)
    assert_installed_once(desk, hub, VARIED)


@pytest.mark.parametrize("name", ["update_available", "fwup_progress", "handle_blocking"])
@pytest.mark.parametrize("raising", [False, True])
def test_deinit_within_a_callback_of_an_update_ends_everything(name, raising):
    desk = Desk(fwup_writer=RecordingWriter())
    hub = desk.joined()
    desk.client.doing[name] = desk.link.deinit
    desk.client.raising = {name} if raising else set()
    hub.say(None, None, "device", "update", update(IMAGE))
    if name == "fwup_progress":
        desk.connect(5).answer(200, body=IMAGE)
    desk.until(lambda: desk.link.state == "closed", 5)
    assert_ended(desk, begun=name == "fwup_progress")
    assert len(desk.network.attempts) == (2 if name == "fwup_progress" else 1)


@pytest.mark.parametrize("name", ["fwup_begin", "fwup_chunk", "fwup_finish"])
@pytest.mark.parametrize("raising", [False, True])
def test_deinit_within_the_writer_ends_everything(name, raising):
    desk = Desk(fwup_writer=RecordingWriter())
    desk.joined()
    desk.writer.doing[name] = desk.link.deinit
    desk.writer.raising = {name} if raising else set()
    offer(desk).answer(200, body=IMAGE)
    desk.until(lambda: desk.link.state == "closed", 5)
    assert len(desk.writer.named(name)) == 1
    assert_ended(desk, begun=True)


@pytest.mark.parametrize("stage", ["downloading", "updating"])
@pytest.mark.parametrize("percent", [0, 100])
def test_deinit_at_any_progress_ends_everything(stage, percent):
    desk = Desk(fwup_writer=RecordingWriter())
    desk.joined()

    def close():
        if desk.client.heard[-1] == ("fwup_progress", percent, stage):
            desk.link.deinit()

    desk.client.doing["fwup_progress"] = close
    offer(desk).answer(200, body=IMAGE)
    desk.until(lambda: desk.link.state == "closed", 5)
    assert_ended(desk, begun=(percent, stage) != (100, "updating"))


def assert_ended(desk, begun):
    """Closed for good, the writer told if it had begun, and no callback called any more."""
    assert desk.writer.named("fwup_abort") == [("fwup_abort",)] * begun
    assert desk.network.open_connections == 0
    assert desk.client.heard[-1] == ("handle_disconnected", "deinit() was called")
    assert desk.client.named("fwup_error") == []
    assert "fault" not in desk.log.text
    attempts, heard = len(desk.network.attempts), list(desk.client.heard)
    desk.wait(200, step=250)
    assert len(desk.network.attempts) == attempts
    assert desk.client.heard == heard


# Downloads that break off


def broken_off(**options):
    """A desk whose download broke off at byte 5,000; the hub's and that connection."""
    desk = Desk(fwup_writer=RecordingWriter(), **options)
    hub = desk.joined()
    files = offer(desk)
    files.put(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(IMAGE) + IMAGE[:5000])
    files.end()
    desk.until(lambda: desk.link._updates.paused, 5)
    return desk, hub, files


def finish(desk, files):
    """Answer the rest; see the board restart with the right image."""
    assert files.headers["range"] == "bytes=5000-"
    size = len(IMAGE)
    lines = "content-range: bytes 5000-%d/%d" % (size - 1, size)
    files.answer(206, lines, body=IMAGE[5000:])
    desk.until(lambda: desk.client.named("reboot"), 10)
    assert desk.writer.image == IMAGE
    assert desk.client.named("fwup_error") == []


def test_download_that_broke_off_goes_on_after_the_retry_delay():
    desk, hub, files = broken_off(retry_delay=40, heartbeat_interval=150)
    assert files.closed
    hub.heard()
    passed = desk.until(lambda: len(desk.network.peers) == 3 and desk.peer.asked, 50)
    assert 39_900 < passed <= 40_100
    assert desk.link.connected
    finish(desk, desk.peer)
    statuses = [value for name, value in hub.events() if name == "status_update"]
    assert statuses == [{"status": "completed"}]


def test_websocket_that_drops_while_a_download_waits_comes_back_and_stops_nothing():
    desk, hub, _ = broken_off()
    hub.end()
    payload = desk.join()
    assert payload["currently_downloading_uuid"] == NEW_META["uuid"]
    finish(desk, desk.connect(20))


def test_download_over_which_the_network_was_lost_waits_for_the_link_to_be_back():
    desk, hub, _ = broken_off()
    hub.end()
    # More than ten tries, and the link's own in between.
    desk.network.refusals = [TransportError("no route")] * 60
    desk.until(lambda: "next try when online" in desk.log.text, 1000)
    count = [address[0] for address in desk.network.attempts].count("files.example")
    assert count == 1 + 10
    desk.until(lambda: not desk.network.refusals, 5000)
    assert [address[0] for address in desk.network.attempts].count("files.example") == count
    assert desk.client.named("fwup_error") == []
    payload = desk.join()
    assert payload.get("currently_downloading_uuid") in (None, NEW_META["uuid"])
    finish(desk, desk.connect(1))


def test_expired_url_is_renewed_by_a_join_on_the_same_connection():
    desk = Desk(fwup_writer=RecordingWriter())
    hub = desk.joined()
    offer(desk, deployment_id=1).answer(403)
    hub.heard()
    desk.wait(0.5)
    joins = [frame for frame in hub.heard() if frame[3] == "phx_join"]
    assert len(joins) == 1 and joins[0][2] == "device"
    assert "currently_downloading_uuid" not in joins[0][4]
    hub.reply(joins[0][1], "device")
    again = {"deployment_id": 1, "firmware_url": "http://files.example/x?signature=hidden2"}
    files = offer(desk, hub, **again)
    assert files.target == "/x?signature=hidden2"
    files.answer(200, body=IMAGE)
    desk.until(lambda: desk.client.named("reboot"), 10)
    statuses = [value["status"] for name, value in hub.events() if name == "status_update"]
    assert statuses == ["received", "started", "completed"]
    assert "hidden" not in desk.log.text
    assert desk.client.named("handle_disconnected") == []


@pytest.mark.parametrize("paused", [False, True])
def test_board_without_a_network_restarts_although_a_download_waits_for_it(paused):
    radio = mock.Mock(enabled=True, connected=True, ipv4_address="10.0.0.1")
    desk = Desk(
        fwup_writer=RecordingWriter(),
        radio=radio,
        wifi_ssid="a",
        wifi_password="b",
        network_reset_after=300,
        idle_timeout=600,
        minimum_speed=0,
    )
    hub = desk.joined()
    files = offer(desk)
    files.put(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(IMAGE) + IMAGE[:5000])
    desk.wait(1)
    if paused:
        files.end()
    hub.end()
    radio.connected, radio.ipv4_address = False, None
    radio.connect.side_effect = ConnectionError("no network with that ssid")
    desk.network.refusals = [TransportError("no route")] * 1000
    desk.wait(290, step=500)
    assert desk.client.named("reboot") == []
    desk.wait(20, step=500)
    # With a download under way the network does work.
    assert desk.client.named("reboot") == ([("reboot",)] if paused else [])


# Memory for the download's connection


def scarce(function):
    """The function, but the first time there is no memory for it."""
    calls = []

    def instead(*args):
        calls.append(args)
        if len(calls) == 1:
            raise MemoryError("memory allocation failed, allocating 512 bytes")
        return function(*args)

    return instead


def installed_alone(desk, hub, files):
    """The WebSocket made room for this download; it comes back, and knows what is going on."""
    assert hub.closed
    assert hub.heard()[-1] == ("close", 1000)
    assert desk.client.named("fwup_error") == []
    assert desk.client.named("handle_disconnected") == [
        ("handle_disconnected", "making room for the download")
    ]
    files.answer(200, body=IMAGE)
    assert desk.join()["currently_downloading_uuid"] == NEW_META["uuid"]
    desk.until(lambda: desk.client.named("reboot"), 10)
    statuses = [value for name, value in desk.peer.events() if name == "status_update"]
    assert statuses[-1] == {"status": "completed"}
    assert desk.writer.image == IMAGE


@pytest.mark.parametrize("what", ["HeadReader", "request_head"])
def test_no_memory_for_the_request_of_a_download_makes_room(what):
    desk = Desk(fwup_writer=RecordingWriter())
    hub = desk.joined()
    with mock.patch.object(downloader, what, scarce(getattr(downloader, what))):
        files = offer(desk)
    assert desk.network.most == 1  # it ran out before the connection was made
    installed_alone(desk, hub, files)


def test_no_memory_within_the_connect_of_a_download_makes_room():
    desk = Desk(fwup_writer=RecordingWriter())
    hub = desk.joined()
    desk.network.refusals = [MemoryError()]
    installed_alone(desk, hub, offer(desk))


def test_no_memory_for_the_second_connection_of_a_redirected_download_makes_room():
    desk = Desk(fwup_writer=RecordingWriter())
    hub = desk.joined()
    first = offer(desk)
    desk.network.refusals = [MemoryError()]
    first.answer(302, "location: http://mirror.example/new.fw")
    files = desk.connect(5)
    assert files.address[0] == "mirror.example"
    assert first.closed
    installed_alone(desk, hub, files)


@pytest.mark.parametrize("name", ["fwup_begin", "fwup_chunk", "fwup_finish"])
@pytest.mark.parametrize("error", [MemoryError(), TransportError("out of it", no_memory=True)])
def test_writer_without_memory_fails_the_update_and_is_not_asked_twice(name, error):
    writer = RecordingWriter(name)
    writer.error = error
    desk = Desk(fwup_writer=writer)
    hub = desk.joined()
    offer(desk).answer(200, body=IMAGE)
    desk.wait(5)
    statuses = [value["status"] for what, value in hub.events() if what == "status_update"]
    assert statuses == ["received", "started", "failed"]
    assert len(writer.named(name)) == 1
    assert writer.heard[-1] == ("fwup_abort",)
    assert desk.link.connected
    assert len(desk.network.attempts) == 2


def test_no_memory_to_tell_of_an_installed_update_does_not_make_it_a_failed_one():
    desk = Desk(fwup_writer=RecordingWriter())
    hub = desk.joined()
    files = offer(desk)
    real = desk.link._device.push

    def push(event, payload):
        if payload.get("stage") == "updating" and payload["value"] == 100:
            raise MemoryError
        return real(event, payload)

    with mock.patch.object(desk.link._updates._reports, "_push", push):
        files.answer(200, body=IMAGE)
        desk.until(lambda: desk.client.named("reboot"), 10)
    statuses = [value["status"] for name, value in hub.events() if name == "status_update"]
    assert "failed" not in statuses
    assert desk.client.named("fwup_error") == []
    assert desk.writer.heard[-1] == ("fwup_finish",)
    assert len(desk.writer.named("fwup_finish")) == 1


# One connect in a poll, and what it is told of the update around it


def test_poll_in_which_the_download_connected_does_not_also_connect_the_websocket():
    desk = Desk(fwup_writer=RecordingWriter(), backoff_minimum=5)
    hub = desk.joined()
    files = offer(desk)
    hub.end()
    desk.wait(1)
    assert not desk.link.connected
    files.answer(302, "location: http://mirror.example/new.fw")
    desk.poll()  # reads the answer
    assert len(desk.network.attempts) == 2
    desk.clock.advance(60_000)  # the back-off is over, and the download connects next
    desk.poll()
    assert [address[0] for address in desk.network.attempts[2:]] == ["mirror.example"]
    desk.clock.advance(25)
    desk.poll()
    assert [address[0] for address in desk.network.attempts[3:]] == ["hub.example"]


def test_update_in_the_reply_to_the_join_is_taken():
    desk = Desk(fwup_writer=RecordingWriter())
    peer = desk.connect()
    peer.accept()
    desk.until(lambda: desk.link.state == "joining", 1)
    peer.reply(peer.heard()[0][1], "device", update(IMAGE))
    files = desk.connect(5)
    assert desk.client.heard[1:3] == [
        ("handle_connected",),
        ("update_available", update(IMAGE)["firmware_meta"]),
    ]
    files.answer(200, body=IMAGE)
    desk.until(lambda: desk.client.named("reboot"), 10)
    assert_installed_once(desk, peer, IMAGE)


@pytest.mark.parametrize(
    "response", [{"update_available": False}, {"update_available": None}, [], None, "update"]
)
def test_reply_to_the_join_without_an_update_offers_none(response):
    desk = Desk(fwup_writer=RecordingWriter())
    peer = desk.connect()
    peer.accept()
    desk.until(lambda: desk.link.state == "joining", 1)
    peer.say("1", "1", "device", "phx_reply", {"status": "ok", "response": response})
    desk.wait(1)
    assert desk.link.connected
    assert desk.client.named("update_available") == []


def test_restart_after_an_update_that_raises_is_called_again_and_other_updates_wait_for_it():
    desk = Desk(fwup_writer=RecordingWriter(), heartbeat_interval=150)
    hub = desk.joined()
    desk.client.raising = {"reboot"}
    offer(desk).answer(200, body=IMAGE)
    desk.until(lambda: desk.client.named("reboot"), 10)
    hub.heard()
    desk.wait(5)
    newer = dict(NEW_META, uuid="33333333-3333-3333-3333-333333333333")
    hub.say(None, None, "device", "update", update(IMAGE, meta=newer))
    hub.say(None, None, "device", "update", update(IMAGE))
    desk.wait(1)
    assert hub.events() == [
        (
            "status_update",
            {
                "status": "rescheduled",
                "delay_for": 300_000,
                "reason": "a restart into other firmware is due",
            },
        )
    ]
    assert len(desk.client.named("update_available")) == 1
    passed = desk.until(lambda: len(desk.client.named("reboot")) == 2, 60)
    assert 53_500 < passed <= 54_200
    assert len(desk.network.attempts) == 2
    assert desk.writer.named("fwup_abort") == []


@pytest.mark.parametrize("days", [1, 5.9, 6.1])
def test_failure_that_could_not_be_told_for_days_is_not_told_of_an_update_that_is_forgotten(days):
    # NervesHub forgets an update, and a status of a forgotten one crashes the device's channel.
    desk = Desk(
        fwup_writer=RecordingWriter(),
        download_retries=0,
        backoff_minimum=600,
        backoff_maximum=600,
    )
    hub = desk.joined()
    hub.say(None, None, "device", "update", update(bytes(5000)))
    files = desk.connect(5)
    hub.end()
    desk.wait(0.1)
    desk.network.refusals = [TransportError("no route")] * 10_000
    files.answer(404)
    desk.until(lambda: desk.client.named("fwup_error"), 5)
    desk.wait(days * 86_400, step=60_000)
    desk.network.refusals = []
    payload = desk.join(desk.connect(700))
    desk.wait(0.5)
    assert "currently_downloading_uuid" not in payload
    assert [value for name, value in desk.peer.events() if name == "status_update"] == []
