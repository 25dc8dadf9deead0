# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""What the application hears of the link and does with it, from callbacks to deinit()."""

import gc
import tracemalloc

import pytest
from support.desk import Desk, RecordingClient, RecordingWriter
from support.fakes import AGAIN

from nerveshub_link.errors import TransportError

# Callbacks


def test_application_hears_of_connection_at_the_join_and_of_its_end_once():
    desk = Desk()
    peer = desk.connect()
    peer.accept()
    desk.until(lambda: desk.link.state == "joining", 1)
    assert desk.client.named("handle_connected") == []
    peer.reply(peer.heard()[0][1], "device")
    desk.poll(3)
    assert desk.client.named("handle_connected") == [("handle_connected",)]
    peer.close(1012)
    desk.wait(0.5)
    peer.end()
    desk.wait(0.1)
    assert desk.client.named("handle_disconnected") == [
        ("handle_disconnected", "closed by the server with code 1012")
    ]
    desk.join()
    assert len(desk.client.named("handle_connected")) == 2
    assert len(desk.client.named("handle_disconnected")) == 1


def test_application_that_was_never_joined_hears_of_no_disconnect():
    desk = Desk()
    desk.connect().answer(401)
    desk.wait(0.1)
    assert desk.client.named("handle_disconnected") == []


def test_connect_is_announced_before_it_blocks():
    desk = Desk(connect_timeout=7)
    desk.network.refusals = [TransportError("no route")]
    desk.until(lambda: desk.network.attempts, 1)
    assert desk.client.heard == [("handle_blocking", "connect", 7)]
    assert desk.network.attempts == [("hub.example", 4000, False, 7)]


@pytest.mark.parametrize(
    "name", ["handle_connected", "handle_disconnected", "handle_blocking", "identify", "reboot"]
)
@pytest.mark.parametrize("error", [RuntimeError("a mistake"), MemoryError()])
def test_callback_that_raises_does_no_harm(name, error):
    client = RecordingClient(name)
    client.error = error
    desk = Desk(client=client)
    peer = desk.joined()
    peer.say(None, None, "device", "identify", {})
    peer.say(None, None, "device", "reboot", {})
    desk.wait(0.2)
    assert desk.link.connected
    peer.end()
    desk.join()
    assert client.named(name)
    assert name + ": " in desk.log.text


def test_logger_that_raises_does_no_harm():
    class Broken:
        def log(self, level, text):
            raise OSError(28, "no space on the card")

    desk = Desk(logger=Broken())
    desk.joined().end()
    desk.wait(0.1)
    assert desk.link.state == "waiting"
    desk.join()
    assert desk.link.connected


def test_identify_reaches_the_application():
    desk = Desk()
    desk.joined().say(None, None, "device", "identify", {})
    desk.wait(0.1)
    assert desk.client.heard[-1] == ("identify",)


# Restart


def test_rebooting_is_said_and_sent_before_the_restart():
    desk = Desk()
    peer = desk.joined()
    peer.heard()
    transport = peer._transport
    transport.room = [0] * 12  # the network takes nothing for a while
    peer.say(None, None, "device", "reboot", {})
    desk.wait(0.25)
    assert desk.client.named("reboot") == []
    assert peer.heard() == []
    desk.wait(0.3)
    assert desk.client.named("reboot") == [("reboot",)]
    assert peer.events() == [("rebooting", {})]


def test_restart_does_not_wait_for_ever_for_a_network_that_takes_nothing():
    desk = Desk()
    peer = desk.joined()
    peer._transport.room = [0] * 1000
    peer.say(None, None, "device", "reboot", {})
    passed = desk.until(lambda: desk.client.named("reboot"), 10)
    assert 1_900 < passed < 2_200


# The user's own doing


def test_reconnect_closes_with_a_handshake_and_connects_again_at_once():
    desk = Desk()
    peer = desk.joined()
    peer.heard()
    desk.link.reconnect()
    assert peer.heard() == [("close", 1000)]
    peer.close(1000)
    passed = desk.until(lambda: desk.peer is not peer, 5)
    assert passed <= 100
    assert peer.closed
    desk.join(desk.peer)
    assert len(desk.client.named("handle_disconnected")) == 1


def test_reconnect_does_not_wait_for_a_server_that_does_not_answer_the_close():
    desk = Desk()
    peer = desk.joined()
    desk.link.reconnect()
    passed = desk.until(lambda: desk.peer is not peer, 5)
    assert passed <= 2_100
    assert peer.closed


def test_reconnect_during_the_back_off_ends_the_waiting():
    desk = Desk(backoff_minimum=60)
    desk.connect().end()
    desk.wait(1)
    desk.link.reconnect()
    assert desk.until(lambda: len(desk.network.attempts) == 2, 2) <= 50


def test_deinit_closes_everything_for_good():
    desk = Desk()
    peer = desk.joined()
    peer.heard()
    desk.link.deinit()
    assert peer.heard() == [("close", 1000)]
    assert peer.closed
    assert desk.link.state == "closed"
    desk.wait(100)
    desk.link.reconnect()
    desk.wait(1)
    desk.link.deinit()
    assert len(desk.network.peers) == 1
    assert len(desk.client.named("handle_disconnected")) == 1


def test_link_is_a_context_manager_that_closes():
    desk = Desk()
    with desk.link as link:
        desk.joined()
        assert link.connected
    assert link.state == "closed"
    assert desk.network.open_connections == 0


# Confirmation of new firmware


def test_new_firmware_is_confirmed_after_so_many_seconds_joined_and_the_server_told_once():
    writer = RecordingWriter(validated=False)
    desk = Desk(fwup_writer=writer, confirm_after=60, heartbeat_interval=150)
    peer = desk.joined()
    desk.wait(59.9)
    assert writer.heard == []
    desk.wait(0.2)
    assert writer.heard == [("fwup_confirm",)]
    writer.validated = True
    desk.wait(80)
    assert peer.events()[1:] == [("firmware_validated", {})]
    assert writer.heard == [("fwup_confirm",)]


def test_time_offline_does_not_count_for_the_confirmation():
    writer = RecordingWriter(validated=False)
    desk = Desk(fwup_writer=writer, confirm_after=60)
    desk.joined()
    desk.wait(29)
    desk.peer.end()
    desk.join()
    desk.wait(29)
    desk.peer.heard()
    assert writer.heard == []


def test_confirmation_by_hand_is_said_once():
    writer = RecordingWriter(validated=False)
    desk = Desk(fwup_writer=writer, auto_confirm=False, heartbeat_interval=150)
    peer = desk.joined()
    desk.wait(149)
    assert writer.heard == []
    assert desk.link.confirm_update() is True
    writer.validated = True
    assert desk.link.confirm_update() is True
    assert writer.heard == [("fwup_confirm",)]
    assert peer.events()[1:] == [("firmware_validated", {})]


def test_confirmation_while_offline_is_told_by_the_next_join():
    writer = RecordingWriter(validated=False)
    desk = Desk(fwup_writer=writer, auto_confirm=False)
    assert desk.link.confirm_update() is True
    writer.validated = True
    assert desk.join()["meta"]["firmware_validated"] is True


def test_confirmation_that_fails_is_tried_again_after_the_next_join_only():
    writer = RecordingWriter("fwup_confirm", validated=False)
    desk = Desk(fwup_writer=writer, confirm_after=1)
    peer = desk.joined()
    desk.wait(10)
    assert len(writer.heard) == 1
    assert ("firmware_validated", {}) not in peer.events()
    assert desk.link.last_error == "fwup_confirm: RuntimeError: the application's mistake"
    assert desk.link.confirm_update() is False
    writer.raising.clear()
    peer.end()
    desk.join()
    desk.wait(2)
    assert len(writer.heard) == 3
    assert ("firmware_validated", {}) in desk.peer.events()


# Memory


@pytest.mark.parametrize("joined", [False, True])
def test_idle_poll_keeps_no_memory(joined):
    desk = Desk(heartbeat_interval=150)
    if joined:
        desk.joined()
    else:
        desk.connect()
    desk.wait(1)

    def measure():
        gc.collect()
        return tracemalloc.take_snapshot().filter_traces(
            [tracemalloc.Filter(True, "*/nerveshub_link/*")]
        )

    tracemalloc.start()
    try:
        desk.wait(1)
        before = measure()
        for _ in range(1000):
            desk.clock.advance(5)
            desk.link.poll()
        growth = sum(line.size_diff for line in measure().compare_to(before, "filename"))
    finally:
        tracemalloc.stop()
    assert growth < 200, growth  # the integers of timers, at most


def test_poller_that_says_readable_for_nothing_costs_a_look_only():
    desk = Desk()
    peer = desk.joined()
    peer.incoming += [AGAIN] * 20
    desk.wait(1)
    assert desk.link.connected
    assert peer.incoming == []
