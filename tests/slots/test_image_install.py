# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
One release into one slot: what is checked before the old header goes, what is written and where,
and what flash that forgets does.
"""

import hashlib
import random
import struct
import tracemalloc
import zlib

import pytest
from nerveshub_tools import container, packer
from nerveshub_tools.fat_image import FatImage, Piece, build
from support.applications import META, application

from nerveshub_link.errors import UpdateError
from nerveshub_link.slots import image_install, slot_file
from nerveshub_link.slots.image_install import ImageInstall
from nerveshub_link.slots.slot_file import HEADER_AT, IMAGE_AT, Header, SlotFile

SECTORS = 300
DEVICE = {key: META[key] for key in ("product", "platform", "architecture")}
MADE = container.make(build(application(60_000)))
CONF = packer.meta_conf(META, MADE.resource())
OLD = Header(6, 64 * 512, 52, 7, bytes(32), bytes(32), dict(META, uuid="old"))


class Worn(SlotFile):
    """A slot on flash that forgets: sectors from ``first`` on keep what they had."""

    worn = range(0)

    def _put(self, sector, view):
        for number in range(len(view) // 512):
            if sector + number not in self.worn:
                super()._put(sector + number, view[number * 512 : (number + 1) * 512])


@pytest.fixture(name="slot")
def slot_with_an_older_release(tmp_path, monkeypatch):
    monkeypatch.setattr(slot_file, "_open", {})
    noise = random.Random(1).randbytes(SECTORS * 512)
    path = tmp_path / "app.img"
    path.write_bytes(noise[: HEADER_AT * 512] + OLD.pack() + noise[IMAGE_AT * 512 :])
    return Worn(str(path))


def content(slot):
    with open(slot._path, "rb") as file:
        return file.read()


def fill(one, data):
    """What an `FwReader` does with bytes of the resource."""
    view = memoryview(data)
    while view:
        view = view[one.file_data(view) :]
        one.work()


def install(slot, conf=CONF, data=MADE.data, size=None, piece=1000, **options):
    """All that a reader and a writer call, one after the other."""
    one = ImageInstall(slot, options.get("device", DEVICE), "new", 7)
    one.archive_meta(conf, None)
    one.file_begin(options.get("name", "app.img"), len(data) if size is None else size)
    for at in range(0, len(data), piece):
        fill(one, data[at : at + piece])
    one.file_end()
    while not one.verify():
        pass
    one.commit()
    return one


def refused(slot, *args, **options):
    """The reason; the old release is as it was."""
    before = content(slot)
    with pytest.raises(UpdateError) as caught:
        install(slot, *args, **options)
    assert content(slot) == before, "the old release was harmed"
    return str(caught.value)


def conf_with(**values):
    """The meta.conf with other values; None for a line that is missing."""
    lines = []
    for line in CONF.split(b"\n"):
        key, equals, value = line.partition(b"=")
        value = values.get(key.decode().replace("-", "_"), value)
        if value is not None:
            lines.append(key + equals + value)
    return b"\n".join(lines)


def rewritten(rows=None, **values):
    """The release with another table, whose hash and lengths in meta.conf are right."""
    head = dict(zip(("magic", "version", "count", "image", "stored"), HEAD), **values)
    rows = ROWS if rows is None else rows
    table = struct.pack("<4sHHII", *head.values()) + b"".join(rows)
    digest = hashlib.sha256(table).hexdigest().encode()
    length = len(table) + sum(map(len, MADE.bodies))
    conf = conf_with(table_sha256=digest, table_length=b"%d" % len(table), length=b"%d" % length)
    return conf, table + b"".join(MADE.bodies)


HEAD = struct.unpack_from("<4sHHII", MADE.table)
ROWS = [MADE.table[at : at + 36] for at in range(16, len(MADE.table), 36)]


# What is written


@pytest.mark.parametrize("piece", [1, 100, 512, 4096, 100_000])
def test_header_image_and_table_stand_where_the_format_says(slot, piece):
    before = content(slot)
    install(slot, piece=piece)
    image, table = MADE.image, MADE.table
    after = content(slot)
    padding = bytes(-len(table) % 512)
    written = Header(
        7,
        len(image),
        len(table),
        zlib.crc32(image),
        hashlib.sha256(image).digest(),
        hashlib.sha256(table).digest(),
        dict(META, uuid="new"),
    ).pack()
    assert after == (
        before[: 7 * 512]
        + written
        + image
        + table
        + padding
        + before[8 * 512 + len(image) + len(table) + len(padding) :]
    )


def test_the_same_release_again_writes_the_header_alone(slot):
    first = install(slot)
    assert first.written == len(MADE.image) // 512 + -(-len(MADE.table) // 512)
    assert install(slot).written == 0
    assert slot.header().number == 7


def test_sectors_are_written_in_blocks_of_4_kb_wherever_files_begin(slot, monkeypatch):
    blocks = []
    real = slot.write

    def write(sector, view):
        blocks.append((sector, len(view) // 512))
        return real(sector, view)

    monkeypatch.setattr(slot, "write", write)
    install(slot)
    assert blocks[0] == blocks[-1] == (HEADER_AT, 1)
    total = len(MADE.image) // 512 + -(-len(MADE.table) // 512)
    whole = [(sector, 8) for sector in range(IMAGE_AT, IMAGE_AT + total - total % 8, 8)]
    rest = [(IMAGE_AT + total - total % 8, total % 8)] if total % 8 else []
    assert blocks[1:-1] == whole + rest


def test_it_reads_back_a_few_blocks_with_each_call(slot):
    one = ImageInstall(slot, DEVICE, "new", 7)
    one.archive_meta(CONF, None)
    one.file_begin("app.img", len(MADE.data))
    fill(one, MADE.data)
    one.file_end()
    told = []
    while not one.verify():
        told.append(one.percent)
    assert told == sorted(told)
    steps = -(-len(MADE.image) // 16384)
    assert len(set(told)) == steps
    assert one.percent == 100
    assert slot.header() is None


def test_no_more_memory_is_taken_than_a_table_and_a_few_blocks(slot):
    install(slot)
    tracemalloc.start()
    try:
        install(slot)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < len(MADE.table) + 6 * 4096 + 16384


# What is checked before the old header goes


@pytest.mark.parametrize("key", ["product", "platform", "architecture"])
def test_a_release_for_something_else_is_refused_with_both_names(slot, key):
    conf = conf_with(**{"meta_" + key: b'"another one"'})
    words = f"the release is for {key} another one, this device is {META[key]}"
    assert refused(slot, conf) == words


def test_a_release_that_does_not_say_what_it_is_for_is_refused(slot):
    assert refused(slot, conf_with(meta_platform=None)) == (
        "the release is for platform none, this device is board"
    )


def test_a_device_that_does_not_know_what_it_is_takes_any_release(slot):
    install(slot, device={"product": "", "platform": None})
    assert slot.header().meta == dict(META, uuid="new")


def test_a_meta_conf_that_is_no_text_is_refused(slot):
    assert refused(slot, conf_with(meta_product=b"\xff")) == "meta.conf is not UTF-8"


@pytest.mark.parametrize(
    "conf",
    [
        conf_with().replace(b'"app.img"', b'"code.py"'),
        conf_with().partition(b"file-resource")[0],
        conf_with() + conf_with()[conf_with().index(b"file-resource") :],
    ],
)
def test_a_release_that_holds_another_file_is_refused(slot, conf):
    assert refused(slot, conf) == "the release has no app.img: make it with nerveshub-link pack"


@pytest.mark.parametrize("key", ["image-sha256", "table-sha256"])
@pytest.mark.parametrize("value", [None, b"", b"12", b"g" * 64, b"ab" * 33])
def test_a_hash_that_is_missing_or_none_is_refused(slot, key, value):
    reason = refused(slot, conf_with(**{key.replace("-", "_"): value}))
    assert reason == (
        f"meta.conf: {key} of app.img is not a SHA-256: make the release with nerveshub-link pack"
    )


@pytest.mark.parametrize("value", [None, b"0", b"511", b"513"])
def test_an_image_of_no_whole_sectors_is_refused(slot, value):
    assert "is not a multiple of 512" in refused(slot, conf_with(image_length=value))


@pytest.mark.parametrize("value", [b"-1", b"1e9", b"9999999999", b"0x200", b"[1,2]"])
@pytest.mark.parametrize("key", ["image_length", "table_length", "length"])
def test_a_length_that_is_no_number_is_refused(slot, key, value):
    assert "a length that can't be read" in refused(slot, conf_with(**{key: value}))


@pytest.mark.parametrize("value", [None, b"0", b"65537", b"999999999"])
def test_a_table_longer_than_the_image_can_need_is_refused(slot, value):
    assert "does not fit image-length" in refused(slot, conf_with(table_length=value))


def test_an_image_that_has_no_room_is_refused_with_both_numbers(slot):
    table = len(MADE.table)
    largest = SECTORS - 15 - -(-table // 512)
    assert refused(slot, conf_with(image_length=b"%d" % (largest * 512 + 512))) == (
        "the image and its table have 143 KB, a slot of this device has room for 142 KB"
    )
    reason = refused(slot, conf_with(image_length=b"%d" % (largest * 512)))
    assert reason == "chunk table and meta.conf name different image lengths"


def test_texts_that_have_no_room_in_the_header_are_refused(slot):
    assert "a slot keeps 255" in refused(slot, conf_with(meta_version=b"1" * 256))


@pytest.mark.parametrize("options", [{"size": 1}, {"size": 1 << 31}, {"name": "code.py"}])
def test_a_resource_that_is_not_what_meta_conf_says_is_refused(slot, options):
    assert f"meta.conf says {len(MADE.data)} of app.img" in refused(slot, **options)


def test_a_table_that_is_not_the_one_of_meta_conf_is_refused(slot):
    for at in (0, 20, len(MADE.table) - 1):
        data = bytearray(MADE.data)
        data[at] ^= 1
        words = "the chunk table's SHA-256 differs from meta.conf"
        assert refused(slot, data=bytes(data)) == words


@pytest.mark.parametrize(
    "values, words",
    [
        ({"magic": b"NHxx"}, "has no chunk table"),
        ({"version": 2}, "version 2, this library knows 1"),
        ({"count": 1}, "does not fit its number of rows"),
        ({"image": len(MADE.image) + 512}, "lengths contradict each other"),
        ({"stored": 1}, "lengths contradict each other"),
        ({"rows": [b"\x09" + ROWS[0][1:], *ROWS[1:]]}, "the chunk table has an invalid length"),
        ({"rows": ROWS[:-1], "count": len(ROWS) - 1}, "lengths contradict each other"),
    ],
)
def test_a_signed_table_that_contradicts_itself_is_refused(slot, values, words):
    assert words in refused(slot, *rewritten(**values))


def test_lengths_of_table_and_meta_conf_that_differ_are_refused(slot):
    conf = conf_with(length=b"%d" % (len(MADE.data) + 1))
    words = "chunk table and meta.conf name different lengths"
    assert refused(slot, conf, size=len(MADE.data) + 1) == words


# What is found later: the slot holds no release then


def broken(slot, conf=CONF, data=MADE.data, **options):
    with pytest.raises(UpdateError) as caught:
        install(slot, conf, data, **options)
    assert slot.header() is None
    return str(caught.value)


@pytest.mark.parametrize("number", [0, 3, len(ROWS) - 1])
def test_a_chunk_that_is_damaged_is_told_by_its_number_and_not_written(slot, number):
    at = len(MADE.table) + sum(map(len, MADE.bodies[:number]))
    data = bytearray(MADE.data)
    data[at] ^= 0x40
    before = content(slot)
    assert broken(slot, data=bytes(data)) == f"chunk {number} is damaged"
    sector = IMAGE_AT + sum(chunk.sectors for chunk in MADE.chunks[:number])
    assert content(slot)[sector * 512 :] == before[sector * 512 :]


def test_a_chunk_that_unpacks_to_something_else_is_told_and_not_written(slot):
    row = ROWS[2][:20] + bytes(16)
    conf, data = rewritten(rows=[*ROWS[:2], row, *ROWS[3:]])
    assert broken(slot, conf, data) == "chunk 2 has a wrong SHA-256 after unpacking"


def test_a_chunk_that_unpacks_to_more_is_told_and_not_written(slot):
    made = container.make(FatImage(bytes(4096 * 9), [Piece("", 0, 72)]))
    bomb = zlib.compressobj(9, zlib.DEFLATED, -12)
    body = bomb.compress(bytes(300_000)) + bomb.flush()
    row = struct.pack("<HH", 8, len(body)) + hashlib.sha256(body).digest()[:16] + bytes(16)
    stored = len(body) + sum(map(len, made.bodies[1:]))
    table = struct.pack("<4sHHII", b"NHct", 1, 9, 4096 * 9, stored) + row + made.table[52:]
    bad = container.Container(table, [], [body, *made.bodies[1:]], made.image)
    conf = packer.meta_conf(META, bad.resource())
    assert broken(slot, conf, bad.data) == "a chunk has 300000 bytes unpacked instead of 4096"


@pytest.mark.parametrize("cut", [1, 36, 5000])
def test_a_release_that_ends_before_its_last_chunk_is_refused(slot, cut):
    assert broken(slot, data=MADE.data[:-cut], size=len(MADE.data)) == (
        "the release ends before its last chunk"
    )


def test_a_release_that_goes_on_behind_its_last_chunk_is_refused(slot):
    assert broken(slot, data=MADE.data + b"x", size=len(MADE.data)) == (
        "the release continues after its last chunk"
    )


def test_an_image_whose_hash_is_another_one_is_refused(slot):
    conf = conf_with(image_sha256=b"ab" * 32)
    assert broken(slot, conf) == (
        "the image can't be read back as it was written: is the flash worn?"
    )


# Flash that forgets


@pytest.mark.parametrize(
    "sector, what",
    [
        (IMAGE_AT, "the image"),
        (IMAGE_AT + 40, "the image"),
        (IMAGE_AT + len(MADE.image) // 512 - 1, "the image"),
        (IMAGE_AT + len(MADE.image) // 512, "the chunk table"),
    ],
)
def test_what_can_t_be_read_back_gets_no_header(slot, sector, what):
    slot.worn = range(sector, sector + 1)
    assert broken(slot) == (f"{what} can't be read back as it was written: is the flash worn?")


def test_an_old_header_that_can_t_be_erased_is_told_and_its_image_stays(slot):
    slot.worn = range(HEADER_AT, HEADER_AT + 1)
    before = content(slot)
    with pytest.raises(UpdateError, match="the slot's header can't be read back"):
        install(slot)
    assert content(slot) == before


def test_a_header_that_can_t_be_read_back_is_erased_again_by_an_abort(slot, monkeypatch):
    monkeypatch.setattr(slot, "holds", lambda sector, view: not any(view))
    one = None
    real = image_install.ImageInstall.__init__

    def remember(self, *args):
        nonlocal one
        one = self
        real(self, *args)

    monkeypatch.setattr(image_install.ImageInstall, "__init__", remember)
    with pytest.raises(UpdateError, match="the slot's header can't be read back"):
        install(slot)
    assert slot.header() is not None
    one.abort()
    assert SlotFile(slot._path).header() is None


def test_an_abort_before_the_header_was_written_leaves_the_old_release(slot):
    before = content(slot)
    one = ImageInstall(slot, DEVICE, "new", 7)
    one.archive_meta(CONF, None)
    one.file_begin("app.img", len(MADE.data))
    one.file_data(memoryview(MADE.data)[: len(MADE.table) - 1])
    one.abort()
    assert content(slot) == before


def test_an_abort_after_the_commit_takes_the_release_back(slot):
    install(slot).abort()
    assert SlotFile(slot._path).header() is None


def test_a_chunk_gets_the_memory_that_a_collection_frees(slot, monkeypatch):
    real, failures = image_install.unpack, [1]

    def unpack(data, size):
        if failures:
            failures.pop()
            raise MemoryError
        return real(data, size)

    monkeypatch.setattr(image_install, "unpack", unpack)
    install(slot)
    assert slot.header() is not None
