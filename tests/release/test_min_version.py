# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Which versions a signed min-version closes off."""

import pytest

from nerveshub_link.errors import UpdateError
from nerveshub_link.release.min_version import check, higher


def why(*args):
    with pytest.raises(UpdateError) as caught:
        check(*args)
    return str(caught.value)


@pytest.mark.parametrize(
    ("version", "lowest"),
    [
        ("1.2.3", "1.2.3"),
        ("1.2.10", "1.2.9"),
        ("1.10.0", "1.9.9"),
        ("10.0.0", "9.99.99"),
        ("1.2.4-rc.1", "1.2.3"),
        ("1.2.3+build-7", "1.2.3"),
        ("0.0.1", None),
        ("nonsense", None),
    ],
)
def test_a_version_that_is_not_older_is_taken(version, lowest):
    check(version, None, lowest)


@pytest.mark.parametrize(
    "version", ["1.2.2", "1.1.9", "0.99.99", "1.2.3-rc.1", "1.2.3-rc.1+build", "1.2.2+9.9.9"]
)
def test_an_older_version_is_refused_with_both_numbers(version):
    words = "version %s is older than 1.2.3, the lowest that this device accepts" % version
    assert why(version, None, "1.2.3") == words
    assert why(version, b"1.2.3", None) == words  # pack refuses to make that


@pytest.mark.parametrize("version", ["", "1.2", "1.2.3.4", "v1.2.3", "1.2.x", "1..3", "1.2.1e10"])
def test_a_version_that_can_t_be_compared_is_refused(version):
    assert "can't be compared" in why(version, None, "1.2.3")


@pytest.mark.parametrize("wanted", [b"", b"1.2", b"1.2.3-rc.1", b"1.2.3+b", b"9" * 10 + b".0.0"])
def test_a_min_version_of_anything_but_three_numbers_is_refused(wanted):
    assert why("1.2.3", wanted, None).startswith("meta.conf: min-version is ")


def test_a_min_version_that_is_no_text_is_refused():
    assert why("1.2.3", b"\xff.0.0", None) == "meta.conf is not UTF-8"


def test_the_higher_one_of_two_is_kept():
    assert higher("1.10.0", "1.9.0") == higher("1.9.0", "1.10.0") == "1.10.0"
    assert higher(None, "1.0.0") == higher("1.0.0", None) == "1.0.0"
    assert higher(None, None) is None
