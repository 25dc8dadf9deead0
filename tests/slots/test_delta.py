# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Updates of which only what changed travels: real archives and slots, a server that knows parts or
does something odd. Whatever it does, the idle slot holds the right image in the end, or none.
"""

import random
import sys
from types import SimpleNamespace

import pytest
from nerveshub_tools import container, fat_image, travel
from support import slots, update_bench
from support.applications import META, archive, many_files, with_one_changed
from support.fakes import END, FakeClock
from support.machine import Machine
from support.parts import PartServer
from support.signing import Signer
from support.update_bench import COMPLETED

from nerveshub_link import AppSlotWriter
from nerveshub_link.slots import slot_file
from nerveshub_link.slots.image_install import ImageInstall
from nerveshub_link.slots.slot_file import IMAGE_AT, SECTOR

FILES = many_files()
SIZE = sum(len(data) for data in FILES.values())
CHANGED = with_one_changed(FILES)
GROWN = with_one_changed(FILES, grown=1500)
SIGNER = Signer()
RELEASE = archive(CHANGED, signer=SIGNER)
IMAGE = fat_image.build(CHANGED).data
SECTORS = 700
OLD = dict(META, uuid="old", version="1.0.0")
BEFORE = container.make(fat_image.build(FILES))
END_OF_FIRST = 1024 + len(BEFORE.table)


def borders(release, files):
    """Where each chunk begins and ends in an archive, and whether it is new."""
    made = container.make(fat_image.build(files))
    known = {row.image_hash for row in BEFORE.chunks}
    at = release.index(made.table) + len(made.table)
    found = []
    for row in made.chunks:
        found.append((at, at + row.stored, row.image_hash not in known))
        at += row.stored
    return found


def parts(release, files):
    """The ranges that a device asks for, if it is not too many."""
    spans = [[0, END_OF_FIRST]]
    for begin, end, new in borders(release, files):
        if new and end > END_OF_FIRST:
            if len(spans) > 1 and begin - spans[-1][1] < 1024:
                spans[-1][1] = end
            else:
                spans.append([max(begin, END_OF_FIRST), end])
    return ["bytes=%d-%d" % (begin, end - 1) for begin, end in spans]


FIRST, SECOND, THIRD = parts(RELEASE, CHANGED)
REST = "bytes=%d-" % END_OF_FIRST


@pytest.fixture(name="machine")
def board(tmp_path, monkeypatch):
    """A drive; the release that is to be updated runs in slot a."""
    monkeypatch.setattr(slot_file, "_open", {})
    launcher = SimpleNamespace(slot="a", armed=0)
    monkeypatch.setitem(sys.modules, "nh_launcher", launcher)
    made = Machine(tmp_path)
    slots.make_empty(tmp_path, SECTORS)
    made.install("a", FILES, number=1, **OLD)
    made.remember(run="a", old="", trial=0)
    return made


def bench(machine, changes=None, release=RELEASE, keeps=True, signed=True):
    keys = [SIGNER.public] if signed else None
    writer = AppSlotWriter(machine.root, public_keys=keys, clock=FakeClock())
    server = PartServer(release, changes, keeps)
    one = update_bench.Bench(transport=server, writer=writer, chunk_size=4096, download_retries=3)
    writer.log = one.log.log
    return one


def update(machine, *args, **options):
    one = bench(machine, *args, **options)
    return one.offer(one.transport.data).run(100)


def assert_installed(machine, one, image=IMAGE):
    """The slot holds the image, and is tried at the next start."""
    assert one.statuses[-1] == COMPLETED
    data = slots.path_of(machine.root, "b").read_bytes()
    assert data[IMAGE_AT * SECTOR :][: len(image)] == image
    assert machine.power_on() == "b" and machine.on_trial


def assert_not_installed(machine, one):
    assert one.statuses[-1]["status"] == "failed"
    assert not machine.whole("b")
    assert machine.power_on() == "a" and not machine.on_trial


def assert_whole(one):
    """All of the image came last, and was checked."""
    assert one.transport.ranges[-1] is None or one.transport.ranges[-1].endswith("-")
    assert "update verified by its checksum" in one.log.text


# What travels


def test_of_one_changed_file_of_82_where_its_clusters_stay_four_percent_travel(machine):
    one = update(machine)
    assert one.transport.ranges == [FIRST, SECOND, THIRD]
    assert len(one.transport.opened) == 1
    assert one.transport.travelled <= SIZE * 4 // 100
    assert_installed(machine, one)


@pytest.mark.parametrize("keeps", [True, False])
@pytest.mark.parametrize("seed", range(6))
def test_the_tools_foretell_what_travels(machine, seed, keeps):
    random_ = random.Random(seed)
    files = dict(FILES)
    for path in random_.sample(sorted(FILES), random_.choice((0, 1, 3, 9, 27, 81))):
        files = with_one_changed(files, random_.choice((0, 0, 600)), path)
    release = archive(files, signer=SIGNER)
    one = update(machine, release=release, keeps=keeps)
    after, begin = container.make(fat_image.build(files)), release.index(b"NHct")
    size = len(release)
    plan = travel.plan(BEFORE.chunks, after.chunks, begin=begin, size=size, kept=keeps)
    wanted = ["bytes=%d-%d" % (start, stop - 1) for start, stop in plan.ranges]
    assert one.transport.ranges == (wanted if plan.size < size else [FIRST, REST])
    assert one.transport.travelled == plan.size
    assert_installed(machine, one, fat_image.build(files).data)


def test_of_one_changed_file_of_82_that_grows_eight_percent_travel(machine):
    one = update(machine, release=archive(GROWN, signer=SIGNER))
    assert one.transport.travelled <= SIZE * 8 // 100
    assert_installed(machine, one, fat_image.build(GROWN).data)


def test_the_log_tells_what_travels_and_what_was_saved(machine):
    one = update(machine)
    text = one.log.text
    assert "only what changed travels: 8 KB of 165 KB; the running slot has the rest" in text
    assert "update verified by its signature: 9 KB of 166 KB travelled" in text


def test_progress_counts_what_is_copied_and_never_goes_back(machine):
    percents = [value for stage, value in update(machine).progress if stage == "downloading"]
    assert len(percents) > 10 and percents == sorted(set(percents))
    assert all(isinstance(percent, int) for percent in percents)


def test_unless_the_release_is_verified_here_all_of_it_travels(machine):
    one = update(machine, signed=False)
    assert one.transport.ranges == [None]
    assert_whole(one)
    assert_installed(machine, one)


def test_of_a_release_of_another_signer_the_first_part_comes_and_nothing_is_erased(machine):
    before = slots.path_of(machine.root, "b").read_bytes()
    one = update(machine, release=archive(CHANGED, signer=Signer(2)))
    assert one.transport.ranges == [FIRST]
    assert one.statuses[-1]["status"] == "failed"
    assert slots.path_of(machine.root, "b").read_bytes() == before


def test_a_signed_release_needs_no_checksum_of_the_server(machine):
    one = bench(machine).offer(RELEASE, checksum=None).run(100)
    assert "update verified by its signature" in one.log.text
    assert_installed(machine, one)


def test_without_a_checksum_a_signed_release_resumes_after_a_break(machine):
    one = bench(machine, {2: lambda answer: [answer[:-100], END]})
    one.offer(RELEASE, checksum=None).run(100)
    assert None not in one.transport.ranges
    assert_installed(machine, one)


def test_where_the_rescue_application_runs_there_is_nothing_to_copy(machine, monkeypatch):
    monkeypatch.setattr(sys.modules["nh_launcher"], "slot", "")
    one = update(machine)
    assert one.transport.ranges == [None]
    assert one.statuses[-1] == COMPLETED


def test_of_another_application_all_travels_and_is_checked(machine):
    other = many_files(count=60, size=180_000, seed=2)
    one = update(machine, release=archive(other, signer=SIGNER))
    assert one.transport.ranges == [FIRST, REST]
    assert len(one.transport.opened) == 1
    assert "too little of it is in the running slot" in one.log.text
    assert_whole(one)
    assert_installed(machine, one, fat_image.build(other).data)


def test_the_same_release_anew_is_copied_but_for_its_table(machine):
    one = update(machine, release=archive(FILES, signer=SIGNER))
    assert one.transport.ranges == [FIRST]
    assert_installed(machine, one, fat_image.build(FILES).data)


def test_a_longer_table_comes_in_a_second_part(machine):
    more = {**CHANGED, **{"lib/z%02d.py" % number: b"%d\n" % number for number in range(40)}}
    one = update(machine, release=archive(more, signer=SIGNER))
    assert one.transport.ranges[0] == FIRST
    table = len(container.make(fat_image.build(more)).table)
    end = one.transport.data.index(b"NHct") + table
    assert one.transport.ranges[1] == "bytes=%d-%d" % (END_OF_FIRST, end - 1)
    assert one.transport.travelled <= SIZE * 8 // 100
    assert_installed(machine, one, fat_image.build(more).data)


def test_with_changes_everywhere_eight_parts_come_and_the_greatest_gaps_do_not(machine):
    files = dict(FILES)
    for path in sorted(FILES)[::6]:
        files = with_one_changed(files, path=path)
    one = update(machine, release=archive(files, signer=SIGNER))
    assert len(one.transport.ranges) == 8 and len(one.transport.opened) == 1
    assert one.transport.travelled < len(one.transport.data) * 6 // 10
    assert_installed(machine, one, fat_image.build(files).data)


def test_a_server_that_closes_each_connection_gets_few_requests(machine):
    files = dict(FILES)
    for path in sorted(FILES)[::6]:
        files = with_one_changed(files, path=path)
    one = update(machine, release=archive(files, signer=SIGNER), keeps=False)
    spans = [text[6:].split("-") for text in one.transport.ranges[1:]]
    gaps = [int(later[0]) - int(before[1]) for before, later in zip(spans, spans[1:])]
    assert min(gaps) > 16_000 and len(spans) == 2
    assert_installed(machine, one, fat_image.build(files).data)


# What the running slot has


def test_a_torn_table_in_the_running_slot_only_means_that_all_travels(machine):
    table = IMAGE_AT * SECTOR + len(fat_image.build(FILES).data)
    slots.flip(machine.root, "a", table + 3000)
    one = update(machine)
    assert one.transport.ranges == [FIRST, REST]
    assert_whole(one)
    assert_installed(machine, one)


def chunk_at(path):
    """Where a file's first chunk lies in the slot that holds `FILES`."""
    return IMAGE_AT * SECTOR + fat_image.build(FILES).data.index(FILES[path][:512])


def test_a_chunk_that_is_read_with_another_hash_is_downloaded(machine):
    slots.flip(machine.root, "a", chunk_at("lib/pack5/m53.mpy") + 5)
    one = update(machine)
    assert one.transport.ranges[:2] == [FIRST, SECOND] and len(one.transport.ranges) == 4
    assert_installed(machine, one)


def test_where_many_chunks_are_read_with_another_hash_the_last_part_is_long(machine):
    path = slots.path_of(machine.root, "a")
    data = bytearray(path.read_bytes())
    for number, name in enumerate(sorted(FILES)[20:]):
        data[chunk_at(name) + 3] ^= number % 2
    path.write_bytes(data)
    one = update(machine)
    assert len(one.transport.ranges) == 8
    assert_installed(machine, one)


@pytest.mark.parametrize("error", [OSError(5), MemoryError()])
def test_a_running_slot_that_can_not_be_opened_only_means_that_all_travels(
    machine, monkeypatch, error
):
    from nerveshub_link.slots import delta  # noqa: PLC0415 on a board it is not kept

    def fails(path):
        raise error

    one = bench(machine).offer(RELEASE)
    monkeypatch.setattr(delta, "SlotFile", fails)
    one.run(100)
    assert one.transport.ranges == [FIRST, REST]
    assert_whole(one)
    assert_installed(machine, one)


@pytest.mark.parametrize("error", [OSError(5), MemoryError()])
@pytest.mark.parametrize("count", [0, 1, 5, 7, 8, 9, 60])
def test_whatever_fails_while_the_running_slot_is_read_nothing_but_bytes_is_lost(
    machine, monkeypatch, count, error
):
    left = [count]
    read_into = slot_file.SlotFile.read_into

    def fails(self, sector, view):
        if self._path.endswith("/a/app.img"):
            left[0] -= 1
            if left[0] == -1:
                raise error
        return read_into(self, sector, view)

    one = bench(machine).offer(RELEASE)
    monkeypatch.setattr(slot_file.SlotFile, "read_into", fails)
    one.run(100)
    assert left[0] < 0
    assert_installed(machine, one)


def test_no_memory_in_the_midst_of_a_copy_makes_the_whole_come(machine, monkeypatch):
    left = [20]
    append = ImageInstall._append

    def fails(self, view):
        left[0] -= 1
        if not left[0]:
            append(self, view[:100])
            raise MemoryError
        append(self, view)

    one = bench(machine).offer(RELEASE)
    monkeypatch.setattr(ImageInstall, "_append", fails)
    one.run(100)
    assert one.transport.ranges[-1] is None
    assert_installed(machine, one)


def test_no_memory_to_find_out_what_the_running_slot_has_only_means_that_all_travels(
    machine, monkeypatch
):
    from nerveshub_link.slots import delta  # noqa: PLC0415 on a board it is not kept

    def fails(path):
        raise MemoryError  # as the import of the module may, too

    monkeypatch.setattr(delta, "first_part", fails)
    one = update(machine)
    assert one.transport.ranges == [None]
    assert_whole(one)
    assert_installed(machine, one)


# In small pieces


def test_one_poll_copies_one_chunk_and_heartbeats_go_on(machine, monkeypatch):
    reads = []
    read_into = slot_file.SlotFile.read_into
    monkeypatch.setattr(
        slot_file.SlotFile,
        "read_into",
        lambda self, sector, view: reads.append(len(view)) or read_into(self, sector, view),
    )
    one = bench(machine).offer(RELEASE)
    while one.writer._delta is None or not one.writer._delta.compared:
        reads.clear()
        one.step(100)
        assert sum(reads) <= 4 * 4096
    for _ in range(50):
        reads.clear()
        one.step(100)
        assert sum(reads) <= 4 * 4096


def test_an_abort_while_chunks_are_copied_leaves_no_release(machine):
    one = bench(machine).offer(RELEASE)
    while one.writer._delta is None or not one.writer._delta.compared:
        one.step(100)
    one.step(100)
    one.manager.abort()
    assert one.writer._delta is None
    assert not machine.whole("b")
    again = one.offer(RELEASE).run(100)
    assert_installed(machine, again)


def test_a_kept_connection_that_was_closed_while_chunks_were_copied(machine):
    one = update(machine, {2: lambda answer: [END]})
    assert one.transport.ranges == [FIRST, SECOND, THIRD, THIRD]
    assert len(one.transport.opened) == 2
    assert_installed(machine, one)


def test_after_many_breaks_the_rest_comes_in_one_part(machine):
    def cut(answer):
        head, _, body = answer.partition(b"\r\n\r\n")
        return [head + b"\r\n\r\n" + body[:300], END]

    files = dict(FILES)
    for path in sorted(FILES)[::6]:
        files = with_one_changed(files, path=path)
    one = update(machine, dict.fromkeys(range(12), cut), release=archive(files, signer=SIGNER))
    assert len(one.transport.ranges) == 12 + 2
    assert_installed(machine, one, fat_image.build(files).data)


@pytest.mark.parametrize("count", [10, 700, 4500])
def test_a_break_before_the_table_has_come_resumes_there(machine, count):
    def cut(answer):
        head, _, body = answer.partition(b"\r\n\r\n")
        return [head + b"\r\n\r\n" + body[:count], END]

    one = update(machine, {0: cut})
    ranges = one.transport.ranges
    end = RELEASE.index(BEFORE.table[:4]) + len(BEFORE.table)
    if count < 4500:
        assert ranges[1] in (
            "bytes=%d-%d" % (count, END_OF_FIRST - 1),
            "bytes=%d-%d" % (count, end - 1),
        )
    assert one.transport.travelled <= SIZE * 4 // 100
    assert_installed(machine, one)


def test_a_break_in_the_middle_of_a_chunk_resumes_at_its_beginning(machine):
    files = with_one_changed(with_one_changed(FILES), path="lib/pack3/m43.mpy")
    whole = archive(files, signer=SIGNER)
    one = bench(machine, {3: lambda answer: [answer[:-2500], END]}, release=whole)
    one.offer(whole).run(100)
    broken, again = [text[6:].split("-") for text in one.transport.ranges[3:5]]
    assert again[1] == broken[1]
    assert int(again[0]) in [begin for begin, _, _ in borders(whole, files)]
    assert int(broken[0]) <= int(again[0]) < int(broken[1]) - 2500
    assert_installed(machine, one, fat_image.build(files).data)


# What a server may do


def edited(old, new):
    return lambda answer: answer.replace(old, new, 1)


def status(line):
    return lambda answer: b"HTTP/1.1 " + line + b"\r\ncontent-length: 0\r\n\r\n"


def whole(answer):
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(RELEASE) + RELEASE


def damaged(answer):
    return answer[:-5] + bytes([answer[-5] ^ 1]) + answer[-4:]


TOTAL = b"/%d\r\n" % len(RELEASE)
ODD = {
    "200 to a range": whole,
    "other total": edited(TOTAL, b"/%d\r\n" % (len(RELEASE) + 1)),
    "range refused": status(b"416 Range Not Satisfiable"),
    "forbidden": status(b"403 Forbidden"),
    "server ill": status(b"500 Internal Server Error"),
    "server busy": status(b"503 Service Unavailable"),
    "cut in the head": lambda answer: [answer[:40], END],
    "cut in mid-chunk": lambda answer: [answer[:-100], END],
    "a damaged chunk": damaged,
    "another file": lambda answer: answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + bytes(
        len(answer.partition(b"\r\n\r\n")[2])
    ),
}  # fmt: skip


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("name", ODD)
def test_whatever_the_server_does_to_a_part_the_right_image_is_installed(machine, name, number):
    one = update(machine, {number: ODD[name]})
    assert_installed(machine, one)


def test_another_etag_does_not_matter_the_chunks_hashes_decide(machine):
    one = update(machine, {1: edited(b"4772D63", b"5555555"), 2: edited(b"4772D63", b"6666666")})
    assert one.transport.ranges == [FIRST, SECOND, THIRD]
    assert_installed(machine, one)


def test_a_file_that_was_replaced_on_the_server_is_not_installed(machine):
    other = bytearray(RELEASE)
    for at in range(5000, len(other), 100):
        other[at] ^= 1
    one = bench(machine)
    one.offer(RELEASE)
    while one.writer._delta is None:
        one.step(100)
    one.transport.data = bytes(other)
    one.run(100)
    assert_not_installed(machine, one)
