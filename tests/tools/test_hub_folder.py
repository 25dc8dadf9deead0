# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""What the hub keeps between its starts, what it sees in its folder, and what it tells boards."""

import os
import re
import socket

import pytest
from click.testing import CliRunner
from cryptography import x509
from nerveshub_tools import cli, hub_addresses
from nerveshub_tools.ca import Authority
from nerveshub_tools.hub import Hub
from nerveshub_tools.hub_folder import KEYS, FirmwareFolder, kept_keys
from nerveshub_tools.hub_settings import settings_lines
from nerveshub_tools.server import HubThread
from nerveshub_tools.settings_toml import getenv
from test_hub_cli import archive, esp_image, hub_command

from nerveshub_link import NervesHubLink

META = {"uuid": "1", "product": "d", "architecture": "a", "version": "1.0.0", "platform": "b"}


def invoke(*words):
    return CliRunner().invoke(cli.main, list(words))


def test_a_hub_keeps_key_secret_token_and_ca_and_sees_a_later_release(tmp_path):
    folder, certs = tmp_path / "firmware", tmp_path / "certs"
    folder.mkdir()
    told = []
    for _ in range(2):
        with hub_command(str(folder), "--make-cert", str(certs)) as (process, text):
            found = re.findall(r"_KEY = .*|_SECRET = .*|TOKEN=\S+", text)
            told.append((*found, (certs / "ca.pem").read_bytes()))
            if len(told) == 2:
                (folder / "LATE.FW").write_bytes(archive())
                line = process.stdout.readline()
                assert line.startswith('# LATE.FW: My "product" 1.2.3, '), line
    assert len(told[0]) == 4
    assert told[0] == told[1]


def test_each_folder_has_keys_of_its_own_that_nobody_else_may_read(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
    assert kept_keys(tmp_path / "a") == kept_keys(tmp_path / "a")
    assert set(kept_keys(tmp_path / "a").values()).isdisjoint(kept_keys(tmp_path / "b").values())
    if os.name == "posix":
        assert os.stat(tmp_path / "a" / KEYS).st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path / "a") == [KEYS]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"key": "", "secret": "s", "token": "t"}'])
def test_a_damaged_file_of_keys_is_named_and_left_alone(tmp_path, text):
    (tmp_path / KEYS).write_text(text)
    done = invoke("hub", str(tmp_path))
    assert done.exit_code == 1
    assert f"{KEYS} is damaged: remove it" in done.output
    assert (tmp_path / KEYS).read_text() == text


# Certificates


def names(path):
    with open(path, "rb") as file:
        certificate = x509.load_pem_x509_certificate(file.read())
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(name.value) for name in found}


def test_a_ca_that_is_kept_issues_for_the_names_of_this_start(tmp_path, capsys):
    cli._certificate(str(tmp_path), "192.0.2.7")
    first = (tmp_path / "ca.pem").read_bytes()
    cert, _ = cli._certificate(str(tmp_path), "192.0.2.8")
    assert (tmp_path / "ca.pem").read_bytes() == first
    assert names(cert) == {"localhost", "127.0.0.1", "::1", "192.0.2.8"}
    assert "new one" not in capsys.readouterr().out


@pytest.mark.parametrize("fault", ["expired", "other key", "no certificate", "no key"])
def test_a_ca_that_can_not_be_used_is_replaced_with_a_message_and_kept_beside(
    tmp_path, capsys, fault
):
    Authority(tmp_path, days=0 if fault == "expired" else 30)
    if fault == "other key":
        other = Authority(tmp_path / "other").folder
        (tmp_path / "ca.key").write_bytes((other / "ca.key").read_bytes())
    elif fault.startswith("no "):
        (tmp_path / ("ca.key" if fault == "no key" else "ca.pem")).write_text("text")
    old = (tmp_path / "ca.pem").read_bytes()
    cli._certificate(str(tmp_path), "192.0.2.7")
    assert "ca.pem can't be used any more: boards need the new one" in capsys.readouterr().out
    assert (tmp_path / "ca.pem").read_bytes() != old
    assert (tmp_path / "ca.pem.old").read_bytes() == old


# The folder


@pytest.fixture(name="folder")
def a_served_folder(tmp_path):
    """A folder, a function that looks into it, and what that has told."""
    told = []
    hub = Hub()
    watched = FirmwareFolder(hub, tmp_path, lambda text, fault: told.append(text))

    def look():
        del told[:]
        watched.look()
        return list(told)

    return tmp_path, look, hub


def test_what_is_there_at_the_start_is_taken_at_once_whatever_its_case(folder):
    path, look, hub = folder
    (path / "A.FW").write_bytes(archive())
    (path / "b.Bin").write_bytes(esp_image())
    (path / "notes.txt").write_text("")
    assert [text.split(":")[0] for text in look()] == ["A.FW", "b.Bin"]
    assert len(hub.firmwares) == 2
    assert look() == []


def test_a_release_that_appears_later_is_taken_when_it_is_whole(folder):
    path, look, hub = folder
    assert look() == []
    whole = archive()
    (path / "a.fw").write_bytes(whole[:50])
    assert look() == []
    (path / "a.fw").write_bytes(whole)
    assert look() == []
    assert look() == [f'a.fw: My "product" 1.2.3, {next(iter(hub.firmwares))}']
    (path / "a.fw").write_bytes(archive(b"meta-product=demo\nmeta-version=2.0.0\n"))
    assert look() == []
    assert look()[0].startswith("a.fw: demo 2.0.0, ")
    assert len(hub.firmwares) == 2


def test_what_is_no_file_is_skipped_with_a_message(folder):
    path, look, hub = folder
    (path / "folder.fw").mkdir()
    (path / "link.fw").symlink_to(path / "nowhere")
    (path / "text.fw").write_text("text")
    expected = ["skipped: folder.fw is a folder", "skipped: link.fw is a link to nothing"]
    if hasattr(os, "mkfifo"):
        os.mkfifo(path / "pipe.fw")
        expected.append("skipped: pipe.fw is no file")
    told = look()
    assert told[:-1] == expected
    assert told[-1].startswith("skipped: text.fw is no fwup archive")
    assert look() == [] and not hub.firmwares


def test_a_folder_that_goes_away_ends_nothing(folder):
    path, look, _ = folder
    look()
    path.rename(path.with_name("elsewhere"))
    assert look() == []
    path.with_name("elsewhere").rename(path)


# What it prints


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "::1", "[::1]", "0.0.0.0", "0", "::", "127.0.0.2"]
)
def test_what_is_printed_is_what_library_and_board_take(host):
    shown = hub_addresses.reachable(hub_addresses.listening(host))
    assert shown not in {"0.0.0.0", "::", "0"}
    served = Hub(product_key='nhp_"\\', product_secret='"#e')
    served.url = f"http://{hub_addresses.bracketed(shown)}:4000"
    data = "\n".join(settings_lines(served)).encode()
    for version in ((10, 1), (10, 2)):
        found = {
            name: getenv(data, "NERVESHUB_" + name.upper(), None, version)
            for name in ("host", "port", "ssl", "product_key", "product_secret")
        }
        assert int(found.pop("port")) == 4000
        assert int(found.pop("ssl")) == 0
        link = NervesHubLink(
            socket, None, port=4000, ssl=False, identifier="d", firmware_meta=META, **found
        )
        link.deinit()


def test_boards_are_told_when_they_can_not_reach_the_hub():
    hint = "# only this computer can reach it; with --host 0.0.0.0, boards can, too"
    for shown in ("127.0.0.1", "::1", "localhost"):
        url = f"https://{hub_addresses.bracketed(shown)}:1"
        assert settings_lines(Hub(public_url=url))[0] == hint
    for shown in ("192.0.2.1", "2001:db8::1", "hub.example.org"):
        url = f"https://{hub_addresses.bracketed(shown)}:1"
        assert hint not in settings_lines(Hub(public_url=url))


def test_localhost_works_by_both_of_its_addresses():
    for host in ("127.0.0.1", "localhost"):
        with HubThread(host=host) as hub:
            socket.create_connection(("127.0.0.1", hub.port), 5).close()
            try:
                socket.create_connection(("::1", hub.port), 5).close()
            except OSError as error:
                try:
                    socket.create_server(("::1", 0), family=socket.AF_INET6).close()
                except OSError:
                    pytest.skip("this computer has no IPv6: " + str(error))
                raise


# Options


@pytest.mark.parametrize(
    "words, text",
    [
        (["hub", "--port", "70000"], "70000 is not in the range"),
        (["hub", "--page-port", "-1"], "-1 is not in the range"),
        (["device", "--host", "h", "--port", "0"], "0 is not in the range"),
        (["hub", "--client-ca", __file__], "--client-ca needs TLS"),
        (["hub", "--cert", __file__, "--cert-key", __file__], "the certificates can't be used"),
        (["hub", "--host", ""], "--host is empty"),
        (["hub", "--host", "no such name"], "no such name is no address of this computer"),
        (["hub", "--host", "192.0.2.1"], "cannot listen on 192.0.2.1:4000"),
        (["hub", "--secret", "nhp_x"], "were --key and --secret swapped?"),
    ],
)
def test_a_mistake_in_the_options_is_a_sentence(words, text):
    done = invoke(*words)
    assert done.exit_code in {1, 2}
    assert text in " ".join(done.output.replace("│", "").split())
    assert "Traceback" not in done.output


def test_the_version_is_told():
    done = invoke("--version")
    assert done.exit_code == 0
    assert re.fullmatch(r"nerveshub-link, version \d\S*\n", done.output)
