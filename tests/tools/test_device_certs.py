# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""``board prepare --device-cert``: a key and a certificate for each board; NervesHub knows it."""

import os
import ssl

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from nerveshub_tools import board_settings, keys
from nerveshub_tools.board_fleet import FleetRun
from nerveshub_tools.ca import Authority
from nerveshub_tools.cli import main
from support.fleet import Fleet

BOOT_OUT = """\
Adafruit CircuitPython 10.1.0 on 2026-02-02; Adafruit QT Py ESP32-S3 no psram with ESP32S3
Board ID:adafruit_qtpy_esp32s3_nopsram
"""
SETTINGS = """\
CIRCUITPY_WIFI_SSID = "garden"
CIRCUITPY_WIFI_PASSWORD = "wet leaves"
NERVESHUB_HOST = "hub.example.org"
"""
POSTS = "/orgs/desk/products/demo/devices"


@pytest.fixture(autouse=True)
def nobody_is_logged_in(monkeypatch):
    for name in (*board_settings.PLACEHOLDERS, "NERVES_HUB_URI", "NERVES_HUB_TOKEN", "NH_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def drive(tmp_path):
    drive = tmp_path / "CIRCUITPY"
    drive.mkdir()
    (drive / "boot_out.txt").write_text(BOOT_OUT)
    (drive / "settings.toml").write_text(SETTINGS)
    return drive


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "ca"


def prepare(drive, folder, *words, name="bed-1", **env):
    always = ("--product", "demo", "--library", "none", "--slot-size", "64", "--yes")
    named = ("--identifier", name) if name else ()
    words = ("board", "prepare", drive, *always, "--device-cert", folder, *named, *words)
    return CliRunner().invoke(main, list(map(str, words)), env=env)


def on(drive):
    """Certificate and key of a drive."""
    return [(drive / "certs" / name).read_bytes() for name in ("device.pem", "device-key.pem")]


def test_a_board_gets_a_key_and_a_certificate_of_its_own(drive, folder):
    done = prepare(drive, folder)
    assert done.exit_code == 0, done.output
    certificate, key = on(drive)
    found = x509.load_pem_x509_certificate(certificate)
    assert found.subject.rfc4514_string() == "CN=bed-1"
    found.verify_directly_issued_by(
        x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    )
    assert load_pem_private_key(key, None).public_key() == found.public_key()
    ssl.create_default_context().load_cert_chain(
        drive / "certs" / "device.pem", drive / "certs" / "device-key.pem"
    )
    years = (found.not_valid_after_utc - found.not_valid_before_utc).days // 365
    assert years >= 19
    settings = board_settings.read(drive / "settings.toml")
    assert settings["NERVESHUB_DEVICE_CERT"] == "/certs/device.pem"
    assert settings["NERVESHUB_DEVICE_KEY"] == "/certs/device-key.pem"
    assert settings["NERVESHUB_IDENTIFIER"] == "bed-1"
    assert "still lacks" not in done.output


def test_the_cas_key_stays_here_and_the_boards_key_stays_there(drive, folder):
    done = prepare(drive, folder)
    key = (folder / "ca.key").read_bytes()
    assert (folder / "ca.key").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    private = [path for path in drive.rglob("*") if _is_private(path)]
    assert private == [drive / "certs" / "device-key.pem"]
    assert key not in [path.read_bytes() for path in private]
    kept = sorted(path.name for path in folder.rglob("*") if _is_private(path))
    assert kept == ["ca.key"]
    assert (folder / "devices" / "bed-1.pem").read_bytes() == on(drive)[0]
    assert "PRIVATE" not in done.output
    assert "NervesHub does not know the certificate yet" in done.output


def _is_private(path):
    return path.is_file() and bool(keys.private_key_in(path.read_bytes()))


def test_a_second_run_keeps_both(drive, folder):
    prepare(drive, folder)
    before = on(drive)
    assert prepare(drive, folder).exit_code == 0
    assert on(drive) == before


def test_a_run_that_was_interrupted_while_it_wrote_the_key_is_mended(drive, folder):
    prepare(drive, folder)
    (drive / "certs" / "device-key.pem").write_bytes(on(drive)[1][:50])
    assert prepare(drive, folder).exit_code == 0
    certificate, key = on(drive)
    assert Authority.kept(folder).issued(certificate, "bed-1", key)
    (drive / "certs" / "device-key.pem").unlink()
    assert prepare(drive, folder).exit_code == 0
    assert Authority.kept(folder).issued(on(drive)[0], "bed-1", on(drive)[1])


def refused(drive, folder, *words, **more):
    before = {path: path.read_bytes() for path in drive.rglob("*") if path.is_file()}
    done = prepare(drive, folder, *words, **more)
    assert done.exit_code == 1
    assert {path: path.read_bytes() for path in drive.rglob("*") if path.is_file()} == before
    return " ".join(done.output.split())


def test_a_key_that_is_there_already_is_not_lost(drive, folder, tmp_path):
    prepare(drive, folder)
    assert "is on the drive already, and not that of bed-2" in refused(drive, folder, name="bed-2")
    words = refused(drive, tmp_path / "other")
    assert "/certs/device-key.pem is on the drive already" in words


def test_what_can_not_be_certified_is_told_before_anything_is_written(drive, folder, tmp_path):
    assert "a certificate is for one device: give --identifier" in refused(drive, folder, name=None)
    assert "at most 64 characters" in refused(drive, folder, name="x" * 65)
    for place in (drive / "ca", drive / "lib" / "ca", drive):
        assert "is on a board: the CA's key must never be on one" in refused(drive, place)
    assert not (drive / "ca").exists()
    file = tmp_path / "s.toml"
    file.write_text(SETTINGS + 'NERVESHUB_PRODUCT_KEY = "nhp_1"\nNERVESHUB_PRODUCT_SECRET = "s"\n')
    words = refused(drive, folder, "--settings", file)
    assert "NERVESHUB_PRODUCT_SECRET beside NERVESHUB_DEVICE_CERT and NERVESHUB_DEVICE_KEY" in words
    (drive / "settings.toml").write_text(file.read_text())
    assert "NERVESHUB_PRODUCT_SECRET beside NERVESHUB_DEVICE_CERT" in refused(drive, folder)


def test_a_ca_that_can_not_be_used_is_never_replaced(drive, folder):
    prepare(drive, folder)
    (folder / "ca.key").unlink()
    before = (folder / "ca.pem").read_bytes()
    assert "ca.pem can't be used: both must be there, belong together" in refused(drive, folder)
    assert (folder / "ca.pem").read_bytes() == before
    assert sorted(os.listdir(folder)) == ["ca.pem", "devices"]


def test_an_identifier_may_hold_what_no_file_name_can(drive, folder):
    assert prepare(drive, folder, name="../a b/\xfc").exit_code == 0
    assert os.listdir(folder / "devices") == ["..%2Fa%20b%2F%C3%BC.pem"]


# Registration


@pytest.fixture
def fleet(tmp_path):
    with Fleet(tmp_path) as fleet:
        yield fleet


def test_nerveshub_is_told_of_the_device_and_its_certificate(drive, folder, fleet):
    done = prepare(drive, folder, **fleet.env)
    assert done.exit_code == 0, done.output
    assert "NervesHub knows the certificate of bed-1" in done.output
    serial = x509.load_pem_x509_certificate(on(drive)[0]).serial_number
    assert [item["serial"] for item in fleet.hub.device("bed-1").certificates] == [str(serial)]
    assert fleet.asked("POST") == [POSTS, f"{POSTS}/bed-1/certificates"]
    # Once more: it is known, and nothing is sent.
    assert prepare(drive, folder, **fleet.env).exit_code == 0
    assert len(fleet.asked("POST")) == 2


def test_a_board_whose_certificate_nobody_knows_is_told_and_run_again(drive, folder, fleet):
    env = {**fleet.env, "NERVES_HUB_URI": "http://localhost:1"}
    done = prepare(drive, folder, **env)
    assert done.exit_code == 1
    words = " ".join(done.output.split())
    assert "bed-1 is prepared, but NervesHub does not know its certificate: cannot reach" in words
    before = on(drive)
    assert prepare(drive, folder, **fleet.env).exit_code == 0
    assert on(drive) == before
    assert len(fleet.hub.device("bed-1").certificates) == 1


def test_who_names_a_server_must_be_logged_in_before_a_board_is_touched(drive, folder, fleet):
    env = {**fleet.env, "NERVES_HUB_TOKEN": ""}
    assert "no token for http://localhost" in refused(drive, folder, **env)


def test_a_fleet_gets_a_certificate_each(tmp_path, drive, folder, fleet, monkeypatch):
    table = tmp_path / "fleet.csv"
    table.write_text("identifier\nbed-1\n")
    common = tmp_path / "common.toml"
    common.write_text(SETTINGS)
    monkeypatch.setattr(FleetRun.__init__, "__defaults__", (lambda: [drive], lambda seconds: None))
    words = ["board", "fleet", table, "--product", "demo", "--library", "none", "--slot-size", "64"]
    words += ["--settings", common, "--device-cert", folder, "--yes"]
    done = CliRunner().invoke(main, list(map(str, words)), env=fleet.env)
    assert done.exit_code == 0, done.output
    assert "NervesHub knows the certificate of bed-1" in done.output
    assert x509.load_pem_x509_certificate(on(drive)[0])
