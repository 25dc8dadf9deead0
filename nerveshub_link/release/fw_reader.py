# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.release.fw_reader`
====================================================

Reads a release, a ``.fw`` archive with stored members, as it arrives in pieces of any size. It
parses the zip format only: the content goes to a sink, an object with

* ``archive_meta(conf, signature)``: gets the bytes of ``meta.conf``, and 64 bytes or None
* ``file_begin(name, size)``: the only resource begins: its name without ``data/``, and its length
* ``file_data(view)``: gets its next bytes, a memoryview; returns how many of them it has taken
* ``file_end()``: it is complete, and its CRC-32 is right
* ``busy``: True if the sink has long work to do; it gets no calls but ``work`` then
* ``work()``: does a slice of that work, and sets ``busy`` to False after the last one

Call `FwReader.feed` with each piece until it returns True, then `FwReader.finish`. Exceptions of
the sink are not caught. After any error the archive can't be read any further. The format is stated
in ``docs/release_format.rst``; its source is fwup's ``src/fwup_verify.c`` and
``src/fwup_create.c``.
"""

from binascii import crc32
from struct import unpack_from

from micropython import const

from ..errors import UpdateError, printable

MAX_CONF = const(4096)
"""Bytes that a release's ``meta.conf`` may have."""
_MIN_CONF = const(10)  # fwup's own limit
_HEAD = const(30)
_MAX_NAME = const(64)
_SIGNATURE = const(64)
_GAP = const(16)  # bytes of a data descriptor with its signature
_MAX_EXTRA = const(256)
_DESCRIBED = const(8)  # flag: a data descriptor follows
_UTF8 = const(0x800)  # flag: the name is UTF-8
_LOCAL = const(b"PK\x03\x04")
_CENTRAL = const(b"PK\x01\x02")
_PACK = const("pack it with: nerveshub-link pack --private-key")

_SIGNATURE_NAME = const(b"meta.conf.ed25519")
_CONF_NAME = const(b"meta.conf")
_DATA = const(b"data/")

# What the next bytes are.
_IN_HEAD = const(0)
_IN_NAME = const(1)
_IN_TEXT = const(2)  # the signature, or meta.conf
_IN_GAP = const(3)  # a data descriptor
_IN_FILE = const(4)
_IN_END = const(5)  # the central directory
_SKIPS = const((_IN_FILE, _IN_GAP))  # not collected


class FwReader:
    """
    Reads one archive.

    :param sink: gets the content, see above
    :param bool several: True for an archive of operators, which may have more than one resource
    """

    def __init__(self, sink, several: bool = False) -> None:
        self._sink = sink
        self._several = several
        self._state = _IN_HEAD
        self._wanted = bytearray(_HEAD)  # the bytes that are being collected
        self._view = memoryview(self._wanted)
        self._have = 0
        self._left = 0  # bytes of the file, or of the gap
        self._crc = 0
        self._name = b""
        self._signature = None
        self._described = False  # True after meta.conf
        self._done = False  # True after the complete resource
        self._rest = b""  # bytes that were not taken yet, since the sink is busy

    @property
    def left(self) -> int:
        """Bytes of the resource that are missing, once it has begun (read-only)."""
        return self._left

    def feed(self, data: memoryview) -> bool:
        """
        Read the next bytes, or let the sink do a slice of its work.

        :param memoryview data: the bytes, of any length; empty while there is work left
        :return: True if they were read. False if there is work left: keep them unchanged, and call
            this again with no bytes
        :raises UpdateError: if this is not a release that a board accepts
        """
        sink = self._sink
        if sink.busy:
            if len(data):
                raise UpdateError("more of the archive came before its last bytes were taken")
            sink.work()
            if sink.busy:
                return False
        if len(self._rest):
            data, self._rest = self._rest, b""
        at = 0
        while at < len(data) and self._state != _IN_END:
            if sink.busy:
                self._rest = data[at:]
                return False
            if self._state in _SKIPS:
                piece = data[at : at + self._left]
                count = len(piece)
                if self._state == _IN_FILE:
                    count = sink.file_data(piece)
                    self._crc = crc32(piece[:count], self._crc)
                at += count
                self._left -= count
                if not self._left:
                    self._end_of_bytes()
                continue
            count = min(len(data) - at, len(self._wanted) - self._have)
            self._view[self._have : self._have + count] = data[at : at + count]
            self._have += count
            at += count
            if self._have == len(self._wanted):
                self._collected()
        return not sink.busy

    def finish(self) -> None:
        """
        Check that the archive is complete.

        :raises UpdateError: if it is not
        """
        if self._state != _IN_END:
            raise UpdateError("the archive ends before its content does")

    def _collect(self, state: int, size: int) -> None:
        self._state = state
        self._wanted = bytearray(size)
        self._view = memoryview(self._wanted)
        self._have = 0

    def _collected(self) -> None:
        if self._state == _IN_HEAD:
            self._take_head()
        elif self._state == _IN_NAME:
            self._take_name(bytes(self._wanted))
        elif self._name == _SIGNATURE_NAME:
            self._signature = bytes(self._wanted)
            self._next(self._flags & _DESCRIBED)
        else:
            conf = bytes(self._wanted)
            self._collect(_IN_HEAD, _HEAD)  # gives the memory back, up to 4 KB
            self._check_crc(crc32(conf))
            self._described = True
            self._sink.archive_meta(conf, self._signature)

    def _next(self, descriptor: int) -> None:
        """Go on with the next member, after a data descriptor if there is one."""
        if descriptor:
            self._state, self._left = _IN_GAP, _GAP
        else:
            self._collect(_IN_HEAD, _HEAD)

    def _take_head(self) -> None:
        head = self._wanted
        start = bytes(head[:4])
        if self._done and start == _CENTRAL:
            self._state = _IN_END
            return
        if start != _LOCAL:
            if not self._described and self._signature is None:
                raise UpdateError("this is not a .fw archive; " + _PACK)
            raise UpdateError("the archive is damaged: a member's head is missing")
        (
            self._flags,
            self._method,
            self._member_crc,
            stored,
            self._size,
            name,
            extra,
        ) = unpack_from("<2xHH4xIIIHH", head, 4)
        if not 0 < name <= _MAX_NAME or extra > _MAX_EXTRA:
            raise UpdateError("a member of the archive has a name or an extra field too long")
        self._stored = stored
        self._extra = extra
        self._collect(_IN_NAME, name + extra)

    def _take_name(self, name: bytes) -> None:
        self._name = name = name[: len(name) - self._extra]
        if name not in (_SIGNATURE_NAME, _CONF_NAME) and not self._described:
            raise self._error("comes before meta.conf: this is not a .fw archive; " + _PACK)
        if self._method:
            raise self._deflated()
        if name == _SIGNATURE_NAME:
            self._take_signature_head()
        elif self._flags & ~_UTF8 or self._stored != self._size:
            raise self._error("has no length in its head; " + _PACK)
        elif name == _CONF_NAME:
            self._take_conf_head()
        elif (
            (self._done and not self._several) or not name.startswith(_DATA) or not _is_ascii(name)
        ):
            raise self._error("is one member too many: a release has one resource")
        else:
            self._state, self._left, self._crc = _IN_FILE, self._size, 0
            self._sink.file_begin(name[len(_DATA) :].decode(), self._size)
            if not self._size:
                self._end_of_bytes()

    def _take_signature_head(self) -> None:
        if self._signature is not None or self._described:
            raise self._error("is not the first member")
        # libarchive from 3.7.3 on writes 0 as the length of a stored member with a descriptor; a
        # signature always has 64 bytes.
        for size in (self._stored, self._size):
            if size not in (0, _SIGNATURE):
                raise self._error("has %d bytes instead of 64" % size)
        if self._flags & ~(_UTF8 | _DESCRIBED):
            raise self._error("has flags that a board does not know; " + _PACK)
        self._collect(_IN_TEXT, _SIGNATURE)

    def _take_conf_head(self) -> None:
        if self._described:
            raise self._error("comes twice")
        if not _MIN_CONF <= self._size <= MAX_CONF:
            words = "has %d bytes, a board takes %d to %d: %s"
            raise self._error(words % (self._size, _MIN_CONF, MAX_CONF, _PACK))
        self._collect(_IN_TEXT, self._size)

    def _end_of_bytes(self) -> None:
        if self._state == _IN_FILE:
            self._check_crc(self._crc)
            self._done = True
            self._sink.file_end()
        self._collect(_IN_HEAD, _HEAD)

    def _check_crc(self, crc: int) -> None:
        if crc != self._member_crc:
            raise self._error("is damaged: its CRC-32 is wrong")

    def _deflated(self) -> UpdateError:
        return self._error(
            "is deflated, as fwup packs and signs; a board needs stored members: " + _PACK
        )

    def _error(self, words: str) -> UpdateError:
        name = self._name.decode() if _is_ascii(self._name) else "a member"
        return UpdateError("'%s' %s" % (printable(name), words))


def _is_ascii(data: bytes) -> bool:
    for byte in data:
        if byte > 126:
            return False
    return True
