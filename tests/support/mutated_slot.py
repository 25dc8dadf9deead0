# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""A slot that gets one wrong release after the other; what the proofs with mutated ones share."""

import random
import sys
import time
from types import SimpleNamespace

from nerveshub_link.errors import UpdateError
from nerveshub_link.release.fw_reader import FwReader
from nerveshub_link.slots import slot_file
from nerveshub_link.slots.image_install import ImageInstall
from nerveshub_link.slots.slot_file import HEADER_AT, IMAGE_AT, SECTOR, Header, SlotFile

from . import update_bench
from .archives import feed
from .machine import Machine
from .mutations import META

SECTORS = 400
DEVICE = {key: META[key] for key in ("product", "platform", "architecture")}
PIECES = (1, 7, 100, 512, 1000, 4096)
_OLD = Header(6, 64 * SECTOR, 52, 7, bytes(32), bytes(32), dict(META, uuid="old")).pack()


def fill(path):
    """A slot that holds an older release; what it holds apart from the header is noise."""
    noise = random.Random(1).randbytes(SECTORS * SECTOR)
    data = noise[: HEADER_AT * SECTOR] + _OLD + noise[IMAGE_AT * SECTOR :]
    if path.exists():
        with open(path, "r+b", buffering=0) as file:  # in place: it is open for writing already
            file.write(data)
    else:
        path.write_bytes(data)
    return data


def install(path, data, seed, keys=(), lowest=None):
    """Feed a release in pieces; returns why it was refused, or None."""
    rng = random.Random(seed)
    slot = SlotFile(str(path))
    one = ImageInstall(slot, DEVICE, "new", 7, keys, lowest)
    reader = FwReader(one)
    view, at = memoryview(data), 0
    try:
        while at < len(view):
            count = rng.choice(PIECES)
            feed(reader.feed, view[at : at + count])
            at += count
        reader.finish()
        while not one.verify():
            pass
        one.commit()
        return None
    except UpdateError as error:
        return str(error)
    finally:
        slot.close()


def seeds(whole, count, seconds):
    """Numbers from 0 on, until the time is over; all of them if that is asked for."""
    until = time.monotonic() + seconds
    for seed in range(count):
        if not whole and seed >= 100 and time.monotonic() > until:
            return
        yield seed


def machine_that_runs_slot_a(folder, monkeypatch):
    """A machine on which AppSlotWriter writes slot b."""
    monkeypatch.setattr(slot_file, "_open", {})
    monkeypatch.setitem(sys.modules, "nh_launcher", SimpleNamespace(slot="a", armed=0))
    machine = Machine(folder)
    machine.install("a", {"code.py": "pass"}, **dict(META, uuid="old"))
    return machine


def packets(data, rng):
    """A download of a release in pieces: the head, then the body."""
    at, found = 0, [update_bench.head(len(data))]
    while at < len(data):
        count = rng.choice(PIECES)
        found.append(data[at : at + count])
        at += count
    return found


def install_in_vm(vm, folder, good, mutants, heap, **more):
    """
    Let the VM install many releases, one after the other, and before and after them a good one,
    which it must take.

    :param int heap: KB
    :return: the outcome of each, see ``tests/vm/programs/mutants.py``
    """
    archives = [good, *(one.data for one in mutants), good]
    (folder / "batch").write_bytes(b"".join(archives))
    options = {
        "slot": str(folder / "app.img"),
        "batch": str(folder / "batch"),
        "lengths": [len(data) for data in archives],
        "device": DEVICE,
        **more,
    }
    result = vm.run("mutants", options, heap=heap * 1024, timeout=300)
    first, *found, last = result.one("mutants")["outcomes"]
    assert (first, last) == ("taken", "taken"), result
    return found
