# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Archives read inside MicroPython, in little memory."""

import io
import zipfile
import zlib

import pytest
from support.archives import FWUP, application, fwup_files, python_zip
from support.vm import Vm, build

pytestmark = pytest.mark.vm

# Bytes of heap, a few KB above what was measured (64-bit pointers; the program and its JSON are in
# it). The window takes 32 KB of it, where the files are deflated.
FWUP_HEAP = 104 * 1024
DEFLATED_HEAP = 104 * 1024
STORED_HEAP = 64 * 1024


@pytest.fixture(scope="module")
def vm(micropython, tmp_path_factory):
    return Vm(micropython, build(tmp_path_factory.mktemp("drive") / "mpy"))


def read_in(vm, data, heap, chunk=4096):
    """The files that come out, as path -> (size, CRC-32)."""
    (vm.folder / "archive.bin").write_bytes(data)
    result = vm.run("archive", {"archive": "archive.bin", "chunk": chunk}, heap=heap)
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
    data = python_zip(fwup_files(application()))

    assert read_in(vm, data, DEFLATED_HEAP) == expected(data)


def test_an_application_of_300_kb_is_read_stored_without_a_window(vm):
    data = python_zip(fwup_files(application()), method=zipfile.ZIP_STORED)

    assert read_in(vm, data, STORED_HEAP) == expected(data)
    assert STORED_HEAP < DEFLATED_HEAP - 32 * 1024


def test_what_is_refused_is_refused_there_too(vm):
    data = python_zip(fwup_files([("a", b"a" * 5000), ("A", b"")]))
    (vm.folder / "archive.bin").write_bytes(data)

    result = vm.run("archive", {"archive": "archive.bin", "chunk": 100}, heap=FWUP_HEAP)

    assert "UpdateError: 'A' can't be installed: 'a' differs from it in case only" in result.errors
