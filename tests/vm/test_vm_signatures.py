# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Signatures, checked inside MicroPython, whose big numbers are those of a board."""

import pytest
from support.signing import vectors
from support.vm import Vm, build

pytestmark = pytest.mark.vm

# KB of heap, a few above what was measured, for pointers of 64 and 32 bits.
HEAP = (56, 44)


@pytest.mark.parametrize("bits", ["64 bits", "32 bits"])
def test_every_case_comes_out_as_it_says_within_a_small_heap(bits, request, micropython, tmp_path):
    if bits == "32 bits":
        micropython = request.getfixturevalue("micropython_32")
    vm = Vm(micropython, build(tmp_path / "drive"))
    cases = vectors()
    lines = [",".join(part.hex() for part in case[1:4]) + "\n" for case in cases]
    (tmp_path / "cases").write_text("".join(lines))
    options = {"cases": str(tmp_path / "cases")}
    result = vm.run("signatures", options, heap=HEAP[vm.is_32_bit] * 1024)
    wanted = "".join("1" if case[4] else "0" for case in cases)
    assert result.one("signatures")["outcomes"] == wanted, result
