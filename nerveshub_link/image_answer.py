# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.image_answer`
====================================================

Is this HTTP answer the image, or the rest of it that was asked for? Pure: head in, verdict out. All
of a server's answers may be other ones at the next try, but a plain no (4xx).
"""

from .errors import DownloadError, UpdateError

_OTHERWISE = (403, 408, 416, 425, 429)  # of the client's errors those that another try may mend


def judge(  # noqa: PLR0912, PLR0913 one answer, all that it has to agree with
    status: int, headers: dict, shown: str, offset: int, total: int, size
) -> tuple:
    """
    Judge an answer.

    :param int status: its status code
    :param dict headers: its headers
    :param str shown: the URL for people
    :param int offset: where the range begins that was asked for; 0 if the whole was
    :param int total: length of the image, if a range was asked for
    :param size: length that the update told, or None
    :return: length of the whole image, and whether only the connection's end ends the body. If the
        status is 200, the body is the whole image, whatever was asked for
    :raises UpdateError: if the server says no
    :raises DownloadError: if this is not what was asked for
    """
    if status != 200 and not (status == 206 and offset):
        text = "HTTP %d from %s" % (status, shown)
        if status in (404, 410):
            raise UpdateError(text + ": it is not there")
        if 400 <= status < 500 and status not in _OTHERWISE:
            raise UpdateError(text)
        # An object store says by 403 that the URL has expired.
        raise DownloadError(text, "renew" if status == 403 else "resume")
    if headers.get("content-type", "").lower().startswith("text/html"):
        raise DownloadError("an HTML page instead of an image, from " + shown)
    encoding = headers.get("transfer-encoding") or headers.get("content-encoding") or "identity"
    if encoding.lower() != "identity":
        raise DownloadError("a body in %s encoding can't be taken" % encoding)
    length = headers.get("content-length")
    until_end = length is None
    if not until_end:
        try:
            length = int(length)
        except ValueError:
            raise DownloadError("bad Content-Length") from None
    if status == 206:
        wanted = "bytes %d-%d/%d" % (offset, total - 1, total)
        found = headers.get("content-range", "nothing")
        if found.lower() != wanted or (not until_end and length != total - offset):
            raise DownloadError("asked for %s, got %s" % (wanted, found))
        return total, until_end
    if until_end:
        length = size
    elif size is not None and length != size:
        raise DownloadError("the image has %d bytes, the update said %d" % (length, size))
    if length is None:
        raise DownloadError("neither the update nor the server tells the image's length")
    if length <= 0:
        raise DownloadError("the image is empty")
    return length, until_end
