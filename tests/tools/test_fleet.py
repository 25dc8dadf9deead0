# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""The commands for a fleet do on a hub what they say, and tell beforehand what would fail."""

import base64
import json
import os
import random

import click
import pytest
from nerveshub_tools.fleet_cli import updates
from nerveshub_tools.fleet_release import read_release
from nerveshub_tools.keys import make_keys
from nerveshub_tools.signatures import signer
from support.fleet import Fleet

UPLOADS = "/orgs/desk/products/demo/firmwares"
SORRY = "Sorry, an unexpected error occurred. The masters of the web have been notified."


@pytest.fixture(name="fleet")
def hub_and_commands(tmp_path):
    with Fleet(tmp_path) as fleet:
        yield fleet


# upload


def test_upload_brings_a_release_to_the_hub_byte_for_byte(fleet):
    path, uuid = fleet.release()
    assert f"uploaded demo 2.0.0: {uuid}" in fleet.run("upload", path)
    with open(path, "rb") as file:
        assert fleet.hub.firmwares[uuid].data == file.read()


def test_upload_of_what_is_there_sends_nothing(fleet):
    path, uuid = fleet.release()
    fleet.run("upload", path)
    assert f"NervesHub has demo 2.0.0 already: {uuid}" in fleet.run("upload", path)
    assert fleet.asked("POST") == [UPLOADS]


def test_an_unsigned_release_is_told_before_it_is_sent(fleet):
    path, _ = fleet.release(key=None)
    said = fleet.run("upload", path, code=1)
    assert "is not signed" in said
    assert "nerveshub-link sign" in said
    assert fleet.asked("POST") == []


def test_a_release_of_an_unknown_key_is_told_and_sent_once_the_key_is_known(fleet):
    public, _ = make_keys(fleet.folder / "other")
    path, uuid = fleet.release(key="other")
    said = fleet.run("upload", path, code=1)
    assert "signed by a key that the organization 'desk' does not know" in said
    assert "it knows: greenhouse key" in said
    assert fleet.asked("POST") == []
    added = fleet.run("keys", "--add", str(public))
    assert f"added other greenhouse key: ed25519 {fleet.public.read_text()}" in added
    assert f"other: ed25519 {public.read_text()}" in added
    assert uuid in fleet.run("upload", path)


def test_a_damaged_release_is_told_before_it_is_sent(fleet):
    path, _ = fleet.release()
    with open(path, "r+b") as file:
        at = file.read().index(b"data/app.img") + 100
        file.seek(at)
        file.write(b"?")
    said = fleet.run("upload", path, code=1)
    assert "NervesHub would refuse" in said and "damaged: 'data/app.img' (bytes " in said
    assert "nerveshub-link verify tells 3 more" in said
    assert fleet.asked("POST") == []


def test_a_release_of_another_product_is_told_before_it_is_sent(fleet):
    path, _ = fleet.release(product="elsewhere")
    said = fleet.run("upload", path, code=1)
    assert "has no product 'elsewhere' (it has: demo)" in said
    said = fleet.run("upload", path, "--product", "demo", code=1)
    assert "the release is for the product 'elsewhere', not for 'demo'" in said
    assert fleet.asked("POST") == []


def test_what_the_server_refuses_is_said_in_its_words_and_ours(fleet):
    public = str(fleet.public)
    said = fleet.run("keys", "--add", public, "--name", "greenhouse key", code=1)
    assert "NervesHub says: name has already been taken (HTTP 422)" in said
    assert "nerveshub-link keys lists what is there" in said


def test_an_error_without_a_reason_says_what_was_checked_already(fleet, monkeypatch):
    path, _ = fleet.release()
    # The hub loses the key between the check and the upload.
    monkeypatch.setattr("nerveshub_tools.rest_api.signer", lambda *_: None)
    said = fleet.run("upload", path, code=1)
    assert f"NervesHub says: {SORRY} (HTTP 500)" in said
    assert "This side has checked the signature" in said


def test_a_file_that_is_no_release_is_told(fleet, tmp_path):
    (tmp_path / "x.fw").write_bytes(b"hello")
    assert "x.fw is no fwup archive" in fleet.run("upload", str(tmp_path / "x.fw"), code=1)
    assert fleet.asked() == []


def test_a_damaged_release_is_told_in_a_sentence_wherever_the_damage_is(fleet, tmp_path):
    path, _ = fleet.release()
    with open(path, "rb") as file:
        good = file.read()
    chance = random.Random(1)
    damaged = tmp_path / "damaged.fw"
    refused = 0
    for _ in range(400):
        data = bytearray(good)
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        damaged.write_bytes(data[: chance.choice((len(data), chance.randrange(len(data))))])
        signer(damaged, [fleet.public.read_text()])
        try:
            read_release(str(damaged))
        except click.ClickException:
            refused += 1
    assert refused > 100


def test_a_description_beside_the_file_is_not_taken_for_what_the_server_reads(fleet):
    path, _ = fleet.release()
    (fleet.folder / "demo-2.0.0.fw.json").write_text('{"uuid": "u", "version": "1.0.0"}')
    assert "NervesHub reads the file itself" in fleet.run("upload", path, code=1)
    assert fleet.asked() == []


def test_a_private_key_is_not_sent_as_a_public_one(fleet):
    said = fleet.run("keys", "--add", str(fleet.private), code=1)
    assert "no public key of fwup" in said
    assert fleet.private.read_text() not in said
    assert fleet.asked("POST") == []


# deploy


def test_deploy_makes_a_group_uploads_and_updates_its_devices(fleet):
    path, uuid = fleet.release()
    with fleet.device() as board:
        fleet.hub.change_device("dev 1", tags=["beta", "roof"])
        board.message()  # extensions:get
        said = fleet.run("deploy", path, "--group", "my group", "--create", "--tag", "beta")
        assert "made the group my group, switched on, for devices with tags beta" in said
        assert "my group: release 1, 2.0.0" in said
        frame = board.message()
        assert (frame[3], frame[4]["firmware_meta"]["uuid"]) == ("update", uuid)


def test_deploy_makes_the_next_release_of_a_group(fleet):
    first, _ = fleet.release("2.0.0")
    second, uuid = fleet.release("2.1.0")
    fleet.run("deploy", first, "--group", "g", "--create")
    assert "g: release 2, 2.1.0, 0 devices" in fleet.run("deploy", second, "--group", "g")
    (group,) = fleet.hub.deployments.values()
    assert (group.uuid, group.release, group.tags) == (uuid, 2, [])
    said = fleet.run("deploy", second, "--group", "g", "--create", "--tag", "x")
    assert "g has this release already" in said
    assert "keeps its own tags" in said


def test_deploy_of_a_release_for_another_platform_says_who_gets_nothing(fleet):
    first, _ = fleet.release("2.0.0")
    second, _ = fleet.release("2.1.0", platform="other")
    fleet.run("deploy", first, "--group", "g", "--create")
    said = fleet.run("deploy", second, "--group", "g")
    assert "g had releases for board, this one is for other" in said


def test_deploy_to_a_group_that_is_not_there_uploads_nothing(fleet):
    path, _ = fleet.release()
    fleet.hub.create_group(
        "left", fleet.hub.add_firmware(b"x", {"uuid": "u-1", "version": "1.0.0"})
    )
    said = fleet.run("deploy", path, "--group", "right", code=1)
    assert "no deployment group 'right' (there are: left); --create makes it" in said
    assert fleet.asked("POST") == []


def test_deploy_to_a_group_that_is_switched_off_says_so_until_it_is_on(fleet):
    path, uuid = fleet.release()
    old = fleet.hub.add_firmware(b"x", {"uuid": "u-1", "version": "1.0.0"})
    fleet.hub.create_group("g", old, active=False)
    assert "g is switched off: its devices get nothing" in fleet.run("deploy", path, "--group", "g")
    assert "switched off" not in fleet.run("deploy", path, "--group", "g", "--on")
    (group,) = fleet.hub.deployments.values()
    assert (group.uuid, group.active, group.release) == (uuid, True, 2)


# devices


def test_devices_are_listed_from_all_pages(fleet):
    for number in range(150):
        fleet.hub.add_device(f"dev-{number}")
    said = fleet.run("devices", "--json")
    assert len(json.loads(said)) == 150
    assert len([path for path in fleet.asked("GET") if "/devices?" in path]) == 2


def test_a_device_is_shown_with_what_it_runs_and_should_run(fleet):
    _, uuid = fleet.release()
    fleet.run("upload", str(fleet.folder / "demo-2.0.0.fw"))
    fleet.hub.create_group("g", uuid, tags=[], active=False)
    with fleet.device():
        said = fleet.run("devices", "dev 1")
        assert "device dev 1 is connected" in said
        assert "runs 1.0.0 u-1 platform board xtensa group g (switched off)" in said
        assert "should run 2.0.0 updates automatic" in said
        assert "dev 1" in fleet.run("devices")
        assert json.loads(fleet.run("devices", "dev 1", "--json"))["version"] == "1.0.0"


def test_what_a_device_calls_itself_does_not_steer_the_terminal(fleet):
    fleet.hub.add_device("a\x1b[2Jb\r", description="\x1b]0;title\x07")
    assert "\x1b" not in fleet.run("devices")
    assert "a?[2Jb?" in fleet.run("devices", "a\x1b[2Jb\r")


def test_a_device_with_a_slash_in_its_name_is_found(fleet):
    fleet.hub.add_device("a/b ✓")
    assert json.loads(fleet.run("devices", "a/b ✓", "--json"))["identifier"] == "a/b ✓"


def test_a_device_that_is_not_there_is_told(fleet):
    said = fleet.run("devices", "nobody", code=1)
    assert "Resource Not Found or Authorization Insufficient (HTTP 404)" in said
    assert "No device 'nobody' in desk/demo?" in said


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_a_name_that_would_lead_to_another_path_is_not_sent(fleet, name):
    assert "this name is not allowed" in fleet.run("penalty", name, "--clear", code=1)
    assert fleet.asked("DELETE") == []


@pytest.mark.parametrize(
    ("enabled", "until", "said"),
    [
        (True, None, "automatic"),
        (True, "2020-01-01T00:00:00Z", "automatic"),
        (True, "2999-01-01T00:00:00Z", "blocked until 2999-01-01T00:00:00Z"),
        (False, None, "off"),
        (False, "2020-01-01T00:00:00Z", "off"),
        (False, "2999-01-01T00:00:00Z", "off, and blocked until 2999-01-01T00:00:00Z"),
    ],
)
def test_updates_are_told_as_they_are_now(enabled, until, said):
    assert updates({"updates_enabled": enabled, "updates_blocked_until": until}) == said


# push, reboot, penalty


def test_push_warns_asks_and_says_how_automatic_updates_come_back(fleet):
    path, uuid = fleet.release()
    fleet.run("upload", path)
    with fleet.device() as board:
        board.message()
        said = fleet.run("push", "dev 1", path, text="n\n", code=1)
        assert "dev 1 runs 1.0.0 and gets 2.0.0." in said
        assert "This switches its automatic updates off." in said
        assert "They come back with: nerveshub-link penalty dev 1 --clear" in said
        assert fleet.asked("POST") == [UPLOADS]
        assert "pushed 2.0.0 to dev 1" in fleet.run("push", "dev 1", path, text="y\n")
        assert board.message()[4]["firmware_meta"]["uuid"] == uuid
        assert "updates of dev 1: off" in fleet.run("penalty", "dev 1")
        assert fleet.hub.device("dev 1").updates_enabled is False
        assert "updates of dev 1: automatic" in fleet.run("penalty", "dev 1", "--clear")
        assert fleet.hub.device("dev 1").updates_enabled is True


def test_push_of_a_second_update_says_why_the_server_may_have_failed(fleet):
    path, uuid = fleet.release()
    fleet.run("upload", path)
    with fleet.device():
        fleet.hub.push_update("dev 1", uuid)
        said = fleet.run("push", "dev 1", uuid, "--yes", code=1)
    assert "Its automatic updates are off, and stay so." in said
    assert SORRY in said
    assert "while another update of the device is under way" in said


def test_push_without_a_release_takes_that_of_the_group(fleet):
    path, uuid = fleet.release()
    fleet.run("upload", path)
    with fleet.device() as board:
        board.message()
        assert "in no deployment group" in fleet.run("push", "dev 1", code=2)
        fleet.hub.create_group("g", uuid, active=False)
        fleet.run("push", "dev 1", "--yes")
        assert board.message()[4]["firmware_meta"]["uuid"] == uuid


@pytest.mark.parametrize("words", [("push", "dev 1", "PATH", "--yes"), ("reboot", "dev 1")])
def test_what_an_offline_device_would_never_hear_is_not_sent(fleet, words):
    path, _ = fleet.release()
    fleet.run("upload", path)
    fleet.hub.add_device("dev 1")
    words = [path if word == "PATH" else word for word in words]
    said = fleet.run(*words, code=1)
    assert "dev 1 is not connected (last seen: never): NervesHub accepts this nevertheless" in said
    assert fleet.asked("POST") == [UPLOADS]
    assert fleet.hub.device("dev 1").updates_enabled


def test_push_of_what_is_not_on_the_server_or_not_for_the_board_is_not_sent(fleet):
    path, _ = fleet.release()
    other, _ = fleet.release("3.0.0", platform="other board")
    fleet.run("upload", other)
    with fleet.device():
        said = fleet.run("push", "dev 1", path, "--yes", code=1)
        assert f"fails when it is pushed: nerveshub-link upload {path}" in said
        unknown = "24e660ba-c707-547a-75fb-fe98f2042c2e"
        assert "upload it first" in fleet.run("push", "dev 1", unknown, "--yes", code=1)
        said = fleet.run("push", "dev 1", "nothing.fw", "--yes", code=2)
        assert "nothing.fw is neither a file nor the uuid of a release" in said
        said = fleet.run("push", "dev 1", other, "--yes", code=1)
        assert "the release is for other board, the device is a board" in said
    assert fleet.asked("POST") == [UPLOADS]


def test_push_of_what_the_device_runs_is_not_sent(fleet):
    path, uuid = fleet.release()
    fleet.run("upload", path)
    with fleet.device(nerves_fw_uuid=uuid, nerves_fw_version="2.0.0"):
        assert "dev 1 runs 2.0.0 already" in fleet.run("push", "dev 1", path, "--yes", code=1)
    assert fleet.asked("POST") == [UPLOADS]


def test_reboot_reaches_the_device(fleet):
    with fleet.device() as board:
        board.message()
        assert "asked dev 1 to restart" in fleet.run("reboot", "dev 1")
        assert board.message() == [None, None, "device", "reboot", {}]


def test_organization_and_product_may_be_named_and_then_must_be_there(fleet):
    assert fleet.run("devices", "--json", "--org", "desk", "--product", "demo") == "[]"
    for words in (("--org", "other"), ("--product", "other")):
        said = fleet.run("devices", *words, code=1)
        assert "It is not there, or your user may not see it." in said


def test_a_public_key_may_have_no_padding(fleet, tmp_path):
    key = tmp_path / "bare.pub"
    key.write_text(base64.b64encode(os.urandom(32)).decode().rstrip("=") + "\n")
    assert "added bare" in fleet.run("keys", "--add", str(key))
