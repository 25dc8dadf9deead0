# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.update.image_answer`
====================================================

Checks that an HTTP response is the image, or the requested rest of it. Nearly all responses are
plain, and accepted here; `nerveshub_link.update.odd_answer` handles the others, and takes memory
only for them. Imported when a response has come, and not kept.
"""


def judge(  # noqa: PLR0913, PLR0917 one response, and everything that it must match
    status: int, headers: dict, shown: str, offset: int, total: int, size, signed: bool = True
) -> tuple:
    """
    Check a response.

    :param int status: its status code
    :param dict headers: its headers
    :param str shown: the URL, for errors
    :param int offset: first byte of the requested range; 0 if the whole image was requested
    :param int total: length of the image, if a range was requested
    :param size: the image's length by the update, or None
    :param bool signed: whether the URL has a query, as URLs that expire have
    :return: length of the whole image; whether only the connection's end, or the last chunk, ends
        the body; whether it is chunked. If the status is not 206, or the whole image was requested,
        the body begins with the image's first byte
    :raises UpdateError: if the server refuses for good
    :raises DownloadError: if the response is not the requested one
    """
    if "transfer-encoding" not in headers and "content-encoding" not in headers:
        length = headers.get("content-length")
        if status == 200 and size is not None and length == str(size):
            return size, False, False
        if status == 206 and offset and length == str(total - offset):
            wanted = "bytes %d-%d/%d" % (offset, total - 1, total)
            if headers.get("content-range") == wanted:
                return total, False, False
    from .odd_answer import judge_odd  # noqa: PLC0415 seldom met

    return judge_odd(status, headers, shown, offset, total, size, signed)
