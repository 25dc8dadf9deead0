# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""The signer of a release: the same as by fwup; a damaged release never counts as signed."""

import shutil
import zipfile

import pytest
from nerveshub_tools.signatures import is_archive, is_signed, key_bytes, signer
from support.archives import FWUP

# The public keys of those who signed the archives in tests/data/fwup.
SIGNING = "3v2n68vfrAsaxDQWg1LgPwVYLc/+6ZGJmhNVE8Lvs30="
NEWER = "pQsolycjLgMJpPAKmlxinFgh1d9eo9Y5VYjZj9K6Mjo="
OTHER = "Bow+uxnGIxFeEAnxoWevKvg7YbqjZ8yzz68QPxg1/4s="


@pytest.mark.parametrize(
    ("name", "key"),
    [("weather-1.0.0.fw", SIGNING), ("app-2.0.0-libarchive-3.8.fw", NEWER)],
)
def test_the_key_is_found_among_others(name, key):
    assert is_signed(FWUP / name)
    assert signer(FWUP / name, [OTHER, "no key", key]) == key
    assert signer(FWUP / name, [OTHER]) is None
    assert signer(FWUP / name, []) is None


def test_an_unsigned_archive_is_nobodys():
    path = FWUP / "weather-1.3.0-unsigned.fw"
    assert is_archive(path)
    assert not is_signed(path)
    assert signer(path, [SIGNING, OTHER, NEWER]) is None


def test_a_changed_description_is_signed_by_nobody(tmp_path):
    changed = tmp_path / "changed.fw"
    with zipfile.ZipFile(FWUP / "weather-1.0.0.fw") as old, zipfile.ZipFile(changed, "w") as new:
        for item in old.namelist():
            data = old.read(item)
            new.writestr(item, data.replace(b"1.0.0", b"1.0.1") if item == "meta.conf" else data)
    assert is_signed(changed)
    assert signer(changed, [SIGNING]) is None


@pytest.mark.parametrize("size", [0, 3, 100, 20_000])
def test_an_archive_that_is_cut_off_is_signed_by_nobody(tmp_path, size):
    cut = tmp_path / "cut.fw"
    shutil.copyfile(FWUP / "weather-1.0.0.fw", cut)
    with open(cut, "r+b") as file:
        file.truncate(size)
    assert not is_signed(cut)
    assert signer(cut, [SIGNING]) is None


@pytest.mark.parametrize("text", ["", "no key", SIGNING[:-4], SIGNING + SIGNING, "ümlaut"])
def test_what_is_no_public_key_is_refused(text):
    with pytest.raises(ValueError, match="no public key of fwup"):
        key_bytes(text)
