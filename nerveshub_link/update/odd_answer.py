# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.update.odd_answer`
====================================================

Is an HTTP answer that is not plain the image, or the rest of it that was asked for? Pure: head in,
verdict out. All of a server's answers may be other ones at the next try, but a plain no (4xx).
Apart from `nerveshub_link.update.image_answer`, which takes the plain ones, and imports this for
others.

Where the update tells the image's size, labels do not matter: whatever a proxy makes of the content
type, the length and the checksum decide. Where it does not, an answer that looks like something
else is refused.
"""

from ..errors import DownloadError, UpdateError

_OTHERWISE = (408, 416, 425, 429)  # of the client's errors those that another try may mend
_EXPIRED = (400, 401, 403)  # how object stores and gateways refuse a signed URL that is too old
_LONGEST = 12  # digits of a length


def judge_odd(  # noqa: PLR0913, PLR0917 one answer, all that it has to agree with
    status: int, headers: dict, shown: str, offset: int, total: int, size, signed: bool
) -> tuple:
    """
    Judge an answer: parameters, result and errors as of `nerveshub_link.update.image_answer.judge`.
    """
    if status not in (200, 203, 206):
        raise _refusal(status, shown, signed)
    known = size is not None or (offset and status == 206)
    if not known:
        if headers.get("content-type", "").lower().startswith("text/html"):
            raise DownloadError("an HTML page instead of an image, from " + shown)
        if status != 200:
            raise DownloadError("HTTP %d from %s" % (status, shown))
    chunked = _check_encoding(headers, known)
    length = None if chunked else _length(headers.get("content-length"))
    if status == 206:
        found = headers.get("content-range", "nothing").lower()
        if not offset:
            return size, _check_first(found, length, size, shown), chunked
        wanted = "bytes %d-%d/%d" % (offset, total - 1, total)
        if found != wanted or length not in (None, total - offset):
            raise DownloadError("asked for %s, got %s" % (wanted, found))
        return total, length is None, chunked
    until_end = length is None
    if until_end:
        length = size
    elif size is not None and length != size:
        raise DownloadError("the image has %d bytes, the update said %d" % (length, size))
    if length is None:
        raise DownloadError("neither the update nor the server tells the image's length")
    if length <= 0:
        raise DownloadError("the image is empty")
    return length, until_end, chunked


def _refusal(status: int, shown: str, signed: bool) -> UpdateError:
    text = "HTTP %d from %s" % (status, shown)
    if status in (404, 410):
        return UpdateError(text + ": it is not there")
    if status == 403 or (signed and status in _EXPIRED):
        return DownloadError(text, "renew")
    if 400 <= status < 500 and status not in _OTHERWISE:
        return UpdateError(text)
    return DownloadError(text)


def _check_encoding(headers: dict, known: bool) -> bool:
    """Can the body be taken? True if it is chunked."""
    transfer = headers.get("transfer-encoding") or "identity"
    content = headers.get("content-encoding") or "identity"
    if transfer.lower() not in ("identity", "chunked"):
        raise DownloadError("a body in %s encoding can't be taken" % transfer)
    # Object stores keep the name aws-chunked of how an object was uploaded; its bytes are plain.
    if content.lower() != "identity" and not (known and content.lower() == "aws-chunked"):
        raise DownloadError("a body in %s encoding can't be taken" % content)
    chunked = transfer.lower() == "chunked"
    if chunked and not known:
        raise DownloadError("a chunked body can't be taken: the update does not tell the size")
    return chunked


def _length(text):
    """A Content-Length, which may be there several times (RFC 9110, 8.6); None if it is not."""
    if text is None:
        return None
    values = [value.strip() for value in text.split(",")]
    first = values[0]
    if not first or first.strip("0123456789") or len(first) > _LONGEST:
        raise DownloadError("bad Content-Length")
    for value in values:
        if value != first:
            raise DownloadError("bad Content-Length")
    return int(first)


def _check_first(found: str, length, size: int, shown: str) -> bool:
    """
    A part of the image that nobody asked for: taken if it is the first one, since the rest can be
    asked for. True if only the connection's end ends it.
    """
    span, _, whole = found.partition("/")
    last = span[8:] if span.startswith("bytes 0-") else ""
    if (
        not last
        or last.strip("0123456789")
        or len(last) > _LONGEST
        or whole not in ("*", str(size))
    ):
        raise DownloadError("HTTP 206 from %s: %s" % (shown, found))
    count = int(last) + 1
    if count > size or length not in (None, count):
        raise DownloadError("HTTP 206 from %s: %s" % (shown, found))
    return length is None
