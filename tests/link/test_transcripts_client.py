# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
The real server's side of the captured transcripts, played to a real link (see `support.replay`).

=============  ====================================================================================
transcript     what is played
=============  ====================================================================================
a1, a2, a3     all: joins, heartbeats, phx_leave's phx_close, close
b1, b2, b3     all: each of the five extensions, and one of our own; detach, attach
b4             the device's socket; the browser's is not a device
c1, c3         all; the downloads are served by the test, since the files were not captured
c2, c5         all; the captured client failed on purpose, this one succeeds
c4, c6         all, with the crashes that the captured client caused: they are a server's mood to us
c7, c10        all
d              all: identify, reboot, operator's reconnect
e, e2          the device's socket; without a console, with one, and with files
f              all: scripts off, on, and in the console's names
g, h           all: archive, public keys
i1, i2, i6     all refusals and all connections
i3             all: the codes with which the server ends a connection
i4             both sockets, each by a link of its own
i7             as a test of its own: the clock
i8, i9         all: drain, hard kill
k              those that join: the one that never joins is no link
l              all that is HTTP; TLS itself is tested against a real TLS server
c8, c9         no: ranges and keep-alive of downloads, which this client does not use
i5             no: compression, which this client never offers
j              no: MessagePack, which this client does not speak
=============  ====================================================================================
"""

import base64
import json
import re

import pytest
from support.desk import META, RecordingClient
from support.replay import IMAGE, Line, comes_back, date_of, is_upgrade, load, replay
from support.terminal import Screen

from nerveshub_link import (
    DOWNLOAD,
    IGNORE,
    Console,
    Extension,
    HealthProvider,
    reschedule,
)

ALL = "a1 a2 a3 b1 b2 b3 b4 c1 c2 c3 c4 c5 c6 c7 c10 d e e2 f g h i1 i2 i3 i4 i6 i8 i9 k l".split()


class Health(HealthProvider):
    def health_check(self):
        return {"cpu_temp": 41.5, "mem_used_percent": 12, "broken": float("nan")}


class Geo(Extension):
    def __init__(self):
        self.heard = []

    def handle_event(self, event, payload):
        self.heard.append(event)
        place = {"latitude": 52.1, "longitude": 5.2, "source": "test"}
        return ("location:update", place)


class Taker(RecordingClient):
    def archive_available(self, info):
        self.note("archive_available", info["uuid"])
        return DOWNLOAD


def all_five():
    """Every extension of ours, with nothing but defaults where there are some."""
    return {
        "health": True,
        "logging": True,
        "geo": lambda: {"latitude": 52.1, "longitude": 5.2, "accuracy": 10},
        "local_shell": True,
        "network_identity": [{"service": "iroh", "identifier": "ab" * 32}],
    }


def of_a_device(item):
    """Lines of devices that join; not of browsers, nor of sockets that say nothing on purpose."""
    conn = item.get("conn", "")
    return "browser" not in conn and "never joins" not in conn


@pytest.mark.parametrize("name", ALL)
def test_link_lives_through_what_the_real_server_said(name):
    for line in replay(name, of_a_device).values():
        assert comes_back(line)


@pytest.mark.parametrize("name", ["a1", "b1", "b2", "b4", "c1", "c4", "d", "e", "f", "i3", "k"])
def test_link_with_extensions_lives_through_what_the_real_server_said(name):
    extensions = {"health": Health(), "logging": True, "geo": Geo()}
    for line in replay(name, of_a_device, extensions=extensions).values():
        assert comes_back(line)


@pytest.mark.parametrize("name", ["a1", "b4", "d", "e", "e2", "f", "i3", "k"])
def test_link_with_a_console_and_scripts_lives_through_what_the_real_server_said(name, tmp_path):
    console = Console(upload_folder=str(tmp_path))
    for line in replay(name, of_a_device, console=console, scripts="console").values():
        assert comes_back(line)


def only(lines):
    (line,) = lines.values()
    return line


def test_a2_joins_and_heartbeats():
    line = only(replay("a2"))
    assert line.joins == [
        {
            "device_api_version": "2.2.0",
            "nerves_fw_uuid": META["uuid"],
            "nerves_fw_product": "demo",
            "nerves_fw_architecture": "esp32s3",
            "nerves_fw_version": "1.0.0",
            "nerves_fw_platform": "circuitpython",
            "meta": {"firmware_validated": True, "firmware_auto_revert_detected": False},
        }
    ]
    assert [frame[2:4] for frame in line.said[:2]] == [
        ["device", "phx_join"],
        ["device", "report_network_interface"],
    ]
    assert line.said[-1] == ("close", 1000)


def test_k_stays_joined_by_heartbeats_where_the_silent_were_closed():
    lines = replay("k", of_a_device)
    for name, line in lines.items():
        beats = [frame for frame in line.said if frame[2:4] == ["phoenix", "heartbeat"]]
        if name.startswith("k3"):
            # The server's idle time-out was of the captured client's making; it is obeyed anyway.
            assert line.echoed == [1002]
            assert len(beats) == 6
        else:
            assert line.connections == 1
            assert len(beats) == 13


def test_b1_extensions_are_attached_asked_detached_and_attached_again():
    geo = Geo()
    line = only(replay("b1", extensions={"health": Health(), "logging": True, "geo": geo}))
    join = next(frame for frame in line.said if frame[2:4] == ["extensions", "phx_join"])
    assert join[4] == {"health": "0.0.1", "logging": "0.0.1", "geo": "0.0.1"}
    events = line.events("extensions")
    assert [name for name, _ in events[:3]] == [
        "geo:attached",
        "health:attached",
        "logging:attached",
    ]
    reports = [payload for name, payload in events if name == "health:report"]
    # One for every health:check of the server while it was attached.
    assert len(reports) == 4
    assert reports[0] == {"value": {"metrics": {"cpu_temp": 41.5, "mem_used_percent": 12}}}
    # Attached, then detached and attached again by the operator.
    assert [name for name, _ in events].count("health:attached") == 2
    assert [name for name, _ in events].count("geo:attached") == 2
    assert geo.heard == ["location:request"]


def test_b2_extension_of_another_version_is_not_attached():
    line = only(replay("b2", until=11, extensions={"health": Health(), "geo": Geo()}))
    assert [name for name, _ in line.events("extensions")] == ["geo:attached"]


def test_c1_deployment_update_goes_from_received_to_a_confirmed_new_version():
    line = only(replay("c1", confirm_after=1))
    assert line.restarts == 1
    first, second = line.joins[0], line.joins[-1]
    assert first["nerves_fw_uuid"] == META["uuid"]
    assert second["nerves_fw_uuid"] == "5b613c97-63d1-47c6-6eff-9dff17d66170"
    assert second["meta"]["firmware_validated"] is False
    assert line.statuses == ["received", "started", "completed"]
    names = [name for name, _ in line.events()]
    assert names[-1] == "firmware_validated"
    assert names.count("firmware_validated") == 1
    assert names.index("rebooting") > names.index("status_update")


@pytest.mark.parametrize("name, until", [("c3", 14), ("c7", 7), ("c10", 8)])
def test_update_is_downloaded_and_told_in_order(name, until):
    line = only(replay(name, until=until))
    line.wait(5)
    assert line.statuses == ["received", "started", "completed"]
    stages = [
        (value["stage"], value["value"])
        for event, value in line.events()
        if event == "fwup_progress"
    ]
    assert stages == sorted(stages)
    assert stages[-1] == ("updating", 100)
    assert line.events()[-1] == ("rebooting", {})
    assert line.desk.writer.image == IMAGE


def test_c2_update_that_is_offered_four_times_is_answered_four_times():
    client = RecordingClient()
    client.decision = IGNORE
    line = only(replay("c2", client=client))
    assert line.statuses == ["received", "ignored"] * 5
    assert line.desk.writer.heard == []


def test_c5_rescheduled_update_is_told_in_milliseconds():
    client = RecordingClient()
    client.decision = reschedule(20_000, "busy")
    line = only(replay("c5", client=client))
    said = [value for event, value in line.events() if event == "status_update"]
    assert len(said) == 12
    assert said[1::2] == [{"status": "rescheduled", "reason": "busy", "delay_for": 20_000}] * 6


@pytest.mark.parametrize("name", ["c4", "c6"])
def test_crash_of_the_device_topic_is_followed_by_a_join_on_the_same_connection(name):
    line = only(replay(name))
    crashes = [item for item in load(name) if "channel_crash" in item.get("frame", "")]
    assert len(crashes) > 3
    assert len(line.joins) > len(crashes)
    assert line.connections == sum(is_upgrade(item) for item in load(name))


def test_d_identify_reboot_and_reconnect_reach_the_device():
    line = only(replay("d"))
    calls = [call[0] for call in line.desk.client.heard if call[0] != "handle_blocking"]
    assert calls == ["handle_connected", "identify", "reboot", "handle_disconnected"]
    assert line.events()[-1] == ("rebooting", {})
    assert line.echoed == [1001]


@pytest.mark.parametrize("name, code", [("i4", 1001), ("i8", 1012), ("d", 1001), ("k", 1002)])
def test_close_code_is_echoed_and_the_link_comes_back(name, code):
    lines = replay(name, of_a_device)
    closed = [line for line in lines.values() if code in line.echoed]
    assert closed
    for line in closed:
        assert "closed by the server with code %d" % code in line.desk.log.text
        assert comes_back(line)


def test_i3_every_close_code_of_the_server_is_echoed():
    assert set(only(replay("i3")).echoed) == {1011, 1002, 1007, 1009}


@pytest.mark.parametrize("name", ["i9", "c2"])
def test_tcp_end_without_a_close_frame_leads_to_a_new_connection(name):
    line = only(replay(name, until=13 if name == "c2" else None))
    assert line.desk.link.last_error == "connection closed by the server"
    assert comes_back(line)


def test_e2_paste_of_seventy_thousand_characters_is_passed_over():
    line = replay("e2", of_a_device, until=29)[""]
    line.wait(1)
    assert re.search("a message of 700.. bytes was skipped", line.desk.log.text)
    assert line.connections == 1
    assert line.desk.link.connected
    assert {frame[2] for frame in line.said} == {"device"}


def test_f_scripts_are_answered_by_an_error_the_connecting_code_too():
    line = only(replay("f"))
    frames = [json.loads(item["frame"]) for item in load("f") if "frame" in item]
    asked = [frame[4]["ref"] for frame in frames if "text" in frame[4]]
    answers = [value for event, value in line.events() if event == "scripts/run"]
    assert [answer["ref"] for answer in answers] == asked
    assert asked[0] == "connecting_code"
    for answer in answers:
        assert set(answer) == {"ref", "result", "reason", "output", "return"}
        assert answer["result"] == "error"
        assert answer["output"] == "scripts are off on this device"


def test_e_the_operator_meets_a_prompt_and_sends_a_file(tmp_path):
    console = Console(upload_folder=str(tmp_path))
    line = replay("e", of_a_device, console=console)[""]
    joins = [frame for frame in line.said if frame[2:4] == ["console", "phx_join"]]
    versions = {"console_version": "2.0.0", "device_api_version": "2.2.0"}
    # Two crashes, which the captured client caused.
    assert [frame[4] for frame in joins] == [versions] * 3
    screen = Screen(500)
    for event, payload in line.events("console"):
        assert event == "up"
        screen.show(payload["data"])
    text = screen.text
    # p, i, Enter, ctrl-c, arrow up, tab, an umlaut, a paste ...
    assert ">>> pi\nTraceback (most recent call last):" in text
    assert "NameError: name 'pi' is not defined\n>>> ^C\n>>> pi" in text
    assert "üprint(1)\n" in text
    # ... a file, and "1+1" by REST, one character a message.
    assert "boot.py: 12 bytes received]" in text
    assert (tmp_path / "boot.py").read_bytes() == b'print("hi")\n'
    assert ">>> 1+1\n2\n>>>" in text
    assert text.count("Type help() for help.") == 2  # then, "restart"
    assert comes_back(line)


def test_e2_a_browsers_upload_is_taken_and_a_paste_of_70_kb_is_refused_in_words(tmp_path):
    console = Console(upload_folder=str(tmp_path))
    line = replay("e2", of_a_device, until=29, console=console)[""]
    line.wait(1)
    assert (tmp_path / "data.bin").read_bytes() == b"D" * 5000
    said = "".join(payload["data"] for _, payload in line.events("console"))
    assert "data.bin: 5000 bytes received]\r\n" in said
    assert re.search("a message of 700.. bytes was skipped", line.desk.log.text)
    assert line.connections == 1
    assert line.desk.link.connected


def test_f_scripts_are_run_and_answered_the_connecting_code_too():
    line = only(replay("f", scripts=True))
    asked = []
    for item in load("f"):
        frame = json.loads(item["frame"]) if "frame" in item else [None] * 5
        if frame[3] == "scripts/run" and "text" in frame[4]:
            asked.append(frame[4]["ref"])
    answers = [value for event, value in line.events() if event == "scripts/run"]
    assert [answer["ref"] for answer in answers] == asked
    assert asked[0] == "connecting_code"
    for answer in answers:
        # It is Elixir, after all.
        assert set(answer) == {"ref", "result", "reason", "output", "return"}
        assert answer["result"] == "error" and answer["return"] == ""
        assert "NameError" in answer["output"]


def test_f_scripts_of_an_old_server_are_typed_into_the_console():
    # To a device_api_version below 2.1.0 (here never, but so the server does it).
    line = only(replay("f", scripts="console", console=True))
    said = "".join(payload["data"] for _, payload in line.events("console"))
    assert ">>> # [NERVESHUB:END]\r\n" in said


def of(line, name):
    """Payloads of one event of the extensions' topic, in order."""
    return [payload for event, payload in line.events("extensions") if event == name]


def test_b1_all_five_are_attached_and_answer_what_the_server_asks():
    line = only(replay("b1", extensions=all_five()))
    line.desk.link.log("info", "hello log")
    attached = ["geo", "health", "local_shell", "logging", "network_identity"]
    events = line.events("extensions")
    assert [name for name, _ in events[:5]] == [key + ":attached" for key in attached]
    assert [sorted(report["value"]) for report in of(line, "health:report")] == [
        ["metadata", "metrics"]
    ] * 4
    assert of(line, "geo:location:update") == [
        {"latitude": 52.1, "longitude": 5.2, "accuracy": 10, "source": "device"}
    ]
    assert of(line, "network_identity:report") == [
        {"identities": [{"service": "iroh", "identifier": "ab" * 32}]}
    ]
    assert "".join(part["data"] for part in of(line, "local_shell:shell_output")).endswith("$ ")
    assert [name for name, _ in events].count("health:attached") == 2
    assert [name for name, _ in events].count("geo:attached") == 2


def test_b1_line_that_was_logged_leaves_with_a_time():
    for line in replay("b1", until=20, extensions=all_five()).values():
        line.desk.link.log("info", "hello log")
        line.wait(1)
        ((sent,),) = [of(line, "logging:send")]
        assert (sent["level"], sent["message"]) == ("info", "hello log")


def test_b2_each_of_the_five_has_a_version_that_the_server_takes():
    line = only(replay("b2", until=11, extensions=all_five()))
    join = next(frame for frame in line.said if frame[2:4] == ["extensions", "phx_join"])
    assert join[4] == {key: "0.0.1" for key in all_five()}


def test_b3_old_api_version_is_not_ours_and_extensions_wait_to_be_asked():
    line = only(replay("b3", of_a_device, extensions=all_five()))
    asked = sum("extensions:get" in item.get("frame", "") for item in load("b3"))
    joined = [frame for frame in line.said if frame[2:4] == ["extensions", "phx_join"]]
    assert len(joined) == asked == 0


def test_b4_operator_types_ls_in_the_shell(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "code.py").write_text("")
    line = replay("b4", of_a_device, extensions={"local_shell": True})[""]
    shown = "".join(part["data"] for part in of(line, "local_shell:shell_output"))
    assert shown == ("This is nerveshub_link; help lists the commands.\r\n$ ls\r\ncode.py\r\n$ ")


def test_g_archive_is_fetched_once_although_each_join_announces_it(tmp_path):
    client = Taker()
    uuid = "19f0bd7b-932a-5f8c-b810-25ab44c051ab"
    line = replay("g", of_a_device, client=client, archive_folder=str(tmp_path))[""]
    announced = sum('"archive"' in item.get("frame", "") for item in load("g"))
    assert announced == 2
    assert client.named("archive_available") == [("archive_available", uuid)]
    assert client.named("archive_ready") == [
        ("archive_ready", str(tmp_path / (uuid + ".fw")), False)
    ]
    assert (tmp_path / (uuid + ".fw")).read_bytes() == IMAGE
    assert {event for event, _ in line.events()} == {"report_network_interface"}


def test_h_keys_are_asked_for_and_arrive():
    line = only(replay("h", request_public_keys=True))
    key = base64.b64decode("0mPmAFUvwg82AqprfIIUh/SWCpPJlMPwWgnBYl9aQYs=")
    for join in line.joins:
        assert join["fwup_public_keys"] == join["archive_public_keys"] == "on_connect"
    assert line.desk.link.public_keys == {"fwup": [key], "archive": [key]}
    assert line.desk.client.named("public_keys")[:2] == [
        ("public_keys", "fwup", [key]),
        ("public_keys", "archive", [key]),
    ]


@pytest.mark.parametrize("name", ["g", "h", "e"])
def test_archives_keys_and_consoles_are_ignored_where_they_are_off(name):
    line = replay(name, of_a_device)[""]
    assert {event for event, _ in line.events()} <= {"report_network_interface", "scripts/run"}
    assert line.desk.writer.heard == []


# Refusals and the clock


def test_i1_every_refusal_closes_the_connection_and_says_why():
    line = only(replay("i1"))
    text = line.desk.log.text
    assert (
        "refused by the server (HTTP 401): check product_key, product_secret and identifier" in text
    )
    assert "refused by the server (HTTP 403): is host a NervesHub server?" in text
    assert line.connections == sum(is_upgrade(item) for item in load("i1"))


REFUSALS = [item for item in load("i7") if is_upgrade(item) and " 401 " in item["http"]["response"]]


OFFSETS = (-95, -1_000_000, 60, 7200, -1_700_000_000, -20, 10)


@pytest.mark.parametrize(
    "item, off", list(zip(REFUSALS, OFFSETS)), ids=lambda value: str(value)[:12]
)
def test_i7_refusal_sets_the_clock_by_its_date_and_the_next_try_comes_at_once(item, off):
    line = Line()
    desk = line.desk
    desk.clock._unix_time = date_of(item) + off
    line._time = item["t"]
    line.play(item)
    assert 0 <= int(line.requests[0]["x-nh-time"]) - (date_of(item) + off - 10) <= 1
    passed = desk.until(lambda: len(desk.network.peers) == 2 and desk.peer.asked, 2)
    assert passed <= 100
    assert 0 <= int(desk.peer.headers["x-nh-time"]) - (date_of(item) - 10) <= 1
