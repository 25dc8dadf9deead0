# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.wire.http_head`
====================================================

HTTP/1.1 heads, without a socket: what a WebSocket upgrade and a firmware download have in common.
The response is read into the caller's buffer as the bytes come, so neither a mute nor a dripping
server can hold up the main loop. A head may be longer than that buffer: each line is read when it
is complete, the headers that somebody needs are kept, and all others make room for the next lines.
What came after the head stays where it is: `HeadReader.start` to `HeadReader.end` of the buffer are
the caller's to use next.
"""

from micropython import const

from ..errors import ProtocolError

NAMES = (
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "date",
    "location",
    "nh-connection-error-reason",
    "sec-websocket-accept",
    "sec-websocket-extensions",
    "sec-websocket-protocol",
    "transfer-encoding",
    "upgrade",
)
"""The headers that an upgrade or a download needs, in lower case."""
_LONGEST_HEAD = const(16384)  # bytes, of all interim answers, too
_REDIRECTS = (301, 302, 303, 307, 308)
_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}


class Url:
    """
    An absolute URL, taken apart.

    :param bool tls: True for https and wss
    :param str host: name or address; an IPv6 address without its brackets
    :param int port: TCP port
    :param str target: path and query, beginning with ``/``
    """

    def __init__(self, tls: bool, host: str, port: int, target: str) -> None:
        self.tls = tls
        self.host = host
        self.port = port
        self.target = target

    @property
    def authority(self) -> str:
        """``host`` or ``host:port`` as the Host header wants it (read-only)."""
        host = "[" + self.host + "]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else "%s:%d" % (host, self.port)

    @property
    def shown(self) -> str:
        """The URL for people and logs: without its query, which may be a credential (read-only)."""
        return "http%s://%s%s" % (
            "s" if self.tls else "",
            self.authority,
            self.target.split("?", 1)[0],
        )


def parse_url(text: str) -> Url:
    """
    Take an absolute http, https, ws or wss URL apart.

    Blanks and non-ASCII characters in path and query are encoded, as browsers do.

    :param str text: the URL
    :raises ValueError: if it is no such URL, or holds what could end the request line
    """
    scheme, mark, rest = text.strip(" ").partition("://")
    scheme = scheme.lower()
    if not mark or scheme not in _PORTS:
        raise ValueError("not an http or https URL")
    for char in rest:
        if not "!" <= char <= "~":
            from .url_text import encode  # noqa: PLC0415 few URLs need it

            rest = encode(rest)
            break
    rest = rest.split("#", 1)[0]
    cut = len(rest)
    for mark in "/?":
        at = rest.find(mark)
        if 0 <= at < cut:
            cut = at
    authority, target = rest[:cut], rest[cut:]
    if not target.startswith("/"):
        target = "/" + target
    if authority.startswith("["):
        from .url_text import ipv6  # noqa: PLC0415 few URLs have one

        host, mark, port = ipv6(authority)
    else:
        host, mark, port = authority.partition(":")
    if not host or "@" in authority or "[" in host or "]" in host:
        raise ValueError("URL with a user name or without a host")
    try:
        number = int(port[:6]) if mark else _PORTS[scheme]
    except ValueError:
        number = 0
    if not 0 < number < 65536:
        raise ValueError("URL with a bad port")
    return Url(scheme in ("https", "wss"), host, number, target)


def resolve(base: Url, location: str) -> Url:
    """
    Follow a ``Location`` header, absolute or relative.

    :param Url base: the URL that answered with it
    :param str location: the header's value
    :raises ValueError: if it leads nowhere, or from https to http
    """
    from .url_text import absolute  # noqa: PLC0415 few servers redirect

    url = parse_url(absolute(base, location))
    if base.tls and not url.tls:
        raise ValueError("redirect from TLS to plain text")
    return url


def request_head(url: Url, headers: dict) -> bytes:
    """
    Build the head of a GET request.

    :param Url url: where to
    :param dict headers: further headers, name to text; Host is added
    """
    lines = ["GET " + url.target + " HTTP/1.1", "Host: " + url.authority]
    for name in headers:
        lines.append(name + ": " + headers[name])
    lines.append("\r\n")
    return "\r\n".join(lines).encode()


class HeadReader:
    """
    Reads a response head, piece by piece.

    Put bytes into `space`, say `received`; once that returns True, `status` and `headers` are
    there. Interim answers (1xx, but for 101; RFC 9110, 15.2) are skipped. Lines may end with a line
    feed alone (RFC 9112, 2.2).

    :param bytearray buffer: where lines are collected; no line that is needed can be longer. All
        lines together may have 16 KB
    :param str option: the option that makes ``buffer`` longer, for the error's text
    :param tuple names: the headers to keep, in lower case
    """

    def __init__(self, buffer: bytearray, option: str = "buffer", names: tuple = NAMES) -> None:
        self._buffer = buffer
        self._view = memoryview(buffer)
        self._option = option
        self._names = names
        self._line = 0  # where the line begins that has not ended yet
        self._skipping = False  # its beginning was dropped, and nobody needs its end
        self._length = 0  # bytes in all
        self._status = 0
        self._last = ""  # the header that a line with a blank in front would continue
        self.status = 0
        """The status code, 0 until the head is complete."""
        self.headers = {}
        """
        The values of the headers in ``names``, by lower-case name. A repeated header is one list,
        joined by ``", "`` (RFC 9110, 5.3); an equal value is there once.
        """
        self.start = 0
        """Where the bytes behind the head begin, once it is complete."""
        self.end = 0
        """Where the bytes in the buffer end."""

    @property
    def location(self):
        """Where a redirect leads (its Location header), None if the answer is none (read-only)."""
        return self.headers.get("location") if self.status in _REDIRECTS else None

    def space(self) -> memoryview:
        """Return the free part of the buffer, never empty while the head is not complete."""
        return self._view[self.end :]

    def received(self, count: int) -> bool:
        """
        Take note of bytes that were put into `space`.

        :param int count: how many
        :return: True if the head is complete
        :raises ProtocolError: if this is no HTTP/1 response, the head is too long, or a line of it
            that is needed is longer than the buffer
        """
        self.end += count
        self._length += count
        while True:
            begin = self._line
            if not self._status:
                size = min(self.end - begin, 7)
                if bytes(self._view[begin : begin + size]) != b"HTTP/1."[:size]:
                    raise ProtocolError("the answer is not HTTP/1")
            stop = self._buffer.find(b"\n", begin, self.end)
            if stop < 0:
                break
            self._line = stop + 1
            if self._skipping:
                self._skipping = False
                continue
            if stop > begin and self._buffer[stop - 1] == 13:
                stop -= 1
            if self._take(begin, stop):
                self.start = self._line
                return True
        if self._length >= _LONGEST_HEAD:
            raise ProtocolError("response head longer than %d bytes" % _LONGEST_HEAD)
        if self.end == len(self._buffer):
            self._make_room()
        return False

    def _take(self, begin: int, stop: int) -> bool:
        """Read a line. Was it the last one?"""
        if not self._status:
            self._read_status(begin, stop)
        elif begin < stop:
            self._read_header(begin, stop)
        elif self._status < 200 and self._status != 101:
            # An interim answer: the next one may be the one that was asked for.
            self._status = 0
            self.headers = {}
        else:
            self.status = self._status
            return True
        return False

    def _read_status(self, begin: int, stop: int) -> None:
        try:
            status = int(bytes(self._view[begin : min(stop, begin + 16)]).split(b" ")[1])
        except (IndexError, ValueError):
            status = 0
        if not 100 <= status <= 999:
            raise ProtocolError("bad HTTP status line")
        self._status = status

    def _name(self, begin: int, stop: int) -> str:
        """The name of the header in a line, "" if nobody needs it."""
        colon = self._buffer.find(b":", begin, stop)
        if colon < 0:
            return ""
        try:
            name = str(self._view[begin:colon], "utf-8").lower()
        except UnicodeError:
            return ""
        return name if name in self._names else ""

    def _read_header(self, begin: int, stop: int) -> None:
        folded = self._buffer[begin] in (32, 9)  # RFC 9112, 5.2: it continues the line before
        if not folded:
            self._last = self._name(begin, stop)
            begin += len(self._last) + 1
        name = self._last
        if not name:
            return
        try:
            value = str(self._view[begin:stop], "utf-8").strip()
        except UnicodeError:
            return  # a value in another encoding is none that we can use
        if folded:
            value = self.headers.pop(name, "") + " " + value
        before = self.headers.get(name)
        if before is None:
            self.headers[name] = value
        elif before != value:
            self.headers[name] = before + ", " + value

    def _make_room(self) -> None:
        """The buffer is full, with a line that has not ended."""
        begin, end = self._line, self.end
        if begin:
            # What stands before it was read.
            self._view[: end - begin] = self._view[begin:end]
            self._line, self.end = 0, end - begin
            return
        if not self._skipping:
            if not self._status:
                self._read_status(0, end)
            elif self._name(0, end):
                words = "the answer's header %s is longer than %d bytes; a greater %s takes it"
                raise ProtocolError(words % (self._name(0, end), end, self._option))
            self._skipping = True
            self._last = ""
        self.end = 0
