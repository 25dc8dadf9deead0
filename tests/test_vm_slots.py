# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Updates of an application in slots, by the library inside MicroPython."""

import pytest
from nerveshub_tools.server import HubThread
from support.applications import META, application, archive
from support.machine import Machine
from support.vm import Vm, build

pytestmark = pytest.mark.vm

FILES = application(300_000)
ARCHIVES = {
    "made as by fwup": archive(FILES),
    "stored": archive(FILES, deflated=False, descriptors=False),
}
# For pointers of 64 and 32 bits, which a board has.
WRITER_HEAP = (144 * 1024, 128 * 1024)
# With the link and the shims beside it.
SESSION_HEAP = (336 * 1024, 264 * 1024)


@pytest.fixture(scope="module", params=["64 bits", "32 bits"])
def vm(request, micropython, tmp_path_factory):
    if request.param == "32 bits":
        micropython = request.getfixturevalue("micropython_32")
    return Vm(micropython, build(tmp_path_factory.mktemp("drive") / "mpy"))


@pytest.fixture(name="machine")
def board(tmp_path):
    made = Machine(tmp_path)
    made.install("a", {"code.py": "pass"}, number=1, **dict(META, uuid="old", version="1.0.0"))
    made.remember(run="a", old="", trial=0)
    return made


def assert_to_be_tried(machine):
    slot = machine.slot("b")
    assert {path: (slot / path).read_bytes() for path in FILES} == FILES
    assert machine.power_on() == "b"
    assert machine.on_trial


@pytest.mark.parametrize("data", ARCHIVES.values(), ids=ARCHIVES)
def test_an_application_of_300_kilobytes_is_unpacked_within_128_kilobytes_as_on_a_board(
    vm, machine, data, tmp_path_factory
):
    path = tmp_path_factory.mktemp("archive") / "app.fw"
    path.write_bytes(data)
    options = {"drive": machine.root, "archive": str(path), "meta": dict(META, uuid="new")}
    result = vm.run("slots", options, heap=WRITER_HEAP[vm.is_32_bit])
    assert result.all("installed"), result
    assert_to_be_tried(machine)


@pytest.mark.parametrize("data", ARCHIVES.values(), ids=ARCHIVES)
def test_a_whole_session_updates_an_application_of_300_kilobytes(vm, machine, data):
    with HubThread() as hub:
        hub.deploy(hub.add_firmware(data, dict(META, uuid="new")))
        options = {
            "host": "localhost",
            "port": hub.port,
            "product_key": hub.product_key,
            "product_secret": hub.product_secret,
            "identifier": "board",
            "until": "reboot",
            "drive": machine.root,
        }
        result = vm.run("session", options, heap=SESSION_HEAP[vm.is_32_bit])
        assert result.one("reboot"), result
        assert hub.violations == []
    assert_to_be_tried(machine)
