# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""The extensions topic: only attached extensions receive and send events."""

import json
import types

import pytest
from support.desk import Desk

from nerveshub_link import Extension


class Recording(Extension):
    """Takes note of everything, and raises where it is told to."""

    def __init__(self, *raising, answer=None):
        self.heard = []
        self.polls = 0
        self.doing = {}
        self.raising = raising
        self.answer = answer

    def _note(self, name, *args):
        if name == "poll":
            self.polls += 1
        else:
            self.heard.append((name,) + args)
        if name in self.doing:
            self.doing[name]()
        if name in self.raising:
            raise RuntimeError("a mistake of " + name)

    def attached(self):
        self._note("attached")

    def detached(self):
        self._note("detached")

    def handle_event(self, event, payload):
        self._note("handle_event", event, payload)
        return self.answer

    def poll(self, now):
        self._note("poll")


def with_extensions(reply=None, **extensions):
    """A link whose ``extensions`` topic is joined; the reply attaches all of them, or ``reply``."""
    desk = Desk(extensions=extensions)
    peer = desk.joined()
    peer.say(None, None, "device", "extensions:get", {})
    desk.wait(0.1)
    join = peer.heard()[-1]
    assert join[0] == join[1]
    assert join[2:] == ["extensions", "phx_join", {name: "0.0.1" for name in extensions}]
    desk.ref = join[1]
    peer.reply(join[1], "extensions", list(extensions) if reply is None else reply)
    desk.wait(0.1)
    return desk


def push(desk, event, payload=None):
    """An event of the server for the joined topic."""
    desk.peer.say(desk.ref, None, "extensions", event, {} if payload is None else payload)
    desk.wait(0.1)


def test_extensions_are_joined_when_the_server_asks_and_not_before():
    desk = Desk(extensions={"mine": Recording()})
    peer = desk.joined()
    desk.wait(1)
    assert [frame[2] for frame in peer.heard()] == ["device"]
    peer.say(None, None, "device", "extensions:get", {})
    peer.say(None, None, "device", "extensions:get", {})
    desk.wait(0.2)
    (join,) = peer.heard()
    assert join[2:] == ["extensions", "phx_join", {"mine": "0.0.1"}]


def test_link_without_extensions_does_not_join_the_topic():
    desk = Desk()
    peer = desk.joined()
    peer.heard()
    peer.say(None, None, "device", "extensions:get", {})
    desk.wait(0.2)
    assert peer.heard() == []


def test_only_what_the_server_lists_is_attached_and_says_so():
    one, two = Recording(), Recording()
    desk = with_extensions(["two", "unknown"], one=one, two=two)
    assert desk.peer.events("extensions") == [("two:attached", {})]
    assert one.heard == []
    assert two.heard == [("attached",)]
    assert one.push is None


def test_event_reaches_its_extension_and_the_answer_goes_back():
    one, two = Recording(answer=("result", {"n": 1})), Recording()
    desk = with_extensions(one=one, two=two)
    desk.peer.heard()
    push(desk, "one:ask:this", {"x": 2})
    assert one.heard[-1] == ("handle_event", "ask:this", {"x": 2})
    assert two.heard == [("attached",)]
    assert desk.peer.events("extensions") == [("one:result", {"n": 1})]


def test_event_without_an_answer_sends_nothing():
    one = Recording()
    desk = with_extensions(one=one)
    desk.peer.heard()
    push(desk, "one:ask")
    assert desk.peer.heard() == []


@pytest.mark.parametrize("event", ["unknown:ask", "garbage", "one", "", ":", "two:ask"])
def test_event_that_is_unknown_or_for_nobody_attached_is_ignored(event):
    one, two = Recording(), Recording()
    desk = with_extensions(["one"], one=one, two=two)
    desk.peer.heard()
    heard = [] if event != "one" else [("handle_event", "", {})]
    push(desk, event)
    assert one.heard[1:] == heard
    assert two.heard == []
    assert desk.peer.heard() == []
    assert desk.link.connected


def test_extension_speaks_while_it_is_attached():
    one = Recording()
    desk = with_extensions(one=one)
    desk.peer.heard()
    assert one.push("news", {"n": 1}) is True
    assert desk.peer.heard() == [[desk.ref, "5", "extensions", "one:news", {"n": 1}]]
    desk.peer.end()
    desk.wait(0.1)
    assert one.push is None


def test_detach_and_attach_of_the_operator():
    one, two = Recording(), Recording()
    desk = with_extensions(one=one, two=two)
    desk.peer.heard()
    push(desk, "detach", {"extensions": ["one", "unknown"]})
    assert one.heard == [("attached",), ("detached",)]
    push(desk, "one:ask")
    assert one.heard == [("attached",), ("detached",)]
    push(desk, "attach", {"extensions": ["one"]})
    assert one.heard == [("attached",), ("detached",), ("attached",)]
    assert desk.peer.events("extensions") == [("one:attached", {})]
    assert two.heard == [("attached",)]


def test_detach_as_the_answer_to_attached_detaches_that_extension():
    one, two = Recording(), Recording()
    desk = with_extensions(one=one, two=two)
    refs = {frame[3]: frame[1] for frame in desk.peer.heard()}
    desk.peer.say(
        desk.ref,
        refs["one:attached"],
        "extensions",
        "phx_reply",
        {"status": "error", "response": "detach"},
    )
    desk.wait(0.1)
    assert one.heard == [("attached",), ("detached",)]
    assert two.heard == [("attached",)]
    assert desk.link.connected


@pytest.mark.parametrize(
    "keys", [None, "one", "all", {"one": 1}, [["one"]], [{}], [None], [1], ["one", []], 7]
)
@pytest.mark.parametrize("event", ["attach", "detach"])
def test_list_of_keys_that_is_invalid_does_no_harm(event, keys):
    one = Recording()
    desk = with_extensions([], one=one)
    push(desk, event, {"extensions": keys})
    assert desk.link.connected
    assert "fault" not in desk.log.text


@pytest.mark.parametrize("response", [None, {}, "one", [["one"]], [{}], 7])
def test_reply_to_the_join_that_is_no_list_of_keys_attaches_nobody(response):
    one = Recording()
    desk = Desk(extensions={"one": one})
    peer = desk.joined()
    peer.say(None, None, "device", "extensions:get", {})
    desk.wait(0.1)
    ref = peer.heard()[-1][1]
    payload = {"status": "ok", "response": response}
    peer.say(ref, ref, "extensions", "phx_reply", payload)
    desk.wait(0.1)
    assert one.heard == []
    assert desk.link.connected
    assert "fault" not in desk.log.text


@pytest.mark.parametrize("name", ["attached", "handle_event", "poll"])
def test_extension_that_raises_is_detached_with_the_reason_and_the_link_goes_on(name):
    one, two = Recording(name), Recording(answer=("fine", {}))
    desk = with_extensions(one=one, two=two)
    push(desk, "one:ask")
    events = desk.peer.events("extensions")
    assert ("one:error", {"reason": "RuntimeError: a mistake of " + name}) in events
    assert one.heard[-1] == ("detached",)
    assert one.push is None
    push(desk, "two:ask")
    assert ("two:fine", {}) in desk.peer.events("extensions")
    assert desk.link.connected
    assert desk.link.last_error == "extension one: RuntimeError: a mistake of " + name


def test_extension_that_raises_when_detached_does_no_harm():
    one, two = Recording("detached"), Recording()
    desk = with_extensions(one=one, two=two)
    desk.peer.end()
    desk.wait(0.1)
    assert one.heard[-1] == two.heard[-1] == ("detached",)
    desk.join()


@pytest.mark.parametrize(
    "answer", [5, "text", ("only",), (1, {}), ("x", {1, 2}), ("x", float), object()]
)
def test_answer_that_can_not_be_sent_detaches_the_extension_alone(answer):
    one, two = Recording(answer=answer), Recording()
    desk = with_extensions(one=one, two=two)
    push(desk, "one:ask")
    assert one.heard[-1] == ("detached",)
    assert two.heard == [("attached",)]
    assert desk.link.connected


def test_lost_connection_detaches_everybody_and_the_next_one_attaches_again():
    one = Recording()
    desk = with_extensions(one=one)
    desk.peer.end()
    desk.wait(0.1)
    assert one.heard == [("attached",), ("detached",)]
    peer = desk.connect()
    desk.join(peer)
    peer.say(None, None, "device", "extensions:get", {})
    desk.wait(0.1)
    peer.reply(peer.heard()[-1][1], "extensions", ["one"])
    desk.wait(0.1)
    assert one.heard == [("attached",), ("detached",), ("attached",)]


def test_crash_of_the_topic_detaches_everybody_until_it_is_joined_again():
    one = Recording()
    desk = with_extensions(one=one)
    desk.peer.heard()
    desk.peer.say(desk.ref, desk.ref, "extensions", "phx_error", {"reason": "channel_crash"})
    desk.wait(0.1)
    assert one.heard == [("attached",), ("detached",)]
    desk.wait(5.1)
    (join,) = desk.peer.heard()
    assert join[2:4] == ["extensions", "phx_join"]
    desk.peer.reply(join[1], "extensions", ["one"])
    desk.wait(0.1)
    assert one.heard[-1] == ("attached",)


def test_extensions_wait_while_the_network_takes_nothing():
    one = Recording("poll")
    desk = with_extensions([], one=one)
    push(desk, "attach", {"extensions": ["one"]})
    assert one.heard[-1] == ("detached",)  # it raises in poll: so poll is called at all
    one.raising = ()
    desk.peer._transport.room = [0] * 500
    push(desk, "attach", {"extensions": ["one"]})
    for number in range(10):
        one.push("news", {"n": number})
    one.raising = ("poll",)
    desk.wait(1)
    assert one.heard[-1] == ("attached",)
    desk.peer._transport.room = []
    desk.wait(0.2)
    assert one.heard[-1] == ("detached",)


# What becomes no JSON

NAN, INFINITY = float("nan"), float("inf")
NOT_FINITE = [
    {"value": NAN},
    {"value": -INFINITY},
    {"values": [1, (2.5, INFINITY)]},
    {"deep": {"er": [{"value": NAN}]}},
]


@pytest.mark.parametrize("payload", NOT_FINITE, ids=repr)
def test_number_that_is_not_finite_detaches_the_extension_and_the_link_stays(payload):
    one, two = Recording(answer=("result", payload)), Recording(answer=("fine", {"n": 1.5}))
    desk = with_extensions(one=one, two=two)
    desk.peer.heard()
    push(desk, "one:ask")
    error = ("one:error", {"reason": "ValueError: a number that is not finite"})
    assert desk.peer.events("extensions") == [error]
    assert one.heard[-1] == ("detached",)
    push(desk, "two:ask")
    assert desk.peer.events("extensions") == [("two:fine", {"n": 1.5})]
    assert desk.link.connected
    assert len(desk.network.attempts) == 1


@pytest.mark.parametrize("payload", NOT_FINITE, ids=repr)
@pytest.mark.parametrize("name", ["attached", "poll"])
def test_number_that_is_not_finite_and_was_pushed_detaches_the_extension(name, payload):
    one = Recording()
    one.doing[name] = lambda: one.push("news", payload)
    desk = with_extensions(one=one)
    assert ("one:error", {"reason": "ValueError: a number that is not finite"}) in (
        desk.peer.events("extensions")
    )
    assert one.heard[-1] == ("detached",)
    assert desk.link.connected


def test_finite_numbers_of_all_kinds_are_sent_as_they_are():
    payload = {"a": [0, -1, 1 << 70, 1.5, -2e300, True, None, "nan"], "b": {"c": {}}}
    one = Recording(answer=("result", payload))
    desk = with_extensions(one=one)
    desk.peer.heard()
    push(desk, "one:ask")
    assert desk.peer.events("extensions") == [("one:result", payload)]


# A lack of memory


@pytest.fixture
def scarce(monkeypatch):
    """Events for which json.dumps has no memory, as often as the number says."""
    events, dumps = {}, json.dumps

    def dumps_or_not(value):
        event = value[3] if isinstance(value, list) else None
        if events.get(event):
            events[event] -= 1
            raise MemoryError("memory allocation failed, allocating 64 bytes")
        return dumps(value)

    with_traps = types.SimpleNamespace(loads=json.loads, dumps=dumps_or_not)
    monkeypatch.setattr("nerveshub_link.wire.phoenix.json", with_traps)
    return events


@pytest.mark.parametrize("times", [1, 3])
def test_a_log_line_for_which_there_is_no_memory_leaves_later(scarce, times):
    desk = Desk(extensions={"logging": True})
    desk.attach("logging")
    scarce["logging:send"] = times
    for number in range(3):
        desk.link.log("info", "line %d" % number)
    desk.wait(10)
    events = desk.peer.events("extensions")
    assert [value["message"] for _, value in events] == ["line 0", "line 1", "line 2"]
    assert {event for event, _ in events} == {"logging:send"}


def test_an_answer_for_which_there_is_no_memory_leaves_later(scarce):
    desk = with_extensions(one=Recording(answer=("said", {"a": 1})))
    desk.peer.heard()
    scarce["one:said"] = 2
    desk.peer.say(desk.ref, None, "extensions", "one:ask", {})
    desk.wait(0.9)
    assert desk.peer.events("extensions") == []
    desk.wait(3)
    assert desk.peer.events("extensions") == [("one:said", {"a": 1})]
    assert desk.log.text.count("extension one: MemoryError: ") == 1
    assert desk.log.text.count("retried later") == 1


def test_an_extension_is_attached_as_soon_as_there_is_memory_to_say_so(scarce):
    one = Recording()
    scarce["one:attached"] = 2
    desk = with_extensions(one=one)
    assert one.heard == []
    desk.wait(4)
    assert one.heard == [("attached",)]
    assert desk.peer.events("extensions") == [("one:attached", {})]


@pytest.mark.parametrize("name", ["attached", "handle_event", "poll"])
@pytest.mark.parametrize("error", [MemoryError(), OSError(5, "sensor")], ids=["memory", "sensor"])
def test_an_extension_that_finds_no_memory_or_a_mute_sensor_is_not_detached(name, error):
    one, two = Recording(), Recording()
    one.doing[name] = no_memory = raising(error)
    desk = with_extensions(one=one, two=two)
    desk.peer.say(desk.ref, None, "extensions", "one:ask", {})
    desk.wait(0.5)
    assert ("detached",) not in one.heard
    del one.doing[name]
    polls = one.polls
    desk.wait(4)
    assert one.polls > polls
    assert ("detached",) not in one.heard and two.heard == [("attached",)]
    assert "one:error" not in [event for event, _ in desk.peer.events("extensions")]
    assert no_memory.times >= 1


def test_an_extension_without_memory_is_asked_ever_less_often_up_to_once_a_minute():
    one = Recording()
    desk = with_extensions(one=one)
    one.doing["poll"] = trap = raising(MemoryError())
    for _ in range(60):
        desk.wait(10)
        for frame in desk.peer.heard():
            if frame[3] == "heartbeat":
                desk.peer.reply(frame[1], "phoenix")
    assert 10 <= trap.times <= 16


def raising(error):
    """A function that raises, and counts how often."""

    def function():
        function.times += 1
        raise error

    function.times = 0
    return function


# What an extension does to the link meanwhile


def test_poll_within_an_extension_does_nothing():
    one = Recording(answer=("fine", {}))
    desk = with_extensions(one=one)
    desk.peer.heard()
    heard = []

    def nested():
        desk.clock.advance(50)
        desk.poll(3)
        heard.append(len(one.heard))

    one.doing["handle_event"] = nested
    for name in ("a", "b", "c"):
        desk.peer.say(desk.ref, None, "extensions", "one:" + name, {})
    desk.wait(0.1)
    assert [call[1] for call in one.heard[1:]] == ["a", "b", "c"]
    assert heard == [2, 3, 4]
    assert desk.peer.events("extensions") == [("one:fine", {})] * 3
    one.doing = {"poll": lambda: desk.poll(3)}
    polls = one.polls
    for _ in range(4):
        desk.wait(0.025)
    assert one.polls == polls + 4


@pytest.mark.parametrize("name", ["attached", "handle_event", "poll"])
@pytest.mark.parametrize("raising", [False, True])
def test_extension_may_make_the_link_reconnect(name, raising):
    one, two = Recording(), Recording()
    one.raising = (name,) if raising else ()
    desk = Desk(extensions={"one": one, "two": two})
    done = []

    def reconnect():
        if not done:
            done.append(True)
            desk.link.reconnect()

    one.doing[name] = reconnect
    peer = desk.joined()
    peer.say(None, None, "device", "extensions:get", {})
    desk.wait(0.1)
    ref = peer.heard()[-1][1]
    peer.reply(ref, "extensions", ["one", "two"])
    peer.say(ref, None, "extensions", "one:ask", {})
    desk.until(lambda: done, 1)
    polls = two.polls
    desk.wait(0.1)
    assert peer.heard()[-1] == ("close", 1000)
    assert one.heard[-1] == ("detached",)
    assert two.heard in ([], [("attached",), ("detached",)])
    assert two.polls == polls
    assert "fault" not in desk.log.text
    desk.join()
    assert len(desk.client.named("handle_disconnected")) == 1


def test_deinit_within_an_extension_closes_everything_for_good():
    one, two = Recording(), Recording()
    desk = with_extensions(one=one, two=two)
    one.doing["poll"] = desk.link.deinit
    polls = two.polls
    desk.wait(200, step=250)
    assert desk.link.state == "closed"
    assert desk.network.open_connections == 0
    assert len(desk.network.attempts) == 1
    assert two.polls == polls
    assert one.heard[-1] == two.heard[-1] == ("detached",)
    assert "fault" not in desk.log.text


def test_extensions_behind_one_that_raises_get_their_turn_in_the_same_poll():
    one, two, three = Recording(), Recording(), Recording()
    desk = with_extensions(one=one, two=two, three=three)
    before = (one.polls, two.polls, three.polls)
    one.raising = two.raising = ("poll",)
    desk.clock.advance(25)
    desk.poll()
    assert (one.polls, two.polls, three.polls) == tuple(count + 1 for count in before)
    assert one.heard[-1] == two.heard[-1] == ("detached",)
    assert three.heard == [("attached",)]
    assert [event for event, _ in desk.peer.events("extensions")][-2:] == ["one:error", "two:error"]
