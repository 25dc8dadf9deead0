# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
``board prepare`` writes a complete settings.toml: out of a file, the environment, and answers.
None that was there is lost, and no secret is shown.
"""

import contextlib
import errno
import os

import pytest
from click.testing import CliRunner
from nerveshub_tools import board_drive, board_settings, settings_faults
from nerveshub_tools.board_drive import Drive
from nerveshub_tools.board_settings import Settings
from nerveshub_tools.cli import main
from nerveshub_tools.settings_answers import Answers
from nerveshub_tools.settings_changes import with_value

from nerveshub_link.release.public_keys import read_keys

BOOT_OUT = """\
Adafruit CircuitPython 10.1.0 on 2026-02-02; Adafruit QT Py ESP32-S3 no psram with ESP32S3
Board ID:adafruit_qtpy_esp32s3_nopsram
"""
GOOD = """\
# of the greenhouse
CIRCUITPY_WIFI_SSID = "garden"
CIRCUITPY_WIFI_PASSWORD = "wet leaves"
NERVESHUB_HOST = "hub.example.org"
NERVESHUB_PRODUCT_KEY = "nhp_1"
NERVESHUB_PRODUCT_SECRET = "hush"
"""
SAFE = "CIRCUITPY_SAFE_MODE_DELAY = 0\n"
SECRETS = ("wet leaves", "hush")
ANSWERS = "garden\nwet leaves\nhub.example.org\nnhp_1\nhush\nbed-1\n"


@pytest.fixture(autouse=True)
def no_settings_of_this_computer(monkeypatch):
    for name in (*board_settings.PLACEHOLDERS, "NERVESHUB_PORT", "NERVESHUB_SSL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def drive(tmp_path):
    drive = tmp_path / "CIRCUITPY"
    drive.mkdir()
    (drive / "boot_out.txt").write_text(BOOT_OUT)
    return drive


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "greenhouse.toml"
    path.write_text(GOOD)
    return path


def prepare(drive, *words, input=None):
    always = ("--product", "greenhouse", "--library", "none", "--slot-size", "64")
    done = CliRunner().invoke(
        main, ["board", "prepare", str(drive), *always, *map(str, words)], input=input
    )
    assert not [secret for secret in SECRETS if secret in done.output]
    return done


def written(drive) -> str:
    return (drive / "settings.toml").read_text()


def values(drive) -> dict:
    found = board_settings.read(drive / "settings.toml")
    assert board_settings.read(drive / "settings.toml", (10, 1)) == found
    return found


# From a file


def test_a_file_that_is_named_is_written_as_it_is_and_completed(drive, file):
    done = prepare(drive, "--settings", file)
    assert done.exit_code == 0, done.output
    assert written(drive) == GOOD + SAFE
    assert "settings.toml still lacks" not in done.output


def test_the_identifier_is_no_secret_and_an_option(drive, file):
    prepare(drive, "--settings", file, "--identifier", "bed-7")
    assert written(drive) == GOOD + 'NERVESHUB_IDENTIFIER = "bed-7"\n' + SAFE


def test_the_mark_that_windows_writes_first_is_left_out(drive, file):
    file.write_bytes(b"\xef\xbb\xbf" + GOOD.split("\n", maxsplit=1)[1].encode())
    assert prepare(drive, "--settings", file).exit_code == 0
    assert values(drive)["CIRCUITPY_WIFI_SSID"] == "garden"


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ('"hub.', '"https://hub.', "NERVESHUB_HOST must be a name like devices.example.com"),
        ("NERVESHUB_PRODUCT_SECRET", "#", "it lacks NERVESHUB_PRODUCT_SECRET"),
        ('"garden"', '"your-network"', "it lacks CIRCUITPY_WIFI_SSID"),
        ('"hush"', "'hush'", "NERVESHUB_PRODUCT_SECRET in line 6 can't be read: texts need double"),
        ("CIRCUITPY_WIFI_SSID", "[mine]", "nothing is read from line 2 on, [mine]"),
    ],
)
def test_a_file_that_no_board_can_start_with_is_refused_before_anything_is_written(
    drive, file, old, new, text
):
    file.write_text(GOOD.replace(old, new))
    done = prepare(drive, "--settings", file)
    assert done.exit_code == 1
    assert text in " ".join(done.output.split())
    assert os.listdir(drive) == ["boot_out.txt"]


def test_a_file_in_utf_16_is_told(drive, file):
    file.write_bytes(GOOD.encode("utf-16"))
    done = prepare(drive, "--settings", file)
    assert "is UTF-16, which CircuitPython can't read: save it as UTF-8" in (
        " ".join(done.output.split())
    )


def test_a_file_that_was_there_is_kept_under_another_name_after_a_question(drive, file):
    (drive / "settings.toml").write_text('MINE = "1"\n')
    done = prepare(drive, "--settings", file, input="n\n")
    assert "settings.toml is changed, and kept as it was as settings.toml.before-nerveshub" in (
        " ".join(done.output.split())
    )
    assert written(drive) == 'MINE = "1"\n'
    assert prepare(drive, "--settings", file, input="y\n").exit_code == 0
    assert written(drive) == GOOD + SAFE
    assert (drive / "settings.toml.before-nerveshub").read_text() == 'MINE = "1"\n'
    # Once more: nothing is changed, nothing asked, nothing kept.
    assert "Go on?" not in prepare(drive, "--settings", file).output
    assert not (drive / "settings.toml.before-nerveshub-2").exists()


# From the environment


def test_what_lacks_comes_from_the_environment_and_that_is_told(drive, monkeypatch):
    for line in GOOD.splitlines()[1:]:
        name, _, value = line.partition(" = ")
        monkeypatch.setenv(name, value.strip('"'))
    monkeypatch.setenv("NERVESHUB_PORT", "4000")
    done = prepare(drive)
    assert "From the environment: CIRCUITPY_WIFI_SSID, CIRCUITPY_WIFI_PASSWORD," in done.output
    found = values(drive)
    assert found.items() >= Settings(GOOD.encode()).texts().items()
    assert found["NERVESHUB_PORT"] == "4000"


def test_what_the_file_says_comes_before_the_environment(drive, file, monkeypatch):
    monkeypatch.setenv("NERVESHUB_HOST", "other.example.org")
    monkeypatch.setenv("NERVESHUB_PORT", "4000")  # of that other server
    prepare(drive, "--settings", file)
    assert written(drive) == GOOD + SAFE


# From answers


def test_prompts_make_a_complete_file_out_of_the_template(drive):
    done = prepare(drive, "--ask", input=ANSWERS)
    assert done.exit_code == 0, done.output
    assert values(drive) == {
        **Settings((GOOD + SAFE).encode()).texts(),
        "NERVESHUB_IDENTIFIER": "bed-1",
    }
    lines = written(drive).splitlines()
    assert len(lines) == len(board_settings.template().splitlines())
    assert "# The server without https://" in written(drive)


def test_only_what_lacks_is_asked_for(drive, file):
    file.write_text(GOOD.replace('NERVESHUB_PRODUCT_SECRET = "hush"\n', ""))
    done = prepare(drive, "--settings", file, "--ask", input="hush\n\n")
    assert done.exit_code == 0, done.output
    assert "Wi-Fi" not in done.output
    assert values(drive) == Settings((GOOD + SAFE).encode()).texts()


def test_a_complete_file_is_not_asked_for(drive, file):
    assert "lacks" not in prepare(drive, "--settings", file, "--ask").output


def test_what_is_left_open_is_told_at_the_end(drive):
    done = prepare(drive, "--ask", input="\n\nhub.example.org\n\n\n")
    assert done.exit_code == 0, done.output
    assert "Product secret" not in done.output
    assert (
        "settings.toml still lacks: CIRCUITPY_WIFI_SSID, NERVESHUB_PRODUCT_KEY,"
        " NERVESHUB_PRODUCT_SECRET"
    ) in " ".join(done.output.split())


def answered(*given, data=GOOD):
    """Ask for what the file lacks; the file then, and what was asked and told."""
    given, said = list(given), []

    def prompt(text, hide):
        said.append((text, hide))
        return given.pop(0)

    changed = Answers(said.append, prompt, {}).complete(data.encode())
    assert not given
    return changed, said


def test_an_answer_that_no_board_takes_is_asked_for_again():
    data = GOOD.replace('NERVESHUB_HOST = "hub.example.org"\n', "")
    changed, said = answered("https://hub.example.org", " hub.example.org ", "", data=data)
    assert Settings(changed).text("NERVESHUB_HOST") == "hub.example.org"
    fault = "NERVESHUB_HOST must be a name like devices.example.com, without https://, port or path"
    assert said[2] == fault
    data = GOOD.replace('CIRCUITPY_WIFI_SSID = "garden"\n', "")
    changed, said = answered("n" * 33, "n", "", data=data)
    assert Settings(changed).text("CIRCUITPY_WIFI_SSID") == "n"
    assert said[2] == "CIRCUITPY_WIFI_SSID can't be that: it is too long, or an example"


def test_passwords_are_hidden_while_they_are_typed_and_kept_with_their_blanks():
    changed, said = answered("n", ' p"\\ ', "h", "nhp_1", "s", "", data=board_settings.template())
    assert Settings(changed).text("CIRCUITPY_WIFI_PASSWORD") == ' p"\\ '
    assert [hide for _, hide in said[1:]] == [False, True, False, False, True, False]


# Changes of a file


def test_a_value_is_filled_in_where_the_comment_stands():
    data = b'# A = "example"\r\nB = 1\r\n'
    assert with_value(data, "A", 'x"y') == b'A = "x\\"y"\r\nB = 1\r\n'
    assert with_value(b'[t]\n# A = "example"\n', "A", "x") == b'A = "x"\n[t]\n# A = "example"\n'
    assert with_value(b"A = 1\nA = 2", "A", "") == b'A = ""\nA = 2'
    # The name alone takes the next line with it.
    assert with_value(b"A\nA = 1\n", "A", "x") == b'A\nA = 1\nA = "x"\n'
    assert with_value(b"\0\nA = 1\n", "A", "x") == b'A = "x"\n\0\nA = 1\n'


def test_a_drive_that_fills_up_loses_no_settings(drive, monkeypatch):
    (drive / "settings.toml").write_text(GOOD)
    real = board_drive.os.fsync
    monkeypatch.setattr(Drive, "free", lambda self: 0)

    def full(number):
        def fsync(descriptor):
            calls.append(1)
            if len(calls) == number:
                raise OSError(errno.ENOSPC, "full")
            real(descriptor)

        calls = []
        monkeypatch.setattr(board_drive.os, "fsync", fsync)

    for number in (1, 2):
        full(number)
        done = CliRunner().invoke(main, ["board", "develop", str(drive), "on"])
        assert done.exit_code == 1
        kept = [path.read_text() for path in drive.glob("settings.toml*")]
        assert GOOD in kept
    full(0)
    (drive / "settings.toml").write_text(GOOD)
    done = CliRunner().invoke(main, ["board", "develop", str(drive), "on"])
    assert done.exit_code == 0, done.output
    assert written(drive) == GOOD + "NERVESHUB_DEVELOP = 1\n"
    assert not (drive / "settings.toml.old").exists()


# Public keys

KEYS = (
    "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
    "PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=",
)
PRIVATE = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2DXWpgBgrEKt9VL/tPJZAc6DuFy89qmIyWvAhpo9wdRGg=="


def test_public_keys_of_files_come_into_the_settings_and_a_private_one_does_not(
    drive, file, tmp_path
):
    for name, key in (("one.pub", KEYS[0]), ("two.pub", KEYS[1] + "\n"), ("one.priv", PRIVATE)):
        (tmp_path / name).write_text(key)
    words = ["--settings", file, "--yes", "--public-key", tmp_path / "one.pub"]
    done = prepare(drive, *words, "--public-key", tmp_path / "one.priv")
    assert done.exit_code == 1 and "one.priv: no public key of fwup" in done.output
    assert PRIVATE not in done.output and not (drive / "settings.toml").exists()
    assert prepare(drive, *words).exit_code == 0
    assert f'NERVESHUB_PUBLIC_KEYS = "{KEYS[0]}"\n' in written(drive)
    # Another time: the key that is new, beside the one that it replaces.
    again = ["--yes", "--public-key", tmp_path / "one.pub", "--public-key", tmp_path / "two.pub"]
    assert prepare(drive, *again).exit_code == 0
    assert f'NERVESHUB_PUBLIC_KEYS = "{KEYS[0]} {KEYS[1]}"\n' in written(drive)
    assert written(drive).count("NERVESHUB_PUBLIC_KEYS") == 1


@pytest.mark.parametrize(
    ("text", "good"),
    [
        (KEYS[0], True),
        (" ".join(KEYS), True),
        (",  ".join(KEYS), True),
        (KEYS[0][:-1], False),
        (KEYS[0] + KEYS[1], False),
        (PRIVATE, False),
        (f"{KEYS[0]} x", False),
        (" ", False),
    ],
)
def test_a_setting_that_holds_no_public_keys_is_told_before_the_library_refuses_it(text, good):
    settings = Settings(with_value(GOOD.encode(), "NERVESHUB_PUBLIC_KEYS", text))
    wrong = settings_faults.faults(settings)
    assert [fault[:26] for fault in wrong] == [] if good else ["NERVESHUB_PUBLIC_KEYS must"]
    with contextlib.nullcontext() if good else pytest.raises(ValueError):
        read_keys(text.replace(",", " ").split())
