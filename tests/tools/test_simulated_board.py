# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Simulated boards with all kinds of failures, and the real boot guard: most tests need no hub and no
network, and in the end each board runs a working application.
"""

import hub_replay
import pytest
from nerveshub_tools.ca import Authority
from nerveshub_tools.packer import pack
from nerveshub_tools.server import HubThread
from nerveshub_tools.simulated_board import make_drive
from nerveshub_tools.tls import ServerTls
from support import checkout, slots
from support.board import META, TIMEOUT, application, fill, new_drive, recorded, running

assert hub_replay  # it puts the tools of the working tree on the path

IDLE = "import time\nprint('{} runs')\nwhile True:\n    time.sleep(0.01)\n"
GOOD = IDLE.format("the good one")
CRASH = "raise RuntimeError('no sensor')\n"
TRIAL = {"run": "b", "old": "a", "trial": 1}


def test_a_new_board_runs_boot_py_then_the_guard_then_its_application(tmp_path):
    drive = new_drive(tmp_path, "print('here', __name__)\n" + GOOD)
    with running(drive) as (_, events):
        assert events.get(timeout=TIMEOUT)["reset"] == "POWER_ON"
        events.ends("/boot.py", "ended")
        events.ends("/code.py", "reload")
        events.until("started", file="/nh_run.py")
        events.said("here __main__")
        events.said("the good one runs")


def test_the_first_start_writes_boot_out_txt_and_later_ones_do_not(tmp_path):
    drive = new_drive(tmp_path, GOOD)
    written = []
    for _ in range(2):
        with running(drive) as (_, events):
            events.said("the good one runs")
        written.append((drive / "boot_out.txt").stat().st_mtime_ns)
    assert written[0] == written[1]
    text = (drive / "boot_out.txt").read_bytes()
    assert text.endswith(b"Board ID:simulated\r\nUID:0123456789AB\r\nboot.py output:\r\n")


def test_an_application_sees_its_drive_as_on_a_board(tmp_path):
    source = (
        """
import os, sys
import helper, board, microcontroller, storage, supervisor, wifi
assert (__file__, helper.__file__) == ("/slot/code.py", "/slot/lib/helper.py")
assert os.getcwd() == "/slot" and sorted(os.listdir()) == ["code.py", "lib"]
assert sys.path[0] == "/slot/lib" and "/lib" in sys.path and "nh_boot.py" in os.listdir("/")
with open("../media/lib/helper.py") as file:
    assert file.read() == "HELP = 1"
for change in (
    lambda: open("new", "w"), lambda: open("code.py", "r+b"), lambda: os.mkdir("/slot/folder"),
    lambda: os.remove("/media/code.py"), lambda: os.rename("/slot/code.py", "/data/code.py"),
    lambda: os.rename("/settings.toml", "/slot/settings.toml"),
):
    try:
        change()
        raise AssertionError("the image was written to")
    except OSError as error:
        assert error.errno == 30, error
assert storage.getmount("/slot").readonly
assert os.stat("/data")[0] & 0x4000 and os.statvfs("/")[0]
assert not storage.getmount("/").readonly
assert os.getenv("NERVESHUB_HOST") == "devices.example.com"
assert os.getenv("PATH") is None
assert board.board_id == "simulated" and microcontroller.cpu.uid.hex() == "0123456789ab"
with open("/data/x", "w") as file:
    file.write("kept")
os.rename("/data/x", "/data/y")
ticks = supervisor.ticks_ms()
assert (1 << 29) - 70000 < ticks < 1 << 29 or ticks < 60000, ticks
print("all is as on a board")
"""
        + GOOD
    )
    app = application(tmp_path / "first", source, **{"lib/helper.py": "HELP = 1"})
    settings = {"NERVESHUB_HOST": "devices.example.com"}
    drive = make_drive(tmp_path / "CIRCUITPY", app=app, meta=META, settings=settings)
    with running(drive) as (_, events):
        events.said("all is as on a board")
    assert (drive / "data" / "y").read_text() == "kept"


def test_the_drive_is_read_only_when_the_settings_leave_it_to_the_computer(tmp_path):
    source = """
import storage
print("readonly", storage.getmount("/").readonly)
try:
    open("/data/x", "w")
except OSError as error:
    print("errno", error.errno)
"""
    with running(new_drive(tmp_path, source + GOOD, NERVESHUB_DEVELOP="1")) as (_, events):
        events.said("nh_boot: NERVESHUB_DEVELOP is on, but there is no /develop/code.py")
        events.said("readonly True")
        events.said("errno 30")


def test_what_is_developed_runs_as_usual_and_the_board_waits_when_it_has_ended(tmp_path):
    drive = new_drive(tmp_path, GOOD, NERVESHUB_DEVELOP="1")
    (drive / "develop" / "code.py").write_text("import os\nprint('in', os.getcwd())\n1/0\n")
    with running(drive) as (board, events):
        events.said("in /develop")
        assert "ZeroDivisionError" in events.until("ended", how="crashed")["traceback"]
        events.until("prompt")
        (drive / "develop" / "code.py").write_text("print('mended')\n")
        board.press_ctrl_d()
        events.said("mended")
        events.until("prompt")
    assert "crashes" not in recorded(drive)


def test_a_release_that_crashes_at_its_start_is_given_up_after_three_starts(tmp_path):
    drive = new_drive(tmp_path, GOOD)
    fill(drive, "b", CRASH, 2, **TRIAL)
    with running(drive) as (_, events):
        for _ in range(3):
            assert "no sensor" in events.ends("/nh_trial.py", "crashed")["traceback"]
        events.said("the good one runs")
    state = recorded(drive)
    assert (state["run"], state["trial"], state["rev"]) == ("a", 0, 1)
    assert (state["bad"], state["why"]) == ("uuid-b", "crashed")
    assert state["tb"].endswith("RuntimeError: no sensor")


def test_a_release_with_broken_syntax_is_given_up_too(tmp_path):
    drive = new_drive(tmp_path, GOOD)
    fill(drive, "b", "this is no Python\n", 2, **TRIAL)
    with running(drive) as (_, events):
        events.said("the good one runs")
    assert recorded(drive)["why"] == "crashed"


def test_a_release_that_hangs_is_given_up_by_the_watchdog(tmp_path):
    drive = new_drive(tmp_path, GOOD, NERVESHUB_WATCHDOG="1")
    fill(drive, "b", "while True:\n    pass\n", 2, ends="h", **TRIAL)
    with running(drive) as (_, events):
        for _ in range(2):
            events.until("started", file="/nh_trial.py")
            events.until("watchdog")
            assert events.until("boot")["reset"] == "WATCHDOG"
        events.said("the good one runs")
    state = recorded(drive)
    assert (state["why"], state["run"]) == ("hung", "a")
    assert "watchdog" in state["tb"]


def test_a_release_that_runs_on_and_never_polls_is_given_up_by_the_application_s_watchdog(tmp_path):
    drive = new_drive(tmp_path, GOOD)
    source = "from nerveshub_link import AppSlotWriter\nAppSlotWriter().watchdog(1)\n"
    fill(drive, "b", source + IDLE.format("the new one"), 2, ends="hh", **TRIAL)
    with running(drive) as (_, events):
        events.said("the new one runs")
        events.until("watchdog")
        events.said("the good one runs")
    assert recorded(drive)["why"] == "hung"


def test_sys_exit_and_the_end_of_code_py_leave_no_board_waiting(tmp_path):
    drive = new_drive(tmp_path, GOOD)
    for source in ("import sys\nsys.exit()\n", "print('done')\n"):
        fill(drive, "b", source, 2, **TRIAL)
        with running(drive) as (_, events):
            for _ in range(3):
                events.ends("/nh_trial.py", "ended")
            events.said("the good one runs")
        assert recorded(drive)["why"] == "crashed"


def test_a_confirmed_application_that_ends_is_started_again(tmp_path):
    with running(new_drive(tmp_path, "print('done', end='')\n")) as (_, events):
        for _ in range(3):
            events.said("done")
            events.until("ended", how="ended")


def test_a_confirmed_application_goes_back_after_five_crashes(tmp_path):
    drive = new_drive(tmp_path, GOOD)
    fill(drive, "b", CRASH, 2, run="b", old="a", trial=0)
    with running(drive) as (_, events):
        for _ in range(5):
            events.ends("/nh_run.py", "crashed")
        events.said("the good one runs")
    assert recorded(drive)["why"] == "crashed"


def test_without_another_slot_it_is_tried_for_ever_with_growing_waits(tmp_path):
    with running(new_drive(tmp_path, CRASH)) as (_, events):
        waits = [events.until("sleep")["seconds"] for _ in range(7)]
    assert waits == [2, 4, 8, 16, 32, 32, 32]


def test_power_cuts_in_the_trial_count_as_such(tmp_path):
    drive = new_drive(tmp_path, GOOD)
    fill(drive, "b", IDLE.format("the new one"), 2, **TRIAL)
    with running(drive) as (board, events):
        for _ in range(3):
            events.said("the new one runs")
            board.cut_power()
        events.said("the good one runs")
    assert recorded(drive)["why"] == "power"


def test_a_single_power_cut_does_not_end_the_trial(tmp_path):
    drive = new_drive(tmp_path, GOOD)
    fill(drive, "b", IDLE.format("the new one"), 2, **TRIAL)
    with running(drive) as (board, events):
        events.said("the new one runs")
        board.cut_power()
        events.said("the new one runs")
    assert recorded(drive)["ends"] == "p?"


def test_ctrl_c_uses_up_no_trial(tmp_path):
    drive = new_drive(tmp_path, GOOD)
    fill(drive, "b", IDLE.format("the new one"), 2, **TRIAL)
    with running(drive) as (board, events):
        for _ in range(4):
            events.said("the new one runs")
            board.press_ctrl_c()
            events.until("ended", how="interrupted")
        events.said("the new one runs")
    assert recorded(drive)["ends"] == "?"


def test_at_the_desk_one_ctrl_c_gives_the_prompt(tmp_path):
    drive = new_drive(tmp_path, GOOD)
    fill(drive, "b", IDLE.format("the new one"), 2, **TRIAL)
    with running(drive, usb=True) as (board, events):
        for _ in range(4):
            events.said("the new one runs")
            board.press_ctrl_c()
            events.until("ended", how="exited")
            events.until("prompt")
            assert recorded(drive)["ends"] == ""
            board.press_ctrl_d()
        events.said("the new one runs")
    assert recorded(drive)["ends"] == "?"


def test_an_application_that_runs_out_of_memory_again_and_again_is_given_up(tmp_path):
    drive = new_drive(tmp_path, GOOD)
    fill(drive, "b", "raise MemoryError\n", 2, run="b", old="a", trial=0)
    with running(drive) as (_, events):
        for _ in range(5):
            events.ends("/nh_run.py", "crashed")
        events.said("the good one runs")
    assert (recorded(drive)["why"], recorded(drive)["bad"]) == ("crashed", "uuid-b")


def test_a_torn_slot_never_runs_the_other_one_does(tmp_path):
    drive = new_drive(tmp_path, IDLE.format("the torn one"))
    fill(drive, "b", GOOD, 2)
    slots.tear(drive, "a")
    with running(drive) as (_, events):
        assert events.until("output")["text"] == "the good one runs"
    assert recorded(drive)["why"] == "torn"


def test_two_torn_slots_leave_the_rescue_application(tmp_path):
    drive = new_drive(tmp_path, IDLE.format("the torn one"))
    fill(drive, "b", IDLE.format("the other torn one"), 2)
    for slot in "ab":
        slots.tear(drive, slot)
    (drive / "app" / "code.py").write_text(IDLE.format("the rescue application"))
    with running(drive) as (_, events):
        assert events.until("output")["text"] == "the rescue application runs"
    assert recorded(drive)["run"] == ""


def test_without_any_record_the_newest_slot_is_tried(tmp_path):
    drive = new_drive(tmp_path, IDLE.format("the older one"))
    fill(drive, "b", GOOD, 2)
    for copy in "abc":
        (drive / f"nh_{copy}" / "state.bin").write_bytes(bytes(15 * 512))
    with running(drive) as (_, events):
        events.until("started", file="/nh_trial.py")
        events.said("the good one runs")
    state = recorded(drive)
    assert (state["run"], state["old"], state["trial"]) == ("b", "a", 1)


def test_a_board_does_not_stay_in_safe_mode(tmp_path):
    drive = new_drive(tmp_path, GOOD)
    with running(drive) as (board, events):
        for number in range(3):
            events.said("the good one runs")
            board.fail("BROWNOUT" if number else "HARD_FAULT")
            assert events.until("boot")["safe_mode"] != "NONE"
            assert events.until("sleep")["seconds"] == 10 << number
            events.until("ended", how="reset")
            assert events.until("boot") == {
                "event": "boot",
                "reset": "SOFTWARE",
                "safe_mode": "NONE",
            }
        events.said("the good one runs")
    state = recorded(drive)
    assert (state["safe"], state["crashes"]) == (3, 1)


def test_the_button_keeps_it_in_safe_mode(tmp_path):
    with running(new_drive(tmp_path, GOOD)) as (board, events):
        events.said("the good one runs")
        board.fail("USER")
        assert events.until("safe_mode")["reason"] == "USER"
        board.press_reset()
        events.said("the good one runs")


def test_the_first_start_of_a_prepared_drive_makes_the_slots_and_later_ones_do_not(tmp_path):
    drive = make_drive(tmp_path / "CIRCUITPY", meta={"product": "demo"})
    (drive / "app" / "code.py").write_text(IDLE.format("the rescue application"))
    sectors = recorded(drive)["make"]
    for _ in range(2):
        printed = []
        with running(drive) as (_, events):
            while "the rescue application runs" not in printed:
                printed.append(events.until("output")["text"])
        if len(printed) > 1:
            assert printed[0] == f"nh_slots: making two slots of {sectors // 2} KB, once"
            assert printed[1:3] == [f"nh_slots: slot {slot} is there" for slot in "ab"]
            assert recorded(drive) == {"run": ""}
    assert printed == ["the rescue application runs"]
    for slot in "ab":
        assert slots.path_of(drive, slot).stat().st_size == sectors * 512


# It has begun an update.
WRITES = """
from nerveshub_link.slots.slot_file import SlotFile
slot = SlotFile("/images/b/app.img")
slot.write(8, memoryview(bytes(range(256)) * 2))
print("written")
"""


@pytest.mark.parametrize("end", ["raise RuntimeError('in the middle')", "import sys; sys.exit()"])
def test_a_board_that_was_writing_a_slot_ends_by_a_reset_which_closes_no_file(tmp_path, end):
    drive = new_drive(tmp_path, WRITES + end)
    with running(drive) as (_, events):
        events.said("written")
        events.until("ended", how="reset")
        assert events.until("boot")["reset"] == "SOFTWARE"
        assert events.closed == []
        events.said("written")
    state = recorded(drive)
    assert state.get("crashes", 0) >= ("raise" in end)
    assert "raise" not in end or state["tb"].endswith("RuntimeError: in the middle")
    assert slots.path_of(drive, "b").read_bytes()[8 * 512 :][:3] == b"\0\1\2"


def test_only_a_person_s_ctrl_c_closes_the_slot_s_file(tmp_path):
    drive = new_drive(tmp_path, WRITES + GOOD)
    with running(drive, usb=True) as (board, events):
        events.said("the good one runs")
        board.press_ctrl_c()
        events.until("ended", how="exited")
        events.until("prompt")
        assert events.closed == ["/images/b/app.img"]


def test_a_file_that_code_leaves_open_is_closed_by_the_end_of_the_run_and_not_by_a_reset(tmp_path):
    source = "file = open('/data/{}', 'w')\nfile.write('kept')\nprint('left')\n"
    reset = "import microcontroller\nmicrocontroller.reset()\n"
    drive = new_drive(tmp_path, source.format("ended"))
    with running(drive) as (_, events):
        events.said("left")
        events.until("ended")
        assert events.closed[0] == "/data/ended"
    assert (drive / "data" / "ended").read_text() == "kept"
    slots.install(drive, "a", {"code.py": source.format("reset") + reset})
    with running(drive) as (_, events):
        events.said("left")
        events.until("boot")
        assert events.closed == []
    assert (drive / "data" / "reset").read_text() == ""


def test_a_board_without_a_guard_waits_at_its_prompt_as_circuitpython_does(tmp_path):
    drive = new_drive(tmp_path, GOOD)
    (drive / "code.py").write_text("print('no guard')\n")
    with running(drive) as (board, events):
        events.said("no guard")
        events.until("prompt")
        board.press_ctrl_d()
        events.said("no guard")


# With a hub


def _serve(tmp_path):
    authority = Authority(tmp_path / "ca")
    return authority.cert, HubThread(product="demo", tls=ServerTls(*authority.server()))


def _settings(hub):
    return {
        "NERVESHUB_HOST": "localhost",
        "NERVESHUB_PORT": str(hub.port),
        "NERVESHUB_PRODUCT_KEY": hub.product_key,
        "NERVESHUB_PRODUCT_SECRET": hub.product_secret,
    }


def test_the_example_runs_unchanged_and_keeps_its_data(tmp_path):
    example = (checkout.ROOT / "examples" / "nerveshub_link_app_slots.py").read_text()
    ca, served = _serve(tmp_path)
    with served as hub:
        drive = new_drive(tmp_path, example, **_settings(hub))
        with running(drive, ca=ca) as (board, events):
            hub.wait(lambda hub: hub.device("0123456789ab").joined, TIMEOUT)
            hub.wait(lambda hub: hub.device("0123456789ab").logs, TIMEOUT)
            board.cut_power()
            hub.wait(lambda hub: len(hub.device("0123456789ab").logs) == 2, TIMEOUT)
            assert events
        found = hub.device("0123456789ab")
        assert [line["message"] for line in found.logs] == ["start number 1", "start number 2"]
        assert found.meta["version"] == "1.0.0" and found.validated
        assert not hub.violations and not hub.dropped
    assert (drive / "data" / "starts.json").read_text() == '{"starts": 2}'


POLLED = """
import nerveshub_link.link
def poll(link):
    from microcontroller import watchdog
    print("polled", link.state, watchdog.mode and watchdog.timeout)
    __import__("sys").exit()
nerveshub_link.link.NervesHubLink.poll = poll
"""


@pytest.mark.parametrize("name, armed", [("update", 60.0), ("confirm", None), ("deep_sleep", None)])
def test_an_example_that_installs_starts_on_a_prepared_board(tmp_path, name, armed):
    example = (checkout.ROOT / "examples" / f"nerveshub_link_{name}.py").read_text()
    settings = {"NERVESHUB_HOST": "localhost", "NERVESHUB_PRODUCT_KEY": "nhp_key"}
    settings["NERVESHUB_PRODUCT_SECRET"] = "secret"
    with running(new_drive(tmp_path, POLLED + example, **settings)) as (_, events):
        assert events.until("output")["text"] == f"polled waiting {armed}"


def test_a_board_that_is_developed_joins_and_puts_updates_off_with_the_reason(tmp_path):
    example = (checkout.ROOT / "examples" / "nerveshub_link_app_slots.py").read_text()
    why = "NERVESHUB_DEVELOP in settings.toml leaves the drive to the computer"
    ca, served = _serve(tmp_path)
    with served as hub:
        drive = new_drive(tmp_path, example, NERVESHUB_DEVELOP="true", **_settings(hub))
        new = {**META, "platform": "simulated", "architecture": "xtensa"}
        archive = tmp_path / "new.fw"
        new["uuid"] = pack(application(tmp_path / "new", GOOD), archive, new).uuid
        hub.add_firmware(archive.read_bytes(), new)
        with running(drive, ca=ca):
            hub.wait(lambda hub: hub.device("0123456789ab").joined, TIMEOUT)
            hub.push_update("0123456789ab", new["uuid"])
            hub.wait(lambda hub: hub.device("0123456789ab").audit, TIMEOUT)
            hub.wait(lambda hub: len(hub.device("0123456789ab").logs) == 2, TIMEOUT)
        found = hub.device("0123456789ab")
        assert f"rescheduled: {why!r}" in found.audit[-1]
        assert f"earlier: {why}, no updates" in [line["message"] for line in found.logs]
        assert not hub.violations


def test_the_rescue_application_fetches_a_release(tmp_path):
    ca, served = _serve(tmp_path)
    with served as hub:
        meta = {"product": "demo"}
        drive = make_drive(tmp_path / "CIRCUITPY", meta=meta, settings=_settings(hub))
        new = {**META, "platform": "simulated", "architecture": "xtensa"}
        archive = tmp_path / "new.fw"
        new["uuid"] = pack(application(tmp_path / "new", GOOD), archive, new).uuid
        hub.add_firmware(archive.read_bytes(), new)
        with running(drive, ca=ca, sleep_scale=0.01) as (_, events):
            hub.wait(lambda hub: hub.device("0123456789ab").joined, TIMEOUT)
            assert hub.device("0123456789ab").meta["version"] == "0.0.0"
            hub.push_update("0123456789ab", new["uuid"])
            events.said("the good one runs")
            assert events.closed == [], "a slot's folder was written"
        assert not hub.violations
    state = recorded(drive)
    assert (state["run"], state["old"], state["trial"]) == ("a", "", 1)


def test_a_board_talks_to_no_hub_that_it_has_no_reason_to_trust(tmp_path):
    _, served = _serve(tmp_path)
    other = Authority(tmp_path / "other").cert
    source = """
import wifi
from nerveshub_link import AppSlotWriter, NervesHubLink
link = NervesHubLink.from_settings(wifi.radio, fwup_writer=AppSlotWriter())
while link.last_error is None:
    link.poll()
print(link.last_error)
"""
    with served as hub:
        with running(new_drive(tmp_path, source, **_settings(hub)), ca=other) as (_, events):
            assert "certificate" in events.until("output")["text"].lower()
        assert not hub.requests
