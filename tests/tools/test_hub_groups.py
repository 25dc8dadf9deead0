# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Deployment groups of the development hub: which devices belong to one, and when it offers."""

import json

import hub_replay
import pytest
from nerveshub_tools.deployments import fits, is_requirement
from nerveshub_tools.hub import Hub

JOIN = {
    "nerves_fw_uuid": "u-1",
    "nerves_fw_product": "demo",
    "nerves_fw_architecture": "xtensa",
    "nerves_fw_version": "1.0.0",
    "nerves_fw_platform": "board",
}
SAME = {"platform": "board", "architecture": "xtensa"}


@pytest.fixture(name="hub")
def silent_hub():
    hub = Hub(clock=hub_replay.Clock(1_788_000_000.0), public_url="http://hub")
    hub.add_firmware(b"two", {"uuid": "u-2", "version": "2.0.0", **SAME})
    hub.add_firmware(b"three", {"uuid": "u-3", "version": "3.0.0", **SAME})
    hub.add_firmware(b"else", {"uuid": "u-9", "version": "2.0.0", **SAME, "platform": "other"})
    return hub


def joined(hub, identifier="dev", tags=None):
    connection = hub.connect(identifier)
    hub.change_device(identifier, tags=tags)
    connection.text(json.dumps(["1", "1", "device", "phx_join", JOIN]))
    return connection


def offered(connection):
    """The uuids that were offered since the last time."""
    frames = [json.loads(item.text) for item in connection.outbox]
    connection.outbox.clear()
    return [frame[4]["firmware_meta"]["uuid"] for frame in frames if frame[3] == "update"]


@pytest.mark.parametrize(
    ("wanted", "tags", "updated"),
    [
        ([], None, True),
        (["beta"], ["beta"], True),
        (["beta"], ["roof", "beta"], True),
        (["beta", "roof"], ["beta"], False),
        (["beta"], None, False),
    ],
)
def test_a_group_takes_devices_that_have_all_of_its_tags(hub, wanted, tags, updated):
    hub.create_group("g", "u-2", tags=wanted)
    assert offered(joined(hub, tags=tags)) == ["u-2"] * updated


def test_a_group_takes_devices_of_its_firmwares_platform_alone(hub):
    hub.create_group("g", "u-9")
    assert offered(joined(hub)) == []
    assert hub.device("dev").deployment_id is None


def test_a_group_that_is_switched_off_has_its_devices_and_offers_nothing_until_it_is_on(hub):
    group = hub.create_group("g", "u-2", active=False)
    connection = joined(hub)
    assert (offered(connection), hub.device("dev").deployment_id) == ([], group.id)
    hub.change_group(group.id, active=True)
    assert offered(connection) == ["u-2"]


def test_another_firmware_is_the_next_release_and_the_same_one_is_not(hub):
    group = hub.create_group("g", "u-2", tags=["beta"])
    assert hub.change_group(group.id, uuid="u-2").release == 1
    connection = joined(hub, tags=["beta"])
    assert offered(connection) == ["u-2"]
    connection.text('["1","2","device","status_update",{"status":"failed","reason":"no"}]')
    hub.unblock("dev")
    assert hub.change_group(group.id, uuid="u-3").release == 2
    assert offered(connection) == ["u-3"]


def test_devices_of_a_deleted_group_belong_to_the_next_that_takes_them(hub):
    first = hub.create_group("first", "u-2", active=False)
    second = hub.create_group("second", "u-3", active=False)
    joined(hub)
    assert hub.device("dev").deployment_id == first.id
    hub.delete_group(first.id)
    assert hub.device("dev").deployment_id == second.id
    hub.delete_group(second.id)
    assert hub.device("dev").deployment_id is None


@pytest.mark.parametrize(
    ("version", "requirement", "met"),
    [
        ("1.2.3", "", True),
        ("no version", "", True),
        ("no version", "> 0.0.1", False),
        ("1.2.3", "1.2.3", True),
        ("1.2.3", "== 1.2.3", True),
        ("1.2.3", "!= 1.2.3", False),
        ("1.2.3", "< 1.10.0", True),
        ("1.10.0", "<= 1.2.0", False),
        ("1.2.3", ">= 1.0.0 and < 1.2.3", False),
        ("1.2.3", "> 2.0.0 or ~> 1.2", True),
        ("1.9.0", "~> 1.2", True),
        ("2.0.0", "~> 1.2", False),
        ("1.2.9", "~> 1.2.3", True),
        ("1.3.0", "~> 1.2.3", False),
        ("1.2.2", "~> 1.2.3", False),
        ("1.2.3", "newer", False),
    ],
)
def test_requirements_on_a_version_are_read_as_elixir_reads_them(version, requirement, met):
    assert fits(version, requirement) is met


@pytest.mark.parametrize("text", ["newer", "1", ">= ", "1.2.3 and", "~~> 1.2"])
def test_other_texts_are_no_requirement(text):
    assert not is_requirement(text)


def test_a_deleted_device_is_let_in_no_more_and_its_socket_stays(hub):
    connection = joined(hub)
    hub.delete_device("dev")
    assert "dev" in hub.deleted
    assert not connection.closing
