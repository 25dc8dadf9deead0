# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Which public keys a device takes, from the option and from settings.toml."""

import base64
import os

import pytest
from nerveshub_tools import board_settings
from support.signing import Signer

from nerveshub_link.release import ed25519, public_keys
from nerveshub_link.release.public_keys import read_keys

ONE, OTHER = Signer(1), Signer(2)
SETTING = "NERVESHUB_PUBLIC_KEYS"


@pytest.fixture(autouse=True)
def without_setting(monkeypatch):
    monkeypatch.delenv(SETTING, raising=False)


def why(*given):
    with pytest.raises(ValueError) as caught:
        read_keys(*given)
    return str(caught.value)


def test_the_text_of_a_pub_file_is_a_key_with_its_line_feed_and_without():
    assert read_keys([ONE.text + "\n"]) == (ONE.public,)
    assert read_keys([ONE.text, OTHER.text]) == (ONE.public, OTHER.public)


def test_32_bytes_are_a_key_as_client_public_keys_tells_them():
    assert read_keys((ONE.public, bytearray(OTHER.public))) == (ONE.public, OTHER.public)


def test_a_key_that_is_given_twice_is_checked_once():
    assert read_keys([ONE.text, ONE.public]) == (ONE.public,)


@pytest.mark.parametrize("between", [" ", ",", ", ", "\n"])
def test_without_the_option_the_keys_of_settings_toml_count(monkeypatch, between):
    monkeypatch.setenv(SETTING, ONE.text + between + OTHER.text)
    assert read_keys() == (ONE.public, OTHER.public)
    assert read_keys([OTHER.text]) == (OTHER.public,)


def test_with_neither_no_signature_is_asked_for(monkeypatch):
    assert read_keys() == ()
    monkeypatch.setenv(SETTING, "")
    assert read_keys() == ()


@pytest.mark.parametrize(
    "wrong",
    [
        ONE.text[:-1],
        ONE.text[:-2] + "==",
        ONE.text.replace("=", ""),
        "-" + ONE.text[1:],
        base64.b64encode(bytes(31)).decode(),
        "",
        "-----BEGIN PUBLIC KEY-----",
        b"short",
        None,
        7,
    ],
)
def test_what_is_no_key_is_refused_with_the_option_s_name_and_the_fix(wrong):
    words = why([OTHER.text, wrong])
    assert words.startswith("public_keys: ") and ".pub" in words
    assert ONE.text not in words and OTHER.text not in words


def test_a_private_key_is_refused_and_not_repeated():
    words = why([ONE.private_text])
    assert words.startswith("public_keys: ") and "private" in words and ".pub" in words
    assert ONE.private_text[:20] not in words


def test_a_key_to_which_anybody_can_make_a_signature_is_refused():
    zeros = "A" * 43 + "="
    assert why([zeros]).startswith("public_keys: one key is not a valid")


def test_a_key_that_is_no_point_of_the_curve_is_refused():
    # y = 2 is none (RFC 8032, section 5.1.3, finds no x); y = 3 is one.
    for y, point in ((2, False), (3, True), (7, False), (9, True)):
        key = y.to_bytes(32, "little")
        assert (ed25519._decode(key) is not None) is point
        if point:
            assert read_keys([key]) == (key,)
        else:
            assert why([key]).startswith("public_keys: one key is not a valid")


def test_a_text_in_place_of_a_list_and_an_empty_list_are_refused():
    assert why(ONE.text) == "public_keys must be a list of keys"
    assert why([]).startswith("public_keys holds no key")


def test_a_setting_that_holds_no_key_is_refused_and_does_not_count_as_missing(monkeypatch):
    for wrong in ("-", ",", " ", ONE.text + " rest", "'" + ONE.text + "'"):
        monkeypatch.setenv(SETTING, wrong)
        assert why().startswith(SETTING)


def on_a_board(monkeypatch, path, text, version):
    path.write_text(text)
    monkeypatch.setattr(public_keys, "_SETTINGS", str(path))
    monkeypatch.setattr(os, "getenv", lambda name: board_settings.getenv(path, name, None, version))


@pytest.mark.parametrize("version", [(10, 1), (10, 2)])
@pytest.mark.parametrize(
    "line",
    [
        f'{SETTING} = "{ONE.text}", "{OTHER.text}"',
        f'{SETTING} = ["{ONE.text}"]',
        f'{SETTING} = "{ONE.text}',
        f"{SETTING} = '{ONE.text}'",
        f"{SETTING} = {ONE.text}x",
        f"{SETTING} =",
        f'[keys]\n{SETTING} = "{ONE.text}"',
        f'"{SETTING}" = "{ONE.text}"',
    ],
)
def test_a_line_that_circuitpython_can_not_read_never_switches_the_check_off(
    monkeypatch, tmp_path, line, version
):
    text = f'NERVESHUB_HOST = "h"\n{line}\nNERVESHUB_PORT = 1\n'
    on_a_board(monkeypatch, tmp_path / "settings.toml", text, version)
    words = why()
    assert words.startswith(SETTING + ": ") and ONE.text not in words


@pytest.mark.parametrize("line", ["", f'# {SETTING} = "44 characters"', f'{SETTING}_OLD = "x"'])
def test_without_such_a_line_no_signature_is_asked_for(monkeypatch, tmp_path, line):
    on_a_board(monkeypatch, tmp_path / "settings.toml", line + "\n", (10, 2))
    assert read_keys() == ()


def test_a_byte_order_mark_in_front_of_the_line_does_not_switch_the_check_off(
    monkeypatch, tmp_path
):
    text = f'\ufeff{SETTING} = "{ONE.text}"\n'
    on_a_board(monkeypatch, tmp_path / "settings.toml", text, (10, 2))
    assert why().startswith(SETTING)
