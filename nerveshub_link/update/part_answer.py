# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.update.part_answer`
====================================================

Is an HTTP answer exactly the part of the image that was asked for by both its ends? Pure: head in,
verdict out. Apart from `nerveshub_link.update.image_answer`, since few updates come in parts.

Nothing odd is taken here, for there always is another way: the whole image. ETags are not compared:
each chunk's hash tells whether it is the same release. NervesHub answers a part with 206, and a
part that is the whole file with 200.
"""

from ..errors import DownloadError

_LATER = (408, 425, 429, 502, 503, 504)  # the server is busy: it would have no time for the whole


def judge_part(status: int, headers: dict, start: int, stop: int, size: int):
    """
    Judge an answer.

    :param int status: its status code
    :param dict headers: its headers
    :param int start: the first byte that was asked for
    :param int stop: the byte behind the last one
    :param int size: length that the update told
    :return: None if it is that part of an image of that length; else what it is, in words
    :raises DownloadError: if the same request may get the part later
    """
    if status in _LATER:
        raise DownloadError("HTTP %d for a part of the image" % status)
    if status != 206:
        return "HTTP %d" % status
    wanted = "bytes %d-%d/%d" % (start, stop - 1, size)
    found = headers.get("content-range", "nothing")
    if found.lower() != wanted:
        return "asked for %s, got %s" % (wanted, found)
    for name in ("transfer-encoding", "content-encoding"):
        if headers.get(name, "identity").lower() != "identity":
            return "%s %s" % (name, headers[name])
    if headers.get("content-length") != str(stop - start):
        return "Content-Length %s for %s" % (headers.get("content-length"), wanted)
    return None
