# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Errors between the network and the writer, Ctrl-C anywhere, and failing reports: the image is
installed completely or not at all, and a report never affects the update.
"""

import hashlib
from types import SimpleNamespace

import pytest
from support.desk import Desk, RecordingClient, RecordingWriter, update
from support.fakes import END
from support.update_bench import (
    COMPLETED,
    IMAGE,
    RECEIVED,
    STARTED,
    UUID,
    Bench,
    Tries,
    failed,
    head,
    served,
)

from nerveshub_link.update import image_check, image_download, offer_check
from nerveshub_link.update import manager as updates
from nerveshub_link.update import reports as update_reports

SIZE = len(IMAGE)
BEGIN_AGAIN = ["fwup_begin", "fwup_abort", "fwup_begin", "fwup_finish"]


class Striking:
    """
    A function in front of another one that raises at its k-th call.

    :param int first: the call, from 1 on; 0 for none
    :param bool after: call the other one before raising
    """

    def __init__(self, function, first, error, after=False):
        self._function = function
        self._left = first
        self._error = error
        self._after = after
        self.calls = 0

    def __call__(self, *args):
        self.calls += 1
        strikes = self.calls == self._left
        if strikes and not self._after:
            raise self._error
        result = self._function(*args)
        if strikes:
            raise self._error
        return result


def tries(*answers, **options):
    return Bench(transport=Tries(*answers), download_retries=10, **options)


def assert_whole(bench):
    """Exactly the image was installed, in one go from the last ``fwup_begin`` on."""
    last = max(at for at, call in enumerate(bench.writer.heard) if call[0] == "fwup_begin")
    bench.writer.heard = bench.writer.heard[last:]
    assert bench.writer.image == IMAGE
    assert bench.written[-1] == "fwup_finish" and "fwup_abort" not in bench.written
    assert bench.statuses[-1] == COMPLETED
    assert bench.client.named("fwup_error") == []
    assert bench.actions == ["reboot"]


# Between the network and the writer


class StrikingHash:
    """SHA-256 whose k-th call of one method raises, half-way."""

    def __init__(self, monkeypatch, method, k, error):
        self.left = k
        outer = self

        class Hash:
            def __init__(self):
                self._hash = hashlib.sha256()

            def update(self, data):
                self._hash.update(data)
                outer.strike("update", method, error)

            def digest(self):
                outer.strike("digest", method, error)
                return self._hash.digest()

        monkeypatch.setattr(image_check, "hashlib", SimpleNamespace(new=lambda name: Hash()))

    def strike(self, called, method, error):
        if called == method:
            self.left -= 1
            if not self.left:
                raise error


@pytest.mark.parametrize("k", [1, 7, 20])
@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("pystack exhausted"), OSError(5)])
def test_error_behind_the_hashing_starts_from_zero(monkeypatch, k, error):
    StrikingHash(monkeypatch, "update", k, error)
    bench = tries(served()).offer().run(100)
    assert [name for name in bench.written if name != "fwup_chunk"] == BEGIN_AGAIN
    assert bench.transport.ranges == [None, None]
    assert_whole(bench)


def test_no_memory_for_the_digest_of_the_last_part_starts_from_zero(monkeypatch):
    # The part's bytes are all hashed then, and the writer has not got the last ones.
    monkeypatch.setattr(image_check, "_PART", 1000)
    parts = [hashlib.sha256(IMAGE[at : at + 1000]).hexdigest() for at in (0, 1000)]
    StrikingHash(monkeypatch, "digest", 2, MemoryError())
    bench = tries(served()).offer(partials_checksums=parts).run(100)
    assert [name for name in bench.written if name != "fwup_chunk"] == BEGIN_AGAIN
    assert_whole(bench)


def test_no_memory_for_the_digest_of_the_whole_starts_from_zero(monkeypatch):
    StrikingHash(monkeypatch, "digest", 1, MemoryError())
    bench = tries(served()).offer().run(100)
    assert bench.transport.ranges == [None, None]
    assert_whole(bench)


@pytest.mark.parametrize("k", [1, 5, 20])
def test_error_in_front_of_the_writers_call_starts_from_zero(k):
    class Writer(RecordingWriter):
        asked = 0

        @property
        def blocks_next(self):
            # Asked twice before each chunk: by the step before the network's, and by the chunk's.
            self.asked += 1
            if self.asked == k:
                raise MemoryError
            return 0

    bench = tries(served(), writer=Writer()).offer().run(100)
    assert_whole(bench)


def test_errors_between_network_and_writer_without_end_are_a_failure_after_three_starts(
    monkeypatch,
):
    class Broken:
        def update(self, data):
            raise MemoryError

    monkeypatch.setattr(image_check, "hashlib", SimpleNamespace(new=lambda name: Broken()))
    bench = tries(served()).offer().run(100)
    assert bench.statuses == [RECEIVED, STARTED, failed("download: MemoryError")]
    assert len(bench.transport.opened) == 3
    assert "fwup_chunk" not in bench.written


def test_bytes_count_when_the_writer_has_taken_them():
    counts = []

    class Writer(RecordingWriter):
        def fwup_chunk(self, data):
            counts.append((bench.manager._image.loader.received, len(self.image)))
            super().fwup_chunk(data)

    bench = Bench(*served(), writer=Writer())
    bench.offer().run()
    assert counts == [(at, at) for at in range(0, SIZE, 100)]


def messages():
    """How many messages a whole update makes on the bench."""
    return len(Bench(*served()).offer().run(500).heard)


# Ctrl-C, a reload, the end of the program

INTERRUPTS = [KeyboardInterrupt(), SystemExit(), GeneratorExit()]


def interrupted(bench, error):
    """Step until the interrupt comes through."""
    with pytest.raises(type(error)):
        bench.run(100)
    assert bench.manager.state == updates.IDLE
    assert not bench.manager.active
    assert "fwup_finish" not in bench.written
    assert not bench.transport.is_open
    heard = list(bench.heard)
    for _ in range(5):
        bench.step(1000)
    assert bench.heard == heard and bench.actions == []
    assert bench.join() is None  # so the server drops its row, and offers the update again


@pytest.mark.parametrize("error", INTERRUPTS)
@pytest.mark.parametrize("k", [1, 19, 20])
def test_interrupt_in_the_hash_aborts_the_update_and_passes(monkeypatch, error, k):
    StrikingHash(monkeypatch, "update", k, error)
    bench = tries(served()).offer()
    interrupted(bench, error)
    assert bench.written[-1] == "fwup_abort"
    bench.writer.heard.clear()
    bench.transport.tries = [served()]
    bench.offer().run(100)
    assert_whole(bench)


@pytest.mark.parametrize("error", INTERRUPTS)
@pytest.mark.parametrize("name", ["fwup_begin", "fwup_chunk"])
def test_interrupt_in_the_writer_aborts_the_update_and_passes(error, name):
    writer = RecordingWriter(name)
    writer.error = error
    bench = tries(served(), writer=writer).offer()
    interrupted(bench, error)
    assert bench.written[-2:] == [name, "fwup_abort"]
    writer.raising.clear()
    bench.transport.tries = [served()]
    bench.offer().run(100)
    assert_whole(bench)


@pytest.mark.parametrize("name", ["fwup_progress", "handle_blocking"])
@pytest.mark.parametrize("error", INTERRUPTS)
def test_interrupt_in_a_callback_aborts_the_update_and_passes(error, name):
    client = RecordingClient(name)
    client.error = error
    interrupted(tries(served(), client=client).offer(), error)


@pytest.mark.parametrize("error", INTERRUPTS)
def test_interrupt_while_the_application_decides_passes_and_begins_nothing(error):
    client = RecordingClient("update_available")
    client.error = error
    bench = tries(served(), client=client)
    with pytest.raises(type(error)):
        bench.offer()
    assert (bench.manager.state, bench.transport.opened) == (updates.IDLE, [])
    assert bench.join() is None


def test_interrupt_in_the_abort_of_an_interrupted_update_leaves_nothing_that_goes_on():
    writer = RecordingWriter("fwup_chunk", "fwup_abort")
    writer.error = KeyboardInterrupt()
    bench = tries(served(), writer=writer).offer()
    with pytest.raises(KeyboardInterrupt):
        bench.run(100)
    assert bench.manager.state == updates.IDLE
    for _ in range(5):
        bench.step(1000)
    assert bench.written.count("fwup_chunk") == 1


def test_interrupt_after_the_installation_does_not_undo_it():
    bench = Bench(*served())
    bench.manager._reports._push = Striking(bench.push, messages(), KeyboardInterrupt())
    bench.offer()
    with pytest.raises(KeyboardInterrupt):
        bench.run(500)
    bench.run(500)
    assert bench.actions == ["reboot"]
    assert "fwup_abort" not in bench.written


# What is said never changes what is done


@pytest.mark.parametrize("error", [MemoryError(), OSError(12), RuntimeError("pystack exhausted")])
@pytest.mark.parametrize("k", range(1, messages() + 1))
def test_message_that_can_not_be_made_changes_nothing(k, error):
    bench = Bench(*served())
    bench.manager._reports._push = Striking(bench.push, k, error)
    bench.offer().run(500)
    assert bench.statuses == [RECEIVED, STARTED, COMPLETED]  # kept, and said a little later
    assert_whole(bench)


def test_messages_that_can_never_be_made_change_nothing():
    bench = Bench(*served())
    bench.manager._reports._push = Striking(None, 0, None)  # None can't be called
    bench.offer().run(500)
    assert bench.writer.image == IMAGE
    assert bench.heard == []
    assert bench.actions == ["reboot"]
    assert bench.manager._reports.waiting


def test_failure_that_can_not_be_told_is_told_a_second_later_and_once():
    bench = Bench(head(), END)
    # received, started, 0 percent, failed
    bench.manager._reports._push = Striking(bench.push, 4, MemoryError())
    bench.offer()
    while not bench.client.named("fwup_error"):
        bench.step(10)
    assert bench.statuses == [RECEIVED, STARTED]
    assert bench.manager.downloading_uuid(bench.clock()) == UUID
    bench.run(10)
    assert [status["status"] for status in bench.statuses] == ["received", "started", "failed"]
    assert not bench.manager.active


def test_break_of_the_download_whose_reason_can_not_be_put_into_words_is_a_break_as_any(
    monkeypatch,
):
    monkeypatch.setattr(image_download, "describe", Striking(None, 1, MemoryError()))
    bench = tries([head(), IMAGE[:700], OSError(104)], served()).offer().run(100)
    assert "no memory for the reason" in bench.log.text
    assert_whole(bench)


def test_reason_that_can_not_be_masked_is_left_out_and_failed_is_told(monkeypatch):
    monkeypatch.setattr(update_reports, "mask", Striking(None, 0, None))
    bench = Bench(b"HTTP/1.1 404 No\r\n\r\n").offer().run()
    assert bench.statuses[-1] == failed("no memory for the reason")


def test_no_memory_to_look_at_an_offer_puts_it_off_instead_of_a_day_without_updates(monkeypatch):
    monkeypatch.setattr(offer_check, "sha256_text", Striking(None, 1, MemoryError()))
    bench = Bench(*served()).offer()
    said = {"status": "rescheduled", "delay_for": 600_000}
    bench.run(1000)
    assert bench.statuses == [RECEIVED, dict(said, reason="no memory to check the update")]
    assert (bench.manager.state, bench.written) == (updates.IDLE, [])


@pytest.mark.parametrize("error", [MemoryError(), KeyboardInterrupt()])
def test_restart_that_was_not_noted_is_asked_for_again(error):
    desk = Desk(fwup_writer=RecordingWriter())
    peer = desk.joined()
    peer.say(None, None, "device", "update", update(IMAGE))
    desk.until(lambda: desk.peer is not peer and desk.peer.asked)
    reboot = desk.link._restart.ask = Striking(desk.link._restart.ask, 1, error)
    desk.peer.answer(200, body=IMAGE)
    for _ in range(400):
        try:
            desk.wait(0.025)
        except KeyboardInterrupt:
            pass
    assert reboot.calls == 2
    assert len(desk.client.named("reboot")) == 1


@pytest.mark.parametrize("k", range(1, 8))
def test_line_of_the_log_that_can_not_be_made_changes_nothing(k):
    bench = tries([head(), IMAGE[:700]], [head(5)], served())
    log = bench.manager._log = Striking(bench.log.log, k, MemoryError())
    bench.offer(partials_checksums=["x"]).run(500)
    assert log.calls >= 6 or k > log.calls
    assert_whole(bench)


def test_put_off_that_can_not_be_said_changes_nothing():
    bench = Bench(*served()).offer().run(500)
    bench.manager._push = Striking(None, 0, None)
    bench.offer(firmware_meta=dict(update(IMAGE)["firmware_meta"], uuid="another"))
    assert bench.manager.state == updates.INSTALLED


def test_restart_comes_although_rebooting_can_not_be_said():
    desk = Desk(fwup_writer=RecordingWriter())
    peer = desk.joined()
    push = desk.link._channels.push

    def striking(topic, event, payload):
        if event == "rebooting":
            raise MemoryError
        return push(topic, event, payload)

    desk.link._channels.push = striking
    peer.say(None, None, "device", "update", update(IMAGE))
    desk.until(lambda: desk.peer is not peer and desk.peer.asked)
    desk.peer.answer(200, body=IMAGE)
    desk.until(lambda: desk.client.named("reboot"), 10)
    desk.wait(20)
    assert len(desk.client.named("reboot")) == 1
    assert desk.link.connected
