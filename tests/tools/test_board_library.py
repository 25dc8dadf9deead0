# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Where ``board prepare`` takes the library from, and what of it lies on a drive."""

import os
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner
from nerveshub_tools import board_library, library_sources
from nerveshub_tools.board_drive import BoardError, Drive
from nerveshub_tools.cli import main
from support import checkout
from support.vm import modules

BOOT_OUT = """\
Adafruit CircuitPython 10.1.0 on 2026-02-02; Adafruit QT Py ESP32-S3 no psram with ESP32S3
Board ID:adafruit_qtpy_esp32s3_nopsram
"""
COMPILED = b"C\x06 compiled"
NEEDS = {f"{name}.mpy": COMPILED for name in board_library.NEEDS}
PACKAGE = {
    f"nerveshub_link/{name}.mpy": COMPILED
    for name in ("__init__", "link", "slots/app_slot_writer", "slots/__init__")
}


@pytest.fixture
def drive(tmp_path) -> Drive:
    path = tmp_path / "CIRCUITPY"
    (path / "lib").mkdir(parents=True)
    (path / "boot_out.txt").write_text(BOOT_OUT)
    return Drive(path)


@pytest.fixture(autouse=True)
def no_circup(tmp_path, monkeypatch):
    """No test asks the circup of this computer, nor looks at what it has fetched."""
    monkeypatch.setattr(library_sources, "_command", lambda: None)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "data"))
    monkeypatch.setattr(library_sources.sys, "platform", "linux")


def prepare(drive, *words, input=None):
    words = ("prepare", drive.path, "--product", "greenhouse", "--slot-size", "64", *words)
    return CliRunner().invoke(main, ["board", *map(str, words)], input=input)


def zipped(path, files, root="nerveshub-link-10.x-mpy-1.3.0/"):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(root + name, data)
    return path


def in_lib(files):
    return {"lib/" + name: data for name, data in files.items()}


def fetched(tmp_path, files, bundle="adafruit/adafruit-circuitpython-bundle", tag="20261101", at=1):
    """Put modules where circup keeps what it has fetched for CircuitPython 10."""
    name = bundle.split("/")[1]
    lib = tmp_path / "data" / "circup" / f"{bundle}-10mpy" / f"{name}-10.x-mpy-{tag}" / "lib"
    for path, data in files.items():
        (lib / path).parent.mkdir(parents=True, exist_ok=True)
        (lib / path).write_bytes(data)
    os.utime(lib, (at, at))


def on(drive):
    return checkout.tree(drive.path / "lib")


def test_the_modules_of_a_zip_that_is_named_are_written_and_nothing_else_of_it(drive, tmp_path):
    more = {"examples/x.py": b"1", "lib/adafruit_other.mpy": COMPILED, "lib/._link.mpy": b"x"}
    path = zipped(tmp_path / "both.zip", {**in_lib({**PACKAGE, **NEEDS}), **more})
    done = prepare(drive, "--library-zip", path)
    assert done.exit_code == 0, done.output
    assert "The library is that of both.zip." in done.output
    assert on(drive) == sorted({**PACKAGE, **NEEDS})
    again = prepare(drive, "--library-zip", path)
    assert again.exit_code == 0 and "Go on?" not in again.output


def test_two_zips_are_taken_together_and_what_they_lack_comes_from_this_computer(drive, tmp_path):
    ours = zipped(tmp_path / "ours.zip", in_lib(PACKAGE))
    bundle = zipped(tmp_path / "bundle.zip", {"lib/adafruit_ticks.mpy": COMPILED}, "bundle-10/")
    done = prepare(drive, "--library-zip", ours, "--library-zip", bundle)
    words = " ".join(done.output.split())
    assert (
        "The library is that of ours.zip, bundle.zip; adafruit_connection_manager, as source,"
        " from this computer."
    ) in words
    assert {"adafruit_connection_manager.py", "adafruit_ticks.mpy"} <= set(on(drive))


@pytest.mark.parametrize(
    ("files", "text"),
    [
        (
            {"lib/other.mpy": b"x"},
            "no lib/nerveshub_link/__init__ in it: a release's zip is",
        ),
        ({"lib/nerveshub_link/__init__.mpy": COMPILED}, "this nerveshub_link is too old for these"),
        (
            {**in_lib(PACKAGE), "lib/nerveshub_link/link.mpy": b"M\x06"},
            "nerveshub_link/link.mpy was not compiled for CircuitPython 9 to 11",
        ),
        (
            {**in_lib(PACKAGE), "lib/nerveshub_link/large.py": bytes(2**20 + 1)},
            "nerveshub_link/large.py has 1,048,577 bytes",
        ),
    ],
)
def test_a_zip_that_holds_no_library_for_this_board_is_refused(drive, tmp_path, files, text):
    done = prepare(drive, "--library-zip", zipped(tmp_path / "x.zip", files))
    assert done.exit_code == 1
    assert text in " ".join(done.output.split())
    assert on(drive) == []


def test_no_path_in_a_zip_leaves_the_library(drive, tmp_path):
    files = {"lib/nerveshub_link/../../boot.py": b"x", "lib/../lib/adafruit_ticks.py": b"x"}
    path = zipped(tmp_path / "x.zip", {**in_lib({**PACKAGE, **NEEDS}), **files})
    found = library_sources.from_archives(drive, [path])
    assert sorted(found.files) == sorted(in_lib({**PACKAGE, **NEEDS}))


def test_what_is_no_zip_is_told(drive, tmp_path):
    (tmp_path / "x.zip").write_bytes(b"no zip")
    done = prepare(drive, "--library-zip", tmp_path / "x.zip")
    assert "x.zip can't be read as a zip" in " ".join(done.output.split())


def test_without_circup_what_it_has_fetched_earlier_is_taken_compiled(drive, tmp_path):
    ours = "nerveshub-link/nerveshub-link"
    fetched(tmp_path, {**PACKAGE, "nerveshub_link/old.mpy": COMPILED}, ours, "1.2.0", at=1)
    fetched(tmp_path, PACKAGE, ours, "1.3.0", at=2)
    fetched(tmp_path, {**NEEDS, "adafruit_ticks_more.mpy": COMPILED})
    done = prepare(drive)
    assert done.exit_code == 0, done.output
    assert "is what circup has fetched earlier: circup is not installed" in done.output
    assert on(drive) == sorted({**PACKAGE, **NEEDS})


def test_what_circup_has_fetched_is_left_where_it_is_if_it_is_invalid(drive, tmp_path):
    fetched(tmp_path, NEEDS)
    fetched(tmp_path, {"nerveshub_link/__init__.mpy": COMPILED}, "a/b", "0.1.0")
    done = prepare(drive)
    assert "copied from this computer: circup is not installed (pip install circup)." in done.output
    assert on(drive) == sorted(
        [f"{name}.py" for name in board_library.NEEDS]
        + [f"nerveshub_link/{name}" for name in modules()]
    )


def test_circup_or_nothing_if_it_is_circup_that_was_asked_for(drive):
    done = prepare(drive, "--library", "circup")
    assert done.exit_code == 1
    assert "circup is not installed (pip install circup). --library copy" in done.output
    assert not (drive.path / "nh_boot.py").exists()


def test_circup_installs_into_a_folder_here_and_its_size_is_known_before_a_byte_is_written(
    drive, tmp_path, monkeypatch
):
    files = {**PACKAGE, **NEEDS, "nerveshub_link/big.mpy": COMPILED + bytes(50_000)}
    source = tmp_path / "source"
    for name, data in files.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(data)
    script = 'test "$4" = nerveshub_link && grep -q 10.1.0 boot_out.txt && cp -r "$0"/* "$2"/lib'
    monkeypatch.setattr(library_sources, "_command", lambda: ["sh", "-c", script, str(source)])
    monkeypatch.setattr(Drive, "cluster", lambda self: 512)
    monkeypatch.setattr(Drive, "free", lambda self: 260_000)
    done = prepare(drive)
    assert done.exit_code == 1
    words = " ".join(done.output.split())
    assert "for two slots and 54 KB for the library; 254 KB are free" in words
    assert "Compiled" not in words
    assert on(drive) == []
    monkeypatch.setattr(Drive, "free", lambda self: 1 << 20)
    done = prepare(drive)
    assert done.exit_code == 0, done.output
    assert "The library was fetched by circup." in done.output
    assert on(drive) == sorted(files)


def test_a_circup_that_ends_well_without_having_installed_anything_did_not_work(drive, monkeypatch):
    monkeypatch.setattr(library_sources, "_command", lambda: ["echo", "WARNING: not found:"])
    why = library_sources.circup(drive)
    assert why.startswith("circup did not install it: WARNING: not found:")


def test_an_older_copy_goes_source_and_compiled(drive, tmp_path):
    for name in ("nerveshub_link/link.py", "nerveshub_link/gone.py", "adafruit_ticks.py"):
        drive.write("lib/" + name, b"an older one")
    drive.write("lib/mine.py", b"x")
    path = zipped(tmp_path / "x.zip", in_lib({**PACKAGE, **NEEDS}))
    assert prepare(drive, "--library-zip", path, "--yes").exit_code == 0
    assert on(drive) == sorted({**PACKAGE, **NEEDS, "mine.py": b""})


def test_the_package_can_be_imported_only_when_all_of_it_is_there():
    files = list(library_sources.copies().files)
    assert files[-1] == "lib/nerveshub_link/__init__.py"


def test_the_library_must_be_installed_to_be_copied(monkeypatch):
    monkeypatch.setattr(library_sources, "NEEDS", ("adafruit_nowhere",))
    with pytest.raises(BoardError, match="adafruit_nowhere is not installed on this computer"):
        library_sources.copies()


def test_circups_data_is_where_the_system_has_it(monkeypatch, tmp_path):
    assert library_sources._circups_data() == tmp_path / "data" / "circup"
    monkeypatch.setattr(library_sources.sys, "platform", "win32")
    assert library_sources._circups_data() == tmp_path / "data" / "adafruit" / "circup"
    monkeypatch.setattr(library_sources.sys, "platform", "darwin")
    monkeypatch.setattr(Path, "home", lambda: Path("/macs/me"))
    where = Path("/macs/me/Library/Application Support/circup")
    assert library_sources._circups_data() == where


def test_what_it_needs_is_what_the_librarys_requirements_say():
    lines = (checkout.ROOT / "requirements.txt").read_text().splitlines()
    named = [line.split("-")[-1].split(">")[0].strip() for line in lines if "circuitpython" in line]
    assert sorted(
        name.replace("_", "").replace("adafruit", "") for name in board_library.NEEDS
    ) == (sorted(named))
