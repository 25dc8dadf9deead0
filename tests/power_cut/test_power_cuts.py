# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
The power is cut before, within and after every write to the flash, from the first start of a
prepared drive to going back: each time a whole application runs again, and can be updated. And but
for the named exceptions, nothing ever erases a block with boot record, FAT or root directory.

The device's code runs unchanged inside MicroPython, on the FatFs that CircuitPython has, over
simulated flash. `programs` is what runs in there: ``cuts`` tells how it is judged. In ``make test``
as many cuts of each phase are tried as a time budget allows; with ``--whole`` all of them.
"""

import pytest
from power_cut import releases
from support.vm import Vm

pytestmark = pytest.mark.vm

HEAP = 24 * 1024 * 1024
SECONDS = 1.5
"""For each phase."""
DOUBLES = (40, 101)
"""Of so many cuts, in the recovery from one the power is cut again: sampled, whole."""

PHASES = (
    "make",
    "first",
    "update",
    "again",
    "bad",
    "good",
    "crashes",
    "safemode",
    "back",
    "crash in an update",
    "end in an update",
    "reload in an update",
    "noise in an update",
    "own files",
    "edits",
    "Ctrl-C at the desk",
)
# What writes to the FAT, and does so by name: the first start after `prepare`; the application's
# own files; a computer that edits.
EXCEPTIONS = {"make", "own files", "edits"}
MAY_LOSE = {"make", "Ctrl-C at the desk"}


@pytest.fixture(scope="module")
def vm(micropython, tmp_path_factory):
    return Vm(micropython, releases.lay_out(tmp_path_factory.mktemp("power") / "host"))


@pytest.fixture(scope="module")
def cuts(vm, whole):
    """What became of the board, by phase."""
    options = {
        "phases": [],
        "seconds": 0 if whole else SECONDS,
        "doubles": DOUBLES[whole],
    }
    result = vm.run("cuts", options, heap=HEAP, timeout=6000)
    assert result.code == 0, result
    return {line["phase"]: line for line in result.all("cut")}


@pytest.mark.parametrize("phase", PHASES)
def test_an_application_runs_and_takes_updates_wherever_the_power_was_cut(
    cuts, phase, record_property
):
    cut = cuts[phase]
    record_property("summary", _words(phase, cut))
    assert cut["failures"] == []
    allowed = {"old", "new", "rescue"} if phase in ("make", "first") else {"old", "new"}
    if phase in MAY_LOSE:
        allowed.add("slot lost, online")
    if phase == "make":
        allowed.add("in pieces: a board would see it")
    assert set(cut["once"]) <= allowed
    assert set(cut["twice"]) <= allowed


def test_nothing_but_the_named_exceptions_erases_a_block_with_boot_record_fat_or_root(
    cuts, record_property
):
    assert list(cuts) == list(PHASES)
    assert {phase for phase in cuts if cuts[phase]["allowed"]} == EXCEPTIONS
    erases = {phase: cuts[phase]["table erases"] for phase in cuts}
    assert {phase for phase in erases if erases[phase]} == EXCEPTIONS
    others = [cuts[phase] for phase in PHASES if phase not in EXCEPTIONS]
    assert not any(cut["in tables"] for cut in others)
    tried = [sum(sum(cut[key].values()) for key in ("once", "twice")) for cut in cuts.values()]
    record_property(
        "summary",
        f"power cut, all: {sum(tried)} cuts tried: 0 bricks, 0 drives lost, 0 torn applications"
        f" started; {sum(cut['writes'] for cut in others)} writes of updates, trials and going"
        " back, 0 of them in a block with boot record, FAT or root directory",
    )


def test_a_slot_is_closed_only_where_somebody_is_at_the_desk(cuts):
    # The end of a VM closes the slot that was written, which writes its folder. So the launcher
    # resets the board instead, but for a Ctrl-C with a computer attached: that leads to the prompt.
    closed = {phase: cuts[phase]["closed"] for phase in cuts if cuts[phase]["closed"]}
    assert closed == {"Ctrl-C at the desk": 1}


def _words(phase, cut):
    tried = sum(sum(cut[key].values()) for key in ("once", "in tables", "twice"))
    words = f"power cut, {phase}: {cut['writes']} writes, {cut['cases']} places for a cut,"
    words += f" {tried} tried; {_list(cut['once'])}"
    if cut["in tables"]:
        words += f"; in boot record, FAT and root ({cut['table erases']} erases): "
        words += _list(cut["in tables"])
    return words + (f"; cut twice: {_list(cut['twice'])}" if cut["twice"] else "")


def _list(counts):
    return ", ".join(f"{counts[name]} {name}" for name in sorted(counts))
