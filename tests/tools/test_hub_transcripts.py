# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
The hub says what the real server said: the captured transcripts, replayed without sockets.

=============  ====================================================================================
transcript     what is replayed
=============  ====================================================================================
a1, a2, a3     all
b1, b2, b3     all
b4, e, e2      all, the browser's socket as an open terminal; the operators' chat is passed over
c1, c3         all; the downloads in test_hub_downloads.py
c2, c4 - c7    all
c8, c9         no: downloads alone, see test_hub_downloads.py
c10            all
d              all
f              all but its last connection: that device is older than scripts/run, and the server
               types the scripts into its console; this hub refuses to run them there
g, h           all
i1, i2         all
i3             all but the lines of `I3_ON_THE_WIRE`
i4 - i7        all; of i5 the messages, which the real server compressed and this hub never does
i8             all, with one close code of a race changed
i9, k          all
j              no: MessagePack, which this hub refuses
l              no: TLS, and an endpoint of its own for it; test_hub_websocket.py has our own TLS
m              no: the operator's REST API, all of it in test_rest_capture.py
=============  ====================================================================================
"""

import json
import re

import pytest
from hub_replay import TRANSCRIPTS, UUIDS, Replay, load
from nerveshub_tools import device_channel

# Lines that are played over a real websocket in test_hub_websocket.py instead: frames that have
# no mask, are no UTF-8 or are fragmented, and messages of up to 20 MB, which the transcript only
# describes. c1 and c3 have downloads too; test_hub_downloads.py has those.
I3_ON_THE_WIRE = range(232, 274)


class WithBrowser(Replay):
    """The operator's browser is a terminal that is open on the hub: what it sent, what it got."""

    def __init__(self, name):
        super().__init__(name)
        self.terminal = None
        self.seen = []

    def line(self, item):
        if "browser" not in item.get("conn", ""):
            super().line(item)
        elif "frame" in item:
            _, _, topic, event, payload = json.loads(item["frame"])
            if item["dir"] == "client":
                self.browser_sent(topic, event, payload)
            elif event not in {"phx_reply", "message"}:  # the chat stays among operators
                assert self.seen, f"the hub shows nothing, the server {event} {payload!r:.60}"
                assert self.seen.pop(0) == (event, payload)
                self.compared += 1
        elif self.terminal and item.get("control") == "close":
            self.terminal.close()
            self.terminal = None
            assert not self.seen

    def browser_sent(self, topic, event, payload):
        if event == "phx_join":
            kind = "shell" if topic.startswith("user:local_shell:") else "console"
            self.terminal = self.hub.terminals.open(self.who, kind, self.browser_shows)
        else:
            self.terminal.send(event, payload)

    def browser_shows(self, event, payload):
        self.seen.append((event, payload))

    def restore(self, number, other):
        """Of a long frame the capture has the beginning; what the server made of it is whole."""
        whole = json.loads(self.lines[other - 1]["frame"])[4]["data"]
        frame = self.lines[number - 1]["frame"]
        head = frame[: frame.index('"data":"') + 8]
        self.lines[number - 1]["frame"] = head + whole + '"}]'


@pytest.mark.parametrize("name", ["a1", "a2", "a3", "b2", "b3", "c4", "c6", "d", "i1", "i2"])
def test_transcript_is_answered_as_the_real_server_did(name):
    assert Replay(name).run().compared > 3


@pytest.mark.parametrize("name", ["i4", "i5", "i6", "i7", "i9", "k"])
def test_transcript_of_sockets_coming_and_going_is_answered_as_the_real_server_did(name):
    assert Replay(name).run().compared > 2


def test_b1_extensions_are_attached_asked_and_told_as_the_real_server_did():
    replay = Replay("b1")
    replay.run()
    device = replay.hub.device("dev-b1")
    assert device.health[-1]["metrics"]["custom_metric"] == 7
    assert device.location == {
        "latitude": 52.1,
        "longitude": 5.2,
        "source": "test",
        "accuracy": 10,
    }
    # The log lines with an integer time and without any were dropped, as on the server.
    assert [line["message"] for line in device.logs] == ["hello log", "hello 2"]
    assert [item["service"] for item in device.identities] == ["wireguard", "iroh"]
    assert device.attached == set()


def test_c1_deployment_update_goes_as_on_the_real_server():
    replay = Replay("c1")
    replay.hub.deploy(UUIDS["1.1.0"], {"dev-c1"}, number=1)
    assert replay.run().states >= 10
    assert not replay.hub.violations


def test_c2_manual_updates_go_as_on_the_real_server():
    assert Replay("c2").run().states == 9


def test_c3_deployment_update_of_a_fwup_archive_goes_as_on_the_real_server():
    replay = Replay("c3")
    replay.hub.deploy("5a27a280-bace-5f98-2225-374a23120959", {"dev-c3"}, number=2)
    assert replay.run().states == 3
    assert not replay.hub.violations


def test_c5_failing_deployment_goes_as_on_the_real_server():
    replay = Replay("c5")
    replay.hub.deploy(UUIDS["1.1.0"], {"dev-c5"}, number=1)
    assert replay.run().states >= 8
    assert replay.hub.device("dev-c5").auto_revert


def test_c7_firmware_is_offered_behind_the_proxy():
    replay = Replay("c7")
    replay.hub.firmware_proxy_url = "http://proxy.example/get"
    replay.run()


def test_c10_new_release_reaches_a_connected_device():
    replay = Replay("c10")
    replay.hub.deploy(UUIDS["1.1.0"])
    assert replay.run().states == 2


def test_g_archive_is_announced_on_release_and_on_each_join():
    replay = Replay("g")
    announced = next(item for item in replay.lines if '"archive"' in item.get("frame", ""))

    def release(hub, who):
        hub.archive = json.loads(announced["frame"])[4]
        hub.push(who, "device", "archive", hub.archive)

    replay.actions = [(r"operator creates a new release", release)]
    assert replay.run().compared == 10


def test_b4_local_shell_is_typed_into_and_answers():
    replay = WithBrowser("b4").run()
    assert replay.compared == 11
    assert replay.hub.device("dev-b4").shell == "ls\r\nfile1 file2\r\n$ "
    # The server said nothing to an event that it does not know.
    assert any("local_shell:nosuch" in text for text in replay.hub.dropped)


def test_e_console_is_typed_into_and_crashes_as_on_the_real_server():
    replay = WithBrowser("e")
    replay.restore(87, 88)
    replay.actions = [(r"^REST POST .*/code", lambda hub, who: hub.terminals.type_code(who, "1+1"))]
    assert replay.run().compared == 36
    printed = replay.hub.device("dev-e1").console
    assert printed.startswith("MicroPython\r\n>>> ppi\r\n3.14\r\n>>> \x1b[31mred")
    assert printed.endswith("x" * 65_000)


def test_e2_files_and_seventy_thousand_characters_reach_the_console():
    replay = WithBrowser("e2")
    replay.restore(28, 29)
    assert replay.run().compared == 14


def test_f_scripts_are_run_and_answered_as_on_the_real_server(monkeypatch):
    lines = load("f")
    old = next(at for at, item in enumerate(lines) if "(< 2.1.0)" in item.get("note", ""))
    replay = Replay("f", skip=range(old + 1, len(lines) + 1))
    frames = [
        json.loads(item["frame"])
        for item in lines[:old]
        if item.get("dir") == "server" and "frame" in item
    ]
    asked = [frame[4] for frame in frames if frame[3] == "scripts/run"]
    replay.hub.connecting_code = asked[0]["text"]
    scripts = [script for script in asked if script["ref"] != "connecting_code"]
    refs = iter([script["ref"] for script in scripts])
    monkeypatch.setattr(device_channel.secrets, "token_urlsafe", lambda _: next(refs))
    run = (
        r"^operator: POST|^same,|never answers",
        lambda hub, who: hub.run_script(who, scripts[0]["text"]),
    )
    replay.actions = [run]
    assert replay.run().compared == 12
    # What the operator's call answered on the real server; None where it ran into its time limit.
    bodies = [
        item["http"]
        for item in lines[:old]
        if "/scripts/" in item.get("http", {}).get("request", "")
    ]
    answers = [
        http.get("body_text", "") if " 200 " in http["response"] else None for http in bodies
    ]
    assert [replay.hub.device("dev-f1").scripts[script["ref"]] for script in scripts] == answers
    assert len(replay.hub.dropped) == 2  # an unknown ref, and an answer after 15 seconds


def test_every_transcript_is_in_the_table_above():
    names = {path.name.split("_")[0] for path in TRANSCRIPTS.glob("*.jsonl")}
    told = set()
    for line in __doc__.splitlines():
        cell = line[:14].strip()
        if re.match(r"[a-m]\d?", cell):
            for part in cell.split(", "):
                first, _, last = part.partition(" - ")
                told.add(first)
                if last:
                    told |= {f"{first[0]}{n}" for n in range(int(first[1:]), int(last[1:]) + 1)}
    assert told == names


def test_h_public_keys_are_pushed_to_who_asked_for_them():
    replay = Replay("h")
    replay.hub.public_keys = ["0mPmAFUvwg82AqprfIIUh/SWCpPJlMPwWgnBYl9aQYs="]
    assert replay.run().compared == 9


def test_i3_protocol_errors_are_answered_as_on_the_real_server():
    replay = Replay("i3", skip=I3_ON_THE_WIRE)
    # The captured server knew this device from an earlier run, and one firmware by its uuid.
    earlier = replay.hub.connect("dev-i3")
    earlier.text(
        '["0","0","device","phx_join",{"esp_idf_project_name":"other","esp_idf_version":"1.0.0",'
        '"esp_idf_app_elf_sha256":"b679f96fa476aea1510461ba085b0905'
        '9b53fe57fbf15567a4e32ddce727c9a3","esp_idf_chip_id":9}]'
    )
    replay.hub.disconnected(earlier)
    known = replay.hub.firmwares["5a27a280-bace-5f98-2225-374a23120959"]
    uuid = "532e3a76-78a8-540b-d0e4-f62a1fbaed71"
    replay.hub.firmwares[uuid] = type(known)(
        {**known.meta, "uuid": uuid, "version": "1.0.0"}, known.size, known.checksum, []
    )
    assert replay.run().states == 15


def test_i8_shutdown_drains_with_1012():
    replay = Replay("i8")
    # The never-joined socket of the capture got 1000, a race of the real server's shutdown.
    assert replay.lines[20]["code"] == 1000
    replay.lines[20]["code"] = 1012
    replay.run()
