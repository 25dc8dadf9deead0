# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
20,000 releases that a device with public keys must not take: none of them is installed, and what is
refused at the signature leaves the idle slot as it was, to the last byte. The signature of each is
checked for real.

In ``make test`` as many of them as a few seconds allow, the same ones each time; with ``--whole``
all of them.
"""

import random
from collections import Counter

import pytest
from support import slots, update_bench
from support.mutated_slot import (
    fill,
    install,
    install_in_vm,
    machine_that_runs_slot_a,
    packets,
    seeds,
)
from support.signed_mutations import GOOD, KEYS, LOWEST, mutant
from support.vm import Vm, build

from nerveshub_link.slots import slot_file
from nerveshub_link.slots.app_slot_writer import AppSlotWriter
from nerveshub_link.slots.slot_file import HEADER_AT, IMAGE_AT, SECTOR

WHOLE = 20_000
SECONDS = 3
KINDS = 20
# A good release installs within this many KB (64 and 32 bits); so must a bad one be refused.
HEAP = (132, 94)


@pytest.fixture(name="path")
def slot(tmp_path, monkeypatch):
    monkeypatch.setattr(slot_file, "_open", {})
    return tmp_path / "app.img"


def header(data):
    return data[HEADER_AT * SECTOR : IMAGE_AT * SECTOR]


def test_the_release_that_they_are_made_from_is_taken(path):
    fill(path)
    assert install(path, GOOD, 1, KEYS, LOWEST) is None
    assert slot_file.unpack(header(path.read_bytes())).number == 7


def test_none_of_them_is_installed(path, whole, record_property):
    outcomes, kinds = Counter(), Counter()
    for seed in seeds(whole, WHOLE, SECONDS):
        one = mutant(seed)
        before = fill(path)
        reason = install(path, one.data, seed, KEYS, LOWEST)
        after = path.read_bytes()
        assert reason is not None, (one.kind, seed)
        assert reason.isprintable() and len(reason) < 300, reason
        at_signature = "signed" in reason or "signature" in reason
        assert at_signature or one.signed, (one.kind, seed, reason)
        assert not at_signature or not one.signed, (one.kind, seed, reason)
        if at_signature:
            assert after == before, (one.kind, seed)
            outcome = "refused at the signature, the slot untouched"
        elif after == before:
            outcome = "refused by signed meta.conf or table, the slot untouched"
        else:
            assert header(after) == bytes(SECTOR), (one.kind, seed)
            outcome = "refused at a chunk, when the old header was erased"
        outcomes[outcome] += 1
        kinds[one.kind] += 1
    words = "; ".join(f"{outcomes[key]} {key}" for key in sorted(outcomes))
    record_property("summary", f"mutated signed releases: {sum(outcomes.values())}: {words}")
    assert len(kinds) == KINDS, kinds


def test_none_of_them_is_started_and_each_is_told_as_failed(
    tmp_path, monkeypatch, whole, record_property
):
    # The whole way: download, writer, report. The server's checksum is right, as an attacker's.
    machine = machine_that_runs_slot_a(tmp_path, monkeypatch)
    path = slots.path_of(tmp_path, "b")
    running = slots.path_of(tmp_path, "a").read_bytes()
    count = 0
    for seed in seeds(whole, WHOLE // 10, SECONDS / 2):
        one = mutant(seed)
        fill(path)
        machine.remember(run="a", old="", trial=0, min=LOWEST)
        writer = AppSlotWriter(str(tmp_path), public_keys=list(KEYS))
        writer._copies_from = None  # this server has the whole only
        pieces = packets(one.data, random.Random(seed))
        bench = update_bench.Bench(*pieces, writer=writer, chunk_size=4096)
        assert bench.offer(one.data).run().statuses[-1]["status"] == "failed", (one.kind, seed)
        assert machine.record["run"] == "a" and machine.record["min"] == LOWEST
        count += 1
    assert slots.path_of(tmp_path, "a").read_bytes() == running
    record_property("summary", f"mutated signed releases through a whole update: {count} failed")


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
        mutants = [mutant(seed) for seed in range(batch * 40, batch * 40 + 40)]
        more = {"keys": [key.hex() for key in KEYS], "lowest": LOWEST}
        found = install_in_vm(vm, tmp_path, GOOD, mutants, HEAP[vm.is_32_bit], **more)
        wrong = [(one.kind, got) for one, got in zip(mutants, found) if got != "refused"]
        assert not wrong, wrong
        outcomes.update(found)
    words = ", ".join(f"{outcomes[key]} {key}" for key in sorted(outcomes))
    record_property("summary", f"mutated signed releases in a VM of {bits}: {words}")
