# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Signatures, checked inside MicroPython, whose big numbers are those of a board."""

import pytest
from support.applications import META
from support.signing import Signer, signed_archive, vectors
from support.vm import Vm, build

pytestmark = pytest.mark.vm

# KB of heap, a few above what was measured, for pointers of 64 and 32 bits.
HEAP = (56, 44)
ARCHIVE_HEAP = (96, 72)


@pytest.fixture(scope="module", params=["64 bits", "32 bits"])
def vm(request, micropython, tmp_path_factory):
    if request.param == "32 bits":
        micropython = request.getfixturevalue("micropython_32")
    return Vm(micropython, build(tmp_path_factory.mktemp("drive") / "mpy"))


def test_every_case_comes_out_as_it_says_within_a_small_heap(vm, tmp_path):
    cases = vectors()
    lines = [",".join(part.hex() for part in case[1:4]) + "\n" for case in cases]
    (tmp_path / "cases").write_text("".join(lines))
    options = {"cases": str(tmp_path / "cases")}
    result = vm.run("signatures", options, heap=HEAP[vm.is_32_bit] * 1024)
    wanted = "".join("1" if case[4] else "0" for case in cases)
    assert result.one("signatures")["outcomes"] == wanted, result


def test_an_archive_is_verified_and_a_harmed_one_is_not(vm, tmp_path):
    path = tmp_path / "one.fw"
    data = signed_archive(META, {"a.txt": b"hello" * 2000, "b.txt": b"world"}, Signer())
    path.write_bytes(data)
    options = {"archive": str(path), "key": Signer().public.hex()}
    options["harm"] = data.index(b"hello") + 5000
    result = vm.run("archive_check", options, heap=ARCHIVE_HEAP[vm.is_32_bit] * 1024)
    assert result.one("verified")["pieces"] > 20, result
    assert "is damaged: its CRC-32 is wrong" in result.one("harmed")["why"], result
