# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
With any frame of the server, and any value of the application's providers: poll() does not raise,
the link stays, and only valid messages are sent.
"""

import json
import tempfile

from hypothesis import given, settings
from hypothesis import strategies as st
from support.desk import Desk, RecordingClient
from support.replay import check_extension_event

from nerveshub_link import (
    DOWNLOAD,
    DeviceLogs,
    Geo,
    GeoIp,
    HealthProvider,
    LocalShell,
    NetworkIdentity,
)

KEYS = "health geo logging local_shell network_identity".split()
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)
PAYLOADS = st.dictionaries(
    st.sampled_from("data cols rows extensions uuid size url keys x".split()), VALUES, max_size=4
)
EVENTS = st.one_of(
    st.sampled_from(
        ["attach", "detach", "phx_error", "phx_close", "health:check", "geo:location:request"]
        + ["logging:x", "local_shell:request_shell", "local_shell:shell_input"]
        + ["local_shell:window_size", "network_identity:request", "health:", ":", "x:y"]
    ),
    st.text(max_size=20),
)
DEVICE_EVENTS = st.sampled_from(
    "archive fwup_public_keys archive_public_keys identify extensions:get".split()
)
FRAMES = st.one_of(
    st.tuples(st.just("extensions"), EVENTS, PAYLOADS),
    st.tuples(st.just("device"), DEVICE_EVENTS, PAYLOADS),
    st.tuples(st.just("reply"), st.integers(0, 12).map(str), VALUES),
)


class Taker(RecordingClient):
    def archive_available(self, info):
        return DOWNLOAD


def sendable(value):
    """JSON that a server can send: no NaN, no half characters."""
    try:
        json.dumps(value, allow_nan=False)
        json.dumps(value, ensure_ascii=False).encode()
        return True
    except ValueError:
        return False


@settings(max_examples=20, deadline=None)
@given(st.lists(FRAMES.filter(sendable), max_size=12))
def test_no_frame_makes_the_extensions_raise_or_say_what_the_server_does_not_know(frames):
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(
            client=Taker(),
            archive_folder=folder,
            request_public_keys=True,
            extensions={
                "health": True,
                "geo": GeoIp("http://where.example/"),
                "logging": True,
                "local_shell": LocalShell(python=True),
                "network_identity": [],
            },
        )
        hub = desk.attach(*KEYS)
        for topic, event, payload in frames:
            if topic == "reply":
                reply = {"status": "error", "response": payload}
                hub.say(hub.ref, event, "extensions", "phx_reply", reply)
            else:
                ref = hub.ref if topic == "extensions" else None
                hub.say(ref, None, topic, event, payload)
            desk.wait(0.05)
        desk.wait(0.5)
        assert "fault" not in desk.log.text
        assert desk.link.connected
        for event, payload in hub.events("extensions"):
            if event != "phx_join":
                check_extension_event(event, payload)
        desk.link.deinit()


@settings(max_examples=20, deadline=None)
@given(VALUES, VALUES, VALUES, VALUES)
def test_no_answer_of_a_provider_breaks_the_link_or_what_is_sent(health, place, identities, line):
    class Health(HealthProvider):
        def health_check(self):
            return health

    logs = DeviceLogs()
    desk = Desk(
        extensions={
            "health": Health(),
            "geo": Geo(lambda: place),
            "logging": logs,
            "network_identity": NetworkIdentity(lambda: identities),
        }
    )
    hub = desk.attach("health", "geo", "logging", "network_identity")
    desk.link.log("info", line)
    for event in ("health:check", "geo:location:request", "network_identity:request"):
        hub.say(hub.ref, None, "extensions", event, {})
    desk.wait(0.5)
    assert "fault" not in desk.log.text
    assert desk.link.connected
    events = hub.events("extensions")
    assert {"health:report", "geo:location:update", "logging:send"} <= {name for name, _ in events}
    for event, payload in events:
        check_extension_event(event, payload)


REPORTS = st.fixed_dictionaries(
    {},
    optional={
        part: st.dictionaries(st.text(max_size=6), VALUES, max_size=3)
        for part in ("metrics", "metadata", "alarms", "checks")
    },
)


@settings(max_examples=20, deadline=None)
@given(REPORTS)
def test_no_report_of_a_provider_breaks_what_is_sent(report):
    class Health(HealthProvider):
        def health_check(self):
            return report

    desk = Desk(extensions={"health": Health()})
    hub = desk.attach("health")
    hub.say(hub.ref, None, "extensions", "health:check", {})
    desk.wait(0.1)
    ((event, payload),) = hub.events("extensions")
    check_extension_event(event, payload)
    assert desk.link.connected
