# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""A slot's file: its header byte by byte; only sectors that differ are written."""

import builtins
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nerveshub_link.errors import UpdateError
from nerveshub_link.slots import slot_file
from nerveshub_link.slots.slot_file import Header, SlotFile, is_open, texts_of, unpack

META = {
    "product": "greenhouse",
    "version": "1.1.0",
    "platform": "board",
    "architecture": "xtensa",
    "uuid": "0dbbe4ad-4c5e-5b1b-9d6a-2f0e7c3b8a11",
}
IMAGE_HASH, TABLE_HASH = bytes(range(32)), bytes(range(100, 132))
HEADER = Header(7, 64 * 512, 88, 0x12345678, IMAGE_HASH, TABLE_HASH, META)
TEXTS = b"\x0agreenhouse\x051.1.0\x05board\x06xtensa\x240dbbe4ad-4c5e-5b1b-9d6a-2f0e7c3b8a11"
LITERAL = (
    b"NHsl\x01\x00\x43\x00\x07\x00\x00\x00\x00\x80\x00\x00\x58\x00\x00\x00\x78\x56\x34\x12"
    + IMAGE_HASH
    + TABLE_HASH
    + bytes(4)
    + TEXTS
).ljust(508, b"\0")
LITERAL += struct.pack("<I", zlib.crc32(LITERAL))
SECTORS = 40


class Recorder:
    """A file that records its writes, and that must not be closed, flushed or made again."""

    def __init__(self, file, log):
        self._file, self._log = file, log

    def seek(self, at):
        self._at = at
        return self._file.seek(at)

    def write(self, view):
        assert self._at % 512 == 0 and len(view) % 512 == 0, "FatFs would need its own buffer"
        self._log.append((self._at // 512, len(view) // 512))
        return self._file.write(view)


@pytest.fixture(name="path")
def file_of_a_slot(tmp_path):
    path = tmp_path / "app.img"
    path.write_bytes(bytes(range(256)) * 2 * SECTORS)
    return path


@pytest.fixture(name="log", autouse=True)
def writes(monkeypatch):
    """Which sectors were written, and how many, call by call; opening for writing is "open"."""
    log = []

    def recorded(path, mode, **options):
        file = builtins.open(path, mode, **options)
        if mode == "rb":
            return file
        assert mode == "r+b"
        log.append("open")
        return Recorder(file, log)

    monkeypatch.setattr(slot_file, "open", recorded, raising=False)
    monkeypatch.setattr(slot_file, "_open", {})
    return log


def sectors(*values):
    return memoryview(b"".join(bytes([value]) * 512 for value in values))


# The header


def test_a_header_is_one_sector_with_these_bytes():
    assert HEADER.pack() == LITERAL
    assert len(LITERAL) == 512


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_a_header_is_read(kind):
    header = unpack(kind(LITERAL))
    assert (header.number, header.image_length, header.table_length) == (7, 32768, 88)
    assert (header.crc, header.image_hash, header.table_hash) == (
        0x12345678,
        IMAGE_HASH,
        TABLE_HASH,
    )
    assert header.meta == META


@settings(max_examples=500, deadline=None)
@given(st.integers(0, 511), st.integers(1, 255))
def test_a_header_with_any_byte_changed_is_invalid(at, change):
    torn = bytearray(LITERAL)
    torn[at] ^= change
    assert unpack(torn) is None


@pytest.mark.parametrize("data", [bytes(512), b"\xff" * 512, b"NHsl" + bytes(508)])
def test_other_bytes_are_invalid(data):
    assert unpack(data) is None


@pytest.mark.parametrize(
    "at, value",
    [
        (4, b"\x02\x00"),  # a later version
        (4, b"\x00\x00"),
        (6, b"\x42\x00"),  # the texts are longer than that
        (6, b"\xff\xff"),
        (6, b"\xa1\x01"),
        (92, b"\xff"),  # a text that goes beyond the others
        (93, b"\xff"),  # no UTF-8
    ],
)
def test_a_header_that_contradicts_itself_is_invalid_though_its_crc_is_right(at, value):
    sector = bytearray(LITERAL)
    sector[at : at + len(value)] = value
    sector[508:] = struct.pack("<I", zlib.crc32(sector[:508]))
    assert unpack(sector) is None


def test_texts_that_are_missing_are_empty():
    header = Header(1, 512, 52, 0, IMAGE_HASH, TABLE_HASH, {"uuid": "x", "product": None})
    read = unpack(header.pack())
    assert read.meta == {
        "product": "",
        "version": "",
        "platform": "",
        "architecture": "",
        "uuid": "x",
    }


def test_texts_in_other_languages_are_kept():
    meta = dict(META, product="Gewächshaus")
    assert unpack(Header(1, 512, 52, 0, IMAGE_HASH, TABLE_HASH, meta).pack()).meta == meta


def test_texts_of_416_bytes_have_room_and_one_more_does_not():
    texts_of({"product": "p" * 255, "version": "v" * 156})
    with pytest.raises(UpdateError, match="have 412 bytes, a slot keeps 411"):
        texts_of({"product": "p" * 255, "version": "v" * 157})
    with pytest.raises(UpdateError, match="uuid has 256 bytes, a slot keeps 255"):
        texts_of({"uuid": "ä" * 128})


# The file


def test_a_slot_has_room_for_all_but_15_sectors(path):
    assert SlotFile(str(path)).room == SECTORS - 15


@pytest.mark.parametrize("size", [0, 511, 15 * 512])
def test_a_file_that_is_too_short_has_no_room(tmp_path, size):
    (tmp_path / "app.img").write_bytes(bytes(size))
    slot = SlotFile(str(tmp_path / "app.img"))
    assert slot.room == 0
    assert slot.header() is None


def test_a_file_that_is_missing_raises(tmp_path):
    with pytest.raises(OSError):
        SlotFile(str(tmp_path / "app.img"))


def test_the_header_is_in_the_eighth_sector(path):
    data = path.read_bytes()
    path.write_bytes(data[: 7 * 512] + LITERAL + data[8 * 512 :])
    assert SlotFile(str(path)).header().meta == META


def test_what_is_written_is_there_and_nothing_else_changes(path):
    before = path.read_bytes()
    slot = SlotFile(str(path))
    assert slot.write(8, sectors(1, 2, 3)) == 3
    assert path.read_bytes() == before[: 8 * 512] + bytes(sectors(1, 2, 3)) + before[11 * 512 :]
    assert slot.holds(8, sectors(1, 2, 3))
    assert not slot.holds(8, sectors(1, 2, 4))
    assert not slot.holds(SECTORS - 1, sectors(1, 2))


def test_only_what_differs_is_written_in_runs_of_8_sectors_at_most(path, log):
    slot = SlotFile(str(path))
    slot.write(8, sectors(*range(16)))
    assert log == ["open", (8, 8), (16, 8)]
    log.clear()
    assert slot.write(8, sectors(*range(16))) == 0
    assert log == []
    assert slot.write(8, sectors(0, 1, 99, 98, 4, 5, 97, 7)) == 3
    assert log == [(10, 2), (14, 1)]


def test_the_file_is_opened_for_writing_once_and_never_closed(path, log):
    for value in (1, 2):
        slot = SlotFile(str(path))
        slot.write(8, sectors(value))
        slot.close()
        assert is_open()
    assert log == ["open", (8, 1), (8, 1)]


def test_reading_opens_nothing_for_writing(path):
    slot = SlotFile(str(path))
    slot.header()
    slot.holds(8, sectors(1))
    assert not is_open()


@pytest.mark.parametrize("first, count", [(6, 1), (0, 8), (32, 2), (33, 1), (40, 1)])
def test_a_write_into_the_padding_is_refused(path, log, first, count):
    with pytest.raises(UpdateError, match="a write would leave the slot"):
        SlotFile(str(path)).write(first, sectors(*range(count)))
    assert log == []


def test_a_write_of_half_a_sector_is_refused(path):
    with pytest.raises(UpdateError):
        SlotFile(str(path)).write(8, memoryview(bytes(700)))


def test_a_drive_that_takes_less_is_an_error(path, monkeypatch):
    slot = SlotFile(str(path))
    monkeypatch.setattr(Recorder, "write", lambda self, view: len(view) - 512)
    with pytest.raises(OSError):
        slot.write(8, sectors(1, 2))


def test_a_drive_that_can_t_be_written_is_an_error(path, monkeypatch):
    slot = SlotFile(str(path))

    def refuse(_path, mode, **_options):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(slot_file, "open", refuse, raising=False)
    with pytest.raises(OSError, match="Read-only"):
        slot.write(8, sectors(1))
    assert not is_open()
