# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""The boot guard's launcher inside MicroPython: how a run ended is told even without any memory."""

import pytest
from support.machine import FILES
from support.vm import Vm, build

pytestmark = pytest.mark.vm

HEAP = 64 * 1024
# Held by sys, for as a global of code.py it would be free again when that has ended.
HOARD = """
import sys
kept = sys.path
while True:
    kept.append(bytearray({}))
"""


@pytest.fixture(scope="module")
def vm(micropython, tmp_path_factory):
    return Vm(micropython, build(tmp_path_factory.mktemp("drive") / "mpy"))


@pytest.mark.parametrize(
    ("code", "seconds", "how", "folder"),
    [
        ("pass", 1, "ended", "/"),
        ("raise SystemExit", 1, "ended", "/"),
        (HOARD.format(16), 1, "MemoryError", "/slots"),
        (HOARD.format(16), 600, "MemoryError", "/nh_b"),
        ("x = 1\n" * 20000, 1, "MemoryError", "/slots"),
        ("#" * 100_000, 1, "MemoryError", "/slots"),
        ("this is no Python", 1, "SyntaxError", "/slots"),
        ("raise KeyboardInterrupt", 1, "KeyboardInterrupt", "/nh_a"),
        ("class Reload(BaseException): pass\nraise Reload", 1, "Reload", "/"),
    ],
    ids="end exit hoard late-hoard compile read syntax interrupt reload".split(),
)
def test_the_folder_in_which_the_guard_starts_tells_how_a_run_ended(  # noqa: PLR0913
    vm, tmp_path, code, seconds, how, folder
):
    (tmp_path / "code.py").write_text(code)
    options = {"board": str(FILES), "folder": str(tmp_path), "seconds": seconds}
    ended = vm.run("launcher", options, heap=HEAP).one("ended")
    assert (ended["how"], ended["folder"]) == (how, folder)
