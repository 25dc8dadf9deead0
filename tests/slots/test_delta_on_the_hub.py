# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Updates of which only what changed travels, from a development hub over real sockets: how many bytes
the hub counts, and what it may do to a download.
"""

import sys
from types import SimpleNamespace

import pytest
from nerveshub_tools import fat_image, travel
from nerveshub_tools.container import make
from nerveshub_tools.download_faults import Fault
from nerveshub_tools.server import HubThread
from support import slots
from support.applications import META, archive, many_files, with_one_changed
from support.hub_delta import NEW, SIGNER, update
from support.machine import Machine

from nerveshub_link.slots import slot_file
from nerveshub_link.slots.slot_file import IMAGE_AT, SECTOR

FILES = many_files()
SIZE = sum(len(data) for data in FILES.values())
CHANGED = with_one_changed(FILES)
RELEASE = archive(CHANGED, signer=SIGNER)
SECTORS = 700
OLD = dict(META, uuid="old", version="1.0.0")


@pytest.fixture(name="machine")
def board(tmp_path, monkeypatch):
    """A drive; the release that is to be updated runs in slot a."""
    monkeypatch.setattr(slot_file, "_open", {})
    monkeypatch.setitem(sys.modules, "nh_launcher", SimpleNamespace(slot="a", armed=0))
    made = Machine(tmp_path)
    slots.make_empty(tmp_path, SECTORS)
    made.install("a", FILES, number=1, **OLD)
    made.remember(run="a", old="", trial=0)
    return made


@pytest.fixture(scope="module", name="hub")
def one_hub():
    with HubThread() as running:
        yield running


def assert_installed(machine, files):
    image = fat_image.build(files).data
    data = slots.path_of(machine.root, "b").read_bytes()
    assert data[IMAGE_AT * SECTOR :][: len(image)] == image
    assert machine.power_on() == "b" and machine.on_trial


def foretold(release, files):
    """The ranges as ``nerveshub-link diff`` foretells them."""
    before, after = make(fat_image.build(FILES)), make(fat_image.build(files))
    begin = release.index(after.table)
    return travel.plan(before.chunks, after.chunks, begin=begin, size=len(release)).ranges


@pytest.mark.parametrize("grown, percent", [(0, 4), (1500, 8)])
def test_one_changed_file_of_82(hub, machine, grown, percent):
    files = with_one_changed(FILES, grown)
    release = archive(files, signer=SIGNER)
    served, log = update(hub, machine.root, release)
    assert hub.downloads.body_bytes(NEW["uuid"], "dev-1") <= SIZE * percent // 100
    assert served == foretold(release, files)
    assert "only what changed travels" in log
    assert_installed(machine, files)


LAST, _ = foretold(RELEASE, CHANGED)[-1]
FAULTS = {
    "200 to a range": [Fault(), Fault(ignore_range=True)],
    "another total": [Fault(), Fault(total=5)],
    "another etag": [Fault(), Fault(etag='"other"'), Fault(etag='"third"')],
    "range refused": [Fault(), Fault(), Fault(range_status=416)],
    "cut in mid-chunk": [Fault(), Fault(), Fault(cut=1000)],
    "a damaged chunk": [Fault(), Fault(), Fault(corrupt=LAST + 10)],
}


@pytest.mark.parametrize("name", FAULTS)
def test_whatever_the_hub_does_the_right_image_is_installed(hub, machine, name):
    update(hub, machine.root, RELEASE, *FAULTS[name])
    assert hub.download_faults._planned == []  # all of it has happened
    assert_installed(machine, CHANGED)
