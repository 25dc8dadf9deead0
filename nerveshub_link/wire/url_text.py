# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.wire.url_text`
====================================================

What few URLs need: resolving a redirect, IPv6 addresses, and encoding of characters that a request
line can't hold, such as a blank or an umlaut in a file's name, as browsers do (WHATWG URL, 1.3).
Not in `nerveshub_link.wire.http_head`, because this is imported only for such a URL.
"""


def encode(text: str) -> str:
    """
    Encode blanks and non-ASCII characters in path and query: UTF-8, each byte as ``%XX``.

    :param str text: a URL from its host on, without the scheme
    :return: the encoded text: printable ASCII without blanks
    :raises ValueError: if the text has a control character, which could begin another line of the
        request; or if its host is not ASCII
    """
    parts = []
    in_host = True
    for char in text:
        if char in "/?#":
            in_host = False
        if char < " " or char == "\x7f":
            raise ValueError("URL with a control character")
        if "!" <= char <= "~":
            parts.append(char)
            continue
        if in_host:
            raise ValueError("URL whose host has a blank or a non-ASCII character")
        try:
            for byte in char.encode():
                parts.append("%%%02X" % byte)
        except UnicodeError:
            raise ValueError("URL is not Unicode text") from None
    return "".join(parts)


def absolute(base, location: str) -> str:
    """
    Make the value of a ``Location`` header absolute (RFC 9110, 10.2.2).

    :param Url base: the URL that was redirected
    :param str location: the header's value, absolute or relative
    :return: the absolute URL
    """
    scheme = "https://" if base.tls else "http://"
    if location.startswith("//"):
        return scheme + location[2:]
    if location.startswith("/"):
        return scheme + base.authority + location
    if "://" in location.split("?", 1)[0]:
        return location
    path = base.target.split("?", 1)[0]
    if not location.startswith("?"):
        path = path.rsplit("/", 1)[0] + "/"
    return scheme + base.authority + path + location


def ipv6(authority: str) -> tuple:
    """
    Split an authority that begins with an IPv6 address in brackets (RFC 3986, 3.2.2).

    :param str authority: such as ``[::1]:4000``
    :return: the address without brackets, the colon after it or ``""``, and the port
    :raises ValueError: if the address is invalid
    """
    host, end, port = authority[1:].partition("]")
    mark, port = port[:1], port[1:]
    if not end or ":" not in host or mark not in ("", ":"):
        raise ValueError("URL with a bad IPv6 address")
    return host, mark, port
