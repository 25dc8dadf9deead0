# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Makes package and helpers importable, and finds the MicroPython for tests marked ``vm``."""

import functools
import gc
import importlib.util
import platform
import sys
from pathlib import Path

import adafruit_connection_manager
import pytest

ROOT = Path(__file__).resolve().parents[1]

# pyproject.toml says the same to pytest; this is for runs that read another configuration.
for folder in (ROOT / "tests", ROOT):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from support import checkout, programs  # noqa: E402 found by the path above
from support.fakes import FakeClock  # noqa: E402 as well

from nerveshub_link import errors  # noqa: E402 likewise


def pytest_addoption(parser):
    """Add the option --whole: try every case of the long tests."""
    words = "all cut points and all mutated releases, not only what a time budget allows"
    parser.addoption("--whole", action="store_true", help=words)


@pytest.fixture(scope="session")
def whole(request) -> bool:
    """True with --whole: the long tests must try every case."""
    return request.config.getoption("--whole")


@pytest.fixture(scope="session")
def micropython() -> str:
    """
    Path of a MicroPython. Without one the test is skipped, and the reason says how to get it; a
    build server sets NERVESHUB_LINK_REQUIRE_VM=1, and there the test fails instead.
    """
    return programs.find("micropython.sh", required=programs.VM)


@pytest.fixture(scope="session")
def micropython_32() -> str:
    """Path of a MicroPython with pointers of 32 bits; not every machine can run one, PCs can."""
    pc = platform.machine() in ("x86_64", "AMD64", "i686")
    return programs.find("micropython.sh", "32", required=programs.VM if pc else "")


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium; without one as for `micropython`, NERVESHUB_LINK_REQUIRE_BROWSER=1."""
    for module in ("nicegui", "playwright"):
        if importlib.util.find_spec(module) is None:
            programs.missing(f"no {module}: pip install {module}", programs.BROWSER)
    return programs.find("chromium.sh", required=programs.BROWSER)


@pytest.fixture(scope="session")
def fsck_fat() -> str:
    """Path of fsck.fat; without one the test is skipped, and the reason says how to get it."""
    return programs.find("fsck_fat.sh", required="")


@pytest.fixture(scope="session")
def node(chromium) -> str:
    """Path of the Node with which Playwright drives the browser; likewise."""
    folder = Path(importlib.util.find_spec("playwright").origin).parent / "driver"
    return programs.find("node.sh", str(folder / "node"), required=programs.BROWSER)


@pytest.fixture(scope="session")
def bundle_of(tmp_path_factory):
    """Function that returns the path of the bundle of a kind, "py" or "mpy"; each is built once."""
    clone = checkout.make(tmp_path_factory.mktemp("clone"))
    return functools.cache(lambda kind: checkout.build_bundle(clone, kind))


@pytest.fixture(autouse=True, scope="module")
def short_collections():
    """
    The library collects garbage where a board needs it. In this process, which is full of what
    pytest and others have imported, that would take its time: what is there is left alone.
    """
    gc.freeze()


def pytest_generate_tests(metafunc):
    """
    Tests of a whole link, or of an update, run twice: with a clock that stands still while the
    library works, and with one that gains a millisecond at each reading. Those with thousands of
    examples do not.
    """
    slow = getattr(metafunc.function, "is_hypothesis_test", False)
    if not slow and {"Desk", "Bench"} & set(vars(metafunc.module)):
        metafunc.parametrize("clock_gain", [0, 1], indirect=True, ids=["still", "moving"])


@pytest.fixture(autouse=True)
def clock_gain(request):
    """How many milliseconds a `FakeClock` gains at each reading."""
    FakeClock.gain = getattr(request, "param", 0)
    yield FakeClock.gain
    FakeClock.gain = 0


@pytest.fixture(autouse=True)
def fresh_slots():
    """A slot that was written is open until the VM ends; here, until the test does."""
    yield
    module = sys.modules.get("nerveshub_link.slots.slot_file")
    if module is not None:
        for file in module._open.values():
            file.close()
        module._open.clear()


@pytest.fixture(autouse=True)
def fresh_connection_manager():
    """The connection manager is one for all users of a pool; each test gets its own."""
    adafruit_connection_manager._global_connection_managers.clear()


@pytest.fixture(autouse=True)
def no_secrets_of_other_tests():
    """What is masked, is masked for all links of a process; each test has its own secrets."""
    errors.secrets.clear()


def pytest_terminal_summary(terminalreporter):
    """What tests record as "summary" is for people: numbers that a claim stands on."""
    lines = [
        text
        for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed")
        if report.when == "call"
        for name, text in report.user_properties
        if name == "summary"
    ]
    if lines:
        terminalreporter.section("numbers")
        for line in lines:
            terminalreporter.write_line(line)
