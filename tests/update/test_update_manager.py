# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
An update from the server's offer to the installation: which reports the server gets, in which order
and how often, and which calls the writer gets.
"""

import hashlib
import json
import tracemalloc

import pytest
from support.desk import META, NEW_META, RecordingClient, RecordingWriter, update
from support.fakes import END, FakeTransport
from support.update_bench import (
    COMPLETED,
    FILE,
    HOUR,
    IMAGE,
    RECEIVED,
    SECRET,
    STARTED,
    URL,
    UUID,
    Bench,
    Tries,
    assert_failed,
    failed,
    head,
    served,
)

from nerveshub_link import IGNORE, ignore, reschedule
from nerveshub_link.errors import TransportError, describe
from nerveshub_link.update import manager as updates
from nerveshub_link.update import offer as update_offer

# An update that goes well


def test_judge_of_offers_knows_the_managers_states():
    names = ("IDLE", "RENEWING", "DOWNLOADING", "REPORTING", "INSTALLED")
    assert [getattr(update_offer, "_" + name) for name in names] == [
        getattr(updates, name) for name in names
    ]


def test_whole_update_says_exactly_this():
    bench = Bench(*served()).offer().run(500)
    percents = list(range(0, 101, 5))
    assert bench.heard == [
        ("status_update", RECEIVED),
        ("status_update", STARTED),
        *[("fwup_progress", {"value": n, "stage": "downloading"}) for n in percents],
        ("fwup_progress", {"value": 0, "stage": "updating"}),
        ("fwup_progress", {"value": 100, "stage": "updating"}),
        ("status_update", COMPLETED),
    ]
    assert bench.actions == ["reboot"]
    assert bench.writer.image == IMAGE
    assert bench.written == ["fwup_begin"] + ["fwup_chunk"] * 20 + ["fwup_finish"]
    assert bench.writer.heard[0] == ("fwup_begin", len(IMAGE), update(IMAGE)["firmware_meta"])


def test_nothing_of_the_manager_grows_when_an_update_is_installed():
    # A new attribute needs memory, and without that an installed update would be taken back.
    bench = Bench(*served())
    before = set(vars(bench.manager))
    bench.offer().run(500)
    assert bench.actions == ["reboot"]
    assert set(vars(bench.manager)) == before


class ThriceWriter(RecordingWriter):
    """Needs three calls for each chunk; keeps what it did not get to within the first one."""

    left = 0

    def fwup_chunk(self, data):
        if len(data):
            assert self.left == 0
            self.left, self.kept = 3, data
        self.left -= 1
        if self.left:
            return False
        super().fwup_chunk(bytes(self.kept))
        return None


def test_a_writer_that_needs_several_calls_for_a_chunk_gets_them_before_more_is_downloaded():
    bench = Bench(*served(), writer=ThriceWriter(), chunk_size=100).offer().run(500)
    assert bench.actions == ["reboot"]
    assert bench.writer.image == IMAGE
    percents = [what["value"] for event, what in bench.heard if event == "fwup_progress"]
    assert percents == [*range(0, 101, 5), 0, 100]


def test_an_abort_between_two_calls_for_a_chunk_is_final():
    bench = Bench(*served(), writer=ThriceWriter()).offer()
    while not bench.writer.left:
        bench.step(1)
    bench.manager.abort()
    bench.run(100)
    assert bench.written == ["fwup_begin", "fwup_abort"]
    assert not bench.manager.active


def test_no_memory_between_two_calls_for_a_chunk_starts_the_download_from_zero():
    tries = Tries(served(), served())
    bench = Bench(transport=tries, writer=ThriceWriter(), download_retries=3).offer()
    while not bench.writer.left:
        bench.step(1)

    def forgotten(now):
        del bench.manager._reports.forgotten
        bench.writer.left = 0
        raise MemoryError("no memory")

    bench.manager._reports.forgotten = forgotten
    bench.run(1000)
    assert bench.actions == ["reboot"]
    assert [name for name in bench.written if name != "fwup_chunk"] == [
        "fwup_begin",
        "fwup_abort",
        "fwup_begin",
        "fwup_finish",
    ]
    assert bench.writer.image[-len(IMAGE) :] == IMAGE


@pytest.mark.parametrize("retries", [0, 3])
def test_another_image_for_the_same_update_between_two_calls_for_a_chunk_starts_from_zero(retries):
    image = IMAGE[::-1]
    tries = Tries(served(), served(image))
    bench = Bench(transport=tries, writer=ThriceWriter(), download_retries=retries).offer()
    while not bench.writer.left:
        bench.step(1)
    bench.writer.doing["fwup_abort"] = lambda: setattr(bench.writer, "left", 0)
    bench.manager._reports.forget()  # the server has forgotten the update, and offers it again
    bench.offer(image).run(500)
    assert bench.actions == ["reboot"]
    assert bench.writer.image[-len(image) :] == image
    assert "broke off" not in bench.log.text


def test_the_writer_hears_whether_a_deployment_brought_the_update():
    for number, expected in ((7, True), (None, False)):
        bench = Bench(*served())
        seen = []
        bench.writer.doing["fwup_begin"] = lambda: seen.append(bench.writer.by_deployment)
        bench.offer(deployment_id=number).run(500)
        assert seen == [expected]


def test_application_hears_the_same_progress_as_the_server():
    bench = Bench(*served()).offer().run(500)
    assert [(stage, percent) for _, percent, stage in bench.client.named("fwup_progress")] == (
        bench.progress
    )
    assert all(type(percent) is int for _, percent, _ in bench.client.named("fwup_progress"))


def test_application_is_asked_once_with_the_metadata_and_warned_of_the_connect():
    bench = Bench(*served()).offer().run()
    assert bench.client.named("update_available") == [
        ("update_available", update(IMAGE)["firmware_meta"])
    ]
    assert bench.client.named("handle_blocking") == [("handle_blocking", "download", 7)]
    assert bench.client.named("fwup_error") == []


def test_progress_is_told_twice_a_second_at_most():
    bench = Bench(*served()).offer().run(100)
    values = [value for stage, value in bench.progress if stage == "downloading"]
    assert values == [0, 25, 50, 75, 100]


def test_progress_that_has_not_changed_is_not_told_again():
    packets = [head(), IMAGE[:10]] + [IMAGE[at : at + 1] for at in range(10, 39)]
    bench = Bench(*packets).offer()
    for _ in range(35):
        bench.step(1000)
    assert bench.progress == [("downloading", 0), ("downloading", 1)]


def test_first_and_last_percent_are_told_however_fast_it_goes():
    bench = Bench(head() + IMAGE, chunk_size=4096).offer().run()
    assert bench.progress == [
        ("downloading", 0),
        ("downloading", 100),
        ("updating", 0),
        ("updating", 100),
    ]


def test_one_step_moves_one_chunk():
    bench = Bench(head(), IMAGE, chunk_size=1024).offer()
    counts = []
    while bench.manager.state == updates.DOWNLOADING:
        bench.step()
        counts.append(len(bench.writer.image))
    assert sorted(set(counts)) == [0, 1024, 2000]


def test_checksum_may_be_written_in_any_case():
    digest = hashlib.sha256(IMAGE).hexdigest()
    mixed = "".join(c.upper() if at % 2 else c for at, c in enumerate(digest))
    for checksum in (digest, digest.upper(), mixed):
        bench = Bench(*served()).offer(checksum=checksum).run()
        assert bench.statuses[-1] == COMPLETED


def test_update_without_a_checksum_is_taken_only_if_that_was_allowed():
    bench = Bench(*served(), allow_unverified=True).offer(checksum=None).run()
    assert bench.statuses[-1] == COMPLETED
    assert "update not verified, as allowed" in bench.log.text
    bench = Bench(*served()).offer(checksum=None)
    assert_failed(bench, "update: the update has no checksum, and allow_unverified is off", 0)
    assert bench.transport.opened == []


@pytest.mark.parametrize("url", [URL, URL.replace("http", "HTTP"), URL.replace("http", "ws")])
def test_allow_unverified_does_not_cover_a_plain_address_on_a_tls_link(url):
    bench = Bench(*served(), allow_unverified=True, ssl=True)
    bench.offer(checksum=None, firmware_url=url)
    assert_failed(bench, "update: the update has neither a checksum nor an https address", 0)
    assert bench.transport.opened == []


def test_allow_unverified_covers_an_https_address_on_a_tls_link():
    bench = Bench(*served(), allow_unverified=True, ssl=True)
    bench.offer(checksum=None, firmware_url=URL.replace("http://", "HTTPS://")).run()
    assert bench.statuses[-1] == COMPLETED


def test_checksum_makes_up_for_a_plain_address_on_a_tls_link():
    bench = Bench(*served(), ssl=True).offer().run()
    assert bench.statuses[-1] == COMPLETED


def test_wrong_checksum_counts_even_where_none_is_needed():
    bench = Bench(*served(), allow_unverified=True).offer(checksum="0" * 64).run()
    assert bench.statuses[-1]["status"] == "failed"
    assert "fwup_finish" not in bench.written


def test_size_may_be_missing_where_the_server_tells_the_length():
    bench = Bench(*served()).offer(size=None).run()
    assert bench.statuses[-1] == COMPLETED
    assert bench.writer.heard[0][1] == len(IMAGE)


def test_body_to_the_end_of_the_connection_is_installed_if_it_is_exact():
    bench = Bench(head(None), IMAGE, END).offer().run()
    assert bench.statuses[-1] == COMPLETED
    assert bench.writer.image == IMAGE


def test_finish_comes_after_the_checksum_and_after_the_connection_is_closed():
    bench = Bench(*served()).offer().until(updates.INSTALLING)
    assert "fwup_finish" not in bench.written
    assert not bench.transport.is_open
    bench.step()
    assert bench.written[-1] == "fwup_finish"


def test_firmware_of_fifty_megabytes_passes_through_without_growing():
    size = 50 * 1024 * 1024
    zeros = bytes(4096)
    digest = hashlib.sha256()
    for _ in range(size // len(zeros)):
        digest.update(zeros)

    class Flood(FakeTransport):
        left = size

        def readable(self):
            return True

        def recv_into(self, view):
            if self.incoming:
                return super().recv_into(view)
            count = min(len(view), self.left)
            view[:count] = zeros[:count]
            self.left -= count
            return count

    class Counter(RecordingWriter):
        count = 0

        def fwup_chunk(self, data):
            self.count += len(data)

    bench = Bench(transport=Flood(head(size)), writer=Counter(), chunk_size=4096)
    bench.offer(size=size, checksum=digest.hexdigest())
    tracemalloc.start()
    bench.run(100)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (bench.writer.count, bench.statuses[-1]) == (size, COMPLETED)
    assert peak < 200_000


# Decisions


@pytest.mark.parametrize(
    ("decision", "said"),
    [
        (IGNORE, {"status": "ignored", "reason": "ignored by the device"}),
        (ignore("on battery"), {"status": "ignored", "reason": "on battery"}),
        (
            reschedule(90_000),
            {"status": "rescheduled", "delay_for": 90_000, "reason": "not now"},
        ),
        (
            reschedule(0, "at once"),
            {"status": "rescheduled", "delay_for": 0, "reason": "at once"},
        ),
    ],
)
def test_decision_against_an_update_is_said_once_and_nothing_is_fetched(decision, said):
    bench = Bench()
    bench.client.decision = decision
    bench.offer()
    assert bench.statuses == [RECEIVED, said]
    assert (bench.manager.state, bench.transport.opened, bench.written) == (updates.IDLE, [], [])
    assert bench.client.named("fwup_error") == []
    assert bench.manager.downloading_uuid(bench.clock()) is None


def test_delay_is_a_whole_number_of_milliseconds():
    bench = Bench()
    bench.client.decision = reschedule(90_000)
    bench.offer()
    assert type(bench.statuses[-1]["delay_for"]) is int


@pytest.mark.parametrize("nonsense", ["apply", True, 5, [], {"kind": "apply"}, object()])
def test_answer_that_is_no_decision_puts_the_update_off_by_an_hour(nonsense):
    bench = Bench()
    bench.client.decision = nonsense
    bench.offer()
    said = bench.statuses[-1]
    assert (said["status"], said["delay_for"]) == ("rescheduled", HOUR)
    assert said["reason"].startswith("update_available: AttributeError")
    assert (bench.manager.state, bench.transport.opened) == (updates.IDLE, [])


@pytest.mark.parametrize("error", [RuntimeError("a mistake of mine"), MemoryError(), KeyError(1)])
def test_application_that_raises_puts_the_update_off_by_an_hour_with_the_reason(error):
    client = RecordingClient("update_available")
    client.error = error
    bench = Bench(client=client).offer()
    reason = "update_available: " + describe(error)
    assert bench.statuses == [
        RECEIVED,
        {"status": "rescheduled", "delay_for": HOUR, "reason": reason},
    ]
    assert reason in bench.log.text
    assert bench.transport.opened == []


def test_firmware_that_runs_already_is_ignored_without_asking():
    bench = Bench().offer(firmware_meta=dict(NEW_META, uuid=META["uuid"]))
    assert bench.statuses == [
        RECEIVED,
        {"status": "ignored", "reason": "this firmware is running already"},
    ]
    assert bench.client.heard == []


def test_device_without_a_writer_ignores_updates():
    bench = Bench(writer=None).offer()
    assert bench.statuses == [
        RECEIVED,
        {"status": "ignored", "reason": "the device has no fwup_writer"},
    ]
    assert bench.client.named("update_available") == []


# What the server sends

NEEDS_UUID = (
    'the update\'s firmware_meta needs uuid, a text such as "0dbbe4ad-4c5e-5b1b-9d6a-2f0e7c3b8a11"'
)


@pytest.mark.parametrize(
    "tweaks",
    [
        {"update_available": False},
        {"update_available": False, "firmware_url": None, "firmware_meta": None, "size": None},
        {"update_available": None},
        {"update_available": "true"},
        {"update_available": 1},
        {"firmware_url": None},
        {"firmware_url": ""},
        {"firmware_meta": None},
        {"firmware_meta": []},
        {"firmware_meta": "uuid"},
    ],
)
def test_message_that_offers_nothing_is_answered_by_nothing(tweaks):
    bench = Bench().offer(**tweaks)
    assert (bench.heard, bench.client.heard, bench.manager.state) == ([], [], updates.IDLE)


def test_offer_after_the_link_was_closed_is_answered_by_nothing():
    for bench in (Bench(), Bench(*served()).offer()):
        bench.manager.close()
        heard = list(bench.heard)
        bench.offer()
        assert (bench.heard, bench.manager.state) == (heard, updates.CLOSED)


def test_empty_message_is_answered_by_nothing():
    bench = Bench()
    bench.manager.offer({}, bench.clock())
    assert bench.heard == []


def test_second_offer_during_an_update_changes_nothing():
    for state in (updates.DOWNLOADING, updates.VERIFYING, updates.INSTALLING, updates.REPORTING):
        bench = Bench(*served()).offer()
        bench.step()
        bench.until(state)
        heard = list(bench.heard)
        bench.offer()
        bench.offer(firmware_meta=dict(NEW_META, uuid="another"))
        assert bench.heard == heard
        bench.run()
        assert bench.writer.image == IMAGE
        assert bench.written.count("fwup_begin") == 1
        assert len(bench.transport.opened) == 1


def test_same_offer_after_the_installation_changes_nothing():
    bench = Bench(*served()).offer().run()
    heard = list(bench.heard)
    bench.offer()
    assert bench.heard == heard
    assert bench.manager.state == updates.INSTALLED


def test_other_offer_after_the_installation_is_put_off_until_the_restart():
    bench = Bench(*served()).offer().run()
    bench.offer(firmware_meta=dict(NEW_META, uuid="another"))
    reason = "a restart into other firmware is due"
    assert bench.statuses[-1] == {"status": "rescheduled", "delay_for": 300_000, "reason": reason}
    assert bench.manager.state == updates.INSTALLED


@pytest.mark.parametrize(
    ("tweaks", "reason"),
    [
        ({"checksum": "0" * 63}, "the update's checksum is not a SHA-256"),
        ({"checksum": "0" * 65}, "the update's checksum is not a SHA-256"),
        ({"checksum": "g" * 64}, "the update's checksum is not a SHA-256"),
        ({"checksum": "0" * 31 + "zz" + "0" * 31}, "the update's checksum is not a SHA-256"),
        ({"checksum": ""}, "the update's checksum is not a SHA-256"),
        ({"checksum": 5}, "the update's checksum is not a SHA-256"),
        ({"checksum": ["0" * 64]}, "the update's checksum is not a SHA-256"),
        ({"size": 0}, "the update has a bad size"),
        ({"size": -1}, "the update has a bad size"),
        ({"size": 2000.0}, "the update has a bad size"),
        ({"size": "2000"}, "the update has a bad size"),
        ({"size": True}, "the update has a bad size"),
        ({"size": [2000]}, "the update has a bad size"),
        ({"firmware_meta": {}}, NEEDS_UUID),
        ({"firmware_meta": {"uuid": 5}}, NEEDS_UUID),
        ({"firmware_url": "ftp://h/x?topsecret"}, "firmware_url: not an http or https URL"),
        (
            {"firmware_url": "http://a b/?topsecret"},
            "firmware_url: URL whose host has a blank or a non-ASCII character",
        ),
        (
            {"firmware_url": "http://h/a\r\nX: y?topsecret"},
            "firmware_url: URL with a control character",
        ),
        (
            {"firmware_url": "http://me:topsecret@h/a"},
            "firmware_url: URL with a user name or without a host",
        ),
    ],
)
def test_offer_that_is_invalid_fails_before_anything_is_fetched_or_written(tweaks, reason):
    bench = Bench(*served()).offer(**tweaks)
    assert bench.statuses[0] == RECEIVED
    assert_failed(bench, "update: " + reason, aborts=0)
    assert bench.transport.opened == []
    assert SECRET not in bench.log.text


@pytest.mark.parametrize("url", [5, ["http://h/"], {"a": 1}, True])
def test_url_that_is_no_text_fails(url):
    bench = Bench().offer(firmware_url=url)
    assert bench.statuses[-1]["status"] == "failed"
    assert bench.manager.state == updates.IDLE


# Downloads that fail


@pytest.mark.parametrize(
    ("incoming", "reason", "begun"),
    [
        ([b"HTTP/1.1 402 Payment Required\r\n\r\n"], "HTTP 402 from " + FILE, 0),
        ([b"HTTP/1.1 404 Not Found\r\n\r\n"], "HTTP 404 from %s: not found" % FILE, 0),
        ([b"HTTP/1.1 410 Gone\r\n\r\n"], "HTTP 410 from %s: not found" % FILE, 0),
        (
            [b"HTTP/1.1 206 Partial\r\nContent-Length: 2000\r\n\r\n"],
            "HTTP 206 from %s: nothing" % FILE,
            0,
        ),
        (
            [head(43, b"Content-Type: text/html")],
            "the image has 43 bytes, the update said 2000 (the server calls it text/html)",
            0,
        ),
        (
            [head(None, b"Content-Type: text/html"), b"<html>Log in</html>", END],
            "ended after 19 of 2000 bytes: connection closed by the server"
            " (the server calls it text/html)",
            1,
        ),
        (
            [head(None, b"Transfer-Encoding: chunked"), b"5\r\n12345\r\n0\r\n\r\n"],
            "ended after 5 of 2000 bytes: that was the last chunk",
            1,
        ),
        ([head(2000, b"Content-Encoding: gzip")], "a body in gzip encoding is not supported", 0),
        ([head(1999)], "the image has 1999 bytes, the update said 2000", 0),
        ([head(2001)], "the image has 2001 bytes, the update said 2000", 0),
        ([head(0)], "the image has 0 bytes, the update said 2000", 0),
        ([b"SSH-2.0-x\r\n"], "the answer is not HTTP/1", 0),
        ([b"HTTP/1.1 2", END], "connection closed by the server", 0),
        ([END], "connection closed by the server", 0),
        (
            [head(), IMAGE[:1999], END],
            "ended after 1999 of 2000 bytes: connection closed by the server",
            1,
        ),
        (
            [head(None), IMAGE[:1999], END],
            "ended after 1999 of 2000 bytes: connection closed by the server",
            1,
        ),
        ([head(None), IMAGE, b"x", END], "longer than the announced 2000 bytes", 1),
        (
            [b"HTTP/1.1 302 Found\r\nLocation: http://a b/?topsecret\r\n\r\n"],
            "URL whose host has a blank or a non-ASCII character",
            0,
        ),
        ([b"HTTP/1.1 302 Found\r\nLocation: x?topsecret\r\n\r\n"] * 6, "more than 5 redirects", 0),
        (
            [TransportError("connection broke: OSError: 104 in " + URL)],
            "connection broke: OSError: 104 in " + FILE + "?...",
            0,
        ),
    ],
)
def test_download_that_fails_is_aborted_and_told_with_the_reason(incoming, reason, begun):
    bench = Bench(*incoming).offer().run()
    assert_failed(bench, "download: " + reason, aborts=begun)
    assert bench.statuses[:2] == [RECEIVED, STARTED]
    assert SECRET not in bench.log.text + json.dumps(bench.heard) + repr(bench.client.heard)


def test_connection_that_is_refused_fails_the_update():
    error = TransportError("can't connect to files.example: OSError: [Errno 111] ECONNREFUSED")
    bench = Bench(transport=FakeTransport(refusal=error)).offer().run()
    assert_failed(bench, "download: " + str(error), aborts=0)


@pytest.mark.parametrize("incoming", [[], [head()], [head(), IMAGE[:500]]])
def test_mute_server_fails_the_update_after_the_idle_timeout_and_never_holds_a_step(incoming):
    bench = Bench(*incoming).offer()
    bench.run(1000)
    count = len(bench.writer.image)
    assert_failed(bench, "download: the server went silent after %d bytes" % count, bool(incoming))
    assert len(bench.transport.reads) == len(incoming)


def test_wrong_bytes_are_never_installed():
    damaged = bytes([IMAGE[0] ^ 1]) + IMAGE[1:]
    bench = Bench(*served(damaged)).offer().run()
    found, wanted = (hashlib.sha256(image).hexdigest() for image in (damaged, IMAGE))
    assert_failed(bench, "verify: checksum is %s, should be %s" % (found, wanted))


def test_reason_is_printable_ascii_and_not_long():
    writer = RecordingWriter("fwup_begin")
    writer.error = RuntimeError("\u00fc\n\x00" + "x" * 1000)
    bench = Bench(*served(), writer=writer).offer().run()
    reason = bench.statuses[-1]["reason"]
    assert reason.startswith("fwup_begin: RuntimeError: ___xxx")
    assert len(reason) <= 220


def test_good_update_after_a_failed_one_succeeds():
    bench = Bench(b"HTTP/1.1 500 Oops\r\n\r\n").offer().run()
    bench.transport.incoming = served()
    bench.heard.clear()
    bench.offer().run(500)
    assert [status["status"] for status in bench.statuses] == ["received", "started", "completed"]
    assert bench.writer.image == IMAGE


def test_good_update_after_one_that_broke_off_halfway_starts_from_nothing():
    bench = Bench(head(), IMAGE[:1990], END).offer().run()
    bench.writer.heard.clear()
    bench.heard.clear()
    bench.transport.incoming = served()
    bench.offer().run(500)
    assert bench.writer.image == IMAGE
    assert bench.progress[0] == ("downloading", 0)
    assert bench.statuses[-1] == COMPLETED


# Writers and callbacks that raise


@pytest.mark.parametrize("name", ["fwup_begin", "fwup_chunk", "fwup_finish"])
@pytest.mark.parametrize("error", [OSError(28, "no space"), MemoryError(), RuntimeError(URL)])
def test_writer_that_raises_is_aborted_once_and_its_text_told(name, error):
    writer = RecordingWriter(name)
    writer.error = error
    bench = Bench(*served(), writer=writer).offer().run()
    reason = name + ": " + describe(error)
    assert bench.heard[-1] == ("status_update", failed(reason))
    assert bench.written.count("fwup_abort") == 1
    assert bench.written[-2:] == [name, "fwup_abort"]
    assert bench.written.count(name) == 1
    assert COMPLETED not in bench.statuses
    assert (bench.manager.state, bench.actions) == (updates.IDLE, [])
    assert not bench.transport.is_open
    assert SECRET not in bench.log.text + json.dumps(bench.heard)


class SlowWriter(RecordingWriter):
    """Finishes in four calls; raises in the one that ``fails`` names."""

    finished_percent = 0
    fails = None

    def fwup_finish(self):
        self.note("fwup_finish")
        calls = len(self.named("fwup_finish"))
        if calls == self.fails:
            raise OSError(5, "worn")
        self.finished_percent = 30 * calls
        return calls == 4 or False


def test_a_writer_that_has_more_to_do_is_called_again_at_the_next_step():
    bench = Bench(*served(), writer=SlowWriter()).offer().until(updates.INSTALLING, 500)
    for calls in (1, 2, 3):
        bench.step(500)
        assert bench.written.count("fwup_finish") == calls
        assert bench.manager.state == updates.INSTALLING
        assert bench.manager.percent == 30 * calls
    bench.run(500)
    assert bench.written.count("fwup_finish") == 4
    assert bench.progress[-5:] == [("updating", n) for n in (0, 30, 60, 90, 100)]
    assert bench.statuses[-1] == COMPLETED
    assert bench.actions == ["reboot"]


def test_a_writer_that_fails_in_a_later_piece_is_aborted_once():
    writer = SlowWriter()
    writer.fails = 3
    bench = Bench(*served(), writer=writer).offer().run(500)
    assert bench.written[-2:] == ["fwup_finish", "fwup_abort"]
    assert bench.statuses[-1]["status"] == "failed"
    assert bench.statuses[-1]["reason"].startswith("fwup_finish: ")
    assert (bench.manager.state, bench.actions) == (updates.IDLE, [])


def test_an_abort_between_two_pieces_tells_the_writer_once():
    bench = Bench(*served(), writer=SlowWriter()).offer().until(updates.INSTALLING)
    bench.step(500)
    bench.manager.abort()
    bench.run()
    assert bench.written[-2:] == ["fwup_finish", "fwup_abort"]
    assert COMPLETED not in bench.statuses


def test_a_report_that_fails_between_two_pieces_does_not_begin_the_download_again():
    bench = Bench(*served(), writer=SlowWriter()).offer().until(updates.INSTALLING)
    bench.step(500)
    reports = bench.manager._reports
    real = reports.retry

    def retry(now):
        reports.retry = real
        raise MemoryError

    reports.stuck, reports.retry = True, retry
    bench.step(500)
    assert bench.manager.state == updates.INSTALLING
    bench.run(500)
    assert bench.written.count("fwup_begin") == 1
    assert bench.written.count("fwup_finish") == 4
    assert bench.statuses[-1] == COMPLETED


def test_abort_that_raises_does_no_harm():
    writer = RecordingWriter("fwup_chunk", "fwup_abort")
    bench = Bench(*served(), writer=writer).offer().run()
    assert bench.statuses[-1]["status"] == "failed"
    assert bench.written.count("fwup_abort") == 1
    assert "fwup_abort: RuntimeError" in bench.log.text
    writer.raising.clear()
    bench.transport.incoming = served()
    bench.offer().run()
    assert bench.statuses[-1] == COMPLETED


@pytest.mark.parametrize("name", ["fwup_progress", "handle_blocking"])
def test_callback_that_raises_does_not_disturb_the_update(name):
    bench = Bench(*served(), client=RecordingClient(name)).offer().run()
    assert bench.statuses[-1] == COMPLETED
    assert bench.writer.image == IMAGE
    assert name + ": RuntimeError" in bench.log.text


def test_error_callback_that_raises_does_not_keep_the_server_from_hearing():
    client = RecordingClient("fwup_error")
    bench = Bench(b"HTTP/1.1 404 No\r\n\r\n", client=client).offer().run()
    assert bench.statuses[-1]["status"] == "failed"
    assert bench.manager.state == updates.IDLE


# abort()


def test_abort_hangs_up_and_tells_the_writer_once_and_the_server_nothing():
    bench = Bench(*served()).offer()
    while len(bench.writer.image) < 500:
        bench.step()
    heard = list(bench.heard)
    bench.manager.abort()
    bench.manager.abort()
    assert not bench.transport.is_open
    assert bench.written[-1] == "fwup_abort"
    assert bench.written.count("fwup_abort") == 1
    assert bench.heard == heard
    assert bench.manager.state == updates.IDLE


def test_abort_before_the_head_leaves_the_writer_alone():
    bench = Bench().offer()
    bench.step()
    bench.manager.abort()
    assert bench.written == []
    assert not bench.transport.is_open
    bench = Bench()
    bench.manager.abort()
    assert bench.manager.state == updates.IDLE


def test_abort_after_the_installation_does_not_undo_it():
    for state in (updates.REPORTING, updates.INSTALLED):
        bench = Bench(*served()).offer().until(state)
        bench.manager.abort()
        assert "fwup_abort" not in bench.written
        assert bench.manager.state == state


# The first answer to an offer


def test_the_first_answers_leave_200_milliseconds_after_the_offer_and_nothing_blocks_before():
    bench = Bench(*served()).offer(answered=False)
    assert bench.manager.active
    for _ in range(2):
        bench.step(90)
    bench.step(25)
    assert (bench.heard, bench.transport.opened) == ([], [])
    bench.step()
    assert bench.statuses == [RECEIVED, STARTED]
    assert bench.transport.opened == []
    bench.step()
    assert len(bench.transport.opened) == 1
    bench.run(500)
    assert bench.statuses == [RECEIVED, STARTED, COMPLETED]


@pytest.mark.parametrize(
    ("decision", "status"),
    [
        (ignore("no"), {"status": "ignored", "reason": "no"}),
        (reschedule(5, "later"), {"status": "rescheduled", "reason": "later", "delay_for": 5}),
    ],
)
def test_a_no_waits_too_though_there_is_nothing_else_to_do(decision, status):
    bench = Bench()
    bench.client.decision = decision
    bench.offer(answered=False)
    bench.step(190)
    bench.step(10)
    assert (bench.heard, bench.manager.active) == ([], True)
    bench.step()
    assert bench.statuses == [RECEIVED, status]
    assert not bench.manager.active


def test_a_failure_at_once_waits_too():
    bench = Bench().offer(answered=False, size=-1)
    assert bench.client.named("fwup_error") == [("fwup_error", "update: the update has a bad size")]
    bench.step(150)
    bench.step()
    assert bench.heard == []
    assert bench.answer().statuses == [RECEIVED, failed("update: the update has a bad size")]


def test_another_update_while_a_restart_is_due_is_put_off_200_milliseconds_later():
    bench = Bench(*served()).offer().run(500)
    assert bench.manager.state == updates.INSTALLED
    before = len(bench.heard)
    bench.offer(answered=False, meta=dict(NEW_META, uuid="another"))
    bench.step(150)
    bench.step()
    assert len(bench.heard) == before
    bench.answer()
    assert bench.statuses[-1] == {
        "status": "rescheduled",
        "delay_for": 300_000,
        "reason": "a restart into other firmware is due",
    }
    assert bench.manager.state == updates.INSTALLED
    assert not bench.manager.active


def test_answers_that_wait_survive_a_lost_connection():
    bench = Bench()
    bench.client.decision = ignore("no")
    bench.offer(answered=False)
    bench.joined = False
    bench.manager.lost()
    bench.clock.advance(5000)
    bench.step()
    assert bench.heard == []
    assert bench.join() == UUID
    assert bench.statuses == [RECEIVED, {"status": "ignored", "reason": "no"}]


def test_answers_to_an_offer_just_before_a_join_wait_out_their_time():
    bench = Bench()
    bench.client.decision = ignore("no")
    bench.offer(answered=False)
    bench.clock.advance(100)
    bench.join()
    assert bench.heard == []
    bench.clock.advance(100)
    bench.step()
    assert bench.statuses == [RECEIVED, {"status": "ignored", "reason": "no"}]


def test_a_closed_manager_has_nothing_left_to_answer():
    bench = Bench()
    bench.offer(answered=False)
    bench.manager.close()
    assert not bench.manager.active


def test_a_reason_with_a_traceback_in_it_is_told_with_the_error_first():
    bench = Bench()
    bench.client.decision = ignore(
        "can't: Traceback (most recent call last):\r\n"
        '  File "code.py", line 3, in f\r\nOSError: 5\r\n'
    )
    bench.offer()
    assert bench.statuses[-1]["reason"] == 'can\'t: OSError: 5 (File "code.py", line 3, in f)'
