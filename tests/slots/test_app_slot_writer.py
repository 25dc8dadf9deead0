# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Application updates on a prepared drive: real archives, real files, and the real guard after them.
"""

import io
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from nerveshub_tools import fat_reader
from support.applications import CODE, META, application, archive
from support.archives import feed
from support.fakes import FakeClock
from support.machine import Machine
from support.slots import path_of

from nerveshub_link import AppSlotWriter
from nerveshub_link.errors import UpdateError
from nerveshub_link.slots import slot_drive, slot_file
from nerveshub_link.slots.record import StateError
from nerveshub_link.slots.slot_file import IMAGE_AT, SECTOR, SlotFile

OLD = dict(META, uuid="old", version="1.0.0")
NEW = dict(META, uuid="new", author=None, description="what is new")
NEW_META = dict(META, uuid="new")
FILES = application(60_000)
RELEASE = archive(FILES)
HOUR = 3_600_000
RUNNING = {"code.py": "import test\ntest.run()", "lib/sensor.py": "VALUE = 1"}


@pytest.fixture(name="machine")
def board(tmp_path, monkeypatch):
    """A prepared drive; the application in slot a runs."""
    monkeypatch.setattr(slot_file, "_open", {})
    made = Machine(tmp_path)
    made.install("a", RUNNING, number=1, **OLD)
    made.remember(run="a", old="", trial=0)
    started(monkeypatch, "a")
    return made


def started(monkeypatch, slot):
    """The launcher has started an application: of a slot, or the rescue application."""
    monkeypatch.setattr(slot_file, "_open", {})  # a VM of its own
    launcher = SimpleNamespace(slot=slot, armed=0)
    monkeypatch.setitem(sys.modules, "nh_launcher", launcher)


def writer_on(machine, clock=None, **options):
    return AppSlotWriter(machine.root, clock=clock or FakeClock(), **options)


def finish(writer):
    """What the link does: it calls again until there is no more to do."""
    told = []
    while writer.fwup_finish() is False:
        told.append(writer.finished_percent)
    return told


def update(writer, data, meta=None, piece=4096, by_deployment=False):
    writer.by_deployment = by_deployment
    writer.fwup_begin(len(data), meta or NEW)
    for at in range(0, len(data), piece):
        feed(writer.fwup_chunk, memoryview(data)[at : at + piece])
    return finish(writer)


def content(machine, slot):
    """The files of a slot's image."""
    path = path_of(machine.root, slot)
    file = SlotFile(str(path))
    length = file.header().image_length
    file.close()
    return fat_reader.read(path.read_bytes()[IMAGE_AT * SECTOR :][:length])


def slot_bytes(machine, slot):
    return path_of(machine.root, slot).read_bytes()


@pytest.mark.parametrize("piece", [1021, 4096, 100_000])
def test_an_update_is_written_into_the_idle_slot_and_is_tried_at_the_next_start(machine, piece):
    running = slot_bytes(machine, "a")
    writer = writer_on(machine)
    update(writer, RELEASE, piece=piece)
    assert content(machine, "b") == FILES
    assert slot_bytes(machine, "a") == running
    assert machine.record == {"run": "b", "old": "a", "trial": 1}
    assert machine.power_on() == "b"
    assert machine.on_trial


def test_one_call_writes_4_kb_at_most_however_well_the_release_is_compressed(machine, monkeypatch):
    sizes = []
    write = SlotFile.write
    monkeypatch.setattr(SlotFile, "write", lambda *call: sizes.append(len(call[2])) or write(*call))
    files = {"code.py": CODE, "zeros.bin": bytes(100_000)}
    release = archive(files, META)
    writer = writer_on(machine)
    writer.fwup_begin(len(release), NEW)
    data, most = memoryview(release), 0
    assert len(release) < 8192
    while not writer.fwup_chunk(data):
        data = data[:0]
        most = max(most, sum(sizes))
        sizes.clear()
    assert most == SECTOR + 4096  # the first of them erases the header, too
    finish(writer)
    assert content(machine, "b") == files


def test_fwup_finish_reads_the_image_back_a_piece_with_each_call(machine):
    told = update(writer_on(machine), RELEASE)
    assert told[0] == 0 and told == sorted(told) and told[-1] < 100
    assert len(told) >= 4


def test_an_abort_takes_back_what_was_finished(machine):
    # Something behind fwup_finish raised, and the update is told as failed.
    before = machine.record
    writer = writer_on(machine)
    update(writer, RELEASE)
    writer.fwup_abort()
    assert machine.record == before
    assert not machine.whole("b")
    assert machine.power_on() == "a"
    assert not machine.on_trial
    update(writer, RELEASE)
    assert machine.power_on() == "b"


def test_until_the_restart_the_device_reports_what_runs(machine):
    writer = writer_on(machine)
    update(writer, RELEASE)
    assert writer.firmware_meta() == OLD
    assert writer.firmware_validated() is True
    assert writer.installed == 1


def test_after_the_restart_it_reports_the_new_release_as_not_confirmed(machine, monkeypatch):
    update(writer_on(machine), RELEASE)
    machine.power_on()
    started(monkeypatch, "b")
    writer = writer_on(machine)
    assert writer.firmware_meta() == NEW_META
    assert writer.firmware_validated() is False
    assert writer.firmware_auto_reverted() is False
    assert writer.installed == 2
    writer.fwup_confirm()
    assert writer.firmware_validated() is True
    assert machine.record == {"run": "b", "old": "a", "trial": 0}
    assert machine.power_on() == "b"
    assert not machine.on_trial


def test_what_a_release_says_of_itself_is_reported_whatever_the_server_says(machine, monkeypatch):
    other = {"uuid": "new", "product": "x", "version": "9.9.9", "platform": "y"}
    update(writer_on(machine), RELEASE, other)
    machine.power_on()
    started(monkeypatch, "b")
    assert writer_on(machine).firmware_meta() == NEW_META


def test_the_next_update_goes_into_the_other_slot_and_leaves_nothing_of_the_release_before(
    machine, monkeypatch
):
    update(writer_on(machine), RELEASE)
    machine.power_on()
    started(monkeypatch, "b")
    writer = writer_on(machine)
    writer.fwup_confirm()
    files = {"code.py": b"third", "new/folder/x.py": b""}
    update(writer, archive(files), dict(NEW, uuid="third"))
    assert content(machine, "a") == files
    assert machine.power_on() == "a"
    started(monkeypatch, "a")
    assert writer_on(machine).installed == 3


def test_one_file_stays_open_for_writing_from_the_first_update_on(machine):
    writer = writer_on(machine)
    assert not slot_file.is_open()
    writer.fwup_begin(len(RELEASE), NEW)
    feed(writer.fwup_chunk, memoryview(RELEASE))
    (file,) = slot_file._open.values()
    writer.fwup_abort()
    update(writer, RELEASE)
    assert list(slot_file._open.values()) == [file] and not file.closed


# Going back


def go_back(machine, reset="SOFTWARE"):
    update(writer_on(machine), archive({"code.py": b"1/0"}))
    slot_file._open.clear()  # the restart into it
    machine.power_on()
    for _ in range(3):
        if reset == "SOFTWARE":
            machine.go()
        else:
            machine.power_on(reset)
    assert machine.chosen == "a"
    sys.modules["nh_launcher"] = SimpleNamespace(slot="a", armed=0)  # that of b is there still
    return writer_on(machine)


def test_a_release_that_crashed_is_reported_and_refused_when_a_deployment_offers_it_again(machine):
    writer = go_back(machine)
    assert writer.firmware_meta() == OLD
    assert writer.firmware_validated() is True
    assert writer.firmware_auto_reverted() is True
    failure = writer.last_failure()
    where = '(File "code.py", line 1, in <module>)'
    words = "ZeroDivisionError: division by zero " + where
    assert failure == "went back: release new crashed: " + words
    refusal = writer.fwup_check(NEW, True)
    assert (refusal.kind, refusal.delay) == ("reschedule", HOUR)
    assert refusal.reason == "this release crashed on this device: " + words
    assert writer.fwup_check(dict(NEW, uuid="newer"), True) is None


def test_a_manual_push_is_tried_whatever_happened_before(machine):
    assert go_back(machine).fwup_check(NEW, False) is None


def test_a_release_that_only_lost_power_is_tried_again(machine):
    writer = go_back(machine, "POWER_ON")
    assert writer.last_failure() == "went back: release new lost power"
    assert writer.fwup_check(NEW, True) is None


def test_the_next_installation_ends_the_report_of_going_back_but_not_the_refusal(
    machine, monkeypatch
):
    update(go_back(machine), archive({"code.py": b""}), dict(NEW, uuid="third"))
    machine.power_on()
    started(monkeypatch, "b")
    writer = writer_on(machine)
    assert writer.firmware_auto_reverted() is False
    assert writer.last_failure() is None
    writer.fwup_confirm()
    assert writer.fwup_check(NEW, True).reason == "this release crashed on this device"


def test_a_release_that_proved_good_after_all_is_refused_no_more(machine, monkeypatch):
    update(go_back(machine), RELEASE)
    machine.power_on()
    started(monkeypatch, "b")
    writer = writer_on(machine)
    writer.fwup_confirm()
    assert writer.fwup_check(NEW, True) is None


def test_a_bad_release_is_put_off_by_an_hour_then_by_four_so_that_a_new_one_is_not_kept_out(
    machine,
):
    writer = go_back(machine)
    answers = [writer.fwup_check(NEW, True) for _ in range(4)]
    assert [answer.kind for answer in answers] == ["reschedule"] * 4
    assert [answer.delay for answer in answers] == [HOUR, 4 * HOUR, 4 * HOUR, 4 * HOUR]
    assert writer.fwup_check(dict(NEW, uuid="hotfix"), True) is None


# Never confirmed


def not_confirmed(machine, monkeypatch, by_deployment=True, uuid="new", how="u"):
    """One more installation of a release, which goes back; return the writer that runs then."""
    writer = writer_on(machine)
    update(writer, archive({"code.py": b""}), dict(NEW, uuid=uuid), by_deployment=by_deployment)
    assert machine.power_on() == "b"
    machine.remember(**dict(machine.record, ends=how * 3))
    assert machine.power_on() == "a"
    return writer_on(machine)


@pytest.mark.parametrize("how", ["u", "p", "r"])
def test_what_a_deployment_installed_three_times_without_a_confirmation_is_bad_whatever_ended_it(
    machine, monkeypatch, how
):
    for count in (1, 2):
        writer = not_confirmed(machine, monkeypatch, how=how)
        assert machine.record["tried"] == [0x2BE34445, count]
        assert writer.fwup_check(NEW, True) is None
    answer = not_confirmed(machine, monkeypatch, how=how).fwup_check(NEW, True)
    assert (answer.kind, answer.delay) == ("reschedule", HOUR)
    assert answer.reason == (
        "this release was installed 3 times and never confirmed on this device"
    )


def test_another_release_is_taken_and_does_not_make_the_bad_one_good(machine, monkeypatch):
    for _ in range(3):
        writer = not_confirmed(machine, monkeypatch)
    assert writer.fwup_check(dict(NEW, uuid="hotfix"), True) is None
    writer = not_confirmed(machine, monkeypatch, uuid="hotfix", how="p")
    assert writer.fwup_check(dict(NEW, uuid="hotfix"), True) is None
    update(writer, RELEASE, dict(NEW, uuid="hotfix"), by_deployment=True)
    machine.power_on()
    started(monkeypatch, "b")
    writer = writer_on(machine)
    writer.fwup_confirm()
    assert "tried" not in machine.record


def test_a_bad_release_stays_bad_when_its_count_gives_way_to_another_one_s(machine, monkeypatch):
    for _ in range(3):
        not_confirmed(machine, monkeypatch)
    update(writer_on(machine), RELEASE, dict(NEW, uuid="hotfix"), by_deployment=True)
    assert (machine.record["bad"], machine.record["why"]) == ("new", "tries")
    machine.power_on()
    started(monkeypatch, "b")
    writer = writer_on(machine)
    writer.fwup_confirm()
    assert "never confirmed" in writer.fwup_check(NEW, True).reason


def test_a_push_by_hand_sets_the_count_to_zero(machine, monkeypatch):
    for _ in range(3):
        writer = not_confirmed(machine, monkeypatch)
    assert writer.fwup_check(NEW, False) is None
    writer = not_confirmed(machine, monkeypatch, by_deployment=False)
    assert "tried" not in machine.record
    assert writer.fwup_check(NEW, True) is None


def test_a_confirmation_sets_the_count_to_zero(machine, monkeypatch):
    for _ in range(2):
        not_confirmed(machine, monkeypatch)
    update(writer_on(machine), RELEASE, by_deployment=True)
    machine.power_on()
    started(monkeypatch, "b")
    writer_on(machine).fwup_confirm()
    assert machine.record == {"run": "b", "old": "a", "trial": 0}


def test_a_uuid_that_the_guard_could_not_write_down_is_refused_before_anything_is_erased(machine):
    machine.install("b", {"code.py": "the way back"}, number=0)
    with pytest.raises(StateError, match="the record has [0-9]+ bytes, at most 496 fit"):
        update(writer_on(machine), RELEASE, dict(NEW, uuid="u" * 400))
    assert machine.whole("b")
    update(writer_on(machine), RELEASE, dict(NEW, uuid="u" * 255), by_deployment=True)


# fwup_finish fails


def read_back_fails(writer, monkeypatch, error, times=1):
    """The record is written, and an error comes with reading it back; so often, with all copies."""
    record = writer._record
    write, read, left = record._write, record._read, [0, times]

    def written(copy, frame):
        write(copy, frame)
        if left[1]:
            left[0] = 1

    def reading(copy):
        if left[0]:
            left[:] = 0, left[1] - 1
            if error is not None:
                raise error
            return None
        return read(copy)

    monkeypatch.setattr(record, "_write", written)
    monkeypatch.setattr(record, "_read", reading)


@pytest.mark.parametrize("error", [MemoryError(), OSError(5), None])
def test_an_error_after_the_record_was_written_leaves_what_ran_before(machine, monkeypatch, error):
    machine.remember(run="a", old="", trial=0, bad="older", why="crashed")
    writer = writer_on(machine)
    before = machine.record
    read_back_fails(writer, monkeypatch, error, 1 if error is not None else 2)
    with pytest.raises(Exception) as caught:
        update(writer, RELEASE)
    assert isinstance(caught.value, (MemoryError, OSError, StateError))
    assert machine.record == before
    assert not machine.whole("b")
    assert machine.power_on() == "a"
    assert not machine.on_trial
    update(writer, RELEASE)
    assert machine.power_on() == "b"


def test_an_interrupt_after_the_record_was_written_leaves_what_ran_before(machine, monkeypatch):
    writer = writer_on(machine)
    read_back_fails(writer, monkeypatch, KeyboardInterrupt(), 1)
    with pytest.raises(KeyboardInterrupt):
        update(writer, RELEASE)
    writer.fwup_abort()  # as the update manager does
    assert machine.record == {"run": "a", "old": "", "trial": 0}
    assert machine.power_on() == "a"
    assert not machine.on_trial


def test_if_the_record_can_t_be_put_right_the_slot_holds_no_release_all_the_same(
    machine, monkeypatch
):
    writer = writer_on(machine)
    logged = []
    writer.log = lambda level, text: logged.append((level, text))
    read_back_fails(writer, monkeypatch, MemoryError(), 2)
    with pytest.raises(MemoryError):
        update(writer, RELEASE)
    assert not machine.whole("b")
    assert logged == [("error", "fwup_abort: MemoryError")]
    assert machine.power_on() == "a"


def test_an_error_in_reading_the_image_back_leaves_what_ran_before(machine):
    writer = writer_on(machine)
    writer.fwup_begin(len(RELEASE), NEW)
    feed(writer.fwup_chunk, memoryview(RELEASE))
    assert writer.fwup_finish() is False
    data = bytearray(slot_bytes(machine, "b"))
    data[(IMAGE_AT + 30) * SECTOR] ^= 1
    path_of(machine.root, "b").write_bytes(data)
    with pytest.raises(UpdateError, match="the image can't be read back as it was written"):
        finish(writer)
    assert machine.record == {"run": "a", "old": "", "trial": 0}
    assert not machine.whole("b")
    assert machine.power_on() == "a"


def test_an_update_that_is_dropped_while_it_is_read_back_leaves_what_ran_before(machine):
    writer = writer_on(machine)
    writer.fwup_begin(len(RELEASE), NEW)
    feed(writer.fwup_chunk, memoryview(RELEASE))
    assert writer.fwup_finish() is False
    writer.fwup_abort()
    assert machine.record == {"run": "a", "old": "", "trial": 0}
    assert not machine.whole("b")
    assert machine.power_on() == "a"


def test_an_archive_without_a_resource_leaves_the_way_back_whole(machine):
    machine.install("b", {"code.py": "the way back"}, number=0)
    with pytest.raises(UpdateError):
        update(writer_on(machine), RELEASE[: RELEASE.index(b"data/app.img") - 30])
    assert machine.whole("b")


def test_nothing_is_installed_over_what_a_trial_would_go_back_to(machine, monkeypatch):
    update(writer_on(machine), RELEASE)
    machine.power_on()
    started(monkeypatch, "b")
    for deployment in (True, False):
        answer = writer_on(machine).fwup_check(dict(NEW, uuid="third"), deployment)
        assert (answer.kind, answer.delay) == ("reschedule", 60_000)
        assert answer.reason == "the running release is not confirmed yet"


def test_health_tells_the_guard_s_counters(machine):
    machine.remember(run="a", old="b", trial=0, crashes=2, safe=1)
    assert writer_on(machine).health() == {
        "boot_crashes": 2,
        "boot_safe_modes": 1,
        "boot_trial_starts": 0,
        "record_writes": 2,
        "slot": "a",
    }


# poll()


def on_trial(machine, monkeypatch, clock):
    update(writer_on(machine), RELEASE)
    machine.power_on()
    started(monkeypatch, "b")
    return writer_on(machine, clock)


def test_a_trial_that_is_not_confirmed_in_time_asks_for_the_restart_that_goes_back(
    machine, monkeypatch
):
    clock = FakeClock(ticks=(1 << 29) - 1000)
    writer = on_trial(machine, monkeypatch, clock)
    clock.advance(899_999)
    assert writer.poll() is False
    clock.advance(1)
    assert writer.poll() is True
    assert writer.poll() is False
    assert machine.record["ends"] == "u"
    assert machine.power_on("SOFTWARE") == "a"


def test_ten_steady_minutes_forget_earlier_crashes_and_cost_one_write(machine):
    machine.remember(run="a", old="b", trial=0, crashes=4, safe=2, tb="ValueError")
    clock = FakeClock()
    writer = writer_on(machine, clock)
    assert writer.last_failure() == "2 starts in safe mode: ValueError"
    clock.advance(599_999)
    writer.poll()
    assert machine.record["crashes"] == 4
    clock.advance(1)
    writer.poll()
    assert machine.record == {"run": "a", "old": "b", "trial": 0}


def test_ten_steady_minutes_with_nothing_to_forget_write_nothing(machine):
    clock = FakeClock()
    writer = writer_on(machine, clock)
    before = machine.records()
    clock.advance(700_000)
    writer.poll()
    assert machine.records() == before


def test_ten_steady_minutes_before_the_restart_do_not_undo_the_installation(machine):
    machine.remember(run="a", old="b", trial=0, crashes=4)
    clock = FakeClock()
    writer = writer_on(machine, clock)
    update(writer, RELEASE)
    clock.advance(700_000)
    writer.poll()
    assert machine.record["run"] == "b"
    assert machine.power_on("SOFTWARE") == "b"


def test_a_record_that_can_t_be_written_at_the_deadline_is_tried_again(machine, monkeypatch):
    clock = FakeClock()
    writer = on_trial(machine, monkeypatch, clock)
    clock.advance(900_000)
    with monkeypatch.context() as patched:
        patched.setattr(writer._record, "save", refuse)
        with pytest.raises(StateError):
            writer.poll()
    assert writer.poll() is True


def test_an_installation_whose_record_can_t_be_written_leaves_no_slot_behind(machine, monkeypatch):
    writer = writer_on(machine)
    monkeypatch.setattr(writer._record, "save", refuse)
    with pytest.raises(StateError):
        update(writer, RELEASE)
    machine.tear("a")
    assert machine.power_on() == "app"


def refuse(values):
    raise StateError("the record can't be written")


# What is refused, and loses nothing


def refused(machine, data, meta=None):
    """Try an update that can't be taken; return the reason. What runs is as it was."""
    running, record = slot_bytes(machine, "a"), machine.record
    writer = writer_on(machine)
    with pytest.raises(UpdateError) as caught:
        update(writer, data, meta)
    writer.fwup_abort()
    assert slot_bytes(machine, "a") == running
    assert machine.record == record
    assert machine.power_on() == "a"
    update(writer_on(machine), RELEASE)
    assert content(machine, "b") == FILES
    return str(caught.value)


def test_a_truncated_archive_is_refused(machine):
    assert "ends before its content does" in refused(
        machine, RELEASE[: RELEASE.index(b"PK\x01\x02")]
    )


def test_a_torn_archive_is_refused(machine):
    data = bytearray(RELEASE)
    data[len(data) // 2] ^= 1
    assert "is damaged" in refused(machine, bytes(data))


def test_something_that_is_no_archive_is_refused(machine):
    assert "nerveshub-link pack" in refused(machine, bytes(5000))


@pytest.mark.parametrize("key", ["product", "platform", "architecture"])
def test_a_release_for_another_device_is_refused_and_the_idle_slot_stays(machine, key):
    machine.install("b", {"code.py": "the way back"}, number=0)
    before = slot_bytes(machine, "b")
    words = f"the release is for {key} other, this device is {META[key]}"
    with pytest.raises(UpdateError, match=words):
        update(writer_on(machine), archive(FILES, {key: "other"}))
    assert slot_bytes(machine, "b") == before
    assert machine.whole("b")


def test_what_the_server_says_a_release_is_for_does_not_count(machine):
    other = dict(NEW, product="x", platform="y", architecture="z")
    update(writer_on(machine), RELEASE, other)
    assert machine.power_on() == "b"


def test_a_release_that_does_not_fit_is_refused_and_the_idle_slot_stays(machine):
    machine.install("b", {"code.py": "the way back"}, number=0)
    before = slot_bytes(machine, "b")
    words = "the image and its table have 2[0-9][0-9] KB, a slot of this device has room for 192 KB"
    with pytest.raises(UpdateError, match=words):
        update(writer_on(machine), archive(application(240_000)))
    assert slot_bytes(machine, "b") == before


@pytest.mark.parametrize("stop", range(0, 40_000, 5_000))
def test_an_update_that_is_dropped_anywhere_leaves_what_runs(machine, stop):
    writer = writer_on(machine)
    writer.fwup_begin(len(RELEASE), NEW)
    feed(writer.fwup_chunk, memoryview(RELEASE)[:stop])
    writer.fwup_abort()
    assert machine.power_on() == "a"
    files = {"code.py": CODE}
    update(writer, archive(files))
    assert content(machine, "b") == files


# A slot's file that can't be written


def put_off(writer, why):
    """Updates are put off with a reason, and the device runs on."""
    assert writer.last_failure() == why + ", no updates"
    assert writer.health()["updates"] == "put off: " + why
    for deployment in (True, False):
        answer = writer.fwup_check(NEW, deployment)
        assert (answer.kind, answer.delay, answer.reason) == ("reschedule", HOUR, why)
    with pytest.raises(UpdateError) as caught:
        writer.fwup_begin(1000, NEW)
    assert str(caught.value) == why


AGAIN = ": erase the drive and prepare it again"


def test_without_the_idle_slot_s_file_the_device_runs_and_says_what_to_do(machine):
    path = path_of(machine.root, "b")
    path.unlink()
    put_off(writer_on(machine), f"{path} is lost{AGAIN}")
    path.parent.rmdir()
    put_off(writer_on(machine), f"{path} is lost{AGAIN}")


@pytest.mark.parametrize("size, what", [(0, "is lost"), (100, "is lost"), (78 * 512, "39 KB only")])
def test_a_slot_s_file_of_no_sensible_size_is_told(machine, size, what):
    path = path_of(machine.root, "b")
    path.write_bytes(bytes(size))
    what = what if "lost" in what else "has " + what
    put_off(writer_on(machine), f"{path} {what}{AGAIN}")


def test_a_slot_that_was_not_made_to_its_end_is_told(machine):
    machine.remember(run="a", old="", trial=0, make=401)
    put_off(writer_on(machine), f"{path_of(machine.root, 'b')} has 200 KB only{AGAIN}")


def test_a_slot_that_the_board_has_found_in_pieces_is_told(machine):
    machine.remember(run="a", old="", trial=0, split="b")
    put_off(writer_on(machine), f"{path_of(machine.root, 'b')} is not in one piece{AGAIN}")
    machine.remember(run="a", old="", trial=0, split="a")
    update(writer_on(machine), RELEASE)


class Heap:
    """CircuitPython's gc."""

    def __init__(self):
        self.used, self.collects = 5000, True

    def collect(self):
        pass

    def isenabled(self):
        return self.collects

    def enable(self):
        self.collects = True

    def disable(self):
        self.collects = False

    def mem_alloc(self):
        return self.used


def test_on_circuitpython_the_heap_tells_whether_a_slot_is_in_pieces(machine, monkeypatch):
    # A file takes 112 bytes, and 16 more for each further piece; and a copy of its path.
    pieces = {"/app.img": 5, "/code.py": 1}
    heap = Heap()

    def opened(path, mode):
        assert not heap.collects, "what a collection frees would be taken away"
        heap.used += 112 + 16 * (pieces[path[path.rindex("/") :]] - 1)
        heap.used += 16 + -(-(len(path) + 1) // 16) * 16
        return io.BytesIO()

    monkeypatch.setattr(slot_drive, "gc", heap)
    monkeypatch.setattr(slot_drive, "open", opened, raising=False)
    monkeypatch.setattr(slot_drive.sys.implementation, "name", "circuitpython")
    path = path_of(machine.root, "b")
    try:
        assert slot_drive.unfit(machine.root, "b", {}) == f"{path} is not in one piece{AGAIN}"
        pieces["/app.img"] = 2
        assert slot_drive.unfit(machine.root, "b", {}) == f"{path} is not in one piece{AGAIN}"
        pieces["/app.img"] = 1
        assert slot_drive.unfit(machine.root, "b", {}) is None
        assert heap.collects
    finally:
        monkeypatch.undo()


def test_a_slot_that_can_t_be_read_keeps_no_device_off(machine, monkeypatch):
    def fail(slot, sector, view):
        raise OSError(5)

    monkeypatch.setattr(SlotFile, "read_into", fail)
    writer = writer_on(machine)
    assert writer.firmware_meta() is None
    assert writer.installed == 0


def test_a_running_slot_in_pieces_does_not_matter(machine):
    machine.remember(run="a", old="", trial=0, split="a")
    assert writer_on(machine).last_failure() is None


# From the rescue application


def rescue(machine, monkeypatch):
    """Slot a is torn, so the rescue application runs."""
    machine.tear("a")
    assert machine.power_on() == "app"
    started(monkeypatch, "")


def test_the_rescue_application_installs_a_release_that_runs_on_trial(machine, monkeypatch):
    rescue(machine, monkeypatch)
    writer = writer_on(machine)
    assert writer.last_failure() == (
        "no complete application is left, the rescue application runs: "
        "went back: release old had a damaged image"
    )
    update(writer, RELEASE)
    assert machine.record["old"] == ""
    assert machine.power_on("SOFTWARE") in ("a", "b")
    assert content(machine, machine.chosen) == FILES
    assert machine.on_trial


def test_what_the_rescue_application_installs_has_the_highest_number(machine, monkeypatch):
    machine.install("a", RUNNING, number=8, **OLD)
    machine.install("b", RUNNING, number=9, **OLD)
    machine.tear("b")
    rescue(machine, monkeypatch)
    writer = writer_on(machine)
    assert writer.installed == 0
    update(writer, RELEASE)
    started(monkeypatch, machine.power_on("SOFTWARE"))
    assert writer_on(machine).installed == 10


@pytest.mark.parametrize("lost, taken", [("a", "b"), ("b", "a")])
def test_the_rescue_application_takes_the_slot_that_is_left(machine, monkeypatch, lost, taken):
    rescue(machine, monkeypatch)
    path_of(machine.root, lost).unlink()
    update(writer_on(machine), RELEASE)
    assert machine.record["run"] == taken


def test_the_rescue_application_without_any_slot_runs_and_says_so(machine, monkeypatch):
    rescue(machine, monkeypatch)
    for slot in ("a", "b"):
        path_of(machine.root, slot).unlink()
    writer = writer_on(machine)
    assert writer.last_failure().startswith(f"{path_of(machine.root, 'a')} is lost{AGAIN}")
    assert writer.fwup_check(NEW, False).kind == "reschedule"


def test_the_rescue_application_reports_its_meta_json(machine, monkeypatch):
    rescue(machine, monkeypatch)
    (Path(machine.root) / "app" / "meta.json").write_text(RESCUE_META)
    writer = writer_on(machine)
    assert writer.firmware_meta() == dict(META, uuid="r")
    assert writer.installed == 0
    with pytest.raises(
        UpdateError, match="the release is for platform other, this device is board"
    ):
        update(writer, archive(FILES, {"platform": "other"}))


RESCUE_META = (
    '{"product": "demo", "version": "1.1.0", "platform": "board", "architecture": "xtensa",'
    ' "uuid": "r"}\n'
)


@pytest.mark.parametrize(
    "text",
    [
        "",
        RESCUE_META[:-1],
        RESCUE_META[:40],
        RESCUE_META[:40] + "}\n",
        RESCUE_META.replace('"r"', "5"),
        RESCUE_META.replace(', "uuid": "r"', ""),
        '["a"]\n',
        '["a}\n',
        "\xff" * 90,
    ],
)
def test_a_meta_json_that_is_torn_counts_as_missing(machine, monkeypatch, text):
    rescue(machine, monkeypatch)
    (Path(machine.root) / "app" / "meta.json").write_text(text, encoding="latin-1")
    writer = writer_on(machine)
    assert writer.firmware_meta() is None
    update(writer, RELEASE)


# Construction


@pytest.fixture(name="read_only")
def drive_that_is_read_only_for_code(machine):
    assert machine.board.read_only
    machine.board.install()
    real = sys.modules["storage"].getmount
    sys.modules["storage"].getmount = lambda path: real(path.replace(machine.root, "/"))
    yield machine
    machine.board.uninstall()


NOT_REMOUNTED = "the drive is read-only for code: /boot.py must call nh_boot.boot(); if it does,"
NOT_REMOUNTED += " /boot_out.txt says what failed"
DEVELOPS = "NERVESHUB_DEVELOP in settings.toml leaves the drive to the computer"


@pytest.mark.parametrize("develop, why", [("1", DEVELOPS), ("false", NOT_REMOUNTED)])
def test_on_a_drive_that_code_can_t_write_the_device_runs_and_says_why(
    read_only, monkeypatch, develop, why
):
    monkeypatch.setenv("NERVESHUB_DEVELOP", develop)
    writer = writer_on(read_only)
    assert writer.firmware_meta() == OLD
    assert writer.last_failure() == why + ", no updates"
    assert writer.health()["updates"] == "put off: " + why
    for deployment in (True, False):
        answer = writer.fwup_check(NEW, deployment)
        assert (answer.kind, answer.delay, answer.reason) == ("reschedule", 3_600_000, why)
    with pytest.raises(UpdateError, match="leaves the drive|read-only for code"):
        writer.fwup_begin(1000, NEW)


def test_the_rescue_application_runs_on_a_drive_that_code_can_t_write(read_only, monkeypatch):
    read_only.remember(run="")
    started(monkeypatch, "")
    assert "no updates" in writer_on(read_only).last_failure()


def test_a_trial_on_a_drive_that_code_can_t_write_goes_on_and_is_not_confirmed(
    read_only, monkeypatch
):
    read_only.install("b", RUNNING, number=2, **NEW)
    read_only.remember(run="b", old="a", trial=1, ends="?")
    started(monkeypatch, "b")
    clock = FakeClock()
    writer = writer_on(read_only, clock)
    clock.advance(1_000_000)
    assert writer.poll() is False
    with pytest.raises(StateError, match="the record can't be written: the drive is read-only"):
        writer.fwup_confirm()
    assert writer.firmware_validated() is False


def test_a_drive_that_was_not_prepared_is_told_with_the_command(tmp_path):
    with pytest.raises(ValueError, match="nerveshub-link board prepare"):
        AppSlotWriter(str(tmp_path))


def test_an_application_that_the_guard_did_not_start_is_told(machine, monkeypatch):
    monkeypatch.delitem(sys.modules, "nh_launcher")
    with pytest.raises(
        ValueError, match="not started by the boot guard. /code.py must call nh_boot"
    ):
        writer_on(machine)


@pytest.mark.parametrize("value", [True, 1.5, 59, 86401, "900", None])
def test_a_trial_timeout_out_of_range_is_told_by_name(machine, value):
    with pytest.raises(ValueError, match="trial_timeout must be"):
        writer_on(machine, trial_timeout=value)


# Which images are its own


@pytest.mark.parametrize(
    "first, conf, taken",
    [
        (b"PK\x03\x04", None, True),
        (b"PK\x03\x04", 'file-resource "app.img" {\n}', True),
        (b"PK\x03\x04", 'file-resource "firmware.bin" {\n}', False),
        (b"PK\x03\x04", 'file-resource "a.bin" {\n}\nfile-resource "code.py" {\n}', True),
        (b"\xe9\x03\x02\x20", None, False),
    ],
)
def test_it_takes_archives_and_no_firmware(machine, first, conf, taken):
    assert writer_on(machine).fwup_accepts(memoryview(first), conf) is taken


def test_autoreload_is_off_during_an_update(machine):
    machine.board.read_only = False
    machine.board.install()
    import supervisor  # noqa: PLC0415 the stand-in

    writer = writer_on(machine)
    writer.fwup_begin(1000, NEW)
    assert supervisor.runtime.autoreload is False
    writer.fwup_abort()
    assert supervisor.runtime.autoreload is True
    machine.board.uninstall()
