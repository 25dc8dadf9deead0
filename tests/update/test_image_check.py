# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Checksums of an image and of its parts of 1 MiB: what is wrong is noticed, and where."""

import hashlib
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nerveshub_link.errors import DownloadError
from nerveshub_link.update.image_check import ImageCheck, sha256_text

PART = 1 << 20
IMAGE = random.Random(8).randbytes(2 * PART + 1000)


def sha(data):
    return hashlib.sha256(data).hexdigest()


def parts(image=IMAGE):
    return [sha(image[at : at + PART]).upper() for at in range(0, len(image), PART)]


def begun(image=IMAGE, partials=None, size=None):
    check = ImageCheck(sha(image), parts(image) if partials is None else partials)
    usable = check.begin(len(image) if size is None else size)
    return check, usable


def feed(check, image, sizes):
    """Hand an image over in pieces; return how many bytes were taken."""
    view, at = memoryview(image), 0
    while at < len(view):
        size = sizes.pop(0) if sizes else 4096
        check.update(view[at : at + size])
        at += size
    return at


@pytest.mark.parametrize("size", [PART, PART + 1, 2 * PART - 1, 2 * PART, 2 * PART + 1000])
@pytest.mark.parametrize("chunk", [4096, 4000, PART + 7])
def test_right_image_is_right_however_it_is_cut(size, chunk):
    image = IMAGE[:size]
    check, usable = begun(image)
    assert usable
    feed(check, image, [chunk] * (size // chunk + 1))
    check.finish()


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.lists(st.integers(1, 700_000), max_size=30), st.integers(0, len(IMAGE) - 1))
def test_flipped_bit_anywhere_ends_within_its_part(sizes, at):
    damaged = bytearray(IMAGE)
    damaged[at] ^= 0x10
    check, _ = begun()
    with pytest.raises(
        DownloadError, match="^part %d of 3 is damaged" % (at // PART + 1)
    ) as caught:
        feed(check, bytes(damaged), sizes)
    assert caught.value.then == "restart"


def test_image_may_begin_again():
    check, _ = begun()
    check.update(memoryview(bytes(5000)))
    assert check.begin(len(IMAGE))
    feed(check, IMAGE, [])
    check.finish()


@pytest.mark.parametrize("partials", [None, []])
def test_without_parts_the_whole_counts(partials):
    check = ImageCheck(sha(IMAGE), partials)
    assert check.begin(len(IMAGE))
    feed(check, IMAGE[:-1] + b"\x00", [])
    with pytest.raises(DownloadError, match="^checksum is [0-9a-f]{64}, should be ") as caught:
        check.finish()
    assert caught.value.then == "restart"


@pytest.mark.parametrize(
    "partials",
    [
        "AB" * 32,
        {"0": "AB" * 32},
        5,
        True,
        [None],
        ["AB" * 32],
        parts()[:2],
        parts() + parts()[:1],
        parts()[:2] + ["xyz"],
        parts()[:2] + [7],
        [parts()],
    ],
)
def test_list_of_parts_that_makes_no_sense_is_not_used_and_told(partials):
    check, usable = begun(partials=partials)
    assert not usable
    feed(check, IMAGE, [])
    check.finish()


def test_parts_that_contradict_the_whole_are_believed():
    # Both come from the server; whichever is wrong, this is not the image that it meant.
    check, usable = begun(partials=parts(IMAGE[::-1]))
    assert usable
    with pytest.raises(DownloadError, match="part 1 of 3"):
        feed(check, IMAGE, [])


def test_small_image_whose_part_is_the_whole_is_hashed_once():
    image = IMAGE[:3000]
    check, usable = begun(image)
    assert usable and check._parts is None
    check, usable = begun(image, [sha(b"another").upper()])
    assert usable
    with pytest.raises(DownloadError, match="part 1 of 1"):
        feed(check, image, [])


def test_nothing_is_wrong_where_no_checksum_is_given():
    check = ImageCheck(None, None)
    check.begin(3)
    check.update(memoryview(b"abc"))
    check.finish()


@pytest.mark.parametrize(
    ("value", "text"),
    [("AB" * 32, "ab" * 32), ("ab" * 32, "ab" * 32), ("AB" * 31, None), ("zz" * 32, None)]
    + [(value, None) for value in ("", None, 5, True, [], b"ab" * 32)],
)
def test_sha256_is_64_hex_digits_in_any_case(value, text):
    assert sha256_text(value) == text
