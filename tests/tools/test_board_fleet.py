# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""``board fleet``: boards are prepared one after the other as they are plugged in."""

import io
from pathlib import Path

import pytest
from click.testing import CliRunner
from nerveshub_tools import board_fleet, board_settings
from nerveshub_tools.board_drive import BoardError
from nerveshub_tools.board_fleet import FleetRun
from nerveshub_tools.board_library import Library
from nerveshub_tools.cli import main
from nerveshub_tools.fleet_table import Done, read
from nerveshub_tools.keys import make_keys

BOOT_OUT = """\
Adafruit CircuitPython 10.1.0 on 2026-02-02; Adafruit QT Py ESP32-S3 no psram with ESP32S3
Board ID:adafruit_qtpy_esp32s3_nopsram
UID:%s
"""
COMMON = """\
CIRCUITPY_WIFI_SSID = "garden"
CIRCUITPY_WIFI_PASSWORD = "wet leaves"
NERVESHUB_HOST = "hub.example.org"
NERVESHUB_PRODUCT_KEY = "nhp_1"
"""
TABLE = """\
identifier,NERVESHUB_PRODUCT_SECRET,# where it goes
bed-1,hush-1,north wall
bed-2,hush-2,
"""


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "fleet.csv"
    path.write_text(TABLE)
    return path


class Usb:
    """
    Where drives come and go: each look, or wait, sees the next step of a plan, such as
    ``["one", "", "two"]``: the names of the boards that are plugged in.
    """

    def __init__(self, folder, *plan):
        self.folder, self.plan, self.waited = folder, list(plan), 0
        self.now = []

    def look(self):
        return [self.board(name) for name in self.now]

    def sleep(self, seconds):
        self.waited += seconds
        if not self.plan:
            raise KeyboardInterrupt
        self.now = self.plan.pop(0).split()

    def board(self, name):
        drive = self.folder / name
        if not drive.exists():
            drive.mkdir()
            (drive / "boot_out.txt").write_text(BOOT_OUT % name.upper())
        return drive


def run(table, usb, prepare=lambda drive, row: True):
    """What it says, and which board got which row."""
    said, got = [], []

    def note(drive, row):
        good = prepare(drive, row)
        if good:
            got.append((drive.path.name, row.identifier))
        return good

    bench = FleetRun(read(table), Done.beside(table), note, said.append, usb.look, usb.sleep)
    try:
        bench.run()
    except KeyboardInterrupt:
        said.append(bench.words())
    return said, got


# One after the other


def test_each_board_gets_a_row_when_it_is_plugged_in(table, tmp_path):
    # A drive that was seen gets a second to settle: the step behind it.
    usb = Usb(tmp_path, "", "one", "one", "one", "", "two", "two")
    said, got = run(table, usb)
    assert got == [("one", "bed-1"), ("two", "bed-2")]
    assert said == [
        "Plug in the board for bed-1 (1 of 2).",
        f"{tmp_path / 'one'} becomes bed-1",
        "bed-1 is prepared. Eject the drive, press reset, let it start once, and unplug it",
        "Plug in the board for bed-2 (2 of 2).",
        f"{tmp_path / 'two'} becomes bed-2",
        "bed-2 is prepared. Eject the drive, press reset, let it start once, and unplug it",
    ]


def test_several_boards_may_be_plugged_in_at_once(table, tmp_path):
    usb = Usb(tmp_path, "one two", "one two", "one two")
    assert run(table, usb)[1] == [("one", "bed-1"), ("two", "bed-2")]


def test_which_is_done_is_written_down_at_once_and_the_next_run_goes_on(table, tmp_path):
    said, got = run(table, Usb(tmp_path, "one", "one"))
    assert got == [("one", "bed-1")]
    assert said[-1] == "1 of 2 boards are prepared; the same command goes on from there"
    lines = (tmp_path / "fleet.done.csv").read_text().splitlines()
    assert lines[0] == "identifier,uid,board,time"
    assert lines[1].startswith("bed-1,ONE,adafruit_qtpy_esp32s3_nopsram,2")
    said, got = run(table, Usb(tmp_path, "two", "two"))
    assert got == [("two", "bed-2")]
    assert said[0] == "1 of 2 boards are prepared; the same command goes on from there"
    assert run(table, Usb(tmp_path))[0] == [f"All 2 boards are prepared: {tmp_path}/fleet.done.csv"]


def test_a_board_that_is_done_does_not_get_another_name(table, tmp_path):
    usb = Usb(tmp_path, "one", "one", "", "one", "one", "")
    said, got = run(table, usb)
    assert got == [("one", "bed-1")]
    assert said[-2] == f"{tmp_path / 'one'}: this board is bed-1, and prepared already"


def test_a_board_that_failed_leaves_its_row_open(table, tmp_path):
    failures = [BoardError("the drive is full"), ValueError("no code.py"), None]

    def prepare(drive, row):
        failure = failures.pop(0)
        if failure:
            raise failure
        return True

    usb = Usb(tmp_path, "one", "one", "", "two", "two", "", "one", "one")
    said, got = run(table, usb, prepare)
    assert got == [("one", "bed-1")]
    assert said[2] == f"{tmp_path / 'one'}: the drive is full"
    assert said[3] == "Unplug it, and plug it in again; or another board"
    assert f"{tmp_path / 'two'}: no code.py" in said


def test_a_no_leaves_the_row_open(table, tmp_path):
    said, got = run(table, Usb(tmp_path, "one", "one"), lambda drive, row: False)
    assert got == []
    assert said[-2] == f"{tmp_path / 'one'}: nothing was changed; bed-1 is still open"
    assert not (tmp_path / "fleet.done.csv").exists()


def test_a_board_that_was_given_a_row_before_it_was_interrupted_gets_that_one(table, tmp_path):
    usb = Usb(tmp_path, "two", "two")
    (usb.board("two") / "settings.toml").write_text('NERVESHUB_IDENTIFIER = "bed-2"\n')
    assert run(table, usb)[1] == [("two", "bed-2")]


def test_a_drive_that_goes_while_it_is_looked_at_stops_nothing(table, tmp_path):
    usb = Usb(tmp_path, "one", "one", "one")
    real = usb.look
    gone = tmp_path / "gone"
    usb.look = lambda: [*real(), gone]
    said, got = run(table, usb)
    assert got == [("one", "bed-1")]
    assert any(line.startswith(f"{gone}: {gone} has no boot_out.txt") for line in said)


def test_a_torn_line_of_the_list_is_no_board_and_spoils_none(table, tmp_path):
    path = tmp_path / "fleet.done.csv"
    path.write_text("identifier,uid,board,time\nbed-1,ONE,b,t\nbed-2,TW")
    done = Done.beside(table)
    assert done.boards == {"bed-1": "ONE"}
    done.add("bed-2", "TWO", "b")
    assert Done.beside(table).boards == {"bed-1": "ONE", "bed-2": "TWO"}


def test_a_list_that_can_not_be_written_ends_the_run(table, tmp_path):
    (tmp_path / "fleet.done.csv").mkdir()
    with pytest.raises(BoardError, match=r"fleet.done.csv: Is a directory"):
        run(table, Usb(tmp_path, "one", "one"))


# The table


def test_columns_are_settings_and_empty_cells_say_nothing(tmp_path):
    path = tmp_path / "fleet.csv"
    path.write_text(
        "\ufeffidentifier;NERVESHUB_PORT;CIRCUITPY_WIFI_PASSWORD;#x\r\n"
        'bed-1 ;4000;" a;b ";y\r\n;;;\r\nbed-2;;;\r\n'
    )
    first, second = read(path)
    assert first.values == {
        "NERVESHUB_IDENTIFIER": "bed-1",
        "NERVESHUB_PORT": "4000",
        "CIRCUITPY_WIFI_PASSWORD": " a;b ",
    }
    assert second.values == {"NERVESHUB_IDENTIFIER": "bed-2"}
    settings = board_settings.Settings(first.settings(COMMON.encode())).texts()
    assert settings["NERVESHUB_HOST"] == "hub.example.org"
    assert settings["CIRCUITPY_WIFI_PASSWORD"] == " a;b "


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 'fleet.csv has no column "identifier" in its first line'),
        ("name\n", "the column 'name' is neither identifier nor called like a setting"),
        ("identifier\n", "fleet.csv has no rows"),
        ("identifier\na\nb\na\n", "fleet.csv line 4: a stands in fleet.csv line 2, too"),
        ("identifier,A\n,1\n", "fleet.csv line 2 has no identifier"),
        ("identifier\na,b\n", "fleet.csv line 2 has more cells than the first line has names"),
        ("identifier,NERVESHUB_IDENTIFIER\na,b\n", "two columns for NERVESHUB_IDENTIFIER"),
        ("identifier,CIRCUITPY_PYSTACK_SIZE\n", "CIRCUITPY_PYSTACK_SIZE is a number: put it into"),
    ],
)
def test_a_table_that_is_wrong_is_refused_with_its_line(tmp_path, text, words):
    path = tmp_path / "fleet.csv"
    path.write_text(text)
    with pytest.raises(BoardError) as refused:
        read(path)
    assert words in str(refused.value)


def test_the_content_of_a_file_that_is_no_table_is_not_shown(tmp_path):
    _, private = make_keys(tmp_path / "key")
    with pytest.raises(BoardError) as refused:
        read(private)
    assert "key.priv: the first line is neither identifier nor" in str(refused.value)
    assert private.read_text()[:20] not in str(refused.value)


def test_a_table_that_is_no_utf_8_is_told(tmp_path):
    path = tmp_path / "fleet.csv"
    path.write_bytes("identifier\nGew\xe4chshaus\n".encode("latin-1"))
    with pytest.raises(BoardError, match="is not UTF-8: save it as CSV UTF-8"):
        read(path)


# The command


def fleet(table, *words, input=None):
    always = ("--product", "greenhouse", "--library", "none", "--slot-size", "64")
    words = ("board", "fleet", str(table), *always, *map(str, words))
    done = CliRunner().invoke(main, words, input=input)
    assert "hush" not in done.output and "wet leaves" not in done.output
    return done


@pytest.fixture
def usb(tmp_path, monkeypatch):
    usb = Usb(tmp_path)
    for name in board_settings.PLACEHOLDERS:
        monkeypatch.delenv(name, raising=False)
    defaults = [*FleetRun.__init__.__defaults__]
    monkeypatch.setattr(FleetRun.__init__, "__defaults__", (usb.look, usb.sleep))
    assert len(defaults) == 2
    return usb


@pytest.fixture
def common(tmp_path):
    path = tmp_path / "common.toml"
    path.write_text(COMMON)
    return path


def test_a_fleet_is_prepared_each_board_with_its_own_name_and_secret(table, common, usb):
    usb.plan = ["one", "one", "two", "two"]
    done = fleet(table, "--settings", common)
    assert done.exit_code == 0, done.output
    assert "All 2 boards are prepared" in done.output
    for name, number in (("one", 1), ("two", 2)):
        found = board_settings.read(usb.folder / name / "settings.toml")
        assert found["NERVESHUB_IDENTIFIER"] == f"bed-{number}"
        assert found["NERVESHUB_PRODUCT_SECRET"] == f"hush-{number}"
        assert found["CIRCUITPY_SAFE_MODE_DELAY"] == "0"
        assert b"import nh_boot" in (usb.folder / name / "boot.py").read_bytes()


def test_a_fleet_that_was_stopped_ends_with_1_and_goes_on(table, common, usb):
    usb.plan = ["one", "one"]
    done = fleet(table, "--settings", common)
    assert done.exit_code == 1
    assert "1 of 2 boards are prepared; the same command goes on from there" in done.output
    usb.plan = ["one two", "one two", "one two"]
    done = fleet(table, "--settings", common)
    assert done.exit_code == 0, done.output
    assert "this board is bed-1, and prepared already" in " ".join(done.output.split())


def test_settings_that_no_board_can_start_with_are_told_before_the_first_board(table, common, usb):
    table.write_text("identifier,NERVESHUB_PRODUCT_SECRET\nbed-1,s\nbed-2,nhp_2\n")
    done = fleet(table, "--settings", common)
    assert done.exit_code == 1
    words = " ".join(done.output.split())
    assert "fleet.csv line 3, bed-2: NERVESHUB_PRODUCT_SECRET begins like a key" in words
    common.write_text(COMMON.replace("NERVESHUB_HOST", "#"))
    words = " ".join(fleet(table, "--settings", common).output.split())
    assert "fleet.csv line 2, bed-1: it lacks NERVESHUB_HOST" in words
    assert usb.waited == 0


def test_what_all_boards_lack_is_asked_for_once(table, usb):
    usb.plan = ["one", "one", "two", "two"]
    done = fleet(table, "--ask", input="garden\nwet leaves\nhub.example.org\nnhp_1\n")
    assert done.exit_code == 0, done.output
    assert done.output.count("Wi-Fi network") == 1
    assert "Product secret" not in done.output


def test_the_library_is_looked_for_once(table, common, usb, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "nerveshub_tools.library_sources.find", lambda *words: (asked.append(words), Library({}))[1]
    )
    usb.plan = ["one", "one", "two", "two"]
    assert fleet(table, "--settings", common).exit_code == 0
    assert len(asked) == 1


# Drives


def test_drives_of_this_computer_are_those_with_boot_out_txt(tmp_path, monkeypatch):
    place = tmp_path / "CIRCUIT PY"
    place.mkdir()
    (place / "boot_out.txt").write_text(BOOT_OUT % "A")
    escaped = str(place).replace(" ", "\\040")
    text = (
        f"/dev/sda1 {escaped} vfat rw 0 0\n/dev/sdb1 {tmp_path}/no vfat rw 0 0\n"
        f"/dev/sdc1 {escaped} ext4 rw 0 0\n"
    )
    monkeypatch.setattr(board_fleet.sys, "platform", "linux")
    monkeypatch.setattr(
        board_fleet, "open", lambda path, mode: io.BytesIO(text.encode()), raising=False
    )
    assert board_fleet.mounted() == [place]
    monkeypatch.setattr(board_fleet.sys, "platform", "darwin")
    monkeypatch.setattr(Path, "glob", lambda self, pattern: [place] if str(self)[1] == "V" else [])
    assert board_fleet.mounted() == [place]
