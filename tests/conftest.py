# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Makes package and helpers importable, and finds the MicroPython for tests marked ``vm``."""

import gc
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import adafruit_connection_manager
import pytest

ROOT = Path(__file__).resolve().parents[1]

# pyproject.toml says the same to pytest; this is for runs that read another configuration.
for folder in (ROOT / "tests", ROOT):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


@pytest.fixture(scope="session")
def micropython() -> str:
    """
    Path of a MicroPython. Without one the test is skipped, and the reason says how to get it; a
    build server sets NERVESHUB_LINK_REQUIRE_VM=1, and there the test fails instead.
    """
    return _program("micropython.sh", "NERVESHUB_LINK_REQUIRE_VM")


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium; likewise, with NERVESHUB_LINK_REQUIRE_BROWSER=1."""
    if sys.version_info < (3, 10):
        pytest.skip("the hub's page needs Python 3.10 or newer")
    for module in ("nicegui", "playwright"):
        if importlib.util.find_spec(module) is None:
            _missing(f"no {module}: pip install {module}", "NERVESHUB_LINK_REQUIRE_BROWSER")
    return _program("chromium.sh", "NERVESHUB_LINK_REQUIRE_BROWSER")


def _program(script: str, required: str) -> str:
    found = subprocess.run(
        ["sh", str(ROOT / "scripts" / script)], capture_output=True, text=True, check=False
    )
    if found.returncode != 0:
        _missing((found.stderr.strip().splitlines() or [f"{script} failed"])[-1], required)
    return found.stdout.strip()


def _missing(reason: str, required: str) -> None:
    if os.environ.get(required) == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(autouse=True, scope="module")
def short_collections():
    """
    The library collects garbage where a board needs it. In this process, which is full of what
    pytest and others have imported, that would take its time: what is there is left alone.
    """
    gc.freeze()


@pytest.fixture(autouse=True)
def fresh_connection_manager():
    """The connection manager is one for all users of a pool; each test gets its own."""
    adafruit_connection_manager._global_connection_managers.clear()


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
