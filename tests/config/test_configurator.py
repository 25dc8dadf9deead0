# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Every mistake in the options is a ValueError that names the option, before anything happens."""

import socket
import ssl
import sys
import types

import adafruit_connection_manager
import pytest
from adafruit_connection_manager import CPythonNetwork, get_radio_ssl_context
from support.ca import ThrowawayCa
from support.desk import META, Log, RecordingWriter

from nerveshub_link import Client, Extension, FwupWriter, HealthProvider, NervesHubLink

GOOD = {
    "host": "hub.example",
    "ssl": False,
    "port": 4000,
    "product_key": "nhp_key",
    "product_secret": "secret",
    "identifier": "dev-1",
    "firmware_meta": META,
}


def make(ssl_context=None, **changes):
    options = dict(GOOD, **changes)
    options = {name: value for name, value in options.items() if value is not ...}
    return NervesHubLink(socket, ssl_context, **options)


def test_good_options_are_taken_and_nothing_is_connected():
    with make() as link:
        assert link.state == "waiting"
        assert link.last_error is None
        assert not link.connected


class NoContext:
    """An SSL context that takes any certificate."""

    def load_cert_chain(self, certfile, keyfile):
        pass


class Halfway:
    """A client that lacks most methods."""

    def update_available(self, meta):
        return None


class Unversioned(Extension):
    version = None


NUMBERS = {
    "heartbeat_interval": (0, 151, 1.5, "30", True, None),
    "connect_timeout": (0, 121, 2.5),
    "reply_timeout": (0, 121, -1),
    "backoff_minimum": (0, 3601, 0.5),
    "backoff_maximum": (0, 86401, 1.0),
    "idle_timeout": (0, 601, "x"),
    "minimum_speed": (-1, 10_000_001, 30e3),
    "download_retries": (-1, 1001, None),
    "retry_delay": (0, 3601, 15.0),
    "download_timeout": (59, 259_201, True),
    "confirm_after": (-1, 86401, False),
    "network_reset_after": (-1, 86401, None),
    "server_reset_after": (-1, 86401, 21600.0),
    "chunk_size": (1023, 65537, 4096.0),
    "receive_buffer": (1023, 65537, b"x"),
    "max_message_size": (2047, (1 << 20) + 1, []),
    "port": (0, 65536, -1, "443", 443.0, True),
}
OTHERS = [
    ("host", "", "host"),
    ("host", None, "host"),
    ("host", b"hub.example", "host"),
    ("host", "https://hub.example", "host"),
    ("host", "hub.example:443", "host"),
    ("host", "hub.example/path", "host"),
    ("host", "hub example", "host"),
    ("host", "'hub.example'", "host must be a name like"),
    ("host", '"hub.example"', "host must be a name like"),
    ("host", "user@hub.example", "host must be a name like"),
    ("host", "[::1]:4000", "host must be a name like"),
    ("host", "[::1", "host must be a name like"),
    ("host", "hub\r\nx-evil: 1", "host"),
    ("host", "h\xfcb.example", "host"),
    ("ssl", None, "ssl"),
    ("ssl", "no", "ssl"),
    ("ssl", 1, "ssl"),
    ("ssl", True, "ssl_context"),
    ("product_key", ..., "product_key"),
    ("product_key", "", "product_key"),
    ("product_key", "nhp_\n", "product_key"),
    ("product_key", 7, "product_key"),
    ("product_secret", ..., "product_secret"),
    ("product_secret", "", "product_secret"),
    ("product_secret", "sec\x00ret", "product_secret"),
    ("product_secret", "nhp_key", "product_secret"),
    ("product_secret", "nhd_key", "product_secret"),
    ("device_cert", "/device.pem", "exclude each other"),
    ("device_key", "/device.key", "exclude each other"),
    ("identifier", ..., "identifier"),
    ("identifier", "", "identifier"),
    ("identifier", "dev\r\n1", "identifier"),
    ("identifier", 17, "identifier"),
    ("firmware_meta", ..., "firmware_meta"),
    ("firmware_meta", {}, "firmware_meta"),
    ("firmware_meta", "1.0.0", "firmware_meta"),
    ("client", Halfway(), "client must have a method fwup_progress()"),
    ("client", 5, "client"),
    ("fwup_writer", Client(), "fwup_writer must have a method"),
    ("extensions", ["health"], "extensions"),
    ("extensions", [], "extensions"),
    ("extensions", "", "extensions"),
    ("extensions", {5: Extension()}, "extensions: a name"),
    ("extensions", {"a:b": Extension()}, "extensions: a:b"),
    ("radio", 5, "radio must be wifi.radio"),
    ("radio", CPythonNetwork(), "radio must be wifi.radio"),
    ("extensions", "health", "extensions"),
    ("extensions", {"health": False}, "extensions: health"),
    ("extensions", {"health": {"cpu_temp": 41.5}}, "extensions: health"),
    ("extensions", {"geo": True}, "extensions: geo"),
    ("extensions", {"geo": (52.5, 13.4)}, "extensions: geo"),
    ("extensions", {"local_shell": "on"}, "extensions: local_shell"),
    ("extensions", {"network_identity": True}, "extensions: network_identity"),
    ("extensions", {"network_identity": {"service": "iroh"}}, "extensions: network_identity"),
    ("connection_types", "wifi", "connection_types must be a list"),
    ("connection_types", {"wifi": 1}, "connection_types must be a list"),
    ("connection_types", [""], "connection_types: each"),
    ("connection_types", [1], "connection_types: each"),
    ("request_public_keys", "yes", "request_public_keys"),
    ("archive_folder", "", "archive_folder"),
    ("archive_folder", 5, "archive_folder"),
    ("extensions", {"logging": "yes"}, "extensions: logging"),
    ("extensions", {"mine": HealthProvider()}, "extensions: mine"),
    ("extensions", {"mine": Unversioned()}, "extensions: version of mine"),
    ("logger", print, "logger"),
    ("auto_confirm", 1, "auto_confirm"),
    ("auto_confirm", None, "auto_confirm"),
    ("allow_unverified", "yes", "allow_unverified"),
    ("clock", 5, "clock"),
    ("time", 5, "time"),
    ("random", 0.5, "random"),
    ("urandom", b"x", "urandom"),
    ("network_interface", "", "network_interface"),
    ("network_interface", None, "network_interface"),
    ("network_interface", 7, "network_interface"),
    ("wifi_ssid", b"net", "wifi_ssid"),
    ("wifi_password", 12345678, "wifi_password"),
]


@pytest.mark.parametrize(
    "name, value", [(name, value) for name, values in NUMBERS.items() for value in values]
)
def test_number_out_of_range_is_refused_by_name(name, value):
    with pytest.raises(ValueError, match=name + " must be a whole number from "):
        make(**{name: value})


@pytest.mark.parametrize("name, value, said", OTHERS)
def test_mistake_is_refused_by_name(name, value, said):
    with pytest.raises(ValueError) as raised:
        make(**{name: value})
    assert said in str(raised.value)


def test_an_option_that_does_not_exist_is_refused_by_name():
    with pytest.raises(TypeError, match="heartbeat'"):
        make(heartbeat=30)


@pytest.mark.parametrize("name", ["clock", "time", "random", "urandom"])
def test_none_is_the_machines_own_clock_and_randomness(name):
    with make(**{name: None}) as link:
        assert callable(getattr(link._config, name))


def test_mistake_never_shows_the_secret():
    with pytest.raises(ValueError) as raised:
        make(product_secret="hidden\x00value")
    assert "hidden" not in str(raised.value)


@pytest.mark.parametrize("key", ["uuid", "product", "architecture", "version", "platform"])
@pytest.mark.parametrize("value", [None, "", 7])
def test_firmware_meta_needs_each_of_its_five_texts(key, value):
    with pytest.raises(ValueError, match="firmware_meta needs " + key):
        make(firmware_meta=dict(META, **{key: value}))
    with pytest.raises(ValueError, match="firmware_meta.* needs " + key):
        make(firmware_meta=..., fwup_writer=RecordingWriter(meta=dict(META, **{key: value})))


@pytest.mark.parametrize("key", ["author", "description", "vcs_identifier", "misc"])
def test_further_firmware_meta_must_be_text_or_none(key):
    make(firmware_meta=dict(META, **{key: "text"})).deinit()
    make(firmware_meta=dict(META, **{key: None})).deinit()
    with pytest.raises(ValueError, match="firmware_meta: " + key):
        make(firmware_meta=dict(META, **{key: 7}))


@pytest.mark.parametrize("version", ["1.0.0", "0.1.10", "1.2.3-rc.1", "1.2.3+build", "1.2.3-a+b"])
def test_semver_is_taken(version):
    make(firmware_meta=dict(META, version=version)).deinit()


@pytest.mark.parametrize(
    "version", ["1", "1.0", "v1.0.0", "1.0.0.0", "1..0", "x", "1.0.b", "1.0. "]
)
def test_version_that_the_server_would_ignore_is_refused(version):
    with pytest.raises(ValueError, match="version must be like 1.2.3"):
        make(firmware_meta=dict(META, version=version))


def test_longest_back_off_must_not_be_less_than_the_shortest():
    with pytest.raises(ValueError, match="backoff_maximum is less than backoff_minimum"):
        make(backoff_minimum=10, backoff_maximum=9)


def test_without_any_credentials_both_kinds_are_named():
    with pytest.raises(ValueError) as raised:
        make(product_key=..., product_secret=...)
    for name in ("product_key", "product_secret", "device_cert", "device_key"):
        assert name in str(raised.value)


@pytest.mark.parametrize("missing", ["device_cert", "device_key"])
def test_certificate_and_key_belong_together(missing):
    options = {"device_cert": "/device.pem", "device_key": "/device.key", missing: ...}
    with pytest.raises(ValueError, match=missing + " is missing"):
        make(NoContext(), product_key=..., product_secret=..., ssl=True, **options)


def test_certificate_needs_tls():
    with pytest.raises(ValueError, match="device_cert needs ssl=True"):
        make(product_key=..., product_secret=..., device_cert="a", device_key="b")


def test_certificate_that_can_not_be_loaded_is_said(tmp_path):
    bad = tmp_path / "bad.pem"
    bad.write_text("this is no certificate")
    for path in (str(bad), str(tmp_path / "missing.pem")):
        with pytest.raises(ValueError, match="device_cert or device_key can't be loaded"):
            make(
                ssl.create_default_context(),
                product_key=...,
                product_secret=...,
                ssl=True,
                device_cert=path,
                device_key=path,
            )


def test_certificate_of_a_device_is_loaded_into_the_context(tmp_path):
    ca = ThrowawayCa(tmp_path)
    cert, key = ca.issue_device("dev-1")
    make(
        ca.client_context(),
        product_key=...,
        product_secret=...,
        identifier=...,
        ssl=True,
        device_cert=cert,
        device_key=key,
    ).deinit()


def test_identifier_may_have_blanks_and_letters_of_any_language():
    make(identifier="Gerät 7 im Keller").deinit()


def test_identifier_is_the_chips_unique_id_by_default(monkeypatch):
    chip = types.SimpleNamespace(cpu=types.SimpleNamespace(uid=bytes([0x0F, 0xA0])))
    monkeypatch.setitem(sys.modules, "microcontroller", chip)
    from nerveshub_link.config.settings import chip_id  # noqa: PLC0415

    assert chip_id() == "0fa0"
    make(identifier=...).deinit()


# settings.toml: on CPython, os.getenv reads the environment


@pytest.fixture
def environment(monkeypatch):
    for name, value in {
        "NERVESHUB_HOST": "hub.example",
        "NERVESHUB_PORT": "4000",
        "NERVESHUB_SSL": "0",
        "NERVESHUB_PRODUCT_KEY": "nhp_key",
        "NERVESHUB_PRODUCT_SECRET": "secret",
        "NERVESHUB_IDENTIFIER": "dev-1",
    }.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_name_of_a_network_may_be_any_text():
    with make(wifi_ssid="Caf\u00e9") as link:
        assert link._config.wifi_ssid == "Caf\u00e9"


def test_settings_make_a_link(environment):
    with NervesHubLink.from_settings(CPythonNetwork(), firmware_meta=META) as link:
        assert link.state == "waiting"
        assert (link._config.host, link._config.port, link._config.ssl) == (
            "hub.example",
            4000,
            False,
        )
        assert link._config.product_key == "nhp_key"
        assert link._config.product_secret == "secret"
        assert link._config.identifier == "dev-1"


def test_settings_pass_on_a_radio_that_can_be_brought_back(environment, monkeypatch):
    radio = Radio()
    # Which kind of board it is, the connection manager tells by the radio's class.
    monkeypatch.setattr(adafruit_connection_manager, "get_radio_socketpool", lambda radio: socket)
    monkeypatch.setattr(adafruit_connection_manager, "get_radio_ssl_context", lambda radio: None)
    with NervesHubLink.from_settings(radio, firmware_meta=META) as link:
        assert link._config.radio is radio
    with NervesHubLink.from_settings(CPythonNetwork(), firmware_meta=META) as link:
        assert link._config.radio is None


class Radio:
    enabled = connected = True
    ipv4_address = "10.0.0.7"

    def connect(self, ssid, password, timeout):
        raise AssertionError("it is connected")


class IllWriter(FwupWriter):
    def firmware_meta(self):
        raise OSError(5)


def test_writer_that_raises_at_construction_leaves_the_word_to_the_option():
    with make(fwup_writer=IllWriter(), firmware_meta=META) as link:
        assert link._config.known_meta == META


def test_writer_that_raises_at_construction_is_a_mistake_without_the_option():
    with pytest.raises(ValueError, match="^fwup_writer.firmware_meta\\(\\) raised OSError"):
        make(fwup_writer=IllWriter(), firmware_meta=None)


def test_options_win_over_settings(environment):
    with NervesHubLink.from_settings(
        CPythonNetwork(), firmware_meta=META, host="other.example", identifier="dev-2"
    ) as link:
        assert (link._config.host, link._config.identifier) == ("other.example", "dev-2")


@pytest.mark.parametrize(
    "value, expected",
    [("0", False), ("false", False), ("No", False), ("off", False), ("1", True), ("true", True)],
)
def test_ssl_setting_is_read_as_people_write_it(environment, value, expected):
    environment.setenv("NERVESHUB_SSL", value)
    with NervesHubLink.from_settings(CPythonNetwork(), firmware_meta=META) as link:
        assert link._config.ssl is expected


@pytest.mark.parametrize(("ssl", "port"), [(True, 443), (False, 80)])
def test_port_is_that_of_tls_or_of_plain_http_by_default(ssl, port):
    with make(Strict(), ssl=ssl, port=...) as link:
        assert link._config.port == port


@pytest.mark.parametrize("host", ["2001:db8::7", "[2001:db8::7]"])
def test_ipv6_address_is_taken_with_and_without_brackets(host):
    with make(host=host) as link:
        url = link._connection._url
        assert (url.host, url.authority) == ("2001:db8::7", "[2001:db8::7]:4000")


class Strict:
    """CPython's default context, as far as the link looks at it."""

    verify_mode = 2
    check_hostname = True


class Blind(Strict):
    verify_mode = 0
    check_hostname = False


class Anybody(Strict):
    check_hostname = False


@pytest.mark.parametrize(
    "context, ssl, said",
    [
        (None, False, "ssl=False: nothing is encrypted"),
        (Blind(), True, "ssl_context verifies no certificate"),
        (Anybody(), True, "ssl_context does not check the server's name"),
        (Strict(), True, ""),
        (NoContext(), True, ""),  # CircuitPython's has no such attributes, and always verifies
    ],
)
def test_connection_that_is_not_safe_is_said_in_the_log(context, ssl, said):
    log = Log()
    with make(context, ssl=ssl, logger=log):
        warnings = [text for level, text in log.lines if level == 30]
    assert len(warnings) == bool(said)
    assert said in log.text


def test_ssl_and_port_443_are_the_default(environment):
    environment.delenv("NERVESHUB_SSL")
    environment.setenv("NERVESHUB_PORT", "")
    with NervesHubLink.from_settings(CPythonNetwork(), firmware_meta=META) as link:
        assert (link._config.ssl, link._config.port) == (True, 443)


@pytest.mark.parametrize(
    "name, value, said",
    [
        ("NERVESHUB_HOST", "", "NERVESHUB_HOST is missing in settings.toml"),
        ("NERVESHUB_PORT", "https", "NERVESHUB_PORT must be a whole number"),
        ("NERVESHUB_PORT", "70000", "port must be a whole number"),
        ("NERVESHUB_PRODUCT_KEY", "", "product_key is missing"),
        ("NERVESHUB_PRODUCT_SECRET", "", "product_secret is missing"),
        ("NERVESHUB_DEVICE_CERT", "/device.pem", "exclude each other"),
    ],
)
def test_mistake_in_the_settings_is_said(environment, name, value, said):
    environment.setenv(name, value)
    with pytest.raises(ValueError) as raised:
        NervesHubLink.from_settings(CPythonNetwork(), firmware_meta=META)
    assert said in str(raised.value)


def test_a_ca_of_the_fleets_own_is_trusted_by_the_link_alone(environment, tmp_path):
    ca = ThrowawayCa(tmp_path)
    environment.setenv("NERVESHUB_CA", str(ca.path))
    network = CPythonNetwork()
    with NervesHubLink.from_settings(network, firmware_meta=META) as link:
        context = link._config.ssl_context
    assert "Test CA" in str(context.get_ca_certs())
    assert context.verify_mode == ssl.CERT_REQUIRED and context.check_hostname
    assert "Test CA" not in str(get_radio_ssl_context(network).get_ca_certs())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "ca.pem can't be read: "),
        ("", "holds no certificate in PEM form"),  # CircuitPython would verify nothing
        ("-----BEGIN PRIVATE KEY-----\n", "holds no certificate in PEM form"),
        ("-----BEGIN CERTIFICATE-----\nAAA", "holds no certificate in PEM form"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "can't be used: "),
    ],
)
def test_a_file_without_a_ca_raises_and_never_turns_the_verification_off(
    environment, tmp_path, content, said
):
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    environment.setenv("NERVESHUB_CA", str(path))
    with pytest.raises(ValueError, match="^NERVESHUB_CA: ") as raised:
        NervesHubLink.from_settings(CPythonNetwork(), firmware_meta=META)
    assert said in str(raised.value)


def test_setting_that_is_a_number_in_toml_is_a_number_here(monkeypatch, environment):
    values = {"NERVESHUB_HOST": "hub.example", "NERVESHUB_PORT": 4000, "NERVESHUB_SSL": 0}
    from nerveshub_link.config import settings  # noqa: PLC0415

    monkeypatch.setattr(settings.os, "getenv", values.get)
    assert settings.read_settings() == {"host": "hub.example", "port": 4000, "ssl": False}


@pytest.mark.parametrize("name", ["wifi_ssid", "wifi_password"])
def test_text_that_may_be_missing_may_be_none(name):
    make(**{name: None}).deinit()


def test_writer_that_overrides_nothing_leaves_everything_to_others():
    writer = FwupWriter()
    assert writer.fwup_check({"uuid": "new"}, True) is None
    assert writer.poll() is False
    assert writer.last_failure() is None
    assert writer.fwup_accepts(b"\xe9\x00\x00\x00", None) is True
    assert writer.installed == 0


@pytest.mark.parametrize("name", ["fwup_check", "poll", "last_failure", "fwup_accepts"])
def test_writer_without_one_of_its_methods_is_refused_by_name(name):
    writer = FwupWriter()
    setattr(writer, name, None)
    with pytest.raises(ValueError, match=name + r"\(\): derive it from FwupWriter"):
        make(fwup_writer=writer)
