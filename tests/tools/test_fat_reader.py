# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""The files of an image come out as they went in; a damaged image is refused, and leads nowhere."""

import random
import struct

import pytest
from nerveshub_tools.fat_image import SECTOR, build
from nerveshub_tools.fat_reader import BadImage, chains, places, read
from test_fat_image import APPLICATIONS, made

ROOT = 2 * SECTOR  # of a small image: behind the boot sector and one sector of FAT
ENTRY = ROOT  # CODE.PY, whose name is a short one
FILES = {"CODE.PY": b"x" * 1000, "DATA.BIN": b"y" * 700}


@pytest.mark.parametrize("name", APPLICATIONS)
def test_what_went_in_comes_out(name):
    assert read(made(name).data) == APPLICATIONS[name]


def test_chains_are_of_images_of_this_kind_alone():
    image = build({"lib/a": b"x" * 600, "lib/empty": b"", "z": b"x"}).data
    assert chains(image, SECTOR) == ({"lib/": (0, 1), "lib/a": (1, 2), "z": (3, 1)}, 1, 1)
    assert places(image) == {"lib/a": 4 * SECTOR, "z": 6 * SECTOR}
    torn = bytearray(build(FILES).data)
    # The clusters 2 and 4, 3 and 5, instead of 2 and 3, 4 and 5.
    torn[SECTOR + 3 : SECTOR + 9] = b"\x04\x50\x00\xff\xff\xff"
    torn[ENTRY + 32 + 26] = 3
    with pytest.raises(BadImage, match=r"CODE\.PY does not lie in one piece"):
        chains(bytes(torn), SECTOR)
    with pytest.raises(BadImage, match="other clusters"):
        chains(image, 1024)


def test_what_follows_the_image_is_not_looked_at():
    assert read(build(FILES).data + b"\xff" * 5000) == FILES


def test_windows_marks_a_short_name_in_lower_case_by_two_bits():
    image = bytearray(build(FILES).data)
    image[ENTRY + 12] = 0x18
    assert sorted(read(bytes(image))) == ["DATA.BIN", "code.py"]


def damaged(at, new):
    image = bytearray(build(FILES).data)
    image[at : at + len(new)] = new
    return bytes(image)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (b"", "no boot sector"),
        (bytes(4096), "no boot sector"),
        (damaged(11, b"\0\0"), "no FAT12 or FAT16 image"),
        (damaged(13, b"\0"), "no FAT12 or FAT16 image"),
        (damaged(19, b"\xff\xff"), "says that it has 33,553,920 bytes, there are 65,536"),
        (damaged(22, b"\xff\xff"), "no FAT12 or FAT16 image"),
        (damaged(ENTRY + 26, b"\xff\x0e"), "the clusters of CODE.PY are damaged"),
        (damaged(ENTRY + 26, b"\0\0"), "CODE.PY ends after 0 of 1,000 bytes"),
        (damaged(ENTRY + 28, b"\xff\xff\xff\xff"), "CODE.PY ends after 1,024 of 4,294,967,295"),
        # Two files, or one with itself, share a cluster.
        (damaged(ENTRY + 26, b"\x04\0"), "the clusters of DATA.BIN are damaged"),
        (damaged(SECTOR + 3, b"\x02\x20\0"), "the clusters of CODE.PY are damaged"),
        (damaged(ENTRY, b"DATA    BIN"), "two files are called DATA.BIN"),
        (damaged(ENTRY, b"../CODE    "), "a name in the image is not allowed"),
        (damaged(ENTRY, b"A\\B        "), "a name in the image is not allowed"),
        (damaged(ENTRY, b"           "), "a name in the image is not allowed"),
        # A folder whose clusters are its own file's.
        (damaged(ENTRY + 11, b"\x10"), "not allowed"),
    ],
)
def test_a_damaged_image_is_refused_with_a_reason(image, words):
    with pytest.raises(BadImage, match=words):
        read(image)


def test_a_long_name_can_t_lead_out_of_a_folder():
    image = build({"long name of a file": b"1"}).data
    for name in ("..", "../../outside", "a\0b"):
        units = (name.encode("utf-16-le") + b"\0\0").ljust(26, b"\xff")
        entry = struct.pack("<B10s", 0x41, units[:10]) + image[ROOT + 43 : ROOT + 46]
        entry += units[10:22] + b"\0\0" + units[22:26]
        changed = image[:ROOT] + b"\xe5" + image[ROOT + 1 : ROOT + 32] + entry + image[ROOT + 64 :]
        if name == "a\0b":
            assert list(read(changed)) == ["a"]
            continue
        with pytest.raises(BadImage, match="is called|not allowed"):
            read(changed)


def test_any_damage_whatever_is_read_or_refused_and_never_anything_else():
    noise = random.Random(3)
    image = build(APPLICATIONS["folders in folders"]).data
    used = len(image.rstrip(b"\0"))
    for _ in range(1000):
        changed = bytearray(image)
        for _ in range(noise.randrange(1, 4)):
            changed[noise.randrange(used)] = noise.randrange(256)
        try:
            files = read(bytes(changed))
        except BadImage:
            continue
        assert sum(map(len, files.values())) <= len(image)
