# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Secrets of the device stay on it, whichever text holds one, and wherever that text is cut."""

import json
import sys
import types

import pytest
from support.desk import META, SECRET, Desk, RecordingWriter, update
from support.fakes import FakeClock
from support.machine import Machine

from nerveshub_link import AppSlotWriter, BoardHealth, Extension, Geo, ignore
from nerveshub_link.common.brief import mask_cut
from nerveshub_link.common.known_secrets import keep_secret, keep_secrets
from nerveshub_link.errors import describe, mask

WIFI = "correct horse battery staple 0123456"


@pytest.fixture(autouse=True)
def settings(monkeypatch):
    """settings.toml of the device, which is the environment on CPython."""
    monkeypatch.setenv("CIRCUITPY_WIFI_PASSWORD", WIFI)


def told(desk, events):
    """All that somebody may have read: the server, of the log, the application's callbacks."""
    return "\n".join(
        [json.dumps(events), desk.log.text, str(desk.link.last_error), str(desk.client.heard)]
    )


# Which texts are secrets


def options(**given):
    names = "product_key product_secret wifi_password".split()
    return types.SimpleNamespace(**{name: given.get(name) for name in names})


@pytest.mark.parametrize("name", ["product_key", "product_secret", "wifi_password"])
def test_a_secret_option_is_masked(name):
    keep_secrets(options(**{name: "s3cret-0ption"}))
    assert mask("before s3cret-0ption after") == "before *** after"


@pytest.mark.parametrize(
    "name",
    [
        "CIRCUITPY_WIFI_PASSWORD",
        "CIRCUITPY_WEB_API_PASSWORD",
        "NERVESHUB_PRODUCT_SECRET",
        "NERVESHUB_PRODUCT_KEY",
    ],
)
def test_a_secret_setting_is_masked_though_no_option_holds_it(name, monkeypatch):
    monkeypatch.setenv(name, "s3cret-setting")
    keep_secrets(options())
    assert mask("is s3cret-setting") == "is ***"


def test_on_a_board_every_setting_is_masked_whose_name_says_that_it_is_a_secret(
    monkeypatch, tmp_path
):
    values = {
        "MQTT_PASSWORD": "mqtt-word",
        "AIO_KEY": "aio_0123",
        "api_token": "tok-tok-tok",
        "NERVESHUB_PUBLIC_KEYS": "public-keys",
        "NERVESHUB_DEVICE_KEY": "/device.key",
        "KEYBOARD_LAYOUT": "german",
        "# OLD_SECRET": "in a comment",
        "CIRCUITPY_WIFI_SSID": "the-house",
        "PIN_SECRET": 12345678,
    }
    lines = ["%s = %s" % (name, json.dumps(values[name])) for name in values]
    (tmp_path / "settings.toml").write_bytes("\r\n".join(lines).encode() + b"\r\n\xff = broken\n")
    monkeypatch.setattr(
        "nerveshub_link.common.known_secrets._SETTINGS", str(tmp_path / "settings.toml")
    )
    # As on a board, where os has no environ and getenv reads the file.
    monkeypatch.setattr(
        "nerveshub_link.common.known_secrets.os", types.SimpleNamespace(getenv=values.get)
    )
    keep_secrets(options())
    for value in values.values():
        hidden = value in ("mqtt-word", "aio_0123", "tok-tok-tok", 12345678)
        assert (mask(str(value)) == "***") == hidden, value


def test_a_setting_that_a_board_can_not_read_does_no_harm(monkeypatch):
    def getenv(name):
        raise ValueError("invalid syntax for integer")  # CircuitPython 10.1 for a bare word

    monkeypatch.setattr(
        "nerveshub_link.common.known_secrets.os", types.SimpleNamespace(getenv=getenv)
    )
    keep_secrets(options(product_secret="s3cret-0ption"))
    assert mask("s3cret-0ption") == "***"


def test_what_is_too_short_is_no_secret_and_leaves_texts_whole():
    keep_secrets(options(wifi_password="1"))
    keep_secret("abcde")
    assert mask("11 abcde 1") == "11 abcde 1"


def test_a_secret_within_another_leaves_nothing_of_the_longer_one():
    for text in ("hunter2", "hunter2-and-more", "not-hunter2"):
        keep_secret(text)
    assert mask("hunter2-and-more, not-hunter2, hunter2") == "***, ***, ***"


@pytest.mark.parametrize(
    "secret", ['it\'s "quoted"', "back\\slash", "schlüssel-wörter", "tab\there"]
)
def test_a_secret_is_recognised_in_a_repr_and_in_json(secret):
    keep_secrets(options(wifi_password=secret))
    for text in (secret, repr({"a": secret}), json.dumps([secret]), str(ValueError("no", secret))):
        assert "***" in mask(text)
        assert secret[-5:] not in mask(text)
        assert secret[:5] not in mask(text)


# Cut texts


@pytest.mark.parametrize("before", [0, 150, 165, 190, 199, 780, 795])
def test_a_text_is_masked_before_it_is_cut(before):
    keep_secret(WIFI)
    shown = describe(ValueError("x" * before + WIFI))
    assert WIFI[:4] not in shown
    assert "ValueError: xxx" in shown or "***" in shown


def test_a_text_whose_beginning_was_cut_within_a_secret_shows_nothing_of_it():
    keep_secret(WIFI)
    for cut in range(len(WIFI) - 3):
        assert mask_cut(WIFI[cut:] + " and " + WIFI) == "*** and ***"
    assert mask_cut("and more") == "and more"


def test_the_line_of_a_log_is_masked_before_it_is_cut():
    desk = Desk(extensions={"logging": True})
    peer = desk.attach("logging")
    desk.link.log("info", "x" * (1000 - 34) + WIFI)
    desk.wait(1)
    (line,) = [value for event, value in peer.events("extensions") if event == "logging:send"]
    assert line["message"] == "x" * (1000 - 34) + "***"


def test_the_traceback_of_the_run_before_is_masked_before_it_is_cut(monkeypatch):
    found = "Traceback:\r\n" + WIFI + "y" * 960
    module = types.SimpleNamespace(get_previous_traceback=lambda: found)
    monkeypatch.setitem(sys.modules, "supervisor", module)
    desk = Desk(extensions={"logging": True})
    peer = desk.attach("logging")
    desk.wait(1)
    (line,) = [value for event, value in peer.events("extensions") if event == "logging:send"]
    assert line["message"].endswith("***" + "y" * 960)
    assert WIFI[-10:] not in line["message"]


# Every way out


def test_an_error_with_a_secret_reaches_neither_log_nor_last_error():
    class Radio:
        enabled = connected = True
        ipv4_address = "10.0.0.7"

        def connect(self, *args, **options):
            raise ValueError("connect(%r, %r)" % args)

    radio = Radio()
    radio.connected = False
    desk = Desk(radio=radio, wifi_ssid="home")
    desk.wait(5)
    assert "connect('home', '***')" in desk.link.last_error
    assert "connect('home', '***')" in desk.log.text
    assert WIFI not in told(desk, [])


def test_a_line_of_the_application_is_masked_for_its_logger_too():
    desk = Desk()
    desk.link.log("error", "joining with " + WIFI)
    assert desk.log.lines[-1] == (40, "joining with ***")


@pytest.mark.parametrize("secret", [WIFI, SECRET])
def test_a_failed_update_tells_no_secret(secret):
    writer = RecordingWriter("fwup_chunk")
    writer.error = OSError("%s%s" % ("z" * 140, secret))
    desk = Desk(fwup_writer=writer)
    peer = desk.joined()
    peer.say(None, None, "device", "update", update(b"image"))
    files = desk.connect()
    desk.serve(files, b"image")
    desk.wait(1)
    events = peer.events()
    (failed,) = [value for _, value in events if value.get("status") == "failed"]
    assert "zzz***" in failed["reason"]
    assert secret[:8] not in told(desk, events)


def test_a_decision_of_the_application_tells_no_secret():
    desk = Desk(fwup_writer=RecordingWriter())
    desk.client.decision = ignore("not with " + WIFI)
    peer = desk.joined()
    peer.say(None, None, "device", "update", update(b"image"))
    desk.wait(1)
    events = peer.events()
    (ignored,) = [value for _, value in events if value.get("status") == "ignored"]
    assert ignored["reason"] == "not with ***"
    assert WIFI not in told(desk, events)


def test_a_health_report_tells_no_secret():
    class Leaky(BoardHealth):
        def health_check(self):
            checks = {"wifi": (False, "refused: " + WIFI)}
            return {"metadata": {"password": WIFI}, "metrics": {"a": 1}, "checks": checks}

    provider = Leaky()
    provider.set_alarm("wifi", "bad password " + WIFI)
    desk = Desk(extensions={"health": provider})
    desk.attach("health")
    ((_, report),) = desk.ask("health:check")
    assert report["value"] == {
        "metrics": {"a": 1},
        "metadata": {"password": "***"},
        "alarms": {"wifi": "bad password ***"},
        "checks": {"wifi": {"pass": False, "note": "refused: ***"}},
    }


def test_a_place_and_an_identity_tell_no_secret():
    def place():
        return {"error_code": "NONE", "error_description": "asked with " + WIFI}

    identity = {"service": "wireguard", "identifier": "x", "details": {"psk": ["is " + WIFI]}}
    desk = Desk(extensions={"geo": Geo(place), "network_identity": [identity]})
    desk.attach("geo", "network_identity")
    ((_, found),) = desk.ask("geo:location:request")
    assert found == {"error_code": "NONE", "error_description": "asked with ***"}
    ((_, found),) = desk.ask("network_identity:request")
    assert found["identities"][0]["details"] == {"psk": ["is ***"]}


def test_an_extension_of_the_application_tells_no_secret_and_its_error_neither():
    class Mine(Extension):
        def handle_event(self, event, payload):
            if event == "raise":
                raise ValueError("with " + WIFI)
            return "said", {"deep": [{"text": WIFI}, 1]}

    desk = Desk(extensions={"mine": Mine()})
    desk.attach("mine")
    assert desk.ask("mine:say") == [("mine:said", {"deep": [{"text": "***"}, 1]})]
    assert desk.ask("mine:raise") == [("mine:error", {"reason": "ValueError: with ***"})]


def test_the_end_of_a_traceback_that_the_boot_guard_kept_tells_no_secret(tmp_path, monkeypatch):
    machine = Machine(tmp_path)
    machine.install("a", {"code.py": ""}, number=1, **META)
    machine.remember(run="a", old="b", trial=0, crashes=4, tb=WIFI[2:] + ": no such network")
    launcher = types.SimpleNamespace(slot="a", armed=0)
    monkeypatch.setitem(sys.modules, "nh_launcher", launcher)
    writer = AppSlotWriter(machine.root, clock=FakeClock())
    Desk(fwup_writer=writer)
    assert writer.last_failure() == "***: no such network"


def test_an_operator_who_prints_a_secret_reads_it():
    # He runs code on the device: masking what that prints would promise what it can't hold.
    desk = Desk(extensions={"local_shell": True})
    desk.attach("local_shell")
    ((_, value),) = desk.ask("local_shell:shell_input", {"data": WIFI})
    assert value == {"data": WIFI}
