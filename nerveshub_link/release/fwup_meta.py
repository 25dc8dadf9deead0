# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.release.fwup_meta`
====================================================

Parses the ``meta.conf`` of a fwup archive: its files, and single values.
"""

from micropython import const

from ..errors import UpdateError

_SECTION = const(b"file-resource")


def resources(conf: bytes):
    """
    List the files that an archive declares.

    The format is that of fwup's own printer: a section's head, each ``key=value`` and each ``}`` on
    its own line, titles in double quotes.

    :param bytes conf: the whole meta.conf
    :return: an iterator over (name, values): bytes and a dict of bytes, such as
        ``{b"length": b"37", b"blake2b-256": b"c5f5..."}``
    :raises UpdateError: if a file's section can't be read
    """
    name = None
    for line in _lines(conf):
        if name is None:
            if line.startswith(_SECTION):
                name, values = _title(line), {}
        elif line == b"}":
            yield name, values
            name = None
        else:
            key, equals, value = line.partition(b"=")
            if equals:
                values[key.strip()] = value.strip().strip(b'"')
    if name is not None:
        raise UpdateError("meta.conf ends within a file-resource")


def value_of(conf: bytes, key: bytes):
    """
    Find a value outside of any section.

    :param bytes conf: the whole meta.conf
    :param bytes key: such as ``b"meta-platform"``
    :return: the value, or None if it is missing
    """
    depth = 0
    for line in _lines(conf):
        if line.endswith(b"{"):
            depth += 1
        elif line == b"}":
            depth -= 1
        elif not depth:
            name, equals, value = line.partition(b"=")
            if equals and name.strip() == key:
                return value.strip().strip(b'"')
    return None


def _lines(conf: bytes):
    at = 0
    while at < len(conf):
        end = conf.find(b"\n", at)
        if end < 0:
            end = len(conf)
        yield conf[at:end].strip()
        at = end + 1


def _title(line: bytes) -> bytes:
    """Return the name in ``file-resource "name" {``."""
    start, end = line.find(b'"') + 1, line.rfind(b'"')
    if (
        not 0 < start < end
        or line[len(_SECTION) : start - 1].strip()
        or line[end + 1 :].strip() != b"{"
    ):
        raise UpdateError("meta.conf has a file-resource that can't be read")
    title = line[start:end]
    if b'"' in title or b"\\" in title:
        raise UpdateError("meta.conf has a file-resource with a quote or backslash in its name")
    return title


def length_of(values: dict, key: bytes = b"length") -> int:
    """
    Return the length of a declared file.

    :param dict values: the file's values, from `resources`
    :param bytes key: name of the value
    :return: bytes; 0 if it is missing, as in fwup
    :raises UpdateError: if it is not a plain number; fwup's sparse files have a list there
    """
    text = values.get(key, b"0")
    if not text.isdigit() or len(text) > 9:
        raise UpdateError("meta.conf declares a file with a length that can't be read")
    return int(text)
