# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Updates of a writer that does not need the whole image: which parts are requested, over which
connection; after any unusual answer the whole image is downloaded from zero.
"""

from unittest import mock

import pytest
from support.desk import RecordingWriter
from support.fakes import END
from support.parts import PartServer
from support.update_bench import COMPLETED, IMAGE, Bench, failed

from nerveshub_link.errors import DownloadError, TransportError
from nerveshub_link.update import manager as updates

SIZE = len(IMAGE)
RESET = TransportError("connection broke: OSError: [Errno 104] ECONNRESET")
OTHER = "0" * 64
FIRST = "bytes=0-299"
LATER = "bytes=900-1099"


class PartsWriter(RecordingWriter):
    """
    Wants the first 300 bytes, and then what the test says.

    :param spans: what `fwup_next` returns, one after the other; an exception is raised
    """

    fwup_first = 300

    def __init__(self, *spans):
        super().__init__()
        self.spans = list(spans)
        self.asked = []

    def fwup_next(self, received, kept):
        self.asked.append((received, kept))
        span = self.spans.pop(0)
        if isinstance(span, Exception):
            raise span
        return span


def bench(*spans, server=None, retries=10, **options):
    writer = options.pop("writer", None) or PartsWriter(*spans)
    return Bench(
        transport=server or PartServer(IMAGE), writer=writer, download_retries=retries, **options
    )


def assert_whole(one):
    """The whole image came last, from zero, and was checked."""
    begins = [at for at, call in enumerate(one.writer.heard) if call[0] == "fwup_begin"]
    one.writer.heard = one.writer.heard[begins[-1] :]
    assert one.writer.image == IMAGE
    assert one.statuses[-1] == COMPLETED
    assert "update verified by its checksum" in [
        text.partition(": ")[2] for _, text in one.log.lines
    ]


def test_parts_come_over_one_connection_and_what_is_between_them_does_not():
    one = bench((900, 1100), (1500, 1700), None).offer().run(100)
    assert one.transport.ranges == [FIRST, LATER, "bytes=1500-1699"]
    assert len(one.transport.opened) == 1
    assert one.writer.image == IMAGE[:300] + IMAGE[900:1100] + IMAGE[1500:1700]
    assert one.writer.asked == [(300, True), (1100, True), (1700, True)]
    assert one.statuses[-1] == COMPLETED
    assert one.written.count("fwup_begin") == 1 and one.written[-1] == "fwup_finish"


def test_a_part_is_asked_for_with_both_ends_and_a_kept_connection():
    one = bench(None).offer().run(100)
    head = bytes(one.transport.offered[0])
    assert b"\r\nRange: bytes=0-299\r\n" in head and b"\r\nConnection: keep-alive\r\n" in head


def test_without_all_bytes_the_servers_checksum_does_not_count_and_the_log_says_who_verified():
    one = bench((900, 1100), None).offer(checksum=OTHER).run(100)
    assert one.statuses[-1] == COMPLETED
    assert "update verified by its signature: 1 KB of 2 KB travelled" in one.log.text


def test_where_all_bytes_came_the_servers_checksum_counts():
    right = bench((300, 800), (800, 0)).offer().run(100)
    assert right.transport.ranges == [FIRST, "bytes=300-799", "bytes=800-"]
    assert_whole(right)
    wrong = bench(*[(300, 0)] * 3).offer(checksum=OTHER).run(100)
    assert wrong.statuses[-1]["status"] == "failed"
    assert "should be " + OTHER in wrong.statuses[-1]["reason"]
    assert "fwup_finish" not in wrong.written


def test_bytes_that_come_once_more_can_not_be_checked_against_the_servers_checksum():
    one = bench((200, 0)).offer().run(100)
    assert one.writer.image == IMAGE[:300] + IMAGE[200:]
    assert "update verified by its signature" in one.log.text


def test_a_writer_with_work_to_do_is_asked_again_at_the_next_poll():
    one = bench(False, False, (900, 1100), None).offer()
    while not one.writer.asked:
        one.step(100)
    sent = len(one.transport.ranges)
    one.step(100)
    assert one.writer.asked == [(300, True)] * 2 and len(one.transport.ranges) == sent
    one.run(100)
    assert one.transport.ranges == [FIRST, LATER]


def test_what_is_there_without_a_download_counts_in_the_progress():
    one = bench(800, 1200, (1500, 1600), None).offer().run(600)
    assert [value for stage, value in one.progress if stage == "downloading"] == [0, 15, 40, 60, 80]
    assert one.transport.ranges == [FIRST, "bytes=1500-1599"]


def test_progress_never_goes_back_when_bytes_come_once_more():
    one = bench((900, 1100), (1000, 1900), (1850, 0), chunk_size=64).offer().run(600)
    percents = [value for stage, value in one.progress if stage == "downloading"]
    assert percents == sorted(set(percents)) and percents[-1] == 100
    assert all(isinstance(percent, int) for percent in percents)


def test_a_connection_that_the_server_closes_is_told_to_the_writer_and_made_anew():
    server = PartServer(IMAGE, keeps=False)
    one = bench((900, 1100), None, server=server).offer().run(100)
    assert one.writer.asked == [(300, False), (1100, False)]
    assert len(server.opened) == 2 and server.ranges == [FIRST, LATER]
    assert one.statuses[-1] == COMPLETED


@pytest.mark.parametrize("error", [END, RESET])
def test_a_kept_connection_that_was_closed_meanwhile_is_made_anew_at_once(error):
    server = PartServer(IMAGE, {1: lambda answer: [error]})
    one = bench((900, 1100), None, server=server).offer()
    for _ in range(40):  # of no time at all: no pause between two tries
        one.step()
    assert server.ranges == [FIRST, LATER, LATER] and len(server.opened) == 2
    assert "broke off" not in one.log.text
    assert one.statuses[-1] == COMPLETED


def test_a_new_connection_that_is_closed_at_once_is_a_try_that_failed():
    server = PartServer(IMAGE, {1: lambda answer: [END], 2: lambda answer: [END]})
    one = bench((900, 1100), (900, 1100), None, server=server).offer().run(100)
    assert server.ranges == [FIRST, LATER, LATER, LATER]
    assert one.log.text.count("broke off at 900 of 2000 bytes") == 1
    assert one.statuses[-1] == COMPLETED


def test_when_a_part_breaks_off_the_writer_says_where_it_goes_on():
    server = PartServer(IMAGE, {1: lambda answer: [answer[:-80], END]})
    one = bench((900, 1100), (1000, 1100), None, server=server).offer().run(100)
    assert one.writer.asked == [(300, True), (1020, False), (1100, True)]
    assert server.ranges == [FIRST, LATER, "bytes=1000-1099"]
    assert one.writer.image == IMAGE[:300] + IMAGE[900:1020] + IMAGE[1000:1100]
    assert one.statuses[-1] == COMPLETED


CLOSED = dict.fromkeys(range(10), lambda answer: [END])


def test_where_every_part_breaks_off_the_last_try_is_for_the_whole():
    one = bench(server=PartServer(IMAGE, CLOSED)).offer().run(100)
    assert one.transport.ranges == [FIRST] * 10 + [None]
    assert "no parts from this server: they break off" in one.log.text
    assert_whole(one)


def test_a_later_part_that_breaks_off_each_time_ends_with_the_whole_too():
    changes = dict.fromkeys(range(1, 12), lambda answer: [END])
    one = bench(*[(900, 1100)] * 10, server=PartServer(IMAGE, changes)).offer().run(100)
    # On the kept connection it is no try that failed.
    assert one.transport.ranges == [FIRST, *[LATER] * 11, None]
    assert_whole(one)


def test_while_the_device_is_offline_parts_that_break_off_are_the_networks_fault():
    one = bench((900, 1100), None, server=PartServer(IMAGE, CLOSED)).offer()
    one.manager.lost()
    while one.log.text.count("broke off") < 10:
        one.step(1000)
    one.join()
    one.run(100)
    assert one.transport.ranges == [FIRST] * 11 + [LATER]
    assert one.statuses[-1] == COMPLETED


def test_before_the_first_byte_the_first_part_is_asked_for_again():
    server = PartServer(IMAGE, {0: lambda answer: [END]})
    one = bench(None, server=server).offer().run(100)
    assert server.ranges == [FIRST, FIRST] and one.writer.asked == [(300, True)]
    assert one.statuses[-1] == COMPLETED


def changed(old, new):
    """An answer with another text in its head."""

    def change(answer):
        assert old in answer
        return answer.replace(old, new, 1)

    return change


def refused(line):
    return lambda answer: b"HTTP/1.1 " + line + b"\r\ncontent-length: 0\r\n\r\n"


WHOLE = b"HTTP/1.1 200 OK\r\ncontent-length: 2000\r\n\r\n" + IMAGE
ODD = {
    "200 to a range": lambda answer: WHOLE,
    "416": refused(b"416 Range Not Satisfiable"),
    "400": refused(b"400 Bad Request"),
    "403": refused(b"403 Forbidden"),
    "500": refused(b"500 Internal Server Error"),
    "other total": changed(b"/2000", b"/2001"),
    "no total": changed(b"/2000", b"/*"),
    "other range": changed(b"content-range: bytes ", b"content-range: bytes 1"),
    "no range": changed(b"content-range", b"x-range"),
    "no length": changed(b"content-length", b"x-length"),
    "other length": changed(b"content-length: ", b"content-length: 1"),
    "chunked": changed(b"etag", b"transfer-encoding: chunked\r\netag"),
    "compressed": changed(b"etag", b"content-encoding: gzip\r\netag"),
}


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("name", ODD)
def test_after_any_odd_answer_to_a_part_the_whole_comes_from_zero(name, number):
    server = PartServer(IMAGE, {number: ODD[name]})
    one = bench((900, 1100), None, server=server).offer().run(100)
    again = [] if name == "200 to a range" else [None]
    assert server.ranges == [FIRST, LATER][: number + 1] + again
    assert "no parts from this server: " in one.log.text
    assert "broke off" not in one.log.text  # at once
    assert_whole(one)


@pytest.mark.parametrize(
    "name, old", [("content-range", b"content-range: "), ("content-encoding", b"etag: ")]
)
def test_what_the_server_says_of_a_part_is_made_safe_for_the_log(name, old):
    wrong = name.encode() + b": \x1b[2J\x7f\xc3\xa9 http://h/?X-Amz-Signature=topsecret "
    server = PartServer(IMAGE, {0: changed(old, wrong)})
    one = bench(server=server).offer().run(100)
    (text,) = [text for _, text in one.log.lines if "no parts from this server" in text]
    assert text.isascii() and text.isprintable() and "topsecret" not in text
    assert_whole(one)


def test_a_part_that_is_longer_than_it_says_ends_with_the_whole():
    server = PartServer(IMAGE, {0: lambda answer: answer + b"HTTP/1.1 and what not\r\n"})
    one = bench((900, 1100), (900, 1100), (900, 1100), None, server=server).offer().run(100)
    assert server.ranges[-1] is None
    assert_whole(one)


@pytest.mark.parametrize("line", [b"503 Service Unavailable", b"429 Too Many Requests"])
def test_a_busy_server_is_asked_for_the_same_part_later(line):
    server = PartServer(IMAGE, {1: refused(line)})
    one = bench((900, 1100), (900, 1100), None, server=server).offer().run(100)
    assert server.ranges == [FIRST, LATER, LATER]
    assert one.statuses[-1] == COMPLETED and "no parts" not in one.log.text


def test_a_redirect_of_a_part_is_followed():
    found = b"HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n"
    server = PartServer(IMAGE, {0: lambda answer: found})
    one = bench((900, 1100), None, server=server).offer().run(100)
    assert server.ranges == [FIRST, FIRST, LATER] and len(server.opened) == 2
    assert one.statuses[-1] == COMPLETED


@pytest.mark.parametrize("first", [0, SIZE, SIZE + 1])
def test_an_image_no_longer_than_the_first_part_comes_whole(first):
    writer = PartsWriter()
    writer.fwup_first = first
    one = bench(writer=writer).offer().run(100)
    assert one.transport.ranges == [None] and writer.asked == []
    assert_whole(one)


def test_an_image_of_unknown_length_comes_whole():
    one = bench().offer(size=None).run(100)
    assert one.transport.ranges == [None]
    assert_whole(one)


def test_a_writer_that_finds_wrong_bytes_gets_the_whole_from_zero():
    one = bench((900, 1100))
    one.writer.raising.add("fwup_chunk")
    one.writer.error = DownloadError("chunk 5 is damaged", "restart")
    one.writer.doing["fwup_begin"] = lambda: (
        len(one.transport.ranges) > 1 and (one.writer.raising.clear())
    )
    one.offer().run(100)
    assert one.transport.ranges == [FIRST, None]
    assert "fwup_chunk" in one.written and "chunk 5 is damaged" in one.log.text
    assert_whole(one)


def test_wrong_bytes_end_the_update_after_two_restarts():
    one = bench((900, 1100))
    one.writer.raising.add("fwup_chunk")
    one.writer.error = DownloadError("chunk 5 is damaged", "restart")
    one.offer().run(100)
    assert one.transport.ranges == [FIRST, None, None]
    assert one.statuses[-1] == failed("fwup_chunk: chunk 5 is damaged")


def test_a_writer_that_can_not_go_on_with_parts_gets_the_whole_from_zero():
    one = bench(DownloadError("no memory to copy a chunk", "restart")).offer().run(100)
    assert one.transport.ranges == [FIRST, None]
    assert_whole(one)


def test_ctrl_c_while_the_writer_is_asked_aborts_the_update_and_passes():
    one = bench()
    one.writer.fwup_next = mock.Mock(side_effect=KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        one.offer().run(100)
    assert one.written[-1] == "fwup_abort" and not one.transport.is_open
    assert one.manager.state == updates.IDLE


def test_a_link_that_is_closed_while_the_writer_is_asked_asks_for_nothing_more():
    one = bench()

    def closes(received, kept):
        one.manager.close()
        return 900, 1100

    one.writer.fwup_next = closes
    one.offer().run(100)
    assert one.transport.ranges == [FIRST] and not one.transport.is_open
    assert one.written[-1] == "fwup_abort"


def test_a_break_between_the_answer_of_the_writer_and_the_next_part_asks_it_again():
    one = bench((900, 1100), (900, 1100), None)
    fetch, failing = one.manager._image.fetch, [MemoryError()]

    def fails_once(span):
        if failing:
            raise failing.pop()
        fetch(span)

    one.manager._image.fetch = fails_once
    one.offer().run(100)
    assert one.writer.asked == [(300, True), (300, False), (1100, True)]
    assert one.statuses[-1] == COMPLETED


def test_what_fwup_next_raises_is_the_end_of_the_update():
    one = bench(OSError(28)).offer().run(100)
    assert one.statuses[-1] == failed("fwup_next: OSError: 28")
    assert one.written[-1] == "fwup_abort" and not one.transport.is_open


ELSEWHERE = "https://other.example/2/new.fw?X-Amz-Signature=topsecret"


def offered_again(one, received):
    """Step until so many bytes have come; then the server offers the update at another URL."""
    while one.manager._image.loader.received < received:
        one.step(100)
    one.manager._reports.forget()
    return one.offer(firmware_url=ELSEWHERE)


def test_between_two_parts_a_newer_url_is_asked_at_its_own_host():
    one = bench(False, (900, 1100), None).offer()
    while not one.writer.asked:
        one.step(100)
    assert one.transport.is_open  # it is kept
    offered_again(one, 300).run(100)
    assert [address[:3] for address in one.transport.opened] == [
        ("files.example", 80, False),
        ("other.example", 443, True),
    ]
    assert one.transport.ranges == [FIRST, LATER]
    assert one.statuses[-1] == COMPLETED


@pytest.mark.parametrize("keeps", [True, False])
def test_a_newer_url_that_comes_within_a_part_counts_for_the_next_one(keeps):
    server = PartServer(IMAGE, keeps=keeps)
    one = bench((900, 1100), (1500, 1700), None, server=server, chunk_size=64).offer()
    offered_again(one, 901).run(100)
    hosts = [address[0] for address in server.opened]
    assert hosts[-1] == "other.example" and server.ranges == [FIRST, LATER, "bytes=1500-1699"]
    assert one.statuses[-1] == COMPLETED


def test_each_new_connection_begins_at_the_updates_own_url():
    found = b"HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n"
    server = PartServer(IMAGE, {0: lambda answer: found, 2: lambda answer: found}, keeps=False)
    one = bench((900, 1100), None, server=server).offer().run(100)
    paths = [bytes(data).split(b" ")[1].partition(b"?")[0] for data in server.offered]
    assert paths == [b"/1/new.fw", b"/elsewhere", b"/1/new.fw", b"/elsewhere"]
    assert one.statuses[-1] == COMPLETED


def test_where_the_url_had_expired_the_parts_begin_anew_at_the_new_one():
    refusal = refused(b"403 Forbidden")
    server = PartServer(IMAGE, {1: refusal, 2: refusal})
    one = bench((900, 1100), (900, 1100), None, server=server).offer(deployment_id=7)
    while not one.actions:
        one.step(100)
    assert server.ranges == [FIRST, LATER, None]
    one.join()
    one.offer(deployment_id=7, firmware_url=ELSEWHERE).run(100)
    assert server.ranges[3:] == [FIRST, LATER]
    assert one.written.count("fwup_begin") == 2
    assert one.statuses[-1] == COMPLETED


def test_no_part_is_asked_for_behind_the_end_that_the_update_has_told():
    one = bench((900, SIZE + 1)).offer().run(100)
    assert one.transport.ranges == [FIRST, "bytes=900-"]
    assert max(value for _, value in one.progress) == 100


def test_no_connection_is_kept_behind_an_update():
    one = bench((900, 1100), None).offer().run(100)
    assert not one.transport.is_open
