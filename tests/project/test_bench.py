# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""``make bench`` works on a computer, from its first table to its last."""

import os
import subprocess
import sys

import pytest
from support import checkout

TITLES = [
    "speed",
    "how long a poll() takes",
    "depth",
    "archives",
    "what travels of a signed release",
    "signatures",
    "slots, on a drive of 960 KB",
    "memory",
    "drive",
]

pytestmark = pytest.mark.vm


def test_the_bench_measures_each_part(micropython):
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--short"],
        cwd=checkout.ROOT,
        env={**os.environ, "MICROPYTHON": micropython, "COLUMNS": "120"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line.strip() for line in done.stdout.splitlines() if line.strip() in TITLES] == TITLES
    assert done.stdout.splitlines()[-1].endswith(("aims missed", "all aims reached"))
