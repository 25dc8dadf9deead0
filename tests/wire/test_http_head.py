# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""URLs, request heads and response heads: literal text in, exact parts out."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerveshub_link.errors import ProtocolError
from nerveshub_link.wire.http_head import NAMES, HeadReader, Url, parse_url, request_head, resolve

TRANSCRIPTS = Path(__file__).parents[1] / "data" / "transcripts"


def parts(url):
    return url.tls, url.host, url.port, url.target


def captured(status):
    """All response heads of the real server with this status, named by file and line."""
    found = []
    for path in sorted(TRANSCRIPTS.glob("*.jsonl")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            head = json.loads(line).get("http", {}).get("response", "")
            if head.split(" ")[1:2] == [str(status)]:
                name = "{}:{}".format(path.stem.split("_")[0], number)
                found.append(pytest.param(head, id=name))
    return found


def read(data, size=1024, chunk=None, **options):
    """Feed bytes to a new reader until the head is complete."""
    reader = HeadReader(bytearray(size), **options)
    at = 0
    while at < len(data):
        count = min(chunk or len(data), len(data) - at, len(reader.space()))
        reader.space()[:count] = data[at : at + count]
        at += count
        if reader.received(count):
            break
    return reader


# URLs


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://h.example", (True, "h.example", 443, "/")),
        ("http://h.example/", (False, "h.example", 80, "/")),
        ("wss://h:4001/socket?vsn=2.0.0", (True, "h", 4001, "/socket?vsn=2.0.0")),
        ("ws://127.0.0.1:65535/a/b", (False, "127.0.0.1", 65535, "/a/b")),
        ("HTTPS://h/A", (True, "h", 443, "/A")),
        ("https://h?a=b", (True, "h", 443, "/?a=b")),
        ("http://[::1]:4000/1.fw", (False, "::1", 4000, "/1.fw")),
        ("https://[2001:db8::7]", (True, "2001:db8::7", 443, "/")),
        ("https://h/a#part", (True, "h", 443, "/a")),
        ("https://h#part", (True, "h", 443, "/")),
        ("https://h/a?u=https://x:1/@y", (True, "h", 443, "/a?u=https://x:1/@y")),
        ("https://h:443/f.fw?X-Amz=%2F&b=~!*'()", (True, "h", 443, "/f.fw?X-Amz=%2F&b=~!*'()")),
    ],
)
def test_url_is_taken_apart(text, expected):
    assert parts(parse_url(text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "h.example",
        "//h/",
        "ftp://h/",
        "file:///etc/passwd",
        "https://",
        "https:///a",
        "https://?a",
        "https://:443/",
        "https://user@h/",
        "https://user:password@h/",
        "https://[::1/",
        "https://[::1]x/",
        "https://[]/",
        "https://[h]/",
        "https://::1/",
        "https://[::1]:x/",
        "https://[[::1]]/",
        "https://h:443443443443443443/",
        "https://h:/",
        "https://h:0/",
        "https://h:65536/",
        "https://h:-1/",
        "https://h:x/",
        "https://h:1:2/",
    ],
)
def test_text_that_is_no_url_is_refused(text):
    with pytest.raises(ValueError):
        parse_url(text)


@pytest.mark.parametrize("char", ["\r\n", "\n", "\r", "\0", "\t", "\x7f", "\ud800"])
@pytest.mark.parametrize("text", ["https://h/a{}b", "https://h{}x/", "https://h/?q={}X-Evil: 1"])
def test_url_can_not_smuggle_a_line_into_the_request(char, text):
    with pytest.raises(ValueError):
        parse_url(text.format(char))


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("https://h/new firmware.fw", "/new%20firmware.fw"),
        ("https://h/ger\u00e4t.fw?a=b c&d=\u20ac", "/ger%C3%A4t.fw?a=b%20c&d=%E2%82%AC"),
        ("https://h/100%25 \U0001f600", "/100%25%20%F0%9F%98%80"),
        ("https://h?q=\u00e9", "/?q=%C3%A9"),
        (" https://h/a ", "/a"),
        ("https://h/a#b \u00e9", "/a"),
    ],
)
def test_blanks_and_utf_8_in_path_and_query_are_encoded_as_browsers_do(text, target):
    url = parse_url(text)
    assert (url.host, url.target) == ("h", target)


@pytest.mark.parametrize("text", ["https://m\u00fcller.example/a", "https://a b/", "https://h :1/"])
def test_host_is_ascii_without_blanks(text):
    with pytest.raises(ValueError, match="URL whose host has a blank or a non-ASCII character"):
        parse_url(text)


def test_redirect_with_blanks_and_utf_8_is_followed():
    assert resolve(parse_url(BASE), "/n\u00e9w firmware?a b").target == "/n%C3%A9w%20firmware?a%20b"


@pytest.mark.parametrize(
    ("text", "authority"),
    [
        ("https://h/", "h"),
        ("https://h:443/", "h"),
        ("http://h:80/", "h"),
        ("https://h:80/", "h:80"),
        ("http://h:443/", "h:443"),
        ("http://127.0.0.1:4000/", "127.0.0.1:4000"),
        ("http://[::1]:4000/", "[::1]:4000"),
        ("https://[::1]/", "[::1]"),
    ],
)
def test_port_is_named_unless_it_is_the_usual_one(text, authority):
    assert parse_url(text).authority == authority


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://h/f.fw?X-Amz-Signature=SECRET", "https://h/f.fw"),
        ("http://h:4000?SECRET?SECRET", "http://h:4000/"),
        ("wss://h/a", "https://h/a"),
    ],
)
def test_shown_url_hides_the_query(text, shown):
    assert parse_url(text).shown == shown


BASE = "https://h.example:4001/a/b?q=1"


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("https://other/x?y", (True, "other", 443, "/x?y")),
        ("wss://other/x", (True, "other", 443, "/x")),
        ("//other:8443/x", (True, "other", 8443, "/x")),
        ("/x?y=1", (True, "h.example", 4001, "/x?y=1")),
        ("/x?to=http://other/", (True, "h.example", 4001, "/x?to=http://other/")),
        ("/proxy/http://other/x", (True, "h.example", 4001, "/proxy/http://other/x")),
        ("c?d", (True, "h.example", 4001, "/a/c?d")),
        ("c?to=http://other/", (True, "h.example", 4001, "/a/c?to=http://other/")),
    ],
)
def test_redirect_is_followed_absolute_or_relative(location, expected):
    assert parts(resolve(parse_url(BASE), location)) == expected


@pytest.mark.parametrize("location", ["http://h.example/", "ws://h.example/", "HTTP://other/x"])
def test_redirect_from_tls_to_plain_text_is_refused(location):
    with pytest.raises(ValueError, match="plain text"):
        resolve(parse_url(BASE), location)
    assert not resolve(parse_url("http://h/"), location).tls


def test_redirect_from_plain_text_to_tls_is_followed():
    url = resolve(parse_url("http://127.0.0.1:4000/x"), "https://127.0.0.1/x")
    assert parts(url) == (True, "127.0.0.1", 443, "/x")


@pytest.mark.parametrize("location", ["ftp://h/", "https://", "/a\r\nX: 1", "https://u@h/", "//"])
def test_redirect_to_nowhere_is_refused(location):
    with pytest.raises(ValueError):
        resolve(parse_url(BASE), location)


@given(st.text(max_size=60) | st.text(alphabet="htps:/w.@?#[]%0aA \r\n", max_size=40))
def test_any_location_resolves_or_is_refused(location):
    try:
        url = resolve(parse_url(BASE), location)
    except ValueError:
        return
    assert url.tls
    assert url.target.startswith("/")
    assert all("!" <= char <= "~" for char in url.host + url.target)


# Requests


def test_request_head_is_exact():
    head = request_head(Url(True, "h.example", 4001, "/a?b=c"), {"Range": "bytes=5-"})
    assert head == b"GET /a?b=c HTTP/1.1\r\nHost: h.example:4001\r\nRange: bytes=5-\r\n\r\n"


def test_request_head_without_headers_still_names_the_host():
    assert request_head(parse_url("http://h"), {}) == b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"


def test_every_header_is_sent_once():
    headers = {"A": "1", "B": "2", "C": "3"}
    lines = request_head(parse_url("http://h/"), headers).split(b"\r\n")
    assert lines[:2] == [b"GET / HTTP/1.1", b"Host: h"]
    assert sorted(lines[2:5]) == [b"A: 1", b"B: 2", b"C: 3"]
    assert lines[5:] == [b"", b""]


# Responses

OK = b"HTTP/1.1 200 OK\r\n"


def test_response_head_is_read_and_what_follows_stays():
    data = b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag:\t"a:b" \r\n\r\nhello'
    buffer = bytearray(100)
    reader = HeadReader(buffer, names=" content-length etag ")
    reader.space()[: len(data)] = data
    assert reader.received(len(data))
    assert reader.status == 200
    assert reader.headers == {"content-length": "5", "etag": '"a:b"'}
    assert bytes(buffer[reader.start : reader.end]) == b"hello"


def test_response_head_is_read_however_it_is_split():
    data = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nX: y\r\n\r\n"
    for cut in range(1, len(data)):
        reader = HeadReader(bytearray(100), names=" upgrade x ")
        reader.space()[:cut] = data[:cut]
        assert not reader.received(cut)
        assert reader.status == 0
        reader.space()[: len(data) - cut] = data[cut:]
        assert reader.received(len(data) - cut)
        assert reader.status == 101
        assert reader.headers == {"upgrade": "websocket", "x": "y"}
        assert reader.start == reader.end == len(data)


def test_response_head_is_read_byte_by_byte():
    data = b"HTTP/1.1 401 Unauthorized\r\ndate: Mon, 23 Nov 2026 18:37:54 GMT\r\n\r\nbody"
    reader = read(data, chunk=1)
    assert reader.status == 401
    assert reader.headers == {"date": "Mon, 23 Nov 2026 18:37:54 GMT"}
    assert reader.start == reader.end == len(data) - 4


def test_response_head_may_fill_the_buffer_to_the_last_byte():
    data = b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n"
    assert read(data, size=len(data)).status == 200


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_head_may_be_longer_than_the_buffer_since_lines_that_nobody_needs_are_dropped(chunk):
    policy = b"Content-Security-Policy: " + b"x" * 5500 + b"\r\n"
    cookies = b"Set-Cookie: a=b\r\n" * 500
    head = b"HTTP/1.1 302 Found\r\n" + policy + b"Location: /a\r\n" + cookies + b"Date: now\r\n\r\n"
    reader = HeadReader(bytearray(64))
    at = 0
    while not reader.status:
        count = min(chunk, len(head) + 5 - at, len(reader.space()))
        reader.space()[:count] = (head + b"12345")[at : at + count]
        at += count
        assert reader.received(count) == (at >= len(head))
    assert (reader.status, reader.location) == (302, "/a")
    assert reader.headers == {"location": "/a", "date": "now"}
    assert b"12345".startswith(bytes(reader._buffer[reader.start : reader.end]))
    assert reader.end - reader.start == at - len(head)


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_head_ends_within_16_kilobytes(chunk):
    line = b"X: " + b"x" * 60 + b"\r\n"
    assert read(OK + line * 250 + b"\r\n", size=128, chunk=chunk).status == 200
    for endless in (line * 300, b"X: " + b"x" * 20_000, b"HTTP/1.1 103 Early Hints\r\n\r\n" * 700):
        with pytest.raises(ProtocolError, match="^response head longer than 16384 bytes$"):
            read((b"" if endless.startswith(b"HTTP") else OK) + endless, size=128, chunk=chunk)


@pytest.mark.parametrize("name", [b"Location", b"content-length"])
def test_needed_line_longer_than_the_buffer_names_the_option(name):
    with pytest.raises(ProtocolError) as caught:
        read(OK + name + b": " + b"x" * 100 + b"\r\n\r\n", size=64, option="chunk_size")
    words = "the answer's header %s is longer than 64 bytes; increase chunk_size"
    assert str(caught.value) == words % name.decode().lower()


def test_reason_longer_than_the_buffer_does_no_harm():
    assert read(b"HTTP/1.1 200 " + b"x" * 100 + b"\r\nDate: d\r\n\r\n", size=64).headers == {
        "date": "d"
    }


@pytest.mark.parametrize("chunk", [1, 5, 1000])
def test_lines_may_end_with_a_line_feed_alone(chunk):
    reader = read(b"HTTP/1.1 200 OK\nContent-Length: 5\r\nDate: d\n\n", chunk=chunk)
    assert reader.headers == {"content-length": "5", "date": "d"}


@pytest.mark.parametrize("chunk", [1, 5, 1000])
@pytest.mark.parametrize("times", [1, 3])
def test_interim_answers_are_skipped(chunk, times):
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nContent-Length: 7\r\n\r\n"
    answer = (b"HTTP/1.1 100 Continue\r\n\r\n" + hints) * times + OK + b"Date: d\r\n\r\n"
    reader = read(answer, size=64, chunk=chunk)
    assert (reader.status, reader.headers) == (200, {"date": "d"})


def test_answer_that_accepts_an_upgrade_is_no_interim_one():
    assert read(b"HTTP/1.1 101 Switching Protocols\r\n\r\n").status == 101


@pytest.mark.parametrize("behind", [b"SSH-2.0", b"\r\n", b"12345"])
def test_interim_answer_is_followed_by_http(behind):
    with pytest.raises(ProtocolError, match="not HTTP/1"):
        read(b"HTTP/1.1 100 Continue\r\n\r\n" + behind)


def test_repeated_headers_are_one_list():
    reader = read(
        OK + b"Connection: Upgrade\r\nDate: d\r\nconnection: keep-alive, x\r\nDate: d\r\n"
        b"Content-Length: 5\r\nContent-Length: 5\r\nUpgrade: websocket\r\n h2c\r\n\r\n"
    )
    assert reader.headers == {
        "connection": "Upgrade, keep-alive, x",
        "date": "d",
        "content-length": "5",
        "upgrade": "websocket h2c",
    }


def test_folded_line_belongs_to_the_header_before_it():
    reader = read(OK + b"X: a\r\n Location: /evil\r\nDate: d\r\n\tContent-Length: 9\r\n\r\n")
    assert reader.headers == {"date": "d Content-Length: 9"}


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\x15\x03\x03\x00\x02\x02\x28",
        b"HTTP/2 200\r\n\r\n",
        b"http/1.1 200 OK\r\n\r\n",
        b"\r\nHTTP/1.1 200 OK\r\n\r\n",
        b"X",
    ],
)
def test_answer_that_is_not_http_1_is_refused_at_its_first_wrong_byte(data):
    with pytest.raises(ProtocolError, match="not HTTP/1"):
        read(data)
    with pytest.raises(ProtocolError, match="not HTTP/1"):
        read(data, chunk=1)


@pytest.mark.parametrize(
    "line",
    [b"HTTP/1.1", b"HTTP/1.1 ", b"HTTP/1.1 OK", b"HTTP/1.1 2x0 OK", b"HTTP/1.1  200 OK"]
    + [b"HTTP/1.1 0", b"HTTP/1.1 99 OK", b"HTTP/1.1 1000 OK", b"HTTP/1.1 -200 OK"],
)
def test_bad_status_line_is_refused(line):
    with pytest.raises(ProtocolError, match="status line"):
        read(line + b"\r\n\r\n")


def test_status_line_may_lack_a_reason_and_be_http_1_0():
    assert read(b"HTTP/1.0 404\r\n\r\n").status == 404


def test_odd_header_lines_do_no_harm():
    reader = read(
        b"HTTP/1.1 200 OK\r\nno colon\r\n: no name\r\nEmpty:\r\nname twice: x\r\n"
        b"bin: \xff\xfe\r\n\xff: x\r\n"
        b"Name: \xc3\xa9\r\nTwice: 1\r\ntwice: 2\r\nname2: x\r\n\r\n",
        names=" empty bin name twice ",
    )
    assert reader.headers == {"empty": "", "name": "\u00e9", "twice": "1, 2"}


def test_empty_line_that_comes_in_two_parts_is_found():
    data = b"HTTP/1.1 204 No Content\r\nA: b\r\n\r\n"
    for keep in (1, 2, 3):
        reader = read(data[:-keep])
        assert reader.status == 0
        reader.space()[:keep] = data[-keep:]
        assert reader.received(keep)


# The real server's heads


@pytest.mark.parametrize("head", captured(401))
def test_captured_refusal_tells_the_time(head):
    reader = read(head.encode(), size=1024, chunk=13)
    assert reader.status == 401
    assert reader.headers["date"].endswith(" GMT")
    assert reader.start == reader.end


@pytest.mark.parametrize("head", captured(301))
def test_captured_redirect_tells_where_to(head):
    reader = read(head.encode())
    assert reader.status == 301
    url = resolve(parse_url("http://127.0.0.1:4000/"), reader.headers["location"])
    assert url.tls
    assert reader.headers["location"].startswith("https://" + url.authority + url.target)


@pytest.mark.parametrize("status", [101, 200, 204, 206, 304, 403, 404, 500])
def test_captured_heads_are_read_to_their_last_header(status):
    heads = [param.values[0] for param in captured(status)]
    assert heads
    for head in heads:
        reader = read(head.encode())
        assert reader.status == status
        expected = dict(line.split(": ", 1) for line in head.split("\r\n")[1:-2])
        expected = {name.lower(): value for name, value in expected.items()}
        assert reader.headers == {
            name: expected[name] for name in NAMES.split() if name in expected
        }


# Any bytes


@given(
    data=st.binary(max_size=200)
    | st.lists(
        st.sampled_from([b"HTTP/1.1 200 OK", b"\r\n", b"\n", b"\r", b": ", b"a", b"\xff", b" "]),
        max_size=30,
    ).map(b"".join)
    | st.binary(max_size=200).map(lambda data: b"HTTP/1.1 " + data),
    sizes=st.lists(st.integers(1, 40), max_size=20),
)
def test_any_bytes_in_any_pieces_are_a_head_or_refused(data, sizes):
    reader = HeadReader(bytearray(64))
    at = 0
    try:
        while at < len(data):
            size = sizes.pop() if sizes else len(data)
            count = min(size, len(data) - at, len(reader.space()))
            assert count, "no space, and no refusal"
            reader.space()[:count] = data[at : at + count]
            at += count
            if reader.received(count):
                assert reader.start <= reader.end == at
                return
    except ProtocolError:
        pass
