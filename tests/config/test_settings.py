# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""settings.toml as CircuitPython 10.1 and 10.2 read it, by the library and by the boot guard."""

import importlib.util
import os

import pytest
from nerveshub_tools import board_settings
from support.machine import FILES

from nerveshub_link.config import settings

VERSIONS = [(10, 1), (10, 2)]


@pytest.fixture(name="board", params=VERSIONS, ids=["10.1", "10.2"])
def settings_of_a_board(request, tmp_path, monkeypatch):
    """Write settings.toml: each keyword a line, the value as it stands there."""
    path = tmp_path / "settings.toml"

    def getenv(key, default=None):
        return board_settings.getenv(path, key, default, request.param)

    def write(**values):
        path.write_text("".join(f"{name} = {value}\n" for name, value in values.items()))
        return request.param

    monkeypatch.setattr(os, "getenv", getenv)
    return write


def guard():
    spec = importlib.util.spec_from_file_location("nh_boot", str(FILES / "nh_boot.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ON = ["1", '"1"', '"true"', '"True"', '"yes"', '"on"']
OFF = ["0", '"0"', "false", "False", "no", "off", '"false"', '""', "'0'", "1.5", '"maybe"', '"1" x']


@pytest.mark.parametrize("value", ON)
def test_develop_is_on_for_guard_and_library(board, value):
    board(NERVESHUB_DEVELOP=value)
    assert guard().developing() is True
    assert settings.develops() is True


@pytest.mark.parametrize("value", OFF)
def test_develop_is_off_for_guard_and_library(board, value):
    board(NERVESHUB_DEVELOP=value)
    assert guard().developing() is False
    assert settings.develops() is False


@pytest.mark.parametrize("value", ["true", "yes", "on"])
def test_develop_without_quotes_is_read_from_10_2_on(board, value):
    version = board(NERVESHUB_DEVELOP=value)
    assert guard().developing() is settings.develops() is (version >= (10, 2))


def test_develop_is_off_without_the_setting_and_without_the_file(board):
    assert guard().developing() is settings.develops() is False
    board(OTHER="1")
    assert guard().developing() is settings.develops() is False


def test_settings_are_read_alike_from_both_versions(board):
    board(
        NERVESHUB_HOST='"hub.example"  # ours',
        NERVESHUB_PORT="4000",
        NERVESHUB_SSL='"no"',
        NERVESHUB_PRODUCT_KEY="12345",
        NERVESHUB_IDENTIFIER='""',
    )
    assert settings.read_settings() == {
        "host": "hub.example",
        "port": 4000,
        "ssl": False,
        "product_key": "12345",
    }


@pytest.mark.parametrize("value", ["0", '"0"', '"false"', '"Off"'])
def test_tls_is_off_if_that_is_said(board, value):
    board(NERVESHUB_SSL=value)
    assert settings.read_settings() == {"ssl": False}


@pytest.mark.parametrize(
    "name, value, said",
    [
        ("NERVESHUB_HOST", "'hub.example'", "texts in double quotes"),
        ("NERVESHUB_PORT", "'443'", "texts in double quotes"),
        ("NERVESHUB_PORT", '"https"', "must be a whole number"),
        ("NERVESHUB_PORT", '"443.5"', "must be a whole number"),
        ("NERVESHUB_SSL", '"maybe"', "must be true or false"),
        ("NERVESHUB_SSL", "2", "must be true or false"),
        ("NERVESHUB_SSL", "'false'", "texts in double quotes"),
    ],
)
def test_a_setting_that_is_invalid_is_told_by_its_name(board, name, value, said):
    board(**{name: value})
    with pytest.raises(ValueError) as raised:
        settings.read_settings()
    assert str(raised.value).startswith(name)
    assert said in str(raised.value)


def test_what_10_1_can_t_read_is_told_by_its_name(board):
    version = board(NERVESHUB_SSL="false")
    if version >= (10, 2):
        assert settings.read_settings() == {"ssl": False}
    else:
        with pytest.raises(ValueError, match='NERVESHUB_SSL: .* double quotes: NERVESHUB_SSL = "'):
            settings.read_settings()
