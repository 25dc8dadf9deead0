# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Archives on a device with public keys: what is told as verified, and why another one is not."""

import random
import struct

import pytest
from nerveshub_tools import archive_packer, packer
from nerveshub_tools.fw_file import section
from nerveshub_tools.keys import read_key
from support.archives import Member, join
from support.signing import Signer

from nerveshub_link.device.archive_check import ArchiveCheck
from nerveshub_link.errors import UpdateError

OURS, SECOND, FOREIGN = Signer(1), Signer(2), Signer(3)
META = {"product": "demo", "version": "1.0.0", "platform": "board", "architecture": "xtensa"}
FILES = {"a.wav": random.Random(1).randbytes(5000), "b/c.txt": b"hello", "empty": b""}


def conf_of(files):
    return packer.meta_conf(META, "".join(section(name, files[name]) for name in files))


def archive(files=None, signer=OURS, conf=None, more=()):
    files = FILES if files is None else files
    conf = conf_of(files) if conf is None else conf
    signature = [] if signer is None else [Member("meta.conf.ed25519", signer.sign(conf))]
    members = [Member("data/" + name, files[name]) for name in files]
    return join(*signature, Member("meta.conf", conf), *members, *more)


def check(folder, data, *keys):
    path = folder / "one.fw"
    path.write_bytes(data)
    one = ArchiveCheck(str(path), tuple(key.public for key in keys or (OURS,)))
    steps = 1
    try:
        while not one.step():
            steps += 1
    finally:
        one.close()
    return steps


def why(folder, data):
    with pytest.raises(UpdateError) as caught:
        check(folder, data)
    return str(caught.value)


def test_an_archive_signed_by_one_of_our_keys_is_verified_in_pieces(tmp_path):
    assert check(tmp_path, archive(), SECOND, OURS) > 40


def test_what_pack_writes_is_verified(tmp_path):
    folder = tmp_path / "sounds"
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(FILES[name])
    (tmp_path / "key.priv").write_text(OURS.private_text)
    output = tmp_path / "sounds.fw"
    key = read_key(tmp_path / "key.priv")
    archive_packer.pack(folder, output, dict(META), key=key)
    assert check(tmp_path, output.read_bytes())


def test_one_that_is_unsigned_or_signed_by_another_key_is_not(tmp_path):
    assert why(tmp_path, archive(signer=None)).startswith("not signed, but this device")
    assert why(tmp_path, archive(signer=FOREIGN)).startswith("the signature is not by the key")


def test_one_whose_resources_have_no_sha256_is_not(tmp_path):
    conf = conf_of(FILES).replace(b"sha256=", b"sha255=")
    assert why(tmp_path, archive(conf=conf)) == "meta.conf has no sha256 of 'a.wav'"


def test_one_with_another_file_or_one_more_or_one_less_is_not(tmp_path):
    signed = conf_of(FILES)
    other = dict(FILES, **{"b/c.txt": b"hullo"})
    assert why(tmp_path, archive(other, conf=signed)) == (
        "the SHA-256 of a file differs from meta.conf"
    )
    more = dict(FILES, more=b"more")
    assert why(tmp_path, archive(more, conf=signed)) == "'more' is not as meta.conf names it"
    less = {"a.wav": FILES["a.wav"], "empty": b""}
    assert why(tmp_path, archive(less, conf=signed)) == "it lacks 1 of the files in meta.conf"
    twice = archive(more=[Member("data/a.wav", FILES["a.wav"])])
    assert why(tmp_path, twice) == "'a.wav' is not as meta.conf names it"


def directory(data):
    """Where the central directory begins."""
    return struct.unpack_from("<I", data, len(data) - 6)[0]


def test_a_directory_that_leads_elsewhere_is_noticed_so_that_no_reader_finds_other_files(tmp_path):
    words = "its directory does not list what is in it"
    good = archive()
    begin = directory(good)
    # A member behind the directory, which only that leads to.
    hidden = Member("data/a.wav", b"evil")
    for data in (
        good + b"\0",
        good[:-2] + b"\1\0c",
        good[:begin] + hidden.central(0) + good[begin:],
        good[:begin] + good[begin:].replace(b"b/c.txt", b"b/d.txt"),
        join(hidden) + good,
    ):
        with pytest.raises(UpdateError):
            check(tmp_path, data)
    # A directory of its own, behind the true one.
    members = [Member("data/" + name, FILES[name]) for name in FILES]
    tail = b"".join(one.central(0) for one in members)
    end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 3, 3, len(tail), len(good), 0)
    assert why(tmp_path, good + tail + end) == words
    # Each byte of it counts but times, attributes and versions that nobody reads.
    rng = random.Random(1)
    for _ in range(100):
        wrong = bytearray(good)
        at = rng.choice([begin + offset for offset in (0, 8, 10, 16, 20, 24, 28, 42, 46, 50)])
        wrong[at] ^= 1 << rng.randrange(8)
        assert why(tmp_path, bytes(wrong)), at


def test_damage_anywhere_in_the_members_is_noticed(tmp_path):
    good = archive()
    rng = random.Random(2)
    for _ in range(60):
        wrong = bytearray(good)
        wrong[rng.randrange(directory(good))] ^= 1 << rng.randrange(8)
        with pytest.raises(UpdateError):
            check(tmp_path, bytes(wrong))
    for end in (0, 10, 300, len(good) - 1):
        with pytest.raises(UpdateError):
            check(tmp_path, good[:end])
