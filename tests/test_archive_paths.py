# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Which paths of an archive may become files, and what is said about the others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerveshub_link.errors import UpdateError
from nerveshub_link.release.member_paths import PathRules, decode_path


@pytest.mark.parametrize(
    "path",
    [
        "code.py",
        "lib/sensors/__init__.py",
        ".hidden",
        "data/boot.py",
        "Boot.pyc",
        "my settings.toml",
        "a+b,c;d=e[f].txt",
        "backup~",
        "x..y",
        "console.py",
        "com/lpt.py",
        "com10.py",
        "lib/",
        "a/b/c/d/e/f/g/h.py",
    ],
)
def test_ordinary_paths_are_taken(path):
    PathRules().add(path)


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("/code.py", "absolute"),
        ("//code.py", "absolute"),
        ("/", "absolute"),
        ("", "'' is no name"),
        ("../code.py", "'..' is no name"),
        ("lib/../../code.py", "'..' is no name"),
        ("lib/..", "'..' is no name"),
        ("./code.py", "'.' is no name"),
        ("lib//x.py", "'' is no name"),
        ("lib//", "'' is no name"),
        ("..\\code.py", "FAT forbids \\"),
        ("C:code.py", "FAT forbids :"),
        ("C:/code.py", "FAT forbids :"),
        ("what?.py", "FAT forbids ?"),
        ("a*b", "FAT forbids *"),
        ('"a"', 'FAT forbids "'),
        ("a<b", "FAT forbids <"),
        ("a>b", "FAT forbids >"),
        ("a|b", "FAT forbids |"),
        ("code.py.", "must not end with a dot or a space"),
        ("code.py ", "must not end with a dot or a space"),
        ("lib /x.py", "must not end with a dot or a space"),
        ("...", "must not end with a dot or a space"),
        ("con", "CON is a device"),
        ("lib/Nul.txt", "NUL is a device"),
        ("aux.tar.gz", "AUX is a device"),
        ("com1", "COM1 is a device"),
        ("LPT9.txt", "LPT9 is a device"),
        ("prn .txt", "PRN is a device"),
        ("LONGNA~1.PY", "short ones"),
        (".nh/meta.conf", ".nh is kept"),
        (".NH/x", ".nh is kept"),
        (".nh", ".nh is kept"),
        ("boot.py", "never take effect"),
        ("BOOT.PY", "never take effect"),
        ("safemode.py", "never take effect"),
        ("settings.toml", "never take effect"),
        ("boot_out.txt", "never take effect"),
        ("nh_boot.py", "a file of the boot guard"),
        ("Nh_Run.py", "a file of the boot guard"),
        ("a/b/c/d/e/f/g/h/i.py", "deeper than 7 folders"),
        ("x" * 97, "longer than 96 characters"),
    ],
)
def test_a_path_that_is_no_good_is_refused_with_its_name_and_the_rule(path, rule):
    with pytest.raises(UpdateError) as caught:
        PathRules().add(path)

    assert rule in str(caught.value)
    assert "'%s'" % path in str(caught.value)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"caf\xc3\xa9.py", "'caf__.py'"),
        (b"caf\xe9.py", "'caf_.py'"),
        (b"a\0.py", "'a_.py'"),
        (b"a\nb", "'a_b'"),
        (b"a\x7fb", "'a_b'"),
    ],
)
def test_names_with_other_characters_than_printable_ascii_are_refused(name, shown):
    with pytest.raises(UpdateError, match="printable ASCII") as caught:
        decode_path(name)

    assert shown in str(caught.value)


@pytest.mark.parametrize(
    ("first", "second", "rule"),
    [
        ("code.py", "code.py", "it comes twice"),
        ("code.py", "Code.py", "'code.py' differs from it in case only"),
        ("lib/A.py", "lib/a.py", "'lib/A.py' differs from it in case only"),
        ("lib/a.py", "Lib/b.py", "'lib/' differs from it in case only"),
        ("lib/", "LIB/", "'lib/' differs from it in case only"),
        ("lib/a.py", "lib", "it is a folder, too"),
        ("lib/a.py", "LIB", "it is a folder, too"),
        ("lib/", "lib", "it is a folder, too"),
        ("lib", "lib/a.py", "'lib' is a file, too"),
        ("Lib", "lib/", "'Lib' is a file, too"),
        ("a/b", "a/b/c/d", "'a/b' is a file, too"),
    ],
)
def test_two_paths_that_fat_takes_for_one_are_refused(first, second, rule):
    rules = PathRules()
    rules.add(first)

    with pytest.raises(UpdateError) as caught:
        rules.add(second)

    assert rule in str(caught.value) and "'%s'" % second in str(caught.value)


def test_a_folder_may_be_named_before_and_after_its_files():
    rules = PathRules()

    for path in ("lib/", "lib/a.py", "lib/sub/b.py", "lib/sub/", "lib/"):
        rules.add(path)


def test_the_folder_before_a_path_counts_for_its_length():
    PathRules(prefix="/slots/a/").add("x" * 87)

    with pytest.raises(UpdateError, match="longer than 96"):
        PathRules(prefix="/slots/a/").add("x" * 88)


def test_files_and_folders_are_counted_together():
    rules = PathRules(max_files=3)
    for path in ("a", "b/c"):
        rules.add(path)

    rules.add("b/")
    with pytest.raises(UpdateError, match="more than 3 files and folders"):
        rules.add("d")


@given(st.text(st.characters(max_codepoint=127), max_size=20))
def test_whatever_is_taken_stays_in_its_folder(path):
    try:
        PathRules().add(decode_path(path.encode()))
    except UpdateError:
        return

    parts = path.rstrip("/").split("/")
    assert path[0] != "/" and "\\" not in path and ":" not in path
    assert not {"", ".", ".."} & set(parts)
    assert all(part == part.strip(".") or part[-1] not in ". " for part in parts)
