# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""The boot guard: which application runs, after whatever happened to the one before."""

import os
import shutil
import sys
import zlib

import pytest
from support import slots
from support.machine import COPIES, Machine

from nerveshub_link.slots import slot_file

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


LOOKS = """
import os, sys, test, nh_launcher, sensor
test.seen.update(
    name=__name__, file=__file__, folder=os.getcwd(), path=sys.path[0],
    sensor=sensor.__file__, slot=nh_launcher.slot, armed=nh_launcher.armed,
)
"""


def test_the_application_runs_as_main_in_its_mounted_image_with_its_own_lib_first(machine):
    seen = {}
    machine.install("a", {"code.py": LOOKS, "lib/sensor.py": ""})
    (machine.drive / "lib").mkdir()
    (machine.drive / "lib" / "sensor.py").write_text("another one")
    machine.power_on()
    assert machine.run(seen=seen) == "end"
    slot = machine.root + "/slot"
    assert seen == {
        "name": "__main__",
        "file": slot + "/code.py",
        "folder": slot,
        "path": slot + "/lib",
        "sensor": slot + "/lib/sensor.py",
        "slot": "a",
        "armed": 0,
    }


def test_the_library_is_told_which_slot_runs_and_how_the_watchdog_was_armed(trial):
    seen = {}
    trial.install("b", {"code.py": LOOKS, "lib/sensor.py": ""})
    trial.power_on()
    trial.run(seen=seen)
    assert (seen["slot"], seen["armed"]) == ("b", 90)


def test_the_rescue_application_is_plain_files_and_no_slot(machine):
    seen = {}
    machine.remember(run="")
    (machine.drive / "app" / "lib").mkdir()
    (machine.drive / "app" / "lib" / "sensor.py").write_text("")
    (machine.drive / "app" / "code.py").write_text(LOOKS)
    assert machine.power_on() == "app"
    assert machine.run(seen=seen) == "end"
    app = machine.root + "/app"
    assert (seen["folder"], seen["path"], seen["slot"]) == (app, app + "/lib", "")


IN_THE_IMAGE = """
import os, storage, test
for path in ("/slot/new", "/slot/code.py", "/media/code.py", "new"):
    try:
        open(path if path[0] != "/" else test.root + path, "r+b" if "." in path else "w")
    except OSError as error:
        test.seen.append(error.errno)
test.seen.append(open(test.root + "/media/data.bin", "rb").read())
test.seen.append(storage.getmount(test.root + "/slot").readonly)
"""


def test_nothing_in_the_image_can_be_written_and_what_is_read_in_the_background_has_its_own_mount(
    machine,
):
    seen = []
    machine.install("a", {"code.py": IN_THE_IMAGE, "data.bin": b"picture"})
    machine.power_on()
    assert machine.run(seen=seen, root=machine.root) == "end"
    assert seen == [30, 30, 30, 30, b"picture", True]


def test_folders_to_mount_at_that_are_missing_are_made(machine):
    remove(machine, "slot", "media")
    machine.power_on()
    assert machine.run() == "end"
    assert (machine.drive / "slot").is_dir() and (machine.drive / "media").is_dir()


def test_the_launcher_has_left_the_image_when_the_run_ends_however_it_does(machine, monkeypatch):
    left = []
    ended, reloaded = machine.board.ended, machine.board.reloaded
    slot = machine.root + "/slot"
    look = lambda: left.append((os.getcwd(), [path for path in sys.path if slot in path]))
    monkeypatch.setattr(machine.board, "ended", lambda *args: (look(), ended(*args)))
    monkeypatch.setattr(machine.board, "reloaded", lambda *args: (look(), reloaded(*args)))
    for code in ("pass", "1/0", "raise SystemExit", "raise KeyboardInterrupt", SLEEPY):
        machine.install("a", {"code.py": code})
        machine.power_on()
        left.clear()
        machine.run()
        assert left == [(machine.root, [])], code


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
    (machine.drive / "app" / "code.py").unlink()
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
    assert (file, folder) == (machine.root + "/code.py", machine.root + "/images")
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


def test_after_a_wake_it_runs_as_usual_and_the_run_ends_with_a_reload(machine):
    seen = {}
    code = "import os, sys, test, sensor\ntest.seen.update(n=__name__, f=os.getcwd())"
    machine.install("a", {"code.py": code, "lib/sensor.py": ""})
    machine.power_on()
    assert machine.wake(seen=seen) == "reload"
    assert seen == {"n": "__main__", "f": machine.root + "/slot"}
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
    (machine.drive / "nh_wake.py").unlink()
    assert machine.wake() == "reload"
    assert machine.chosen == "a"


# What is missing


def remove(machine, *names):
    for name in names:
        path = machine.drive / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def test_without_the_rescue_application_a_whole_slot_runs(machine):
    remove(machine, "app")
    assert machine.power_on() == "a"


def test_without_the_launcher_of_trials_the_other_one_runs_it(trial):
    remove(trial, "nh_trial.py")
    assert trial.power_on() == "b"
    assert trial.record["ends"] == "?"


def test_without_any_launcher_the_rescue_application_runs_without_one(machine):
    remove(machine, "nh_run.py", "nh_trial.py")
    assert machine.power_on() == "app"
    assert machine.board.next_code[0] == machine.root + "/app/code.py"


def test_without_a_slot_s_folder_the_rescue_application_runs(machine):
    remove(machine, "images")
    assert machine.power_on() == "app"
    assert machine.run() == "end"
    assert machine.guard() == "app"


def test_without_anything_to_run_the_board_tries_again_and_again_with_pauses(machine):
    machine.tear("a")
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


HEADER, IMAGE = 7 * 512, 8 * 512


@pytest.mark.parametrize(
    "at", [HEADER, HEADER + 5, HEADER + 100, HEADER + 511, IMAGE, IMAGE + 33e3]
)
def test_a_slot_with_one_wrong_bit_never_runs(trial, at):
    slots.flip(trial.drive, "b", int(at))
    assert trial.power_on() == "a"
    assert trial.record["rev"] == 1


@pytest.mark.parametrize("size", [0, HEADER, IMAGE, 40_000])
def test_a_slot_that_is_cut_off_never_runs(trial, size):
    path = slots.path_of(trial.drive, "b")
    path.write_bytes(path.read_bytes()[:size])
    assert trial.power_on() == "a"
    assert trial.record["rev"] == 1


def test_a_slot_that_is_missing_never_runs_and_is_not_made_again(trial):
    remove(trial, "images/b/app.img")
    assert trial.power_on() == "a"
    assert not slots.path_of(trial.drive, "b").exists()


def test_a_slot_whose_header_was_erased_for_an_update_never_runs(trial):
    data = bytearray(slots.path_of(trial.drive, "b").read_bytes())
    data[HEADER:IMAGE] = bytes(512)
    slots.path_of(trial.drive, "b").write_bytes(data)
    assert trial.power_on() == "a"


def test_padding_and_chunk_table_are_no_part_of_what_runs(trial):
    for at in (0, HEADER - 1, 399 * 512):
        slots.flip(trial.drive, "b", at)
    assert trial.power_on() == "b"


def test_a_slot_of_a_later_format_does_not_run(trial):
    path = slots.path_of(trial.drive, "b")
    data = bytearray(path.read_bytes())
    data[HEADER + 4] = 2
    data[HEADER + 508 : IMAGE] = zlib.crc32(data[HEADER : HEADER + 508]).to_bytes(4, "little")
    path.write_bytes(data)
    assert trial.power_on() == "a"


def test_a_torn_confirmed_slot_goes_back_to_the_other_one(trial):
    trial.remember(run="b", old="a", trial=0)
    trial.tear("b")
    assert trial.power_on() == "a"
    assert (trial.record["why"], trial.record["trial"]) == ("torn", 0)


def test_a_slot_that_was_never_tried_is_tried_when_the_running_one_is_torn(machine):
    # The power went between the new slot's header and the record.
    machine.install("b", GOOD, number=2, uuid="new")
    machine.tear("a")
    assert machine.power_on() == "b"
    assert machine.on_trial and machine.record["ends"] == "?"


def test_without_a_whole_slot_the_rescue_application_runs(machine):
    machine.tear("a")
    assert machine.power_on() == "app"
    assert machine.go() == "app"


def test_a_used_up_trial_without_a_slot_to_go_back_to_leads_to_the_rescue_application(trial):
    trial.tear("a")
    trial.power_on()
    crash(trial, 2)
    assert trial.go() == "app"
    assert trial.power_on() == "app"


def test_a_rescue_application_that_crashes_is_tried_again_slowly(machine):
    machine.remember(run="")
    (machine.drive / "app" / "code.py").write_text("1/0")
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
    for name in COPIES:
        (trial.drive / name / "state.bin").write_bytes(b"\xff" * 7680)
    assert trial.power_on() == "b"
    record = trial.record
    assert (record["run"], record["old"], record["trial"], record["ends"]) == ("b", "a", 1, "?")


def test_without_a_record_and_without_its_folders_the_board_starts_and_makes_none(trial):
    remove(trial, *COPIES)
    assert trial.power_on() == "a"  # a trial of b could not be counted
    assert trial.run() == "end"
    assert trial.guard() == "a"
    assert not [name for name in COPIES if (trial.drive / name).exists()]


def test_a_copy_of_another_length_is_left_alone_and_the_others_take_turns(trial):
    (trial.drive / "nh_a" / "state.bin").write_bytes(b"torn")
    (trial.drive / "nh_b" / "state.bin").unlink()
    for ends in ("?", "p?", "pp?"):
        assert trial.power_on() == "b"
        assert trial.record["ends"] == ends
    assert (trial.drive / "nh_a" / "state.bin").read_bytes() == b"torn"
    assert not (trial.drive / "nh_b" / "state.bin").exists()


def test_each_write_goes_to_the_oldest_copy(trial):
    written = []
    for _ in range(4):
        before = trial.records()
        trial.power_on("WATCHDOG")
        written += [at for at in range(3) if trial.records()[at] != before[at]]
    assert written == [written[0], *[(written[0] + step) % 3 for step in (1, 2, 3)]]


def test_a_trial_that_can_t_be_counted_is_not_run(trial, monkeypatch):
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


# Where a slot was written, the VM ends by a reset, which closes no file


@pytest.fixture(name="writing")
def board_that_writes_a_slot(machine, monkeypatch):
    """What runs has begun an update; slot b is whole."""
    machine.install("b", GOOD, number=0, uuid="before")
    machine.remember(run="a", old="b", trial=0)
    monkeypatch.setitem(slot_file._open, "/images/b/app.img", object())
    return machine


@pytest.mark.parametrize(
    ("code", "crashes", "text"),
    [
        ("pass", None, None),
        ("raise SystemExit", None, None),
        ("import supervisor\nsupervisor.reload()", None, None),
        ("raise ValueError('a bug')", 1, "ValueError: a bug"),
        ("raise MemoryError", 1, "MemoryError"),
    ],
)
def test_the_verdict_is_in_the_record_before_the_reset(writing, code, crashes, text):
    writing.install("a", {"code.py": code})
    writing.power_on()
    assert writing.run() == "reset"
    assert writing.record.get("crashes") == crashes
    assert text is None or writing.record["tb"].endswith(text)
    assert writing.power_on("SOFTWARE") == "a"
    assert writing.record.get("crashes") == crashes, "counted twice"


def test_five_crashes_while_updates_are_written_go_back_too(writing):
    writing.install("a", BAD)
    for _ in range(4):
        assert writing.power_on("SOFTWARE") == "a"
        assert writing.run() == "reset"
    assert writing.power_on("SOFTWARE") == "a"
    assert writing.run() == "reset"
    assert writing.power_on("SOFTWARE") == "b"
    assert writing.record["why"] == "crashed"


def test_a_late_crash_is_not_counted_by_it(writing, monkeypatch):
    times = iter([0, 601])
    monkeypatch.setattr("time.monotonic", lambda: next(times))
    writing.install("a", BAD)
    writing.power_on()
    assert writing.run() == "reset"
    assert "crashes" not in writing.record


@pytest.mark.parametrize("code, ends", [("raise KeyboardInterrupt", ""), ("1/0", "c"), ("", "e")])
def test_on_trial_noise_uses_up_no_start_by_it_and_all_else_does(writing, code, ends):
    writing.install("a", {"code.py": code})
    writing.remember(run="a", old="b", trial=1)
    writing.power_on()
    assert writing.run() == "reset"
    assert writing.record["ends"] == ends
    assert writing.power_on("SOFTWARE") == "a"
    assert writing.record["ends"] == ends + "?"


def test_only_a_person_gets_the_prompt_instead(writing):
    writing.install("a", INTERRUPTED)
    writing.board.usb_connected = True
    writing.power_on()
    assert writing.run() == "prompt"


def test_a_record_that_can_t_be_written_prevents_no_reset(writing, monkeypatch):
    writing.install("a", BAD)
    writing.power_on()
    monkeypatch.setattr("builtins.open", read_only(open))
    assert writing.run() == "reset"


def test_after_a_wake_from_deep_sleep_it_is_the_same(writing):
    writing.install("a", BAD)
    assert writing.wake() == "reset"
    assert writing.record["crashes"] == 1


# NERVESHUB_DEVELOP


@pytest.fixture(name="desk")
def board_that_is_developed(trial):
    trial.set("NERVESHUB_DEVELOP = 1")
    (trial.drive / "develop" / "lib").mkdir(parents=True)
    (trial.drive / "develop" / "lib" / "sensor.py").write_text("")
    (trial.drive / "develop" / "code.py").write_text(LOOKS)
    trial.board.usb_connected = True
    return trial


def test_what_is_edited_runs_as_usual_and_nothing_is_counted(desk):
    before, seen = desk.records(), {}
    desk.board.boot()
    desk._boot()
    assert desk.vm("code.py") == "reload"
    assert desk.board.next_code == (
        desk.root + "/nh_run.py",
        desk.root + "/develop",
        False,  # when it has ended, CircuitPython waits, and shows the traceback
        False,
    )
    assert desk.run(seen=seen) == "end"
    folder = desk.root + "/develop"
    assert (seen["folder"], seen["path"], seen["slot"]) == (folder, folder + "/lib", "")
    assert seen["armed"] == 0
    desk.board.reloaded("AUTO_RELOAD")
    assert desk.vm("code.py") == "reload"
    assert desk.board.next_code[1] == folder
    assert desk.records() == before


def test_ctrl_c_there_gives_the_prompt(desk):
    (desk.drive / "develop" / "code.py").write_text("raise KeyboardInterrupt")
    desk.board.boot()
    desk._boot()
    desk.vm("code.py")
    assert desk.run() == "prompt"


def test_without_anything_to_develop_it_says_so_and_runs_what_would_run(machine, capsys):
    machine.set("NERVESHUB_DEVELOP = 1")
    assert machine.power_on() == "a"
    said = "nh_boot: NERVESHUB_DEVELOP is on, but there is no /develop/code.py\n"
    assert capsys.readouterr().out == said


# The slots are made once


SIZE = 400 * 512


@pytest.fixture(name="fresh")
def prepared_drive(machine):
    """As ``board prepare`` leaves it: no slot yet, their folders, and a record that says so."""
    for slot in "ab":
        slots.path_of(machine.drive, slot).unlink()
    machine.remember(run="", make=400)
    return machine


def sizes(machine):
    paths = [slots.path_of(machine.drive, slot) for slot in "ab"]
    return [path.stat().st_size if path.exists() else None for path in paths]


def test_the_first_start_makes_the_slots_and_says_so(fresh, capsys):
    assert fresh.power_on() == "app"
    assert sizes(fresh) == [SIZE, SIZE]
    assert fresh.record == {"run": ""}
    assert capsys.readouterr().out == (
        "nh_slots: making two slots of 200 KB, once\n"
        "nh_slots: slot a is there\n"
        "nh_slots: slot b is there\n"
    )
    assert fresh.power_on() == "app"
    assert capsys.readouterr().out == ""


def test_a_slot_that_prepare_has_filled_stays_and_runs(fresh):
    slots.path_of(fresh.drive, "a").write_bytes(bytes(SIZE))
    fresh.install("a", GOOD)
    fresh.remember(run="a", make=400)
    assert fresh.power_on() == "a"
    assert sizes(fresh) == [SIZE, SIZE]
    assert fresh.record == {"run": "a"}


def test_after_a_power_cut_the_next_start_goes_on(fresh, monkeypatch):
    class Cut(Exception):
        pass

    real = open

    def cut(path, mode="r", *more):
        file = real(path, mode, *more)
        if "w" in mode and "/b/" in path:
            file.write(bytes(512))
            raise Cut
        return file

    with monkeypatch.context() as patched:
        patched.setattr("builtins.open", cut)
        fresh.power_on()
    assert sizes(fresh) == [SIZE, 512]
    assert fresh.record["make"] == 400
    fresh.power_on()
    assert sizes(fresh) == [SIZE, SIZE]
    assert fresh.record == {"run": ""}


def test_nothing_old_in_the_slot_s_place_is_taken_for_a_release(fresh):
    # The clusters that FatFs gives it may hold a release from before the drive was erased.
    fresh.power_on()
    for slot in "ab":
        assert slots.path_of(fresh.drive, slot).read_bytes()[: 8 * 512] == bytes(8 * 512)


def test_they_are_never_made_again(fresh):
    fresh.power_on()
    slots.path_of(fresh.drive, "b").unlink()
    fresh.power_on()
    assert sizes(fresh) == [SIZE, None]


def test_while_the_computer_owns_the_drive_they_are_put_off(fresh, capsys):
    fresh.set("NERVESHUB_DEVELOP = 1")
    assert fresh.power_on() == "app"
    assert "so the slots are made at a later start" in capsys.readouterr().out
    assert sizes(fresh) == [None, None]
    fresh.set()
    fresh.power_on()
    assert sizes(fresh) == [SIZE, SIZE]


def test_a_drive_that_can_t_be_written_yet_gets_them_later(fresh, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr("builtins.open", read_only(open))
        assert fresh.power_on() == "app"
    assert fresh.record["make"] == 400
    fresh.power_on()
    assert sizes(fresh) == [SIZE, SIZE]


class Heap:
    """What ``open`` takes of the heap: 16 bytes for each piece of a file."""

    def __init__(self, pieces):
        self._pieces = pieces
        self.taken = 1000

    def open(self, real):
        def opened(path, mode="r", *more):
            name = path.rsplit("/", 2)[-2]
            self.taken += 128 + 16 * self._pieces.get(name, 1)
            return real(path, mode, *more)

        return opened


def test_a_slot_that_is_not_in_one_piece_is_noted(fresh, monkeypatch, capsys):
    heap = Heap({"b": 2})
    monkeypatch.setattr("gc.mem_alloc", lambda: heap.taken, raising=False)
    monkeypatch.setattr("builtins.open", heap.open(open))
    fresh.power_on()
    assert fresh.record == {"run": "", "split": "b"}
    said = "slot b can't be used: it is not in one piece - erase the drive, prepare it again"
    assert said in capsys.readouterr().out


def test_a_slot_without_room_is_noted(fresh, monkeypatch, capsys):
    real = open

    class Full:
        """FatFs moves to the end of what there is, and says nothing."""

        def __init__(self, file):
            self._file = file

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self._file.close()

        def __getattr__(self, name):
            return getattr(self._file, name)

        def seek(self, at):
            self._file.seek(min(at, 5 * 4096))

    monkeypatch.setattr(
        "builtins.open",
        lambda path, mode="r", *more: (
            Full(real(path, mode)) if "w" in mode and "/b/" in path else real(path, mode, *more)
        ),
    )
    fresh.power_on()
    assert fresh.record == {"run": "", "split": "b"}
    assert "slot b can't be used: there is no room for it" in capsys.readouterr().out


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


# Found in a review


def test_two_bad_releases_do_not_take_turns_but_lead_to_the_rescue_application(trial):
    # b was given up, and what the rescue application then put into a is bad, too.
    trial.install("a", BAD, number=3, uuid="worse")
    trial.remember(run="a", old="", trial=1, bad="new", why="crashed")
    trial.power_on()
    crash(trial, 2)
    assert trial.go() == "app"
    assert trial.power_on() == "app"


def test_a_newer_release_in_the_old_slot_is_tried_and_not_taken_for_confirmed(trial):
    # The power went between the new slot's header and the record, which calls that slot "old".
    trial.install("b", GOOD, number=2, uuid="new")
    trial.remember(run="a", old="b", trial=0)
    trial.tear("a")
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
