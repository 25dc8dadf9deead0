# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""What is in the idle slot already is kept as far as it is the same; real files."""

import os
from binascii import crc32
from pathlib import Path

import pytest
from support.machine import Machine

from nerveshub_link.errors import UpdateError
from nerveshub_link.slots.slot_files import Slot
from nerveshub_link.slots.slot_manifest import Manifest

SECTORS = bytes(range(256)) * 8
LONG_AGO = 1_000_000_000


@pytest.fixture(name="machine")
def board(tmp_path):
    return Machine(tmp_path)


def install(machine, files, sizes_known=True, piece=1024, stop=None):
    slot = Slot(str(machine.slot("b")), machine.root)
    slot.manifest = Manifest({"uuid": "new", "n": 2})
    for path, data in list(files.items())[:stop]:
        slot.file_begin(path, len(data) if sizes_known else None)
        for at in range(0, len(data), piece):
            slot.file_data(memoryview(data)[at : at + piece])
        slot.file_end(crc32(data))
    if stop is None:
        slot.finish()
    return slot


def holds(machine, files):
    slot = machine.slot("b")
    found = {
        str(path.relative_to(slot)): path.read_bytes() if path.is_file() else None
        for path in slot.rglob("*")
        if ".nh" not in path.parts
    }
    folders = {str(folder): None for path in files for folder in list(Path(path).parents)[:-1]}
    return found == {**files, **folders} and machine.intact("b")


def test_a_file_that_is_the_same_is_not_written(machine):
    files = {"code.py": b"run()", "lib/x.bin": SECTORS + b"end"}
    install(machine, files)
    for path in files:
        os.utime(machine.slot("b") / path, (LONG_AGO, LONG_AGO))

    install(machine, {**files, "code.py": b"run(1)"})

    assert holds(machine, {**files, "code.py": b"run(1)"})
    assert (machine.slot("b") / "lib" / "x.bin").stat().st_mtime == LONG_AGO
    assert (machine.slot("b") / "code.py").stat().st_mtime > LONG_AGO


@pytest.mark.parametrize("sizes_known", [True, False], ids=["size known", "size unknown"])
@pytest.mark.parametrize(
    "new",
    [
        SECTORS[:512] + b"x" + SECTORS[513:],
        SECTORS + b"more",
        SECTORS + SECTORS,
        SECTORS[:-1] + b"xx",
        SECTORS[:-1],
        SECTORS[:700],
        b"",
        b"x",
        b"x" * 3000,
    ],
    ids=["one byte", "a bit longer", "twice", "end", "shorter", "much shorter", "0", "1", "other"],
)
def test_a_file_becomes_the_new_one_whatever_it_was(machine, new, sizes_known):
    install(machine, {"code.py": b"", "x.bin": SECTORS})
    files = {"code.py": b"", "x.bin": new}

    install(machine, files, sizes_known)

    assert holds(machine, files)


def test_what_the_new_release_does_not_have_is_gone_folders_too(machine):
    install(machine, {"code.py": b"", "lib/gone/x.py": b"x", "lib/y.py": b"y", "a b.py": b"z"})
    files = {"code.py": b"", "lib/y.py": b"y", "b.py": b"z"}

    install(machine, files)

    assert holds(machine, files)


def test_a_file_becomes_a_folder_and_a_folder_a_file(machine):
    install(machine, {"code.py": b"", "lib/x": b"x", "pages/images/sun": b"y"})
    files = {"code.py": b"", "lib/x/y.py": b"x", "pages/images": b"y"}

    install(machine, files)

    assert holds(machine, files)


def test_a_shorter_manifest_replaces_a_longer_one(machine):
    install(machine, {"code.py": b"", **{f"part{number}.py": b"" for number in range(40)}})
    length = (machine.slot("b") / ".nh" / "manifest").stat().st_size

    install(machine, {"code.py": b""})

    assert holds(machine, {"code.py": b""})
    assert (machine.slot("b") / ".nh" / "manifest").stat().st_size == length


def test_from_its_first_file_on_the_old_release_is_none_any_more(machine):
    files = {"code.py": b"x", "y.py": b"y"}
    install(machine, files)
    assert machine.intact("b")

    install(machine, files, stop=1)

    assert not machine.intact("b")


def test_what_is_not_needed_goes_early_if_room_is_short(machine, monkeypatch):
    install(machine, {"code.py": b"", "old.bin": bytes(40_000), "kept.bin": bytes(9_000)})
    slot = machine.slot("b")

    def statvfs(path):
        used = sum(-(-item.stat().st_size // 1024) for item in slot.rglob("*") if item.is_file())
        return (1024, 1024, 960, 60 - used, 60 - used, 0, 0, 0, 0, 255)

    monkeypatch.setattr(os, "statvfs", statvfs)
    files = {"code.py": b"", "kept.bin": bytes(9_000), "new.bin": bytes(35_000)}

    install(machine, files)

    assert holds(machine, files)
    with pytest.raises(UpdateError, match="no room: 6[0-9] KB are needed, 5[0-9] KB are free"):
        install(machine, {"code.py": b"", "huge.bin": bytes(64_000)})
