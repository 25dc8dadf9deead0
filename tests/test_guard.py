# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""The boot guard: which application runs, after whatever happened to the one before."""

import shutil
import sys

import pytest
from support.machine import Machine

GOOD = {"code.py": "pass", "lib/sensor.py": "VALUE = 1"}
BAD = {"code.py": "import sensor\nraise ValueError('a bug')", "lib/sensor.py": "VALUE = 2"}


@pytest.fixture(name="machine")
def board(tmp_path):
    made = Machine(tmp_path)
    made.install("a", GOOD, number=1, uuid="old", version="1.0.0")
    made.remember(run="a", old="", trial=0)
    return made


@pytest.fixture(name="trial")
def board_with_an_update(machine):
    """Slot b was installed, and the board restarts."""
    machine.install("b", BAD, number=2, uuid="new", version="1.1.0")
    machine.remember(run="b", old="a", trial=1)
    return machine


def crash(machine, times=1):
    for _ in range(times):
        machine.go()


# What runs


def test_a_confirmed_application_runs_and_nothing_is_written(machine):
    before = machine.records()
    assert machine.power_on() == "a"
    assert not machine.on_trial
    assert machine.records() == before


def test_the_guard_keeps_what_it_does_not_know_in_the_record(trial):
    tried = {"tried": [123, 2], "later": "x"}
    trial.remember(run="b", old="a", trial=1, **tried)
    for expected in ("b", "b", "b", "a"):
        assert trial.power_on() == expected
        assert {key: trial.record[key] for key in tried} == tried


def test_boot_makes_the_drive_writable_for_code(machine):
    assert machine.board.read_only
    machine.power_on()
    assert not machine.board.read_only


def test_a_setting_leaves_the_drive_to_the_computer(machine):
    machine.set("NERVESHUB_DEVELOP = 1")
    machine.power_on()
    assert machine.board.read_only


def test_the_application_runs_as_main_in_its_slot_with_its_own_lib_first(machine):
    seen = {}
    code = (
        "import os, sys, test, sensor\ntest.seen.update(n=__name__, f=os.getcwd(), p=sys.path[0])"
    )
    machine.install("a", {"code.py": code, "lib/sensor.py": ""})
    machine.power_on()
    assert machine.run(seen=seen) == "end"
    slot = str(machine.slot("a"))
    assert seen == {"n": "__main__", "f": slot, "p": slot + "/lib"}


def test_the_start_of_a_trial_is_counted_before_it_is_handed_over(trial):
    assert trial.power_on() == "b"
    assert trial.record["ends"] == "?"
    assert trial.on_trial


WATCHDOG = """
from microcontroller import watchdog
import test
test.seen.append(watchdog.mode and watchdog.timeout)
"""


def test_the_watchdog_is_armed_on_trial_and_only_then(trial):
    seen = []
    trial.install("b", {"code.py": WATCHDOG})
    trial.power_on()
    trial.run(seen=seen)
    trial.remember(run="b", old="a", trial=0)
    trial.power_on()
    trial.run(seen=seen)
    assert seen == [90, None]


@pytest.mark.parametrize("text, seconds", [("300", 300), ("0", None), ("nonsense", 90)])
def test_the_watchdog_of_a_trial_can_be_set(trial, text, seconds):
    trial.set("NERVESHUB_WATCHDOG = " + text)
    seen = []
    trial.install("b", {"code.py": WATCHDOG})
    trial.power_on()
    trial.run(seen=seen)
    assert seen == [seconds]


def test_a_watchdog_that_goes_on_after_a_crash_does_not_bite_the_guard_in_its_wait(machine):
    class Waits(list):
        def append(self, seconds):
            super().append((seconds, machine.board.watchdog.mode))

    machine.slept = Waits()
    arm = "from microcontroller import watchdog\nfrom watchdog import WatchDogMode\n"
    arm += "watchdog.timeout = 1\nwatchdog.mode = WatchDogMode.RESET\n1/0"
    machine.install("a", {"code.py": arm})
    machine.power_on()
    assert machine.run() == "error"
    assert machine.board.watchdog.mode is not None
    machine.guard()
    assert machine.slept == [(2, None)]


# Going back


def test_three_crashes_go_back_without_a_network_and_without_a_person(trial):
    assert trial.power_on() == "b"
    assert trial.go() == "b"
    assert trial.go() == "b"
    assert trial.go() == "a"
    record = trial.record
    assert (record["run"], record["trial"], record["rev"]) == ("a", 0, 1)
    assert (record["bad"], record["why"]) == ("new", "crashed")
    assert record["tb"].endswith("ValueError: a bug")
    assert trial.go() == "a"


@pytest.mark.parametrize("code", ["pass", "import sys\nsys.exit(0)", "raise SystemExit", "1/0"])
def test_whatever_ends_a_trial_counts(trial, code):
    trial.install("b", {"code.py": code}, uuid="new")
    trial.power_on()
    crash(trial, 2)
    assert trial.go() == "a"
    assert trial.record["why"] == "crashed"


def test_a_hang_is_ended_by_the_watchdog_and_called_so(trial):
    trial.power_on()
    trial.power_on("WATCHDOG")
    trial.power_on("WATCHDOG")
    assert trial.power_on("WATCHDOG") == "a"
    assert trial.record["why"] == "hung"


@pytest.mark.parametrize("reset", ["POWER_ON", "RESET_PIN", "UNKNOWN"])
def test_lost_power_goes_back_and_does_not_read_like_bad_code(trial, reset):
    trial.power_on()
    for _ in range(2):
        assert trial.power_on(reset) == "b"
    assert trial.power_on(reset) == "a"
    assert trial.record["why"] == "power"


def test_a_brownout_goes_back_and_does_not_read_like_bad_code(trial):
    trial.power_on()
    for _ in range(2):
        assert trial.power_on(safe_mode="BROWNOUT") == "b"
    assert trial.power_on(safe_mode="BROWNOUT") == "a"
    assert trial.record["why"] == "power"


def test_a_release_that_resets_itself_was_not_confirmed(trial):
    trial.install("b", {"code.py": "import microcontroller\nmicrocontroller.reset()"}, uuid="new")
    trial.power_on()
    for _ in range(2):
        assert trial.run() == "reset"
        assert trial.power_on("SOFTWARE") == "b"
    assert trial.run() == "reset"
    assert trial.power_on("SOFTWARE") == "a"
    assert trial.record["why"] == "unconfirmed"


def test_what_most_starts_died_of_is_the_reason(trial):
    trial.power_on()
    crash(trial)
    trial.power_on("POWER_ON")
    assert trial.power_on("POWER_ON") == "a"
    assert trial.record["why"] == "power"


def test_of_two_reasons_as_frequent_the_severer_counts(trial):
    trial.remember(run="b", old="a", trial=1, ends="phc")
    assert trial.power_on() == "a"
    assert trial.record["why"] == "crashed"


def test_a_trial_that_was_not_confirmed_in_time_goes_back_at_once(trial):
    trial.remember(run="b", old="a", trial=1, ends="u")
    assert trial.power_on("SOFTWARE") == "a"
    assert trial.record["why"] == "unconfirmed"


SLEEPY = "import alarm\nalarm.exit_and_deep_sleep_until_alarms()"


@pytest.mark.parametrize("pretended", [False, True])
def test_a_wake_from_deep_sleep_uses_up_no_start(trial, pretended):
    trial.install("b", {"code.py": SLEEPY}, uuid="new")
    trial.power_on()
    assert trial.run() == "sleep"
    for _ in range(5):
        assert trial.wake(pretended) == "sleep"
        assert trial.record["ends"] == "?"


# After the confirmation


def test_five_crashes_of_a_confirmed_application_go_back(trial):
    trial.remember(run="b", old="a", trial=0)
    trial.power_on()
    for _ in range(4):
        assert trial.go() == "b"
    assert trial.go() == "a"
    assert (trial.record["bad"], trial.record["why"], trial.record["rev"]) == ("new", "crashed", 1)


def test_without_a_slot_to_go_back_to_it_is_tried_again_more_and_more_slowly(machine):
    machine.install("a", BAD)
    machine.power_on()
    for _ in range(8):
        assert machine.go() == "a"
    assert machine.slept == [2, 4, 8, 16, 32, 32, 32, 32]


def test_a_crash_after_ten_good_minutes_is_not_counted(machine, monkeypatch):
    times = iter([0, 601])
    monkeypatch.setattr("time.monotonic", lambda: next(times))
    machine.install("a", BAD)
    machine.power_on()
    machine.go()
    assert "crashes" not in machine.record
    assert machine.record["tb"].endswith("ValueError: a bug")
    assert machine.slept == [1]


def test_an_application_that_ends_is_started_again(machine):
    machine.power_on()
    for _ in range(7):
        assert machine.go() == "a"
    assert machine.slept == [1] * 7
    assert "crashes" not in machine.record


@pytest.mark.parametrize("reset", ["POWER_ON", "SOFTWARE", "RESET_PIN"])
def test_restarts_of_a_confirmed_application_are_not_counted(machine, reset):
    before = machine.records()
    for _ in range(9):
        assert machine.power_on(reset) == "a"
    assert machine.records() == before


# Ctrl-C


INTERRUPTED = {"code.py": "raise KeyboardInterrupt"}


def at_the_desk(machine, how):
    if how == "usb":
        machine.board.usb_connected = True
    else:
        machine.set("NERVESHUB_DEVELOP = 1")


@pytest.mark.parametrize("how", ["usb", "develop"])
def test_at_the_desk_one_ctrl_c_gives_the_prompt_and_uses_up_no_start(trial, how):
    trial.install("b", INTERRUPTED, uuid="new")
    trial.power_on()
    at_the_desk(trial, how)
    for _ in range(5):
        assert trial.run() == "prompt"
        assert trial.board.watchdog.mode is None, "it would bite at the prompt"
        assert trial.record["ends"] == ""
        trial.board.reloaded("REPL_RELOAD")
        assert trial.guard() == "b"
    assert "tb" not in trial.record


def test_noise_on_a_serial_line_reloads_and_uses_up_no_start(trial):
    trial.install("b", INTERRUPTED, uuid="new")
    trial.power_on()
    before = trial.records()
    for _ in range(5):
        assert trial.run() == "interrupt"
        assert trial.guard() == "b"
    assert trial.records() == before


def test_noise_is_no_crash_of_a_confirmed_application_and_costs_no_write(machine):
    machine.install("a", INTERRUPTED)
    machine.power_on()
    before = machine.records()
    for _ in range(7):
        assert machine.run() == "interrupt"
        assert machine.guard() == "a"
    assert machine.records() == before


class Interrupted(list):
    """The first wait of the guard is interrupted."""

    def append(self, seconds):
        super().append(seconds)
        if len(self) == 1:
            raise KeyboardInterrupt


def test_noise_within_the_guard_s_wait_does_not_end_at_the_prompt_and_uses_up_no_start(trial):
    trial.install("b", {"code.py": "pass"}, uuid="new")
    trial.power_on()
    trial.run()
    trial.slept = Interrupted()
    assert trial.guard() == "nh_a"  # the guard itself, again
    assert trial.guard() == "b"
    assert trial.record["ends"] == "e?"


def test_at_the_desk_ctrl_c_within_the_guard_s_wait_gives_the_prompt(machine):
    machine.power_on()
    machine.run()
    machine.slept = Interrupted()
    machine.board.usb_connected = True
    assert machine.vm("code.py") == "prompt"


def test_noise_while_the_guard_is_read_does_not_end_at_the_prompt(machine, monkeypatch):
    machine.board.boot()
    machine.vm("boot.py")
    file, folder, on_success, on_error = machine.board.next_code
    assert file.endswith("/code.py")
    assert on_success and on_error


# What only the launcher knows


NO_MEMORY = {"code.py": "raise MemoryError"}


def test_running_out_of_memory_is_a_crash_though_it_leaves_no_traceback(trial):
    trial.install("b", NO_MEMORY, uuid="new")
    trial.remember(run="b", old="a", trial=0)
    trial.power_on()
    for _ in range(4):
        assert trial.go() == "b"
    assert trial.go() == "a"
    assert (trial.record["why"], trial.record["bad"]) == ("crashed", "new")
    assert trial.record["tb"].endswith("out of memory?")


def test_code_that_memory_does_not_suffice_to_compile_is_a_crash(machine, monkeypatch):
    real = compile

    def refusing(source, *more, **named):
        if source == "too_large":
            raise MemoryError
        return real(source, *more, **named)

    machine.install("a", {"code.py": "too_large"})
    machine.power_on()
    with monkeypatch.context() as patched:
        patched.setattr("builtins.compile", refusing)
        machine.go()
    assert machine.record["crashes"] == 1


def test_running_out_of_memory_again_and_again_has_growing_pauses(machine):
    machine.install("a", NO_MEMORY)
    machine.power_on()
    for _ in range(6):
        assert machine.go() == "a"
    assert machine.slept == [2, 4, 8, 16, 32, 32]


def test_a_missing_code_py_is_a_crash(machine):
    machine.remember(run="")
    (machine.slot("a").parent.parent / "app" / "code.py").unlink()
    machine.power_on()
    assert machine.go() == "app"
    assert machine.slept == [30]


ENDS = {
    "end": "pass",
    "exit": "import sys\nsys.exit(1)",
    "reload": "import supervisor\nsupervisor.reload()",
}


@pytest.mark.parametrize("code", ENDS.values(), ids=ENDS)
def test_an_end_of_a_confirmed_application_is_no_crash_whichever_it_is(machine, code):
    machine.install("a", {"code.py": code})
    machine.power_on()
    before = machine.records()
    for _ in range(7):
        assert machine.go() == "a"
    assert machine.records() == before
    assert machine.slept == [1] * 7


def test_how_the_run_ended_is_told_by_a_folder_and_costs_no_write(machine):
    machine.install("a", NO_MEMORY)
    machine.power_on()
    before = machine.records()
    machine.run()
    file, folder, on_success, on_error = machine.board.next_code
    assert (file, folder) == (machine.root + "/code.py", machine.root + "/slots")
    assert machine.records() == before


def test_without_the_folders_that_tell_it_the_traceback_still_does(trial):
    trial.remember(run="b", old="a", trial=0)
    trial.power_on()
    trial.board._set_next_code_file = lambda *args, **named: 1 / 0
    trial.run()
    del trial.board._set_next_code_file
    assert trial.guard() == "b"
    assert trial.record["crashes"] == 1


# Deep sleep


WOKEN = "import alarm, test\ntest.seen.append(alarm.wake_alarm)\n"


@pytest.mark.parametrize("pretended", [False, True])
def test_after_a_wake_the_application_is_told_what_woke_it(machine, pretended):
    seen = []
    machine.install("a", {"code.py": WOKEN + SLEEPY, "lib/sensor.py": ""})
    machine.power_on()
    assert machine.run(seen=seen) == "sleep"
    assert machine.wake(pretended, seen=seen) == "sleep"
    assert seen == [None, "a time alarm"]


def test_after_a_wake_it_runs_as_ever_and_the_run_ends_with_a_reload(machine):
    seen = {}
    code = "import os, sys, test, sensor\ntest.seen.update(n=__name__, f=os.getcwd())"
    machine.install("a", {"code.py": code, "lib/sensor.py": ""})
    machine.power_on()
    assert machine.wake(seen=seen) == "reload"
    assert seen == {"n": "__main__", "f": str(machine.slot("a"))}
    assert machine.guard() == "a"
    assert "crashes" not in machine.record


def test_after_a_wake_a_trial_has_its_watchdog(trial):
    seen = []
    trial.install("b", {"code.py": WATCHDOG + SLEEPY})
    trial.power_on()
    trial.wake(seen=seen)
    assert seen == [90]


def test_after_a_wake_a_crash_is_counted_once_and_its_traceback_is_kept(trial):
    trial.install("b", {"code.py": SLEEPY}, uuid="new")
    trial.power_on()
    trial.run()
    trial.install("b", BAD, uuid="new")
    assert trial.wake() == "reload"
    assert trial.record["ends"] == "c"
    assert trial.record["tb"].endswith("ValueError: a bug")
    assert trial.guard() == "b"
    assert trial.record["ends"] == "c?"


def test_after_a_wake_running_out_of_memory_is_counted(trial, monkeypatch):
    trial.install("b", NO_MEMORY, uuid="new")
    trial.remember(run="b", old="a", trial=0)
    trial.power_on()
    with monkeypatch.context() as patched:
        patched.setattr("traceback.format_exception", lambda *args: bytearray(-1))
        assert trial.wake() == "reload"
    assert trial.guard() == "b"
    assert trial.record["crashes"] == 1


def test_after_a_wake_ctrl_c_at_the_desk_gives_the_prompt_and_noise_does_not(machine):
    machine.install("a", INTERRUPTED)
    machine.power_on()
    before = machine.records()
    assert machine.wake() == "reload"
    assert machine.guard() == "a"
    assert machine.records() == before
    machine.board.usb_connected = True
    assert machine.wake() == "prompt"


def test_without_its_launcher_a_wake_is_a_start_like_any_other(machine):
    (machine.slot("a").parent.parent / "nh_wake.py").unlink()
    assert machine.wake() == "reload"
    assert machine.chosen == "a"


# What is missing


def remove(machine, *names):
    for name in names:
        path = machine.slot("a").parent.parent / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def test_without_the_rescue_application_a_whole_slot_runs(machine):
    remove(machine, "app")
    assert machine.power_on() == "a"


def test_without_the_launcher_of_trials_the_other_one_runs_it(trial):
    remove(trial, "nh_trial.py")
    assert trial.power_on() == "b"
    assert trial.record["ends"] == "?"


def test_without_any_launcher_the_application_runs_without_one(machine):
    remove(machine, "nh_run.py", "nh_trial.py")
    assert machine.power_on() == "a"
    file, folder, _, _ = machine.board.next_code
    assert (file, folder) == (str(machine.slot("a") / "code.py"), str(machine.slot("a")))


def test_without_anything_to_run_the_board_tries_again_and_again_with_pauses(machine):
    (machine.slot("a") / "code.py").write_text("torn")
    remove(machine, "app")
    machine.power_on()
    for _ in range(3):
        assert machine.board.next_code[0] == machine.root + "/code.py"
        machine.guard()
    assert machine.slept == [30] * 4


class Unknown:
    """A module of another CircuitPython, in which something is called otherwise."""

    def __getattr__(self, name):
        raise NotImplementedError(name)


def test_a_start_whose_reason_can_t_be_told_is_counted_on_trial(trial, monkeypatch):
    real = trial.board.install
    monkeypatch.setattr(
        trial.board,
        "install",
        lambda: (real(), setattr(sys.modules["microcontroller"], "cpu", Unknown())),
    )
    for _ in range(3):
        assert trial.power_on() == "b"
    assert trial.power_on() == "a"
    assert trial.record["why"] == "power"


def test_a_confirmed_application_stays_where_the_reason_of_a_start_can_t_be_told(machine):
    real = machine.board.install
    machine.board.install = lambda: (
        real(),
        setattr(sys.modules["microcontroller"], "cpu", Unknown()),
    )
    before = machine.records()
    for _ in range(9):
        assert machine.power_on() == "a"
    assert machine.records() == before


@pytest.mark.parametrize("harm", [{"ends": 5}, {"trial": "1"}, {"crashes": "4"}, {"old": ["a"]}])
def test_of_a_record_that_makes_no_sense_the_rest_is_honoured_and_counted(trial, harm):
    trial.remember(**{"run": "b", "old": "a", "trial": 1, **harm})
    assert trial.power_on() == "b"
    assert trial.on_trial
    assert trial.record["ends"] == "?"


# Torn files


@pytest.mark.parametrize("path", ["code.py", "lib/sensor.py", ".nh/manifest"])
@pytest.mark.parametrize("harm", ["change", "shorten", "lengthen", "remove"])
def test_a_slot_with_a_torn_file_never_runs(trial, path, harm):
    file = trial.slot("b") / path
    data = bytearray(file.read_bytes())
    if harm == "change":
        data[len(data) // 2] ^= 1
    elif harm == "shorten":
        data = data[:-1]
    else:
        data += b"x"
    file.write_bytes(data)
    if harm == "remove":
        file.unlink()
    assert trial.power_on() == "a"
    assert trial.record["rev"] == 1


def test_a_torn_confirmed_slot_goes_back_to_the_other_one(trial):
    trial.remember(run="b", old="a", trial=0)
    (trial.slot("b") / "code.py").write_text("torn")
    assert trial.power_on() == "a"
    assert (trial.record["why"], trial.record["trial"]) == ("torn", 0)


def test_a_slot_that_was_never_tried_is_tried_when_the_running_one_is_torn(machine):
    # The power went between the new slot's manifest and the record.
    machine.install("b", GOOD, number=2, uuid="new")
    (machine.slot("a") / "code.py").write_text("torn")
    assert machine.power_on() == "b"
    assert machine.on_trial and machine.record["ends"] == "?"


def test_without_a_whole_slot_the_rescue_application_runs(machine):
    (machine.slot("a") / "code.py").write_text("torn")
    assert machine.power_on() == "app"
    assert machine.go() == "app"


def test_a_used_up_trial_without_a_slot_to_go_back_to_leads_to_the_rescue_application(trial):
    (trial.slot("a") / "code.py").write_text("torn")
    trial.power_on()
    crash(trial, 2)
    assert trial.go() == "app"
    assert trial.power_on() == "app"


def test_a_rescue_application_that_crashes_is_tried_again_slowly(machine):
    machine.remember(run="")
    (machine.slot("a").parent.parent / "app" / "code.py").write_text("1/0")
    machine.power_on()
    assert machine.go() == "app"
    assert machine.slept == [30]


# The record


def test_of_two_copies_the_newer_one_counts(machine):
    machine.remember(run="a", old="b")
    machine.remember(run="a", old="")
    assert machine.power_on() == "a"
    assert machine.record == {"run": "a", "old": ""}


def test_without_a_record_the_newer_whole_slot_runs_on_trial(trial):
    for name in ("nh_a", "nh_b"):
        (trial.slot("a").parent.parent / name / "state.bin").write_bytes(b"\xff" * 7680)
    assert trial.power_on() == "b"
    record = trial.record
    assert (record["run"], record["old"], record["trial"], record["ends"]) == ("b", "a", 1, "?")


def test_without_a_record_and_without_its_folders_the_board_starts_all_the_same(trial):
    for name in ("nh_a", "nh_b"):
        (trial.slot("a").parent.parent / name / "state.bin").unlink()
        (trial.slot("a").parent.parent / name).rmdir()
    assert trial.power_on() == "b"
    assert trial.record["ends"] == "?"


def test_a_trial_that_can_t_be_counted_is_none(trial, monkeypatch):
    monkeypatch.setattr("builtins.open", read_only(open))
    assert trial.power_on() == "a"


def read_only(real):
    def refusing(path, mode="r", *more):
        if any(letter in mode for letter in "wa+"):
            raise OSError(30, "Read-only file system")
        return real(path, mode, *more)

    return refusing


def test_a_record_of_a_newer_format_is_read_as_far_as_it_is_known(machine):
    machine.remember(run="a", old="", trial=0, colour="green")
    machine.install("a", BAD)
    machine.power_on()
    machine.go()
    assert machine.record["colour"] == "green"
    assert machine.record["crashes"] == 1


def test_a_guard_that_fails_itself_runs_a_whole_application(machine):
    machine.remember(run=["nonsense"])
    assert machine.power_on() == "a"


# Safe mode


def test_the_board_never_stays_in_safe_mode_and_waits_longer_each_time(machine):
    for _ in range(8):
        assert machine.power_on(safe_mode="HARD_FAULT") == "a"
    assert machine.slept == [10, 20, 40, 80, 160, 320, 600, 600]


def test_a_safe_mode_whose_record_can_t_be_written_is_left_all_the_same(machine, monkeypatch):
    monkeypatch.setattr("builtins.open", read_only(open))
    machine.board.boot(safe_mode="BROWNOUT")
    assert machine.vm("safemode.py") == "reset"


def test_a_hard_fault_on_trial_counts_as_a_crash(trial):
    trial.power_on()
    trial.power_on(safe_mode="HARD_FAULT")
    assert trial.record["ends"] == "c?"
    assert trial.record["tb"] == "safe mode: HARD_FAULT"


# What a second pair of eyes found


def test_two_bad_releases_do_not_take_turns_but_lead_to_the_rescue_application(trial):
    # b was given up, and what the rescue application then put into a is bad, too.
    trial.install("a", BAD, number=3, uuid="worse")
    trial.remember(run="a", old="", trial=1, bad="new", why="crashed")
    trial.power_on()
    crash(trial, 2)
    assert trial.go() == "app"
    assert trial.power_on() == "app"


def test_a_newer_release_in_the_old_slot_is_tried_and_not_taken_for_confirmed(trial):
    # The power went between the new slot's manifest and the record, which calls that slot "old".
    trial.install("b", GOOD, number=2, uuid="new")
    trial.remember(run="a", old="b", trial=0)
    (trial.slot("a") / "code.py").write_text("torn")
    assert trial.power_on() == "b"
    assert trial.on_trial


def test_a_late_crash_on_trial_counts_without_a_watchdog_too(trial, monkeypatch):
    trial.set("NERVESHUB_WATCHDOG = 0")
    times = iter([0, 601])
    monkeypatch.setattr("time.monotonic", lambda: next(times))
    trial.power_on()
    trial.go()
    assert trial.record["ends"] == "c?"


def test_a_safe_mode_that_can_do_nothing_waits_all_the_same(machine, monkeypatch):
    machine.board.boot(safe_mode="BROWNOUT")
    monkeypatch.setattr("nerveshub_tools.board_modules.Board._remount", lambda *args: 1 / 0)
    assert machine.vm("safemode.py") == "reset"
    assert machine.slept == [10]
