# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""The life of a link: connecting, joining, staying connected, coming back."""

import pytest
from support.desk import META, Desk, RecordingWriter
from support.fakes import FakeClock
from support.raw_server import server_frame

from nerveshub_link.errors import TransportError


def test_states_follow_a_connection_from_the_first_poll_to_deinit():
    desk = Desk()
    seen = [desk.link.state]

    def look():
        if desk.link.state != seen[-1]:
            seen.append(desk.link.state)

    desk.connect()
    look()
    desk.peer.accept()
    desk.until(lambda: desk.link.state != "connecting", 1)
    look()
    assert not desk.link.connected
    desk.peer.reply(desk.peer.heard()[0][1], "device")
    desk.poll(3)
    look()
    assert desk.link.connected
    desk.peer.end()
    desk.poll(3)
    look()
    assert not desk.link.connected
    assert desk.link.last_error == "connection closed by the server"
    desk.link.deinit()
    look()
    assert seen == ["waiting", "connecting", "joining", "joined", "waiting", "closed"]


def test_join_tells_what_runs_and_that_it_is_confirmed():
    desk = Desk()
    assert desk.join() == {
        "device_api_version": "2.2.0",
        "nerves_fw_uuid": META["uuid"],
        "nerves_fw_product": "demo",
        "nerves_fw_architecture": "esp32s3",
        "nerves_fw_version": "1.0.0",
        "nerves_fw_platform": "circuitpython",
        "meta": {"firmware_validated": True, "firmware_auto_revert_detected": False},
    }


def test_join_prefers_the_writers_metadata_and_leaves_out_fields_that_are_none():
    meta = dict(META, version="3.1.4", author="A. Smith", misc=None)
    desk = Desk(
        fwup_writer=RecordingWriter(meta=meta, validated=False, reverted=True), firmware_meta=META
    )
    payload = desk.join()
    assert payload["nerves_fw_version"] == "3.1.4"
    assert payload["nerves_fw_author"] == "A. Smith"
    assert "nerves_fw_misc" not in payload
    assert payload["meta"] == {"firmware_validated": False, "firmware_auto_revert_detected": True}


def test_writers_word_is_asked_anew_at_each_join():
    writer = RecordingWriter(validated=False)
    desk = Desk(fwup_writer=writer, auto_confirm=False)
    assert desk.join()["meta"]["firmware_validated"] is False
    writer.validated = True
    desk.peer.end()
    assert desk.join()["meta"]["firmware_validated"] is True


def test_network_interface_is_reported_right_after_the_join():
    desk = Desk(network_interface="eth0")
    peer = desk.joined()
    assert peer.heard() == [
        [peer.join_ref, "2", "device", "report_network_interface", {"interface": "eth0"}]
    ]


def test_refs_are_unique_texts_and_every_message_has_the_joins_ref():
    desk = Desk()
    peer = desk.joined()
    for number in range(5):
        peer.say(peer.join_ref, None, "device", "scripts/run", {"ref": str(number), "text": "1"})
    desk.wait(35)
    frames = peer.heard()
    refs = [frame[1] for frame in frames]
    assert len(set(refs)) == len(refs) == 7
    assert all(isinstance(ref, str) for ref in refs)
    for frame in frames:
        assert frame[0] == (None if frame[2] == "phoenix" else peer.join_ref)


# Back-off


def failures(desk, count):
    """Milliseconds from each failed connect to the next try."""
    times = []
    for _ in range(count):
        tries = len(desk.network.attempts)
        times.append(desk.until(lambda: len(desk.network.attempts) > tries, 200))  # noqa: B023
    return times


@pytest.mark.parametrize("jitter, factor", [(0.0, 1.0), (0.5, 1.25), (1.0, 1.5)])
def test_waiting_doubles_from_one_second_to_sixty_with_up_to_half_of_it_added(jitter, factor):
    desk = Desk()
    desk.jitter = jitter
    desk.network.refusals = [TransportError("no route")] * 10
    desk.until(lambda: desk.network.attempts, 1)
    expected = [1, 2, 4, 8, 16, 32, 60, 60, 60]
    for passed, seconds in zip(failures(desk, 9), expected):
        assert abs(passed - seconds * factor * 1000) <= 25


def test_waiting_starts_over_after_a_minute_joined_and_not_before():
    desk = Desk()
    for _ in range(3):
        desk.connect().end()  # connected, and gone
    for _ in range(2):
        desk.connect().accept()  # upgraded, and gone
        desk.until(lambda: desk.link.state == "joining", 1)
        desk.peer.end()
    assert 15_900 < desk.until(lambda: len(desk.network.attempts) == 6, 40) <= 16_100
    desk.join(desk.peer)
    answering(desk, 55)
    desk.peer.end()  # joined for less than a minute, and gone
    assert 31_900 < desk.until(lambda: len(desk.network.attempts) == 7, 40) <= 32_100
    desk.join(desk.peer)
    answering(desk, 61)
    desk.peer.end()
    assert 900 < desk.until(lambda: len(desk.network.attempts) == 8, 40) <= 1_100


@pytest.mark.parametrize("days", [5.85, 6, 6.2, 6.3, 13])
def test_application_that_did_not_poll_for_days_is_online_again_at_once(days):
    desk = Desk(clock=FakeClock(ticks=77))
    desk.joined()
    desk.clock.advance(round(days * 86_400_000))
    desk.peer.end()
    desk.poll()
    assert desk.until(lambda: len(desk.network.attempts) == 2, 10) <= 2_000
    desk.join(desk.peer)


def answering(desk, seconds):
    """Let time pass on a connection whose server answers heartbeats."""
    for _ in range(seconds):
        desk.wait(1)
        for frame in desk.peer.heard():
            if isinstance(frame, list) and frame[2] == "phoenix":
                desk.peer.reply(frame[1], "phoenix")
    assert desk.link.connected


def test_two_devices_of_one_identifier_do_not_shake_hands_each_second():
    desk = Desk()
    for _ in range(8):
        desk.joined().close(1001)  # the server closes the older one when the other comes
        desk.wait(0.1)
    started = desk.clock._passed
    desk.connect()
    assert desk.clock._passed - started > 59_000
    assert desk.link.last_error == (
        "closed by the server with code 1001, soon after the join: "
        "does another device use the same identifier?"
    )


def test_close_with_1001_after_an_hour_is_an_operators_or_another_device():
    desk = Desk()
    desk.joined()
    answering(desk, 65)
    desk.peer.close(1001)
    desk.wait(0.1)
    assert desk.link.last_error == (
        "closed by the server with code 1001: "
        "an operator asked to reconnect, or another device uses the same identifier"
    )


def test_reason_in_the_servers_close_frame_is_told():
    desk = Desk()
    desk.joined().put(server_frame(8, (1011).to_bytes(2, "big") + "größer\x1b[0m".encode()))
    desk.wait(0.1)
    assert desk.link.last_error == "closed by the server with code 1011: gr__er_[0m"


def test_reason_that_is_no_utf_8_is_left_out():
    desk = Desk()
    desk.joined().put(server_frame(8, (1011).to_bytes(2, "big") + b"\xff"))
    desk.wait(0.1)
    assert desk.link.last_error == "closed by the server with code 1011"


def test_upgrade_that_is_not_answered_is_given_up():
    desk = Desk(reply_timeout=10)
    desk.connect()
    desk.wait(9.9)
    assert desk.link.state == "connecting"
    desk.wait(0.2)
    assert desk.link.state == "waiting"
    assert desk.peer.closed
    assert desk.link.last_error == "no answer to the upgrade request"


def test_join_refused_three_times_ends_the_connection():
    desk = Desk()
    peer = desk.connect()
    peer.accept()
    joins = []
    while not peer.closed:
        desk.wait(0.5)
        for frame in peer.heard():
            if isinstance(frame, list):
                joins.append(frame[1])
                peer.reply(frame[1], "device", {"error": "could not connect"}, "error")
    assert len(joins) == 3
    assert "joining failed 3 times" == desk.link.last_error
    assert "join refused: {'error': 'could not connect'}" in desk.log.text
    desk.join()


def test_join_not_answered_three_times_ends_the_connection():
    desk = Desk(reply_timeout=10, heartbeat_interval=150)
    peer = desk.connect()
    peer.accept()
    passed = desk.until(lambda: peer.closed, 120)
    joins = [frame for frame in peer.heard() if frame[3:4] == ["phx_join"]]
    assert len(joins) == 3
    assert passed > 30_000
    assert "joining failed 3 times" == desk.link.last_error


# Heartbeats


def test_heartbeat_goes_out_every_thirty_seconds():
    desk = Desk(heartbeat_interval=30)
    peer = desk.joined()
    peer.heard()
    beats = 0
    for _ in range(200):
        desk.wait(0.5)
        for frame in peer.heard():
            assert frame == [None, frame[1], "phoenix", "heartbeat", {}]
            peer.reply(frame[1], "phoenix")
            beats += 1
    assert beats == 3
    assert desk.link.connected


def test_server_that_sends_without_end_and_answers_no_heartbeat_does_not_escape():
    desk = Desk(heartbeat_interval=30, reply_timeout=10)
    peer = desk.joined()

    def flood():
        while len(peer.incoming) < 50:  # more than one poll() reads
            peer.say(None, None, "device", "nothing", {})
        return peer.closed

    passed = desk.until(flood, 60)
    assert 39_000 < passed < 41_000
    assert desk.link.last_error == "the server does not answer heartbeats"


def test_server_that_sends_without_end_and_answers_no_join_does_not_escape():
    desk = Desk(reply_timeout=10, heartbeat_interval=150)
    peer = desk.connect()
    peer.accept()
    joins = []

    def flood():
        while len(peer.incoming) < 50:
            peer.say(None, None, "device", "nothing", {})
        joins.extend(frame for frame in peer.heard() if frame[3:4] == ["phx_join"])
        return peer.closed

    passed = desk.until(flood, 120)
    assert len(joins) == 3
    assert passed < 50_000
    assert "joining failed 3 times" == desk.link.last_error


@pytest.mark.parametrize("before", [0, 3, 20])
def test_loop_of_a_minute_finds_the_answer_behind_other_messages(before):
    desk = Desk(heartbeat_interval=30, reply_timeout=10)
    peer = desk.joined()
    for _ in range(20):
        desk.clock.advance(60_000)
        desk.poll()
        for frame in peer.heard():
            if isinstance(frame, list) and frame[2] == "phoenix":
                for _ in range(before):
                    peer.say(None, None, "device", "nothing", {})
                peer.reply(frame[1], "phoenix")
        assert desk.link.connected


def test_heartbeat_without_an_answer_ends_the_connection():
    desk = Desk(heartbeat_interval=30, reply_timeout=10)
    peer = desk.joined()
    passed = desk.until(lambda: peer.closed, 60)
    assert 39_000 < passed < 41_000
    assert desk.link.last_error == "the server does not answer heartbeats"
    assert desk.client.named("handle_disconnected") == [
        ("handle_disconnected", "the server does not answer heartbeats")
    ]
    desk.join()


def test_main_loop_that_slept_loses_nothing_while_the_answer_waits_in_the_socket():
    desk = Desk(heartbeat_interval=30, reply_timeout=10)
    peer = desk.joined()
    desk.wait(30.1)
    beat = peer.heard()[-1]
    assert beat[3] == "heartbeat"
    # More messages than one poll takes, and the answer is the last of them.
    for _ in range(20):
        peer.say(None, None, "device", "nothing that we know", {})
    peer.reply(beat[1], "phoenix")
    desk.clock.advance(40_000)
    desk.poll(20)
    desk.wait(1)
    assert desk.link.connected
    assert not peer.closed


def test_main_loop_that_slept_while_joining_gets_the_answer_that_lies_there():
    desk = Desk(reply_timeout=10)
    peer = desk.connect()
    peer.accept()
    desk.until(lambda: desk.link.state == "joining", 1)
    peer.reply(peer.heard()[0][1], "device")
    desk.clock.advance(40_000)
    desk.poll(2)
    assert desk.link.connected


def test_main_loop_that_slept_while_upgrading_gets_the_answer_that_lies_there():
    desk = Desk(reply_timeout=10)
    peer = desk.connect()
    peer.accept()
    desk.clock.advance(40_000)
    desk.poll(2)
    assert desk.link.state == "joining"


def test_main_loop_that_slept_gets_an_answer_that_came_in_many_pieces():
    desk = Desk(reply_timeout=10)
    peer = desk.connect()
    peer.accept()
    answer = peer.incoming.pop()
    peer.incoming += [answer[at : at + 10] for at in range(0, len(answer), 10)]
    desk.clock.advance(40_000)
    desk.poll(6)
    assert desk.link.state == "joining"
