# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""An archive is signed again without a change of its members, and read as a board reads it."""

import zipfile

import pytest
from click.testing import CliRunner
from nerveshub_tools import archive_packer, fw_file, packer
from nerveshub_tools.cli import main
from nerveshub_tools.images import read_meta
from nerveshub_tools.keys import make_keys, read_key
from nerveshub_tools.release_file import look
from nerveshub_tools.release_paths import Unfit
from nerveshub_tools.resign import sign
from nerveshub_tools.signatures import signer
from support import checkout
from support.board import application

from nerveshub_link.release.fw_reader import FwReader
from nerveshub_link.release.fwup_meta import length_of, resources

META = {"product": "p", "version": "1.2.0", "platform": "simulated", "architecture": "xtensa"}
OPTIONS = [word for name, text in META.items() for word in ("--" + name, text)]
FWUP = checkout.ROOT / "tests" / "data" / "fwup"


@pytest.fixture(name="keys")
def two_keys(tmp_path):
    return [read_key(make_keys(tmp_path / name)[1]) for name in ("one", "two")]


@pytest.fixture(name="app")
def an_application(tmp_path):
    return application(tmp_path / "app", "print(1)\n", **{"lib/x.py": "# x\n"})


# Signing


def test_a_signature_is_replaced_and_all_else_is_what_pack_wrote(app, keys, tmp_path):
    for name, key in (("one.fw", keys[0]), ("two.fw", keys[1]), ("none.fw", None)):
        packer.pack(app, tmp_path / name, META, key=key)
    wanted = (tmp_path / "two.fw").read_bytes()
    for name in ("one.fw", "two.fw", "none.fw"):
        sign(tmp_path / name, keys[1])
        assert (tmp_path / name).read_bytes() == wanted


def test_members_of_another_program_keep_their_heads_and_times(app, keys, tmp_path):
    packer.pack(app, tmp_path / "x.fw", META, key=keys[0])
    with zipfile.ZipFile(tmp_path / "x.fw") as archive:
        content = [(member.filename, archive.read(member)) for member in archive.infolist()]
    with zipfile.ZipFile(tmp_path / "x.fw", "w") as archive:
        archive.comment = b"made elsewhere"
        for name, data in content:
            member = zipfile.ZipInfo(name, (2026, 11, 28, 12, 0, 0))
            member.extra = b"\xfe\xca\x02\x00ab"
            archive.writestr(member, data)
    before = (tmp_path / "x.fw").read_bytes()
    sign(tmp_path / "x.fw", keys[1], tmp_path / "y.fw")
    after = (tmp_path / "y.fw").read_bytes()
    kept = before[before.index(b"PK\3\4", 4) : before.index(b"PK\1\2")]
    assert after[30 + 17 + 64 :].startswith(kept)
    with zipfile.ZipFile(tmp_path / "y.fw") as archive:
        assert archive.testzip() is None
        assert archive.comment == b"made elsewhere"
        assert [(one.filename, one.date_time[0]) for one in archive.infolist()] == [
            ("meta.conf.ed25519", 1980),
            ("meta.conf", 2026),
            ("data/app.img", 2026),
        ]
    assert (tmp_path / "x.fw").read_bytes() == before


def test_the_command_signs_in_place_and_the_uuid_stays(app, keys, tmp_path):
    uuid = packer.pack(app, tmp_path / "x.fw", META).uuid
    words = ["sign", str(tmp_path / "x.fw"), "--key"]
    publics = [(tmp_path / f"{name}.pub").read_text() for name in ("one", "two")]
    told = []
    for name in ("one", "two", "two"):
        done = CliRunner().invoke(main, [*words, str(tmp_path / f"{name}.priv")])
        assert done.exit_code == 0, done.output
        told.append(done.output)
    start = f"{tmp_path}/x.fw: "
    assert told == [
        f"{start}signed; public key {publics[0]}\n",
        f"{start}signed, in place of another signature; public key {publics[1]}\n",
        f"{start}was signed by this key already; public key {publics[1]}\n",
    ]
    assert signer(tmp_path / "x.fw", publics) == publics[1]
    assert read_meta(tmp_path / "x.fw")["uuid"] == uuid


@pytest.mark.parametrize("name", ["weather-1.0.0.fw", "weather-1.3.0-unsigned.fw"])
def test_an_archive_that_fwup_deflated_is_refused_with_the_way_out(keys, tmp_path, name):
    with pytest.raises(Unfit) as caught:
        sign(FWUP / name, keys[0], tmp_path / "x.fw")
    assert "a board would refuse it: deflated: 'meta.conf' and 6 more" in str(caught.value)
    assert "nerveshub-link pack --private-key makes them" in str(caught.value)
    assert not (tmp_path / "x.fw").exists()


def test_what_is_no_archive_or_damaged_is_refused_and_left_alone(app, keys, tmp_path):
    path = tmp_path / "x.fw"
    packer.pack(app, path, META, key=keys[0])
    good = path.read_bytes()
    at = good.index(b"NHct")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("data/more", b"")
    cases = {
        "x.fw is no release": b"text",
        "x.fw is a bare image: nerveshub-link pack --private-key packs": b"\xe9" + bytes(100),
        "the archive's directory, at its end: File is not a zip file": good[:-30],
        "of the file) is damaged: its CRC-32 is wrong": good[:at] + b"?" + good[at + 1 :],
        "0 bytes into the file, no member begins": b"PK\3\4" + good,
        "'data/more' is in the archive, and meta.conf does not declare it": path.read_bytes(),
    }
    for words, data in cases.items():
        path.write_bytes(data)
        with pytest.raises(Unfit) as caught:
            sign(path, keys[1])
        assert words in str(caught.value)
        assert path.read_bytes() == data


def test_a_resource_that_is_not_what_is_signed_is_not_signed_again(keys, tmp_path):
    conf = packer.meta_conf(META, fw_file.section("x", b"right"))
    fw_file.write(tmp_path / "x.fw", conf, [("x", b"wrong")], keys[0])
    with pytest.raises(Unfit, match=r"'data/x' is not what meta\.conf names: its blake2b-256"):
        sign(tmp_path / "x.fw", keys[1])


# min-version


def section(path):
    return dict(resources(look(path).conf))


def test_min_version_stands_in_the_signed_section_of_the_resource(app, keys, tmp_path):
    plain = packer.pack(app, tmp_path / "x.fw", META, key=keys[0])
    packed = packer.pack(app, tmp_path / "y.fw", META, key=keys[0], min_version="1.2.0")
    assert b"min-version" not in section(tmp_path / "x.fw")[b"app.img"]
    assert section(tmp_path / "y.fw")[b"app.img"][b"min-version"] == b"1.2.0"
    assert plain.uuid != packed.uuid
    (tmp_path / "firmware.bin").write_bytes(b"\xe9" + bytes(99))
    packer.pack(tmp_path / "firmware.bin", tmp_path / "z.fw", META, min_version="0.0.1")
    assert section(tmp_path / "z.fw")[b"firmware.bin"][b"min-version"] == b"0.0.1"


@pytest.mark.parametrize(
    ("version", "least", "words"),
    [
        ("1.2.0", "1.2.1", r"1\.2\.1 is above the release's own version 1\.2\.0"),
        ("1.2.0-rc.1", "1.2.0", "is above the release's own version"),
        ("1.10.0", "1.9.0", None),
        ("1.2.0+build", "1.2.0", None),
        ("1.2.0", "1.2", "must be like 1.2.3, three numbers, not 1.2"),
        ("1.2.0", "1.0.0-rc.1", "three numbers, not 1.0.0-rc.1"),
        ("1.2.0", "", "three numbers, not "),
        ("9999999999.2.0", "1000000000.0.0", "a board takes numbers of up to nine digits"),
    ],
)
def test_min_version_that_no_board_could_follow_is_refused(app, tmp_path, version, least, words):
    meta = {**META, "version": version}
    if words is None:
        packer.pack(app, tmp_path / "x.fw", meta, min_version=least)
        return
    with pytest.raises(Unfit, match="--min-version .*" + words):
        packer.pack(app, tmp_path / "x.fw", meta, min_version=least)
    assert not (tmp_path / "x.fw").exists()


# Operators' archives


def test_an_archive_has_a_resource_with_its_sha256_for_each_file(keys, tmp_path):
    app = application(tmp_path / "sounds", "", **{"a/b.wav": "RIFF", "z.txt": "", ".hidden": ""})
    packed = archive_packer.pack(app, tmp_path / "x.fw", META, key=keys[0])
    assert (packed.files, packed.size, packed.warnings) == (3, 4, [])
    found = look(tmp_path / "x.fw")
    assert (found.kind, found.damage, found.board) == ("an operators' archive", [], [])
    names = ["a/b.wav", "code.py", "z.txt"]
    assert [(one.name, one.content) for one in found.members[2:]] == [
        (f"data/{name}", content) for name, content in zip(names, (b"RIFF", b"", b""))
    ]
    said = dict(resources(found.conf))
    assert list(said) == [name.encode() for name in names]
    assert [length_of(values) for values in said.values()] == [4, 0, 0]
    sha256 = b"a40ff3d5900fb7698b8c865041347cb49eccedc8f93945f89629ad104aaecce4"  # of "RIFF"
    assert said[b"a/b.wav"][b"sha256"] == sha256
    assert set(said[b"a/b.wav"]) == {b"length", b"blake2b-256", b"sha256"}
    assert read_meta(tmp_path / "x.fw") == {**META, "uuid": packed.uuid}
    again = archive_packer.pack(app, tmp_path / "y.fw", META, key=keys[0])
    assert again == packed
    assert (tmp_path / "x.fw").read_bytes() == (tmp_path / "y.fw").read_bytes()


def test_an_archive_of_one_file_is_read_by_the_boards_reader(keys, tmp_path):
    (tmp_path / "menu.json").write_bytes(b"{}")
    archive_packer.pack(tmp_path / "menu.json", tmp_path / "x.fw", META, key=keys[0])
    seen = []

    class Sink:
        archive_meta = staticmethod(lambda conf, signature: seen.append(len(signature)))
        file_begin = staticmethod(lambda name, size: seen.append((name, size)))
        file_data = staticmethod(lambda view: seen.append(bytes(view)) or len(view))
        file_end = staticmethod(lambda: seen.append("end"))
        busy = False

    reader = FwReader(Sink)
    reader.feed(memoryview((tmp_path / "x.fw").read_bytes()))
    reader.finish()
    assert seen == [64, ("menu.json", 2), b"{}", "end"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("\u00e4.txt", "names of up to 59 ASCII characters"),
        ('a"b', "without quotes and backslashes"),
        ("a" * 60, "names of up to 59"),
        ("key.pem", "'key.pem' holds a private key"),
        ("%d", "a board takes 4,096: pack fewer files"),
    ],
)
def test_files_that_can_be_in_no_archive_are_refused_by_name(keys, tmp_path, name, words):
    folder = tmp_path / "folder"
    folder.mkdir()
    key = (tmp_path / "one.priv").read_text()
    for number in range(25 if name == "%d" else 1):
        text = key if name == "key.pem" else ""
        (folder / (name % number if name == "%d" else name)).write_text(text)
    with pytest.raises(Unfit, match=words):
        archive_packer.pack(folder, tmp_path / "x.fw", META, key=keys[0])
    assert not (tmp_path / "x.fw").exists()


def test_the_command_packs_an_archive_and_knows_what_is_for_releases_only(keys, tmp_path):
    (tmp_path / "menu.json").write_bytes(b"{}")
    words = [
        "pack",
        "--archive",
        str(tmp_path / "menu.json"),
        "-o",
        str(tmp_path / "x.fw"),
        *OPTIONS,
    ]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[1] == "1 file, 2 bytes"
    assert "not signed" in done.output
    done = CliRunner().invoke(main, [*words, "--min-version", "1.0.0"])
    assert done.exit_code == 2 and "--min-version and --like are for releases" in done.output
    (tmp_path / "empty").mkdir()
    words[2] = str(tmp_path / "empty")
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 1 and "holds no file for an archive" in done.output
