# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Odd files of settings, each with the value that CircuitPython 10.1 (``shared-module/os/getenv.c``)
and 10.2 (``supervisor/shared/settings.c``) read; and what the commands for a board make of them.
"""

import contextlib
import os
import shutil
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner
from nerveshub_tools import board_settings, settings_changes, settings_faults, settings_toml
from nerveshub_tools.board_settings import Settings
from nerveshub_tools.ca import Authority
from nerveshub_tools.cli import main
from nerveshub_tools.settings_changes import with_develop
from nerveshub_tools.simulated_board import make_drive
from support.desk import META

from nerveshub_link import NervesHubLink
from nerveshub_link.config.settings import read_settings

VOID = object()  # the default

# What stands in the file, what 10.1 gives for K, what 10.2 gives.
FILES = [
    # Which line counts
    (b'K = "first"\nK = "second"\n', "first", "first"),
    (b"K = 0\n\nK = 1\n", 0, "0"),
    (b"K = 'void'\nK = 1\n", ValueError, "'void'"),
    (b'K = "open\nK = 1\n', ValueError, VOID),
    (b'[table]\nK = "below"\n', VOID, VOID),
    (b'  [table]\nK = "below"\n', VOID, VOID),
    (b'K = "above"\n[table]\nK = "below"\n', "above", "above"),
    (b'# [no table]\nK = "here"\n', "here", "here"),
    (b'x = [1,\n2]\nK = "here"\n', "here", "here"),
    (b'x = """\n[ends]\n"""\nK = 1\n', VOID, VOID),
    (b'\xef\xbb\xbfK = "behind a mark"\n', VOID, VOID),
    (b'\xef\xbb\xbf# a mark\nK = "below it"\n', "below it", "below it"),
    (b'K\nK = "eaten by the name alone"\nK = "third"\n', "third", "third"),
    (b'K\n= "its value"\n', "its value", "its value"),
    (b'K # comment\nK = "next"\n', "next", "next"),
    (b'\0\nK = "behind a NUL"\n', VOID, VOID),
    (b'x = 1\0K = "behind it in the line"\n', "behind it in the line", "behind it in the line"),
    (b'KEY = "longer"\nk = "small"\n"K" = "quoted"\nA.K = "dotted"\n', VOID, VOID),
    (b'\t K\t=\t"blanks"', "blanks", "blanks"),
    (b'K="none"', "none", "none"),
    (b"", VOID, VOID),
    # Texts
    (b'K = "a" # comment\r\n', "a", "a"),
    (b'K = "a" oops\n', ValueError, VOID),
    (b'K = "a"; b\n', ValueError, VOID),
    (b'K = ""\n', "", ""),
    (b'K = "a\\\nb"\n', ValueError, VOID),
    (b'K = "\\t\\n\\"\\\\\\q#="\n', '\t\n"\\q#=', '\t\n"\\q#='),
    (b'K = "\\u00e9 \\U0001F600 \xc3\xa9"\n', "\xe9 \U0001f600 \xe9", "\xe9 \U0001f600 \xe9"),
    (b'K = "\\u00g0"\n', ValueError, VOID),
    (b'K = "\\U00110000"\n', ValueError, VOID),
    (b'K = "\xe9"\n', UnicodeError, UnicodeError),
    # Values without quotes
    (b"K = 42 # comment\r\n", 42, "42"),
    (b"K = 0x1F\n", 31, "0x1F"),
    (b"K = -1_000\n", -1000, "-1_000"),
    (b"K = 010\n", ValueError, "010"),
    (b"K = 00\n", 0, "00"),
    (b"K = true\n", ValueError, "true"),
    (b"K = 1.5\n", ValueError, "1.5"),
    (b"K = a b \t\r\n", ValueError, "a b"),
    (b"K =\n", ValueError, VOID),
    (b"K = # nothing\n", ValueError, ""),
    (b'K = x"y"\n', ValueError, 'x"y"'),
]


def value(data, version):
    try:
        return settings_toml.getenv(data, "K", VOID, version)
    except ValueError as error:
        return type(error) if isinstance(error, UnicodeError) else ValueError


@pytest.mark.parametrize("data, old, new", FILES, ids=[repr(data)[2:40] for data, _, _ in FILES])
def test_each_version_reads_an_odd_file_in_its_own_way(data, old, new):
    old, new = (UnicodeDecodeError if found is UnicodeError else found for found in (old, new))
    assert value(data, (10, 1)) == old
    assert value(data, (10, 2)) == new
    assert value(data, (11, 0)) == new


def test_wifi_takes_texts_in_double_quotes_that_fit():
    for data in (b"K = 12345678\n", b"K = 'a'\n", b'K = "123456789"\n', b'K = "a" b\n', b"K =\n"):
        assert settings_toml.core_text(data, "K", 8) is None
    assert settings_toml.core_text(b'K = "12345678"\n', "K", 8) == "12345678"
    assert settings_toml.core_text(b'K = ""\n', "K", 8) == ""


@pytest.mark.parametrize(
    "text", ['quote " and \\ and {}', "Gew\xe4chshaus \U0001f331", "\x07\x7f\t"]
)
def test_the_template_keeps_every_text(text):
    data = board_settings.template(CIRCUITPY_WIFI_PASSWORD=text, NERVESHUB_IDENTIFIER=text).encode()
    for version in ((10, 1), (10, 2)):
        assert Settings(data, version).getenv("CIRCUITPY_WIFI_PASSWORD") == text
        assert Settings(data, version).getenv("NERVESHUB_IDENTIFIER") == text


# The commands

GOOD = """\
CIRCUITPY_WIFI_SSID = "n"
CIRCUITPY_WIFI_PASSWORD = "p"
NERVESHUB_HOST = "hub.example.org"
NERVESHUB_PRODUCT_KEY = "nhp_1"
NERVESHUB_PRODUCT_SECRET = "s"
CIRCUITPY_SAFE_MODE_DELAY = 0
"""
ALL = [line.split(" ")[0] for line in GOOD.splitlines()]
ALL[-1] += " = 0"


OLD_TEMPLATE = """\
CIRCUITPY_WIFI_SSID = "your-network"
CIRCUITPY_WIFI_PASSWORD = "your-password"
NERVESHUB_HOST = "devices.example.com"
NERVESHUB_PRODUCT_KEY = "nhp_0123456789"
NERVESHUB_PRODUCT_SECRET = "the secret that was shown with it"
"""
CERTIFIED = GOOD.replace("PRODUCT_KEY", "DEVICE_CERT").replace("PRODUCT_SECRET", "DEVICE_KEY")


@pytest.mark.parametrize(
    "text, lacking",
    [
        (GOOD, []),
        (CERTIFIED, []),
        (CERTIFIED.replace("NERVESHUB_DEVICE_KEY", "#"), ["NERVESHUB_DEVICE_KEY"]),
        (CERTIFIED.replace("NERVESHUB_DEVICE_CERT", "#"), ["NERVESHUB_DEVICE_CERT"]),
        ("", ALL),
        (board_settings.template() + GOOD, []),
        (OLD_TEMPLATE + GOOD, ALL[:-1]),
        ("[board]\n" + GOOD, ALL),
        (GOOD.replace('"hub.example.org"', '"hub.example.org" oops'), ["NERVESHUB_HOST"]),
        (GOOD.replace('"hub.example.org"', "'hub.example.org'"), ["NERVESHUB_HOST"]),
        (GOOD.replace('"p"', "12345678"), ["CIRCUITPY_WIFI_PASSWORD"]),
        (GOOD.replace('"p"', '""'), []),
        (GOOD.replace('"n"', '""'), ["CIRCUITPY_WIFI_SSID"]),
        (GOOD.replace('"n"', '"' + "n" * 33 + '"'), ["CIRCUITPY_WIFI_SSID"]),
        (GOOD.replace("= 0", '= "0"'), ["CIRCUITPY_SAFE_MODE_DELAY = 0"]),
        (GOOD.replace("= 0", "= 0.0"), []),
        ("\ufeff" + GOOD, ["CIRCUITPY_WIFI_SSID"]),
    ],
)
def test_what_a_board_lacks_is_what_it_does_not_read(text, lacking):
    settings = Settings(text.encode())
    assert settings.lacking() + settings.advice() == lacking


def test_the_template_is_all_comments_until_it_is_filled_in():
    def lines(text):
        return [line for line in text.splitlines() if line and line[0] != "#"]

    assert lines(board_settings.template()) == ["CIRCUITPY_SAFE_MODE_DELAY = 0"]
    filled = board_settings.template(NERVESHUB_HOST="h", NERVESHUB_PORT="4000")
    assert lines(filled) == [
        'NERVESHUB_HOST = "h"',
        "CIRCUITPY_SAFE_MODE_DELAY = 0",
        'NERVESHUB_PORT = "4000"',
    ]
    for name in board_settings.PLACEHOLDERS:
        assert f"# {name} = " in board_settings.template()


class AnyCertificate:
    """An SSL context that takes any certificate."""

    def load_cert_chain(self, certfile, keyfile):
        pass


def with_line(name, value):
    lines = [line for line in GOOD.splitlines() if not line.startswith(name)]
    return "\n".join([*lines, f"{name} = {value}", ""])


CERTIFICATE = 'NERVESHUB_DEVICE_CERT = "/c.pem"\nNERVESHUB_DEVICE_KEY = "/k.pem"\n'


@pytest.mark.parametrize(
    "text, fault",
    [
        (GOOD, None),
        (CERTIFIED, None),
        (with_line("NERVESHUB_HOST", '"https://hub.example.org"'), "without https://"),
        (with_line("NERVESHUB_HOST", '"hub.example.org/"'), "without https://"),
        (with_line("NERVESHUB_HOST", '"hub.example.org:443"'), "without https://"),
        (with_line("NERVESHUB_HOST", '"2001:db8::1"'), None),
        (with_line("NERVESHUB_HOST", '"[2001:db8::1]"'), None),
        (with_line("NERVESHUB_HOST", '"h\xfcb"'), "NERVESHUB_HOST has a control or non-ASCII"),
        (with_line("NERVESHUB_IDENTIFIER", '"Gew\xe4chshaus"'), None),
        (with_line("NERVESHUB_IDENTIFIER", '"a\\nb"'), "NERVESHUB_IDENTIFIER has a control"),
        (with_line("NERVESHUB_PORT", "4000"), None),
        (with_line("NERVESHUB_PORT", '"4000"'), None),
        (with_line("NERVESHUB_PORT", "0"), "NERVESHUB_PORT must be"),
        (with_line("NERVESHUB_PORT", '"four"'), "NERVESHUB_PORT must be"),
        (with_line("NERVESHUB_PORT", "'4000'"), "NERVESHUB_PORT can't be read"),
        (with_line("NERVESHUB_SSL", '"off"'), None),
        (with_line("NERVESHUB_SSL", '"never"'), "NERVESHUB_SSL must be 1 or 0"),
        (with_line("NERVESHUB_PRODUCT_SECRET", '"nhp_2"'), "were key and secret swapped?"),
        (GOOD + CERTIFICATE, "PRODUCT_SECRET beside NERVESHUB_DEVICE_CERT and NERVESHUB_DEVICE"),
        (CERTIFIED + "NERVESHUB_SSL = 0\n", "NERVESHUB_DEVICE_CERT needs TLS"),
        (CERTIFIED.replace("NERVESHUB_DEVICE_KEY", "#"), "needs NERVESHUB_DEVICE_KEY"),
        (GOOD.replace("NERVESHUB_PRODUCT_KEY", "#"), "needs NERVESHUB_PRODUCT_KEY"),
    ],
)
def test_what_the_library_refuses_at_its_start_is_told_at_the_desk(text, fault, monkeypatch):
    found = Settings(text.encode(), (10, 2))
    words = settings_faults.faults(found)
    assert bool(words) == (fault is not None)
    assert (fault or "") in " ".join(words)
    monkeypatch.setattr(os, "getenv", found.getenv)
    options = {"identifier": "dev-1", "firmware_meta": META}
    context = contextlib.nullcontext() if fault is None else pytest.raises(ValueError)
    with context:
        options.update(read_settings())
        NervesHubLink(socket, AnyCertificate(), **options).deinit()


def test_a_ca_of_the_fleets_own_is_looked_for_on_the_drive(tmp_path):
    settings = Settings((GOOD + 'NERVESHUB_CA = "/certs/ca.pem"\n').encode())

    def told():
        return settings_faults.faults(settings, lambda name: tmp_path / name)

    assert told() == ["NERVESHUB_CA names /certs/ca.pem, which is not on the drive"]
    (tmp_path / "certs").mkdir()
    (tmp_path / "certs" / "ca.pem").write_text("")
    assert told() == ["/certs/ca.pem holds no certificate (PEM)"]
    shutil.copy(Authority(tmp_path / "ca").cert, tmp_path / "certs" / "ca.pem")
    assert told() == []


def test_certificate_and_key_are_looked_for_on_the_drive_and_must_belong_together(tmp_path):
    authority = Authority(tmp_path / "ca")
    cert, key = map(Path, authority.client("dev-1"))
    _, other = map(Path, authority.client("dev-2"))
    settings = Settings(CERTIFICATE.encode())

    def told():
        return settings_faults.faults(settings, lambda name: tmp_path / name)

    assert told() == ["NERVESHUB_DEVICE_CERT names /c.pem, which is not on the drive"]
    shutil.copy(cert, tmp_path / "c.pem")
    assert told() == ["NERVESHUB_DEVICE_KEY names /k.pem, which is not on the drive"]
    shutil.copy(other, tmp_path / "k.pem")
    assert told() == ["/k.pem is not the key of /c.pem"]
    shutil.copy(key, tmp_path / "k.pem")
    assert told() == []
    (tmp_path / "k.pem").write_text("no key")
    assert told() == ["/k.pem is no private key (PEM)"]
    (tmp_path / "c.pem").write_text("no certificate")
    assert told() == ["/c.pem is no certificate (PEM)"]


def test_a_host_without_quotes_is_read_from_10_2_on():
    data = GOOD.replace('"hub.example.org"', "hub.example.org").encode()
    assert Settings(data, (10, 1)).lacking() == ["NERVESHUB_HOST"]
    assert Settings(data, (10, 2)).lacking() == []


@pytest.fixture
def drive(tmp_path):
    return make_drive(tmp_path / "CIRCUITPY", meta={"product": "demo"}, library="none")


def board(*words):
    return CliRunner().invoke(main, ["board", *map(str, words)])


def test_status_tells_which_line_counts_and_which_value_is_void(drive):
    text = (
        'NERVESHUB_HOST = "one"\nNERVESHUB_HOST = "two"\nNERVESHUB_PRODUCT_KEY = "k" x\n'
        "CIRCUITPY_WIFI_PASSWORD = 1\nNERVESHUB_SSL = true\n"
        "[mine \x1b]\nNERVESHUB_DEVELOP = 1\n"
    )
    (drive / "settings.toml").write_text(text)
    words = " ".join(board("status", drive).output.split())
    for remark in (
        "NERVESHUB_HOST: line 1 counts, not line 2",
        "NERVESHUB_PRODUCT_KEY in line 3 can't be read: text behind the closing quote",
        "CIRCUITPY_WIFI_PASSWORD in line 4 can't be read: CircuitPython takes it in double quotes",
        "NERVESHUB_SSL in line 5 can't be read: CircuitPython 10.1 takes whole numbers, and texts",
        "nothing is read from line 6 on, [mine ?]",
        "NERVESHUB_DEVELOP in line 7 is not read",
    ):
        assert remark in words
    assert "leaves the drive" not in words


@pytest.mark.parametrize(
    "before, on, off",
    [
        ("", "NERVESHUB_DEVELOP = 1\n", ""),
        ("A = 1", "A = 1\nNERVESHUB_DEVELOP = 1\n", "A = 1"),
        ("A = 1\r\n", "A = 1\r\nNERVESHUB_DEVELOP = 1\r\n", "A = 1\r\n"),
        (
            "NERVESHUB_DEVELOP = 0\nA = 1\nNERVESHUB_DEVELOP = 1\n",
            "NERVESHUB_DEVELOP = 1\nA = 1\nNERVESHUB_DEVELOP = 1\n",
            "NERVESHUB_DEVELOP = 0\nA = 1\nNERVESHUB_DEVELOP = 1\n",
        ),
        (
            "[mine]\nNERVESHUB_DEVELOP = 1\n",
            "NERVESHUB_DEVELOP = 1\n[mine]\nNERVESHUB_DEVELOP = 1\n",
            "[mine]\nNERVESHUB_DEVELOP = 1\n",
        ),
        ("NERVESHUB_DEVELOP = true\r\n", "NERVESHUB_DEVELOP = 1\r\n", "NERVESHUB_DEVELOP = 0\r\n"),
        (
            "NERVESHUB_DEVELOP",
            "NERVESHUB_DEVELOP = 1\nNERVESHUB_DEVELOP",
            "NERVESHUB_DEVELOP",
        ),
    ],
)
def test_develop_changes_the_line_that_counts_and_nothing_else(drive, before, on, off):
    path = drive / "settings.toml"
    for switch, after in (("on", on), ("off", off)):
        path.write_bytes(before.encode())
        done = board("develop", drive, switch)
        assert done.exit_code == 0, done.output
        assert path.read_bytes().decode() == after
        for version in ((10, 1), (10, 2)):
            assert board_settings.load(path, version).develops() == (switch == "on")


@pytest.mark.parametrize("data", [data.replace(b"K", b"NERVESHUB_DEVELOP") for data, _, _ in FILES])
def test_develop_holds_in_any_file(data):
    for on in (True, False):
        changed = with_develop(data, on)
        assert {Settings(changed, version).develops() for version in ((10, 1), (10, 2))} == {on}


@pytest.mark.parametrize("data", [data for data, _, _ in FILES])
def test_a_value_holds_in_any_file(data):
    changed = settings_changes.with_value(data, "K", "new")
    assert [value(changed, version) for version in ((10, 1), (10, 2))] == ["new", "new"]
