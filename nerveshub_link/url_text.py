# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.url_text`
====================================================

URLs with characters that a request line can't hold, encoded as browsers do (WHATWG URL, 1.3): file
names with blanks or umlauts in a firmware's URL, or in a redirect. Apart from
`nerveshub_link.http_head`, which imports this only for such a URL.
"""


def encode(text: str) -> str:
    """
    Encode blanks and non-ASCII characters in path and query: UTF-8, each byte as ``%XX``.

    :param str text: a URL from its host on, without the scheme
    :return: the same in printable ASCII without blanks
    :raises ValueError: if it holds a control character, which could begin another line of the
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
            raise ValueError("URL that is no Unicode text") from None
    return "".join(parts)
