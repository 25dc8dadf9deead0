# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Archives in, files out: by fwup, by Python's zipfile, and byte by byte with everything wrong."""

import io
import zipfile
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.archives import (
    FWUP,
    Member,
    Sink,
    conf_of,
    deflate,
    fwup_files,
    join,
    pieces,
    python_zip,
    read,
)

from nerveshub_link.errors import UpdateError
from nerveshub_link.release.fw_reader import FwReader
from nerveshub_link.release.fwup_meta import resources

FILES = [
    ("code.py", b"import lib.x\n"),
    ("lib/x.py", b"print('hello')\n" * 300),
    ("lib/empty.py", b""),
    ("data/noise.bin", bytes((at * 7919 >> 3) & 255 for at in range(3000))),
]
LITERAL = (
    b"PK\x03\x04\x14\x00\x00\x00\x00\x00\x00\x00\x21\x00\x86\xa6\x10\x36\x05\x00\x00\x00\x05\x00"
    b"\x00\x00\x07\x00\x00\x00code.pyhello"
    b"PK\x01\x02\x14\x03\x14\x00\x00\x00\x00\x00\x00\x00\x21\x00\x86\xa6\x10\x36\x05\x00\x00\x00"
    b"\x05\x00\x00\x00\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xa4\x81\x00\x00\x00\x00code.py"
    b"PK\x05\x06\x00\x00\x00\x00\x01\x00\x01\x00\x35\x00\x00\x00\x2a\x00\x00\x00\x00\x00"
)


def refused(data, **options):
    """The reason; the files that were complete before are right all the same."""
    with pytest.raises(UpdateError) as caught:
        read(data, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    "name", ["weather-1.0.0.fw", "weather-1.3.0-unsigned.fw", "app-2.0.0-libarchive-3.8.fw"]
)
@pytest.mark.parametrize("size", [1, 7, 511, 4096, 100_000])
def test_an_archive_made_by_fwup_is_read_in_pieces_of_any_size(name, size):
    data = (FWUP / name).read_bytes()
    known = zipfile.ZipFile(FWUP / name)

    sink = read(data, pieces(data, size))

    members = [member for member in known.namelist() if member.startswith("data/")]
    assert sink.begun == [member[5:] for member in members]
    assert sink.files == {member[5:]: known.read(member) for member in members}
    assert sink.sizes == {path: len(content) for path, content in sink.files.items()}
    assert sink.conf == known.read("meta.conf")


@pytest.mark.parametrize("name", ["weather-1.0.0.fw", "app-2.0.0-libarchive-3.8.fw"])
def test_the_signature_is_kept_for_who_wants_to_check_it(name):
    # Of the second, the signature's local head says nothing of its length; a signature has 64.
    data = (FWUP / name).read_bytes()
    reader = FwReader(Sink())
    reader.feed(data)
    reader.finish()

    assert reader.is_fwup
    assert reader.signature == zipfile.ZipFile(io.BytesIO(data)).read("meta.conf.ed25519")
    assert FwReader(Sink()).signature is None


def test_a_zip_given_as_bytes_is_read():
    sink = read(LITERAL, pieces(LITERAL, 1))

    assert sink.files == {"code.py": b"hello"} and sink.sizes == {"code.py": 5}
    assert sink.conf is None


@pytest.mark.parametrize("level", [None, *range(10)])
@pytest.mark.parametrize("seekable", [True, False], ids=["lengths in front", "descriptors"])
def test_a_deflated_zip_by_python_is_read(level, seekable):
    data = python_zip(FILES, seekable, level=level)

    sink = read(data, pieces(data, 700))

    assert sink.files == dict(FILES)
    assert sink.sizes == {name: len(content) if seekable else None for name, content in FILES}


def test_a_stored_zip_by_python_is_read():
    data = python_zip(FILES, method=zipfile.ZIP_STORED)

    assert read(data, pieces(data, 700)).files == dict(FILES)


def test_a_stored_zip_without_lengths_in_front_is_refused():
    data = python_zip(FILES, seekable=False, method=zipfile.ZIP_STORED)

    assert refused(data) == "'code.py' is stored, but its length is not told in front"


def test_a_stored_fw_without_lengths_in_front_is_read_since_meta_conf_tells_them():
    conf = conf_of(FILES)
    members = [Member("data/" + name, content, 0, described=True) for name, content in FILES]

    assert read(join(Member("meta.conf", conf, 0), *members)).files == dict(FILES)


@pytest.mark.parametrize("described", [False, True, "bare", "fwup"])
@pytest.mark.parametrize("method", [0, 8])
def test_lengths_may_stand_in_front_or_behind(described, method):
    described = "fwup" if method == 0 and described else described
    members = [Member(name, content, method, described) for name, content in FILES if content]

    sink = read(join(*members))

    assert sink.files == {name: content for name, content in FILES if content}


def test_a_descriptor_without_signature_may_look_like_one():
    # Bytes whose CRC-32 is that signature: 4 bytes behind a text make any CRC.
    content = with_crc(b"some text ", int.from_bytes(b"PK\7\x08", "little"))

    assert read(join(Member("x", content, 8, "bare"))).files == {"x": content}
    assert read(join(Member("x", content, 8, True))).files == {"x": content}


def with_crc(text, crc):
    """Add four bytes, so that this CRC-32 comes out: CRC is linear, so solve it bit by bit."""
    zero = zlib.crc32(text + bytes(4))
    columns = [
        (zlib.crc32(text + (1 << bit).to_bytes(4, "little")) ^ zero, 1 << bit) for bit in range(32)
    ]
    wanted, answer = crc ^ zero, 0
    for bit in range(32):
        pivot = next(at for at in range(bit, 32) if columns[at][0] >> bit & 1)
        columns[bit], columns[pivot] = columns[pivot], columns[bit]
        for at in range(32):
            if at != bit and columns[at][0] >> bit & 1:
                columns[at] = (columns[at][0] ^ columns[bit][0], columns[at][1] ^ columns[bit][1])
    for bit in range(32):
        if wanted >> bit & 1:
            answer ^= columns[bit][1]
    assert zlib.crc32(text + answer.to_bytes(4, "little")) == crc
    return text + answer.to_bytes(4, "little")


def test_folders_extra_fields_and_a_comment_are_passed_over():
    data = join(
        Member("lib/", b"", 0, extra=b"UT\x05\x00" + bytes(1000)),
        Member("lib/", b"", 0, described=True),
        Member("lib/x.py", b"x", 8, extra=b"UT\x01\x00\x00"),
        comment=b"PK\5\6" + bytes(3000),
    )

    assert read(data, pieces(data, 100)).files == {"lib/x.py": b"x"}


FW = [("code.py", b"print(1)\n"), ("lib/x.py", b"x" * 2000)]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("seekable", [True, False], ids=["lengths in front", "descriptors"])
def test_a_fw_packed_by_python_is_read(method, seekable):
    if method == zipfile.ZIP_STORED and not seekable:
        pytest.skip("meta.conf itself would have no length")
    sink = read(python_zip(fwup_files(FW), seekable, method))

    assert sink.files == dict(FW) and sink.conf == conf_of(FW)
    assert sink.sizes == {name: len(content) for name, content in FW}


def test_the_window_of_a_fw_is_allocated_once():
    files = [("a", b"a"), ("b", b"b" * 5000), ("c", b"c" * 3000)]
    windows = []

    class Watching(Sink):
        def file_data(self, view):
            windows.append(reader._inflater._window)
            super().file_data(view)

    reader = FwReader(Watching())
    reader.feed(python_zip(fwup_files(files)))

    assert len({id(window) for window in windows}) == 1 and len(windows[0]) == 5120 + 258
    assert reader._inflater is None


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([("meta.conf.ed25519", b"x" * 64), ("data/a", b"")], "'data/a' comes before meta.conf"),
        ([("meta.conf.ed25519", b"x" * 63), ("meta.conf", b"")], "has 63 bytes instead of 64"),
        ([("meta.conf.ed25519", b"x" * 65)], "'meta.conf.ed25519' has 65 bytes, 64 are allowed"),
        ([("meta.conf.ed25519", b"x" * 64)], "the archive has no meta.conf"),
        ([("meta.conf", b"a=b\n")], "'meta.conf' is shorter than 10 bytes"),
        ([("meta.conf", b"#" * 50_000)], "'meta.conf' has 50000 bytes, 49999 are allowed"),
        (fwup_files(FW) + [("data/more", b"")], "'data/more' is not declared in meta.conf"),
        (fwup_files(FW) + [("data/code.py", b"print(1)\n")], "'data/code.py' is not declared"),
        (fwup_files(FW) + [("meta.conf", b"")], "'meta.conf' lies beside meta.conf and data/"),
        (fwup_files(FW) + [("boot.py", b"")], "'boot.py' lies beside meta.conf and data/"),
        (fwup_files(FW) + [("/boot.py", b"")], "'/boot.py' lies beside meta.conf and data/"),
        (fwup_files(FW) + [("lib/", b"")], "'lib/' lies beside"),
        (fwup_files(FW) + [("data/lib/", b"")], "'data/lib/' is not declared"),
        (fwup_files(FW)[:-1], "'lib/x.py' is declared in meta.conf, and did not come"),
        (fwup_files(FW)[:-1] + [("data/lib/x.py", b"x")], "has 1 bytes, meta.conf says 2000"),
        (fwup_files([("/etc/x", b"")]), "'/etc/x' can't be installed: an absolute path"),
        (fwup_files([("../x", b"")]), "'../x' can't be installed"),
        (fwup_files([("boot.py", b"")]), "'boot.py' can't be installed: it would never"),
        (fwup_files([("lib/", b"")]), "'lib/' is declared in meta.conf as a file"),
        (fwup_files(FW + FW[:1]), "'code.py' can't be installed: it comes twice"),
        (fwup_files([("a", b""), ("A", b"")]), "'a' differs from it in case only"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_fw_that_is_not_what_it_declares_is_refused(files, words):
    assert words in refused(python_zip(files))


def test_a_fw_is_refused_for_its_declared_files_before_the_first_one_begins():
    sink, data = Sink(), python_zip(fwup_files(FW))

    assert "'lib/x.py' has 2000 bytes, 1000" in refused(data, sink=sink, max_file_size=1000)
    assert "the files have 2009 bytes, 2008" in refused(data, sink=sink, max_total_size=2008)
    assert sink.conf is None and sink.begun == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('file-resource "a" {\nlength={1,2}\n}', "a length that can't be read"),
        ('file-resource "a" {\nlength=-1\n}', "a length that can't be read"),
        ('file-resource "a" {\nlength=\n}', "a length that can't be read"),
        ('file-resource "a" {\nlength=9999999999\n}', "a length that can't be read"),
        ('file-resource "a" {\nlength=1\n', "ends within a file-resource"),
        ('file-resource a {\nlength=1\n}', "can't be read"),
        ('file-resource "a" { length=1 }', "can't be read"),
        ('file-resource "a"\n{\nlength=1\n}', "can't be read"),
        ('file-resource x "a" {\n}', "can't be read"),
        ('file-resource "a\\"b" {\n}', "a quote or backslash in its name"),
    ],
)  # fmt: skip
def test_a_meta_conf_that_is_not_understood_is_refused(text, words):
    assert words in refused(python_zip([("meta.conf", "meta-x=y\n" + text)]))


def test_the_declared_files_can_be_gone_through_with_all_their_values():
    text = b'meta-product="a file"\n'
    text += b'file-resource "lib/x y.py" {\n\tlength = "12"\r\nblake2b-256=ab\n}\n'
    text += b'file-resource "empty" {\n}\ntask "complete" {\non-resource "a" {\nlength=1\n}\n}'

    assert list(resources(text)) == [
        (b"lib/x y.py", {b"length": b"12", b"blake2b-256": b"ab"}),
        (b"empty", {}),
    ]


def member(**wrong):
    return Member("code.py", b"print(1)\n" * 9, **wrong)


OTHER = Member("other", b"x")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\xe9\x05\x02\x10" + bytes(50), "this is no zip or fwup archive"),
        (b"PK\3\3", "this is no zip or fwup archive"),
        (join(), "the archive is empty"),
        (join(member(flags=1)), "an encrypted archive can't be taken"),
        (join(member(flags=0x41)), "an encrypted archive can't be taken"),
        (join(member(flags=0x2000)), "an encrypted archive can't be taken"),
        (join(member(method=12)), "compression method 12 can't be taken"),
        (join(member(front=(0, 0xFFFFFFFF, 0xFFFFFFFF))), "a zip64 archive can't be taken"),
        (member(method=0).bytes + b"PK\6\6", "a zip64 archive can't be taken"),
        (member(method=0).bytes + b"PK\6\x07", "a zip64 archive can't be taken"),
        (member(method=0).bytes + b"PK\7\x08", "the archive is broken at byte"),
        (join(member(), disk=1), "an archive on several disks can't be taken"),
        (join(Member("", b"x")), "a path of 0 characters"),
        (join(Member("x" * 102, b"x")), "a path of 102 characters"),
        (join(Member("../x", b"x")), "'../x' can't be installed"),
        (join(Member(b"\xff.py", b"x")), "'_.py' can't be installed"),
        (join(Member("lib/", b"x")), "'lib/' has 1 bytes, 0 are allowed"),
        (join(member(crc=1)), "'code.py' is damaged, its CRC-32 is wrong"),
        (join(member(crc=1, described=True)), "'code.py' is damaged, its CRC-32 is wrong"),
        (join(member(size=80)), "deflate: more than 80 bytes come out"),
        (join(member(size=80, method=0)), "'code.py' is stored with two different lengths"),
        (join(member(size=82)), "'code.py' has 81 bytes, the archive says 82"),
        (join(member(size=82, described=True)), "'code.py' has 81 bytes, the archive says 82"),
        (join(member(packed=99)), "compressed bytes, the archive says 99"),
        (join(member(packed=99, described=True)), "compressed bytes, the archive says 99"),
        (join(member(front=(0, 0, 82), described=True)), "'code.py' has two different lengths"),
        (join(member(front=(0, 9, 81), described=True)), "'code.py' has two different lengths"),
        (join(member(method=0, packed=80)), "'code.py' is stored with two different lengths"),
        (join(member(data=b"\xff" * 20)), "deflate: a block of unknown type"),
        (join(member(data=deflate(b"print(1)\n" * 9) + b"more")), "compressed bytes, the"),
        (join(member(), Member("b", b"x", mode=0o120777)), "'b' is a symbolic link"),
        (join(member(), count=2), "1 files and folders came, the archive's directory tells of 2"),
        (join(member(), OTHER, listed=[OTHER]), "2 files and folders came, the archive's"),
        (join(member(), OTHER, listed=[OTHER, member(crc=7)]), "directory tells of other"),
        (join(member(), listed=[OTHER]), "directory tells of other files than came"),
        (join(member(), listed=[member(crc=7)]), "directory tells of other files than came"),
        (join(member(), start=3), "the archive's directory is not where it should be"),
        (join(member(), length=3), "the archive's directory is not where it should be"),
        (join(member()) + b"\0", "something lies behind the end of the archive"),
        (member().bytes + join(member())[len(member().bytes) :] * 2, "behind the end"),
        (join(member())[:-22] + Member("late", b"x").bytes, "the archive is broken at byte"),
    ],
)  # fmt: skip
def test_an_archive_with_a_fault_is_refused_with_its_reason(data, words):
    assert words in refused(data)
    assert words in refused(data, sizes=pieces(data, 1))


def test_limits_of_a_plain_zip_count_for_known_and_unknown_lengths():
    files = [("a", b"a" * 600), ("b", b"b" * 600)]
    for seekable in (True, False):
        data = python_zip(files, seekable)
        assert read(data, max_file_size=600, max_total_size=1200).files == dict(files)
        sink = Sink()
        assert "599" in refused(data, max_file_size=599)
        assert "599" in refused(data, max_total_size=1199, sink=sink)
        assert sink.files == {"a": b"a" * 600}
        assert "more than 1 files and folders" in refused(data, max_files=1)


def test_the_folder_before_the_paths_counts():
    data = python_zip([("x" * 88, b"")])

    assert read(data).begun == ["x" * 88]
    assert "longer than 96 characters" in refused(data, prefix="/slots/a/")


def test_a_fault_of_the_sink_comes_through_and_ends_the_reading():
    class Full(Sink):
        def file_data(self, view):
            raise OSError(28)

    reader = FwReader(Full())
    with pytest.raises(OSError):
        reader.feed(python_zip(FILES))
    with pytest.raises(UpdateError, match="given up"):
        reader.feed(b"more")
    with pytest.raises(UpdateError, match="given up"):
        reader.finish()


@pytest.mark.parametrize(
    "data",
    [python_zip(FILES), python_zip(FILES, False), join(member(), comment=b"bye"), LITERAL],
    ids=["lengths in front", "descriptors", "comment", "stored"],
)
def test_an_archive_that_ends_too_early_is_refused_wherever_it_ends(data):
    # A sample, and each byte of the end.
    for end in sorted(
        {*range(0, len(data), len(data) // 150 + 1), *range(len(data) - 60, len(data))}
    ):
        sink = Sink()
        assert "ends too early, after %d bytes" % end in refused(data[:end], sink=sink)


@given(
    st.lists(
        st.tuples(st.from_regex(r"\A[a-f]{1,3}(/[g-k]{1,2}){0,2}\Z"), st.binary(max_size=2000)),
        max_size=5,
        unique_by=lambda file: file[0].split("/")[0],
    ),
    st.lists(st.integers(1, 700)),
    st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]),
    st.booleans(),
)
def test_any_files_in_any_split_come_out_the_same(files, sizes, method, fwup):
    members = fwup_files(files) if fwup else files or [("x", b"")]
    data = python_zip(members, method=method)

    sink = read(data, sizes)

    assert sink.files == dict(files if fwup else members)
    assert sink.begun == [name for name, _ in (files if fwup else members)]


SAMPLES = [
    (python_zip(FILES), FILES),
    (python_zip(FILES, False), FILES),
    (python_zip(fwup_files(FW)), FW),
    (join(*[Member(name, content, 0, "fwup") for name, content in FILES[:2]]), FILES[:2]),
]


@settings(max_examples=250)
@given(st.sampled_from(SAMPLES), st.data())
def test_no_changed_byte_raises_anything_else_or_makes_a_wrong_file(sample, data):
    broken, files = bytearray(sample[0]), sample[1]
    for _ in range(data.draw(st.integers(1, 3))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))

    sink = Sink()
    try:
        read(bytes(broken), data.draw(st.lists(st.integers(1, 300))), sink)
        whole = True
    except UpdateError:
        whole = False

    # Without the name of its first member, a .fw is a plain zip, and meta.conf a file.
    contents = [conf_of(FW), *[content for _, content in files]]
    assert all(content in contents for content in sink.files.values())
    assert not whole or len(sink.files) == len(files)
