# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""A packed application is what fwup, NervesHub and a board's archive reader want it to be."""

import shutil
import subprocess
import zipfile

import pytest
from click.testing import CliRunner
from nerveshub_tools.application import Unfit, collect
from nerveshub_tools.cli import main
from nerveshub_tools.images import fwup_uuid, read_meta
from nerveshub_tools.packer import make_keys, meta_conf, pack, read_key
from support import checkout
from support.board import application

from nerveshub_link.release.fw_reader import FwReader

META = {
    "product": "weather-station",
    "description": "example application",
    "version": "1.0.0",
    "platform": "circuitpython",
    "architecture": "esp32s3",
}
FWUP_MADE = checkout.ROOT / "tests" / "data" / "fwup" / "weather-1.0.0.fw"
META_CONF = """\
meta-product="weather-station"
meta-description="example application"
meta-version=1.0.0
meta-platform=circuitpython
meta-architecture=esp32s3
file-resource "code.py" {
length=9
blake2b-256=91e1641b25e25205d9f8995e45edd64abdcc46494c7adf3dc438440f9f76981c
}
file-resource "empty.txt" {
blake2b-256=0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8
}
file-resource "lib/sensors/__init__.py" {
length=2
blake2b-256=dcda4ddf263c35542d58b116bb6e01d5eaaed9eeaad60793fd484cca6b6fb1f5
}
"""
UUID = "9ca247c2-43ec-558e-587f-4c883099fdc0"
FILES = {"empty.txt": "", "lib/sensors/__init__.py": "#\n"}


@pytest.fixture
def app(tmp_path):
    return application(tmp_path / "app", "print(1)\n", **FILES)


@pytest.fixture
def key(tmp_path):
    return read_key(make_keys(tmp_path / "key")[1])


def members(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


class Sink:
    """What an `FwReader` hands out."""

    def __init__(self):
        self.conf, self.files = b"", {}

    def archive_meta(self, conf):
        self.conf = bytes(conf)

    def file_begin(self, path, size):
        self.path, self.data = path, bytearray()

    def file_data(self, view):
        self.data.extend(view)

    def file_end(self, crc):
        self.files[self.path] = bytes(self.data)


def test_meta_conf_is_the_text_that_fwup_would_write(app):
    assert meta_conf(META, collect(app)).decode() == META_CONF


def test_meta_conf_is_what_the_real_fwup_wrote_for_the_same_files(tmp_path):
    made = members(FWUP_MADE)
    for name, data in made.items():
        if name.startswith("data/"):
            path = tmp_path / name[len("data/") :]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    resources, task, _ = made["meta.conf"].partition(b'task "complete" {')
    assert task  # a release for a board has none
    assert meta_conf(META, collect(tmp_path)) == resources


@pytest.mark.parametrize(
    ("name", "uuid"),
    [
        ("weather-1.0.0.fw", "383f26c3-f218-582d-0ab0-b2ea08f5a9f4"),
        ("weather-1.3.0-unsigned.fw", "234ca8b9-3305-5ab5-94a3-83d1969b8460"),
    ],
)
def test_the_uuid_is_computed_as_the_real_fwup_does(name, uuid):
    assert fwup_uuid(members(FWUP_MADE.with_name(name))["meta.conf"]) == uuid


def test_the_signature_is_first_then_meta_conf_then_the_files(app, key, tmp_path):
    pack(app, tmp_path / "x.fw", META, key=key)
    assert list(members(tmp_path / "x.fw")) == [
        "meta.conf.ed25519",
        "meta.conf",
        "data/code.py",
        "data/empty.txt",
        "data/lib/sensors/__init__.py",
    ]


def test_the_signature_is_that_of_meta_conf(app, key, tmp_path):
    pack(app, tmp_path / "x.fw", META, key=key)
    found = members(tmp_path / "x.fw")
    assert len(found["meta.conf.ed25519"]) == 64
    key.public_key().verify(found["meta.conf.ed25519"], found["meta.conf"])


def test_the_uuid_depends_on_nothing_but_content_and_options(app, key, tmp_path):
    signed = pack(app, tmp_path / "signed.fw", META, key=key)
    stored = pack(app, tmp_path / "stored.fw", META, compress=False)
    assert signed == stored == UUID
    assert pack(app, tmp_path / "new.fw", {**META, "version": "1.0.1"}) != signed


def test_without_a_key_there_is_no_signature(app, tmp_path):
    pack(app, tmp_path / "x.fw", META)
    assert "meta.conf.ed25519" not in members(tmp_path / "x.fw")


def test_the_hub_reads_what_was_packed(app, tmp_path):
    uuid = pack(app, tmp_path / "x.fw", META)
    assert read_meta(tmp_path / "x.fw") == {**META, "uuid": uuid}


@pytest.mark.parametrize("compress", [True, False])
def test_a_board_unpacks_what_was_packed(app, key, tmp_path, compress):
    (tmp_path / "app" / "big.txt").write_text("what is written twice " * 5000)
    pack(app, tmp_path / "x.fw", META, key=key, compress=compress)
    sink = Sink()
    reader = FwReader(sink)
    data = (tmp_path / "x.fw").read_bytes()
    for at in range(0, len(data), 4096):
        reader.feed(memoryview(data)[at : at + 4096])
    reader.finish()
    assert sink.files == {file.path: file.source.read_bytes() for file in collect(app)}
    assert (len(data) < 5000) == compress


def test_hidden_files_and_leftovers_of_python_stay_at_home(tmp_path):
    files = (".git/config", "__pycache__/x.pyc", ".DS_Store", "._code.py", "lib/.hidden", "x.pyc")
    app = application(tmp_path / "app", "", **{name: "" for name in files})
    assert [file.path for file in collect(app)] == ["code.py"]


@pytest.mark.parametrize("name", ["boot.py", "safemode.py", "settings.toml"])
def test_what_belongs_to_the_root_directory_is_refused(tmp_path, name):
    app = application(tmp_path / "app", "", **{name: ""})
    with pytest.raises(Unfit, match=name):
        collect(app)


@pytest.mark.parametrize("name", ["a:b.txt", "aux.txt", "b" * 90, "dot./x", "\u00e9.txt"])
def test_names_that_a_board_does_not_take_are_refused(tmp_path, name):
    with pytest.raises(Unfit, match="can't be installed"):
        collect(application(tmp_path / "app", "", **{name: ""}))


def test_a_folder_without_code_py_is_no_application(tmp_path):
    (tmp_path / "main.py").write_text("")
    with pytest.raises(Unfit, match=r"it has no code\.py"):
        collect(tmp_path)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("product", ""),
        ("product", 'a "quoted" name'),
        ("description", "a=b"),
        ("author", "two\nlines"),
        ("platform", "\u00e9"),
        ("version", "1.0"),
        ("version", "v1.0.0"),
    ],
)
def test_what_nerveshub_would_misread_is_refused_with_the_options_name(app, option, value):
    with pytest.raises(Unfit, match="--" + option):
        meta_conf({**META, option: value}, collect(app))


def test_more_files_than_fwup_takes_are_refused_and_nothing_is_left_behind(tmp_path):
    many = {f"lib/{'m' * 40}{number:03}.py": "" for number in range(390)}
    app = application(tmp_path / "app", "", **many)
    with pytest.raises(Unfit, match=r"391 files make a meta\.conf of \d\d,\d\d\d bytes"):
        pack(app, tmp_path / "x.fw", META)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["app"]


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
    assert UUID in done.output
    assert "not signed" not in done.output
    assert "not signed" in run(main, words).output


def test_the_command_names_the_option_that_is_missing(app, tmp_path):
    done = CliRunner().invoke(main, ["pack", app, "-o", str(tmp_path / "x.fw")])
    assert done.exit_code == 1
    assert "--product is needed" in done.output


# The real fwup, where there is one


def test_the_real_fwup_accepts_the_archive(app, tmp_path):
    if shutil.which("fwup") is None:
        pytest.skip("this needs fwup")
    public, private = make_keys(tmp_path / "key")
    uuid = pack(app, tmp_path / "x.fw", META, key=read_key(private))
    words = ["fwup", "--verify", "--public-key", public.read_text(), "-i", tmp_path / "x.fw"]
    subprocess.run(words, check=True)
    shown = subprocess.run(
        ["fwup", "-m", "-i", tmp_path / "x.fw"], check=True, capture_output=True, text=True
    ).stdout
    assert f'meta-uuid="{uuid}"' in shown
