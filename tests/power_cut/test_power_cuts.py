# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
The power is cut before, within and after every write to the flash, from the first update of a fresh
board to going back: each time an application runs again, byte for byte, and can be updated.

The device's code runs unchanged inside MicroPython, on the FatFs that CircuitPython has, over
simulated flash. `programs` is what runs in there: ``cuts`` tells how it is judged.
"""

import pytest
from power_cut import releases
from support.vm import Vm

pytestmark = pytest.mark.vm

HEAP = 24 * 1024 * 1024

# Of so many cuts, in the recovery from one the power is cut again.
DOUBLES = {
    "first": 251,
    "holes": 151,
    "update": 151,
    "again": 101,
    "bad": 101,
    "good": 101,
    "crashes": 25,
    "safemode": 25,
    "back": 25,
}


@pytest.fixture(scope="module")
def vm(micropython, tmp_path_factory):
    return Vm(micropython, releases.lay_out(tmp_path_factory.mktemp("power") / "host"))


@pytest.mark.parametrize("phase", list(DOUBLES))
def test_an_application_runs_and_takes_updates_wherever_the_power_was_cut(
    vm, phase, record_property
):
    options = {"phase": phase, "doubles": DOUBLES[phase]}

    result = vm.run("cuts", options, heap=HEAP, timeout=900)

    cut = result.one("cut")
    record_property("summary", _words(phase, cut))
    assert cut["failures"] == [], result
    assert set(cut["once"]) <= {"old", "new", "rescue"}
    assert set(cut["twice"]) <= {"old", "new", "rescue"}


def _words(phase, cut):
    once, block_0, twice = cut["once"], cut["block 0"], cut["twice"]
    total = sum(once.values()) + sum(block_0.values()) + sum(twice.values())
    words = f"power cut, {phase}: {total} cut points, {cut['writes']} writes; {_list(once)}"
    if block_0:
        words += f"; in block 0 ({cut['writes in block 0']} writes): {_list(block_0)}"
    return words + f"; cut twice: {_list(twice)}"


def _list(counts):
    return ", ".join(f"{counts[name]} {name}" for name in sorted(counts))


def test_a_start_writes_nothing_and_an_update_no_more_than_this(vm, record_property):
    result = vm.run("costs", {"releases": ["large1", "large2", "large3"]}, heap=HEAP, timeout=300)

    assert result.code == 0, result
    updates = result.all("update")
    for update in updates:
        words = "flash, %d KB in %d files: %.1f erases per 4 KB, %d in block 0, %.2f bytes per byte"
        update["per block"] = update["erases"] * 4096 / update["size"]
        per_byte = update["bytes"] / update["size"]
        words %= (
            update["size"] // 1000,
            update["files"],
            update["per block"],
            update["in block 0"],
            per_byte,
        )
        record_property("summary", words)
    # The first two go into slots that hold little, the third one into that of a release like it.
    assert max(update["per block"] for update in updates) < 11
    assert updates[2]["per block"] < 2
    assert updates[2]["in block 0"] < 12
    assert result.one("start")["erases"] == 0
    check = result.one("check")
    words = "the guard's check of that: %d reads, %.1f ms in this VM"
    record_property("summary", words % (check["reads"], check["microseconds"] / 1000))
