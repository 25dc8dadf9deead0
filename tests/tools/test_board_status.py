# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""``board status`` and ``board pull``: what lies on a prepared drive, a release taken from it."""

import shutil
import tempfile
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from nerveshub_tools import board_slots
from nerveshub_tools.board_slots import examine
from nerveshub_tools.cli import main
from nerveshub_tools.packer import release
from support import checkout
from support.board import application, fill, remember

BOOT_OUT = """\
Adafruit CircuitPython 10.1.0 on 2026-02-02; Adafruit QT Py ESP32-S3 no psram with ESP32S3
Board ID:adafruit_qtpy_esp32s3_nopsram
"""
RELEASE = ("--product", "greenhouse", "--version", "1.2.3")


SETTINGS = """\
CIRCUITPY_WIFI_SSID = "n"
CIRCUITPY_WIFI_PASSWORD = "p"
NERVESHUB_HOST = "hub.example.org"
NERVESHUB_PRODUCT_KEY = "nhp_1"
NERVESHUB_PRODUCT_SECRET = "s"
CIRCUITPY_SAFE_MODE_DELAY = 0
"""
LIBRARY = (
    "nerveshub_link/__init__.py",
    "nerveshub_link/slots/app_slot_writer.py",
    "adafruit_connection_manager.py",
    "adafruit_ticks.py",
)


@pytest.fixture
def drive(tmp_path) -> Path:
    """A fresh CIRCUITPY, but for the settings and a library that is quick to copy."""
    drive = tmp_path / "CIRCUITPY"
    drive.mkdir()
    (drive / "boot_out.txt").write_text(BOOT_OUT)
    (drive / "settings.toml").write_text(SETTINGS)
    for name in LIBRARY:
        path = drive / "lib" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('"""Stands in."""\n')
    return drive


@pytest.fixture
def app(tmp_path) -> str:
    return application(tmp_path / "app", "print('hello')\n", **{"lib/sensor.py": "X = 1\n"})


def run(*words, input=None):
    return CliRunner().invoke(main, ["board", *map(str, words)], input=input)


def prepare(drive, *words):
    done = run("prepare", drive, "--yes", "--library", "none", "--slot-size", "100", *words)
    assert done.exit_code == 0, done.output


def started(drive, app, **state):
    """A prepared drive after the board's first start, which has looked at the slots."""
    prepare(drive, "--app", app, *RELEASE)
    remember(drive, run="a", **state)


def status(drive):
    done = run("status", drive)
    return done.exit_code, " ".join(done.output.split())


def test_status_of_a_new_board_in_words(drive, app):
    prepare(drive, "--app", app, *RELEASE)
    code, words = status(drive)
    assert code == 0, words
    uuid = examine(drive / "images/a/app.img").header.meta["uuid"]
    for text in (
        "board adafruit_qtpy_esp32s3_nopsram, CircuitPython 10.1.0, ESP32S3",
        "record slot a runs, confirmed; nothing to go back to",
        f"slot a greenhouse 1.2.3 {uuid}, 2 files, 1 KB, 70 % of 93 KB, whole; file",
        "slot b empty; room for 93 KB; file of 100 KB; whether it lies in one piece the board",
        "rescue for greenhouse; as these tools have it",
        "guard as these tools have it",
        "settings complete",
    ):
        assert text in words


def test_status_of_a_trial_tells_how_each_start_ended(drive, app):
    prepare(drive, "--app", app, *RELEASE)
    fill(drive, "b", "", 2, run="b", old="a", trial=1, ends="cp?")
    code, words = status(drive)
    assert code == 0
    assert (
        "slot b runs, on trial: start crashed, start lost power, start has not ended yet;"
        " slot a is kept to go back to"
    ) in words


def test_status_tells_why_it_went_back(drive, app):
    prepare(drive, "--app", app, *RELEASE)
    remember(drive, run="a", rev=1, bad="some-uuid", why="hung", tb="watchdog: [bold]x", safe=2)
    _, words = status(drive)
    assert "went back release some-uuid hung" in words
    assert "last words watchdog: [bold]x" in words
    assert "safe mode 2 starts" in words


def test_status_tells_whose_releases_the_board_takes_and_from_which_version_on(drive, app):
    prepare(drive, "--app", app, *RELEASE)
    _, words = status(drive)
    assert "takes only" not in words and "lowest" not in words
    keys = (
        "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo= PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw="
    )
    with open(drive / "settings.toml", "a", encoding="utf-8") as file:
        file.write(f'NERVESHUB_PUBLIC_KEYS = "{keys}"\n')
    remember(drive, run="a", min="1.2.0")
    code, words = status(drive)
    assert code == 0, words
    assert "takes only releases signed by 11qYAYKx..., PUAXw+hD... (public keys)" in words
    assert "lowest no release below 1.2.0 is taken any more" in words


def wrong(drive):
    code, words = status(drive)
    assert code == 1
    return words


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("images/a/app.img", "slot a is to run and is not whole"),
        ("app/code.py", "the rescue application is not whole"),
        ("app/meta.json", "the rescue application is not whole"),
        ("nh_run.py", "nh_run.py is missing"),
        ("nh_slots.py", "nh_slots.py is missing"),
        ("safemode.py", "safemode.py does not call the guard"),
        ("nh_c/state.bin", "nh_c/state.bin, one of the record's copies, is lost"),
        ("settings.toml", "settings.toml is missing"),
        ("lib/nerveshub_link/__init__.py", "lib/nerveshub_link is not whole"),
        ("lib/nerveshub_link/slots/app_slot_writer.py", "is older than these tools"),
        ("lib/adafruit_ticks.py", "lib/adafruit_ticks is missing"),
    ],
)
def test_status_finds_what_is_missing(drive, app, name, text):
    prepare(drive, "--app", app, *RELEASE)
    (drive / name).unlink()
    assert text in wrong(drive)


def test_status_finds_that_there_is_no_library(drive, app):
    prepare(drive, "--app", app, *RELEASE)
    shutil.rmtree(drive / "lib")
    words = wrong(drive)
    for name in ("nerveshub_link", "adafruit_connection_manager", "adafruit_ticks"):
        assert f"lib/{name} is missing" in words


def test_status_finds_modules_that_circuitpython_does_not_take(drive, app):
    prepare(drive, "--app", app, *RELEASE)
    (drive / "lib" / "nerveshub_link" / "link.mpy").write_bytes(b"M\x06of MicroPython")
    (drive / "lib" / "nerveshub_link" / "slots" / "app_slot_writer.mpy").write_bytes(b"C\x06")
    words = wrong(drive)
    assert "lib/nerveshub_link/link.mpy was not compiled for CircuitPython 9 to 11" in words
    assert "app_slot_writer.mpy is not used: there is a .py of this name, too" in words


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("hub.example.org", "https://hub.example.org", "NERVESHUB_HOST must be a name like"),
        ("hub.example.org", "devices.example.com", "settings.toml lacks NERVESHUB_HOST"),
        ('"n"', '"your-network"', "settings.toml lacks CIRCUITPY_WIFI_SSID"),
        ('"p"', "12345678", "settings.toml lacks CIRCUITPY_WIFI_PASSWORD"),
        (
            "= 0",
            '= 0\nNERVESHUB_DEVICE_CERT = "/c"',
            "SECRET beside NERVESHUB_DEVICE_CERT",
        ),
        ('"s"', '"s" x', "NERVESHUB_PRODUCT_KEY needs NERVESHUB_PRODUCT_SECRET"),
    ],
)
def test_status_finds_settings_that_no_board_can_start_with(drive, app, old, new, text):
    prepare(drive, "--app", app, *RELEASE)
    (drive / "settings.toml").write_text(SETTINGS.replace(old, new))
    assert text in wrong(drive)


def test_status_tells_of_settings_that_windows_has_named(drive, app):
    prepare(drive, "--app", app, *RELEASE)
    (drive / "settings.toml").rename(drive / "settings.toml.txt")
    words = wrong(drive)
    assert "settings.toml is missing" in words
    assert "settings.toml.txt is not read: rename it to settings.toml" in words


def test_status_after_the_first_start_tells_both_slots(drive, app):
    started(drive, app)
    code, words = status(drive)
    assert code == 0, words
    assert "whole; file of 100 KB, in one piece" in words
    assert "slot b empty; room for 93 KB; file of 100 KB, in one piece" in words


def test_status_tells_which_slot_the_board_found_in_pieces(drive, app):
    started(drive, app, split="b")
    words = wrong(drive)
    assert "slot b empty; room for 93 KB; file of 100 KB, in pieces" in words
    assert "slot b does not lie in one piece: the board takes no updates. Erase" in words


def test_status_tells_that_the_board_will_make_what_is_missing_before_its_first_start(drive, app):
    prepare(drive, "--app", app, *RELEASE)
    (drive / "images" / "b" / "app.img").unlink()
    code, words = status(drive)
    assert code == 0
    assert "slot b the board makes it at its first start: 100 KB" in words


def test_status_finds_a_slot_whose_file_is_lost(drive, app):
    started(drive, app)
    (drive / "images" / "b" / "app.img").unlink()
    assert "the file of slot b is lost: the board takes no updates" in wrong(drive)


def change(drive, at, data):
    with open(drive / "images" / "a" / "app.img", "r+b") as file:
        file.seek(at)
        file.write(data)


@pytest.mark.parametrize(
    ("at", "data", "text"),
    [
        (8 * 512 + 400, b"x", "torn: its image is not what was installed"),
        (8 * 512 + 510, b"xx", "torn: its image is not what was installed; this is no FAT image"),
        (8 * 512 + 65536, b"x", "torn: its chunk table is not what was installed"),
        (7 * 512 + 92, b"\xff", "its header is damaged; room for 93 KB"),
        (7 * 512 + 4, b"\x02", "its header has version 2; room for 93 KB"),
    ],
)
def test_status_finds_a_torn_slot_and_says_what_is_wrong(drive, app, at, data, text):
    prepare(drive, "--app", app, *RELEASE)
    change(drive, at, data)
    words = wrong(drive)
    assert text in words
    assert "slot a is to run and is not whole" in words


def test_a_slot_that_was_cut_off_is_no_slot(drive, app):
    prepare(drive, "--app", app, *RELEASE)
    (drive / "images" / "a" / "app.img").write_bytes(bytes(1000))
    assert "its file has 1,000 bytes: it was cut or replaced" in wrong(drive)


@settings(max_examples=60, deadline=None)
@given(st.integers(7 * 512, 8 * 512 + 4096), st.binary(min_size=1, max_size=40))
def test_no_damage_leads_to_more_than_a_fault_in_words(at, data):
    made = release({"code.py": b"1", "lib/x.py": b"2"})
    meta = {key: key for key in ("product", "version", "platform", "architecture", "uuid")}
    whole = board_slots.whole_file(made, meta, 1, 100 * 1024)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "app.img"
        path.write_bytes(whole[:at] + data + whole[at + len(data) :])
        report = examine(path)
        assert report.words()
        assert report.whole == (path.read_bytes() == whole)


def test_status_finds_a_lost_record(drive, app):
    prepare(drive, "--app", app, *RELEASE)
    for copy in "abc":
        (drive / f"nh_{copy}" / "state.bin").unlink()
    assert "there is no record" in wrong(drive)


def test_status_of_a_drive_that_nobody_prepared(drive):
    words = wrong(drive)
    assert "there is no record" in words
    assert "nh_boot.py is missing" in words


def test_status_tells_of_another_version_of_the_guard_but_does_not_blame_it(drive, app):
    prepare(drive, "--app", app, *RELEASE)
    (drive / "nh_boot.py").write_text("another version")
    code, words = status(drive)
    assert code == 0
    assert "nh_boot.py is another version than these tools have" in words


def test_status_does_not_pass_on_what_would_steer_the_terminal(drive, app):
    prepare(drive, "--app", app, *RELEASE)
    remember(drive, run="a", tb="\x1b[31mred")
    assert "\x1b" not in run("status", drive).output


# Pull


def test_pull_unpacks_what_runs(drive, app, tmp_path):
    prepare(drive, "--app", app, *RELEASE)
    done = run("pull", drive, "-o", tmp_path / "out")
    assert done.exit_code == 0, done.output
    uuid = examine(drive / "images/a/app.img").header.meta["uuid"]
    assert f"out: greenhouse 1.2.3, {uuid}, 2 files" in done.output
    assert checkout.tree(tmp_path / "out") == ["code.py", "lib/sensor.py"]
    assert (tmp_path / "out" / "lib" / "sensor.py").read_text() == "X = 1\n"


def test_pull_unpacks_the_slot_that_is_named(drive, app, tmp_path):
    prepare(drive, "--app", app, *RELEASE)
    fill(drive, "b", "print('other')\n", 2)
    assert run("pull", drive, "-o", tmp_path / "out", "--slot", "b").exit_code == 0
    assert (tmp_path / "out" / "code.py").read_text() == "print('other')\n"


def refused(drive, folder, *words):
    done = run("pull", drive, "-o", folder, *words)
    assert done.exit_code == 1
    return " ".join(done.output.split())


def test_pull_writes_over_nothing_and_from_no_slot_that_is_torn(drive, app, tmp_path):
    prepare(drive, "--app", app, *RELEASE)
    assert "is not empty: give a new folder" in refused(drive, app)
    assert "slot b holds no release: empty" in refused(drive, tmp_path / "out", "--slot", "b")
    change(drive, 8 * 512 + 400, b"x")
    words = refused(drive, tmp_path / "out")
    assert "slot a is not whole: its image is not what was installed" in words
    assert not (tmp_path / "out").exists()
    (tmp_path / "file").write_text("")
    remember(drive, run="")
    assert "no slot runs" in refused(drive, tmp_path / "out")


def test_pull_into_a_file_is_refused_in_a_sentence(drive, app, tmp_path):
    prepare(drive, "--app", app, *RELEASE)
    (tmp_path / "file").write_text("")
    assert "file: Not a directory" in refused(drive, tmp_path / "file")
