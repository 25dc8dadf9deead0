# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Archives read inside MicroPython, in little memory."""

import io
import zipfile
import zlib

import pytest
from support.applications import application, archive
from support.archives import FWUP, fwup_files, python_zip
from support.vm import Vm, build

pytestmark = pytest.mark.vm

# Heap in KB, a few above what was measured, for pointers of 64 and 32 bits.
FWUP_HEAP = (96, 76)
DEFLATED_HEAP = (148, 124)
STORED_HEAP = (104, 84)


@pytest.fixture(scope="module")
def vm(micropython, tmp_path_factory):
    return Vm(micropython, build(tmp_path_factory.mktemp("drive") / "mpy"))


def run(vm, data, heap, chunk):
    (vm.folder / "archive.bin").write_bytes(data)
    options = {"archive": "archive.bin", "chunk": chunk}
    return vm.run("archive", options, heap=heap[vm.is_32_bit] * 1024)


def read_in(vm, data, heap, chunk=4096):
    """The files that come out, as path -> (size, CRC-32)."""
    result = run(vm, data, heap, chunk)
    assert result.all("end"), result
    return {line["path"]: (line["size"], line["crc"]) for line in result.all("file")}


def expected(data):
    archive = zipfile.ZipFile(io.BytesIO(data))
    names = [name for name in archive.namelist() if not name.startswith("meta.conf")]
    contents = {name.replace("data/", "", 1): archive.read(name) for name in names}
    return {name: (len(content), zlib.crc32(content)) for name, content in contents.items()}


@pytest.mark.parametrize("chunk", [1, 1000, 4096])
def test_an_archive_made_by_fwup_is_read(vm, chunk):
    data = (FWUP / "weather-1.0.0.fw").read_bytes()

    assert read_in(vm, data, FWUP_HEAP, chunk) == expected(data)


def test_an_application_of_300_kb_is_read_deflated(vm):
    data = archive(application(300_000))

    assert read_in(vm, data, DEFLATED_HEAP) == expected(data)


def test_an_application_of_300_kb_is_read_stored_without_a_window(vm):
    data = archive(application(300_000), deflated=False, descriptors=False)

    assert read_in(vm, data, STORED_HEAP) == expected(data)


def test_what_is_refused_is_refused_there_too(vm):
    data = python_zip(fwup_files([("a", b"a" * 5000), ("A", b"")]))

    result = run(vm, data, FWUP_HEAP, 100)

    assert "UpdateError: 'A' can't be installed: 'a' differs from it in case only" in result.errors
