# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Phoenix channels: exact JSON out; every answer, expected or not, in."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nerveshub_link.errors import ProtocolError
from nerveshub_link.wire.phoenix import CRASHED, ERROR, JOINED, MESSAGE, REFUSED, Channels

TRANSCRIPTS = Path(__file__).parents[1] / "data" / "transcripts"

REPLY_TIMEOUT = 10_000
HEARTBEAT = 30_000
OK = '{"status": "ok", "response": {}}'


class Line:
    """`Channels` whose texts are kept."""

    def __init__(self, now=0, heartbeat=HEARTBEAT):
        self.texts = []
        self.channels = Channels(self.texts.append, REPLY_TIMEOUT, heartbeat)
        self.channels.reset(now)

    def take(self):
        """The texts sent since the last call."""
        texts = list(self.texts)
        self.texts.clear()
        return texts

    def sent(self):
        """The same, parsed."""
        return [json.loads(text) for text in self.take()]


def joined(*topics, now=0):
    """A line on which these topics are joined: refs 1, 2, ... are used up."""
    line = Line(now)
    for number, topic in enumerate(topics, 1):
        line.channels.join(topic, dict, now)
        reply = '["{0}", "{0}", "{1}", "phx_reply", {2}]'.format(number, topic, OK)
        assert line.channels.receive(reply, now) == (JOINED, topic, None, {})
    line.take()
    return line


def captured(name):
    """The texts that the real server sent in a transcript."""
    (path,) = TRANSCRIPTS.glob(name + "_*.jsonl")
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        item = json.loads(line)
        if item.get("dir") == "server" and "frame" in item:
            found.append(item["frame"])
    return found


# What we send


def test_join_push_and_heartbeat_are_exact():
    line = Line()
    line.channels.join("device", lambda: {"device_api_version": "2.2.0"}, 0)
    assert line.take() == ['["1", "1", "device", "phx_join", {"device_api_version": "2.2.0"}]']
    line.channels.receive('["1", "1", "device", "phx_reply", {}]'.replace("{}", OK), 0)
    assert line.channels.push("device", "fwup_progress", {"value": 5}) == "2"
    assert line.take() == ['["1", "2", "device", "fwup_progress", {"value": 5}]']
    assert line.channels.tick(HEARTBEAT, True)
    assert line.take() == ['[null, "3", "phoenix", "heartbeat", {}]']


def test_every_message_of_a_topic_carries_its_joins_ref():
    line = joined("device", "extensions")
    line.channels.push("device", "a", {})
    line.channels.push("extensions", "b", {})
    line.channels.push("device", "c", {})
    assert [message[:2] for message in line.sent()] == [["1", "3"], ["2", "4"], ["1", "5"]]


def test_refs_are_unique_texts_until_a_new_connection_begins():
    line = joined("device", "extensions")
    for at in range(500):
        line.channels.push("device", "x", {})
        line.channels.tick(at * HEARTBEAT, False)
    line.channels.join("device", dict, 0)
    refs = [message[1] for message in line.sent()]
    assert all(isinstance(ref, str) for ref in refs)
    assert len(set(refs + ["1", "2"])) == len(refs) + 2
    line.channels.reset(0)
    line.channels.join("device", dict, 0)
    assert line.take() == ['["1", "1", "device", "phx_join", {}]']


def test_nothing_is_pushed_to_a_topic_that_is_not_joined():
    line = Line()
    assert line.channels.push("device", "x", {}) is None
    line.channels.join("device", dict, 0)
    line.take()
    assert line.channels.push("device", "x", {}) is None
    assert line.channels.push("console", "x", {}) is None
    assert line.take() == []


def test_control_characters_and_quotes_are_escaped():
    line = joined("device")
    line.channels.push("device", "x", {"a": 'b"\n\\'})
    assert line.take() == ['["1", "2", "device", "x", {"a": "b\\"\\n\\\\"}]']


BAD_TEXTS = [
    ("a\x00b", "a?b"),
    ("\ud800", "?"),
    ("\udc00\ud800", "??"),
    ("\ud83dx\ude00", "?x?"),
    ("\ud83d", "?"),
    ("\\u0000\\ud800 as typed", "\\u0000\\ud800 as typed"),
    ("\\\x00", "\\?"),
    ("\U0001f600 é 漢 \ud7ff\ue000\x01\x1b", "\U0001f600 é 漢 \ud7ff\ue000\x01\x1b"),
]


@pytest.mark.parametrize("text, taken", BAD_TEXTS)
def test_what_the_server_does_not_survive_leaves_as_question_marks(text, taken):
    line = joined("device")
    line.channels.push("device", "x", {"a": text, text: [1, {"deep": {text: (text, None)}}]})
    (sent,) = line.sent()
    assert sent[4] == {"a": taken, taken: [1, {"deep": {taken: [taken, None]}}]}
    assert sent[:4] == ["1", "2", "device", "x"]


@pytest.mark.parametrize("text, taken", BAD_TEXTS)
def test_a_join_is_mended_as_any_other_text(text, taken):
    line = Line()
    line.channels.join("device", lambda: {"nerves_fw_misc": text}, 0)
    assert line.sent() == [["1", "1", "device", "phx_join", {"nerves_fw_misc": taken}]]


# Joins


def test_topic_is_joined_by_the_reply_to_its_own_join_only():
    line = Line()
    channels = line.channels
    channels.join("device", dict, 0)
    channels.join("extensions", dict, 0)
    for reply in (
        '["2", "2", "device", "phx_reply", %s]',
        '["1", "1", "extensions", "phx_reply", %s]',
        '["1", "7", "device", "phx_reply", %s]',
        '["1", null, "device", "phx_reply", %s]',
        '[1, 1, "device", "phx_reply", %s]',
        '["1", "1", "nosuch", "phx_reply", %s]',
        '["1", "1", null, "phx_reply", %s]',
    ):
        assert channels.receive(reply % OK, 0) is None
        assert not channels.is_joined("device")
    assert channels.receive('["1", "1", "device", "phx_reply", %s]' % OK, 0) == (
        JOINED,
        "device",
        None,
        {},
    )
    assert channels.is_joined("device")
    assert not channels.is_joined("extensions")


def test_response_of_a_join_is_handed_on_whatever_it_is():
    line = Line()
    line.channels.join("extensions", dict, 0)
    reply = '["1","1","extensions","phx_reply",{"status":"ok","response":["health","geo"]}]'
    assert line.channels.receive(reply, 0) == (JOINED, "extensions", None, ["health", "geo"])


def test_reply_to_a_join_with_a_null_join_ref_counts():
    line = Line()
    line.channels.join("device", dict, 0)
    assert line.channels.receive('[null, "1", "device", "phx_reply", %s]' % OK, 0)[0] == JOINED


def test_refused_join_is_tried_again_after_five_seconds_with_a_fresh_payload():
    line = Line(now=1000)
    payloads = [{"try": 1}, {"try": 2}]
    line.channels.join("device", lambda: payloads.pop(0), 1000)
    refusal = (
        '["1","1","device","phx_reply",{"status":"error","response":{"reason":"join crashed"}}]'
    )
    assert line.channels.receive(refusal, 2000) == (
        REFUSED,
        "device",
        None,
        {"reason": "join crashed"},
    )
    assert not line.channels.is_joined("device")
    assert line.channels.is_wanted("device")
    assert line.channels.failures("device") == 1
    line.take()
    assert line.channels.tick(6999, True)
    assert line.take() == []
    assert line.channels.tick(7000, True)
    assert line.take() == ['["2", "2", "device", "phx_join", {"try": 2}]']
    assert line.channels.receive('["2", "2", "device", "phx_reply", %s]' % OK, 7000)[0] == JOINED
    assert line.channels.failures("device") == 0


def test_waiting_time_doubles_with_every_join_that_fails_up_to_320_seconds():
    line = Line(heartbeat=1 << 28)
    line.channels.join("device", dict, 0)
    now = 0
    waits = []
    for number in range(1, 10):
        refusal = '["%d","%d","device","phx_reply",{"status":"error","response":{}}]'
        assert line.channels.receive(refusal % (number, number), now)[0] == REFUSED
        line.take()
        began = now
        while not any(message[3] == "phx_join" for message in line.sent()):
            now += 1000
            line.channels.tick(now, True)
        waits.append((now - began) // 1000)
    assert waits == [5, 10, 20, 40, 80, 160, 320, 320, 320]


def test_join_without_an_answer_is_given_up_and_tried_again():
    line = Line()
    line.channels.join("device", dict, 0)
    line.take()
    line.channels.tick(REPLY_TIMEOUT - 1, True)
    assert line.channels.failures("device") == 0
    line.channels.tick(REPLY_TIMEOUT, True)
    assert line.channels.failures("device") == 1
    # The answer comes after all: too late, the next join will tell.
    assert line.channels.receive('["1", "1", "device", "phx_reply", %s]' % OK, 10_001) is None
    assert not line.channels.is_joined("device")
    line.channels.tick(REPLY_TIMEOUT + 4999, True)
    assert line.take() == []
    line.channels.tick(REPLY_TIMEOUT + 5000, True)
    assert line.take() == ['["2", "2", "device", "phx_join", {}]']


def test_answer_to_a_join_is_not_late_while_received_bytes_are_not_handled():
    line = Line()
    line.channels.join("device", dict, 0)
    line.channels.tick(REPLY_TIMEOUT * 2, False)
    assert line.channels.failures("device") == 0
    reply = '["1", "1", "device", "phx_reply", %s]' % OK
    assert line.channels.receive(reply, REPLY_TIMEOUT * 2)[0] == JOINED


def test_second_join_replaces_the_first_and_its_phx_close_is_ignored():
    line = joined("device")
    line.channels.join("device", dict, 0)
    assert line.take() == ['["2", "2", "device", "phx_join", {}]']
    assert not line.channels.is_joined("device")
    assert line.channels.receive('["2","2","device","phx_reply",%s]' % OK, 0)[0] == JOINED
    assert line.channels.receive('["1","1","device","phx_close",{}]', 0) is None
    assert line.channels.receive('["1","1","device","phx_error",{}]', 0) is None
    assert line.channels.receive('["1",null,"device","update",{}]', 0) is None
    assert line.channels.is_joined("device")


def test_reset_forgets_all_topics():
    line = joined("device")
    line.channels.reset(0)
    assert not line.channels.is_joined("device")
    assert not line.channels.is_wanted("device")
    assert line.channels.failures("device") == 0
    assert line.channels.receive('["1",null,"device","update",{}]', 0) is None
    line.channels.tick(20_000, True)
    assert line.take() == []


# Messages


@pytest.mark.parametrize("join_ref", ["null", '"1"'])
def test_event_with_the_joins_ref_or_null_is_handed_on(join_ref):
    line = joined("device")
    text = '[%s, null, "device", "update", {"a": [1]}]' % join_ref
    assert line.channels.receive(text, 0) == (MESSAGE, "device", "update", {"a": [1]})


def test_unknown_event_is_handed_on():
    line = joined("device")
    message = line.channels.receive('[null,null,"device","from the future",{"x":1}]', 0)
    assert message == (MESSAGE, "device", "from the future", {"x": 1})


@pytest.mark.parametrize("payload", ["null", "[]", "5", '"text"', "true"])
def test_event_whose_payload_is_no_object_has_an_empty_one(payload):
    line = joined("device")
    text = '[null,null,"device","reboot",%s]' % payload
    assert line.channels.receive(text, 0) == (MESSAGE, "device", "reboot", {})


@pytest.mark.parametrize(
    "text",
    [
        '["7",null,"device","update",{}]',
        '[1,null,"device","update",{}]',
        '[null,null,"console","update",{}]',
        '[null,null,null,"update",{}]',
        '[null,null,["device"],"update",{}]',
        '[null,null,{},"phx_reply",{}]',
        '[null,null,"device",null,{}]',
        '[null,null,"device",5,{}]',
        '[null,null,"device",["phx_error"],{}]',
        '["1","1","device","phx_reply",null]',
        '["1","1","device","phx_reply",[]]',
        '["1","1","device","phx_reply",{"status":"ok"}]',
        '[null,null,"phoenix","phx_reply",{"status":"ok","response":{}}]',
        '[null,"5","phoenix","phx_reply",{"status":"error","response":{}}]',
    ],
)
def test_message_that_is_not_for_us_is_ignored(text):
    line = joined("device")
    assert line.channels.receive(text, 0) is None
    assert line.channels.is_joined("device")
    assert line.take() == []


def test_event_that_comes_before_the_join_is_answered_is_ignored():
    line = Line()
    line.channels.join("device", dict, 0)
    assert line.channels.receive('["1",null,"device","update",{}]', 0) is None


@pytest.mark.parametrize("event", ["phx_error", "phx_close"])
@pytest.mark.parametrize("join_ref", ["null", '"1"'])
def test_crashed_topic_alone_is_joined_again_after_five_seconds(event, join_ref):
    line = joined("device", "extensions")
    text = '[%s, "1", "device", "%s", {"reason": "channel_crash"}]' % (join_ref, event)
    crash = line.channels.receive(text, 0)
    assert crash == (CRASHED, "device", event, {"reason": "channel_crash"})
    assert not line.channels.is_joined("device")
    assert line.channels.is_joined("extensions")
    assert line.channels.push("device", "x", {}) is None
    assert line.channels.receive('["1",null,"device","update",{}]', 0) is None
    assert line.take() == []
    line.channels.tick(4999, True)
    assert line.take() == []
    line.channels.tick(5000, True)
    assert line.take() == ['["3", "3", "device", "phx_join", {}]']


def test_topic_that_crashes_while_it_is_joined_is_joined_again():
    line = Line()
    line.channels.join("device", dict, 0)
    assert line.channels.receive('["1","1","device","phx_error",{}]', 0)[0] == CRASHED
    line.take()
    line.channels.tick(5000, True)
    assert line.take() == ['["2", "2", "device", "phx_join", {}]']


def test_unmatched_topic_means_that_the_server_forgot_the_topic():
    line = joined("device")
    ref = line.channels.push("device", "x", {})
    text = (
        '[null,"%s","device","phx_reply",'
        '{"status":"error","response":{"reason":"unmatched topic"}}]' % ref
    )
    response = {"reason": "unmatched topic"}
    assert line.channels.receive(text, 0) == (CRASHED, "device", None, response)
    assert not line.channels.is_joined("device")
    # It says so once for each message; the later ones change nothing.
    line.take()
    assert line.channels.receive(text, 3000) is None
    line.channels.tick(5000, True)
    assert line.take() == ['["3", "3", "device", "phx_join", {}]']


@pytest.mark.parametrize("response", ['"detach"', "{}", '{"reason":"other"}', "null"])
def test_other_error_is_told_with_the_messages_ref(response):
    line = joined("device", "extensions")
    text = '["2","9","extensions","phx_reply",{"status":"error","response":%s}]' % response
    kind, topic, event, payload = line.channels.receive(text, 0)
    assert (kind, topic, event) == (ERROR, "extensions", None)
    assert payload == ("9", json.loads(response))
    assert line.channels.is_joined("extensions")


DEEP = "[" * 100_000


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "{not json",
        "null",
        "5",
        "true",
        '"abcde"',
        "{}",
        '{"a":1,"b":2,"c":3,"d":4,"e":5}',
        "[]",
        '["1","1","device","phx_reply"]',
        '["1","1","device","phx_reply",{},1]',
        '["1","1","device","phx_reply",{}',
        '["1","1","device","phx_reply",{}] x',
        DEEP,
        '["1","1","device","update",' + DEEP,
    ],
    ids=lambda text: text[:30],
)
def test_text_that_is_no_phoenix_message_is_a_broken_rule(text):
    line = joined("device")
    with pytest.raises(ProtocolError):
        line.channels.receive(text, 0)
    assert line.channels.is_joined("device")
    assert line.channels.receive('[null,null,"device","reboot",{}]', 0)[0] == MESSAGE


# Heartbeats


def test_heartbeat_is_sent_every_interval_and_its_answer_awaited():
    line = Line(now=500)
    assert line.channels.tick(500 + HEARTBEAT - 1, True)
    assert line.take() == []
    assert line.channels.tick(500 + HEARTBEAT, True)
    assert line.take() == ['[null, "1", "phoenix", "heartbeat", {}]']
    answer = '[null,"1","phoenix","phx_reply",{"status":"ok","response":{}}]'
    assert line.channels.receive(answer, 31_000) is None
    assert line.channels.tick(500 + 2 * HEARTBEAT - 1, True)
    assert line.take() == []
    assert line.channels.tick(500 + 2 * HEARTBEAT, True)
    assert line.take() == ['[null, "2", "phoenix", "heartbeat", {}]']


def test_heartbeat_without_an_answer_tells_that_the_connection_is_dead():
    line = Line()
    line.channels.tick(HEARTBEAT, True)
    assert line.channels.tick(HEARTBEAT + REPLY_TIMEOUT - 1, True)
    assert not line.channels.tick(HEARTBEAT + REPLY_TIMEOUT, True)
    assert len(line.take()) == 1  # and no second heartbeat


def test_heartbeats_answer_is_not_late_while_received_bytes_are_not_handled():
    line = Line()
    line.channels.tick(HEARTBEAT, True)
    # The user's loop slept for a day; the answer lies in the socket.
    assert line.channels.tick(HEARTBEAT + 86_400_000, False)
    assert line.channels.receive('[null,"1","phoenix","phx_reply",%s]' % OK, 0) is None
    assert line.channels.tick(HEARTBEAT + 86_400_000, True)
    assert len(line.take()) == 2


@pytest.mark.parametrize(
    "reply",
    ['[null,"2","phoenix","phx_reply",%s]', '[null,1,"phoenix","phx_reply",%s]']
    + ['[null,"1","device","phx_reply",%s]', '[null,null,"phoenix","phx_reply",%s]'],
)
def test_another_answer_does_not_count_as_the_heartbeats(reply):
    line = Line()
    line.channels.tick(HEARTBEAT, True)
    assert line.channels.receive(reply % OK, HEARTBEAT) is None
    assert not line.channels.tick(HEARTBEAT + REPLY_TIMEOUT, True)


def test_new_connection_owes_no_answer_to_an_old_heartbeat():
    line = Line()
    line.channels.tick(HEARTBEAT, True)
    line.channels.reset(HEARTBEAT + REPLY_TIMEOUT)
    assert line.channels.tick(HEARTBEAT + REPLY_TIMEOUT, True)


def test_all_times_are_right_when_the_ticks_wrap():
    wrap = 1 << 29
    line = Line(now=wrap - 1000)
    line.channels.join("device", dict, wrap - 1000)
    line.take()
    line.channels.tick(REPLY_TIMEOUT - 1001, True)
    assert line.channels.failures("device") == 0
    line.channels.tick(REPLY_TIMEOUT - 1000, True)
    assert line.channels.failures("device") == 1
    line.channels.tick(REPLY_TIMEOUT + 4000, True)
    assert line.take() == ['["2", "2", "device", "phx_join", {}]']
    line.channels.tick(HEARTBEAT - 1001, False)
    assert line.take() == []
    line.channels.tick(HEARTBEAT - 1000, False)
    assert line.take() == ['[null, "3", "phoenix", "heartbeat", {}]']


# The real server


def test_captured_a1_join_is_answered_and_the_heartbeat_too():
    join, get, heartbeat = captured("a1")[:3]
    line = Line()
    line.channels.join("device", dict, 0)
    assert line.channels.receive(join, 0) == (JOINED, "device", None, {})
    assert line.channels.receive(get, 0) == (MESSAGE, "device", "extensions:get", {})
    line.channels.tick(HEARTBEAT, True)
    assert line.channels.receive(heartbeat, HEARTBEAT) is None
    assert line.channels.tick(HEARTBEAT + REPLY_TIMEOUT, True)


def test_captured_c1_update_is_handed_on():
    frames = captured("c1")
    update = next(frame for frame in frames if '"update"' in frame)
    line = joined("device")
    kind, topic, event, payload = line.channels.receive(update, 0)
    assert (kind, topic, event) == (MESSAGE, "device", "update")
    assert payload["firmware_meta"]["uuid"]
    assert payload["firmware_url"].startswith("http")


def test_captured_i3_refusals_and_closes_are_understood():
    texts = captured("i3")
    crashed = next(text for text in texts if "join crashed" in text)
    line = Line()
    line.channels.join("device", dict, 0)
    assert line.channels.receive(crashed, 0)[0] == REFUSED

    unmatched = next(text for text in texts if "unmatched topic" in text and '"device"' in text)
    line = joined("device")
    assert line.channels.receive(unmatched, 0)[0] == CRASHED

    stale = texts.index('["1","1","device","phx_close",{}]')
    line = joined("device")
    line.channels.join("device", dict, 0)
    assert line.channels.receive(texts[stale - 1], 0) == (JOINED, "device", None, {})
    assert line.channels.receive(texts[stale], 0) is None
    assert line.channels.receive(texts[stale + 1], 0)[2] == "extensions:get"


def test_captured_c6_crash_is_understood():
    crash = next(text for text in captured("c6") if "phx_error" in text)
    join_ref, _, topic, _, payload = json.loads(crash)
    line = joined("other", "device") if join_ref == "2" else joined("device")
    assert line.channels.receive(crash, 0) == (CRASHED, topic, "phx_error", payload)


def test_every_captured_message_is_understood_or_ignored():
    count = 0
    for path in sorted(TRANSCRIPTS.glob("*.jsonl")):
        line = joined("device", "extensions", "console")
        for text in captured(path.stem.split("_")[0]):
            if not text.endswith("]"):
                continue  # the transcript only describes it
            result = line.channels.receive(text, 0)
            assert result is None or len(result) == 4
            count += 1
    assert count > 300


# Any JSON


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["1", "2", "device", "phoenix", "phx_reply", "phx_error", "ok", "error"]),
    lambda inner: (
        st.lists(inner, max_size=6)
        | st.dictionaries(st.sampled_from(["status", "response", "reason", "x"]), inner, max_size=3)
    ),
    max_leaves=12,
)
messages = st.tuples(
    st.sampled_from([None, "1", "2", 1]) | anything,
    st.sampled_from([None, "1", "2", 1]) | anything,
    st.sampled_from(["device", "phoenix", "extensions"]) | anything,
    st.sampled_from(["phx_reply", "phx_error", "phx_close", "update"]) | anything,
    anything,
)


@settings(max_examples=500, deadline=None)
@given(st.lists(messages | anything, min_size=1, max_size=6))
def test_any_json_is_understood_ignored_or_a_broken_rule(contents):
    line = joined("device")
    line.channels.join("extensions", dict, 0)
    line.channels.tick(HEARTBEAT, False)
    for content in contents:
        try:
            result = line.channels.receive(json.dumps(content), 0)
        except ProtocolError:
            assert not isinstance(content, (list, tuple)) or len(content) != 5
            continue
        assert result is None or (result[0] in range(1, 6) and isinstance(result[1], str))
    line.channels.tick(HEARTBEAT, False)


@given(st.text())
def test_any_text_is_understood_ignored_or_a_broken_rule(text):
    try:
        joined("device").channels.receive(text, 0)
    except ProtocolError:
        pass
