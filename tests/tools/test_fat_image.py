# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""The file system of a slot: FatFs reads it in the small VM, fsck.fat finds no fault."""

import hashlib
import random
import subprocess
from pathlib import Path

import pytest
from nerveshub_tools.fat_image import SECTOR, NoRoom, Piece, TooLarge, build, layout_of
from support.vm import Vm
from support.vm import build as lay_out

NOISE = random.Random(7)
APPLICATIONS = {
    "one file": {"code.py": b"print(1)\n"},
    "nothing at all": {},
    "an empty file": {"code.py": b""},
    "names of every kind": {
        "code.py": b"1",
        "CODE2.TXT": b"2",
        "A rather long name with many words in it, longer than most.html": b"5",
        "thirteenchars": b"6",
        ".hidden": b"7",
        "two.dots.py": b"8",
        "a" * 255: b"9",
    },
    "names that are not ASCII": {"größe.txt": b"3", "数据.csv": b"4", "数学.csv": b"5"},
    "short names that collide": {f"collision number {n}.py": b"%d" % n for n in range(40)},
    "folders in folders": {
        "lib/a/b/c/d/e.py": b"e" * 513,
        "lib/a/b.py": b"b" * 512,
        "lib/a/b/x.py": b"x" * 511,
        "lib/z.py": b"",
    },
    "a folder of 200 files": {f"lib/part{n}.mpy": NOISE.randbytes(n) for n in range(200)},
    "FAT16": {f"big{n}.bin": NOISE.randbytes(300_000) for n in range(8)},
    "gaps": {
        **{f"lib/part{n:02}.mpy": NOISE.randbytes(2000 + 900 * (n % 3)) for n in range(40)},
        **{f"lib/deep/er{n}.py": b"#" * n for n in range(20)},
        "code.py": b"1" * 5000,
    },
}
# Earlier images, like which some of them are made.
EARLIER = {
    "gaps": {
        **{f"lib/part{n:02}.mpy": b"x" * (2000 + 300 * (n % 4)) for n in range(45)},
        "lib/gone/gone.py": b"x" * 3000,
        "code.py": b"1" * 4000,
    },
}


def made(name):
    if name in EARLIER:
        return build(APPLICATIONS[name], layout_of(build(EARLIER[name]).data))
    return build(APPLICATIONS[name])


@pytest.fixture(scope="module")
def images():
    return {name: made(name) for name in APPLICATIONS}


@pytest.mark.vm
def test_fatfs_mounts_every_image_and_finds_every_file_byte_for_byte(micropython, tmp_path, images):
    vm = Vm(micropython, lay_out(tmp_path / "drive"))
    known = {name: files for name, files in APPLICATIONS.items() if "not ASCII" not in name}
    paths = [str(tmp_path / f"{number}.img") for number in range(len(known))]
    for name, path in zip(known, paths):
        Path(path).write_bytes(images[name].data)

    result = vm.run("mounted", {"images": paths}, heap=4 << 20)

    assert [line["files"] for line in result.all("image")] == [
        {path: [len(data), hashlib.sha256(data).hexdigest()] for path, data in files.items()}
        for files in known.values()
    ], result


def test_a_long_name_is_utf_16_in_entries_of_13_units_the_last_part_first():
    # CircuitPython's FatFs is built for Unicode, the one in the small VM for code page 437: so this
    # stands here byte by byte, and fsck.fat looks at the rest.
    image = build({"größe 数据.csv": b"1"}).data
    root = 2 * SECTOR
    assert image[root : root + 64] == (
        b"\x41g\0r\0\xf6\0\xdf\0e\0\x0f\0X \0pe\x6e\x63.\0c\0s\0\0\0v\0\0\0"
        b"GRSSE~1 CSV\x20\0\0\0\0\x21\0\x21\0\0\0\0\0\x21\0\x02\0\x01\0\0\0"
    )


@pytest.mark.parametrize("name", APPLICATIONS)
def test_fsck_finds_nothing_to_mend_and_no_free_cluster(fsck_fat, tmp_path, images, name):
    path = tmp_path / "image"
    path.write_bytes(images[name].data)
    done = subprocess.run([fsck_fat, "-n", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    # Version, then files and clusters. Nothing in between: no complaint.
    assert len(done.stdout.splitlines()) == 2, done.stdout
    used, _, clusters = done.stdout.split()[-2].partition("/")
    assert (used == clusters) == (name not in EARLIER) or len(images[name].data) == 128 * SECTOR


def test_the_same_files_give_the_same_bytes_in_whatever_order_they_come():
    files = APPLICATIONS["folders in folders"]
    assert build(dict(reversed(list(files.items())))).data == build(files).data


@pytest.mark.parametrize("name", APPLICATIONS)
def test_the_pieces_cover_the_image_and_each_file_lies_in_one(images, name):
    image, files = images[name], APPLICATIONS[name]
    at = 0
    for piece in image.pieces:
        assert piece.first == at
        at += piece.sectors
    assert at * SECTOR == len(image.data)
    found = {
        piece.path: image.data[piece.first * SECTOR : at_end(piece)]
        for piece in image.pieces
        if piece.path
    }
    assert sorted(found) == [path for path in sorted(files) if files[path]]
    for path, data in found.items():
        assert data == files[path].ljust(len(data), b"\0")
        assert len(data) - len(files[path]) < SECTOR


def at_end(piece: Piece) -> int:
    return (piece.first + piece.sectors) * SECTOR


def test_a_small_image_is_filled_up_since_fatfs_mounts_none_below_128_sectors():
    image = build({"code.py": b"x"})
    assert len(image.data) == 128 * SECTOR
    assert [piece.path for piece in image.pieces] == ["", "code.py", ""]


# Like an earlier image


def sectors_that_differ(one, other):
    return [
        at // SECTOR
        for at in range(0, max(len(one), len(other)), SECTOR)
        if one[at : at + SECTOR] != other[at : at + SECTOR]
    ]


def test_where_one_file_grows_nothing_but_it_and_the_file_systems_own_sectors_differ():
    files = {f"lib/part{n:02}.mpy": NOISE.randbytes(3000) for n in range(40)}
    earlier = build(files)
    files["lib/part07.mpy"] = NOISE.randbytes(4000)
    image = build(files, layout_of(earlier.data))
    places = {piece.path: piece for piece in earlier.pieces}
    old, end = places["lib/part07.mpy"], len(earlier.data) // SECTOR
    folder = places["lib/part00.mpy"].first - 6  # 4 names in two sectors, and the first of them
    wanted = {0, 1, *range(old.first, old.first + 6), *range(end, end + 8)}
    assert (
        wanted
        <= set(sectors_that_differ(earlier.data, image.data))
        <= wanted | set(range(folder, folder + 6))
    )
    assert not any(image.data[old.first * SECTOR : at_end(old)])  # nothing old is left there
    assert sectors_that_differ(build(files).data, earlier.data)[20:]


def test_the_same_files_like_the_same_image_give_the_same_bytes():
    files, old = APPLICATIONS["gaps"], layout_of(build(EARLIER["gaps"]).data)
    again = build(dict(reversed(list(files.items()))), layout_of(build(EARLIER["gaps"]).data))
    assert again.data == build(files, old).data
    # And what did not change at all stays as it is, gaps too.
    image = build(files, old)
    assert build(files, layout_of(image.data)) == image


def test_more_clusters_than_there_may_be_are_refused():
    files = {"a": bytes(5000), "b": bytes(5000)}
    old = layout_of(build(files).data)
    grown = {"a": bytes(6000), "b": bytes(5000)}
    assert layout_of(build(grown, old).data).places == {"a": (20, 12), "b": (10, 10)}
    assert layout_of(build(grown, old, 22).data).places == {"a": (10, 12), "b": (0, 10)}
    with pytest.raises(NoRoom):
        build(grown, old, 21)


def test_the_kind_of_fat_changes_at_4085_clusters():
    # A reader tells them apart by this number alone.
    assert build({"x": bytes(4084 * SECTOR)}).data[54:62] == b"FAT12   "
    assert build({"x": bytes(4085 * SECTOR)}).data[54:62] == b"FAT16   "


def test_more_than_a_fat16_can_hold_is_refused_with_both_numbers():
    with pytest.raises(TooLarge, match="need 65,525 clusters .* has 65,524"):
        build({"x": bytes(65_525 * SECTOR)})
