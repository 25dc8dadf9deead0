# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Downloads that are interrupted and resumed: what is requested again, what the writer and the server
get meanwhile, and when the download has failed for good.
"""

import hashlib
import random
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.desk import NEW_META, RecordingWriter, update
from support.fakes import AGAIN, END
from support.update_bench import (
    COMPLETED,
    FILE,
    HOUR,
    IMAGE,
    MINUTE,
    RECEIVED,
    STARTED,
    URL,
    UUID,
    Bench,
    Tries,
    assert_failed,
    failed,
    head,
    rest,
    served,
    status,
)

from nerveshub_link import ignore, reschedule
from nerveshub_link.common.callbacks import LEVELS
from nerveshub_link.errors import TransportError
from nerveshub_link.update import manager as updates

SIZE = len(IMAGE)
REFUSED = TransportError("can't connect to files.example: OSError: [Errno 111] ECONNREFUSED")
NO_MEMORY = TransportError("out of sockets", no_memory=True)
HTML = [head(5, b"Content-Type: text/html"), b"<html"]
NEW_URL = "http://files.example/2/new.fw?X-Amz-Signature=topsecret2"


def bench(*tries, retries=10, **options):
    return Bench(transport=Tries(*tries), download_retries=retries, **options)


def assert_installed(one, ranges):
    """The right image was installed once, and nothing else was reported."""
    assert one.transport.ranges == ranges
    assert one.statuses == [RECEIVED, STARTED, COMPLETED]
    begins = [at for at, call in enumerate(one.writer.heard) if call[0] == "fwup_begin"]
    one.writer.heard = one.writer.heard[begins[-1] :]
    assert one.writer.image == IMAGE
    assert one.written[-1] == "fwup_finish" and "fwup_abort" not in one.written
    assert one.client.named("fwup_error") == []
    assert one.actions == ["reboot"]
    assert "topsecret" not in one.log.text


def part(count):
    """The first bytes of a good answer, then the end."""
    return [head(), IMAGE[:count]]


# What is asked for


def test_rest_is_asked_for_and_written_behind_what_was_there():
    one = bench(part(700), rest(700)).offer().run(100)
    assert one.transport.ranges == [None, "bytes=700-"]
    assert one.written.count("fwup_begin") == 1 and "fwup_abort" not in one.written
    assert_installed(one, [None, "bytes=700-"])


def test_request_for_the_rest_differs_from_the_first_one_by_its_range_only():
    one = bench(part(700), rest(700)).offer().run(100)
    first, second = one.transport.heads
    assert second == first.replace(b"\r\n\r\n", b"\r\nRange: bytes=700-\r\n\r\n")


@pytest.mark.parametrize("count", [1, 2, 999, SIZE - 1])
def test_range_begins_where_it_broke_off(count):
    assert_installed(bench(part(count), rest(count)).offer().run(100), [None, "bytes=%d-" % count])


@pytest.mark.parametrize(
    "broken",
    [
        REFUSED,
        TransportError("can't connect to files.example: gaierror: -2"),
        [],
        [b"H"],
        [b"HTTP/1.1 200 OK\r\nContent-Le"],
        [b"garbage"],
        [head()],
        [TransportError("connection broke: OSError: [Errno 104] ECONNRESET")],
        [MemoryError()],
        [RuntimeError("pystack exhausted")],
        [head(SIZE - 1)],
        [head(SIZE + 1)],
        [head(None, b"Transfer-Encoding: chunked")],
        HTML,
        status(b"204 No Content"),
        status(b"206 Partial Content"),
        status(b"302 Found"),
        status(b"408 Request Timeout"),
        status(b"425 Too Early"),
        status(b"429 Too Many Requests"),
        status(b"500 Internal Server Error"),
        status(b"502 Bad Gateway"),
        status(b"503 Service Unavailable"),
        [b"HTTP/1.1 302 Found\r\nLocation: http:// /?topsecret\r\n\r\n"],
    ],
)
def test_whole_file_is_asked_for_without_a_range_after_anything_that_brought_nothing(broken):
    one = bench(broken, broken, served()).offer().run(100)
    assert set(one.transport.ranges) == {None}
    assert_installed(one, one.transport.ranges)


@pytest.mark.parametrize(
    "broken",
    [
        REFUSED,
        [],
        [b"HTTP/1.1 206 Part"],
        rest(700)[:1],
        HTML,
        status(b"503 Service Unavailable"),
        status(b"500 Internal Server Error"),
    ],
)
def test_what_was_there_is_kept_through_tries_that_bring_nothing(broken):
    one = bench(part(700), broken, rest(700)).offer().run(100)
    assert set(one.transport.ranges[1:]) == {"bytes=700-"}
    assert_installed(one, one.transport.ranges)


def test_each_break_goes_on_where_the_last_one_ended():
    tries = [part(100)] + [rest(at)[:2] for at in range(100, 1900, 100)] + [rest(1900)]
    one = bench(*tries).offer().run(100)
    assert_installed(one, [None] + ["bytes=%d-" % at for at in range(100, 2000, 100)])
    assert len(one.transport.heads) == 20


def test_rest_may_end_with_the_connection():
    one = bench(part(700), rest(700, length=False)).offer().run(100)
    assert_installed(one, [None, "bytes=700-"])


def test_complete_file_is_not_asked_for_again_where_only_the_end_did_not_come():
    # Without Content-Length there is the end of the connection to wait for, and it does not come
    # within the idle timeout.
    one = Bench(head(None), IMAGE, download_retries=10).offer().run(1000)
    assert len(one.transport.opened) == 1
    assert one.statuses[-1] == COMPLETED


# What is answered


def test_answer_with_the_whole_file_starts_again():
    one = bench(part(700), served()).offer().run(100)
    names = [name for name in one.written if name != "fwup_chunk"]
    assert names == ["fwup_begin", "fwup_abort", "fwup_begin", "fwup_finish"]
    assert_installed(one, [None, "bytes=700-"])


@pytest.mark.parametrize(
    "content_range",
    [
        "bytes 0-1999/2000",
        "bytes 699-1999/2000",
        "bytes 701-1999/2000",
        "bytes 700-1999/2001",
        "bytes 700-1998/2000",
        "bytes 700-1999/*",
        "bytes 700-1999",
        "bytes */2000",
        "items 700-1999/2000",
        "nonsense",
        " ",
    ],
)
def test_other_range_than_asked_for_is_not_taken_and_the_whole_is_asked_for(content_range):
    wrong = rest(700, content_range=content_range)
    one = bench(part(700), wrong, served()).offer().run(100)
    assert "asked for bytes 700-1999/2000, got" in one.log.text
    assert_installed(one, [None, "bytes=700-", None])


def test_range_of_another_length_than_announced_is_not_taken():
    answer = rest(700)
    answer[0] = answer[0].replace(b"Content-Length: 1300", b"Content-Length: 1299")
    one = bench(part(700), answer, served()).offer().run(100)
    assert_installed(one, [None, "bytes=700-", None])


def test_416_asks_for_the_whole_and_keeps_what_there_is_until_it_comes():
    one = bench(part(700), status(b"416 No"), REFUSED, [], rest(700)).offer().run(100)
    # The connection without an answer was about the whole, too; so is the next, until one answers.
    assert one.transport.ranges[:3] == [None, "bytes=700-", None]
    one = bench(part(700), status(b"416 No"), served()).offer().run(100)
    assert_installed(one, [None, "bytes=700-", None])


def test_nerveshubs_500_for_a_range_asks_for_the_whole_at_the_second_time_only():
    ill = status(b"500 Internal Server Error")
    one = bench(part(700), ill, rest(700)).offer().run(100)
    assert_installed(one, [None, "bytes=700-", "bytes=700-"])
    one = bench(part(700), ill, ill, served()).offer().run(100)
    assert_installed(one, [None, "bytes=700-", "bytes=700-", None])
    # A server that is ill as a whole has lost us nothing.
    one = bench(part(700), ill, ill, ill, rest(700)).offer().run(100)
    assert_installed(one, [None, "bytes=700-", "bytes=700-", None, "bytes=700-"])


@pytest.mark.parametrize("code", [400, 401])
def test_no_to_a_url_without_a_query_is_final_since_such_a_url_does_not_expire(code):
    one = bench(status(b"%d No" % code)).offer(firmware_url=FILE, deployment_id=7).run(100)
    assert_failed(one, "download: HTTP %d from %s" % (code, FILE), aborts=0)
    assert len(one.transport.opened) == 1


@pytest.mark.parametrize("code", [402, 404, 410, 451])
def test_plain_no_is_final_at_the_first_try_and_at_a_later_one(code):
    no = status(b"%d No" % code)
    words = ": not found" if code in (404, 410) else ""
    for tries in ([no], [part(700), no]):
        one = bench(*tries).offer().run(100)
        reason = "download: HTTP %d from %s%s" % (code, FILE, words)
        assert_failed(one, reason, aborts=len(tries) - 1)
        assert len(one.transport.opened) == len(tries)


def test_redirect_is_followed_anew_at_each_try():
    away = [b"HTTP/1.1 302 Found\r\nLocation: http://mirror.example/x?sig=%d\r\n\r\n"]
    tries = [[away[0] % 1], part(700), [away[0] % 2], rest(700)]
    one = bench(*tries).offer().run(100)
    hosts = [address[0] for address in one.transport.opened]
    assert hosts == ["files.example", "mirror.example"] * 2
    assert one.transport.heads[3].startswith(b"GET /x?sig=2 ")
    assert_installed(one, [None, None, "bytes=700-", "bytes=700-"])


def test_file_that_was_replaced_by_a_longer_one_meanwhile_starts_again():
    longer = IMAGE + b"more"
    one = bench(part(700), rest(700, longer), served(longer))
    one.offer(longer, size=None).run(100)
    assert one.statuses[-1]["status"] == "completed"
    assert one.writer.image[700:] == longer


def test_without_a_checksum_a_break_starts_from_zero():
    one = bench(part(700), served(), allow_unverified=True).offer(checksum=None).run(100)
    assert_installed(one, [None, None])


# How long, how often


def pauses(one):
    """Milliseconds between a break and the next connect."""
    found = []
    while one.manager.active:
        count = len(one.transport.opened)
        began = one.clock.passed
        while one.manager.active and one.manager.paused:
            one.step(25)
        if one.manager.active:
            if one.clock.passed != began:
                found.append(one.clock.passed - began)
            while one.manager.active and not one.manager.paused:
                one.step()
            assert len(one.transport.opened) in (count, count + 1)
    return found


def test_without_memory_to_find_out_why_it_broke_the_connection_goes_and_the_next_comes_soon():
    # Else the next bytes would be taken behind those that there was no memory for.
    one = bench(part(700), rest(700)).offer()
    with mock.patch(
        "nerveshub_link.update.download_retry.DownloadRetry.after", side_effect=MemoryError
    ):
        for _ in range(20):
            one.step(25)
    assert one.manager.paused and not one.transport.is_open
    one.run(25)
    assert_installed(one, [None, "bytes=700-"])


def test_fifteen_seconds_pass_between_two_tries_and_jitter(clock_gain):
    one = bench(part(700), REFUSED, rest(700)).offer()
    # The steps are 25 ms, or 26 if the clock gains one in each; the pause begins with the first.
    assert pauses(one) == [15_028 if clock_gain else 15_025] * 2
    one = bench(part(700), REFUSED, rest(700))
    one.jitter = 0.999
    assert pauses(one.offer()) == [22_542 if clock_gain else 22_525] * 2
    assert_installed(one, [None, "bytes=700-"])


def test_pause_begins_after_a_connect_that_took_its_time():
    one = bench(REFUSED, served()).offer()
    opened = one.transport.open

    def slow(*address):
        if not one.transport.opened:
            one.clock.advance(14_000)
        opened(*address)

    one.transport.open = slow
    began = one.clock()
    one.step()
    while len(one.transport.opened) < 2:
        one.step(25)
    assert (one.clock() - began) % (1 << 29) > 29_000


@pytest.mark.parametrize(("first", "tries"), [([], 11), (part(700), 11)])
def test_ten_new_tries_without_a_byte_and_it_has_failed_once(first, tries):
    one = bench(first, []).offer().run(1000)
    reason = "download: connection closed by the server (10 new tries in a row without progress)"
    assert_failed(one, reason, aborts=1 if first else 0)
    assert len(one.transport.opened) == tries
    assert one.statuses == [RECEIVED, STARTED, failed(reason)]


def test_five_hundred_breaks_with_progress_in_between_are_no_failure():
    tries = [part(4)] + [rest(at)[:1] + [IMAGE[at : at + 4]] for at in range(4, SIZE, 4)]
    one = bench(*tries, minimum_speed=30_000).offer().run(1000)
    assert_installed(one, [None] + ["bytes=%d-" % at for at in range(4, SIZE, 4)])


def test_mute_server_is_left_after_the_idle_timeout_and_asked_again():
    mute = [head(), IMAGE[:700]] + [AGAIN] * 100_000
    one = bench(mute, rest(700)).offer().run(1000)
    assert "broke off at 700 of 2000 bytes: the server went silent after 700 bytes" in one.log.text
    assert_installed(one, [None, "bytes=700-"])


def test_dripping_server_is_left_after_five_minutes_and_asked_again():
    drip = [head()] + [packet for at in range(700) for packet in (IMAGE[at : at + 1], AGAIN)]
    one = bench(drip, rest(75), minimum_speed=30_000).offer()
    while len(one.transport.opened) < 2 and one.manager.active:
        one.step(2000)
    assert "slower than 30000 bit/s at 75 of 2000 bytes" in one.log.text
    one.run(100)
    assert_installed(one, [None, "bytes=75-"])


def test_slow_server_has_the_time_that_the_rest_takes_at_the_minimum_speed():
    # 2,000 bytes at 20 bit/s: 800 seconds.
    drip = [head()] + [packet for at in range(SIZE) for packet in (IMAGE[at : at + 1], AGAIN)]
    one = bench(drip, minimum_speed=20).offer().run(199)  # two steps a byte
    assert_installed(one, [None])
    one = bench(drip, served(), minimum_speed=20).offer().run(205)
    assert one.transport.ranges == [None, one.transport.ranges[1]]
    assert "slower than 20 bit/s at " in one.log.text


def test_day_is_over_after_24_hours_whatever_progress_there_was():
    tries = [part(1)] + [rest(at)[:1] + [IMAGE[at : at + 1]] for at in range(1, SIZE)]
    one = bench(*tries)
    opened = one.transport.open

    def an_hour_later(*address):
        one.clock.advance(HOUR)
        opened(*address)

    one.transport.open = an_hour_later
    one.offer()
    while one.manager.active:
        one.step(5000)
    assert 20 < len(one.transport.opened) < 26
    # The server had forgotten it within the first of these hours: it must not hear of it.
    (reason,) = [call[1] for call in one.client.named("fwup_error")]
    assert reason.startswith("download: not done within 86400 s: ended after ")


@pytest.mark.parametrize("minimum_speed", [0, 30_000])
def test_drip_that_never_pauses_ends_with_the_time_for_all_tries(minimum_speed):
    drip = [head()] + [IMAGE[at : at + 1] for at in range(SIZE)]
    one = bench(drip, *[rest(at)[:1] + [b"x"] * SIZE for at in range(1, 4)], retries=1000)
    one.manager._image.loader._minimum_speed = minimum_speed
    one.manager._image.retry._timeout = 600_000
    began = one.clock.passed
    one.offer().run(1000)
    assert one.statuses[-1]["reason"].startswith("download: not done within 600 s")
    assert one.clock.passed - began < 610_000


def test_retries_may_be_off():
    one = bench(part(700), rest(700), retries=0).offer().run(100)
    assert_failed(one, "download: ended after 700 of 2000 bytes: connection closed by the server")


# Bytes that are wrong


BIG = random.Random(9).randbytes((1 << 20) + 5000)
PARTS = [hashlib.sha256(BIG[:-5000]).hexdigest().upper()]
PARTS.append(hashlib.sha256(BIG[-5000:]).hexdigest().upper())


def big_answer(damage=None):
    image = bytearray(BIG)
    if damage is not None:
        image[damage] ^= 4
    return [head(len(image)), bytes(image)]


def offer_big(*tries, **tweaks):
    one = bench(*tries, chunk_size=4096).offer(BIG, **dict({"partials_checksums": PARTS}, **tweaks))
    return one.run(100)


def test_bad_part_ends_the_try_at_once_and_the_next_one_starts_from_zero():
    one = offer_big(big_answer(17), big_answer())
    assert one.transport.ranges == [None, None]
    second = one.written.index("fwup_abort")
    taken = sum(len(call[1]) for call in one.writer.heard[:second] if call[0] == "fwup_chunk")
    assert taken <= 1 << 20
    one.writer.heard = one.writer.heard[second:]
    assert one.writer.image == BIG
    assert one.statuses == [RECEIVED, STARTED, COMPLETED]
    assert "part 1 of 2 is damaged" in one.log.text


def test_part_is_judged_across_a_break():
    first = [head(len(BIG)), BIG[:500_000]]
    one = offer_big(first, rest(500_000, BIG))
    assert one.writer.image == BIG and one.statuses[-1] == COMPLETED
    damaged = bytes(1) + BIG[1:500_000]
    one = offer_big([head(len(BIG)), damaged], rest(500_000, BIG), big_answer())
    assert one.transport.ranges == [None, "bytes=500000-", None]
    assert one.statuses[-1] == COMPLETED


def test_bad_part_at_three_starts_is_a_failure_with_the_reason():
    one = offer_big(*[big_answer(len(BIG) - 1)] * 3)
    assert_failed(one, "download: part 2 of 2 is damaged: its checksum is wrong", aborts=3)
    assert len(one.transport.opened) == 3


def test_wrong_whole_is_fetched_again_twice_and_has_failed_then():
    damaged = bytes([IMAGE[0] ^ 1]) + IMAGE[1:]
    one = bench(served(damaged), served()).offer().run(100)
    assert_installed(one, [None, None])
    one = bench(served(damaged)).offer().run(100)
    found, wanted = (hashlib.sha256(image).hexdigest() for image in (damaged, IMAGE))
    assert_failed(one, "verify: checksum is %s, should be %s" % (found, wanted), aborts=3)
    assert one.transport.ranges == [None] * 3


def test_image_that_is_too_long_is_fetched_again_and_never_resumed():
    too_long = [head(None), IMAGE + b"x"]
    one = bench(too_long, [head(None), IMAGE, b"x"], served()).offer().run(100)
    assert_installed(one, [None] * 3)


def test_parts_that_make_no_sense_are_told_and_not_used():
    one = bench(part(700), rest(700)).offer(partials_checksums=["x", 5]).run(100)
    assert "partials_checksums are invalid" in one.log.text
    assert_installed(one, [None, "bytes=700-"])


def test_writer_that_fails_in_the_second_start_is_told_to_abort_once_more():
    writer = RecordingWriter()
    one = bench(part(700), served(), writer=writer).offer()
    while len(writer.image) < 700:
        one.step(100)
    writer.raising = {"fwup_begin"}
    one.run(100)
    assert_failed(one, "fwup_begin: RuntimeError: the application's mistake", aborts=2)


# Room for one connection only


def test_no_memory_makes_room_and_a_later_break_lets_the_link_come_back():
    one = bench(NO_MEMORY, part(700), NO_MEMORY, rest(700)).offer()
    assert one.step() == "no room"
    assert one.manager.alone and not one.manager.paused
    while not one.manager.paused:
        one.step()
    assert not one.manager.alone  # the link may use the pause
    while not one.manager.alone:
        one.step(1000)
    one.run(100)
    assert one.actions == ["no room", "no room", "reboot"]
    assert one.transport.ranges == [None, "bytes=700-"]
    assert one.writer.image == IMAGE


def test_no_memory_alone_is_a_break_as_any():
    one = bench(NO_MEMORY).offer().run(1000)
    assert one.statuses[-1] == failed(
        "download: out of sockets (10 new tries in a row without progress)"
    )
    assert len(one.transport.opened) == 22


# The device is offline


def test_device_that_is_offline_waits_for_the_network_instead_of_failing():
    one = bench(part(700), REFUSED).offer()
    while len(one.writer.image) < 700:
        one.step(100)
    one.joined = False
    one.manager.lost()
    for _ in range(3600):
        one.step(1000)
    assert len(one.transport.opened) == 11
    assert "next try when online" in one.log.text
    assert one.manager.paused
    one.transport.tries = [rest(700)]
    one.join()
    one.run(100)
    assert one.writer.image == IMAGE


def test_device_that_stays_offline_has_failed_after_a_day():
    one = bench(REFUSED).offer()
    one.joined = False
    one.manager.lost()
    one.run(60_000)
    (reason,) = [call[1] for call in one.client.named("fwup_error")]
    assert reason.startswith("download: not done within 86400 s: can't connect to files.example")


# What the server hears meanwhile


def test_server_hears_nothing_of_a_break_and_no_progress_twice():
    one = bench(part(700), REFUSED, rest(700)).offer().run(600)
    assert one.progress == sorted(set(one.progress))
    assert one.statuses == [RECEIVED, STARTED, COMPLETED]


def test_each_break_is_one_line_in_the_log_without_the_query():
    one = bench(part(700), REFUSED, rest(700)).offer().run(100)
    lines = [text for level, text in one.log.lines if level == LEVELS["warning"]]
    assert lines == [
        "nerveshub_link: download broke off at 700 of 2000 bytes: ended after 700 of 2000 bytes: "
        "connection closed by the server; next try in 15 s",
        "nerveshub_link: download broke off at 700 of 2000 bytes: can't connect to files.example: "
        "OSError: [Errno 111] ECONNREFUSED; next try in 15 s",
    ]


def test_pauses_live_with_the_servers_half_an_hour():
    one = bench(part(700), rest(700)).offer()
    one.manager._image.retry._delay = 26 * MINUTE
    while not one.actions:
        one.step(1000)
    assert one.actions == ["rejoin"]
    assert one.manager.paused
    assert one.join() is None
    one.heard.clear()
    one.offer(deployment_id=1)  # again
    one.run(1000)
    assert one.statuses == [RECEIVED, STARTED, COMPLETED]
    assert one.writer.image == IMAGE


# A URL that has expired

EXPIRED = status(b"403 Forbidden")
HAS_EXPIRED = "download: HTTP 403 from %s: has the URL expired? Push again" % FILE
GIVEN_UP = "download: URL expired, and the server has not offered the update again"


def expired(*tries, deployment_id=7, answer=EXPIRED):
    """A bench on which the URL has expired, after the given tries."""
    one = bench(*tries, answer, rest(700)).offer(deployment_id=deployment_id)
    while one.manager.active and not one.actions:
        one.step(1000)
    return one


def test_manual_push_whose_url_expired_says_push_again():
    for tries, aborts in (((), 0), ((part(700),), 1)):
        one = expired(*tries, deployment_id=None)
        assert_failed(one, HAS_EXPIRED, aborts)


@pytest.mark.parametrize("told_by", [b"403 Forbidden", b"400 Bad Request", b"401 Unauthorized"])
def test_expired_url_of_a_deployment_is_renewed_by_a_join_and_the_download_goes_on(told_by):
    one = expired(part(700), answer=status(told_by))
    assert one.actions == ["rejoin"]
    assert one.join() is None  # so that the server offers it anew
    one.heard.clear()
    for _ in range(60):
        assert one.step(1000) is None
    one.offer(deployment_id=7, firmware_url=NEW_URL)
    one.run(100)
    assert one.transport.heads[-1].startswith(
        b"GET /2/new.fw?X-Amz-Signature=topsecret2 HTTP/1.1\r\n"
    )
    assert one.transport.ranges[-1] == "bytes=700-"
    assert one.statuses == [RECEIVED, STARTED, COMPLETED]
    assert one.writer.image == IMAGE and one.written.count("fwup_begin") == 1
    assert len(one.client.named("update_available")) == 1


@pytest.mark.parametrize("tweaks", [{"size": None}, {"image": IMAGE[::-1]}])
def test_another_image_at_the_new_url_starts_from_zero(tweaks):
    tweaks = dict({"image": IMAGE}, **tweaks)
    image = tweaks["image"]
    one = expired(part(700))
    one.join()
    one.transport.tries = [served(image)]
    one.offer(deployment_id=7, firmware_url=NEW_URL, **tweaks).run(100)
    assert one.transport.ranges[-1] is None
    names = [name for name in one.written if name != "fwup_chunk"]
    assert names == ["fwup_begin", "fwup_abort", "fwup_begin", "fwup_finish"]
    assert one.writer.image[700:] == image


def test_url_that_expires_again_has_failed_once():
    one = expired(part(700))
    one.transport.tries = [EXPIRED]
    one.join()
    one.heard.clear()
    one.offer(deployment_id=7, firmware_url=NEW_URL)
    one.run(100)
    reason = "download: HTTP 403 from http://files.example/2/new.fw, at a new URL, too"
    assert one.statuses == [RECEIVED, STARTED, failed(reason)]
    assert one.client.named("fwup_error") == [("fwup_error", reason)]
    assert one.written.count("fwup_abort") == 1
    assert one.manager.state == updates.IDLE


def test_offer_that_does_not_come_back_has_failed_and_a_server_that_forgot_is_not_told():
    one = expired(part(700))
    one.join()
    one.heard.clear()
    passed = 0
    while one.manager.active:
        one.step(1000)
        passed += 1
    assert 300 <= passed <= 303
    assert one.heard == []  # a word about it would crash the channel
    assert one.client.named("fwup_error") == [("fwup_error", GIVEN_UP)]
    assert one.written[-1] == "fwup_abort"
    assert one.join() is None
    one.transport.tries = [served()]
    one.offer(deployment_id=7).run(100)
    assert one.statuses == [RECEIVED, STARTED, COMPLETED]


def test_wait_for_the_offer_begins_with_the_join():
    one = expired(part(700))
    one.manager.lost()
    for _ in range(3600):
        assert one.step(1000) == "rejoin"  # until a join can tell
    assert one.join() is None
    for _ in range(299):
        assert one.step(1000) is None
    assert one.manager.active
    one.run(1000)
    assert one.client.named("fwup_error") == [("fwup_error", GIVEN_UP)]


def test_join_whose_parameters_were_older_is_not_the_one():
    one = bench(part(700), EXPIRED, rest(700)).offer(deployment_id=7)
    assert one.manager.downloading_uuid(one.clock()) == UUID  # asked for by a join on its way
    while not one.actions:
        one.step(1000)
    one.manager.joined(one.clock())  # its answer
    assert one.step(1000) == "rejoin"
    assert one.manager.downloading_uuid(one.clock()) is None
    one.manager.joined(one.clock())
    assert one.step(1000) is None


def test_another_update_that_is_offered_instead_is_taken():
    one = expired(part(700))
    one.join()
    one.heard.clear()
    one.transport.tries = [served()]
    one.offer(firmware_meta=dict(NEW_META, uuid="third"), deployment_id=8).run(100)
    names = [name for name in one.written if name != "fwup_chunk"]
    assert names == ["fwup_begin", "fwup_abort", "fwup_begin", "fwup_finish"]
    assert one.statuses == [RECEIVED, STARTED, COMPLETED]
    assert len(one.client.named("update_available")) == 2


@pytest.mark.parametrize(
    "tweaks", [{"firmware_url": "ftp://h/?topsecret"}, {"checksum": "no"}, {"size": "many"}]
)
def test_new_offer_that_is_invalid_has_failed(tweaks):
    one = expired(part(700))
    one.join()
    one.offer(**dict({"deployment_id": 7}, **tweaks))
    assert one.statuses[-1]["status"] == "failed"
    assert one.written[-1] == "fwup_abort"
    assert one.manager.state == updates.IDLE
    assert "topsecret" not in one.log.text


# The writer is asked first


@pytest.mark.parametrize("deployment_id", [None, 0, 3])
def test_writer_is_asked_with_the_metadata_and_whether_it_is_a_deployments(deployment_id):
    writer = RecordingWriter()
    asked = []
    writer.fwup_check = lambda meta, deployment: asked.append((meta, deployment))
    one = Bench(*served(), writer=writer).offer(deployment_id=deployment_id).run()
    assert asked == [(update(IMAGE)["firmware_meta"], deployment_id is not None)]
    assert one.statuses[-1] == COMPLETED


@pytest.mark.parametrize(
    ("decision", "said"),
    [
        (ignore("it crashed here"), {"status": "ignored", "reason": "it crashed here"}),
        (
            reschedule(60_000, "not confirmed yet"),
            {"status": "rescheduled", "delay_for": 60_000, "reason": "not confirmed yet"},
        ),
    ],
)
def test_writer_that_says_no_is_believed_and_the_application_not_asked(decision, said):
    writer = RecordingWriter()
    writer.fwup_check = lambda meta, deployment: decision
    one = Bench(writer=writer).offer()
    assert one.statuses == [RECEIVED, said]
    assert one.client.named("update_available") == []
    assert one.transport.opened == []


@pytest.mark.parametrize("answer", [RuntimeError("a mistake"), MemoryError(), "no", 5])
def test_writer_that_raises_or_answers_nonsense_leaves_it_to_the_application(answer):
    def check(meta, deployment):
        if isinstance(answer, Exception):
            raise answer
        return answer

    writer = RecordingWriter()
    writer.fwup_check = check
    one = Bench(*served(), writer=writer).offer().run()
    assert "fwup_check: " in one.log.text
    assert len(one.client.named("update_available")) == 1
    assert one.statuses[-1] == COMPLETED


# Everything at once


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.data())
def test_whatever_breaks_in_whatever_order_the_image_is_right_or_not_there(data):
    """A server that serves ranges rightly, and a network that does what it wants."""

    class Wild(Tries):
        breaks = 0

        def open(self, *address):
            self.tries = [[]]
            super().open(*address)

        def send(self, view):
            count = super().send(view)
            text = self.ranges[-1]
            offset = int(text[6:-1]) if text else 0
            answer = rest(offset) if offset else served()
            kind = data.draw(st.sampled_from(["cut", "flip", "whole", "ill", "good"]))
            if kind == "whole":
                answer = served()
            elif kind == "ill":
                answer = status(b"500 Oops")
            elif kind != "good":
                stream = bytearray(b"".join(answer))
                at = data.draw(st.integers(0, len(stream) - 1))
                if kind == "cut":
                    stream = stream[:at]
                else:
                    stream[at] ^= 1 << data.draw(st.integers(0, 7))
                answer = [bytes(stream[at : at + 300]) for at in range(0, len(stream), 300)]
            self.incoming = [*answer, END]
            return count

    one = Bench(transport=Wild([]), download_retries=10).offer(deployment_id=1)
    for _ in range(100_000):
        if not one.manager.active:
            break
        action = one.step(5000)
        if action == "rejoin" and one.join() is None:
            one.offer(deployment_id=1)
    if ("fwup_finish",) in one.writer.heard:
        begins = [at for at, call in enumerate(one.writer.heard) if call[0] == "fwup_begin"]
        one.writer.heard = one.writer.heard[begins[-1] :]
        assert one.writer.image == IMAGE
        assert one.statuses[-1] == COMPLETED
    else:
        assert len(one.client.named("fwup_error")) == 1
    assert URL not in one.log.text
