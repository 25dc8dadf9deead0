# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""With any message of the server, and with too little memory: poll() returns, the link goes on."""

import json
from contextlib import nullcontext
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.desk import META, Desk, RecordingWriter, update
from support.raw_server import server_frame
from support.wires import TEXT

from nerveshub_link import Extension, HealthProvider
from nerveshub_link.errors import describe

QUICK = settings(
    max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=6,
)
events = st.sampled_from(
    "update reboot identify extensions:get scripts/run archive fwup_public_keys attach detach "
    "health:check logging:level mine:x phx_reply phx_error phx_close phx_leave : x".split()
)
keys = st.sampled_from(
    "update_available firmware_url firmware_meta size checksum extensions ref text status response "
    "reason uuid".split()
)
values = anything | st.sampled_from(
    [
        True,
        "ok",
        "error",
        "detach",
        "unmatched topic",
        ["health"],
        [[]],
        [{}],
        "http://a/b",
        "0" * 64,
        {"uuid": 1},
    ]
)
payloads = anything | st.dictionaries(keys, values, max_size=6)


class Mine(Extension):
    """An extension that trusts everybody."""

    def handle_event(self, event, payload):
        return ("answer", {"length": len(payload["text"])})


def talkative():
    """A link with everything switched on, joined to both topics."""
    desk = Desk(
        fwup_writer=RecordingWriter(validated=False),
        extensions={"health": HealthProvider(), "logging": True, "mine": Mine()},
        allow_unverified=True,
        confirm_after=0,
    )
    peer = desk.joined()
    peer.say(None, None, "device", "extensions:get", {})
    desk.wait(0.1)
    join = [frame for frame in peer.heard() if frame[3] == "phx_join"][-1]
    peer.reply(join[1], "extensions", ["health", "logging", "mine"])
    desk.wait(0.1)
    return desk


def still_works(desk):
    """Whatever happened: it was foreseen, and after some time the link is joined again."""
    assert "fault: " not in desk.log.text
    desk.wait(0.5)
    hub = desk.network.peers[0]
    if not hub.closed:
        hub.incoming.clear()
        hub.end()
        desk.wait(0.1)

    def asking():
        peer = desk.peer
        return peer.asked and not peer.closed and peer.target.startswith("/device-socket")

    desk.until(asking, 400, 100)
    desk.join(desk.peer)
    assert desk.link.connected


@QUICK
@given(
    st.lists(
        st.tuples(
            st.sampled_from([None, "1", "2", "4", "99", 1]),
            st.sampled_from([None, "1", "2", "3", "4", "5", 7]),
            st.sampled_from(["device", "extensions", "phoenix", "console", None, 3]),
            events | anything,
            payloads,
        ),
        max_size=8,
    )
)
def test_no_message_makes_poll_raise(messages):
    desk = talkative()
    peer = desk.peer
    for message in messages:
        peer.put(server_frame(TEXT, json.dumps(message).encode()))
        desk.wait(0.05)
    still_works(desk)


@QUICK
@given(st.lists(st.binary(max_size=40), max_size=6))
def test_no_bytes_make_poll_raise(packets):
    desk = talkative()
    for packet in packets:
        if packet:
            desk.peer.put(packet)
        desk.wait(0.05)
    still_works(desk)


@QUICK
@given(anything)
def test_no_json_makes_poll_raise(value):
    desk = talkative()
    desk.peer.put(server_frame(TEXT, json.dumps(value).encode()))
    desk.wait(0.1)
    assert desk.link.connected
    still_works(desk)


@QUICK
@given(st.binary(min_size=1, max_size=60), st.booleans())
def test_no_answer_to_the_upgrade_makes_poll_raise(answer, like_http):
    desk = Desk()
    desk.connect().put(b"HTTP/1.1 " * like_http + answer + b"\r\n\r\n")
    desk.wait(0.2)
    desk.peer.end()
    desk.join()
    assert desk.link.connected


def test_text_that_is_no_phoenix_message_is_passed_over():
    desk = Desk()
    peer = desk.joined()
    for text in (b"", b"{}", b"[1]", b"[null,null,", b'"x"', b"[[],[],[],[],[]]"):
        peer.put(server_frame(TEXT, text))
    peer.say(None, None, "device", "identify", {})
    desk.wait(0.2)
    assert desk.client.named("identify") == [("identify",)]


@pytest.mark.parametrize(
    "target",
    [
        "nerveshub_link.wire.phoenix.json.dumps",
        "nerveshub_link.device.topic.DeviceTopic.tick",
        "nerveshub_link.extensions.router.Extensions.poll",
        "nerveshub_link.wire.connection.Connection.step",
    ],
)
def test_running_out_of_memory_leads_to_a_calm_reconnect(target, clock_gain):
    desk = talkative()
    peer = desk.peer
    with mock.patch(target, side_effect=MemoryError()):
        desk.until(lambda: not desk.link.connected, 31)  # the heartbeat, if nothing before
    assert desk.link.state == "waiting"
    assert peer.closed
    assert desk.link.last_error == "fault: MemoryError"
    tries = len(desk.network.attempts)
    passed = desk.until(lambda: len(desk.network.attempts) > tries, 3)
    assert 800 < passed <= 1000 + 25 * clock_gain  # one poll later, since it began within a poll
    desk.join(desk.peer)


@pytest.mark.parametrize("without", [1, 3])
def test_message_without_memory_is_understood_when_there_is_some_again(without):
    desk = talkative()
    real = json.loads
    errors = [MemoryError()] * without

    def loads(text):
        if errors:
            raise errors.pop()
        return real(text)

    with mock.patch("nerveshub_link.wire.phoenix.json.loads", loads):
        desk.peer.say(None, None, "device", "identify", {})
        desk.wait(0.2)
    assert desk.client.named("identify") == [("identify",)]
    assert desk.link.last_error is None


def test_message_that_there_is_no_memory_for_is_passed_over_and_the_link_stays():
    desk = talkative()
    desk.peer.say(None, None, "device", "scripts/run", {"ref": "1", "text": "1"})
    with mock.patch("nerveshub_link.wire.phoenix.json.loads", side_effect=MemoryError()):
        desk.wait(0.1)
    assert desk.link.connected
    assert desk.link.last_error == "no memory for a message: skipped"
    desk.peer.say(None, None, "device", "scripts/run", {"ref": "2", "text": "1"})
    desk.wait(0.1)
    assert [payload["ref"] for event, payload in desk.peer.events()] == ["2"]


def test_running_out_of_memory_while_connecting_waits_longer_and_longer():
    desk = Desk()
    desk.network.refusals = [MemoryError()] * 3
    desk.until(lambda: len(desk.network.attempts) == 3, 10)
    assert desk.link.last_error == "MemoryError"
    assert 3_900 < desk.until(lambda: len(desk.network.attempts) == 4, 10) <= 4_100


def test_running_out_of_memory_in_the_middle_of_a_download_breaks_off_this_try_only():
    desk = talkative()
    hub = desk.peer
    hub.say(None, None, "device", "update", update(b"x" * 100))
    files = desk.connect(5)
    files.answer(200, body=b"x" * 100)
    with mock.patch("nerveshub_link.update.downloader.Downloader.step", side_effect=MemoryError()):
        desk.wait(0.1)
    assert files.closed
    desk.connect(20).answer(200, body=b"x" * 100)
    desk.until(lambda: desk.client.named("reboot"), 5)
    assert desk.client.named("fwup_error") == []
    assert desk.link.connected


def test_fault_while_handling_a_fault_does_not_raise():
    desk = Desk()
    peer = desk.joined()
    with mock.patch("nerveshub_link.wire.connection.Connection.lost", side_effect=MemoryError()):
        peer.end()
        desk.wait(0.2)
    assert desk.link.last_error == "fault while handling a fault"
    desk.join()


def raising(error, times=1):
    """A function that raises so often, and then returns what the other one does."""
    left = [error] * times

    def make(function):
        def wrapper(*args):
            if left:
                raise left.pop()
            return function(*args)

        return wrapper

    return make


@pytest.mark.parametrize("error", [OSError("clock"), MemoryError()])
def test_clock_that_raises_once_leaves_a_link_that_works(error):
    desk = Desk(heartbeat_interval=30)
    peer = desk.joined()
    desk.link._clock = raising(error)(desk.clock)
    desk.wait(0.1)
    assert desk.link.last_error == "fault: " + describe(error)
    assert peer.closed
    desk.join()
    desk.peer.heard()
    desk.wait(31)
    assert desk.peer.heard()[-1][3] == "heartbeat"


def test_clock_that_raises_at_each_poll_is_told_once():
    desk = Desk()
    desk.joined()
    desk.link._clock = raising(OSError("clock"), 400)(desk.clock)
    desk.wait(10)
    assert desk.log.text.count("fault: OSError: clock") == 1
    desk.join()


@pytest.mark.parametrize("method", ["reconnect", "deinit"])
def test_clock_that_raises_keeps_nobody_from_closing_the_connection(method):
    desk = Desk()
    peer = desk.joined()
    desk.link._clock = raising(OSError("clock"))(desk.clock)
    getattr(desk.link, method)()
    desk.wait(3)
    assert peer.closed
    assert ("close", 1000) in peer.heard()


INTERRUPTS = [KeyboardInterrupt(), SystemExit(), GeneratorExit("as ReloadException, none of ours")]


@pytest.mark.parametrize("error", INTERRUPTS, ids=repr)
@pytest.mark.parametrize(
    "place",
    [
        "link.NervesHubLink._tick",
        "dispatch.Dispatch.receive",
        "wire.websocket.WebSocket.step",
        "device.topic.DeviceTopic.join",  # between "accepted" and the join
        "device.topic.DeviceTopic.tick",
        "wire.phoenix.Channels.tick",
        "wire.connection.Connection._try",
        "transport_of_the_test",
    ],
)
def test_what_is_no_exception_drops_the_connection_passes_and_the_next_poll_works(error, place):
    desk = Desk(heartbeat_interval=30)
    if place == "device.topic.DeviceTopic.join":
        desk.connect().accept()
    elif place == "wire.connection.Connection._try":
        desk.joined().end()
        desk.wait(0.1)
    elif place == "transport_of_the_test":
        desk.connect().accept()
        desk.peer.incoming.append(error)  # in the middle of a read
    else:
        desk.joined()
    peer = desk.peer
    target = "nerveshub_link." + place
    with mock.patch(target, side_effect=error) if "." in place else nullcontext():
        with pytest.raises(type(error)):
            desk.wait(3)
    assert peer.closed
    assert not desk.link.connected
    assert "interrupted: " + type(error).__name__ in desk.log.text
    desk.join()
    desk.peer.heard()
    desk.wait(31)
    assert desk.peer.heard()[-1][3] == "heartbeat"


def test_interrupt_of_the_clock_passes_and_the_next_poll_works():
    desk = Desk()
    desk.joined()
    desk.link._clock = raising(KeyboardInterrupt())(desk.clock)
    with pytest.raises(KeyboardInterrupt):
        desk.wait(0.1)
    desk.join()


@pytest.mark.parametrize("place", ["device.topic.DeviceTopic.lost", "wire.phoenix.Channels.reset"])
def test_fault_in_the_middle_of_dropping_a_connection_leaves_nothing_that_only_looks_joined(place):
    desk = Desk()
    peer = desk.joined()
    peer.end()
    with mock.patch("nerveshub_link." + place, side_effect=[MemoryError(), MemoryError()]):
        desk.wait(0.05)
    desk.join()
    assert desk.link.connected


def test_fault_before_the_join_and_in_its_handling_does_not_leave_a_socket_that_wants_nothing():
    desk = Desk()
    peer = desk.connect()
    peer.accept()
    with (
        mock.patch("nerveshub_link.device.topic.DeviceTopic.join", side_effect=MemoryError()),
        mock.patch("nerveshub_link.wire.connection.Connection.lost", side_effect=MemoryError()),
    ):
        desk.wait(0.05)
    desk.until(lambda: peer.closed, 60)
    desk.join()


def test_topic_that_fails_to_take_note_of_the_loss_does_not_keep_the_others_from_it():
    desk = talkative()
    with mock.patch("nerveshub_link.extensions.router.Extensions.lost", side_effect=MemoryError()):
        desk.peer.end()
        desk.wait(0.1)
    assert desk.client.named("handle_disconnected")
    assert not desk.link.connected
    desk.join()


class Mute(Exception):
    """An exception that can't be shown."""

    def __str__(self):
        raise ValueError("no text")

    __repr__ = __str__


@pytest.mark.parametrize("name", ["identify", "handle_disconnected"])
def test_callback_that_raises_what_can_not_be_shown_costs_no_connection(name):
    desk = Desk()
    peer = desk.joined()
    desk.client.error = Mute()
    desk.client.raising = {name}
    peer.say(None, None, "device", "identify", {})
    desk.wait(0.2)
    assert desk.link.connected
    peer.end()
    desk.join()
    assert name + ": Mute" in desk.log.text
    assert "fault" not in desk.log.text


def test_logger_that_raises_what_can_not_be_shown_costs_no_connection():
    class Logger:
        def log(self, level, text):
            raise Mute

    desk = Desk(logger=Logger())
    peer = desk.joined()
    peer.say(None, None, "device", "scripts/run", {"ref": "1", "text": "1"})
    desk.wait(1)
    assert desk.link.connected


def test_server_that_asks_and_does_not_read_fills_no_memory_and_is_dropped():
    desk = Desk()
    peer = desk.joined()
    peer._transport.room = [0] * 1_000_000
    most = 0
    while not peer.closed:
        for _ in range(10):
            peer.say(None, None, "device", "scripts/run", {"ref": "x" * 4000, "text": "1"})
        desk.wait(1)
        most = max(most, desk.link._connection.socket._queued)
    assert 8 * 4000 < most < 12 * 4200
    assert len(peer.incoming) > 300  # the questions were not taken in
    assert desk.link.last_error == "the server does not answer heartbeats"
    peer._transport.room = []
    desk.join()


def test_long_number_in_a_message_is_refused_before_it_is_read():
    desk = Desk()
    peer = desk.joined()
    peer.put(server_frame(TEXT, b'[null,null,"device","identify",{"n":' + b"7" * 9000 + b"}]"))
    peer.say(None, None, "device", "identify", {"id": "7" * 9000})
    with mock.patch("nerveshub_link.wire.phoenix.json.loads", wraps=json.loads) as loads:
        desk.wait(0.2)
    assert "message with a number of more than 64 digits" in desk.log.text
    assert len(loads.mock_calls) == 1  # the digits in a text are no number
    assert desk.client.named("identify") == [("identify",)]


@pytest.mark.parametrize("meta", [None, "text", {}, {"uuid": 1}, OSError(5, "flash is gone")])
def test_writer_that_does_not_know_what_runs_any_more_costs_no_more_than_the_join(meta):
    desk = Desk(fwup_writer=RecordingWriter(), firmware_meta=META)
    peer = desk.joined()
    desk.writer.firmware_meta = mock.Mock(side_effect=[meta] * 3 + [META] * 99)
    peer.end()
    for _ in range(8):
        peer = desk.connect()
        peer.accept()
        desk.wait(0.2)
        if not peer.closed and peer.heard():
            break
    peer.reply("1", "device")
    desk.wait(0.1)
    assert desk.link.connected


def test_message_longer_than_allowed_is_passed_over():
    desk = Desk(max_message_size=4096)
    peer = desk.joined()
    peer.say(None, None, "device", "update", {"firmware_url": "x" * 5000})
    peer.say(None, None, "device", "identify", {})
    desk.wait(0.2)
    assert desk.link.connected
    assert desk.client.named("identify") == [("identify",)]
    assert "bytes was skipped" in desk.link.last_error


# Faults of the server's side of a topic


def test_crash_of_the_device_topic_is_followed_by_a_rejoin_of_it_alone():
    desk = talkative()
    peer = desk.peer
    peer.heard()
    peer.say(peer.join_ref, peer.join_ref, "device", "phx_error", {"reason": "channel_crash"})
    desk.wait(0.1)
    assert desk.link.state == "joining"
    assert desk.client.named("handle_disconnected") == [
        ("handle_disconnected", "the server closed the device's channel")
    ]
    passed = desk.until(lambda: len(peer.sent) > peer._used, 10)
    assert 4_800 < passed < 5_200
    (frame,) = peer.heard()
    assert frame[2:4] == ["device", "phx_join"]
    assert frame[0] == frame[1] != peer.join_ref
    peer.reply(frame[1], "device")
    desk.wait(0.1)
    assert desk.link.connected
    assert len(desk.client.named("handle_connected")) == 2
    assert len(desk.network.peers) == 1


def test_crash_of_the_extensions_topic_is_followed_by_a_rejoin_of_it_alone():
    desk = talkative()
    peer = desk.peer
    peer.heard()
    peer.say("4", "4", "extensions", "phx_error", {"reason": "channel_crash"})
    peer.say("3", "3", "extensions", "phx_error", {"reason": "channel_crash"})
    desk.wait(5.2)
    frames = [frame for frame in peer.heard() if frame[3] == "phx_join"]
    assert [frame[2] for frame in frames] == ["extensions"]
    assert desk.link.connected
    assert desk.client.named("handle_disconnected") == []


def test_close_of_a_channel_that_was_replaced_means_nothing():
    desk = Desk()
    peer = desk.joined()
    peer.say(peer.join_ref, peer.join_ref, "device", "phx_error", {})
    desk.wait(5.2)
    new = peer.heard()[-1][1]
    peer.reply(new, "device")
    peer.say(peer.join_ref, peer.join_ref, "device", "phx_close", {})
    desk.wait(20)
    assert desk.link.connected
    assert [frame for frame in peer.heard() if frame[3] == "phx_join"] == []


def test_topic_that_the_server_has_forgotten_is_joined_again():
    desk = Desk()
    peer = desk.joined()
    desk.wait(0.1)
    ref = peer.heard()[-1][1]
    payload = {"status": "error", "response": {"reason": "unmatched topic"}}
    peer.say(None, ref, "device", "phx_reply", payload)
    desk.wait(5.2)
    assert peer.heard()[-1][3] == "phx_join"


def test_channel_that_crashes_over_and_over_is_not_joined_in_a_hurry():
    desk = Desk()
    peer = desk.joined()
    joins = 0
    for _ in range(60):
        desk.wait(1)
        if peer.closed:
            break
        for frame in peer.heard():
            if isinstance(frame, list) and frame[3] == "phx_join":
                joins += 1
                peer.reply(frame[1], "device")
                peer.join_ref = frame[1]
            if isinstance(frame, list) and frame[2] == "phoenix":
                peer.reply(frame[1], "phoenix")
        peer.say(peer.join_ref, peer.join_ref, "device", "phx_error", {"reason": "channel_crash"})
    assert joins <= 12
