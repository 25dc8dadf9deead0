# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""The predicted download between two releases: range by range, and file by file."""

import random

import pytest
from click.testing import CliRunner
from nerveshub_tools import packer
from nerveshub_tools.cli import main
from nerveshub_tools.container import Chunk
from nerveshub_tools.keys import make_keys, read_key
from nerveshub_tools.release_file import look
from nerveshub_tools.travel import plan
from support.board import application

META = {"product": "p", "version": "1.0.0", "platform": "simulated", "architecture": "xtensa"}
BEGIN = 800  # of the chunk table


def chunks(text, stored=4000):
    """A table: a letter for each chunk, equal letters for equal chunks."""
    return [Chunk(8, stored, b"", letter.encode()) for letter in text]


def ranges(old, new, kept=True, stored=4000):
    new = chunks(new, stored)
    size = BEGIN + 16 + 36 * len(new) + stored * len(new) + 500
    planned = plan(chunks(old), new, begin=BEGIN, size=size, kept=kept)
    return planned.ranges, size


def at(count, number, stored=4000):
    """Where a chunk begins in the archive."""
    return BEGIN + 16 + 36 * count + stored * number


def first(old):
    return 0, 1024 + 16 + 36 * len(old)


def test_one_chunk_that_changed_travels_and_the_table():
    found, size = ranges("abcdefgh", "abcdeXgh")
    assert found == [first("abcdefgh"), (at(8, 5), at(8, 6))]
    assert size > 32_000


def test_nothing_in_common_or_nothing_left_to_leave_out_travels_whole():
    assert ranges("abcdefgh", "ABCDEFGH") == ([(0, 33_604)], 33_604)
    assert ranges("abcdefgh", "x" * 8)[0] == [(0, 33_604)]
    planned = plan(chunks("a"), chunks("a", 20), begin=BEGIN, size=900)
    assert planned.ranges == [(0, 900)]


def test_nothing_but_the_table_travels_if_all_is_there():
    assert ranges("abcdefgh", "hgfedcba")[0] == [first("abcdefgh")]


def test_a_chunk_that_came_in_part_with_the_table_is_fetched_from_there_on():
    end = first("abcdefgh")[1]
    assert at(8, 0) < end < at(8, 1)
    assert ranges("abcdefgh", "Abcdefgh")[0] == [(0, end), (end, at(8, 1))]
    assert ranges("abcdefgh", "Abcdefgh", kept=False)[0] == [(0, end), (at(8, 0), at(8, 1))]


def test_a_table_that_is_longer_than_the_running_one_takes_a_second_range():
    new = "abcdefgh" + "x" * 40
    found, _ = ranges("abcdefgh", new)
    assert found[:2] == [first("abcdefgh"), (first("abcdefgh")[1], at(48, 0))]
    assert found[2:] == [(at(48, 8), at(48, 48))]


def test_a_gap_is_passed_over_if_it_saves_a_request_or_a_connection():
    begin = first("abc" * 5)[1]
    assert ranges("abc" * 5, "XabcX")[0][1:] == [(begin, at(5, 1)), (at(5, 4), at(5, 5))]
    found, size = ranges("abcd", "XXabcdXX", kept=False)  # 16,000 bytes
    assert found == [(0, size)]
    found, _ = ranges("abcde", "XXabcdeXX", kept=False)  # 20,000 bytes
    assert found == [first("abcde"), (at(9, 0), at(9, 2)), (at(9, 7), at(9, 9))]
    found, size = ranges("ab" * 40, "XaXaX" * 16, stored=1000)
    assert found == [(0, size)]


def test_there_are_eight_ranges_at_most_and_the_smallest_gaps_travel():
    gaps = [3, 1, 2, 1, 3, 2, 3, 3, 2, 1]  # chunks
    old, new = "abc" + "z" * 40, "".join("X" + "abc"[:count] for count in gaps) + "X"
    found, _ = ranges(old, new)
    behind, place = [], 0
    for count in gaps:
        place += 1 + count
        behind.append(at(len(new), place))
    # Six gaps may stay: four have three chunks, and of those with two the first ones.
    passed = [behind[number] for number in (0, 2, 4, 5, 6, 7)]
    assert [start for start, _ in found] == [0, first(old)[1], *passed]


# The command


@pytest.fixture(name="folder")
def a_folder(tmp_path):
    """A hundred KB in files that can't be packed."""
    noise = random.Random(14)
    folder = tmp_path / "app"
    application(folder, "print(1)\n", **{"gone.txt": "bye", "lib/x": ""})
    for number in range(20):
        (folder / "lib" / f"m{number:02}.bin").write_bytes(noise.randbytes(5000))
    return folder


@pytest.fixture(name="pack")
def packs_releases(folder, tmp_path):
    key = read_key(make_keys(tmp_path / "key")[1])

    def pack(version, **options):
        meta = {**META, "version": version, **options.pop("meta", {})}
        packer.pack(folder, tmp_path / f"{version}.fw", meta, **{"key": key, **options})
        return str(tmp_path / f"{version}.fw")

    return pack


def run(*words):
    done = CliRunner().invoke(main, ["diff", *map(str, words)], env={"COLUMNS": "100"})
    assert done.exit_code == 0, done.output
    return done.output


def test_the_command_shows_which_files_changed_and_what_travels(folder, pack):
    old = pack("1.0.0")
    path = folder / "lib" / "m07.bin"
    path.write_bytes(path.read_bytes()[:4500] + b"x" * 500)
    (folder / "new.txt").write_text("hello")
    (folder / "gone.txt").unlink()
    new = pack("1.1.0")
    rows = [line.strip("\u2502 ") for line in run(old, new).splitlines()]
    assert rows[0] == "p 1.0.0 -> 1.1.0"
    assert [" ".join(row.replace("\u2502", "").split()) for row in rows[4:8]] == [
        "gone.txt gone 3 - 0",
        "lib/m07.bin changed 5,000 5,000 437",
        "new.txt new - 5 12",
        "(folders, chunk table) 2,968",
    ]
    assert rows[9:] == [
        "21 files did not change, and do not travel.",
        "To travel: 3,417 of 103,756 bytes (4 %), 4 ranges over one connection.",
        "If the server closes the connection after each range: 3,781 bytes, 4 connections.",
    ]


def test_a_release_that_is_not_signed_or_shares_nothing_travels_whole(folder, pack):
    old = pack("1.0.0")
    new = pack("1.0.1", key=None)
    assert "1.0.1.fw is not signed, so all of it travels: nerveshub-link sign" in run(old, new)
    for path in folder.rglob("*.bin"):
        path.write_bytes(random.Random(path.name).randbytes(5000))
    new = pack("1.0.2")
    assert f"All of it travels, {look(new).size:,} bytes: too little of it" in run(old, new)


def test_a_release_for_another_board_is_told(pack):
    old, new = pack("1.0.0"), pack("1.0.1", meta={"platform": "other"})
    told = run(old, new)
    assert "A device that runs 1.0.0.fw refuses 1.0.1.fw: its platform is other and not sim" in told


def test_what_is_no_application_is_refused_with_the_reason(pack, tmp_path):
    good = pack("1.0.0")
    (tmp_path / "firmware.bin").write_bytes(b"\xe9" + bytes(99))
    packer.pack(tmp_path / "firmware.bin", tmp_path / "firmware.fw", META)
    (tmp_path / "torn.fw").write_bytes((tmp_path / "1.0.0.fw").read_bytes()[:-9])
    for name, words in (
        ("firmware.bin", "is a bare ESP-IDF image, which always travels whole: 100 bytes"),
        ("torn.fw", "the archive's directory, at its end: File is not a zip file"),
        ("key.pub", "is no release"),
    ):
        done = CliRunner().invoke(main, ["diff", good, str(tmp_path / name)])
        assert done.exit_code == 1 and words in done.output.replace("\n", " "), done.output
