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

_PASSING = (408, 425, 429)  # the client's errors that pass


class RangeError(DownloadError):
    """
    Raised when a range was not answered as it should be.

    :param str text: what came instead
    :param bool certain: False if the reason may be another one than the range
    """

    def __init__(self, text: str, certain: bool = True) -> None:
        super().__init__(text)
        self.certain = certain


def judge(  # noqa: PLR0913 an answer, and what it has to agree with
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
        raise _refusal(status, "HTTP %d from %s" % (status, shown), offset)
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
        _judge_rest(headers.get("content-range", "no range"), length, offset, total)
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


def _judge_rest(content_range: str, length, offset: int, total: int) -> None:
    wanted = "bytes %d-%d/%d" % (offset, total - 1, total)
    if content_range.lower() != wanted:
        raise RangeError("asked for %s, got %s" % (wanted, content_range))
    if length is not None and length != total - offset:
        raise RangeError("asked for %s, got %d bytes" % (wanted, length))


def _refusal(status: int, text: str, offset: int) -> UpdateError:
    if status == 403:
        return DownloadError(text, "renew")  # how object stores say that a URL has expired
    if offset and status == 416:
        return RangeError(text)
    if offset and status == 500:
        # How NervesHub says that a range begins behind the end; but any server may be ill.
        return RangeError(text, certain=False)
    if status in (404, 410):
        return UpdateError(text + ": it is not there")
    if 400 <= status < 500 and status not in _PASSING:
        return UpdateError(text)
    return DownloadError(text)
