# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Application updates on a prepared drive: real archives, real files, and the real guard after them.
"""

import os

import pytest
from support.applications import CODE, META, application, archive
from support.fakes import FakeClock
from support.machine import Machine

from nerveshub_link import AppSlotWriter
from nerveshub_link.errors import UpdateError
from nerveshub_link.slots.record import StateError

OLD = dict(META, uuid="old", version="1.0.0")
NEW = dict(META, uuid="new", author=None, description="what is new")
FILES = application(60_000)
HOUR = 3_600_000
RUNNING = {"code.py": "import test\ntest.run()", "lib/sensor.py": "VALUE = 1"}


@pytest.fixture(name="machine")
def board(tmp_path, monkeypatch):
    """A prepared drive; the application in slot a runs."""
    made = Machine(tmp_path)
    made.install("a", RUNNING, number=1, **OLD)
    made.remember(run="a", old="", trial=0)
    monkeypatch.chdir(made.slot("a"))
    return made


def writer_on(machine, clock=None, **options):
    return AppSlotWriter(machine.root, clock=clock or FakeClock(), **options)


def update(writer, data, meta=None, piece=4096, by_deployment=False):
    writer.by_deployment = by_deployment
    writer.fwup_begin(len(data), meta or NEW)
    for at in range(0, len(data), piece):
        writer.fwup_chunk(memoryview(data)[at : at + piece])
    writer.fwup_finish()


def content(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".nh" not in path.parts
    }


ARCHIVES = {
    "fwup": archive(FILES),
    "fwup, stored": archive(FILES, deflated=False, descriptors=False),
    "zip": archive(FILES, fwup=False, descriptors=False),
    "zip from a pipe": archive(FILES, fwup=False),
}


@pytest.mark.parametrize("data", ARCHIVES.values(), ids=ARCHIVES)
@pytest.mark.parametrize("piece", [1021, 4096, 100_000])
def test_an_update_unpacks_into_the_idle_slot_and_is_tried_at_the_next_start(machine, data, piece):
    running = content(machine.slot("a"))
    writer = writer_on(machine)
    update(writer, data, piece=piece)
    assert content(machine.slot("b")) == FILES
    assert content(machine.slot("a")) == running
    assert machine.record == {"run": "b", "old": "a", "trial": 1}
    assert machine.power_on() == "b"
    assert machine.on_trial


def test_an_abort_takes_back_what_was_finished(machine):
    # Something behind fwup_finish raised, and the update is told as failed.
    before = machine.record
    writer = writer_on(machine)
    update(writer, ARCHIVES["fwup"])
    writer.fwup_abort()
    assert machine.record == before
    assert not machine.intact("b")
    assert machine.power_on() == "a"
    assert not machine.on_trial
    update(writer, ARCHIVES["fwup"])
    assert machine.power_on() == "b"


def test_until_the_restart_the_device_reports_what_runs(machine):
    writer = writer_on(machine)
    update(writer, ARCHIVES["fwup"])
    assert writer.firmware_meta() == OLD
    assert writer.firmware_validated() is True
    assert writer.installed == 1


def test_after_the_restart_it_reports_the_new_release_as_not_confirmed(machine, monkeypatch):
    update(writer_on(machine), ARCHIVES["fwup"])
    machine.power_on()
    monkeypatch.chdir(machine.slot("b"))
    writer = writer_on(machine)
    assert writer.firmware_meta() == dict(META, uuid="new", description="what is new")
    assert writer.firmware_validated() is False
    assert writer.firmware_auto_reverted() is False
    assert writer.installed == 2
    writer.fwup_confirm()
    assert writer.firmware_validated() is True
    assert machine.record == {"run": "b", "old": "a", "trial": 0}
    assert machine.power_on() == "b"
    assert not machine.on_trial


def test_the_next_update_goes_into_the_other_slot_and_leaves_nothing_of_the_release_before(
    machine, monkeypatch
):
    update(writer_on(machine), ARCHIVES["fwup"])
    machine.power_on()
    monkeypatch.chdir(machine.slot("b"))
    writer = writer_on(machine)
    writer.fwup_confirm()
    files = {"code.py": b"third", "new/folder/x.py": b""}
    update(writer, archive(files), dict(NEW, uuid="third"))
    assert content(machine.slot("a")) == files
    assert machine.power_on() == "a"
    monkeypatch.chdir(machine.slot("a"))
    assert writer_on(machine).installed == 3


# Going back


def go_back(machine, reset="SOFTWARE"):
    update(writer_on(machine), archive({"code.py": b"1/0"}))
    machine.power_on()
    for _ in range(3):
        if reset == "SOFTWARE":
            machine.go()
        else:
            machine.power_on(reset)
    assert machine.chosen == "a"
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
    assert writer.last_failure() == "went back: release new was cut off by the power"
    assert writer.fwup_check(NEW, True) is None


def test_the_next_installation_ends_the_report_of_going_back_but_not_the_refusal(
    machine, monkeypatch
):
    update(go_back(machine), archive({"code.py": b""}), dict(NEW, uuid="third"))
    machine.power_on()
    monkeypatch.chdir(machine.slot("b"))
    writer = writer_on(machine)
    assert writer.firmware_auto_reverted() is False
    assert writer.last_failure() is None
    writer.fwup_confirm()
    assert writer.fwup_check(NEW, True).reason == "this release crashed on this device"


def test_a_release_that_proved_good_after_all_is_refused_no_more(machine, monkeypatch):
    update(go_back(machine), ARCHIVES["fwup"])
    machine.power_on()
    monkeypatch.chdir(machine.slot("b"))
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
    update(writer, ARCHIVES["fwup"], dict(NEW, uuid="hotfix"), by_deployment=True)
    machine.power_on()
    monkeypatch.chdir(machine.slot("b"))
    writer = writer_on(machine)
    writer.fwup_confirm()
    assert "tried" not in machine.record


def test_a_bad_release_stays_bad_when_its_count_gives_way_to_another_one_s(machine, monkeypatch):
    for _ in range(3):
        not_confirmed(machine, monkeypatch)
    update(writer_on(machine), ARCHIVES["fwup"], dict(NEW, uuid="hotfix"), by_deployment=True)
    assert (machine.record["bad"], machine.record["why"]) == ("new", "tries")
    machine.power_on()
    monkeypatch.chdir(machine.slot("b"))
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
    update(writer_on(machine), ARCHIVES["fwup"], by_deployment=True)
    machine.power_on()
    monkeypatch.chdir(machine.slot("b"))
    writer_on(machine).fwup_confirm()
    assert machine.record == {"run": "b", "old": "a", "trial": 0}


def test_a_uuid_that_the_guard_could_not_write_down_is_refused_before_anything_is_erased(machine):
    machine.install("b", {"code.py": "the way back"}, number=0)
    with pytest.raises(StateError, match="the record has [0-9]+ bytes, 496 have room"):
        update(writer_on(machine), ARCHIVES["fwup"], dict(NEW, uuid="u" * 400))
    assert machine.intact("b")
    update(writer_on(machine), ARCHIVES["fwup"], dict(NEW, uuid="u" * 255), by_deployment=True)


# fwup_finish fails


def read_back_fails(writer, monkeypatch, error, times):
    """The record is written, and an error comes with reading it back."""
    real, left = writer._record._read, [times]

    def read(copy):
        if left[0]:
            left[0] -= 1
            if isinstance(error, BaseException):
                raise error
            return error
        return real(copy)

    monkeypatch.setattr(writer._record, "_read", read)


@pytest.mark.parametrize("error", [MemoryError(), OSError(5), None])
def test_an_error_after_the_record_was_written_leaves_what_ran_before(machine, monkeypatch, error):
    machine.remember(run="a", old="", trial=0, bad="older", why="crashed")
    writer = writer_on(machine)
    before = machine.record
    read_back_fails(writer, monkeypatch, error, 1)
    with pytest.raises(Exception) as caught:
        update(writer, ARCHIVES["fwup"])
    assert isinstance(caught.value, (MemoryError, OSError, StateError))
    assert machine.record == before
    assert not machine.intact("b")
    assert machine.power_on() == "a"
    assert not machine.on_trial
    monkeypatch.undo()
    monkeypatch.chdir(machine.slot("a"))
    update(writer, ARCHIVES["fwup"])
    assert machine.power_on() == "b"


def test_an_interrupt_after_the_record_was_written_leaves_what_ran_before(machine, monkeypatch):
    writer = writer_on(machine)
    read_back_fails(writer, monkeypatch, KeyboardInterrupt(), 1)
    with pytest.raises(KeyboardInterrupt):
        update(writer, ARCHIVES["fwup"])
    writer.fwup_abort()  # as the update manager does
    assert machine.record == {"run": "a", "old": "", "trial": 0}
    assert machine.power_on() == "a"
    assert not machine.on_trial


def test_if_the_record_can_t_be_put_right_the_slot_is_none_all_the_same(machine, monkeypatch):
    writer = writer_on(machine)
    logged = []
    writer.log = lambda level, text: logged.append((level, text))
    read_back_fails(writer, monkeypatch, MemoryError(), 2)
    with pytest.raises(MemoryError):
        update(writer, ARCHIVES["fwup"])
    assert not machine.intact("b")
    assert logged == [("error", "fwup_abort: MemoryError")]
    assert machine.power_on() == "a"


def test_an_empty_archive_leaves_the_way_back_whole(machine):
    machine.install("b", {"code.py": "the way back"}, number=0)
    with pytest.raises(UpdateError, match="the archive has no code.py"):
        update(writer_on(machine), archive({}))
    assert machine.intact("b")


def test_nothing_is_installed_over_what_a_trial_would_go_back_to(machine, monkeypatch):
    update(writer_on(machine), ARCHIVES["fwup"])
    machine.power_on()
    monkeypatch.chdir(machine.slot("b"))
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
    update(writer_on(machine), ARCHIVES["fwup"])
    machine.power_on()
    monkeypatch.chdir(machine.slot("b"))
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
    update(writer, ARCHIVES["fwup"])
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
        update(writer, ARCHIVES["fwup"])
    (machine.slot("a") / "code.py").write_text("torn")
    assert machine.power_on() == "app"


def refuse(values):
    raise StateError("the record can't be written")


def test_room_is_made_before_the_folder_of_a_file_is_made(machine, monkeypatch):
    machine.install("b", {"code.py": "old", "other.bin": "x" * 60_000})
    drive(monkeypatch, machine, 90)
    files = {"code.py": b"new", "new/folder/big.bin": bytes(50_000)}
    update(writer_on(machine), archive(files))
    assert content(machine.slot("b")) == files


# What is refused, and loses nothing


def refused(machine, data, meta=None):
    """Try an update that can't be taken; return the reason. What runs is as it was."""
    running, record = content(machine.slot("a")), machine.record
    writer = writer_on(machine)
    with pytest.raises(UpdateError) as caught:
        update(writer, data, meta)
    writer.fwup_abort()
    assert content(machine.slot("a")) == running
    assert machine.record == record
    assert machine.power_on() == "a"
    update(writer_on(machine), ARCHIVES["fwup"])
    assert content(machine.slot("b")) == FILES, "left-overs"
    return str(caught.value)


def test_an_archive_without_code_py_is_refused(machine):
    assert refused(machine, archive({"main.py": b""})) == "the archive has no code.py"


@pytest.mark.parametrize("path", ["boot.py", "safemode.py", "settings.toml", "nh_run.py"])
def test_files_that_would_never_take_effect_are_refused_by_name(machine, path):
    assert path in refused(machine, archive({"code.py": b"", path: b""}))


@pytest.mark.parametrize("path", ["../x.py", "/x.py", "lib/../../x.py", ".nh/manifest", "a:b.py"])
def test_no_path_leaves_the_slot(machine, path):
    refused(machine, archive({"code.py": b"", path: b""}))


def test_a_truncated_archive_is_refused(machine):
    refused(machine, ARCHIVES["fwup"][:-30])


def test_a_torn_archive_is_refused(machine):
    data = bytearray(ARCHIVES["fwup"])
    data[len(data) // 2] ^= 1
    refused(machine, bytes(data))


def test_something_that_is_no_archive_is_refused(machine):
    refused(machine, bytes(5000))


def test_a_release_that_does_not_fit_is_refused_before_anything_is_removed(machine, monkeypatch):
    machine.install("b", {"code.py": "old", "big.bin": "x" * 30_000})
    before = content(machine.slot("b"))
    drive(monkeypatch, machine, 50)
    with pytest.raises(UpdateError, match="no room: 6[0-9] KB are needed, 50 KB are free"):
        update(writer_on(machine), ARCHIVES["fwup"])
    assert content(machine.slot("b")) == before


def test_what_the_idle_slot_holds_counts_as_free(machine, monkeypatch):
    machine.install("b", {"code.py": "old", "big.bin": "x" * 60_000})
    drive(monkeypatch, machine, 90)
    update(writer_on(machine), ARCHIVES["fwup"])
    assert content(machine.slot("b")) == FILES


def test_a_zip_that_can_t_fit_is_refused_before_anything_is_removed(machine, monkeypatch):
    machine.install("b", {"code.py": "old"})
    drive(monkeypatch, machine, 12)
    with pytest.raises(UpdateError, match="no room"):
        update(writer_on(machine), ARCHIVES["zip"])
    assert (machine.slot("b") / ".nh" / "manifest").exists()


def drive(monkeypatch, machine, room):
    """A drive with clusters of 1 KB, of which so many are for the idle slot."""

    def statvfs(path):
        used = sum(-(-len(data) // 1024) for data in content(machine.slot("b")).values())
        return (1024, 1024, 960, room - used, room - used, 0, 0, 0, 0, 255)

    monkeypatch.setattr(os, "statvfs", statvfs)


@pytest.mark.parametrize("stop", range(0, 40_000, 5_000))
def test_an_update_that_is_dropped_anywhere_leaves_nothing_behind(machine, stop):
    writer = writer_on(machine)
    data = ARCHIVES["fwup, stored"]
    writer.fwup_begin(len(data), NEW)
    writer.fwup_chunk(memoryview(data)[:stop])
    writer.fwup_abort()
    assert machine.power_on() == "a"
    files = {"code.py": CODE}
    update(writer, archive(files))
    assert content(machine.slot("b")) == files


def test_a_file_that_can_t_be_read_back_is_told(machine, monkeypatch):
    from nerveshub_link.slots import slot_files  # noqa: PLC0415

    monkeypatch.setattr(slot_files, "checksum", lambda path, buffer: (5, 5))
    with pytest.raises(UpdateError, match="code.py can't be read back"):
        update(writer_on(machine), ARCHIVES["fwup"])


def test_a_file_that_the_archive_does_not_list_is_removed(machine):
    writer = writer_on(machine)
    data = ARCHIVES["fwup"]
    writer.fwup_begin(len(data), NEW)
    writer.fwup_chunk(data)
    (machine.slot("b") / "lib" / "stray.py").write_bytes(b"")
    writer.fwup_finish()
    assert content(machine.slot("b")) == FILES


def test_a_file_that_vanished_again_is_told(machine):
    writer = writer_on(machine)
    data = ARCHIVES["fwup"]
    writer.fwup_begin(len(data), NEW)
    writer.fwup_chunk(data)
    (machine.slot("b") / "code.py").unlink()
    with pytest.raises(UpdateError, match="were unpacked"):
        writer.fwup_finish()
    assert machine.record["run"] == "a"


# From the rescue application


def test_the_rescue_application_installs_a_release_that_runs_on_trial(machine, monkeypatch):
    (machine.slot("a") / "code.py").write_text("torn")
    assert machine.power_on() == "app"
    monkeypatch.chdir(machine.slot("a").parent.parent / "app")
    writer = writer_on(machine)
    assert writer.last_failure() == (
        "no whole application is left, the rescue application runs: "
        "went back: release old had torn files"
    )
    update(writer, ARCHIVES["fwup"])
    assert machine.power_on("SOFTWARE") in ("a", "b")
    assert content(machine.slot(machine.chosen)) == FILES
    assert machine.on_trial


# Construction


@pytest.fixture(name="read_only")
def drive_that_is_read_only_for_code(machine):
    assert machine.board.read_only
    machine.board.install()
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
    monkeypatch.chdir(os.path.join(read_only.root, "app"))
    assert "no updates" in writer_on(read_only).last_failure()


def test_a_trial_on_a_drive_that_code_can_t_write_goes_on_and_is_not_confirmed(
    read_only, monkeypatch
):
    read_only.install("b", RUNNING, number=2, **NEW)
    read_only.remember(run="b", old="a", trial=1, ends="?")
    monkeypatch.chdir(read_only.slot("b"))
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
    monkeypatch.chdir(machine.root)
    with pytest.raises(ValueError, match="not by the boot guard. /code.py must call nh_boot.code"):
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
        (b"PK\x03\x04", 'file-resource "code.py" {\n}', True),
        (b"PK\x03\x04", 'file-resource "firmware.bin" {\n}', False),
        (b"PK\x03\x04", 'file-resource "a.bin" {\n}\nfile-resource "code.py" {\n}', True),
        (b"\xe9\x03\x02\x20", None, False),
    ],
)
def test_it_takes_archives_of_files_and_no_firmware(machine, first, conf, taken):
    assert writer_on(machine).fwup_accepts(memoryview(first), conf) is taken


def test_autoreload_is_off_while_it_unpacks(machine):
    machine.board.read_only = False
    machine.board.install()
    import supervisor  # noqa: PLC0415 the stand-in

    writer = writer_on(machine)
    writer.fwup_begin(1000, NEW)
    assert supervisor.runtime.autoreload is False
    writer.fwup_abort()
    assert supervisor.runtime.autoreload is True
    machine.board.uninstall()
