# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.release.fw_reader`
====================================================

Hands out the files of an archive as it arrives, in pieces of any size: one made by fwup (``.fw``),
or a plain zip. Nothing is staged, and memory does not grow with the archive's size.

Call `FwReader.feed` with each piece, then `FwReader.finish`; only after that the files
are known to be all and right. It writes nothing itself: the sink does, an object with

* ``archive_meta(conf)``: the ``meta.conf`` (bytes) of a fwup archive, before its first file. All
  the files that it declares are allowed, by path, number and size
* ``file_begin(path, size)``: a file begins; ``size`` is its length in bytes, None if not known yet
* ``file_data(view)``: its next bytes, a memoryview that is valid during the call only; multiples
  of 512, except the last piece
* ``file_end(crc)``: it is complete: its length and its CRC-32 are what the archive says

A fwup archive begins with ``meta.conf.ed25519`` or ``meta.conf`` (protocol.md, 9.3); its member
``data/lib/x.py`` is the file ``lib/x.py``, and has to be declared in ``meta.conf``. In a plain zip,
the name is the path.
"""

from micropython import const

from ..errors import UpdateError
from .fwup_meta import MAX_CONF, MIN_CONF, length_of, resources
from .member_paths import PathRules, decode_path
from .zip_reader import ZipReader

_NO_LIMIT = const(0x3FFFFFFF)
_SIGNATURE_NAME = b"meta.conf.ed25519"
_SIGNATURE_SIZE = const(64)
_CONF_NAME = b"meta.conf"
_DATA = b"data/"


class FwReader(ZipReader):
    """
    Reads one archive.

    :param sink: gets the files, see above. What its methods raise comes through; the archive can't
        be read any further then
    :param str prefix: what will stand before each path on the drive, such as ``"/slots/a/"``
    :param int max_files: how many files, and folders that they are in, there may be
    :param int max_file_size: bytes of the largest file
    :param int max_total_size: bytes of all files together
    """

    def __init__(
        self,
        sink,
        prefix: str = "",
        max_files: int = 400,
        max_file_size: int = _NO_LIMIT,
        max_total_size: int = _NO_LIMIT,
    ) -> None:
        super().__init__()
        self._sink = sink
        self._rules = PathRules(prefix, max_files)
        self._max_file_size = max_file_size
        self._max_total_size = max_total_size
        self._total = 0
        self._declared = None  # name -> length, of what did not come yet; None in a plain zip
        self._path = None  # of the file that comes
        self._end = None  # what to do with a member that is collected
        self._collected = None
        self.is_fwup = False
        """True if this is a fwup archive; known from the first member on."""
        self.signature = None
        """The bytes of ``meta.conf.ed25519``, 64 of them; None if there is none. Read-only."""

    def _member(self, name: bytes, size) -> tuple:
        if not self._members:
            self.is_fwup = name in (_SIGNATURE_NAME, _CONF_NAME)
        self._path = self._end = None
        if self.is_fwup:
            return self._fwup_member(name, size)
        path = decode_path(name)
        self._rules.add(path)
        if path.endswith("/"):
            return size or 0, 0
        self._path = path
        return size, min(self._max_file_size, self._max_total_size - self._total)

    def _fwup_member(self, name: bytes, size) -> tuple:
        if name == _SIGNATURE_NAME and not self._members:
            self._end = self._take_signature
            # fwup by libarchive 3.7.3 and later tells no length in front of a stored member.
            return (_SIGNATURE_SIZE if size is None else size), _SIGNATURE_SIZE
        if self._declared is None:
            if name != _CONF_NAME:
                raise self._error("comes before meta.conf")
            self._end = self._take_conf
            return size, MAX_CONF
        if name == _DATA:
            return size or 0, 0
        if not name.startswith(_DATA):
            raise self._error("lies beside meta.conf and data/, it would never take effect")
        name = name[len(_DATA) :]
        length = self._declared.pop(name, None)
        if length is None:
            raise self._error("is not declared in meta.conf, or comes twice")
        if size not in (None, length):
            raise self._error("has %d bytes, meta.conf says %d" % (size, length))
        self._path = decode_path(name)
        return length, length

    def _member_begin(self, size) -> None:
        if self._path is not None:
            self._sink.file_begin(self._path, size)
        else:
            self._collected = bytearray()

    def _member_data(self, view: memoryview) -> None:
        if self._path is not None:
            self._sink.file_data(view)
        else:
            self._collected.extend(view)

    def _member_end(self, length: int, crc: int) -> None:
        if self._path is not None:
            self._total += length
            self._sink.file_end(crc)
        elif self._end is not None:
            collected, self._collected = bytes(self._collected), None
            self._end(collected)

    def _members_end(self) -> None:
        if not self.is_fwup:
            return
        if self._declared is None:
            raise UpdateError("the archive has no meta.conf")
        if self._declared:
            words = "'%s' is declared in meta.conf, and did not come"
            raise UpdateError(words % min(self._declared).decode())

    def _take_signature(self, signature: bytes) -> None:
        if len(signature) != _SIGNATURE_SIZE:
            raise self._error("has %d bytes instead of 64" % len(signature))
        self.signature = signature

    def _take_conf(self, conf: bytes) -> None:
        if len(conf) < MIN_CONF:
            raise self._error("is shorter than %d bytes" % MIN_CONF)
        declared = {}
        total = 0
        if self._inflater is not None:
            self._inflater.fit(max([length_of(values) for _, values in resources(conf)] or [0]))
        for name, values in resources(conf):
            path = decode_path(name)
            self._rules.add(path)
            if path.endswith("/"):
                raise UpdateError("'%s' is declared in meta.conf as a file" % path)
            length = length_of(values)
            if length > self._max_file_size:
                words = "'%s' has %d bytes, %d are allowed"
                raise UpdateError(words % (path, length, self._max_file_size))
            declared[name] = length
            total += length
        if total > self._max_total_size:
            words = "the files have %d bytes, %d are allowed"
            raise UpdateError(words % (total, self._max_total_size))
        self._rules = None  # from now on the declared names are the rule
        self._declared = declared
        self._sink.archive_meta(conf)
