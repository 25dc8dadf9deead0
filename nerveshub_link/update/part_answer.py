# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.update.part_answer`
====================================================

Checks that an HTTP response is exactly the requested part of the image. No I/O. Not in
`nerveshub_link.update.image_answer`, since few updates come in parts.

Anything unusual is refused, since the whole image can be requested instead. ETags are not compared:
each chunk's hash shows whether it is the same release. NervesHub answers a part with 206, and a
part that is the whole file with 200.
"""

from ..errors import DownloadError

_LATER = (408, 425, 429, 502, 503, 504)  # the server is busy: try the same request again


def judge_part(status: int, headers: dict, start: int, stop: int, size: int):
    """
    Check a response.

    :param int status: its status code
    :param dict headers: its headers
    :param int start: the first requested byte
    :param int stop: the byte after the last one
    :param int size: the image's length by the update
    :return: None if it is that part of an image of that length; else the difference, in words
    :raises DownloadError: if the same request may succeed later
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
