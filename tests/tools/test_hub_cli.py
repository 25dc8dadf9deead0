# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""The command nerveshub-link, and what it reads out of firmware files."""

import contextlib
import io
import json
import os
import re
import shlex
import signal
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile

import hub_replay
import pytest
from click.testing import CliRunner
from hub_wire import Wire
from nerveshub_tools.cli import main
from nerveshub_tools.hub import Hub
from nerveshub_tools.images import fwup_uuid, read_meta
from nerveshub_tools.server import HubThread, Server

TOOLS = str(hub_replay.Path(__file__).resolve().parents[2] / "tools")
META_CONF = b"""meta-product="My \\"product\\""
meta-version=1.2.3
meta-platform="generic"
meta-architecture=esp32s3
meta-vcs-identifier=abc
file-resource "code.py" {
length=5
}
"""


def archive(conf=META_CONF, method=zipfile.ZIP_STORED, damage=b""):
    """A release of nothing but its description, whose first bytes may be damaged."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", method) as file:
        file.writestr("meta.conf", conf)
    image, begin = data.getvalue(), 30 + len("meta.conf")
    return image[:begin] + damage + image[begin + len(damage) :]


def esp_image():
    image = bytearray(b"\xe9" + bytes(300))
    image[12] = 9
    image[0x20:0x24] = (0xABCD5432).to_bytes(4, "little")
    for at, text in ((16, b"v1.2"), (48, b"nhtest"), (112, b"v5.4.1")):
        image[0x20 + at : 0x20 + at + len(text)] = text
    image[0x20 + 144 : 0x20 + 160] = bytes(range(16))
    return bytes(image)


def test_metadata_of_a_fwup_archive(tmp_path):
    (tmp_path / "a.fw").write_bytes(archive())
    assert read_meta(tmp_path / "a.fw") == {
        "uuid": fwup_uuid(META_CONF),
        "product": 'My "product"',
        "version": "1.2.3",
        "platform": "generic",
        "architecture": "esp32s3",
        "vcs_identifier": "abc",
    }


def test_uuid_has_the_version_digit_that_fwup_sets():
    uuid = fwup_uuid(b"")
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", uuid)


def test_metadata_of_an_esp_idf_image(tmp_path):
    (tmp_path / "a.bin").write_bytes(esp_image())
    assert read_meta(tmp_path / "a.bin") == {
        "uuid": "00010203-0405-0607-0809-0a0b0c0d0e0f",
        "product": "nhtest",
        "version": "1.2.0",
        "description": "ESP-IDF v5.4.1",
        "platform": "esp32s3",
        "architecture": "xtensa",
    }


@pytest.mark.parametrize("data", [b"", b"hello", b"PK\x03\x04broken", b"\xe9" + bytes(300)])
def test_file_without_metadata_is_refused(tmp_path, data):
    (tmp_path / "a.bin").write_bytes(data)
    with pytest.raises(ValueError, match=r"a\.bin"):
        read_meta(tmp_path / "a.bin")


def test_description_beside_the_file_comes_first(tmp_path):
    (tmp_path / "a.bin").write_bytes(b"anything")
    beside = tmp_path / "a.bin.json"
    beside.write_text('{"uuid": "u", "version": "1.0.0"}')
    assert read_meta(tmp_path / "a.bin")["uuid"] == "u"
    for bad in ("[]", "{}", "{"):
        beside.write_text(bad)
        with pytest.raises(ValueError):
            read_meta(tmp_path / "a.bin")


@contextlib.contextmanager
def hub_command(*options):
    """The hub, running; gives its process and what it said when it began."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "nerveshub_tools", "hub", "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": TOOLS},
    )
    with process:
        try:
            lines = []
            while not lines or "# curl" not in lines[-1]:
                lines.append(process.stdout.readline())
                assert lines[-1], lines
            yield process, "".join(lines)
            process.send_signal(signal.SIGINT)
            assert process.wait(10) == 0
        finally:
            process.kill()  # if something failed: nobody else ends it, and it would be waited for


def answer_to_curl(text):
    """Status and body for the command line that the hub has printed, without needing curl."""
    words = shlex.split(text.splitlines()[-1].lstrip("# "))
    assert words[:1] == ["curl"]
    context = None
    if "--cacert" in words:
        context = ssl.create_default_context(cafile=words[words.index("--cacert") + 1])
    url = next(word for word in words if "://" in word)
    data = words[words.index("-d") + 1].encode()
    header = dict([words[words.index("-H") + 1].split(": ", 1)])
    asked = urllib.request.Request(url, data, header)
    try:
        with urllib.request.urlopen(asked, timeout=10, context=context) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as answer:
        with answer:
            return answer.code, answer.read()


def test_hub_serves_a_folder_and_prints_settings(tmp_path):
    (tmp_path / "good.fw").write_bytes(archive())
    (tmp_path / "bad.bin").write_bytes(b"hello")
    (tmp_path / "damaged.fw").write_bytes(archive(method=zipfile.ZIP_DEFLATED, damage=b"\xff" * 9))
    with hub_command(str(tmp_path), "--key", "nhp_k", "--secret", "s") as (_, text):
        port = int(re.search(r"NERVESHUB_PORT = (\d+)", text)[1])
        with Wire(port) as wire:
            data = json.loads(wire.request("/api/firmwares", host="localhost")[2])["data"]
    assert [item["uuid"] for item in data] == [fwup_uuid(META_CONF)]
    assert "skipped: bad.bin" in text
    assert "skipped: damaged.fw is damaged: " in text
    assert f"# export NERVES_HUB_URI=http://localhost:{port} NERVES_HUB_TOKEN=nhu_" in text
    for line in ('HOST = "127.0.0.1"', "SSL = 0", 'KEY = "nhp_k"', 'SECRET = "s"'):
        assert f"_{line}\n" in text


def test_printed_curl_trusts_the_certificate_that_was_made(tmp_path):
    with hub_command("--make-cert", str(tmp_path / "a folder")) as (_, text):
        code, body = answer_to_curl(text)
    assert (code, b"Resource Not Found" in body) == (404, True)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has more loopback addresses")
@pytest.mark.parametrize("options", [[], ["--make-cert", "certificates"]])
def test_printed_curl_calls_the_address_that_the_hub_listens_on(tmp_path, monkeypatch, options):
    monkeypatch.chdir(tmp_path)
    with hub_command("--host", "127.0.0.2", *options) as (_, text):
        assert "localhost" not in text
        code, body = answer_to_curl(text)
    assert (code, b"Resource Not Found" in body) == (404, True)


def test_hub_is_for_this_computer_only_if_nothing_else_is_said():
    option = next(item for item in main.commands["hub"].params if item.name == "host")
    assert option.default == "127.0.0.1"
    assert Server(Hub()).host == "127.0.0.1"
    with HubThread() as hub:
        assert hub.host == "127.0.0.1"


def test_options_that_do_not_fit_are_refused(tmp_path):
    (tmp_path / "c.pem").write_text("")
    result = CliRunner().invoke(main, ["hub", "--cert", str(tmp_path / "c.pem")])
    assert result.exit_code == 2
    assert "belong together" in result.output
    result = CliRunner().invoke(main, ["device"])
    assert result.exit_code == 2


def test_every_command_explains_itself():
    for command in ("hub", "device", "demo"):
        result = CliRunner().invoke(main, [command, "--help"])
        assert result.exit_code == 0
        assert "Usage" in result.output


@pytest.mark.parametrize(
    ("words", "code"),
    [("hub --help", 0), ("--help", 0), ("demo", 1), ("board prepare .", 1), ("pack --help", 0)],
)
def test_hub_and_pack_need_no_library_and_the_other_commands_say_that_they_do(
    words, code, tmp_path
):
    source = (
        "import sys; sys.modules['nerveshub_link'] = None;"
        "from nerveshub_tools.cli import main; main(sys.argv[1:])"
    )
    done = subprocess.run(
        [sys.executable, "-c", source, *words.split()],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": TOOLS},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert ("pip install . './tools[device]'" in done.stderr) == bool(code)
