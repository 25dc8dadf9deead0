# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""How the commands for a fleet get in: login, tokens, addresses, TLS, and servers that are none."""

import asyncio
import os
import stat
import urllib.request

import pytest
from keyring.backends import fail
from nerveshub_tools import fleet_login
from nerveshub_tools.rest_client import RestClient, RestError, check_uri
from nerveshub_tools.rest_product import Product
from nerveshub_tools.tls import ServerTls
from support.ca import ThrowawayCa
from support.fleet import Fleet, Keyring, answering, using

NO_TOKEN = {"NERVES_HUB_TOKEN": None}


@pytest.fixture(name="fleet")
def hub_and_commands(tmp_path):
    with Fleet(tmp_path) as fleet:
        yield fleet


def let_in(url):
    """What a person does in the browser."""
    with urllib.request.urlopen(url, b"", timeout=10) as answer:
        return answer.status == 200


# Tokens


def test_login_in_the_browser_keeps_the_token_in_the_keyring(fleet, monkeypatch):
    monkeypatch.setattr(fleet_login.webbrowser, "open", let_in)
    with using(Keyring()) as keyring:
        said = fleet.run("login", **NO_TOKEN)
        uri = fleet.env["NERVES_HUB_URI"]
        assert f"logged in to {uri} as Operator <operator@localhost>" in said
        assert "It must show this code: " in said
        assert keyring.kept == {("nerveshub-link", uri): fleet.hub.organization.token}
        assert fleet.run("devices", "--json", **NO_TOKEN) == "[]"


def test_login_waits_until_a_person_has_let_it_in(fleet):
    asked, paused = [], []

    async def sleep(seconds):
        paused.append(seconds)
        if len(paused) == 3:
            let_in(asked[0])

    async def log_in():
        async with RestClient(fleet.env["NERVES_HUB_URI"]) as client:
            return await fleet_login.from_browser(client, asked.append, sleep)

    assert asyncio.run(log_in()) == fleet.hub.organization.token
    assert paused == [2, 2, 2]


def test_login_gives_up_when_nobody_lets_it_in_or_the_server_has_forgotten_it(fleet):
    async def log_in(sleep):
        async with RestClient(fleet.env["NERVES_HUB_URI"]) as client:
            return await fleet_login.from_browser(client, lambda _: True, sleep)

    async def nothing(_seconds):
        pass

    async def forget(_seconds):
        fleet.hub.organization.logins.clear()

    with pytest.raises(RestError, match="was not confirmed in the browser"):
        asyncio.run(log_in(nothing))
    with pytest.raises(RestError, match="has expired, or was refused"):
        asyncio.run(log_in(forget))


def test_login_with_a_token_from_standard_input_keeps_it_in_a_file_for_its_owner(fleet, tmp_path):
    file = tmp_path / "token"
    file.write_text("an older one")
    file.chmod(0o644)
    options = ("--token-file", str(file))
    token = fleet.hub.organization.token
    fleet.run("login", "--with-token", *options, text=f" {token}\n", **NO_TOKEN)
    assert file.read_text() == token + "\n"
    if os.name == "posix":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert fleet.run("devices", "--json", *options, NERVES_HUB_TOKEN="wrong") == "[]"


def test_login_with_a_wrong_token_keeps_nothing(fleet, tmp_path):
    file = tmp_path / "token"
    words = ("login", "--with-token", "--token-file", str(file))
    said = fleet.run(*words, text="nhu_wrong\n", code=1)
    assert "Resource Not Found or Authorization Insufficient (HTTP 401)" in said
    assert "nhu_wrong" not in said
    assert not file.exists()
    for text in ("", "\n", "two words\n", "ümlaut\n"):
        assert "holds no token" in fleet.run(*words, text=text, code=1)


def test_without_a_keyring_login_says_where_else_the_token_may_be_kept(fleet):
    with using(fail.Keyring()):
        token = fleet.hub.organization.token
        said = fleet.run("login", "--with-token", text=token, code=1, **NO_TOKEN)
        assert "no keyring: name a file to keep the token in with --token-file" in said
        said = fleet.run("devices", code=1, **NO_TOKEN)
        assert f"no token for {fleet.env['NERVES_HUB_URI']}: run nerveshub-link login" in said


def test_the_environment_has_the_names_of_nerveshubs_own_command_line(fleet):
    given = {**NO_TOKEN, "NH_TOKEN": fleet.hub.organization.token}
    assert fleet.run("devices", "--json", **given) == "[]"
    assert "NERVES_HUB_URI must name the server" in fleet.run(
        "devices", code=2, NERVES_HUB_URI=None
    )


def test_a_wrong_token_is_told_with_what_to_do(fleet):
    said = fleet.run("devices", code=1, NERVES_HUB_TOKEN="nhu_wrong")
    assert "(HTTP 401). The token is not valid for this server" in said
    assert "nhu_wrong" not in said


def test_no_command_takes_a_secret_as_an_argument():
    from nerveshub_tools.fleet_cli import COMMANDS

    options = {name for command in COMMANDS for item in command.params for name in item.opts}
    assert not {"--token", "--password", "--secret"} & options


# Addresses and TLS


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("https://hub.example/", "https://hub.example"),
        ("hub.example:8443", "https://hub.example:8443"),
        (" http://localhost:4000 ", "http://localhost:4000"),
        ("http://127.0.0.2:4000", "http://127.0.0.2:4000"),
        ("http://[::1]:4000", "http://[::1]:4000"),
    ],
)
def test_addresses_are_taken_with_and_without_a_scheme(given, used):
    assert check_uri(given) == used


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("", "like https://"),
        ("https://", "like https://"),
        ("ftp://hub.example", "like https://"),
        ("https://hub.example:port", "like https://"),
        ("https://me:secret@hub.example", "and nothing else"),
        ("https://hub.example/org", "and nothing else"),
        ("http://hub.example", "would show your token to the network"),
        ("http://192.0.2.7:4000", "would show your token to the network"),
        ("http://localhost.example", "would show your token to the network"),
    ],
)
def test_addresses_that_are_invalid_or_would_show_the_token_are_refused(given, reason):
    with pytest.raises(RestError, match=reason) as caught:
        check_uri(given)
    assert "secret" not in str(caught.value)


def test_only_a_certificate_of_a_ca_that_is_trusted_is_good(tmp_path):
    ca, other = ThrowawayCa(tmp_path), ThrowawayCa(tmp_path, "another CA")
    with Fleet(tmp_path, tls=ServerTls(*ca.issue("localhost"))) as fleet:
        fleet.env["NERVES_HUB_URI"] = uri = f"https://localhost:{fleet.hub.port}"
        for words in ((), ("--ca", str(other.path))):
            said = fleet.run("devices", *words, code=1)
            assert "the certificate of localhost" in said
            assert "--ca" in said
        fleet.env["NERVES_HUB_URI"] = uri.replace("localhost", "127.0.0.1")
        said = fleet.run("devices", "--ca", str(ca.path), code=1)
        assert "the certificate of 127.0.0.1" in said
        assert fleet.hub.requests == []
        fleet.env["NERVES_HUB_URI"] = uri
        assert fleet.run("devices", "--json", "--ca", str(ca.path)) == "[]"
        assert fleet.run("devices", "--json", NERVES_HUB_CA_CERT=str(ca.path)) == "[]"


def test_a_ca_that_is_invalid_is_told(fleet, tmp_path):
    (tmp_path / "ca.pem").write_text("hello")
    said = fleet.run("devices", "--ca", str(tmp_path / "ca.pem"), code=1)
    assert "is no CA certificate in PEM" in said


# Servers that answer otherwise


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"", "was lost"),
        (b"hello\r\n\r\n", "was lost"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi", "does not answer like NervesHub"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]", "does not answer like NervesHub"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhi", "was lost"),
        (
            b'HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\n{"data":[{}]}',
            "the server's answer has no 'name'",
        ),
        (
            b"HTTP/1.1 301 x\r\nlocation: https://there.example/a?t=secret\r\n"
            b"content-length: 0\r\n\r\n",
            "redirects to https://there.example: use that address",
        ),
        (
            b"HTTP/1.1 302 x\r\nlocation: /login\r\ncontent-length: 0\r\n\r\n",
            "answers with a redirect: is the address right?",
        ),
        (b"HTTP/1.1 403 x\r\ncontent-length: 2\r\n\r\nno", "Your role in the organization"),
        (b"HTTP/1.1 502 x\r\ncontent-length: 0\r\n\r\n", "no reason given (HTTP 502)"),
        (
            b"HTTP/1.1 422 x\r\ncontent-length: 42\r\n\r\n"
            b'{"errors":{"a":[{"b":["c\\u001b"]}],"d":1}}',
            "NervesHub says: b c?; d 1 (HTTP 422)",
        ),
    ],
)
def test_other_servers_are_told_in_a_sentence(fleet, answer, said):
    with answering(answer) as port:
        fleet.env["NERVES_HUB_URI"] = f"http://127.0.0.1:{port}"
        shown = fleet.run("devices", code=1)
    assert said in shown
    assert "secret" not in shown


def test_nobody_at_the_port_is_told(fleet):
    with answering(b"") as port:
        pass
    said = fleet.run("devices", code=1, NERVES_HUB_URI=f"http://127.0.0.1:{port}")
    assert f"cannot reach 127.0.0.1:{port}: " in said


def test_an_upload_tells_how_far_it_is(fleet, tmp_path):
    path, uuid = fleet.release()
    told = []

    async def upload():
        token = fleet.hub.organization.token
        async with RestClient(fleet.env["NERVES_HUB_URI"], token) as client:
            return await Product(client, "desk", "demo").upload(path, told.append)

    assert asyncio.run(upload())["uuid"] == uuid
    assert sum(told) == os.path.getsize(path)


def test_the_computers_proxy_is_used_but_not_for_this_computer(fleet):
    heard = []
    refusal = b"HTTP/1.1 403 no\r\ncontent-length: 0\r\n\r\n"
    with answering(refusal, heard) as port:
        proxy = dict.fromkeys(("http_proxy", "https_proxy"), f"http://127.0.0.1:{port}")
        assert fleet.run("devices", "--json", **proxy, no_proxy="") == "[]"
        assert heard == []
        remote = {**proxy, "NERVES_HUB_URI": "https://hub.example", "no_proxy": ""}
        assert "was lost" in fleet.run("devices", code=1, **remote)
    assert heard[0].startswith(b"CONNECT hub.example:443 ")
    assert fleet.hub.organization.token.encode() not in heard[0]


def test_a_password_in_netrc_does_not_replace_the_token(fleet, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login me password other\n")
    netrc.chmod(0o600)
    assert fleet.run("devices", "--json", NETRC=str(netrc)) == "[]"
