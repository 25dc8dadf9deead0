# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Updates of an application in slots, by the library inside MicroPython."""

import pytest
from nerveshub_tools import fat_image
from nerveshub_tools.server import HubThread
from support import slots
from support.applications import META, application, archive
from support.machine import Machine
from support.signing import Signer
from support.vm import Vm, build

from nerveshub_link.slots.slot_file import IMAGE_AT, SECTOR

pytestmark = pytest.mark.vm

FILES = application(300_000)
LATER = {**FILES, "code.py": b"print('later')\n", "lib/more.py": b"MORE = 1\n" * 900}
SIGNER = Signer()
SECTORS = 700
# Heap in KB, a few above what was measured, for pointers of 64 and 32 bits, which a board has.
WRITER_HEAP = (122, 96)
# With the link and the shims beside it.
SESSION_HEAP = (264, 194)
# A signed release, of which only what changed travels, may take so many KB more.
SIGNED = 8


@pytest.fixture(scope="module", params=["64 bits", "32 bits"])
def vm(request, micropython, tmp_path_factory):
    if request.param == "32 bits":
        micropython = request.getfixturevalue("micropython_32")
    return Vm(micropython, build(tmp_path_factory.mktemp("drive") / "mpy"))


@pytest.fixture(name="machine")
def board(tmp_path):
    made = Machine(tmp_path)
    slots.make_empty(tmp_path, SECTORS)
    made.install("a", {"code.py": "pass"}, number=1, **dict(META, uuid="old", version="1.0.0"))
    made.remember(run="a", old="", trial=0)
    return made


def assert_to_be_tried(machine, slot, files):
    image = fat_image.build(files).data
    data = slots.path_of(machine.root, slot).read_bytes()
    assert data[IMAGE_AT * SECTOR :][: len(image)] == image
    assert machine.power_on() == slot
    assert machine.on_trial


def test_an_image_of_300_kilobytes_is_written_by_chunks(vm, machine, tmp_path_factory):
    path = tmp_path_factory.mktemp("archive") / "app.fw"
    path.write_bytes(archive(FILES))
    options = {"drive": machine.root, "archive": str(path), "meta": dict(META, uuid="new")}
    result = vm.run("slots", options, heap=WRITER_HEAP[vm.is_32_bit] * 1024)
    assert result.all("installed"), result
    assert_to_be_tried(machine, "b", FILES)


def test_of_a_signed_release_what_changed_is_fetched_and_the_rest_copied(
    vm, machine, tmp_path_factory
):
    machine.install("a", FILES, number=1, **dict(META, uuid="old", version="1.0.0"))
    path = tmp_path_factory.mktemp("archive") / "app.fw"
    path.write_bytes(archive(LATER, signer=SIGNER))
    options = {"drive": machine.root, "archive": str(path), "meta": dict(META, uuid="new")}
    options["public_keys"] = [SIGNER.text]
    result = vm.run("slots", options, heap=(WRITER_HEAP[vm.is_32_bit] + SIGNED) * 1024)
    assert result.one("installed")["travelled"] < len(path.read_bytes()) // 10, result
    assert_to_be_tried(machine, "b", LATER)


def test_a_signed_one_is_written_within_8_kilobytes_more(vm, machine, tmp_path_factory):
    path = tmp_path_factory.mktemp("archive") / "app.fw"
    path.write_bytes(archive(FILES, signer=SIGNER))
    keys = [Signer(2).text, SIGNER.text]
    options = {"drive": machine.root, "archive": str(path), "meta": dict(META, uuid="new")}
    heap = (WRITER_HEAP[vm.is_32_bit] + SIGNED) * 1024
    result = vm.run("slots", dict(options, public_keys=keys), heap=heap)
    assert result.all("installed"), result
    assert_to_be_tried(machine, "b", FILES)


def session(vm, hub, machine, slot, until, **options):
    options = {
        "host": "localhost",
        "port": hub.port,
        "product_key": hub.product_key,
        "product_secret": hub.product_secret,
        "identifier": "board",
        "until": until,
        "drive": machine.root,
        "slot": slot,
        "link": {"confirm_after": 0},
        **options,
    }
    heap = SESSION_HEAP[vm.is_32_bit] + (SIGNED if "public_keys" in options else 0)
    result = vm.run("session", options, heap=heap * 1024)
    assert not result.all("gave_up"), result
    assert result.one("end")["error"] is None, result
    return result


def test_join_update_trial_confirmation_and_the_next_update_by_real_sockets(vm, machine):
    """The next one is signed, so only what changed travels."""
    with HubThread() as hub:
        hub.deploy(hub.add_firmware(archive(FILES), dict(META, uuid="new")))
        assert session(vm, hub, machine, "a", "reboot").one("reboot")
        assert_to_be_tried(machine, "b", FILES)

        session(vm, hub, machine, "b", "confirmed")
        assert machine.record["run"] == "b" and not machine.record["trial"]

        meta = dict(META, uuid="later", version="1.2.0")
        release = archive(LATER, {"version": "1.2.0"}, SIGNER)
        hub.deploy(hub.add_firmware(release, meta))
        keys = {"public_keys": [SIGNER.text]}
        assert session(vm, hub, machine, "b", "reboot", **keys).one("reboot")
        assert_to_be_tried(machine, "a", LATER)
        assert hub.downloads.body_bytes("later") < len(release) // 10
        assert hub.violations == []
