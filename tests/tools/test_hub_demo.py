# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""The demonstration and the simulated device: the real library in processes of their own."""

import contextlib
import hashlib
import io
import queue
import re

import hub_replay
import pytest
from nerveshub_tools import board_slots, demo_application, simulated_board
from nerveshub_tools import demo as demo_module
from nerveshub_tools.ca import Authority
from nerveshub_tools.demo import STEPS, Demo, Release
from nerveshub_tools.hub import Hub
from nerveshub_tools.server import HubThread
from nerveshub_tools.simulated_device import FACTORY, SimulatedDevice
from nerveshub_tools.tls import ServerTls
from rich.console import Console
from support import slots

assert hub_replay  # it puts the tools of the working tree on the path
NEW = {**FACTORY, "uuid": "00000000-0000-4000-8000-000000000002", "version": "2.0.0"}
TIMEOUT = 30


class Events(queue.Queue):
    def until(self, name, **fields):
        """The first event of this name and with these fields."""
        while True:
            event = self.get(timeout=TIMEOUT)
            if event["event"] == name and fields.items() <= event.items():
                return event


@contextlib.contextmanager
def simulated(hub, folder, **options):
    events = Events()
    given = {"identifier": "dev", "host": "localhost", "port": hub.port, "confirm_after": 1}
    secret = {"product_key": hub.product_key, "product_secret": hub.product_secret}
    if "device_cert" not in options:
        given.update(secret)
    with SimulatedDevice(folder, events.put, **{**given, **options}) as device:
        yield device, events


def play(**options):
    output = io.StringIO()
    code = Demo(Console(file=output, width=200), size=5000, rate=None, **options).run()
    return code, output.getvalue()


def swap_files(_, board):
    # Both slots: whole, and not what was pushed.
    for slot in "ab":
        meta = board_slots.examine(slots.path_of(board.drive, slot)).header.meta
        files = {"code.py": "", "assets.bin": "", "lib/greeting/__init__.py": ""}
        slots.install(board.drive, slot, files, **meta)


def run_another(hub, _):
    with hub.changing():
        hub._devices[demo_module.IDENTIFIER].meta = {"uuid": "another"}


def take_the_confirmation_back(hub, _):
    with hub.changing():
        hub._devices[demo_module.IDENTIFIER].validation = "not_validated"


# What may be wrong in the end, and what the demonstration says of it.
WRONG = (
    (swap_files, r"assets\.bin is not the one that was pushed"),
    (lambda _, board: slots.tear(board.drive, "a"), "a slot is not whole: .*"),
    (run_another, "the hub believes it runs another, validated"),
    (take_the_confirmation_back, "the hub believes it runs .*, not_validated"),
    (lambda hub, _: hub.refuse("something"), "the real server would have refused: something"),
)


def meddle_with_all(check, hub, board):
    """Make one thing wrong after the other, look what is said of it, and put it right again."""
    said = []
    for meddle, _ in WRONG:
        device = hub._devices[demo_module.IDENTIFIER]
        kept = dict(device.meta), device.validation, list(hub.violations)
        images = [
            (path, path.read_bytes()) for path in (slots.path_of(board.drive, s) for s in "ab")
        ]
        meddle(hub, board)
        try:
            check(hub, board)
            said.append("nothing")
        except demo_module.Failed as failure:
            said.append(str(failure))
        with hub.changing():
            device.meta, device.validation = kept[:2]
            hub.violations[:] = kept[2]
        for path, data in images:
            path.write_bytes(data)
    return said


def test_demo_shows_every_step_in_order_succeeds_and_would_notice_what_is_wrong_in_the_end(
    monkeypatch,
):
    # One run for all: it takes some seconds.
    said = []
    check = Demo._check

    def look(self, hub, board):
        said.extend(meddle_with_all(lambda *world: check(self, *world), hub, board))
        check(self, hub, board)

    monkeypatch.setattr(Demo, "_check", look)
    code, output = play()
    assert code == 0, output
    assert re.findall(r"\d s  ([a-z]+(?: back)?) ", output) == list(STEPS)
    assert output.count("100 %") == 1
    assert output.count("refused      fwup_chunk: the signature is not by") == 1
    saved = re.findall(
        r"saved +([\d,]+) of ([\d,]+) bytes travelled \(\d+ %\): the rest was", output
    )
    assert len(saved) == 2
    assert output.count("RuntimeError: the sensor of version 1.2.0 does not answer") == 4
    assert STEPS.count("crashed") == 3
    assert output.splitlines()[-1] == "The board runs its newest release."
    unlike = [
        (words, told) for (_, words), told in zip(WRONG, said) if not re.fullmatch(words, told)
    ]
    assert unlike == []
    assert len(said) == len(WRONG)


def pushed(tmp_path, nature):
    """A demonstration in which a release of 1,000 bytes was pushed."""
    demo = Demo(Console(file=io.StringIO()))
    archive = tmp_path / "x.fw"
    archive.write_bytes(bytes(1000))
    demo._pushed = Release("1.1.1", nature, archive=archive, uuid="new")
    demo._drive = tmp_path
    for path in map(board_slots.path_of, board_slots.SLOTS):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_bytes(b"slot")
    demo._slots = demo._read_slots()
    return demo


def test_demo_fails_when_a_forged_release_runs_or_leaves_something_or_is_refused_for_another_reason(
    tmp_path,
):
    demo = pushed(tmp_path, "is signed with another key")
    runs = {"nerves_fw_uuid": "new", "nerves_fw_version": "1.1.1", "meta": {}}
    with pytest.raises(demo_module.Failed, match="the board came back on new"):
        demo._joined(None, runs)
    with pytest.raises(demo_module.Failed, match="refuses a forged release, but says too long"):
        demo._status(None, {"status": "failed", "reason": "too long"})
    (tmp_path / board_slots.path_of("b")).write_bytes(b"else")
    with pytest.raises(demo_module.Failed, match="has left something in a slot"):
        demo._status(None, {"status": "failed", "reason": "the signature is not by the key"})


def test_demo_fails_when_what_was_there_travels_all_the_same(tmp_path):
    demo, hub = pushed(tmp_path, "is well"), Hub()
    hub.downloads.begin("new", None, 200, 0).sent = 501
    with pytest.raises(demo_module.Failed, match="501 of 1,000 bytes travelled, and most of it"):
        demo._saved(hub)
    hub.downloads.entries[0].sent = 28
    assert demo._saved(hub).startswith("28 of 1,000 bytes travelled (3 %)")


def test_demo_fails_when_an_archive_is_not_what_was_announced(monkeypatch):
    # It tries a second time, and need not wait long for that here.
    patient = demo_application._CODE
    hasty = patient.replace("confirm_after=1", "confirm_after=1, retry_delay=1")
    assert hasty != patient
    monkeypatch.setattr(demo_application, "_CODE", hasty)
    code, output = play(tweaks={"checksum": "0" * 64})
    assert code == 1
    assert "failed: the board reports" in output
    assert "rebooting" not in output


def test_demo_fails_when_it_takes_too_long():
    code, output = play(timeout=0)
    assert code == 1
    assert "'connected' did not happen within 0 s" in output


def test_demo_fails_when_the_good_release_crashes(monkeypatch):
    monkeypatch.setattr(
        demo_module, "write", lambda *words: demo_application.write(*words[:2], True, *words[3:])
    )
    code, output = play()
    assert code == 1
    assert "failed: the application crashed: RuntimeError: the sensor of version 1.0.0" in output


def test_demo_fails_when_the_bad_release_is_kept(monkeypatch):
    monkeypatch.setattr(
        demo_module, "write", lambda *words: demo_application.write(*words[:2], False, *words[3:])
    )
    code, output = play()
    assert code == 1
    assert re.search(r"failed: the board came back on \S+ \(version 1\.2\.0\)", output)


def test_demo_fails_when_the_board_does_not_tell_that_it_went_back(monkeypatch):
    def silent(folder, **options):
        real = simulated_board.make_drive(folder, **options)
        writer = real / "lib" / "nerveshub_link" / "slots" / "app_slot_writer.py"
        source = writer.read_text()
        assert 'return bool(self._state.get("rev"))' in source
        writer.write_text(source.replace('bool(self._state.get("rev"))', "False"))

    monkeypatch.setattr(demo_module, "make_drive", silent)
    code, output = play()
    assert code == 1
    assert "and does not say why" in output


def test_simulated_device_updates_over_plain_http_and_keeps_its_image(tmp_path):
    image = bytes(range(256)) * 100
    with HubThread() as hub, simulated(hub, tmp_path, ssl=False) as (device, events):
        hub.add_firmware(image, NEW)
        hub.wait(lambda hub: hub.device("dev").joined, TIMEOUT)
        hub.push_update("dev", NEW["uuid"])
        events.until("verified")
        events.until("reboot")
        assert events.until("boot")["uuid"] == NEW["uuid"]
        hub.wait(lambda hub: hub.device("dev").meta["uuid"] == NEW["uuid"], TIMEOUT)
        hub.wait(lambda hub: hub.device("dev").validated, TIMEOUT)
        events.until("confirmed")
        assert hub.device("dev").interface == "wlan0"
        hub.wait(lambda hub: hub.device("dev").health, TIMEOUT)
        assert hub.device("dev").health[0]["metrics"]["uptime_seconds"] > 0
        assert not hub.violations
        assert not hub.dropped
    assert hashlib.sha256(device.image.read_bytes()).digest() == hashlib.sha256(image).digest()


def test_simulated_device_boots_again_when_told_to_and_shows_itself(tmp_path):
    with HubThread() as hub, simulated(hub, tmp_path, ssl=False) as (_, events):
        hub.wait(lambda hub: hub.device("dev").joined, TIMEOUT)
        hub.identify("dev")
        events.until("identify")
        hub.reboot("dev")
        events.until("reboot")
        hub.wait(lambda hub: hub.device("dev").connections == 2, TIMEOUT)
        assert ("device", "rebooting", {}) in hub.device("dev").events


def test_simulated_device_comes_in_by_its_certificate(tmp_path):
    authority = Authority(tmp_path / "ca")
    tls = ServerTls(*authority.server(), client_ca=authority.cert)
    cert, key = authority.client("by-certificate")
    options = {"ca": authority.cert, "device_cert": cert, "device_key": key}
    with HubThread(tls=tls) as hub, simulated(hub, tmp_path / "dev", **options):
        hub.wait(lambda hub: hub.device("by-certificate").joined, TIMEOUT)
        assert not hub.violations


def test_simulated_device_does_not_talk_to_a_hub_that_it_has_no_reason_to_trust(tmp_path):
    authority, other = Authority(tmp_path / "ca"), Authority(tmp_path / "other")
    tls = ServerTls(*authority.server())
    with HubThread(tls=tls) as hub, simulated(hub, tmp_path / "dev", ca=other.cert) as (_, events):
        text = ""
        while "certificate" not in text:
            text = (events.until("state")["error"] or "").lower()
        assert not hub.requests


def test_simulated_device_says_what_is_wrong_with_its_options(tmp_path):
    with HubThread() as hub, simulated(hub, tmp_path, ssl=False, host="a b") as (_, events):
        assert "host" in events.until("fatal")["text"]
        assert events.until("exit")["code"] == 1


@pytest.mark.parametrize("number", range(2))
def test_simulated_device_can_be_switched_off_at_once(tmp_path, number):
    with HubThread() as hub, simulated(hub, tmp_path, ssl=False):
        if number:
            hub.wait(lambda hub: hub.device("dev").connected, TIMEOUT)
