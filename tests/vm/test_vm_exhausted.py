# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Failure injected into the heap of the VM: polls that find no memory, or hardly any, all through a
session with an update. What is installed is the image, it leads to one restart, nothing is reported
as failed, and logs, health and heartbeats go on. (`test_injection.py` does it for all other seams.)
"""

import hashlib
import random

import pytest
from nerveshub_tools.server import HubThread
from support.vm import Vm, build

pytestmark = pytest.mark.vm

IMAGE = random.Random(12).randbytes(60_000)
META = {"uuid": "new", "version": "1.1.0", "platform": "b", "architecture": "a"}


@pytest.fixture(scope="module")
def vm(micropython, tmp_path_factory):
    return Vm(micropython, build(tmp_path_factory.mktemp("drive") / "mpy"))


@pytest.mark.parametrize("free", [0, 1000])
@pytest.mark.parametrize(("first", "every"), [(0, 7), (3, 11)])
def test_polls_without_memory_do_no_harm(vm, free, first, every, record_property):
    with HubThread(product="p") as hub:
        hub.deploy(hub.add_firmware(IMAGE, META))
        options = {"host": "localhost", "port": hub.port, "free": free}
        options.update(product_key=hub.product_key, product_secret=hub.product_secret)
        result = vm.run("exhausted", {**options, "first": first, "every": every}, heap=220 * 1024)
        assert result.code == 0, result
        end = result.one("end")
        assert (end["finished"], end["restarts"]) == (1, 1), result
        image = {"event": "image", "count": len(IMAGE)}
        assert result.one("image") == {**image, "sha256": hashlib.sha256(IMAGE).hexdigest()}, result
        assert result.all("failed") == [], result
        assert result.one("link")["state"] == "joined", result
        # The program has ended, and what it said last may still be on its way.
        hub.wait(lambda hub: any("still here" in str(line) for line in hub.device("board").logs))
        hub.wait(lambda hub: hub.device("board").health)
        assert hub.violations == []
    record_property("summary", "polls without memory: %d of %d" % (end["exhausted"], end["polls"]))
