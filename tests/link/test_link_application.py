# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""The application and its link: callbacks, restart, confirmation, close, deinit()."""

import gc
import tracemalloc
from pathlib import Path
from unittest import mock

import pytest
from support.desk import Desk, RecordingClient, RecordingWriter, update
from support.fakes import AGAIN

import nerveshub_link
from nerveshub_link.errors import TransportError, describe


class Confirming(RecordingWriter):
    """A writer whose confirmation counts, unless it raises."""

    def fwup_confirm(self):
        super().fwup_confirm()
        self.validated = True


# Callbacks


def test_application_is_told_of_connection_at_the_join_and_of_its_end_once():
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


def test_application_that_was_never_joined_is_told_of_no_disconnect():
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


def test_poll_within_a_callback_does_nothing():
    desk = Desk()
    peer = desk.joined()
    states = []

    def nested():
        desk.clock.advance(100)
        desk.poll(5)
        states.append(len(desk.client.named("identify")))

    desk.client.doing["identify"] = nested
    for _ in range(3):
        peer.say(None, None, "device", "identify", {})
    desk.wait(0.1)
    assert states == [1, 2, 3]
    assert desk.link.connected


def test_poll_works_again_after_one_that_met_a_fault():
    desk = Desk()
    peer = desk.joined()
    desk.client.error = KeyboardInterrupt()
    desk.client.raising = {"identify"}
    peer.say(None, None, "device", "identify", {})
    with pytest.raises(KeyboardInterrupt):
        desk.wait(0.1)
    desk.client.raising = set()
    desk.joined().say(None, None, "device", "identify", {})
    desk.wait(0.1)
    assert len(desk.client.named("identify")) == 2


# What the writer is asked at each join


@pytest.mark.parametrize("name", ["firmware_meta", "firmware_validated", "firmware_auto_reverted"])
@pytest.mark.parametrize("error", [OSError(5, "flash is gone"), MemoryError()])
def test_writer_that_raises_when_asked_at_the_join_does_not_keep_the_device_from_joining(
    name, error
):
    def broken():
        raise error

    writer = RecordingWriter(reverted=True)
    desk = Desk(fwup_writer=writer, heartbeat_interval=150)
    good = desk.join()
    assert good["meta"] == {"firmware_validated": True, "firmware_auto_revert_detected": True}
    setattr(writer, name, broken)
    desk.peer.end()
    payload = desk.join()
    assert desk.link.connected
    expected = dict(good, meta=dict(good["meta"]))
    if name == "firmware_validated":
        del expected["meta"][name]  # not known
    elif name == "firmware_auto_reverted":
        expected["meta"]["firmware_auto_revert_detected"] = False
    assert payload == expected
    assert desk.link.last_error == name + ": " + describe(error)
    assert len(desk.network.attempts) == 2


@pytest.mark.parametrize("name", ["firmware_meta", "firmware_validated", "firmware_auto_reverted"])
def test_writer_that_raises_at_the_first_join_already_does_not_keep_the_device_from_it(name):
    writer = RecordingWriter()
    desk = Desk(fwup_writer=writer)
    setattr(writer, name, lambda: 1 // 0)
    desk.join()
    assert desk.link.connected
    assert "ZeroDivisionError" in desk.link.last_error
    assert len(desk.network.attempts) == 1


def test_writer_that_could_not_say_whether_it_is_confirmed_is_asked_again_and_the_server_told():
    writer = RecordingWriter()
    desk = Desk(fwup_writer=writer, confirm_after=60, heartbeat_interval=150)
    writer.firmware_validated = lambda: 1 // 0
    peer = desk.joined()
    desk.wait(1)
    del writer.firmware_validated
    desk.wait(100)
    assert peer.events().count(("firmware_validated", {})) == 1
    assert writer.heard == []


# Restart


def test_restart_that_ctrl_c_broke_off_is_called_again():
    desk = Desk(heartbeat_interval=150)
    peer = desk.joined()
    desk.client.raising = {"reboot"}
    desk.client.error = KeyboardInterrupt()
    peer.say(None, None, "device", "reboot", {})
    with pytest.raises(KeyboardInterrupt):
        desk.wait(1)
    desk.client.raising = set()
    desk.until(lambda: len(desk.client.named("reboot")) == 2, 61)
    desk.join()
    desk.wait(120)
    assert len(desk.client.named("reboot")) == 2


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


def test_restart_leaves_the_last_message_a_moment_to_go_out():
    desk = Desk()
    peer = desk.joined()
    desk.wait(0.1)
    peer.heard()
    peer.say(None, None, "device", "reboot", {})
    desk.until(lambda: len(peer.sent) > peer._used, 1)
    assert 225 <= desk.until(lambda: desk.client.named("reboot"), 1) <= 300
    assert peer.events() == [("rebooting", {})]


@pytest.mark.parametrize("tries", [4, 20, 60])
def test_restart_leaves_the_last_message_that_moment_after_a_network_that_was_busy_too(tries):
    desk = Desk()
    peer = desk.joined()
    desk.wait(0.1)
    peer.heard()
    peer._transport.room = [0] * tries
    peer.say(None, None, "device", "reboot", {})
    desk.until(lambda: len(peer.sent) > peer._used, 2)
    assert 225 <= desk.until(lambda: desk.client.named("reboot"), 1) <= 300


def test_restart_that_raises_is_called_again_a_minute_later():
    desk = Desk(heartbeat_interval=150)
    peer = desk.joined()
    desk.client.raising = {"reboot"}
    peer.say(None, None, "device", "reboot", {})
    desk.until(lambda: desk.client.named("reboot"), 1)
    assert desk.link.connected
    assert desk.link.last_error == "reboot: RuntimeError: the application's mistake"
    assert 59_900 < desk.until(lambda: len(desk.client.named("reboot")) == 2, 100) < 60_100
    desk.client.raising = set()
    assert 59_900 < desk.until(lambda: len(desk.client.named("reboot")) == 3, 100) < 60_100
    assert peer.events().count(("rebooting", {})) == 1


def test_restart_that_returned_is_not_called_again():
    desk = Desk(heartbeat_interval=150)
    peer = desk.joined()
    peer.say(None, None, "device", "reboot", {})
    desk.wait(140)
    assert desk.client.named("reboot") == [("reboot",)]


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
    desk.wait(1.8)
    assert not peer.closed  # the answer may still come
    passed = desk.until(lambda: desk.peer is not peer, 5)
    assert passed <= 300
    assert peer.closed


def test_reconnect_out_of_a_callback_waits_for_the_answer_to_the_close_too():
    desk = Desk()
    desk.client.doing["identify"] = desk.link.reconnect
    peer = desk.joined()
    peer.heard()
    peer.say(None, None, "device", "identify", {})
    desk.wait(1.8)
    assert peer.heard() == [("close", 1000)]
    assert not peer.closed
    peer.close(1000)
    desk.join()


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


def assert_closed_for_good(desk):
    """No connection, and no further attempt to get one, whatever time passes."""
    assert desk.link.state == "closed"
    assert not desk.link.connected
    assert desk.network.open_connections == 0
    attempts, heard = len(desk.network.attempts), list(desk.client.heard)
    desk.wait(200, step=250)
    assert len(desk.network.attempts) == attempts
    assert desk.client.heard == heard
    assert desk.link.state == "closed"


@pytest.mark.parametrize("raising", [False, True])
@pytest.mark.parametrize("name", ["identify", "reboot"])
def test_deinit_within_a_callback_closes_everything_for_good(name, raising):
    desk = Desk()
    peer = desk.joined()
    desk.client.doing[name] = desk.link.deinit
    desk.client.raising = {name} if raising else set()
    peer.say(None, None, "device", name, {})
    peer.say(None, None, "device", "identify", {})
    desk.until(lambda: desk.link.state == "closed", 1)
    desk.poll(5)
    assert len(desk.client.named(name)) == 1
    assert peer.heard()[-1] == ("close", 1000)
    assert_closed_for_good(desk)
    assert "fault" not in desk.log.text


@pytest.mark.parametrize("response", [{}, update(b"x" * 100)])
def test_deinit_within_handle_connected_closes_everything_for_good(response):
    desk = Desk(fwup_writer=RecordingWriter())
    desk.client.doing["handle_connected"] = desk.link.deinit
    peer = desk.connect()
    peer.accept()
    desk.until(lambda: desk.link.state == "joining", 1)
    peer.reply(peer.heard()[0][1], "device", response)
    peer.say(None, None, "device", "update", update(b"x" * 100))
    desk.wait(1)
    assert len(desk.network.attempts) == 1
    assert desk.client.heard[1:] == [("handle_connected",), desk.client.heard[-1]]
    assert desk.client.heard[-1] == ("handle_disconnected", "deinit() was called")
    assert desk.writer.heard == []
    assert_closed_for_good(desk)


@pytest.mark.parametrize("what", ["wifi", "connect"])
def test_deinit_before_something_blocks_lets_it_not_happen(what):
    radio = mock.Mock(enabled=True, connected=what == "connect", ipv4_address="10.0.0.7")
    desk = Desk(radio=radio, wifi_ssid="home")
    desk.client.doing["handle_blocking"] = desk.link.deinit
    desk.wait(5)
    assert desk.client.heard == [("handle_blocking", what, 10)]
    assert radio.connect.mock_calls == []
    assert desk.network.attempts == []
    assert desk.link.last_error is None
    assert_closed_for_good(desk)


@pytest.mark.parametrize("cause", ["close", "heartbeats", "nonsense", "channel", "reconnect"])
def test_deinit_within_handle_disconnected_counts_however_the_connection_was_lost(cause):
    desk = Desk()
    peer = desk.joined()
    desk.client.doing["handle_disconnected"] = desk.link.deinit
    if cause == "close":
        peer.close(1012)
    elif cause == "channel":
        peer.say(peer.join_ref, peer.join_ref, "device", "phx_error", {})
    elif cause == "reconnect":
        desk.link.reconnect()
    elif cause == "nonsense":
        peer.put(b"\xff\xff")
    desk.wait(60)
    assert len(desk.network.attempts) == 1
    assert len(desk.client.named("handle_disconnected")) == 1
    assert_closed_for_good(desk)


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


def confirming_during_the_join(desk):
    """Confirm between the device's join and the server's reply; return the peer."""
    peer = desk.connect()
    peer.accept()
    desk.until(lambda: desk.link.state == "joining", 1)
    (join,) = peer.heard()
    assert join[4]["meta"]["firmware_validated"] is False
    assert desk.link.confirm_update() is True
    assert peer.heard() == []
    peer.reply(join[1], "device")
    desk.until(lambda: desk.link.connected, 1)
    return peer


@pytest.mark.parametrize("auto_confirm", [True, False])
def test_confirmation_between_join_and_reply_is_told_right_after_the_reply(auto_confirm):
    writer = Confirming(validated=False)
    desk = Desk(fwup_writer=writer, auto_confirm=auto_confirm, heartbeat_interval=150)
    peer = confirming_during_the_join(desk)
    assert peer.events().count(("firmware_validated", {})) == 1
    desk.wait(140)
    assert desk.link.confirm_update() is True
    assert ("firmware_validated", {}) not in peer.events()
    assert writer.heard == [("fwup_confirm",)]


def test_writer_that_was_confirmed_by_somebody_else_is_told_to_the_server_once():
    writer = RecordingWriter(validated=False)
    desk = Desk(fwup_writer=writer, confirm_after=60, heartbeat_interval=150)
    peer = desk.joined()
    desk.wait(5)
    writer.validated = True
    desk.wait(140)
    assert peer.events().count(("firmware_validated", {})) == 1
    assert writer.heard == []


def test_confirmation_by_hand_of_what_somebody_else_has_confirmed_is_told_once():
    writer = RecordingWriter(validated=False)
    desk = Desk(fwup_writer=writer, auto_confirm=False)
    peer = desk.joined()
    writer.validated = True
    for _ in range(3):
        assert desk.link.confirm_update() is True
    assert peer.events().count(("firmware_validated", {})) == 1


def test_confirmation_that_the_join_has_told_is_not_told_again():
    desk = Desk(fwup_writer=RecordingWriter(), confirm_after=0)
    peer = desk.joined()
    desk.wait(5)
    assert desk.link.confirm_update() is True
    assert ("firmware_validated", {}) not in peer.events()


def test_confirmation_that_raises_once_is_tried_again_after_a_minute():
    writer = Confirming("fwup_confirm", validated=False)
    desk = Desk(fwup_writer=writer, confirm_after=10, heartbeat_interval=150)
    peer = desk.joined()
    desk.until(lambda: writer.heard, 11)
    assert desk.link.last_error == "fwup_confirm: RuntimeError: the application's mistake"
    writer.raising.clear()
    assert 59_900 < desk.until(lambda: len(writer.heard) == 2, 100) < 60_100
    desk.wait(70)
    assert writer.heard == [("fwup_confirm",)] * 2
    assert peer.events().count(("firmware_validated", {})) == 1


def test_confirmation_that_raises_is_tried_again_after_the_next_join_too():
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
            [tracemalloc.Filter(True, str(Path(nerveshub_link.__file__).parent / "*"))]
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
