# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Downloads: literal answers over loopback sockets; where packet borders or time matter, a transport
whose packets the test defines.
"""

import random
import select
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.ca import ThrowawayCa
from support.fakes import AGAIN, END, FakeClock, FakeTransport
from support.raw_server import DEADLINE, RawServer, hold, read_head, reset

from nerveshub_link.errors import (
    DownloadError,
    NervesHubError,
    ProtocolError,
    TransportError,
    UpdateError,
)
from nerveshub_link.update import downloader as download
from nerveshub_link.update.downloader import Downloader
from nerveshub_link.wire.transport import Transport

IMAGE = random.Random(4).randbytes(10_000)
SECRET = "X-Amz-Signature=topsecret"
OK = b"HTTP/1.1 200 OK\r\n"


class Waiting(Transport):
    """Waits for the server where the device would look again later."""

    def wait(self):
        if self.is_open and not self.readable():
            ready = select.select([self._socket], [], [], DEADLINE)[0]
            assert ready, "the server neither answered nor hung up"


class Watched(FakeTransport):
    """Fails the test if it is read without having said that there is something to read."""

    def __init__(self, *incoming, **options):
        super().__init__(*incoming, **options)
        self._asked = False

    def readable(self):
        self._asked = super().readable()
        return self._asked

    def recv_into(self, view):
        assert self._asked, "a read that may block"
        self._asked = False
        return super().recv_into(view)


def wait_nowhere():
    """For the fake transport: what it has is there at once."""


def fetch(transport, url, size, chunk_size=4096, loader=None):
    """Download to the end; return the results in order, without the waits, and the bytes."""
    loader = loader or Downloader(transport, chunk_size, DEADLINE, 60_000)
    loader.start(url, size)
    results, body = [], b""
    while True:
        result = loader.step(0)
        if result == download.WAITING:
            getattr(transport, "wait", wait_nowhere)()
            continue
        results.append(result)
        if result == download.DATA:
            assert 0 < len(loader.data) <= chunk_size
            assert loader.received == len(body)
            body += bytes(loader.data)
            loader.taken()
            assert loader.received == len(body)
        if result == download.DONE:
            return results, body


def get(server, size=len(IMAGE), path="/new.fw?" + SECRET, context=None, **options):
    scheme = "https" if context else "http"
    url = "%s://%s:%d%s" % (scheme, server.host, server.port, path)
    return fetch(Waiting(socket, context), url, size, **options)


def answering(*packets, then=None):
    """A behaviour: answer the request by these bytes, then hang up or do what ``then`` does."""

    def behave(peer):
        read_head(peer)
        try:
            for packet in packets:
                peer.sendall(packet)
        except OSError:
            return  # the client knows enough
        if then is not None:
            then(peer)

    return behave


def head(*lines, status=b"200 OK"):
    return b"\r\n".join((b"HTTP/1.1 " + status,) + lines) + b"\r\n\r\n"


def length(number):
    return b"Content-Length: %d" % number


def refusal(answer, size=len(IMAGE), error=UpdateError):
    """What an answer is refused for; it must not tell the URL's query."""
    with RawServer(answering(answer)) as server:
        with pytest.raises(error) as caught:
            get(server, size)
    text = str(caught.value)
    assert "topsecret" not in text
    return text.replace("%s:%d" % (server.host, server.port), "HOST")


# What goes well


def test_request_is_a_plain_get_with_the_query_and_without_any_credential_of_ours():
    seen = []

    def behave(peer):
        seen.append(read_head(peer))
        peer.sendall(head(length(3)) + b"abc")

    with RawServer(behave) as server:
        assert get(server, 3)[1] == b"abc"
    assert seen == [
        b"GET /new.fw?X-Amz-Signature=topsecret HTTP/1.1\r\n"
        b"Host: 127.0.0.1:%d\r\n"
        b"User-Agent: nerveshub_link\r\n"
        b"Accept-Encoding: identity\r\n"
        b"Connection: close\r\n\r\n" % server.port
    ]


def test_image_comes_in_chunks_and_whole():
    with RawServer(answering(head(length(len(IMAGE))) + IMAGE)) as server:
        results, body = get(server, chunk_size=1024)
    assert body == IMAGE
    assert results[:2] == [download.CONNECTED, download.HEAD]
    assert results[-1] == download.DONE
    assert set(results[2:-1]) == {download.DATA}


def test_total_is_known_from_the_head_on():
    transport = FakeTransport(head(length(5)), b"12345")
    loader = Downloader(transport, 1024, 10, 60_000)
    loader.start("http://h/", None)
    while loader.step(0) != download.HEAD:
        assert loader.total == 0
    assert (loader.total, loader.received) == (5, 0)
    assert (loader.step(0), loader.received) == (download.DATA, 0)
    loader.taken()
    assert loader.received == 5
    assert loader.step(0) == download.DONE


def test_bytes_that_nobody_took_do_not_count_and_the_next_step_starts_over():
    loader = Downloader(FakeTransport(head(length(5)), b"123", b"45"), 1024, 10, 60_000)
    loader.start("http://h/", None)
    while loader.step(0) != download.DATA:
        pass
    with pytest.raises(DownloadError, match="^the last bytes were not taken$") as caught:
        loader.step(0)
    assert (caught.value.then, loader.received) == ("restart", 0)


def test_body_in_the_same_packet_as_the_head_is_not_lost():
    transport = Watched(head(length(6)) + b"abc", b"def")
    assert fetch(transport, "http://h/", 6) == (
        [download.CONNECTED, download.HEAD, download.DATA, download.DATA, download.DONE],
        b"abcdef",
    )
    assert fetch(Watched(head(length(3)) + b"abc"), "http://h/", 3)[1] == b"abc"


def test_head_and_body_byte_by_byte():
    answer = head(length(7), b"Content-Type: application/octet-stream") + b"1234567"
    packets = [answer[at : at + 1] for at in range(len(answer))]
    assert fetch(Watched(*packets), "http://h/", 7)[1] == b"1234567"


def test_head_of_sixteen_kilobytes_is_read_into_the_buffer_of_one():
    policy = b"Content-Security-Policy: " + b"x" * 15_000
    with RawServer(answering(head(policy, length(len(IMAGE))) + IMAGE)) as server:
        assert get(server, chunk_size=1024)[1] == IMAGE


def test_interim_answers_before_the_image_are_skipped():
    early = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    with RawServer(answering(early + head(length(3)) + b"abc")) as server:
        assert get(server, 3)[1] == b"abc"


def test_blanks_and_utf_8_in_the_url_are_encoded():
    seen = []

    def behave(peer):
        seen.append(read_head(peer).split(b"\r\n")[0])
        peer.sendall(head(length(3)) + b"abc")

    with RawServer(behave) as server:
        assert get(server, 3, path="/new firmw\u00e4re.fw?a b")[1] == b"abc"
    assert seen == [b"GET /new%20firmw%C3%A4re.fw?a%20b HTTP/1.1"]


def test_poller_that_promises_too_much_does_no_harm():
    transport = Watched(AGAIN, head(length(3)), AGAIN, AGAIN, b"ab", AGAIN, b"c")
    assert fetch(transport, "http://h/", 3)[1] == b"abc"


@pytest.mark.parametrize("extra", [b"X: y", b"Connection: keep-alive", b"content-type: text/plain"])
def test_end_of_the_image_is_its_length_not_the_end_of_the_connection(extra):
    with RawServer(answering(head(length(len(IMAGE)), extra), IMAGE, then=hold)) as server:
        transport = Waiting(socket, None)
        url = "http://%s:%d/" % (server.host, server.port)
        loader = Downloader(transport, 4096, DEADLINE, 60_000)
        assert fetch(transport, url, len(IMAGE), loader=loader)[1] == IMAGE
        loader.close()


def test_without_content_length_the_update_tells_the_length():
    with RawServer(answering(head() + IMAGE)) as server:
        assert get(server)[1] == IMAGE


def test_without_a_size_in_the_update_the_server_tells_the_length():
    with RawServer(answering(head(length(len(IMAGE))) + IMAGE)) as server:
        assert get(server, None)[1] == IMAGE


@pytest.mark.parametrize("line", [b"Transfer-Encoding: identity", b"Content-Encoding: Identity"])
def test_identity_is_no_encoding(line):
    with RawServer(answering(head(length(3), line) + b"abc")) as server:
        assert get(server, 3)[1] == b"abc"


def test_image_over_tls_arrives_whole(tmp_path):
    ca = ThrowawayCa(tmp_path)
    # In one write: TLS records are larger than a chunk, so deciphered bytes wait in the library.
    image = IMAGE * 9
    behave = answering(head(length(len(image))) + image)
    with RawServer(behave, tls=ca.server_context()) as server:
        assert get(server, len(image), context=ca.client_context(), chunk_size=1024)[1] == image


def test_image_over_tls_without_content_length_ends_with_the_connection(tmp_path):
    ca = ThrowawayCa(tmp_path)
    with RawServer(answering(head() + IMAGE), tls=ca.server_context()) as server:
        assert get(server, context=ca.client_context())[1] == IMAGE


def test_server_that_is_not_trusted_gets_no_request(tmp_path):
    ca, other = ThrowawayCa(tmp_path, "ours"), ThrowawayCa(tmp_path, "theirs")
    seen = []
    with RawServer(seen.append, tls=other.server_context()) as server:
        with pytest.raises(TransportError, match="can't connect to 127.0.0.1"):
            get(server, context=ca.client_context())
    assert seen == []


def test_downloader_serves_again_after_a_failure_and_after_a_success():
    good = answering(head(length(3)) + b"abc")
    with RawServer(answering(head(status=b"500 Oops")), good, good) as server:
        transport = Waiting(socket, None)
        loader = Downloader(transport, 1024, DEADLINE, 60_000)
        url = "http://%s:%d/" % (server.host, server.port)
        with pytest.raises(UpdateError, match="HTTP 500"):
            fetch(transport, url, 3, loader=loader)
        for _ in range(2):
            assert fetch(transport, url, 3, chunk_size=1024, loader=loader)[1] == b"abc"
        loader.close()
        assert (loader.data, loader.total, loader.received) == (None, 0, 0)


def test_request_that_is_taken_in_part_is_sent_on():
    transport = FakeTransport(head(length(1)) + b"x", room=[0, 5, 0, 1, 200])
    assert fetch(transport, "http://h/a", 1)[1] == b"x"
    assert bytes(transport.sent) == transport.offered[0]
    assert transport.offered[1] == transport.offered[0]  # the very same bytes, for TLS
    assert transport.offered[2] == transport.offered[0][5:]


# What is refused


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        (b"403 Forbidden", "HTTP 403"),
        (b"500 Internal Server Error", "HTTP 500"),
        (b"204 No Content", "HTTP 204"),
        (b"304 Not Modified", "HTTP 304"),
        (b"300 Multiple Choices", "HTTP 300"),
        (b"302 Found", "HTTP 302"),  # without Location
        (b"503", "HTTP 503"),
    ],
)
def test_any_status_but_200_is_refused_and_named(status, shown):
    answer = head(length(len(IMAGE)), status=status) + IMAGE
    assert refusal(answer) == shown + " from http://HOST/new.fw"


PAGE = b"<html>Please log in to the hotel's Wi-Fi</html>"


@pytest.mark.parametrize("kind", [b"text/html", b"text/html; charset=utf-8", b"Text/HTML"])
def test_html_page_is_no_image_where_the_size_is_not_known(kind):
    answer = head(length(len(PAGE)), b"Content-Type: " + kind) + PAGE
    assert refusal(answer, None) == "an HTML page instead of an image, from http://HOST/new.fw"


@pytest.mark.parametrize("kind", [b"text/html", b"application/json", b"nonsense", b""])
def test_any_content_type_is_taken_where_the_size_fits(kind):
    answer = head(length(len(IMAGE)), b"Content-Type: " + kind) + IMAGE
    with RawServer(answering(answer)) as server:
        assert get(server)[1] == IMAGE


# Other ways to send an image: the size is known, so that size and checksum decide


def chunked(data, size=1000, extension=b"", end=b"\r\n", trailer=b""):
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    body = b"".join(b"%X" % len(piece) + extension + end + piece + end for piece in pieces)
    return body + b"0" + end + trailer + end


CHUNKED = b"Transfer-Encoding: chunked"


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"size": 1},
        {"size": 1 << 20},
        {"extension": b";name=value"},
        {"extension": b"  "},
        {"end": b"\n"},
        {"trailer": b"Digest: abc\r\nX: y\r\n"},
    ],
)
def test_chunked_body_is_decoded(options):
    image = IMAGE[:3000]
    with RawServer(answering(head(CHUNKED) + chunked(image, **options))) as server:
        assert get(server, 3000, chunk_size=1024)[1] == image


def test_chunked_body_ends_with_its_last_chunk_not_with_the_connection():
    answer = answering(head(CHUNKED, length(17)), chunked(IMAGE), then=hold)
    with RawServer(answer) as server:
        transport = Waiting(socket, None)
        loader = Downloader(transport, 4096, DEADLINE, 60_000)
        url = "http://%s:%d/" % (server.host, server.port)
        assert fetch(transport, url, len(IMAGE), loader=loader)[1] == IMAGE
        loader.close()


def test_chunk_size_may_have_zeros_in_front():
    transport = FakeTransport(head(CHUNKED), b"00000000003\r\nabc\r\n0\r\n\r\n")
    assert fetch(transport, "http://h/", 3)[1] == b"abc"


def test_chunked_body_byte_by_byte():
    answer = head(CHUNKED) + chunked(b"1234567", 3, b";x")
    packets = [answer[at : at + 1] for at in range(len(answer))]
    assert fetch(Watched(*packets), "http://h/", 7)[1] == b"1234567"


def test_chunked_body_over_tls(tmp_path):
    ca = ThrowawayCa(tmp_path)
    behave = answering(head(CHUNKED) + chunked(IMAGE, 3000))
    with RawServer(behave, tls=ca.server_context()) as server:
        assert get(server, context=ca.client_context(), chunk_size=1024)[1] == IMAGE


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"xyz\r\n", "a chunked body with a bad chunk size"),
        (b"\r\nabc", "a chunked body with a bad chunk size"),
        (b"\nabc", "a chunked body with a bad chunk size"),
        (b"-3\r\nabc", "a chunked body with a bad chunk size"),
        (b"3 3\r\nabc\r\n\x12\r\n", "a chunked body with a bad chunk size"),
        (b"fffffffff\r\n", "a chunked body with a bad chunk size"),
        (b"3\r\nabcd\r\n", "a chunked body with a chunk longer than announced"),
        (b"3\r\nabc\r\n0\r\n\r\n", "ended after 3 of 10 bytes: that was the last chunk"),
        (b"3\r\nabc\r\n", "ended after 3 of 10 bytes: connection closed by the server"),
        (chunked(b"0123456789A"), "longer than the announced 10 bytes"),
    ],
)
def test_chunked_body_that_is_broken_is_an_error(body, said):
    assert refusal(head(CHUNKED) + body, 10, DownloadError) == said


def test_chunked_body_is_refused_where_the_size_is_not_known():
    assert refusal(head(CHUNKED) + chunked(IMAGE), None, DownloadError) == (
        "a chunked body is refused: the update has no size"
    )


@given(
    image=st.binary(min_size=1, max_size=300),
    size=st.integers(1, 300),
    cuts=st.lists(st.integers(0, 800), max_size=30),
    end=st.integers(0, 2000),
)
def test_chunked_image_is_done_exactly_if_all_its_bytes_came(image, size, cuts, end):
    answer = head(CHUNKED) + chunked(image, size)
    needed = len(answer) - len(b"\r\n0\r\n\r\n")
    end = min(end, len(answer))
    borders = sorted({0, end} | {cut for cut in cuts if cut < end})
    packets = [answer[a:b] for a, b in zip(borders, borders[1:])]
    try:
        body = fetch(Watched(*packets, END), "http://h/", len(image), chunk_size=64)[1]
    except NervesHubError:
        assert end < needed
    else:
        assert end >= needed and body == image


@pytest.mark.parametrize(
    ("status", "lines"),
    [
        (b"200 OK", [b"Content-Encoding: aws-chunked"]),
        (b"203 Non-Authoritative Information", []),
        (b"206 Partial Content", [b"Content-Range: bytes 0-9999/10000"]),
        (b"206 Partial Content", [b"Content-Range: bytes 0-9999/*"]),
        (b"200 OK", [b"Content-Length: 10000"]),
        (b"200 OK", [b"Content-Length: 10000, 10000"]),
    ],
)
def test_harmless_oddities_are_taken_where_the_size_is_known(status, lines):
    answer = head(length(len(IMAGE)), *lines, status=status) + IMAGE
    with RawServer(answering(answer)) as server:
        assert get(server)[1] == IMAGE


@pytest.mark.parametrize(
    ("status", "lines", "shown"),
    [
        (b"200 OK", [b"Content-Encoding: aws-chunked"], "a body in aws-chunked encoding is not "),
        (b"203 Non-Authoritative", [], "HTTP 203 from http://HOST/new.fw"),
        (
            b"206 Partial",
            [b"Content-Range: bytes 0-9999/10000"],
            "HTTP 206 from http://HOST/new.fw",
        ),
    ],
)
def test_oddities_are_refused_where_the_size_is_not_known(status, lines, shown):
    answer = head(length(len(IMAGE)), *lines, status=status) + IMAGE
    assert refusal(answer, None, DownloadError).startswith(shown)


@pytest.mark.parametrize(
    "content_range",
    [b"nonsense", b"bytes 1-9999/10000", b"bytes 0-9999/10001", b"bytes 0-10000/10001"]
    + [b"bytes 0-9998/10000", b"bytes 0-/10000", b"bytes */10000", b"bytes 0-+9999/10000"],
)
def test_part_that_is_not_the_first_is_not_taken(content_range):
    lines = [length(len(IMAGE)), b"Content-Range: " + content_range]
    answer = head(*lines, status=b"206 Partial Content") + IMAGE
    assert refusal(answer, error=DownloadError).startswith("HTTP 206 from http://HOST/new.fw: ")
    answer = head(length(len(IMAGE)), status=b"206 Partial Content") + IMAGE
    assert refusal(answer, error=DownloadError) == "HTTP 206 from http://HOST/new.fw: nothing"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b"Transfer-Encoding: gzip, chunked", "gzip, chunked"),
        (b"Content-Encoding: aws-chunked, gzip", "aws-chunked, gzip"),
        (b"Content-Encoding: gzip", "gzip"),
        (b"content-encoding: BR", "BR"),
    ],
)
def test_encoded_body_is_refused(line, shown):
    assert refusal(head(line) + IMAGE) == "a body in %s encoding is not supported" % shown


@pytest.mark.parametrize(
    ("lines", "size", "shown"),
    [
        ([length(9)], 10, "the image has 9 bytes, the update said 10"),
        ([length(11)], 10, "the image has 11 bytes, the update said 10"),
        ([length(0)], 10, "the image has 0 bytes, the update said 10"),
        ([length(0)], None, "the image is empty"),
        ([b"Content-Length: -5"], None, "bad Content-Length"),
        ([b"Content-Length: many"], 10, "bad Content-Length"),
        ([b"Content-Length:"], 10, "bad Content-Length"),
        ([b"Content-Length: 10, 11"], 10, "bad Content-Length"),
        ([b"Content-Length: 1_0"], 10, "bad Content-Length"),
        ([b"Content-Length: " + b"9" * 700], 10, "bad Content-Length"),
        ([], None, "neither the update nor the server tells the image's length"),
    ],
)
def test_length_must_be_known_and_agreed(lines, size, shown):
    assert refusal(head(*lines) + b"0123456789", size) == shown


def test_body_that_ends_early_is_an_error():
    assert refusal(head(length(10)) + b"123456789", 10) == (
        "ended after 9 of 10 bytes: connection closed by the server"
    )
    assert refusal(head() + b"123456789", 10) == (
        "ended after 9 of 10 bytes: connection closed by the server"
    )
    assert refusal(head(length(10)), 10) == (
        "ended after 0 of 10 bytes: connection closed by the server"
    )


def test_body_longer_than_announced_is_an_error():
    assert refusal(head() + b"0123456789A", 10) == "longer than the announced 10 bytes"
    transport = FakeTransport(head(), b"0123456789", b"A")
    with pytest.raises(UpdateError, match="longer than the announced 10 bytes"):
        fetch(transport, "http://h/", 10)
    transport = FakeTransport(head(length(10)) + b"0123456789A")
    with pytest.raises(UpdateError, match="longer than the announced 10 bytes"):
        fetch(transport, "http://h/", 10)


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        (b"SSH-2.0-OpenSSH_9.7\r\n", "the answer is not HTTP/1"),
        (b"HTTP/2 200\r\n\r\n", "the answer is not HTTP/1"),
        (b"\x15\x03\x01\x00\x02\x02\x0a", "the answer is not HTTP/1"),
        (b"HTTP/1.1 OK\r\n\r\n", "bad HTTP status line"),
        (OK + b"X: " + b"x" * 20_000, "response head longer than 16384 bytes"),
        (
            b"HTTP/1.1 302 Found\r\nLocation: /" + b"x" * 5000,
            "the answer's header location is longer than 4096 bytes; increase chunk_size",
        ),
    ],
)
def test_what_is_no_http_is_refused(answer, shown):
    assert refusal(answer, error=ProtocolError) == shown


@pytest.mark.parametrize("answer", [b"", b"HT", b"HTTP/1.1 200 OK\r\nContent-Le", OK])
def test_server_that_dies_within_the_head(answer):
    assert refusal(answer, error=TransportError) == "connection closed by the server"


def test_reset_within_the_body():
    with RawServer(answering(head(length(10)) + b"123", then=reset)) as server:
        with pytest.raises(UpdateError, match="ended after [03] of 10 bytes: connection broke"):
            get(server, 10)


def test_server_that_does_not_listen():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    with pytest.raises(TransportError, match="can't connect to 127.0.0.1") as caught:
        fetch(Waiting(socket, None), "http://127.0.0.1:%d/?%s" % (port, SECRET), 1)
    assert "topsecret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://h/a?" + SECRET,
        "file:///etc/passwd?" + SECRET,
        "/new.fw?" + SECRET,
        "http://a b/?" + SECRET,
        "http://h/a\r\nX-Evil: 1?" + SECRET,
        "http://h/a\0?" + SECRET,
        "http://\u00e4/?" + SECRET,
        "http://user:topsecret@h/a",
        "http://?" + SECRET,
        "http://h:0/?" + SECRET,
        "http://h:99999/?" + SECRET,
        "http://h:x/?" + SECRET,
        "",
    ],
)
def test_url_that_is_invalid_is_refused_before_anything_is_sent(url):
    transport = FakeTransport()
    with pytest.raises(UpdateError, match="^firmware_url: ") as caught:
        Downloader(transport, 1024, 10, 60_000).start(url, 1)
    assert "topsecret" not in str(caught.value)
    assert transport.opened == []


@pytest.mark.parametrize("status", [b"404 Not Found", b"410 Gone"])
def test_file_that_is_gone_is_told_in_words_and_there_is_no_other_try(status):
    answer = head(length(3), status=status) + b"abc"
    with RawServer(answering(answer)) as server:
        with pytest.raises(UpdateError, match=": not found$") as caught:
            get(server)
    assert not isinstance(caught.value, DownloadError)


# Redirects


@pytest.mark.parametrize("status", [b"301", b"302", b"303", b"307", b"308"])
@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("http://%s:%d/elsewhere?sig=2", b"/elsewhere?sig=2"),
        ("//%s:%d/elsewhere", b"/elsewhere"),
        ("/rooted/image?sig=2", b"/rooted/image?sig=2"),
        ("sibling.fw", b"/a/sibling.fw"),
        ("/proxy?url=http://x.example/y", b"/proxy?url=http://x.example/y"),
    ],
)
def test_redirect_is_followed(status, location, target):
    seen = []

    def redirect(peer):
        seen.append(read_head(peer))
        where = location % (server.host, server.port) if "%s" in location else location
        peer.sendall(head(b"Location: " + where.encode(), length(4), status=status) + b"body")

    def serve(peer):
        seen.append(read_head(peer))
        peer.sendall(head(length(3)) + b"abc")

    with RawServer(redirect, serve) as server:
        results, body = get(server, 3, path="/a/new.fw?" + SECRET)
    assert body == b"abc"
    assert results[:3] == [download.CONNECTED, download.CONNECTED, download.HEAD]
    assert seen[1].split(b" ")[1] == target
    assert b"topsecret" not in seen[1]  # whom it was not meant for does not get it


def redirecting(location):
    return answering(head(b"Location: " + location, status=b"302 Found"))


def test_five_redirects_are_followed_and_a_sixth_is_not():
    good = answering(head(length(3)) + b"abc")
    with RawServer(*[redirecting(b"/%d" % n) for n in range(5)], good) as server:
        assert get(server, 3)[1] == b"abc"
    with RawServer(*[redirecting(b"/%d" % n) for n in range(6)], good) as server:
        with pytest.raises(UpdateError, match="^more than 5 redirects$"):
            get(server, 3)
        assert server.connections == 6


def test_redirect_to_itself_ends():
    with RawServer(redirecting(b"/new.fw")) as server:
        with pytest.raises(UpdateError, match="^more than 5 redirects$"):
            get(server, 3, path="/new.fw")


def test_redirect_from_tls_to_plain_text_is_refused(tmp_path):
    ca = ThrowawayCa(tmp_path)
    with RawServer(answering(head(length(3)) + b"abc")) as plain:
        where = b"http://127.0.0.1:%d/?topsecret" % plain.port
        with RawServer(redirecting(where), tls=ca.server_context()) as server:
            with pytest.raises(UpdateError, match="^redirect from TLS to plain text$"):
                get(server, 3, context=ca.client_context())
        assert plain.connections == 0


def test_redirect_from_plain_text_to_tls_is_followed_and_verified(tmp_path):
    ca = ThrowawayCa(tmp_path)
    with RawServer(answering(head(length(3)) + b"abc"), tls=ca.server_context()) as safe:
        where = b"https://127.0.0.1:%d/" % safe.port
        with RawServer(redirecting(where)) as server:
            url = "http://%s:%d/" % (server.host, server.port)
            assert fetch(Waiting(socket, ca.client_context()), url, 3)[1] == b"abc"


@pytest.mark.parametrize(
    "location",
    [b"ftp://h/?topsecret", b"http://u:topsecret@h/", b"http://a b/?topsecret", b"http:///x"],
)
def test_redirect_that_leads_nowhere_is_refused(location):
    with RawServer(redirecting(location)) as server:
        with pytest.raises(UpdateError) as caught:
            get(server, 3)
        assert server.connections == 1
    assert "topsecret" not in str(caught.value)


# Silence, by the caller's clock


def started(*incoming, chunk_size=1024, idle_timeout=60_000, **options):
    """A downloader on a fake transport, connected and asked; a clock near its wrap."""
    clock = FakeClock(ticks=(1 << 29) - 1000)
    transport = Watched(*incoming, **options)
    loader = Downloader(transport, chunk_size, 10, idle_timeout)
    loader.start("http://h/new.fw?" + SECRET, 100)
    assert loader.step(clock()) == download.CONNECTED
    return loader, transport, clock


def test_mute_server_is_given_up_after_the_idle_timeout():
    loader, transport, clock = started()
    for _ in range(60):
        assert loader.step(clock()) == download.WAITING
        clock.advance(1000)
    with pytest.raises(UpdateError, match="^the server went silent after 0 bytes$"):
        loader.step(clock())
    assert transport.reads == []


def test_request_that_nobody_takes_is_given_up_after_the_idle_timeout():
    loader, transport, clock = started(room=[0] * 1000)
    for _ in range(60):
        assert loader.step(clock()) == download.WAITING
        clock.advance(1000)
    with pytest.raises(UpdateError, match="went silent"):
        loader.step(clock())


def test_dripping_head_has_one_deadline_as_a_whole():
    loader, transport, clock = started(*[bytes([byte]) for byte in OK + b"X: " + b"x" * 500])
    for _ in range(60):
        assert loader.step(clock()) == download.WAITING
        clock.advance(1000)
    with pytest.raises(UpdateError, match="^the server went silent after 0 bytes$"):
        loader.step(clock())
    assert len(transport.reads) > 50  # bytes did come, all the time


def test_dripping_body_is_taken_as_long_as_bytes_come():
    loader, transport, clock = started(head(length(100)))
    while loader.step(clock()) != download.HEAD:
        pass
    for at in range(100):
        clock.advance(59_999)
        assert loader.step(clock()) == download.WAITING
        transport.incoming.append(bytes([at]))
        assert loader.step(clock()) == download.DATA
        loader.taken()
    assert loader.step(clock()) == download.DONE


def test_minimum_speed_counts_also_while_each_step_finds_a_byte():
    clock = FakeClock(ticks=5)
    transport = FakeTransport(head(length(2000)), *[b"x"] * 2000)
    loader = Downloader(transport, 1024, 10, 60_000, 30_000)
    loader.start("http://h/", 2000)
    began = None
    with pytest.raises(DownloadError, match="^slower than 30000 bit/s at 299 of 2000 bytes$"):
        while True:
            result = loader.step(clock())
            if result == download.HEAD:
                began = clock()
            if result == download.DATA:
                loader.taken()
            clock.advance(1000)
    assert clock() - began == 300_000


def test_body_that_stops_is_given_up_after_the_idle_timeout():
    loader, transport, clock = started(head(length(100)) + b"abc")
    results = [loader.step(clock()) for _ in range(3)]
    assert results == [download.WAITING, download.HEAD, download.DATA]
    loader.taken()
    clock.advance(59_999)
    assert loader.step(clock()) == download.WAITING
    clock.advance(1)
    with pytest.raises(UpdateError, match="^the server went silent after 3 bytes$"):
        loader.step(clock())


def test_bytes_that_lay_there_while_the_loop_was_away_count():
    loader, transport, clock = started(head(length(100)))
    while loader.step(clock()) != download.HEAD:
        pass
    clock.advance(300_000)
    transport.incoming.append(b"x")
    assert loader.step(clock()) == download.DATA


def test_time_that_connecting_took_does_not_count_as_silence():
    loader, transport, clock = started(idle_timeout=1000)
    clock.advance(5000)  # meanwhile, in open()
    assert loader.step(clock()) == download.WAITING
    clock.advance(999)
    assert loader.step(clock()) == download.WAITING
    clock.advance(1)
    with pytest.raises(UpdateError, match="went silent"):
        loader.step(clock())


def test_each_redirect_gets_the_whole_idle_timeout():
    loader, transport, clock = started()
    loader.step(clock())
    clock.advance(59_000)
    transport.incoming.append(head(b"Location: /b", status=b"302 Found"))
    assert loader.step(clock()) == download.WAITING
    assert loader.connects_next
    assert not transport.is_open
    assert loader.step(clock()) == download.CONNECTED
    loader.step(clock())
    clock.advance(59_000)
    assert loader.step(clock()) == download.WAITING
    transport.incoming.append(head(length(100)))
    assert loader.step(clock()) == download.HEAD


def test_only_the_step_that_connects_is_announced_as_one():
    loader, transport, clock = started(head(length(100)))
    assert not loader.connects_next
    loader.start("http://h/", 1)
    assert loader.connects_next
    assert not transport.is_open


def test_stalled_server_is_never_read():
    # Watched fails at every read without data: whatever is missing, no step waits for it.
    for answer in (b"", b"HTTP/1.1 2", head(length(100)), head(length(100)) + b"x" * 50):
        loader, transport, clock = started(*[answer] if answer else [])
        reads = []
        for _ in range(1000):
            if loader.step(clock()) == download.DATA:
                loader.taken()
            reads.append(len(transport.reads))
        assert reads[-1] == (1 if answer else 0)


def test_close_hangs_up_and_forgets():
    loader, transport, clock = started(head(length(100)) + b"abc")
    for _ in range(3):
        loader.step(clock())
    assert transport.is_open
    loader.close()
    assert not transport.is_open
    assert (loader.data, loader.total, loader.received) == (None, 0, 0)
    loader.close()


def test_lack_of_memory_is_told_apart():
    transport = FakeTransport(refusal=TransportError("out of sockets", no_memory=True))
    loader = Downloader(transport, 1024, 10, 60_000)
    loader.start("http://h/", 1)
    with pytest.raises(TransportError) as caught:
        loader.step(0)
    assert caught.value.no_memory
    transport.refusal = None
    transport.incoming = [head(length(1)) + b"x"]
    assert [loader.step(0) for _ in range(4)] == [
        download.CONNECTED,
        download.WAITING,
        download.HEAD,
        download.DATA,
    ]
    loader.taken()
    assert loader.step(0) == download.DONE


@given(
    image=st.binary(min_size=1, max_size=300),
    announced=st.booleans(),
    cuts=st.lists(st.integers(0, 400), max_size=30),
    end=st.integers(0, 400),
)
def test_image_is_done_exactly_if_all_bytes_came(image, announced, cuts, end):
    answer = head(*[length(len(image))] if announced else []) + image
    end = min(end, len(answer))
    borders = sorted({0, end} | {cut for cut in cuts if cut < end})
    packets = [answer[a:b] for a, b in zip(borders, borders[1:])]
    transport = Watched(*packets, END)
    try:
        body = fetch(transport, "http://h/", len(image), chunk_size=128)[1]
    except NervesHubError:
        assert end < len(answer)
    else:
        assert (end, body) == (len(answer), image)
