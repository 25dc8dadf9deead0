# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""What the operator can do, and what the hub remembers."""

import json
import threading
from types import SimpleNamespace

import hub_replay
import pytest
from hub_wire import Wire, device
from nerveshub_tools.api_tools import is_trusted
from nerveshub_tools.hub import Hub, OperatorError
from nerveshub_tools.local_only import is_local
from nerveshub_tools.server import HubThread

JOIN = {
    "device_api_version": "2.2.0",
    "nerves_fw_uuid": "u-1",
    "nerves_fw_product": "demo",
    "nerves_fw_architecture": "esp32s3",
    "nerves_fw_version": "1.0.0",
    "nerves_fw_platform": "test",
    "meta": {"firmware_validated": True},
}


@pytest.fixture(name="clock")
def stopped_clock():
    return hub_replay.Clock(1_788_000_000.0)


@pytest.fixture(name="hub")
def silent_hub(clock):
    hub = Hub(clock=clock, public_url="http://hub")
    hub.add_firmware(b"image", {"uuid": "u-2", "version": "2.0.0"})
    return hub


def said(connection):
    """Everything the hub has sent since the last time."""
    sent = [json.loads(item.text) for item in connection.outbox]
    connection.outbox.clear()
    return sent


def joined(hub, identifier="dev", **changes):
    connection = hub.connect(identifier)
    connection.text(json.dumps(["1", "1", "device", "phx_join", {**JOIN, **changes}]))
    said(connection)
    return connection


def send(connection, event, payload, ref="5", topic="device"):
    connection.text(json.dumps(["1", ref, topic, event, payload]))
    return said(connection)


def test_device_that_never_came_has_an_empty_record(hub):
    found = hub.device("nobody")
    assert (found.connected, found.joined, found.validated, found.inflight) == (
        False,
        False,
        False,
        None,
    )


def test_snapshot_is_not_changed_by_later_messages(hub):
    connection = joined(hub)
    before = hub.device("dev")
    send(connection, "status_update", {"status": "received"})
    assert before.inflight is None
    assert len(before.events) == 1
    assert hub.device("dev").events[-1] == ("device", "status_update", {"status": "received"})


def test_snapshot_tells_what_the_device_runs(hub):
    joined(hub)
    found = hub.device("dev")
    assert found.connected
    assert found.joined
    assert found.validated
    assert found.meta["uuid"] == "u-1"
    assert found.topics == {"device"}
    assert found.frames[0][0] == "client"
    assert found.frames[1] == (
        "server",
        ["1", "1", "device", "phx_reply", {"status": "ok", "response": {}}],
    )


def test_manual_update_is_pushed_once_and_ends_with_another_uuid(hub):
    connection = joined(hub)
    hub.push_update("dev", "u-2", size=7)
    ((join_ref, ref, topic, event, payload),) = said(connection)
    assert (join_ref, ref, topic, event, payload["size"]) == (None, None, "device", "update", 7)
    with pytest.raises(OperatorError, match="in flight"):
        hub.push_update("dev", "u-2")
    send(connection, "status_update", {"status": "received"})
    assert hub.device("dev").inflight.status == "received"
    joined(hub, nerves_fw_uuid="u-2", meta={"firmware_validated": False})
    found = hub.device("dev")
    assert found.inflight is None
    assert found.validation == "not_validated"
    assert not hub.violations


def test_update_in_flight_expires_after_thirty_minutes_without_a_change(hub, clock):
    connection = joined(hub)
    hub.push_update("dev", "u-2")
    clock.now += 1790
    send(connection, "fwup_progress", {"value": 5, "stage": "downloading"})
    clock.now += 1790
    send(connection, "fwup_progress", {"value": 5, "stage": "downloading"})  # no change
    assert hub.device("dev").inflight
    clock.now += 20
    # The server has forgotten the update, so this status crashes its channel.
    answer = send(connection, "status_update", {"status": "failed", "reason": "late"})
    assert answer == [["1", "1", "device", "phx_error", {"reason": "channel_crash"}]]
    assert hub.violations


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("status_update", {"status": "fwup_complete"}),
        ("status_update", {"status": None}),
        ("status_update", []),
        ("status_update", {"status": "downloading", "progress": 1.5}),
        ("fwup_progress", {"value": 12.5}),
        ("fwup_progress", {"value": "x"}),
        ("fwup_progress", {"value": True}),
        ("fwup_progress", {"value": 1, "stage": "writing"}),
    ],
)
def test_bad_report_crashes_the_channel_and_joining_again_mends_it(hub, event, payload):
    connection = joined(hub)
    hub.push_update("dev", "u-2")
    said(connection)
    answer = send(connection, event, payload)
    assert answer == [["1", "1", "device", "phx_error", {"reason": "channel_crash"}]]
    assert len(hub.violations) == 1
    assert not hub.device("dev").joined
    # What was on its way meanwhile is answered, but it is nobody's fault.
    assert send(connection, "rebooting", {})[0][4]["status"] == "error"
    assert len(hub.violations) == 1
    connection.text(json.dumps(["2", "2", "device", "phx_join", JOIN]))
    assert said(connection)[0][4]["status"] == "ok"


def offers(connection):
    """How many updates the hub has offered since the last time."""
    return [frame[3] for frame in said(connection)].count("update")


def crash_and_come_back(connection, status="received"):
    """The device answers an offer, and joins again on the old firmware."""
    send(connection, "status_update", {"status": status})
    connection.text(json.dumps(["1", "1", "device", "phx_join", JOIN]))


def test_three_attempts_put_a_device_in_the_penalty_box_and_are_counted_anew(hub, clock):
    connection = joined(hub)
    hub.deploy("u-2")
    for number in (1, 2, 3):
        assert offers(connection) == 1
        crash_and_come_back(connection)
        assert len(hub.device("dev").attempts) == number % 3
    assert offers(connection) == 0
    assert hub.device("dev").blocked_until == clock.now + 24 * 3600
    clock.now += 24 * 3600 - 1
    hub.recheck_deployments()
    assert offers(connection) == 0
    clock.now += 2
    hub.recheck_deployments()
    for number in (1, 2, 3):
        assert offers(connection) == 1
        crash_and_come_back(connection)
        assert len(hub.device("dev").attempts) == number % 3
    assert hub.device("dev").blocked_until == clock.now + 24 * 3600


def test_every_answer_to_an_offer_is_an_attempt_also_rescheduled(hub, clock):
    connection = joined(hub)
    hub.deploy("u-2")
    for number in (1, 2, 3):
        assert offers(connection) == 1
        answer = {"status": "rescheduled", "delay_for": 60_000, "reason": "not now"}
        send(connection, "status_update", answer)
        assert hub.device("dev").blocked_until == clock.now + 60
        assert len(hub.device("dev").attempts) == number
        clock.now += 61
        hub.recheck_deployments()
    assert offers(connection) == 0
    assert hub.device("dev").blocked_until == clock.now + 24 * 3600
    assert hub.device("dev").attempts == []


def test_an_offer_that_nobody_answers_is_no_attempt(hub):
    connection = joined(hub)
    hub.deploy("u-2")
    for _ in range(5):
        assert offers(connection) == 1
        connection.text(json.dumps(["1", "1", "device", "phx_join", JOIN]))
    assert hub.device("dev").attempts == []


def test_five_attempts_in_180_seconds_are_too_many_whatever_the_threshold_is(hub, clock):
    connection = joined(hub)
    hub.deploy("u-2", failure_threshold=10, penalty_seconds=600)
    for _ in range(5):
        assert offers(connection) == 1
        clock.now += 44
        crash_and_come_back(connection)
    assert offers(connection) == 0
    assert hub.device("dev").blocked_until == clock.now + 600


def test_five_attempts_in_more_than_180_seconds_are_not(hub, clock):
    connection = joined(hub)
    hub.deploy("u-2", failure_threshold=10)
    for _ in range(7):
        assert offers(connection) == 1
        clock.now += 46
        crash_and_come_back(connection)
    assert offers(connection) == 1


def test_a_join_with_a_new_uuid_forgets_the_attempts_and_ends_the_penalty(hub):
    connection = joined(hub)
    hub.deploy("u-2")
    for _ in range(2):
        crash_and_come_back(connection)
    changed = {**JOIN, "nerves_fw_uuid": "u-2", "meta": {"firmware_validated": False}}
    connection.text(json.dumps(["1", "1", "device", "phx_join", changed]))
    assert hub.device("dev").attempts == []
    said(connection)
    for _ in range(3):  # without end, therefore
        connection.text(json.dumps(["1", "1", "device", "phx_join", JOIN]))
        assert offers(connection) == 1
        send(connection, "status_update", {"status": "received"})
        connection.text(json.dumps(["1", "1", "device", "phx_join", changed]))
        said(connection)


def test_a_new_release_of_the_group_clears_neither_attempts_nor_penalty(hub):
    hub.add_firmware(b"hotfix", {"uuid": "u-3", "version": "2.0.1"})
    connection = joined(hub)
    hub.deploy("u-2", penalty_seconds=600)
    send(connection, "status_update", {"status": "ignored", "reason": "no"})
    said(connection)
    blocked = hub.device("dev").blocked_until
    hub.deploy("u-3")
    assert offers(connection) == 0
    assert (hub.device("dev").blocked_until, len(hub.device("dev").attempts)) == (blocked, 1)


def test_removing_the_penalty_clears_box_and_attempts_and_switches_automatic_updates_on(hub):
    connection = joined(hub)
    hub.deploy("u-2")
    for _ in range(3):
        crash_and_come_back(connection)
    hub.push_update("dev", "u-2")
    send(connection, "status_update", {"status": "failed", "reason": "no"})
    assert hub.device("dev").updates_enabled is False
    said(connection)
    hub.unblock("dev")
    found = hub.device("dev")
    assert (found.blocked_until, found.attempts, found.updates_enabled) == (None, [], True)
    hub.recheck_deployments()
    assert offers(connection) == 1


@pytest.mark.parametrize("status", ["failed", "ignored", "rescheduled"])
def test_a_nul_in_a_reason_crashes_the_channel_and_the_update_stays_in_flight(hub, status):
    connection = joined(hub)
    hub.push_update("dev", "u-2")
    said(connection)
    answer = send(
        connection, "status_update", {"status": status, "reason": "a\0b", "delay_for": 1000}
    )
    assert answer == [["1", "1", "device", "phx_error", {"reason": "channel_crash"}]]
    assert hub.device("dev").inflight
    assert hub.violations == ["status_update crashed the device channel: NUL in the reason"]


def test_a_nul_in_the_firmware_s_metadata_crashes_the_join(hub):
    connection = hub.connect("dev")
    connection.text(
        json.dumps(["1", "1", "device", "phx_join", {**JOIN, "nerves_fw_misc": "a\0b"}])
    )
    assert said(connection)[0][4] == {"status": "error", "response": {"reason": "join crashed"}}
    assert not hub.device("dev").joined


@pytest.mark.parametrize(
    ("extension", "event", "payload"),
    [
        ("health", "health:report", {"value": {"metadata": {"a": "x\0"}}}),
        ("health", "health:report", {"value": {"alarms": {"a\0": "x"}}}),
        ("logging", "logging:send", {"level": "info", "message": "\0", "meta": {"time": "1"}}),
        (
            "network_identity",
            "network_identity:report",
            {"identities": [{"service": "iroh", "identifier": "a\0"}]},
        ),
    ],
)
def test_a_nul_anywhere_in_a_report_loses_the_whole_report(hub, extension, event, payload):
    connection = joined(hub)
    send(connection, "phx_join", {extension: "0.0.1"}, topic="extensions")
    send(connection, extension + ":attached", {}, topic="extensions")
    assert send(connection, event, payload, topic="extensions") == []
    found = hub.device("dev")
    assert (list(found.health), list(found.logs), found.identities) == ([], [], [])
    assert hub.violations == [f"{event} is lost as a whole: there is a NUL character in it"]


@pytest.mark.parametrize("text", [r'"\ud800"', r'"a\uDFFF"', r'["\udc00\ud800"]', r'{"\ud83d": 1}'])
def test_half_of_a_surrogate_pair_closes_the_socket_with_1011(hub, text):
    connection = joined(hub)
    connection.text('["1","2","device","x",' + text + "]")
    assert [item.code for item in connection.outbox] == [1011]
    assert "half of a surrogate pair" in hub.violations[0]


@pytest.mark.parametrize(
    "text", [r'{"a": "\ud83d\ude00"}', r'{"a": "\\ud800"}', '{"a": "\U0001f600"}']
)
def test_whole_pairs_are_taken(hub, text):
    connection = joined(hub)
    connection.text('["1","2","device","x",' + text + "]")
    assert not connection.closing


def test_a_message_nested_deeply_closes_its_socket_and_nothing_else(hub):
    connection = joined(hub)
    connection.text("[" * 100_000)
    assert [item.code for item in connection.outbox] == [1011]
    deep = joined(hub, "other")
    deep.text('["1","2","device","x",' + "[" * 400 + '"\\ud83d\\ude00"' + "]" * 400 + "]")
    assert not deep.closing


def test_firmware_on_trial_gets_no_deployment_update(hub):
    hub.deploy("u-2")
    connection = joined(hub, meta={"firmware_validated": False})
    assert hub.device("dev").inflight is None
    send(connection, "firmware_validated", {})
    hub.recheck_deployments()
    assert said(connection)[0][3] == "update"


def test_script_is_answered_within_fifteen_seconds_or_forgotten(hub, clock):
    connection = joined(hub)
    first, second = hub.run_script("dev", "1 + 1"), hub.run_script("dev", "2")
    pushed = said(connection)
    assert pushed[0] == ["1", None, "device", "scripts/run", {"ref": first, "text": "1 + 1"}]
    answer = {"result": "return", "return": "2", "output": "hi\n"}
    send(connection, "scripts/run", {"ref": first, **answer})
    clock.now += 16
    send(connection, "scripts/run", {"ref": second, **answer})
    assert hub.device("dev").scripts == {first: "hi\n\n2", second: None}


def test_pushes_after_a_join_come_in_the_servers_order(hub):
    hub.public_keys, hub.archive, hub.connecting_code = ["a2V5"], {"uuid": "a"}, "hello()"
    hub.deploy("u-2")
    connection = hub.connect("dev")
    keys = {"fwup_public_keys": "on_connect", "archive_public_keys": "on_connect"}
    connection.text(json.dumps(["1", "1", "device", "phx_join", {**JOIN, **keys}]))
    assert [frame[3] for frame in said(connection)] == [
        "phx_reply",
        "fwup_public_keys",
        "archive_public_keys",
        "archive",
        "extensions:get",
        "scripts/run",
        "update",
    ]


def test_log_lines_beyond_the_burst_are_dropped(hub, clock):
    connection = joined(hub)
    send(connection, "phx_join", {"logging": "0.0.1"}, topic="extensions")
    send(connection, "logging:attached", {}, topic="extensions")
    line = {"level": "info", "message": "x", "meta": {"time": "1"}}
    for _ in range(15):
        send(connection, "logging:send", line, topic="extensions")
    assert len(hub.device("dev").logs) == 10
    clock.now += 1
    for _ in range(15):
        send(connection, "logging:send", line, topic="extensions")
    assert len(hub.device("dev").logs) == 15
    assert len(hub.dropped) == 15


def test_extension_switched_off_is_not_offered_to_the_next_connection(hub):
    hub.set_extension("geo", False)
    connection = joined(hub)
    offer = send(connection, "phx_join", {"geo": "0.0.1", "health": "0.0.1"}, topic="extensions")
    assert offer[0][4]["response"] == ["health"]
    answer = send(connection, "geo:attached", {}, topic="extensions")
    assert answer[0][4] == {"status": "error", "response": "detach"}
    assert hub.violations


def test_operator_cannot_push_to_who_is_not_there(hub):
    with pytest.raises(OperatorError, match="not connected"):
        hub.reboot("dev")
    connection = hub.connect("dev")
    with pytest.raises(OperatorError, match="not joined"):
        hub.push_update("dev", "u-2")
    hub.close("dev", 1000)
    assert connection.closing
    with pytest.raises(OperatorError, match="not connected"):
        hub.reconnect("dev")


def test_any_frame_and_any_crash_can_be_had_for_tests(hub):
    connection = joined(hub)
    hub.push("dev", "device", "nosuch", {"a": 1})
    hub.send_text("dev", "[")
    hub.crash("dev", "device")
    connection_texts = [item.text for item in connection.outbox]
    assert connection_texts == [
        '["1",null,"device","nosuch",{"a":1}]',
        "[",
        '["1","1","device","phx_error",{"reason":"channel_crash"}]',
    ]


def test_wait_wakes_on_a_change_of_another_thread(hub):
    thread = threading.Thread(target=joined, args=(hub,))
    thread.start()
    assert hub.wait(lambda hub: hub.device("dev").joined)
    thread.join()
    with pytest.raises(TimeoutError):
        hub.wait(lambda hub: False, timeout=0)


def test_operator_interface_lists_and_updates_devices():
    with HubThread() as hub, Wire(hub.port) as wire:
        uuid = hub.add_firmware(b"image", {"uuid": "u-2", "version": "2.0.0"})
        local = {"host": f"127.0.0.1:{hub.port}"}
        user = {"Authorization": f"token {hub.organization.token}"}
        assert json.loads(wire.request("/api/devices", **local)[2]) == {"data": []}
        with device(hub, "dev 1", join=JOIN) as link:
            link.message()
            (found,) = json.loads(wire.request("/api/devices", **local)[2])["data"]
            assert (found["identifier"], found["joined"]) == ("dev 1", True)
            for action in ("identify", "reboot"):
                path = f"/api/devices/dev%201/{action}"
                head = {"Content-Length": "0", **user}
                assert wire.request(path, head, "POST", **local)[0] == 204
                assert link.message() == [None, None, "device", action, {}]
            body = json.dumps({"uuid": uuid})
            for expected in (204, 500):
                wire.send(
                    f"POST /api/devices/dev%201/upgrade HTTP/1.1\r\nHost: localhost\r\n"
                    f"Authorization: bearer {hub.organization.token}\r\n"
                    f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
                )
                head = wire.take(12)
                assert int(head[9:]) == expected
                while not wire.data.startswith(b"\r\n\r\n"):
                    wire.take(1)
                wire.data = b""
            assert link.message()[3] == "update"
            assert hub.device("dev 1").updates_enabled is False
            assert wire.request("/api/devices/dev%201/penalty", user, "DELETE", **local)[0] == 204
            assert hub.device("dev 1").updates_enabled is True
            assert wire.request("/api/devices/dev2/penalty", user, "DELETE", **local)[0] == 404
            assert wire.request("/api/devices/dev%201/penalty", None, "DELETE", **local)[0] == 401
        assert json.loads(wire.request("/api/firmwares", **local)[2])["data"][0]["uuid"] == "u-2"
        assert json.loads(wire.request("/api/hub", **local)[2])["data"]["violations"] == []


def test_operator_interface_is_not_for_pages_of_other_sites():
    with HubThread() as hub, Wire(hub.port) as wire:
        assert wire.request("/api/devices", host="evil.example")[0] == 403
        origin = {"Origin": "http://evil.example"}
        assert wire.request("/api/devices", origin, host="localhost")[0] == 403
        assert wire.request("/api/devices", host="localhost")[0] == 200
        assert wire.request("/api/nothing", host="localhost")[0] == 404


@pytest.mark.parametrize(
    ("peer", "own", "host", "trusted"),
    [
        ("127.0.0.1", "127.0.0.1", "localhost:4000", True),
        ("::1", "::1", "[::1]:4000", True),
        ("192.0.2.7", "192.0.2.7", "192.0.2.7:4000", True),  # its own address in the network
        ("192.0.2.8", "192.0.2.7", "192.0.2.7:4000", False),  # a neighbour
        ("192.0.2.8", "192.0.2.7", "localhost:4000", False),
        ("192.0.2.7", "192.0.2.7", "evil.example", False),
        ("", "", "localhost", False),
    ],
)
def test_operator_interface_answers_this_computer_only(peer, own, host, trusted):
    ends = {"peername": (peer, 50000), "sockname": (own, 4000)}
    request = SimpleNamespace(
        transport=SimpleNamespace(get_extra_info=ends.get), headers={"Host": host}
    )
    assert is_trusted(request) is trusted


@pytest.mark.parametrize(
    ("host", "origin", "trusted"),
    [
        ("localhost:4000", None, True),
        ("localhost:4000", "http://localhost:4000", True),
        ("localhost:4000", "http://127.0.0.1:4000", True),
        ("[::1]:4000", "http://[::1]:4000", True),
        ("localhost", "http://localhost", True),
        ("localhost", "http://localhost:80", True),
        ("localhost:443", "https://localhost", True),
        ("localhost:4000", "http://localhost:8080", False),  # another program's page
        ("localhost:4000", "http://localhost", False),
        ("localhost:4000", "http://evil.example:4000", False),
        ("localhost:4000", "null", False),
        ("localhost:4000", "", False),
        ("localhost:4000", "http://localhost:x", False),
    ],
)
def test_an_origin_is_compared_with_its_port(host, origin, trusted):
    assert is_local("127.0.0.1", "127.0.0.1", host, origin) is trusted


def test_a_body_that_is_nested_deeply_is_a_mistake_of_its_sender():
    body = "[" * 100_000
    head = {"Content-Length": str(len(body))}
    with HubThread() as hub, Wire(hub.port) as wire:
        fields = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        wire.send(f"POST /api/deployments HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n".encode())
        wire.send(body.encode())
        assert wire.take(12) == b"HTTP/1.1 400"


def test_operator_interface_answers_nobody_who_is_gone_already():
    assert not is_trusted(SimpleNamespace(transport=None, headers={"Host": "localhost"}))
