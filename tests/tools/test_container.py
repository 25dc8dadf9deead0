# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""The container of a release: exact bytes, what a change costs, and what is refused."""

import hashlib
import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nerveshub_tools import container
from nerveshub_tools.container import BadContainer, make, read
from nerveshub_tools.fat_image import FatImage, Piece, build

NOISE = random.Random(3).randbytes(20_000)
FILES = {"code.py": b"print('hello')\n" * 300, "noise.bin": NOISE, "lib/a.py": b"A = 1\n"}


def half_hash(data):
    return hashlib.sha256(data).digest()[:16]


def test_a_table_has_a_head_of_16_bytes_and_rows_of_36():
    noise, zeros = NOISE[:512], bytes(1024)
    made = make(FatImage(noise + zeros, [Piece("a", 0, 1), Piece("b", 1, 2)]))
    packed = made.bodies[1]
    assert made.bodies[0] == noise  # it does not shrink, so it is stored as it is
    assert made.table == (
        b"NHct\x01\x00\x02\x00"
        + struct.pack("<II", 1536, 512 + len(packed))
        + struct.pack("<HH", 1, 512)
        + half_hash(noise)
        + half_hash(noise)
        + struct.pack("<HH", 2, len(packed))
        + half_hash(packed)
        + half_hash(zeros)
    )
    assert made.data == made.table + noise + packed


def test_a_file_is_cut_every_4_kb_from_its_own_beginning():
    image = build({"noise.bin": NOISE})
    made = make(image)
    whole = [NOISE[at : at + 4096] for at in range(0, 20_000, 4096)]
    whole[-1] = whole[-1].ljust(4096 - 4096 % 512, b"\0")[: -(-len(whole[-1]) // 512) * 512]
    hashes = [chunk.image_hash for chunk in made.chunks]
    assert [half_hash(piece) for piece in whole] == hashes[1:6]


def test_what_is_packed_unpacks_to_the_same_image():
    image = build(FILES)
    made = make(image)
    assert read(made.data) == made
    assert made.image == image.data


def test_a_file_that_did_not_change_gives_the_same_chunks_wherever_it_lies():
    before = {chunk.image_hash for chunk in make(build(FILES)).chunks}
    grown = make(build({**FILES, "a longer one.py": bytes(5000)}))
    noise = [half_hash(NOISE[at : at + 4096]) for at in range(0, 16384, 4096)]
    assert set(noise) <= before & {chunk.image_hash for chunk in grown.chunks}


def test_the_section_of_meta_conf_names_every_hash_and_length():
    made = make(build(FILES))
    assert made.resource() == (
        'file-resource "app.img" {\n'
        f"length={len(made.data)}\n"
        f"blake2b-256={hashlib.blake2b(made.data, digest_size=32).hexdigest()}\n"
        f"sha256={hashlib.sha256(made.data).hexdigest()}\n"
        f"table-sha256={hashlib.sha256(made.table).hexdigest()}\n"
        f"table-length={len(made.table)}\n"
        f"image-sha256={hashlib.sha256(made.image).hexdigest()}\n"
        f"image-length={len(made.image)}\n"
        "}\n"
    )


DATA = make(build(FILES)).data


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no container"),
        (b"PK\x03\x04" + DATA[4:], "no container"),
        (DATA[:4] + b"\x02\x00" + DATA[6:], "has version 2, this tool knows 1"),
        (DATA[:40], "table is cut off"),
        (DATA[:-1], "chunk [0-9]+ is not what the table says"),
        (DATA + b"x", "1 bytes follow"),
        (DATA[:6] + b"\x00\x00" + DATA[8:], "cut off"),
        (DATA[:16] + b"\x09\x00" + DATA[18:], "length that is not allowed"),
        (DATA[:18] + b"\x00\x00" + DATA[20:], "length that is not allowed"),
        (DATA[:8] + b"\x00\x00\x00\x00" + DATA[12:], "image's length"),
        (DATA[:12] + b"\x00\x00\x00\x00" + DATA[16:], "stored length"),
    ],
)
def test_what_contradicts_itself_is_refused(data, words):
    with pytest.raises(BadContainer, match=words):
        read(data)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(DATA) - 1), st.integers(1, 255))
def test_no_changed_byte_passes(at, change):
    changed = bytearray(DATA)
    changed[at] ^= change
    with pytest.raises(BadContainer):
        read(bytes(changed))


def test_a_chunk_that_would_unpack_to_more_is_refused_before_it_does():
    bomb = make(FatImage(bytes(4096), [Piece("", 0, 8)]))
    row = bytearray(bomb.table)
    row[16:18] = struct.pack("<H", 1)
    row[8:12] = struct.pack("<I", 512)
    with pytest.raises(BadContainer, match="does not unpack to 512 bytes"):
        read(bytes(row) + bomb.bodies[0])


def test_a_table_holds_65535_rows_at_most(monkeypatch):
    monkeypatch.setattr(container, "_MOST_ROWS", 2)
    with pytest.raises(BadContainer, match="3 chunks, a table holds 2"):
        make(FatImage(bytes(3 * 4096), [Piece("", 0, 24)]))
