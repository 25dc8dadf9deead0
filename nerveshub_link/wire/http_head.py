# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.wire.http_head`
====================================================

HTTP/1.1 request and response heads, without a socket, for the WebSocket upgrade and the firmware
download. The response is read into the caller's buffer as the bytes arrive, so a silent or slow
server can't block the main loop. A head may be longer than that buffer: each line is parsed when it
is complete, the headers in a list are kept, and all others are discarded. The bytes after the head
stay in the buffer, from `HeadReader.start` to `HeadReader.end`.
"""

from micropython import const

from ..errors import ProtocolError

NAMES = (
    " connection content-encoding content-length content-range content-type date location"
    " nh-connection-error-reason sec-websocket-accept sec-websocket-extensions"
    " sec-websocket-protocol transfer-encoding upgrade "
)
"""
The headers that an upgrade or a download needs, in lower case, each between two spaces: a table of
texts would take three times the memory.
"""
_LONGEST_HEAD = const(16384)  # bytes, including all interim responses
_REDIRECTS = const((301, 302, 303, 307, 308))
_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}


class Url:
    """
    An absolute URL, split into its parts.

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
        """``host`` or ``host:port``, the value of the Host header (read-only)."""
        host = "[" + self.host + "]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else "%s:%d" % (host, self.port)

    @property
    def shown(self) -> str:
        """The URL for logs: without its query, which may hold a credential (read-only)."""
        return "http%s://%s%s" % (
            "s" if self.tls else "",
            self.authority,
            self.target.split("?", 1)[0],
        )


def parse_url(text: str) -> Url:
    """
    Split an absolute http, https, ws or wss URL into its parts.

    Blanks and non-ASCII characters in path and query are percent-encoded, as browsers do.

    :param str text: the URL
    :return: the `Url`
    :raises ValueError: if the URL is invalid, or has a character that could end the request line
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
    Resolve a ``Location`` header, absolute or relative (RFC 9110, 10.2.2).

    :param Url base: the URL that was redirected
    :param str location: the header's value
    :return: the `Url` to ask next
    :raises ValueError: if the location is invalid, or leads from https to http
    """
    from .url_text import absolute  # noqa: PLC0415 few servers redirect

    url = parse_url(absolute(base, location))
    if base.tls and not url.tls:
        raise ValueError("redirect from TLS to plain text")
    return url


def request_head(url: Url, headers: dict) -> bytes:
    """
    Build the head of a GET request.

    :param Url url: the URL to get
    :param dict headers: further headers, name to text; Host is added
    :return: the bytes to send
    """
    lines = ["GET " + url.target + " HTTP/1.1", "Host: " + url.authority]
    for name in headers:
        lines.append(name + ": " + headers[name])
    lines.append("\r\n")
    return "\r\n".join(lines).encode()


class HeadReader:
    """
    Parses a response head, piece by piece.

    Read bytes into `space`, then call `received`; once that returns True, `status` and `headers`
    are set. Interim responses (1xx except 101; RFC 9110, 15.2) are skipped. Lines may end with a
    line feed alone (RFC 9112, 2.2).

    :param bytearray buffer: collects the lines; a header in ``names`` must fit into it. The whole
        head may have 16 KB
    :param str option: name of the option that sets the length of ``buffer``, for the error's text
    :param str names: the headers to keep, in lower case, each between two spaces
    """

    def __init__(self, buffer: bytearray, option: str = "buffer", names: str = NAMES) -> None:
        self._buffer = buffer
        self._view = memoryview(buffer)
        self._option = option
        self._names = names
        self._line = 0  # where the incomplete line begins
        self._skipping = False  # the line's beginning was discarded, and its end will be
        self._length = 0  # bytes received in all
        self._status = 0
        self._last = ""  # the header that a folded line would continue
        self.status = 0
        """The status code, 0 until the head is complete."""
        self.headers = {}
        """
        The values of the headers in ``names``, by lower-case name. A repeated header is one list,
        joined by ``", "`` (RFC 9110, 5.3); an equal value is there once.
        """
        self.start = 0
        """Index in the buffer of the first byte after the head, once it is complete."""
        self.end = 0
        """Index in the buffer after the last received byte."""

    @property
    def location(self):
        """The Location header of a redirect, None if the response is not one (read-only)."""
        return self.headers.get("location") if self.status in _REDIRECTS else None

    def space(self) -> memoryview:
        """Return the free part of the buffer; never empty while the head is incomplete."""
        return self._view[self.end :]

    def received(self, count: int) -> bool:
        """
        Parse bytes that were read into `space`.

        :param int count: how many
        :return: True if the head is complete
        :raises ProtocolError: if this is not an HTTP/1 response, the head is too long, or a header
            that is kept is longer than the buffer
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
        """Parse a line; return True if it was the last one."""
        if not self._status:
            self._read_status(begin, stop)
        elif begin < stop:
            self._read_header(begin, stop)
        elif self._status < 200 and self._status != 101:
            # An interim response: another one follows.
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
        """Return the name of the header in a line, or "" if it is not kept."""
        colon = self._buffer.find(b":", begin, stop)
        if colon < 0:
            return ""
        try:
            name = str(self._view[begin:colon], "utf-8").lower()
        except UnicodeError:
            return ""
        return name if " " not in name and " " + name + " " in self._names else ""

    def _read_header(self, begin: int, stop: int) -> None:
        folded = self._buffer[begin] in (32, 9)  # it continues the previous line (RFC 9112, 5.2)
        if not folded:
            self._last = self._name(begin, stop)
            begin += len(self._last) + 1
        name = self._last
        if not name:
            return
        try:
            value = str(self._view[begin:stop], "utf-8").strip()
        except UnicodeError:
            return  # not UTF-8: ignore the header
        if folded:
            value = self.headers.pop(name, "") + " " + value
        before = self.headers.get(name)
        if before is None:
            self.headers[name] = value
        elif before != value:
            self.headers[name] = before + ", " + value

    def _make_room(self) -> None:
        """Free space in a full buffer whose last line is incomplete."""
        begin, end = self._line, self.end
        if begin:
            # The lines before it were parsed.
            self._view[: end - begin] = self._view[begin:end]
            self._line, self.end = 0, end - begin
            return
        if not self._skipping:
            if not self._status:
                self._read_status(0, end)
            elif self._name(0, end):
                words = "the answer's header %s is longer than %d bytes; increase %s"
                raise ProtocolError(words % (self._name(0, end), end, self._option))
            self._skipping = True
            self._last = ""
        self.end = 0
