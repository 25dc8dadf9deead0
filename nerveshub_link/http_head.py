# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.http_head`
====================================================

HTTP/1.1 heads, without a socket: what a WebSocket upgrade and a firmware download have in common.
The response is read into the caller's buffer as the bytes come, so neither a mute nor a dripping
server can hold up the main loop, and a head can't grow past that buffer. What came after the head
stays where it is: `HeadReader.start` to `HeadReader.end` of the buffer are the caller's to use
next.
"""

from .errors import ProtocolError

_REDIRECTS = (301, 302, 303, 307, 308)
_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}


class Url:
    """
    An absolute URL, taken apart.

    :param bool tls: True for https and wss
    :param str host: name or address
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
        return (
            self.host
            if self.port == (443 if self.tls else 80)
            else "%s:%d" % (self.host, self.port)
        )

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

    :param str text: the URL
    :raises ValueError: if it is none, or holds characters that do not belong in a request line
    """
    scheme, mark, rest = text.partition("://")
    scheme = scheme.lower()
    if not mark or scheme not in _PORTS:
        raise ValueError("not an http or https URL")
    for char in text:
        if not "!" <= char <= "~":
            raise ValueError("URL with a blank, a control or a non-ASCII character")
    rest = rest.split("#", 1)[0]
    cut = len(rest)
    for mark in "/?":
        at = rest.find(mark)
        if 0 <= at < cut:
            cut = at
    authority, target = rest[:cut], rest[cut:]
    if not target.startswith("/"):
        target = "/" + target
    host, mark, port = authority.partition(":")
    if not host or "@" in authority or "[" in authority:
        raise ValueError("URL with a user name, an IPv6 address or without a host")
    try:
        number = int(port) if mark else _PORTS[scheme]
    except ValueError:
        number = 0
    if not 0 < number < 65536:
        raise ValueError("URL with a bad port")
    return Url(scheme in ("https", "wss"), host, number, target)


def resolve(base: Url, location: str) -> Url:
    """
    Follow a ``Location`` header (RFC 9110, 10.2.2), absolute or relative.

    :param Url base: the URL that answered with it
    :param str location: the header's value
    :raises ValueError: if it leads nowhere, or from https to http
    """
    scheme = "https://" if base.tls else "http://"
    if location.startswith("//"):
        url = parse_url(scheme + location[2:])
    elif location.startswith("/"):
        url = parse_url(scheme + base.authority + location)
    elif "://" in location.split("?", 1)[0]:
        url = parse_url(location)
    else:
        path = base.target.split("?", 1)[0]
        if not location.startswith("?"):
            path = path.rsplit("/", 1)[0] + "/"
        url = parse_url(scheme + base.authority + path + location)
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
    there.

    :param bytearray buffer: where the head is collected; its length is the limit
    """

    def __init__(self, buffer: bytearray) -> None:
        self._buffer = buffer
        self._view = memoryview(buffer)
        self.status = 0
        """The status code, 0 until the head is complete."""
        self.headers = {}
        """Header values by lower-case name; of a repeated header the last one."""
        self.start = 0
        """Where the bytes behind the head begin, once it is complete."""
        self.end = 0
        """Where the bytes in the buffer end."""

    @property
    def location(self):
        """Where a redirect leads (its Location header), None if the answer is none (read-only)."""
        return self.headers.get("location") if self.status in _REDIRECTS else None

    def space(self) -> memoryview:
        """Return the free part of the buffer."""
        return self._view[self.end :]

    def received(self, count: int) -> bool:
        """
        Take note of bytes that were put into `space`.

        :param int count: how many
        :return: True if the head is complete
        :raises ProtocolError: if this is no HTTP/1 response, or its head does not fit the buffer
        """
        searched = max(self.end - 3, 0)
        self.end += count
        buffer = self._buffer
        prefix = min(self.end, 7)
        if bytes(buffer[:prefix]) != b"HTTP/1."[:prefix]:
            raise ProtocolError("the answer is not HTTP/1")
        stop = buffer.find(b"\r\n\r\n", searched, self.end)
        if stop < 0:
            if self.end == len(buffer):
                raise ProtocolError("response head longer than %d bytes" % len(buffer))
            return False
        self.start = stop + 4
        self._parse(bytes(buffer[:stop]).split(b"\r\n"))
        return True

    def _parse(self, lines: list) -> None:
        try:
            self.status = int(lines[0].split(b" ")[1])
        except (IndexError, ValueError):
            raise ProtocolError("bad HTTP status line") from None
        for line in lines[1:]:
            name, _, value = line.partition(b":")
            try:
                self.headers[name.decode().lower()] = value.decode().strip()
            except UnicodeError:
                pass  # a header in another encoding is none that we need
