# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.update.odd_answer`
====================================================

Checks that an unusual HTTP response is the image, or the requested rest of it. No I/O. Except for a
refusal (4xx), another try may succeed. `nerveshub_link.update.image_answer` accepts the plain
responses, and imports this for others.

If the update has the image's size, the content type is ignored, since a proxy may change it: length
and checksum decide. Otherwise a response that looks like something else is refused.
"""

from ..errors import DownloadError, UpdateError

_OTHERWISE = (408, 416, 425, 429)  # client errors after which another try may succeed
_EXPIRED = (400, 401, 403)  # answers of object stores and gateways to an expired signed URL
_LONGEST = 12  # digits of a length


def judge_odd(  # noqa: PLR0913, PLR0917 one response, and everything that it must match
    status: int, headers: dict, shown: str, offset: int, total: int, size, signed: bool
) -> tuple:
    """
    Check a response: parameters, result and errors as of
    `nerveshub_link.update.image_answer.judge`.
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
        return UpdateError(text + ": not found")
    if status == 403 or (signed and status in _EXPIRED):
        return DownloadError(text, "renew")
    if 400 <= status < 500 and status not in _OTHERWISE:
        return UpdateError(text)
    return DownloadError(text)


def _check_encoding(headers: dict, known: bool) -> bool:
    """Refuse unsupported encodings; return True if the body is chunked."""
    transfer = headers.get("transfer-encoding") or "identity"
    content = headers.get("content-encoding") or "identity"
    if transfer.lower() not in ("identity", "chunked"):
        raise DownloadError("a body in %s encoding is not supported" % transfer)
    # Object stores may keep the label aws-chunked from an object's upload; its bytes are plain.
    if content.lower() != "identity" and not (known and content.lower() == "aws-chunked"):
        raise DownloadError("a body in %s encoding is not supported" % content)
    chunked = transfer.lower() == "chunked"
    if chunked and not known:
        raise DownloadError("a chunked body is refused: the update has no size")
    return chunked


def _length(text):
    """Parse Content-Length, which may be repeated (RFC 9110, 8.6); None if it is missing."""
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
    Check a part of the image that was not requested: the first part is accepted, since the rest can
    be requested. Return True if only the connection's end ends it.
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
