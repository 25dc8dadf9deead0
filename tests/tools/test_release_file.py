# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""``verify`` and ``inspect`` tell what is in a release, and what is wrong with it and where."""

import hashlib
import shutil
import sys
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from nerveshub_tools.cli import main
from nerveshub_tools.keys import make_keys, read_key
from nerveshub_tools.packer import pack
from nerveshub_tools.release_file import NoRelease, look, take_apart
from nerveshub_tools.release_rules import refusals, what_nerveshub_reads
from support import archives, mutations, slots, update_bench
from support.archives import FWUP, Member, join
from support.board import application
from support.machine import Machine

from nerveshub_link.slots import slot_file
from nerveshub_link.slots.app_slot_writer import AppSlotWriter

META = {"product": "greenhouse", "version": "1.1.0", "platform": "board", "architecture": "xtensa"}
FILES = {"lib/sensors/__init__.py": "#\n", "lib/words.py": "sun rain wind fog\n" * 500}


@pytest.fixture(name="folder")
def folder_with_a_release(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_keys("greenhouse-key")
    app = application(tmp_path / "app", "print(1)\n", **FILES)
    pack(app, "good.fw", META, key=read_key("greenhouse-key.priv"))
    return tmp_path


def run(*words, code=0):
    result = CliRunner().invoke(main, list(words))
    assert result.exception is None or isinstance(result.exception, SystemExit), result
    assert result.exit_code == code, result.output
    return " ".join(result.output.split())


def changed(folder, at, value=None):
    """The release with one byte changed; ``at`` is what stands there, or a number."""
    data = bytearray((folder / "good.fw").read_bytes())
    at = at if isinstance(at, int) else data.index(at)
    data[at] = data[at] ^ 1 if value is None else value
    (folder / "bad.fw").write_bytes(data)
    return data, at


# A good one


def test_verify_says_what_it_is_and_by_whom_it_is_signed(folder):
    said = run("verify", "good.fw")
    key = (folder / "greenhouse-key.pub").read_text()
    assert f"good.fw: greenhouse 1.1.0 for board, {look('good.fw').meta['uuid']}" in said
    assert f"It is signed by greenhouse-key.pub: {key}" in said
    assert "It is whole, and NervesHub and a board take it." in said


def test_inspect_shows_members_chunks_and_the_tree_of_files(folder):
    said = run("inspect", "good.fw")
    assert "good.fw: a release of an application" in said
    assert "product greenhouse" in said
    assert "meta.conf.ed25519 64" in said
    assert "3 files, 9,011 bytes" in said
    assert "├── code.py 9 └── lib/ ├── sensors/ │ └── __init__.py 2 └── words.py 9,000" in said
    found = look("good.fw")
    stored = sum(chunk.stored for chunk in found.chunks)
    assert f"{len(found.chunks)} chunks: {stored:,} bytes stored, 65,536 bytes unpacked" in said


# Damage, and where


def test_a_damaged_chunk_is_told_with_its_place_in_the_file(folder):
    found = look("good.fw")
    resource = found.member("data/app.img")
    at = resource.at + resource.stored - 5
    changed(folder, at)
    said = run("verify", "bad.fw", code=1)
    end = resource.at + resource.stored
    assert f"'data/app.img' (bytes {resource.at:,} to {end:,} of the file) is damaged" in said
    first = end - found.chunks[-1].stored
    last = len(found.chunks) - 1
    words = f"chunk {last} is not what the table says (bytes {first:,} to {end:,} of the file)"
    assert words in said
    assert "its blake2b-256 is another" in said
    assert words in run("inspect", "bad.fw")


def test_a_damaged_signature_or_description_is_refused(folder):
    for at in (60, b"1.1.0"):
        changed(folder, at)
        said = run("verify", "bad.fw", code=1)
        words = "the signature is bad, or by a key that is not known here (greenhouse-key.pub)"
        assert words in said
        assert "its CRC-32 is wrong" in said


def test_an_archive_that_is_cut_off_is_told(folder):
    data = (folder / "good.fw").read_bytes()
    (folder / "bad.fw").write_bytes(data[:-200])
    assert "damaged: the archive's directory, at its end" in run("verify", "bad.fw", code=1)


def test_what_is_between_the_members_is_told(folder):
    data = (folder / "good.fw").read_bytes()
    head = data.index(b"PK\3\4", 10)
    (folder / "bad.fw").write_bytes(data[:head] + b"?" + data[head:])
    assert "bytes into the file" in run("verify", "bad.fw", code=1)


def test_meta_conf_must_be_true_and_complete():
    parts = mutations.Parts(mutations._MADE[0])
    for key, value, words in (
        ("image-length", 512, "image-length of app.img is not that of what is in it"),
        ("sha256", "0" * 64, "its sha256 is another"),
        ("length", 7, "meta.conf says 7"),
    ):
        parts.values = {key: value}
        assert words in "; ".join(take_apart("x", parts.archive()).damage)
    conf, data = parts.conf(), parts.resource()
    for members, words in (
        ([("meta.conf", conf)], "'data/app.img' is missing; meta.conf declares it"),
        ([("meta.conf", conf), ("data/app.img", data), ("data/x", b"")], "'data/x' is in the arch"),
        ([("data/app.img", data), ("meta.conf", conf)], "must begin with meta.conf, as fwup"),
        ([("data/app.img", data)], "there is no meta.conf"),
    ):
        found = take_apart("x", join(*(Member(*member) for member in members)))
        assert words in "; ".join(found.damage)


def test_what_is_no_release_is_told_in_a_sentence(folder):
    (folder / "x.fw").write_bytes(b"hello")
    assert "x.fw is no release: neither a .fw archive nor an ESP-IDF" in run(
        "verify", "x.fw", code=1
    )
    (folder / "x.pub").write_bytes(b"hello")
    assert "x.pub: no public key of fwup" in run("verify", "good.fw", "--key", "x.pub", code=1)
    assert "greenhouse-key.pub" in run("verify", "good.fw")


def test_nothing_in_a_release_gets_out_of_it_and_what_is_called_good_a_board_takes(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(slot_file, "_open", {})
    monkeypatch.setitem(sys.modules, "nh_launcher", SimpleNamespace(slot="a", armed=0))
    machine = Machine(tmp_path)
    machine.install("a", {"code.py": "pass"}, **dict(mutations.META, uuid="old"))
    slots.path_of(tmp_path, "b").write_bytes(bytes(400 * 512))
    good = 0
    for seed in range(1500):
        one = mutations.mutant(seed)
        try:
            found = take_apart("x", one.data)
        except NoRelease:
            continue
        # These have no blake2b-256, which fwup wants and a board does not read.
        faults = [text for text in found.damage + found.board if "blake2b" not in text]
        if faults or any(found.meta.get(key) != text for key, text in mutations.META.items()):
            continue
        machine.remember(run="a", old="", trial=0)
        bench = update_bench.Bench(
            update_bench.head(len(one.data)), one.data, writer=AppSlotWriter(str(tmp_path))
        )
        status = bench.offer(one.data).run().statuses[-1]
        assert status["status"] == "completed", (seed, one.kind, status)
        good += 1
    assert good >= 5


# Signatures


def test_a_signature_is_judged_by_the_keys_that_are_known(folder, tmp_path_factory, monkeypatch):
    make_keys("other")
    said = run("verify", "good.fw", "--key", "other.pub", code=1)
    assert "by a key that is not known here (other.pub)" in said
    assert "signed by none of the keys that are known here" in run(
        "inspect", "good.fw", "--key", "other.pub"
    )
    lonely = tmp_path_factory.mktemp("lonely")
    shutil.copy("good.fw", lonely)
    monkeypatch.chdir(lonely)
    assert "It is signed; by whom, --key KEY.pub tells." in run("verify", "good.fw")


def test_an_unsigned_one_is_told(folder):
    pack("app", "bare.fw", META)
    assert "It is not signed." in run("inspect", "bare.fw")
    said = run("verify", "bare.fw", code=1)
    assert "NervesHub would refuse it: it is not signed (error 500)" in said


# What NervesHub reads, and would refuse


def fw(conf):
    return take_apart("x.fw", archives.python_zip([("meta.conf", conf)], 0))


def test_nerveshub_reads_what_its_regular_expression_leaves():
    found = fw(b'meta-product="a=b"\nmeta-author="x\\"y"\nmeta-description=""\n')
    assert found.meta["product"] == "a=b"
    assert what_nerveshub_reads(found) == {
        "uuid": found.meta["uuid"],
        'product="a': "b",
        "author": "x",
    }
    said = "; ".join(refusals(found))
    assert "its product is 'a=b', and NervesHub reads nothing: leave out = and \"" in said
    assert "its author is 'x\"y', and NervesHub reads 'x'" in said
    assert "it names no version (error 422)" in said


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("meta-version=1.2", "its version is 1.2, and must be like 1.2.3 (error 422)"),
        ("meta-version=1.02.3", "must be like 1.2.3"),
        ('meta-product="Gewächshaus ✓"', "holds ✓: NervesHub takes the characters of Latin-1"),
        ('require-fwup-version="1.0"', "its require-fwup-version is not like 1.2.3 (error 500)"),
    ],
)
def test_what_nerveshub_would_refuse_is_told_with_the_reason(line, words):
    good = {"product": "p", "version": "1.0.0", "platform": "b", "architecture": "x"}
    key = line.partition("=")[0].removeprefix("meta-")
    lines = [f"meta-{name}={value}" for name, value in good.items() if name != key]
    found = fw("\n".join([line, *lines, ""]).encode())
    told = [text for text in refusals(found) if "not signed" not in text]
    assert len(told) == 1 and words in told[0]


def test_umlauts_are_no_fault():
    found = fw('meta-product="Gewächshaus"\nmeta-version=1.0.0\n'.encode())
    assert what_nerveshub_reads(found)["product"] == "Gewächshaus"
    assert not any("Latin-1" in text for text in refusals(found))


# What a board would refuse


def test_what_the_real_fwup_packs_is_whole_and_no_board_takes_it():
    for name in ("weather-1.0.0.fw", "weather-1.3.0-unsigned.fw", "app-2.0.0-libarchive-3.8.fw"):
        found = look(FWUP / name)
        assert found.damage == []
        assert found.board[0].startswith("deflated: 'meta.conf' and ")
        assert "a board takes one resource, app.img or a .bin, and here are" in found.board[1]


# A bare image


def image(version=b"v1.2", hashed=True):
    """An ESP-IDF image of one segment, with checksum and SHA-256 as the build writes them."""
    data = bytearray(24 + 8 + 300)
    data[:2], data[12], data[23] = b"\xe9\1", 9, hashed
    data[28:32] = (300).to_bytes(4, "little")
    data[32:36] = b"\x32\x54\xcd\xab"
    for at, text in ((48, version), (80, b"circuitpython"), (144, b"v5.5.1")):
        data[at : at + len(text)] = text
    checksum = 0xEF
    for byte in data[32:]:
        checksum ^= byte
    data += bytes(-(len(data) + 1) % 16) + bytes([checksum])
    return bytes(data) + hashlib.sha256(data).digest()


def test_a_bare_image_is_shown_as_nerveshub_reads_it(folder):
    (folder / "firmware.bin").write_bytes(image())
    said = run("inspect", "firmware.bin")
    assert "firmware.bin: a bare ESP-IDF image" in said
    assert "product circuitpython" in said
    assert "version 1.2.0" in said  # as the server bends it
    assert "ESP_IDF_FIRMWARE_ENABLED=true" in said
    assert "It is whole." in run("verify", "firmware.bin")


def test_a_damaged_bare_image_is_told(folder):
    good = image()
    for data, words in (
        (good[:200], "segment 0 ends beyond the file"),
        (good[:-33], "cut off before its checksum"),
        (good[:100] + b"?" + good[101:], "its checksum, byte 335 of the file, is wrong"),
        (good[:-1] + b"?", "its SHA-256, byte 336 of the file, is wrong"),
        (good[:33] + b"?" + good[34:], "the image has no description"),
        (image(b"x"), "its version is x, and must be like 1.2.3"),
    ):
        (folder / "firmware.bin").write_bytes(data)
        assert words in run("verify", "firmware.bin", code=1)


def test_a_release_of_circuitpython_is_looked_into(folder):
    (folder / "firmware.bin").write_bytes(image())
    pack("firmware.bin", "cp.fw", META, key=read_key("greenhouse-key.priv"))
    assert "cp.fw: a release of CircuitPython" in run("inspect", "cp.fw")
    run("verify", "cp.fw")
    (folder / "firmware.bin").write_bytes(image()[:-1] + b"?")
    pack("firmware.bin", "cp.fw", META, key=read_key("greenhouse-key.priv"))
    assert "the image is damaged: its SHA-256" in run("verify", "cp.fw", code=1)


def test_a_least_version_is_shown(folder):
    key = read_key("greenhouse-key.priv")
    pack("app", "new.fw", META, key=key, min_version="1.1.0")
    assert "A board that ran it takes none below 1.1.0 any more." in run("inspect", "new.fw")
