# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Programs that some tests need beside Python: found by a script, or the test is skipped."""

import os
import subprocess
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
VM = "NERVESHUB_LINK_REQUIRE_VM"
BROWSER = "NERVESHUB_LINK_REQUIRE_BROWSER"


def find(script: str, *words: str, required: str = "") -> str:
    """
    Let a script find a program. If it finds none, the test is skipped with the script's reason.

    :param str script: its name in ``scripts``; it prints a path, or a reason on standard error
    :param words: its arguments
    :param str required: as for `missing`
    :return: the path
    """
    command = ["sh", str(SCRIPTS / script), *words]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    if found.returncode != 0:
        missing((found.stderr.strip().splitlines() or [f"{script} failed"])[-1], required)
    return found.stdout.strip()


def missing(reason: str, required: str = "") -> None:
    """
    Skip the test.

    :param str reason: what is missing, and how to get it
    :param str required: name of an environment variable; if it is 1, as on a build server, the test
        fails instead
    """
    if os.environ.get(required) == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
