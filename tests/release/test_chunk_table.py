# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""The chunk table on the device: exact bytes, lengths that lie, and what chunks unpack to."""

import hashlib
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nerveshub_tools import container
from nerveshub_tools.fat_image import build
from support.applications import application
from support.archives import deflate
from support.vm import Vm
from support.vm import build as build_drive

from nerveshub_link.errors import UpdateError
from nerveshub_link.release.chunk_table import ChunkTable, most_bytes, unpack

STORED, UNPACKED = bytes(range(16)), bytes(range(100, 116))
LITERAL = (
    b"NHct\x01\x00\x02\x00\x00\x06\x00\x00\x21\x02\x00\x00"
    b"\x01\x00\x00\x02" + STORED + UNPACKED + b"\x02\x00\x21\x00" + UNPACKED + STORED
)


def table(*rows, image=None, stored=None, count=None, version=1):
    """A table with these (sectors, stored length)."""
    image = sum(row[0] for row in rows) * 512 if image is None else image
    stored = sum(row[1] for row in rows) if stored is None else stored
    count = len(rows) if count is None else count
    head = struct.pack("<4sHHII", b"NHct", version, count, image, stored)
    return head + b"".join(struct.pack("<HH32x", *row) for row in rows)


def refused(data):
    with pytest.raises(UpdateError) as caught:
        ChunkTable(data)
    return str(caught.value)


@pytest.mark.parametrize("kind", [bytes, bytearray])
def test_a_table_given_as_bytes_is_read(kind):
    read = ChunkTable(kind(LITERAL))
    assert (read.count, read.image_length, read.stored_length) == (2, 1536, 545)
    assert [read.row(0), read.row(1)] == [(1, 512), (2, 33)]


def test_each_row_has_the_hash_of_the_stored_and_of_the_unpacked_bytes():
    noise, text = bytes(range(256)) * 2, b"text " * 200 + bytes(24)
    half = lambda data: hashlib.sha256(data).digest()[:16]  # noqa: E731
    packed = deflate(text)
    rows = struct.pack("<HH", 1, 512) + half(noise) + half(noise)
    rows += struct.pack("<HH", 2, len(packed)) + half(packed) + half(text)
    head = struct.pack("<4sHHII", b"NHct", 1, 2, 1536, 512 + len(packed))
    read = ChunkTable(bytearray(head + rows))
    assert read.is_stored(0, noise) and read.is_unpacked(0, noise)
    assert read.is_stored(1, memoryview(packed)) and read.is_unpacked(1, bytearray(text))
    assert not read.is_stored(1, text) and not read.is_unpacked(1, packed)
    assert not read.is_stored(0, packed)


def test_what_the_packer_makes_is_read_row_by_row():
    made = container.make(build({"code.py": b"print()\n" * 900, "noise": bytes(range(256)) * 30}))
    read = ChunkTable(made.table)
    assert read.image_length == len(made.image)
    assert len(made.table) + read.stored_length == len(made.data)
    at = 0
    for number, chunk in enumerate(made.chunks):
        assert read.row(number) == (chunk.sectors, chunk.stored)
        body = made.bodies[number]
        assert read.is_stored(number, body)
        data = unpack(body, chunk.sectors * 512)
        assert read.is_unpacked(number, data)
        assert data == made.image[at : at + len(data)]
        at += len(data)


NO_TABLE = "the release has no chunk table: was it made by nerveshub-link pack?"
ALLOWED = "the chunk table has an invalid length"
CONTRADICT = "the chunk table's lengths contradict each other"
ROWS = "the chunk table's length does not fit its number of rows"


@pytest.mark.parametrize(
    "data, words",
    [
        (b"", NO_TABLE),
        (table((1, 5))[:15], NO_TABLE),
        (b"PKct" + table((1, 5))[4:], NO_TABLE),
        (table((1, 5), version=0), "has version 0, this library knows 1: update it first"),
        (table((1, 5), version=2), "has version 2, this library knows 1: update it first"),
        (table(), ROWS),
        (table((1, 5), count=0), ROWS),
        (table((1, 5), count=2), ROWS),
        (table((1, 5), count=0xFFFF), ROWS),
        (table((1, 5)) + b"x", ROWS),
        (table((1, 5))[:-1], ROWS),
        (table((0, 5), (1, 5)), ALLOWED),
        (table((9, 5)), ALLOWED),
        (table((0xFFFF, 5)), ALLOWED),
        (table((1, 0)), ALLOWED),
        (table((1, 513)), ALLOWED),
        (table((8, 0xFFFF)), ALLOWED),
        (table((1, 5), (1, 5), image=512), CONTRADICT),
        (table((1, 5), image=513), CONTRADICT),
        (table((1, 5), image=0xFFFFFFFF), CONTRADICT),
        (table((1, 5), stored=4), CONTRADICT),
        (table((1, 5), stored=0xFFFFFFFF), CONTRADICT),
    ],
)
def test_a_length_that_lies_is_refused(data, words):
    assert words in refused(data)


@settings(max_examples=500, deadline=None)
@given(st.integers(0, len(LITERAL) - 1), st.integers(1, 255))
def test_no_length_can_be_changed_alone(at, change):
    data = bytearray(LITERAL)
    data[at] ^= change
    in_a_hash = at >= 16 and (at - 16) % 36 >= 4
    if in_a_hash:
        ChunkTable(data)
    else:
        refused(data)


@pytest.mark.parametrize(
    "image, most",
    [(512, 52), (1024, 88), (65535 * 512, 16 + 65535 * 36), (1 << 30, 16 + 65535 * 36)],
)
def test_a_table_has_a_row_for_each_sector_of_the_image_at_most(image, most):
    assert most_bytes(image) == most


# Chunks


def test_a_stored_chunk_is_not_copied():
    data = memoryview(bytes(1024))
    assert unpack(data, 1024) is data


@pytest.mark.parametrize("sectors", range(1, 9))
def test_a_packed_chunk_becomes_its_sectors(sectors):
    data = (b"sun rain wind " * 300)[: sectors * 512]
    assert unpack(memoryview(deflate(data)), sectors * 512) == data


@pytest.mark.parametrize(
    "data, words",
    [
        (b"\xff" * 20, "a chunk can't be unpacked"),
        (deflate(bytes(1024))[:-2], "a chunk can't be unpacked"),
        (zlib.compress(bytes(1024)), "a chunk can't be unpacked"),
        (deflate(bytes(1023)), "a chunk has 1023 bytes unpacked instead of 1024"),
        (deflate(bytes(1025)), "a chunk has 1025 bytes unpacked instead of 1024"),
        (deflate(b""), "a chunk has 0 bytes unpacked instead of 1024"),
        (deflate(bytes(100_000)), "a chunk has 100000 bytes unpacked instead of 1024"),
    ],
)
def test_a_chunk_that_does_not_become_its_sectors_is_refused(data, words):
    with pytest.raises(UpdateError, match=words):
        unpack(data, 1024)


@given(st.binary(min_size=1, max_size=200))
def test_any_bytes_unpack_or_are_an_update_error(data):
    try:
        assert len(unpack(data, 512)) == 512
    except UpdateError:
        pass


@pytest.mark.vm
def test_in_the_small_vm_chunks_unpack_by_what_circuitpython_s_zlib_has(micropython, tmp_path):
    made = container.make(build(application(60_000)))
    (tmp_path / "app.img").write_bytes(made.data)
    text = b"sun rain wind " * 200
    gzip = zlib.compressobj(9, zlib.DEFLATED, 31)
    streams = [
        (-15, deflate(text)),
        (15, zlib.compress(text)),
        (None, zlib.compress(text)),
        (31, gzip.compress(text) + gzip.flush()),
        (-15, b"\xff" * 20),
        (-15, deflate(text)[:-2]),
        (15, deflate(text)),
    ]
    options = {
        "container": str(tmp_path / "app.img"),
        "table": len(made.table),
        "streams": [(wbits, data.hex()) for wbits, data in streams],
    }
    result = Vm(micropython, build_drive(tmp_path / "drive")).run("chunks", options)
    assert result.one("image")["crc"] == zlib.crc32(made.image)
    found = [tuple(line["found"]) for line in result.all("stream")]
    assert found[:4] == [("bytearray", len(text))] * 4
    assert found[4:] == [("ValueError", -3)] * 3
