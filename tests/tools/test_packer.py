# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""A packed application is what fwup, NervesHub and a board take, byte for byte."""

import hashlib
import os
import re
import shutil
import struct
import subprocess
import zipfile
import zlib

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nerveshub_tools import container, fat_reader, fw_file, packer
from nerveshub_tools.application import Unfit, read
from nerveshub_tools.cli import main
from nerveshub_tools.images import fwup_uuid, read_meta
from nerveshub_tools.keys import make_keys, private_key_in, read_key
from nerveshub_tools.packer import meta_conf, pack
from nerveshub_tools.signatures import is_signed, signer
from support import checkout
from support.board import application

from nerveshub_link.errors import UpdateError
from nerveshub_link.slots.slot_file import texts_of

META = {
    "product": "greenhouse",
    "description": "a release of the new form",
    "version": "9.2.2",
    "platform": "simulated",
    "architecture": "xtensa",
}
FWUP = checkout.ROOT / "tests" / "data" / "fwup"
NEW_FORM = FWUP / "new-form.fw"
FILES = {"empty.txt": "", "lib/sensors/__init__.py": "#\n"}
UUID = "3f4db36f-be34-5c46-58cd-96f859572c36"


@pytest.fixture
def app(tmp_path):
    return application(tmp_path / "app", "print(1)\n", **FILES)


@pytest.fixture
def key(tmp_path):
    return read_key(make_keys(tmp_path / "key")[1])


def members(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def headers(path):
    """Name and fixed part of each local head, without CRC and lengths."""
    found = []
    data = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            at = member.header_offset
            head, crc, packed, size, name, extra = struct.unpack_from("<14sIIIHH", data, at)
            assert packed == size == member.file_size
            assert crc == zlib.crc32(archive.read(member))
            found.append((member.filename, head, name, extra))
            assert data[at + 30 : at + 30 + name] == member.filename.encode()
    return found


# The archive, against one that fwup and NervesHub took


def test_the_archive_has_the_members_and_heads_of_one_that_fwup_took(app, key, tmp_path):
    pack(app, tmp_path / "x.fw", META, key=key)
    assert headers(tmp_path / "x.fw") == headers(NEW_FORM)


def test_meta_conf_is_that_of_one_that_fwup_took_but_for_hashes_and_lengths(tmp_path, app):
    pack(app, tmp_path / "x.fw", META)
    made, taken = (members(path)["meta.conf"] for path in (tmp_path / "x.fw", NEW_FORM))
    # It has quotes that fwup itself would leave out.
    taken = taken.replace(b'meta-version="9.2.2"', b"meta-version=9.2.2")
    vary = re.compile(rb"(length=)\d+|((?:sha256|blake2b-256)=)[0-9a-f]{64}")
    assert vary.sub(rb"\1\2", made) == vary.sub(rb"\1\2", taken)


def test_every_byte_is_that_of_the_archive_that_fwup_took(tmp_path, monkeypatch):
    # Its resource is no real image, and its key is gone: these two are put in its place.
    found = members(NEW_FORM)
    data = found["data/app.img"]

    class Signed:
        @staticmethod
        def sign(conf):
            return found["meta.conf.ed25519"]

    fw_file.write(tmp_path / "x.fw", found["meta.conf"], [("app.img", data)], Signed)
    assert (tmp_path / "x.fw").read_bytes() == NEW_FORM.read_bytes()


def test_meta_conf_has_quotes_where_the_real_fwup_writes_them():
    conf = members(FWUP / "weather-1.0.0.fw")["meta.conf"]
    meta = read_meta(FWUP / "weather-1.0.0.fw")
    meta_lines = b"".join(line for line in conf.splitlines(True) if line.startswith(b"meta-"))
    assert meta_conf(meta, "") == meta_lines
    assert b"meta-version=1.0.0\n" in meta_lines and b'="' in meta_lines


@pytest.mark.parametrize(
    ("name", "uuid"),
    [
        ("new-form.fw", "1b42121e-6b67-5e5a-2052-0a30d9fa4de3"),
        ("weather-1.0.0.fw", "383f26c3-f218-582d-0ab0-b2ea08f5a9f4"),
        ("weather-1.3.0-unsigned.fw", "234ca8b9-3305-5ab5-94a3-83d1969b8460"),
    ],
)
def test_the_uuid_is_computed_as_the_real_fwup_does(name, uuid):
    assert fwup_uuid(members(FWUP / name)["meta.conf"]) == uuid


def test_the_signature_that_fwup_took_is_a_good_one_here_too():
    public = (FWUP / "new-form.pub").read_text().strip()
    assert signer(NEW_FORM, [public]) == public


def test_the_signature_is_that_of_meta_conf(app, key, tmp_path):
    pack(app, tmp_path / "x.fw", META, key=key)
    found = members(tmp_path / "x.fw")
    assert len(found["meta.conf.ed25519"]) == 64
    key.public_key().verify(found["meta.conf.ed25519"], found["meta.conf"])
    public = (tmp_path / "key.pub").read_text()
    assert is_signed(tmp_path / "x.fw")
    assert signer(tmp_path / "x.fw", [public]) == public


def test_without_a_key_there_is_no_signature(app, tmp_path):
    pack(app, tmp_path / "x.fw", META)
    assert list(members(tmp_path / "x.fw")) == ["meta.conf", "data/app.img"]
    assert not is_signed(tmp_path / "x.fw")


def test_the_same_folder_gives_the_same_bytes(app, key, tmp_path):
    first = pack(app, tmp_path / "x.fw", META, key=key)
    for name in ("code.py", "lib/sensors"):
        os.utime(tmp_path / "app" / name, (1, 1))
    copy = application(tmp_path / "copy", "print(1)\n", **dict(reversed(FILES.items())))
    second = pack(copy, tmp_path / "y.fw", META, key=key)
    assert (tmp_path / "x.fw").read_bytes() == (tmp_path / "y.fw").read_bytes()
    assert first == second
    # On any computer: it is a promise to those who compare.
    assert first.uuid == UUID
    assert pack(app, tmp_path / "new.fw", {**META, "version": "1.0.1"}).uuid != UUID


def test_the_image_in_it_holds_the_files(app, tmp_path):
    (tmp_path / "app" / "big.txt").write_text("what is written twice " * 5000)
    packed = pack(app, tmp_path / "x.fw", META)
    made = container.read(members(tmp_path / "x.fw")["data/app.img"])
    assert fat_reader.read(made.image) == read(app).files
    assert (packed.files, packed.size) == (4, 110_000 + 9 + 2)
    assert packed.length == (tmp_path / "x.fw").stat().st_size < 10_000


def test_the_hub_reads_what_was_packed(app, tmp_path):
    packed = pack(app, tmp_path / "x.fw", META)
    assert read_meta(tmp_path / "x.fw") == {**META, "uuid": packed.uuid}


# Like an earlier release


def test_a_release_like_an_earlier_one_holds_the_files_and_leaves_them_where_they_were(tmp_path):
    app = application(
        tmp_path / "app", "import nerveshub_link\n", **{f"lib/m{n:02}.txt": "x" for n in range(60)}
    )
    for number in range(60):
        (tmp_path / "app" / "lib" / f"m{number:02}.txt").write_bytes(noise(3200))
    pack(app, tmp_path / "old.fw", META)
    (tmp_path / "app" / "lib" / "m03.txt").write_bytes(noise(4800))
    meta = {**META, "version": "9.2.3"}
    packed = pack(app, tmp_path / "new.fw", meta, like=tmp_path / "old.fw")
    assert packed.moved == 512 * (1 + 2 + 1 + 7 + 10)  # boot sector, FAT, folder, old and new place
    assert packed.warnings == []
    made = container.read(members(tmp_path / "new.fw")["data/app.img"])
    assert fat_reader.read(made.image) == read(app).files
    again = pack(app, tmp_path / "again.fw", meta, like=tmp_path / "old.fw")
    assert again == packed
    assert (tmp_path / "again.fw").read_bytes() == (tmp_path / "new.fw").read_bytes()


def test_where_the_slot_has_no_room_for_gaps_files_move(tmp_path):
    app = application(tmp_path / "app", "")
    for name, size in (("a", 40_000), ("b", 10_000), ("c", 40_000)):
        (tmp_path / "app" / name).write_bytes(noise(size))
    pack(app, tmp_path / "old.fw", META)
    (tmp_path / "app" / "b").write_bytes(noise(11_000))
    fresh = pack(app, tmp_path / "fresh.fw", META)
    size = packer.needed(fresh.made) + 15 * 512
    roomy = pack(app, tmp_path / "x.fw", META, like=tmp_path / "old.fw")
    assert packer.needed(roomy.made) > packer.needed(fresh.made) + 9000
    tight = pack(app, tmp_path / "x.fw", META, like=tmp_path / "old.fw", slot_size=size)
    assert packer.needed(tight.made) <= packer.room(size)
    assert tight.moved > roomy.moved + 15_000


def test_only_a_release_of_an_application_can_be_like_one(app, tmp_path):
    (tmp_path / "x.bin").write_bytes(b"\xe9" + bytes(99))
    (tmp_path / "x.txt").write_text("")
    pack(tmp_path / "x.bin", tmp_path / "x.fw", META)
    for name, words in (
        ("x.bin", "is a bare ESP-IDF image, and no release of an application"),
        ("x.fw", "is a release of CircuitPython, and no release of an application"),
        ("x.txt", "is no release"),
    ):
        with pytest.raises(Unfit, match="--like: .*" + words):
            pack(app, tmp_path / "y.fw", META, like=tmp_path / name)
    with pytest.raises(Unfit, match="--like is for applications"):
        pack(tmp_path / "x.bin", tmp_path / "y.fw", META, like=tmp_path / "x.fw")
    assert not (tmp_path / "y.fw").exists()


# Firmware


def test_a_circuitpython_image_is_packed_as_it_is(tmp_path):
    (tmp_path / "board firmware.bin").write_bytes(b"\xe9" + bytes(5000))
    packed = pack(tmp_path / "board firmware.bin", tmp_path / "x.fw", META)
    found = members(tmp_path / "x.fw")
    assert found["data/firmware.bin"] == b"\xe9" + bytes(5000)
    assert b'file-resource "firmware.bin" {\nlength=5001\nblake2b-256=' in found["meta.conf"]
    assert (packed.made, packed.files, packed.warnings) == (None, 1, [])


@pytest.mark.parametrize(("name", "first"), [("x.bin", b"\x00"), ("x.uf2", b"\xe9")])
def test_a_file_that_is_no_image_is_refused(tmp_path, name, first):
    (tmp_path / name).write_bytes(first + bytes(99))
    with pytest.raises(Unfit, match="neither an application's folder nor a CircuitPython image"):
        pack(tmp_path / name, tmp_path / "x.fw", META)


# Metadata


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("product", ""),
        ("product", 'a "quoted" name'),
        ("description", "a=b"),
        ("author", "two\nlines"),
        ("version", "1.0"),
        ("version", "v1.0.0"),
        ("platform", "x" * 256),
        ("product", "\u00e4" * 128),
    ],
)
def test_what_nerveshub_would_misread_is_refused_with_the_options_name(option, value):
    with pytest.raises(Unfit, match="--" + option):
        meta_conf({**META, option: value}, "")


def test_umlauts_and_accents_are_taken_and_stand_there_as_fwup_writes_them(app, tmp_path):
    # The second is spelled with a combining mark, as macOS may give it.
    meta = {**META, "product": "Gew\u00e4chshaus", "description": "cre\u0300me"}
    pack(app, tmp_path / "x.fw", meta)
    conf = members(tmp_path / "x.fw")["meta.conf"]
    assert 'meta-product="Gew\u00e4chshaus"\nmeta-description="cr\u00e8me"\n'.encode() in conf
    assert read_meta(tmp_path / "x.fw")["product"] == "Gew\u00e4chshaus"


@pytest.mark.parametrize("char", ["\U0001f331", "\u0431", "\u2026", "\u0153"])
def test_what_nerveshub_answers_with_an_error_is_refused_with_that_reason(char):
    with pytest.raises(Unfit, match=f"--product: .*Latin-1.*'{char}', with an error 500"):
        meta_conf({**META, "product": "green " + char}, "")


def test_texts_that_a_slots_header_cannot_keep_are_refused_and_no_others():
    fits = {**META, "product": "p" * 200, "platform": "q" * 155, "version": "1.0.0"}
    count = sum(len(fits[key]) for key in ("product", "version", "platform", "architecture"))
    fits["architecture"] = "x" * (411 - 36 - count + len(META["architecture"]))
    assert texts_of({**fits, "uuid": "u" * 36})
    meta_conf(fits, "")
    longer = {**fits, "architecture": fits["architecture"] + "x"}
    with pytest.raises(UpdateError):
        texts_of({**longer, "uuid": "u" * 36})
    with pytest.raises(Unfit, match="have 412 bytes, a slot keeps 411"):
        meta_conf(longer, "")


def test_a_meta_conf_that_a_board_would_not_take_is_refused(app, tmp_path):
    with pytest.raises(Unfit, match=r"meta\.conf of 4,\d\d\d bytes, a board takes 4,096"):
        pack(app, tmp_path / "x.fw", {**META, "misc": "x" * 3700})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["app"]


# What belongs to an application


def test_hidden_files_and_leftovers_of_desktops_and_python_stay_at_home(tmp_path):
    files = (".git/config", "__pycache__/x.pyc", ".DS_Store", "._code.py", "lib/.hidden", "x.pyc")
    files += ("Thumbs.db", "lib/desktop.ini", "boot_out.txt")
    app = application(tmp_path / "app", "", **{name: "" for name in files})
    found = read(app)
    assert list(found.files) == ["code.py"]
    assert found.warnings == []


@pytest.mark.parametrize(
    "name",
    [
        "System Volume Information/WPSettings.dat",
        "$RECYCLE.BIN/x",
        "FOUND.000/FILE0000.CHK",
        "__MACOSX/code.py",
        "code.py~",
        "#code.py#",
        "code.py.bak",
        "lib/sensor.py.orig",
        "code.py.before-nerveshub",
        "old.FW",
    ],
)
def test_backups_trash_and_releases_stay_at_home_and_are_told(tmp_path, name):
    found = read(application(tmp_path / "app", "", **{name: "x"}))
    assert list(found.files) == ["code.py"]
    (words,) = found.warnings
    assert words.startswith("left out: " + name.split("/")[0])


def test_the_file_that_is_written_is_no_part_of_what_goes_into_it(app, tmp_path):
    outputs = [tmp_path / "app" / name for name in ("rel.fw", "rel.release", "rel.release")]
    uuids = {pack(app, output, META).uuid for output in outputs}
    assert uuids == {UUID}


def test_nerveshubignore_goes_by_the_rules_of_gitignore(tmp_path):
    files = {
        "notes.md": "",
        "docs/a.txt": "",
        "lib/docs/kept.txt": "",
        "lib/x.log": "",
        "keep.log": "",
        ".nerveshubignore": "*.md  \n# comment\n/docs/\n*.log\n!keep.log\n",
    }
    found = read(application(tmp_path / "app", "", **files))
    assert list(found.files) == ["code.py", "keep.log", "lib/docs/kept.txt"]
    assert found.warnings == []


def test_a_folder_that_is_ignored_is_not_even_looked_into(tmp_path):
    app = application(tmp_path / "app", "", **{".nerveshubignore": "venv/\nhome\npipe\n"})
    (tmp_path / "app" / "venv").mkdir()
    (tmp_path / "app" / "venv" / "up").symlink_to("..")
    (tmp_path / "app" / "home").symlink_to("/")
    os.mkfifo(tmp_path / "app" / "pipe")
    assert list(read(app).files) == ["code.py"]


# What is refused


@pytest.mark.parametrize("name", ["boot.py", "safemode.py", "settings.toml"])
def test_what_belongs_to_the_root_directory_is_refused(tmp_path, name):
    with pytest.raises(Unfit, match=name):
        read(application(tmp_path / "app", "", **{name: ""}))


@pytest.mark.parametrize("name", ["a:b.txt", "aux.txt", "b" * 90 + ".py", "dot./x"])
def test_names_that_a_board_does_not_take_are_refused(tmp_path, name):
    with pytest.raises(Unfit, match="can't be in a release"):
        read(application(tmp_path / "app", "", **{name: ""}))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("README.md", r"is no application: it has no code\.py"),
        ("main.py", r"call 'main\.py' code\.py, nothing else is run"),
        ("Code.py", r"call 'Code\.py' code\.py"),
        ("MAIN.MPY", r"call 'MAIN\.MPY' code\.mpy"),
    ],
)
def test_a_folder_without_code_py_is_refused_and_what_may_be_meant_is_named(tmp_path, name, words):
    (tmp_path / name).write_text("")
    with pytest.raises(Unfit, match=words):
        read(tmp_path)


def test_without_a_code_py_nothing_is_walked_through(tmp_path, monkeypatch):
    (tmp_path / "folder").mkdir()
    monkeypatch.setattr(packer.application.AppFolder, "files", lambda self: pytest.fail("walked"))
    with pytest.raises(Unfit, match="it has no code"):
        read(tmp_path)


def test_links_to_a_folder_above_are_refused_by_name(tmp_path):
    app = application(tmp_path / "app", "", **{"lib/x.py": ""})
    for name in ("a", "b"):
        (tmp_path / "app" / "lib" / name).symlink_to("..")
    with pytest.raises(Unfit, match="'lib/a' is a link to a folder above it"):
        read(app)


def test_links_that_lead_to_each_other_are_refused_by_name(tmp_path):
    app = application(tmp_path / "app", "", **{"a/x.py": "", "b/y.py": ""})
    (tmp_path / "app" / "a" / "to_b").symlink_to("../b")
    (tmp_path / "app" / "b" / "to_a").symlink_to("../a")
    with pytest.raises(Unfit, match="'a/to_b/to_a' is a link to a folder above it"):
        read(app)
    (tmp_path / "app" / "self.py").symlink_to("self.py")
    shutil.rmtree(tmp_path / "app" / "a")
    with pytest.raises(Unfit, match=r"'b/to_a' is a link to ../a, which is not there"):
        read(app)


def test_a_link_that_leads_out_of_the_folder_is_refused_by_name(tmp_path):
    app = application(tmp_path / "app", "")
    application(tmp_path / "app2", "")
    (tmp_path / "app" / "lib").symlink_to("../app2")
    with pytest.raises(Unfit, match="'lib' is a link that leads out of the folder"):
        read(app)


def test_a_link_within_the_folder_is_what_it_names(tmp_path):
    app = application(tmp_path / "app", "1", **{"lib/x.py": "2"})
    (tmp_path / "app" / "libx").symlink_to("lib")
    (tmp_path / "app" / "y.py").symlink_to("lib/x.py")
    files = read(app).files
    assert files == {"code.py": b"1", "lib/x.py": b"2", "libx/x.py": b"2", "y.py": b"2"}


def test_a_dangling_link_and_a_pipe_are_refused_by_name(tmp_path):
    app = application(tmp_path / "app", "")
    (tmp_path / "app" / "x.py").symlink_to("nowhere")
    with pytest.raises(Unfit, match=r"'x\.py' is a link to nowhere, which is not there"):
        read(app)
    (tmp_path / "app" / "x.py").unlink()
    os.mkfifo(tmp_path / "app" / "pipe")
    with pytest.raises(Unfit, match="'pipe' is a pipe"):
        read(app)


def test_folders_that_multiply_by_links_come_to_an_end(tmp_path, monkeypatch):
    app = application(tmp_path / "app", "", **{"d9/x": ""})
    for number in range(9):
        folder = tmp_path / "app" / f"d{number}"
        folder.mkdir()
        for name in ("l", "r"):
            (folder / name).symlink_to(f"../d{number + 1}")
    monkeypatch.setattr("nerveshub_tools.app_folder.MOST_FILES", 100)
    with pytest.raises(Unfit, match="holds more than 100 files"):
        read(app)


# Warnings


def test_what_works_otherwise_on_a_board_is_told(tmp_path):
    big = application(tmp_path / "big", "#" * 80_001, **{"img/a.bmp": "", "b.wav": ""})
    words = read(big).warnings
    assert "code.py has 80,001 bytes" in words[0]
    assert words[1].startswith("b.wav, img/a.bmp: ") and "/media" in words[1]
    assert read(application(tmp_path / "fits", "#" * 80_000)).warnings == []
    both = application(tmp_path / "both", "", **{"code.mpy": ""})
    assert read(both).warnings == ["there is a code.py and a code.mpy: a board runs code.py"]
    (tmp_path / "both" / "code.py").unlink()
    assert "__name__ is 'code'" in read(both).warnings[0]


NO_LINK = (
    "no module of it imports nerveshub_link: a board that runs it takes no further update,"
    " until somebody comes to it"
)


def test_an_application_that_takes_no_further_update_is_told(tmp_path):
    for number, (files, words) in enumerate(
        [
            ({"code.py": "while True: pass"}, [NO_LINK]),
            ({"code.py": "from nerveshub_link import NervesHubLink"}, []),
            ({"code.py": "import mine", "lib/mine.mpy": "C\x06 nerveshub_link"}, []),
            ({"code.py": "import mine", "notes.txt": "nerveshub_link"}, [NO_LINK]),
        ]
    ):
        code = files.pop("code.py")
        app = application(tmp_path / str(number), code, **files)
        assert pack(app, tmp_path / "x.fw", META).warnings == words
        (tmp_path / "x.fw").unlink()


def noise(size):
    return b"".join(hashlib.sha256(b"%d" % at).digest() for at in range(size // 32))


def test_a_slot_that_gets_full_is_told_and_one_that_is_too_small_is_refused(tmp_path):
    app = application(tmp_path / "app", "import nerveshub_link")
    (tmp_path / "app" / "noise.bin").write_bytes(noise(128_000))
    made = pack(app, tmp_path / "x.fw", META, slot_size=400 * 1024).made
    size = packer.needed(made)
    assert packer.room(size + 15 * 512) == size  # exactly full
    assert pack(app, tmp_path / "x.fw", META, slot_size=size + 15 * 512).warnings == [
        "the slot is full to 100 %. Its size can't be changed in the field: 0 KB are left for later"
        " releases"
    ]
    (tmp_path / "x.fw").unlink()
    with pytest.raises(Unfit, match="have 129 KB, a slot of 136 KB has room for 128 KB"):
        pack(app, tmp_path / "x.fw", META, slot_size=size + 14 * 512)
    assert not (tmp_path / "x.fw").exists()


# Private keys are not packed, whatever they are called


def texts_of_keys():
    edwards, elliptic = Ed25519PrivateKey.generate(), generate_private_key(SECP256R1())
    private, no = serialization.PrivateFormat, serialization.NoEncryption()
    locked = serialization.BestAvailableEncryption(b"password")
    pem, der = serialization.Encoding.PEM, serialization.Encoding.DER
    pem_text = elliptic.private_bytes(pem, private.PKCS8, no)
    old = elliptic.private_bytes(pem, private.TraditionalOpenSSL, locked)
    return {
        "PEM": pem_text,
        "PEM, encrypted": edwards.private_bytes(pem, private.PKCS8, locked),
        "PEM, old": elliptic.private_bytes(pem, private.TraditionalOpenSSL, no),
        "PEM, old and encrypted": old,
        "PEM behind a certificate": b"-----BEGIN CERTIFICATE-----\nAA==\n" + pem_text,
        "PEM with Windows' line ends": pem_text.replace(b"\n", b"\r\n"),
        "PEM in UTF-16": b"\xff\xfe" + pem_text.decode().encode("utf-16-le"),
        "PEM in source": b"KEY = " + repr(pem_text.decode()).encode(),
        "PEM in lines of source": b"".join(b'    b"%s\\n"\n' % x for x in pem_text.split(b"\n")),
        "OpenSSH's": edwards.private_bytes(pem, private.OpenSSH, no),
        "DER": elliptic.private_bytes(der, private.PKCS8, no),
        "DER, encrypted": elliptic.private_bytes(der, private.PKCS8, locked),
        "fwup's, not in base64": edwards.private_bytes_raw()
        + edwards.public_key().public_bytes_raw(),
    }


KEYS = texts_of_keys()


@pytest.mark.parametrize("kind", KEYS)
def test_a_private_key_is_known_by_its_content(kind):
    assert private_key_in(KEYS[kind]) == kind.split(",")[0].split(" ")[0]


def test_the_signing_key_is_never_packed_wherever_it_lies(app, tmp_path):
    _, private = make_keys(tmp_path / "key")
    (tmp_path / "app" / "lib" / "notes.txt").write_text(f"key: {private.read_text()} (mine)")
    with pytest.raises(Unfit) as caught:
        pack(app, tmp_path / "x.fw", META, key=read_key(private))
    assert "'lib/notes.txt' holds a private key (fwup's)" in str(caught.value)
    assert private.read_text() not in str(caught.value)
    assert not (tmp_path / "x.fw").exists()
    (tmp_path / "app" / ".nerveshubignore").write_text("notes.txt\n")
    pack(app, tmp_path / "x.fw", META)


def test_public_keys_certificates_and_talk_of_keys_are_packed(app, tmp_path):
    public, _ = make_keys(tmp_path / "key")
    key = Ed25519PrivateKey.generate().public_key()
    pem = key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    harmless = (
        public.read_bytes(),
        pem,
        b"-----BEGIN CERTIFICATE-----\n" + b"A" * 64,
        b'"""Loads -----BEGIN PRIVATE KEY----- and -----BEGIN RSA PRIVATE KEY-----\nfiles."""',
        b"A" * 86 + b"==",
        bytes(64),
        b"\x30\x82" + bytes(50),
    )
    assert [private_key_in(data) for data in harmless] == [""] * len(harmless)


# Keys


def test_keys_are_as_fwup_writes_them(tmp_path):
    public, private = make_keys(tmp_path / "key")
    assert (len(public.read_text()), len(private.read_text())) == (44, 88)
    assert private.stat().st_mode & 0o077 == 0
    with pytest.raises(FileExistsError):
        make_keys(tmp_path / "key")


@pytest.mark.parametrize("text", ["", "no base64!", "AAAA", "A" * 86 + "=="])
def test_a_file_that_is_no_key_is_refused_without_showing_it(tmp_path, text):
    (tmp_path / "key").write_text(text)
    with pytest.raises(Unfit) as caught:
        read_key(tmp_path / "key")
    assert not text or text not in str(caught.value)


# The command


def test_the_command_packs_signs_and_tells_the_uuid(app, tmp_path):
    run = CliRunner().invoke
    assert run(main, ["keygen", str(tmp_path / "key")]).exit_code == 0
    options = [word for name in META for word in ("--" + name, META[name])]
    words = ["pack", app, "-o", str(tmp_path / "x.fw"), *options]
    done = run(main, [*words, "--private-key", str(tmp_path / "key.priv")])
    assert done.exit_code == 0, done.output
    length = (tmp_path / "x.fw").stat().st_size
    assert done.output.splitlines() == [
        f"{tmp_path}/x.fw: greenhouse 9.2.2, {UUID}",
        "3 files, 11 bytes; image 65,536 bytes, 19 chunks",
        f"to travel: {length:,} bytes",
        "slot of 288 KB: 65 KB of 280 KB, 23 % full",
        f"warning: {NO_LINK}",
    ]
    assert "not signed" in run(main, words).output


def test_the_command_refuses_what_does_not_fit_into_the_slots_of_these_boards(app, tmp_path):
    options = [word for name in META for word in ("--" + name, META[name])]
    words = ["pack", app, "-o", str(tmp_path / "x.fw"), *options, "--slot-size", "64"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 1
    assert "have 65 KB, a slot of 64 KB has room for 56 KB" in done.output


def test_the_command_names_the_option_that_is_missing(app, tmp_path):
    done = CliRunner().invoke(main, ["pack", app, "-o", str(tmp_path / "x.fw")])
    assert done.exit_code == 1
    assert "--product is needed" in done.output


# The real fwup, where there is one


def test_the_real_fwup_accepts_the_archive(app, tmp_path):
    if shutil.which("fwup") is None:
        pytest.skip("this needs fwup")
    public, private = make_keys(tmp_path / "key")
    meta = {**META, "description": "Gew\u00e4chshaus"}
    packed = pack(app, tmp_path / "x.fw", meta, key=read_key(private))
    words = ["fwup", "--verify", "--public-key", public.read_text(), "-i", tmp_path / "x.fw"]
    subprocess.run(words, check=True)
    shown = subprocess.run(
        ["fwup", "-m", "-i", tmp_path / "x.fw"], check=True, capture_output=True, text=True
    ).stdout
    assert f'meta-uuid="{packed.uuid}"' in shown
    assert 'meta-description="Gew\u00e4chshaus"' in shown
