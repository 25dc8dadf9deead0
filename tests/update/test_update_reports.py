# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Reports of an update to a server that was not there all the time, had forgotten it, or had to
make room for it; and when the board restarts.
"""

from hypothesis import given
from hypothesis import strategies as st
from support.desk import NEW_META, RecordingClient, RecordingWriter
from support.fakes import END
from support.update_bench import (
    COMPLETED,
    IMAGE,
    MINUTE,
    RECEIVED,
    STARTED,
    UUID,
    Bench,
    failed,
    head,
    served,
)

from nerveshub_link import APPLY, IGNORE, reschedule
from nerveshub_link.errors import TransportError
from nerveshub_link.update import manager as updates

# Reports while the device topic is not joined


def test_reports_are_kept_while_not_joined_and_progress_is_coalesced():
    bench = Bench(*served()).offer()
    while len(bench.writer.image) < 500:
        bench.step(500)
    assert bench.progress[-1] == ("downloading", 25)
    bench.heard.clear()
    bench.joined = False
    bench.until(updates.REPORTING, 500)
    assert bench.heard == []
    assert bench.join() == UUID
    assert bench.heard == [
        ("fwup_progress", {"value": 100, "stage": "updating"}),
        ("status_update", COMPLETED),
    ]
    assert bench.step() == "reboot"


def test_reports_keep_their_order_after_the_join():
    bench = Bench(*served()).offer()
    bench.joined = False
    while len(bench.writer.image) < 500:
        bench.step(500)
    assert bench.join() == UUID
    bench.run(500)
    assert bench.statuses == [RECEIVED, STARTED, COMPLETED]
    assert bench.progress == sorted(bench.progress)
    assert bench.progress[0] == ("downloading", 25)


def test_failure_while_not_joined_is_told_at_the_join_and_keeps_the_servers_row_until_then():
    bench = Bench(head(), IMAGE[:100], END).offer()
    bench.joined = False
    bench.run()
    assert bench.manager.state == updates.IDLE
    assert bench.manager.downloading_uuid(bench.clock()) == UUID
    assert bench.join() == UUID
    assert bench.statuses[-1]["status"] == "failed"
    assert bench.manager.downloading_uuid(bench.clock()) is None
    heard = list(bench.heard)
    bench.join()
    assert bench.heard == heard  # once


def test_join_that_is_lost_before_everything_was_said_keeps_the_rest():
    bench = Bench(*served()).offer()
    bench.joined = False
    bench.until(updates.REPORTING)
    limited = bench.push

    def push(event, payload):
        bench.joined = bench.joined and len(bench.heard) < 3
        return limited(event, payload)

    bench.manager._reports._push = push
    bench.join()
    assert bench.statuses == [RECEIVED, STARTED]
    bench.manager._reports._push = limited
    bench.join()
    assert bench.statuses == [RECEIVED, STARTED, COMPLETED]


def test_offer_whose_first_word_can_not_be_sent_is_not_taken_for_forgotten():
    bench = Bench(*served())
    bench.joined = False  # the connection broke just behind the offer
    bench.offer()
    bench.step()
    assert bench.actions == []
    assert bench.join() == UUID
    assert bench.statuses == [RECEIVED, STARTED]


def test_uuid_is_told_from_the_offer_to_the_last_word():
    bench = Bench(*served())
    assert bench.manager.downloading_uuid(bench.clock()) is None
    bench.offer()
    while bench.manager.active:
        assert bench.manager.downloading_uuid(bench.clock()) == UUID
        bench.step()
    assert bench.manager.downloading_uuid(bench.clock()) == UUID  # until the restart


def test_nothing_overtakes_what_was_kept():
    bench = Bench(*served()).offer()
    bench.joined = False
    while len(bench.writer.image) < 500:
        bench.step(500)
    bench.joined = True  # in the moment before the manager is told of the join
    assert bench.heard == [("status_update", RECEIVED), ("status_update", STARTED)]
    bench.step(500)
    assert len(bench.heard) == 2
    bench.join()
    assert bench.progress == [("downloading", 30)]


# The server forgets


def slow():
    """A download that a slow server has brought to 400 bytes."""
    bench = Bench(*served()[:5]).offer()
    while len(bench.writer.image) < 400:
        bench.step(500)
    return bench


def drip(bench, milliseconds):
    """Let time pass while single bytes keep the download alive without a new percent."""
    actions = []
    at = len(bench.writer.image)
    bench.joined = False  # so that no report refreshes the server's row
    for _ in range(milliseconds // 30_000):
        bench.clock.advance(30_000)
        bench.transport.incoming = [IMAGE[at : at + 1]]
        at += 1
        actions.append(bench.manager.step(bench.clock()))
    bench.joined = True
    return [action for action in actions if action is not None]


def test_update_is_not_forgotten_before_25_minutes_of_silence():
    bench = slow()
    assert drip(bench, 24 * MINUTE) == []
    assert bench.join() == UUID


def test_after_25_minutes_of_silence_the_device_joins_anew_and_says_nothing_more():
    bench = slow()
    assert drip(bench, 25 * MINUTE) == ["rejoin"]
    heard = list(bench.heard)
    assert bench.join() is None
    at = len(bench.writer.image)
    bench.transport.incoming = [IMAGE[at:]]
    bench.run(500)
    assert bench.writer.image == IMAGE
    assert bench.heard == heard  # a late status would crash the server's channel
    assert bench.actions == ["reboot"]


def test_failure_after_the_server_forgot_is_not_told_to_it():
    bench = slow()
    drip(bench, 25 * MINUTE)
    heard = list(bench.heard)
    bench.join()
    bench.transport.incoming = [END]
    bench.run()
    assert bench.heard == heard
    assert len(bench.client.named("fwup_error")) == 1
    assert bench.join() is None


def test_failure_that_could_not_be_told_for_25_minutes_is_never_told():
    bench = Bench(head(), END).offer()
    bench.joined = False
    bench.run()
    bench.clock.advance(25 * MINUTE)
    heard = list(bench.heard)
    assert bench.join() is None
    assert bench.heard == heard


def test_restart_does_not_wait_for_a_server_that_has_forgotten():
    bench = slow()
    drip(bench, 25 * MINUTE)
    bench.joined = False
    bench.transport.incoming = [IMAGE[len(bench.writer.image) :]]
    bench.until(updates.REPORTING)
    assert bench.step() == "reboot"


def test_offer_of_the_same_update_after_the_server_forgot_resumes_the_reports():
    bench = slow()
    drip(bench, 25 * MINUTE)
    bench.join()
    bench.heard.clear()
    bench.offer()
    assert bench.heard == [("status_update", RECEIVED), ("status_update", STARTED)]
    assert bench.manager.downloading_uuid(bench.clock()) == UUID
    at = len(bench.writer.image)
    bench.transport.incoming = [IMAGE[at:]]
    bench.run(500)
    assert bench.statuses == [RECEIVED, STARTED, COMPLETED]
    assert bench.writer.image == IMAGE
    assert len(bench.transport.opened) == 1
    assert bench.client.named("update_available") != []
    assert len(bench.client.named("update_available")) == 1


def test_offer_of_another_update_after_the_server_forgot_changes_nothing():
    bench = slow()
    drip(bench, 25 * MINUTE)
    bench.join()
    heard = list(bench.heard)
    bench.offer(firmware_meta=dict(NEW_META, uuid="another"))
    assert bench.heard == heard


def test_offer_of_what_is_installed_already_is_answered_by_completed():
    bench = Bench(*served()).offer().run()  # and the application does not restart
    bench.clock.advance(25 * MINUTE)
    assert bench.join() is None
    bench.heard.clear()
    bench.offer()
    assert bench.statuses == [RECEIVED, COMPLETED]


# Room in memory


def test_lack_of_memory_asks_for_room_once_and_succeeds_alone():
    bench = Bench(*served())
    bench.transport.refusal = TransportError("out of sockets", no_memory=True)
    bench.offer()
    assert bench.step() == "no room"
    assert bench.manager.alone
    bench.transport.refusal = None
    bench.joined = False
    bench.until(updates.REPORTING)
    assert not bench.manager.alone
    assert bench.join() == UUID
    assert bench.statuses == [RECEIVED, STARTED, COMPLETED]


def test_lack_of_memory_even_alone_fails_the_update():
    bench = Bench()
    bench.transport.refusal = TransportError("out of sockets", no_memory=True)
    bench.offer()
    assert bench.step() == "no room"
    bench.joined = False
    assert bench.step() is None
    assert (bench.manager.state, bench.manager.alone) == (updates.IDLE, False)
    assert bench.join() == UUID
    assert bench.statuses[-1] == failed("download: out of sockets")


def test_failure_alone_lets_the_link_connect_again():
    bench = Bench(head(), END)
    bench.transport.refusal = TransportError("out of sockets", no_memory=True)
    bench.offer()
    bench.step()
    bench.transport.refusal = None
    bench.run()
    assert not bench.manager.alone


# The restart


def test_restart_waits_until_completed_was_sent():
    bench = Bench(*served()).offer()
    bench.joined = False
    bench.until(updates.REPORTING)
    for _ in range(59):
        assert bench.step(1000) is None
    bench.join()
    assert bench.statuses[-1] == COMPLETED
    assert bench.step() == "reboot"
    assert not bench.manager.active


def test_restart_comes_after_a_minute_offline_all_the_same():
    bench = Bench(*served()).offer()
    bench.joined = False
    bench.until(updates.REPORTING)
    for _ in range(60):
        assert bench.step(1000) is None
    assert bench.step() == "reboot"


def test_restart_is_asked_for_once():
    bench = Bench(*served()).offer().run()
    assert bench.actions == ["reboot"]
    assert not bench.manager.active


# Promises that hold for everything


@given(
    cuts=st.lists(st.integers(0, 2200), max_size=40),
    end=st.integers(0, 2200),
    flip=st.none() | st.integers(0, len(IMAGE) - 1),
    announced=st.booleans(),
    chunk_size=st.sampled_from([128, 1024, 4096]),
)
def test_writer_finishes_exactly_if_all_bytes_came_and_were_right(
    cuts, end, flip, announced, chunk_size
):
    image = bytearray(IMAGE)
    if flip is not None:
        image[flip] ^= 0x10
    answer = head(len(IMAGE) if announced else None) + bytes(image)
    end = min(end, len(answer))
    borders = sorted({0, end} | {cut for cut in cuts if cut < end})
    packets = [answer[a:b] for a, b in zip(borders, borders[1:])]
    bench = Bench(*packets, END, chunk_size=chunk_size).offer().run()
    good = end == len(answer) and flip is None
    assert bench.written.count("fwup_finish") == (1 if good else 0)
    assert bench.statuses[-1]["status"] == ("completed" if good else "failed")
    assert bench.written.count("fwup_abort") == (1 if "fwup_begin" in bench.written else 0) - good
    if good:
        assert bench.writer.image == IMAGE


LAST_WORDS = ("completed", "failed", "ignored", "rescheduled")


@given(
    decision=st.sampled_from([APPLY, IGNORE, reschedule(5), "nonsense"]),
    raising=st.sets(
        st.sampled_from(
            "update_available fwup_progress fwup_error handle_blocking fwup_begin fwup_chunk "
            "fwup_finish fwup_abort".split()
        ),
        max_size=2,
    ),
    end=st.integers(0, 2200),
    gaps=st.lists(st.integers(0, 30), max_size=4),
)
def test_server_hears_one_beginning_and_one_last_word_whatever_happens(
    decision, raising, end, gaps
):
    client = RecordingClient(*raising)
    client.decision = decision
    answer = head() + IMAGE
    packets = [answer[:end][at : at + 100] for at in range(0, min(end, len(answer)), 100)]
    bench = Bench(*packets, END, client=client, writer=RecordingWriter(*raising)).offer()
    for gap in gaps:
        if bench.joined:
            bench.joined = False
        else:
            bench.join()
        for _ in range(gap):
            if bench.manager.active:
                bench.step(100)
    if not bench.joined:
        bench.join()
    bench.run(100)
    words = [status["status"] for status in bench.statuses]
    assert words[0] == "received"
    assert words[-1] in LAST_WORDS
    assert len(words) == len(set(words)) <= 3
    assert bench.heard[-1] == ("status_update", bench.statuses[-1])
    assert bench.progress == sorted(bench.progress)
    assert all(type(value) is int and 0 <= value <= 100 for _, value in bench.progress)
