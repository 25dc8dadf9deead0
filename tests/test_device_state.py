# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""The record that outlives a power cut, and the boot guard's own reading and writing of it."""

import importlib.util
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nerveshub_link.slots.slot_manifest import Manifest, read_meta

from nerveshub_link.slots import record, slot_manifest
from nerveshub_link.slots.record import DeviceState, StateError, pack, unpack

GUARD = Path(__file__).resolve().parents[1] / "examples" / "board" / "nh_boot.py"
ONE = {"run": "a"}
FRAME = bytes.fromhex("4e487374 0100 0c00 07000000") + b'{"run": "a"}' + bytes.fromhex("0c4ab87e")


@pytest.fixture(name="state")
def _state(tmp_path):
    made = DeviceState(str(tmp_path))
    made.create()
    return made


def guard(folder):
    """The guard as it would be imported on this drive."""
    spec = importlib.util.spec_from_file_location("nh_boot", str(GUARD))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.ROOT = str(folder)
    return module


def copies(folder):
    return [folder / name / "state.bin" for name in ("nh_a", "nh_b")]


def test_the_frame_is_magic_version_length_number_json_and_crc():
    assert pack(7, ONE) == FRAME
    assert unpack(FRAME + bytes(100)) == (7, ONE)


@pytest.mark.parametrize("at", range(len(FRAME)))
def test_a_frame_with_any_byte_changed_is_none(at):
    torn = bytearray(FRAME)
    torn[at] ^= 0x10
    assert unpack(torn) is None


@pytest.mark.parametrize("length", range(len(FRAME)))
def test_a_frame_cut_anywhere_is_none(length):
    assert unpack(FRAME[:length]) is None
    assert unpack(FRAME[:length] + b"\xff" * (512 - length)) is None


@given(st.binary(max_size=512))
def test_foreign_bytes_are_none(data):
    assert unpack(data) is None


def test_a_newer_format_is_read():
    frame = bytearray(FRAME[:-4])
    frame[4] = 2
    frame += record.binascii.crc32(bytes(frame)).to_bytes(4, "little")
    assert unpack(frame) == (7, ONE)


def test_a_traceback_that_is_too_long_keeps_its_end():
    frame = pack(1, {"run": "a", "tb": "x" * 1000 + "ValueError"})
    assert len(frame) <= 512
    values = unpack(frame)[1]
    assert values["run"] == "a"
    assert values["tb"].endswith("xValueError")


def test_what_does_not_fit_is_refused():
    with pytest.raises(StateError, match="the record has 611 bytes, 496 have room"):
        pack(1, {"bad": "x" * 600})


def test_an_empty_record_is_an_empty_dict(state):
    assert state.load() == {}


def test_the_copies_are_written_in_turn(state, tmp_path):
    state.load()
    for number in range(4):
        before = [path.read_bytes() for path in copies(tmp_path)]
        state.save({"n": number})
        after = [path.read_bytes() for path in copies(tmp_path)]
        assert [one != other for one, other in zip(before, after)] == [
            number % 2 == 0,
            number % 2 == 1,
        ]
        assert state.load() == {"n": number}


def test_only_the_middle_sector_of_a_copy_ever_changes(state, tmp_path):
    state.load()
    state.save(ONE)
    data = copies(tmp_path)[0].read_bytes()
    assert len(data) == 15 * 512
    assert data[: 7 * 512] == bytes(7 * 512)
    assert data[8 * 512 :] == bytes(7 * 512)
    assert data[7 * 512 : 7 * 512 + 4] == b"NHst"


@pytest.mark.parametrize("torn", [0, 1])
def test_with_one_copy_torn_the_other_counts_and_the_torn_one_is_written_next(
    state, tmp_path, torn
):
    state.load()
    state.save({"n": 1})
    state.save({"n": 2})
    copies(tmp_path)[torn].write_bytes(b"\xff" * 15 * 512)
    left = 2 if torn == 0 else 1
    fresh = DeviceState(str(tmp_path))
    assert fresh.load() == {"n": left}
    whole = copies(tmp_path)[1 - torn].read_bytes()
    fresh.save({"n": 3})
    assert copies(tmp_path)[1 - torn].read_bytes() == whole
    assert DeviceState(str(tmp_path)).load() == {"n": 3}


def test_a_copy_that_is_gone_with_its_folder_is_made_again(state, tmp_path):
    state.load()
    state.save({"n": 1})
    copies(tmp_path)[1].unlink()
    copies(tmp_path)[1].parent.rmdir()
    state.save({"n": 2})
    assert copies(tmp_path)[1].stat().st_size == 15 * 512
    assert DeviceState(str(tmp_path)).load() == {"n": 2}


def test_a_drive_that_takes_nothing_is_told_and_the_record_stays(state, tmp_path, monkeypatch):
    state.load()
    state.save({"n": 1})

    def refuse(path, mode="r"):
        if mode != "rb":
            raise OSError(30, "Read-only file system")
        return open(path, mode)

    monkeypatch.setattr(record, "open", refuse, raising=False)
    with pytest.raises(StateError, match="the record can't be written: .*Read-only"):
        state.save({"n": 2})
    assert state.load() == {"n": 1}


def test_a_drive_that_forgets_what_it_took_is_told(state, tmp_path, monkeypatch):
    state.load()
    monkeypatch.setattr(state, "_write", lambda copy, frame: None)
    with pytest.raises(StateError, match="can't be read back"):
        state.save(ONE)


# The guard shares the formats, and no code


def test_the_guard_reads_what_the_library_wrote(state, tmp_path):
    state.load()
    for number in range(3):
        state.save({"n": number, "tb": "ä\n"})
        assert guard(tmp_path).load() == {"n": number, "tb": "ä\n"}


def test_the_library_reads_what_the_guard_wrote(state, tmp_path):
    module = guard(tmp_path)
    for number in range(3):
        module.save({"n": number, "tb": "x" * 2000})
        assert state.load() == module.load()
        assert state.load()["n"] == number


def test_guard_and_library_write_the_same_copy_with_the_same_bytes(state, tmp_path):
    for number in range(4):
        saved = [path.read_bytes() for path in copies(tmp_path)]
        state.load()
        state.save({"n": number})
        written = [path.read_bytes() for path in copies(tmp_path)]
        for path, data in zip(copies(tmp_path), saved):
            path.write_bytes(data)
        guard(tmp_path).save({"n": number})
        assert [path.read_bytes() for path in copies(tmp_path)] == written


def test_the_guard_makes_a_copy_that_is_gone_as_the_library_would(state, tmp_path):
    for path in copies(tmp_path):
        path.unlink()
        path.parent.rmdir()
    guard(tmp_path).save(ONE)
    assert state.load() == ONE
    assert copies(tmp_path)[0].stat().st_size == 15 * 512


def test_the_guard_takes_the_library_s_manifest(tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "a b.py").write_bytes(b"123456789")
    manifest = Manifest({"uuid": "ä", "n": 3})
    manifest.add("lib/a b.py", 9, 0xCBF43926)
    manifest.write(str(tmp_path))
    assert (tmp_path / ".nh" / "manifest").read_bytes() == (
        b'nh1 {"uuid": "\\u00e4", "n": 3}\ncbf43926 9 lib/a b.py\nend 7dacba4c\n'
    )
    assert guard(tmp_path).intact(str(tmp_path))
    assert read_meta(str(tmp_path)) == {"uuid": "ä", "n": 3}
    (tmp_path / "lib" / "a b.py").write_bytes(b"123456780")
    assert not guard(tmp_path).intact(str(tmp_path))


class LenientJson:
    """CircuitPython 10.1's: what is cut off between two values counts as ended there."""

    @staticmethod
    def loads(text):
        for end in ("", "}", '"}'):
            try:
                return json.loads(text.rstrip(", ") + end)
            except ValueError:
                pass
        raise ValueError("syntax error in JSON")

    dumps = staticmethod(json.dumps)


def test_a_release_whose_metadata_is_cut_off_is_none_for_library_and_guard(tmp_path, monkeypatch):
    monkeypatch.setattr(slot_manifest, "json", LenientJson)
    lines = b'nh1 {"uuid": "new", "version": "1.0.0", "n": 3}\nend 00000000\n'
    path = tmp_path / "slots" / "a" / ".nh" / "manifest"
    path.parent.mkdir(parents=True)
    found = []
    for length in range(len(lines)):
        path.write_bytes(lines[:length])
        found.append(read_meta(str(tmp_path / "slots" / "a")))
        boot = guard(tmp_path)
        boot.json = LenientJson
        assert boot._uuid("a") == (found[-1] or {}).get("uuid")
    assert [meta for meta in found if meta] == [
        {"uuid": "new", "version": "1.0.0", "n": 3} for _ in range(len("\nend 00000000"))
    ]
