# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
``circup install nerveshub_link`` does what the README says, with the real circup and no network.

A board's drive is a folder with a ``boot_out.txt``. circup keeps the bundles that it has downloaded
in a data folder, and that is where this puts two: our own, built as for a release, and one like
Adafruit's, made of the libraries that pip installed here.
"""

import importlib.metadata
import json
import re
import zipfile
from pathlib import Path

import pytest
from nerveshub_tools import library_sources
from nerveshub_tools.board_drive import Drive
from support import checkout
from support.vm import modules

pytest.importorskip("circup")

BOOT_OUT = """\
Adafruit CircuitPython 10.1.0 on 2026-02-02; Adafruit QT Py ESP32-S3 no psram with ESP32S3
Board ID:adafruit_qtpy_esp32s3_nopsram
"""
OURS = "nerveshub-link/nerveshub_link"
ADAFRUIT = "adafruit/Adafruit_CircuitPython_Bundle"
LIBRARIES = {
    "adafruit_connection_manager": "adafruit-circuitpython-connectionmanager",
    "adafruit_ticks": "adafruit-circuitpython-ticks",
}


@pytest.fixture(scope="module")
def data(tmp_path_factory, bundle_of) -> Path:
    """A data folder that holds both bundles."""
    data = tmp_path_factory.mktemp("data") / "circup"
    zipfile.ZipFile(bundle_of("py")).extractall(
        data / OURS.split("/", maxsplit=1)[0] / "nerveshub-link-py"
    )
    name = "adafruit-circuitpython-bundle-py"
    add_libraries(data / "adafruit" / name / f"{name}-20261101")
    zipfile.ZipFile(bundle_of("mpy")).extractall(
        data / OURS.split("/", maxsplit=1)[0] / "nerveshub-link-10mpy"
    )
    name = "adafruit-circuitpython-bundle-10mpy"
    add_libraries(data / "adafruit" / name / f"{name}-20261101")
    (data / "bundle_config.json").write_text(json.dumps({"nerveshub": OURS, "adafruit": ADAFRUIT}))
    (data / "circup.json").write_text(
        json.dumps({OURS: [checkout.VERSION], ADAFRUIT: ["20261101"]})
    )
    return data


def add_libraries(bundle: Path) -> None:
    (bundle / "lib").mkdir(parents=True)
    (bundle / "examples").mkdir()
    for module, distribution in LIBRARIES.items():
        found = importlib.metadata.distribution(distribution)
        (bundle / "lib" / f"{module}.py").write_text(
            Path(found.locate_file(f"{module}.py")).read_text()
        )
        requirements = bundle / "requirements" / module / "requirements.txt"
        requirements.parent.mkdir(parents=True)
        # A requirement may have a marker; circup reads names only. Those of an extra do not stand
        # in a bundle's requirements.txt.
        lines = [line for line in found.requires or () if "extra ==" not in line]
        names = [re.match(r"[\w.-]+", line)[0] for line in lines]
        requirements.write_text("".join(name + "\n" for name in names))


@pytest.fixture
def drive(tmp_path) -> Path:
    """An empty CIRCUITPY."""
    drive = tmp_path / "CIRCUITPY"
    (drive / "lib").mkdir(parents=True)
    (drive / "boot_out.txt").write_text(BOOT_OUT)
    return drive


@pytest.fixture
def circup(data, drive, tmp_path):
    """The command: a function of its words."""
    elsewhere = tmp_path / "elsewhere"  # in a folder that holds the name, circup would copy that
    elsewhere.mkdir()
    places = {name: str(tmp_path) for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")}
    places["XDG_DATA_HOME"] = str(data.parent)

    def run(*words: str) -> str:
        code = "from circup import main; main()"
        options = ["--offline", "--path", str(drive)]
        return checkout.run_python(["-c", code, *options, *words], elsewhere, **places)

    return run


def test_circup_installs_every_module_compiled_and_what_the_library_needs(circup, drive):
    said = circup("install", "nerveshub_link")
    assert "WARNING" not in said, said
    package = {f"nerveshub_link/{name}".replace(".py", ".mpy") for name in modules()}
    installed = set(checkout.tree(drive / "lib"))
    assert installed == package | {f"{module}.py" for module in LIBRARIES}


def test_circup_installs_every_module_as_source_when_asked_to(circup, drive):
    said = circup("install", "--py", "nerveshub_link")
    assert "WARNING" not in said, said
    assert checkout.tree(drive / "lib" / "nerveshub_link") == modules()


def test_circup_knows_the_version_that_is_installed(circup):
    circup("install", "nerveshub_link")
    assert f"nerveshub_link=={checkout.VERSION}" in circup("freeze")


def test_circup_finds_the_library_in_the_imports_of_code_py(circup, drive):
    (drive / "code.py").write_text("import nerveshub_link\n")
    said = circup("install", "--auto")
    assert "WARNING" not in said, said
    assert (drive / "lib" / "nerveshub_link" / "link.mpy").is_file()
    assert (drive / "lib" / "adafruit_ticks.py").is_file()


def test_an_upgrade_leaves_nothing_of_the_old_version(circup, drive):
    # So nobody may keep certificates or settings in there; the README says so.
    circup("install", "nerveshub_link")
    (drive / "lib" / "nerveshub_link" / "left_over.py").write_text("")
    circup("install", "--upgrade", "nerveshub_link")
    assert not (drive / "lib" / "nerveshub_link" / "left_over.py").exists()
    assert (drive / "lib" / "nerveshub_link" / "link.mpy").is_file()


def test_circup_copies_the_example_and_its_settings(circup, drive):
    circup("install", "nerveshub_link")
    circup("example", "nerveshub_link/nerveshub_link_simpletest", "--rename")
    circup("example", "nerveshub_link/settings.toml")
    examples = checkout.ROOT / "examples"
    for here, there in (("nerveshub_link_simpletest.py", "code.py"), ("settings.toml",) * 2):
        assert (drive / there).read_text() == (examples / here).read_text()


def test_circup_finds_the_boot_guard_among_the_examples(circup, drive):
    circup("install", "nerveshub_link")
    names = ("boot", "code", "nh_boot", "nh_run", "nh_slots", "nh_trial", "nh_wake", "safemode")
    circup("example", *(f"nerveshub_link/board/{name}" for name in names))
    board = checkout.ROOT / "examples" / "board"
    for name in names:
        assert (drive / f"{name}.py").read_text() == (board / f"{name}.py").read_text()


def test_circup_does_for_board_prepare_what_it_does_by_hand(data, drive, monkeypatch):
    # board prepare runs circup itself; this one finds its bundles without the network.
    monkeypatch.setenv("XDG_DATA_HOME", str(data.parent))
    command = library_sources._command()
    monkeypatch.setattr(library_sources, "_command", lambda: [*command, "--offline"])
    found = library_sources.circup(Drive(drive))
    compiled = [f"lib/nerveshub_link/{name}".replace(".py", ".mpy") for name in modules()]
    assert sorted(found.files) == sorted(compiled + [f"lib/{name}.py" for name in LIBRARIES])
    assert checkout.tree(drive / "lib") == []  # it is written when it is known to fit


def test_what_circup_has_fetched_is_found_without_it(data, drive, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(data.parent))
    monkeypatch.setattr(library_sources, "_command", lambda: None)
    found = library_sources.find(Drive(drive), "auto")
    assert "what circup has fetched earlier" in found.words
    assert found.is_compiled and len(found.files) == len(modules()) + len(LIBRARIES)


def test_a_releases_zip_is_taken_as_it_is(bundle_of, drive):
    found = library_sources.from_archives(Drive(drive), [bundle_of("mpy")])
    compiled = {f"lib/nerveshub_link/{name}".replace(".py", ".mpy") for name in modules()}
    assert compiled <= set(found.files)
