# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""The hub says what the real server said: the captured transcripts, replayed without sockets."""

import json

import pytest
from hub_replay import UUIDS, Replay

# Lines that are played over a real websocket in test_hub_websocket.py instead: frames that have
# no mask, are no UTF-8 or are fragmented, and messages of up to 20 MB, which the transcript only
# describes. c1 and c3 have downloads too; test_hub_downloads.py has those.
I3_ON_THE_WIRE = range(232, 274)


@pytest.mark.parametrize("name", ["a1", "a2", "a3", "b2", "b3", "c4", "c6", "d", "i1", "i2"])
def test_transcript_is_answered_as_the_real_server_did(name):
    assert Replay(name).run().compared > 3


@pytest.mark.parametrize("name", ["i4", "i6", "i7", "i9", "k"])
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
