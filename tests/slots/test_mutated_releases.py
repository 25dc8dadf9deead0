# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
20,000 releases with a fault, fed in pieces of any size: each is refused with a reason and no header
is written; or the fault has no effect, and then the slot holds the complete release.

In ``make test`` as many of them as a few seconds allow, the same ones each time; with ``--whole``
all of them.
"""

import hashlib
import random
import re
import zlib
from collections import Counter

import pytest
from support import mutations, slots, update_bench
from support.mutated_slot import (
    DEVICE,
    fill,
    install,
    install_in_vm,
    machine_that_runs_slot_a,
    packets,
    seeds,
)
from support.mutations import GOOD, IMAGE, mutant
from support.vm import Vm, build

from nerveshub_link.slots import slot_file
from nerveshub_link.slots.app_slot_writer import AppSlotWriter
from nerveshub_link.slots.slot_file import HEADER_AT, IMAGE_AT, PAD, SECTOR

WHOLE = 20_000
SECONDS = 5
CHUNKS = (512, 1024, 4096)
# What has a wrong stream with a right hash: nobody knows what that unpacks to.
BOMBS = ("bomb", "stream_cut_off", "stream_flipped")
# A good release installs within this many KB (64 and 32 bits); so must a bad one be refused.
HEAP = (120, 86)


@pytest.fixture(name="path")
def slot(tmp_path, monkeypatch):
    monkeypatch.setattr(slot_file, "_open", {})
    return tmp_path / "app.img"


def said(data, key):
    """What an archive's meta.conf says."""
    return re.search(rb"^%s=(.*)$" % key.encode(), data, re.MULTILINE).group(1).strip(b'"').decode()


def check_refused(mutant, before, after):
    """The slot holds no release, or still the old one, untouched."""
    if after != before:
        head = after[HEADER_AT * SECTOR : IMAGE_AT * SECTOR]
        assert head == bytes(SECTOR), mutant.kind
        return "refused when the old header was erased"
    return "refused before anything was erased"


def check_taken(mutant, after):
    """The slot holds what the header says, and that is what it may hold."""
    header = slot_file.unpack(after[HEADER_AT * SECTOR : IMAGE_AT * SECTOR])
    image = after[IMAGE_AT * SECTOR :][: header.image_length]
    assert header.number == 7, mutant.kind
    assert header.crc == zlib.crc32(image), mutant.kind
    assert header.image_hash == hashlib.sha256(image).digest(), mutant.kind
    assert header.image_hash.hex() == said(mutant.data, "image-sha256"), mutant.kind
    assert {key: header.meta[key] for key in DEVICE} == DEVICE, mutant.kind
    assert image == (IMAGE if mutant.image is None else mutant.image)
    return "taken: what was wrong matters to nobody"


def check_padding(before, after):
    assert len(after) == len(before)
    assert after[: HEADER_AT * SECTOR] == before[: HEADER_AT * SECTOR]
    assert after[-PAD * SECTOR :] == before[-PAD * SECTOR :]


def test_the_release_that_they_are_made_from_is_taken(path):
    fill(path)
    assert install(path, GOOD, 1) is None
    check_taken(mutations.Mutant("good", GOOD, IMAGE), path.read_bytes())


def test_no_release_with_something_wrong_ever_gets_a_header(path, whole, record_property):
    outcomes, kinds = Counter(), Counter()
    for seed in seeds(whole, WHOLE, SECONDS):
        one = mutant(seed)
        before = fill(path)
        reason = install(path, one.data, seed)
        after = path.read_bytes()
        check_padding(before, after)
        if reason is None:
            outcome = check_taken(one, after)
        else:
            assert reason.isprintable() and len(reason) < 300, reason
            outcome = check_refused(one, before, after)
        outcomes[outcome] += 1
        kinds[one.kind] += 1
    words = "; ".join(f"{outcomes[key]} {key}" for key in sorted(outcomes))
    record_property("summary", f"mutated releases: {sum(outcomes.values())}: {words}")
    assert len(kinds) == 23, kinds


def test_none_of_them_ever_gets_out_of_an_update_and_none_is_started(
    tmp_path, monkeypatch, whole, record_property
):
    # The whole way: download, writer, report. The server's checksum is right, as an attacker's.
    machine = machine_that_runs_slot_a(tmp_path, monkeypatch)
    path = slots.path_of(tmp_path, "b")
    running = slots.path_of(tmp_path, "a").read_bytes()
    outcomes = Counter()
    for seed in seeds(whole, WHOLE // 10, SECONDS / 2):
        one = mutant(seed)
        fill(path)
        machine.remember(run="a", old="", trial=0)
        rng = random.Random(seed)
        pieces = packets(one.data, rng)
        bench = update_bench.Bench(
            *pieces, writer=AppSlotWriter(str(tmp_path)), chunk_size=rng.choice(CHUNKS)
        )
        status = bench.offer(one.data).run().statuses[-1]["status"]
        assert status in ("failed", "completed")
        assert (machine.record["run"] == "b") == machine.whole("b") == (status == "completed")
        outcomes[status] += 1
    assert slots.path_of(tmp_path, "a").read_bytes() == running
    words = ", ".join(f"{outcomes[key]} {key}" for key in ("failed", "completed"))
    record_property("summary", f"mutated releases through a whole update: {words}")


@pytest.mark.vm
@pytest.mark.parametrize("bits", ["64 bits", "32 bits"])
def test_they_are_refused_within_the_memory_that_a_good_one_takes(  # noqa: PLR0913, PLR0917 fixtures
    bits, request, micropython, tmp_path, whole, record_property
):
    if bits == "32 bits":
        micropython = request.getfixturevalue("micropython_32")
    vm = Vm(micropython, build(tmp_path / "drive"))
    fill(tmp_path / "app.img")
    outcomes = Counter()
    for batch in range(20 if whole else 1):
        mutants = [mutant(seed) for seed in range(batch * 100, batch * 100 + 100)]
        found = install_in_vm(vm, tmp_path, GOOD, mutants, HEAP[vm.is_32_bit])
        for one, outcome in zip(mutants, found):
            # A bomb unpacks to more than this heap has; nothing else may be too much.
            allowed = ("taken", "refused", *(("MemoryError",) if one.kind in BOMBS else ()))
            assert outcome in allowed, (one.kind, outcome)
        outcomes.update(found)
    words = ", ".join(f"{outcomes[key]} {key}" for key in sorted(outcomes))
    record_property("summary", f"mutated releases in a VM of {bits}: {words}")
