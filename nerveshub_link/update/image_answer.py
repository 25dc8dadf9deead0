# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.update.image_answer`
====================================================

Is this HTTP answer the image, or the rest of it that was asked for? Nearly all are plain, and taken
here; of the others `nerveshub_link.update.odd_answer` knows, which costs memory only when there is
one.
"""


def judge(  # noqa: PLR0913, PLR0917 one answer, all that it has to agree with
    status: int, headers: dict, shown: str, offset: int, total: int, size, signed: bool = True
) -> tuple:
    """
    Judge an answer.

    :param int status: its status code
    :param dict headers: its headers
    :param str shown: the URL for people
    :param int offset: where the range begins that was asked for; 0 if the whole was
    :param int total: length of the image, if a range was asked for
    :param size: length that the update told, or None
    :param bool signed: whether the URL has a query, as those have that expire
    :return: length of the whole image; whether only the connection's end, or the last chunk, ends
        the body; whether that is chunked. If the status is not 206, or the whole was asked for, the
        body begins with the image's first byte
    :raises UpdateError: if the server says no
    :raises DownloadError: if this is not what was asked for
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
