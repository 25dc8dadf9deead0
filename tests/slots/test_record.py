# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
The record that outlives a power cut, and the boot guard's own reading and writing of it and of the
slots' headers.
"""

import importlib.util
import os
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerveshub_link.slots import record
from nerveshub_link.slots.record import DeviceState, StateError, pack, unpack
from nerveshub_link.slots.slot_file import Header

GUARD = Path(__file__).resolve().parents[2] / "examples" / "board" / "nh_boot.py"
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
    return [folder / name / "state.bin" for name in ("nh_a", "nh_b", "nh_c")]


def test_the_frame_is_magic_version_length_number_json_and_crc():
    assert pack(7, ONE) == FRAME
    assert unpack(FRAME + bytes(100)) == (7, ONE)


@pytest.mark.parametrize("at", range(len(FRAME)))
def test_a_frame_with_any_byte_changed_is_invalid(at):
    torn = bytearray(FRAME)
    torn[at] ^= 0x10
    assert unpack(torn) is None


@pytest.mark.parametrize("length", range(len(FRAME)))
def test_a_frame_cut_anywhere_is_invalid(length):
    assert unpack(FRAME[:length]) is None
    assert unpack(FRAME[:length] + b"\xff" * (512 - length)) is None


@given(st.binary(max_size=512))
def test_foreign_bytes_are_invalid(data):
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
    with pytest.raises(StateError, match="the record has 611 bytes, at most 496 fit"):
        pack(1, {"bad": "x" * 600})


def test_an_empty_record_is_an_empty_dict(state):
    assert state.load() == {}


def contents(folder):
    return [path.read_bytes() if path.exists() else None for path in copies(folder)]


def changed(before, after):
    return [number for number in range(3) if before[number] != after[number]]


def test_the_copies_are_written_in_turn(state, tmp_path):
    for number in range(7):
        before = contents(tmp_path)
        state.save({"n": number})
        assert changed(before, contents(tmp_path)) == [number % 3]
        assert state.load() == {"n": number}


def test_writes_are_counted_over_restarts(state, tmp_path):
    for number in range(5):
        state.save({"n": number})
    fresh = DeviceState(str(tmp_path))
    fresh.load()
    assert (state.writes, fresh.writes) == (5, 5)


def test_only_the_middle_sector_of_a_copy_ever_changes(state, tmp_path):
    state.save(ONE)
    data = copies(tmp_path)[0].read_bytes()
    assert len(data) == 15 * 512
    assert data[: 7 * 512] == bytes(7 * 512)
    assert data[8 * 512 :] == bytes(7 * 512)
    assert data[7 * 512 : 7 * 512 + 4] == b"NHst"


@pytest.mark.parametrize("torn", [0, 1, 2])
def test_with_one_copy_torn_the_others_count_and_the_torn_one_is_written_next(
    state, tmp_path, torn
):
    for number in range(3):
        state.save({"n": number})
    copies(tmp_path)[torn].write_bytes(b"\xff" * 15 * 512)
    left = 1 if torn == 2 else 2
    fresh = DeviceState(str(tmp_path))
    assert fresh.load() == {"n": left}
    before = contents(tmp_path)
    fresh.save({"n": 3})
    assert changed(before, contents(tmp_path)) == [torn]
    assert DeviceState(str(tmp_path)).load() == {"n": 3}


LOST = {
    "gone": Path.unlink,
    "empty": lambda path: path.write_bytes(b""),
    "shorter": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"x"),
}


@pytest.mark.parametrize("how", LOST)
@pytest.mark.parametrize("lost", [0, 1, 2])
def test_a_copy_that_is_missing_or_has_another_length_is_left_alone(state, tmp_path, how, lost):
    for number in range(3):
        state.save({"n": number})
    LOST[how](copies(tmp_path)[lost])
    before = contents(tmp_path)
    written = set()
    for number in range(3, 7):
        state.save({"n": number})
        assert state.load() == {"n": number}
        after = contents(tmp_path)
        written |= set(changed(before, after))
        before = after
    assert written == {0, 1, 2} - {lost}


def test_the_last_copy_that_is_left_is_written(state, tmp_path):
    state.save(ONE)
    for path in copies(tmp_path)[1:]:
        path.unlink()
        path.parent.rmdir()
    state.save({"n": 2})
    assert DeviceState(str(tmp_path)).load() == {"n": 2}
    assert sorted(os.listdir(tmp_path)) == ["nh_a"]


def test_without_any_copy_it_says_what_to_do_and_makes_nothing(tmp_path):
    state = DeviceState(str(tmp_path))
    assert state.load() == {}
    with pytest.raises(StateError, match="all its files are lost; erase the drive and prepare"):
        state.save(ONE)
    assert os.listdir(tmp_path) == []


def test_of_a_copy_that_can_t_be_read_back_the_next_one_takes_the_place(
    state, tmp_path, monkeypatch
):
    for number in range(3):
        state.save({"n": number})
    write = state._write
    monkeypatch.setattr(state, "_write", lambda copy, frame: copy and write(copy, frame))
    state.save({"n": 3})
    assert DeviceState(str(tmp_path)).load() == {"n": 3}
    # And never the newest one.
    monkeypatch.setattr(state, "_write", lambda copy, frame: copy == 1 and write(copy, frame))
    with pytest.raises(StateError, match="can't be read back as it was written"):
        state.save({"n": 4})
    assert DeviceState(str(tmp_path)).load() == {"n": 3}


@pytest.mark.parametrize("cut", [False, True])
def test_what_was_saved_can_be_taken_back_and_a_cut_meanwhile_does_the_same(state, tmp_path, cut):
    state.save({"n": 1})
    state.save({"n": 2})
    before = contents(tmp_path)
    if cut:
        copies(tmp_path)[1].write_bytes(b"\xff" * 15 * 512)
    else:
        state.save({"n": 1}, instead=True)
        assert changed(before, contents(tmp_path)) == [1]
    assert DeviceState(str(tmp_path)).load() == {"n": 1}


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


@pytest.mark.parametrize("lost", [(), (0,), (1, 2), (0, 1)])
def test_guard_and_library_write_the_same_copy_with_the_same_bytes(state, tmp_path, lost):
    for number in lost:
        copies(tmp_path)[number].unlink()
    for number in range(5):
        saved = contents(tmp_path)
        state.save({"n": number})
        written = contents(tmp_path)
        for path, data in zip(copies(tmp_path), saved):
            if data is not None:
                path.write_bytes(data)
        guard(tmp_path).save({"n": number})
        assert contents(tmp_path) == written


def test_the_guard_makes_no_copy_either(tmp_path):
    with pytest.raises(OSError):
        guard(tmp_path).save(ONE)
    assert os.listdir(tmp_path) == []


IMAGE = bytes(range(256)) * 4 * 100
META = {
    "product": "Gewächshaus",
    "version": "1.1.0",
    "platform": "board",
    "architecture": "xtensa",
    "uuid": "0dbbe4ad-4c5e-5b1b-9d6a-2f0e7c3b8a11",
}


def slot_with(folder, header, image=IMAGE):
    path = folder / "images" / "a" / "app.img"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(7 * 512) + header + image + bytes(8 * 512))
    return guard(folder)


def header_of(image):
    return Header(7, len(image), 52, zlib.crc32(image), bytes(32), bytes(32), META).pack()


def test_the_guard_reads_the_header_that_the_library_writes(tmp_path):
    boot = slot_with(tmp_path, header_of(IMAGE))
    assert boot._header("a")[:3] == (7, len(IMAGE), zlib.crc32(IMAGE))
    assert boot._uuid("a") == META["uuid"]
    assert boot._whole("a")
    assert not boot._whole("b")


@pytest.mark.parametrize("at", [0, 300, len(IMAGE) - 1])
def test_a_changed_byte_in_the_image_makes_it_torn_for_the_guard(tmp_path, at):
    torn = bytearray(IMAGE)
    torn[at] ^= 1
    assert not slot_with(tmp_path, header_of(IMAGE), torn)._whole("a")


@pytest.mark.parametrize("at", [0, 4, 6, 8, 12, 20, 30, 60, 93, 400, 510])
def test_a_changed_byte_in_the_header_makes_it_none_for_the_guard(tmp_path, at):
    header = header_of(IMAGE)
    header[at] ^= 1
    boot = slot_with(tmp_path, header)
    assert boot._header("a") is None
    assert not boot._whole("a")
