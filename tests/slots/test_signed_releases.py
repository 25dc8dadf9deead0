# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""A device with public keys: what it takes, what it refuses, and what it keeps of the version."""

import sys
from types import SimpleNamespace

import pytest
from support import slots, update_bench
from support.applications import META, application, archive
from support.archives import feed
from support.desk import Desk
from support.desk import update as desk_update
from support.fakes import FakeClock
from support.machine import Machine
from support.signing import Signer

from nerveshub_link import AppSlotWriter
from nerveshub_link.errors import UpdateError
from nerveshub_link.release import ed25519
from nerveshub_link.slots import slot_file

OURS, SECOND, FOREIGN = Signer(1), Signer(2), Signer(3)
FILES = application(20_000)
SIGNED = archive(FILES, signer=OURS)
UNSIGNED = archive(FILES)
NEW = dict(META, uuid="new")


@pytest.fixture(name="machine")
def board(tmp_path, monkeypatch):
    """A prepared drive; the application in slot a runs, the other one holds an older release."""
    monkeypatch.delenv("NERVESHUB_PUBLIC_KEYS", raising=False)
    made = Machine(tmp_path)
    for slot, number in ("a", 2), ("b", 1):
        made.install(slot, {"code.py": "pass"}, number, **dict(META, uuid=slot, version="1.0.0"))
    made.remember(run="a", old="", trial=0)
    started(monkeypatch, "a")
    return made


def started(monkeypatch, slot):
    """The launcher has started an application, in a VM of its own."""
    monkeypatch.setattr(slot_file, "_open", {})
    monkeypatch.setitem(sys.modules, "nh_launcher", SimpleNamespace(slot=slot, armed=0))


def writer_on(machine, *keys, **options):
    keys = [key.text for key in keys or (OURS,)]
    return AppSlotWriter(machine.root, public_keys=keys, clock=FakeClock(), **options)


def update(writer, data, meta=NEW):
    """Returns how many calls it took to hand the archive over."""
    calls = 0
    writer.fwup_begin(len(data), meta)
    for at in range(0, len(data), 4096):
        calls += feed(writer.fwup_chunk, memoryview(data)[at : at + 4096])
    while writer.fwup_finish() is False:
        pass
    return calls


def refused(machine, writer, data):
    """The idle slot is as it was; returns why."""
    before = slots.path_of(machine.root, "b").read_bytes()
    with pytest.raises(UpdateError) as caught:
        update(writer, data)
    writer.fwup_abort()
    assert slots.path_of(machine.root, "b").read_bytes() == before
    assert machine.record["run"] == "a"
    return str(caught.value)


def test_a_release_with_a_signature_of_our_key_is_tried_at_the_next_start(machine):
    update(writer_on(machine), SIGNED)
    assert machine.power_on() == "b"
    assert machine.on_trial


def test_each_of_several_keys_counts_so_that_they_can_be_changed(machine):
    update(writer_on(machine, SECOND, OURS), SIGNED)
    assert machine.power_on() == "b"


def test_the_keys_of_settings_toml_count_for_the_rescue_application_too(machine, monkeypatch):
    monkeypatch.setenv("NERVESHUB_PUBLIC_KEYS", SECOND.text)
    started(monkeypatch, "")
    writer = AppSlotWriter(machine.root, clock=FakeClock())
    assert writer.public_keys == (SECOND.public,)
    before = slots.path_of(machine.root, "b").read_bytes()
    with pytest.raises(UpdateError, match="the signature is not by the key that this device"):
        update(writer, SIGNED)
    assert slots.path_of(machine.root, "b").read_bytes() == before


def test_a_wrong_key_raises_when_the_writer_is_made(machine):
    with pytest.raises(ValueError, match="^public_keys: each key must be the 44 characters of a"):
        AppSlotWriter(machine.root, public_keys=["greenhouse.pub"])


def test_an_unsigned_release_is_refused_before_anything_is_erased(machine):
    words = refused(machine, writer_on(machine), UNSIGNED)
    assert words == (
        "not signed, but this device accepts only signed releases: sign it with: nerveshub-link"
        " sign --key"
    )


def test_a_release_signed_by_another_key_is_refused_before_anything_is_erased(machine):
    data = archive(FILES, signer=FOREIGN)
    words = refused(machine, writer_on(machine), data)
    assert words.startswith("the signature is not by the key that this device was given: ")
    words = refused(machine, writer_on(machine, OURS, SECOND), data)
    assert words.startswith("the signature is not by one of the 2 keys that this device was given")


def test_nothing_is_believed_before_the_signature_was_checked(machine):
    # The release is for another device and has no room, and none of that is said.
    data = archive(FILES, {"platform": "other"}, signer=FOREIGN)
    assert refused(machine, writer_on(machine), data).startswith("the signature is not by")
    data = archive(FILES, {"platform": "other"}, signer=OURS)
    assert refused(machine, writer_on(machine), data).startswith("the release is for platform")


def test_a_device_without_keys_takes_signed_and_unsigned_ones(machine):
    writer = AppSlotWriter(machine.root, clock=FakeClock())
    assert writer.public_keys == ()
    update(writer, archive(FILES, signer=FOREIGN))
    writer.fwup_abort()
    update(writer, UNSIGNED)
    assert machine.power_on() == "b"


def test_the_signature_is_checked_in_slices_and_nothing_is_read_or_erased_meanwhile(machine):
    writer = writer_on(machine, SECOND, OURS)
    before = slots.path_of(machine.root, "b").read_bytes()
    bench = update_bench.Bench(
        update_bench.head(len(SIGNED)), SIGNED, writer=writer, chunk_size=4096
    )
    bench.offer(SIGNED)
    while not writer._install or not writer._install.busy:
        bench.step()
    left, slices = len(bench.transport.incoming), 0
    while writer._install._signed is not None:
        bench.step()
        slices += 1
        assert len(bench.transport.incoming) == left
        if writer._install._signed is not None:
            assert slots.path_of(machine.root, "b").read_bytes() == before
    assert slices > 30  # two keys
    bench.run()
    assert bench.statuses[-1] == update_bench.COMPLETED
    assert machine.power_on() == "b"


def test_heartbeats_go_on_while_a_signature_is_checked_however_long_a_slice_takes(
    machine, monkeypatch
):
    desk = Desk(fwup_writer=writer_on(machine), chunk_size=4096, heartbeat_interval=2)
    hub = desk.joined()
    real = ed25519.verification

    def slow(*args):
        for outcome in real(*args):
            desk.clock.advance(1000)
            yield outcome

    monkeypatch.setattr(ed25519, "verification", slow)
    hub.say(None, None, "device", "update", desk_update(SIGNED, NEW))
    desk.until(lambda: desk.peer is not hub and desk.peer.asked, 2)
    desk.peer.answer(200, body=SIGNED)
    beats = 0
    while not desk.client.named("reboot"):
        desk.wait(0.025)
        for frame in hub.heard():
            if frame[2] == "phoenix":
                hub.reply(frame[1], "phoenix")
                beats += 1
    assert beats >= 6
    assert desk.link.connected
    assert machine.power_on() == "b"


def test_a_refusal_is_told_to_the_server_with_its_reason(machine):
    data = archive(FILES, signer=FOREIGN)
    bench = update_bench.Bench(
        update_bench.head(len(data)), data, writer=writer_on(machine), chunk_size=4096
    )
    bench.offer(data).run()
    told = bench.statuses[-1]
    assert told["status"] == "failed"
    assert "the signature is not by the key that this device was given" in told["reason"]


# min-version


def confirm(machine, monkeypatch, slot):
    """The release on trial runs and is confirmed."""
    assert machine.power_on() == slot
    started(monkeypatch, slot)
    writer = writer_on(machine)
    writer.fwup_confirm()
    return writer


def release(version, lowest=None):
    more = {} if lowest is None else {"min_version": lowest}
    return archive(FILES, {"version": version}, OURS, **more)


def test_no_release_below_a_min_version_is_taken_once_its_release_was_confirmed(
    machine, monkeypatch
):
    update(writer_on(machine), release("1.5.0", "1.4.0"))
    assert machine.record["soon"] == "1.4.0" and "min" not in machine.record
    writer = confirm(machine, monkeypatch, "b")
    assert machine.record["min"] == "1.4.0" and "soon" not in machine.record
    before = slots.path_of(machine.root, "a").read_bytes()
    with pytest.raises(UpdateError) as caught:
        update(writer, release("1.3.9"))
    words = "version 1.3.9 is older than 1.4.0, the lowest that this device accepts"
    assert str(caught.value) == words
    writer.fwup_abort()
    assert slots.path_of(machine.root, "a").read_bytes() == before
    update(writer, release("1.4.0"))
    confirm(machine, monkeypatch, "a")
    assert machine.record["min"] == "1.4.0"


def test_a_min_version_only_rises(machine, monkeypatch):
    update(writer_on(machine), release("1.5.0", "1.4.0"))
    writer = confirm(machine, monkeypatch, "b")
    update(writer, release("1.6.0", "1.2.0"))
    writer = confirm(machine, monkeypatch, "a")
    assert machine.record["min"] == "1.4.0"
    update(writer, release("1.11.0", "1.10.0"))
    confirm(machine, monkeypatch, "b")
    assert machine.record["min"] == "1.10.0"


def test_the_min_version_of_a_release_that_failed_does_not_count(machine, monkeypatch):
    update(writer_on(machine), release("1.5.0", "1.5.0"))
    for _ in range(3):
        machine.power_on()  # it loses power each time, and then the old one runs
    assert machine.power_on() == "a"
    started(monkeypatch, "a")
    writer = writer_on(machine)
    assert writer.firmware_auto_reverted()
    writer.fwup_confirm()
    assert "min" not in machine.record
    update(writer, release("1.4.0"))
    assert machine.power_on() == "b"
    assert "soon" not in machine.record


def test_a_min_version_that_is_not_signed_does_not_count(machine, monkeypatch):
    writer = AppSlotWriter(machine.root, clock=FakeClock())
    update(writer, archive(FILES, {"version": "1.5.0"}, min_version="1.5.0"))
    assert "soon" not in machine.record
    machine.remember(**dict(machine.record, min="9.0.0"))
    assert machine.power_on() == "b"
    started(monkeypatch, "b")
    writer = AppSlotWriter(machine.root, clock=FakeClock())
    writer.fwup_confirm()
    update(writer, archive(FILES))
    assert machine.record["min"] == "9.0.0"  # it is kept until there are keys again
