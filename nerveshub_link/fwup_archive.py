# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.fwup_archive`
====================================================

Reads an archive as it arrives, in pieces of any size, and hands out its files: one made by fwup
(``.fw``), or a plain zip. Nothing is staged, and memory does not grow with the archive's size.

Call `ArchiveReader.feed` with each piece, then `ArchiveReader.finish`; only after that the files
are known to be all and right. It writes nothing itself: the sink does, an object with

* ``archive_meta(conf)``: the ``meta.conf`` (bytes) of a fwup archive, before its first file. All
  the files that it declares are allowed, by name, number and size
* ``file_begin(path, size)``: a file begins; ``size`` is its length in bytes, None if not known yet
* ``file_data(view)``: its next bytes, a memoryview that is valid during the call only; multiples
  of 512, except the last piece
* ``file_end(crc)``: it is complete: its length and its CRC-32 are what the archive says

A fwup archive begins with ``meta.conf.ed25519`` or ``meta.conf`` (protocol.md, 9.3); its member
``data/lib/x.py`` is the file ``lib/x.py``, and has to be declared in ``meta.conf``. Zip archives
(PKWARE's APPNOTE 6.3) with encryption, zip64, several disks or other methods than stored and
deflate are refused.
"""

from binascii import crc32
from struct import unpack_from

from micropython import const

from .archive_paths import MAX_PATH, PathRules, decode_path, shown
from .errors import UpdateError
from .fwup_meta import MAX_CONF, MIN_CONF, length_of, resources

_SECTOR = const(512)
_LOOKAHEAD = const(16)  # inflate.LOOKAHEAD
_NO_LIMIT = const(0x3FFFFFFF)

_HEADER = b"PK\x03\x04"
_CENTRAL = b"PK\x01\x02"
_END = b"PK\x05\x06"
_DESCRIPTOR = b"PK\x07\x08"
_ZIP64 = (b"PK\x06\x06", b"PK\x06\x07")

_ENCRYPTED = const(0x2041)  # and with a masked header
_PATCH = const(0x20)
_DESCRIBED = const(8)  # sizes and CRC come after the data

_SIGNATURE_NAME = b"meta.conf.ed25519"
_CONF_NAME = b"meta.conf"
_DATA = b"data/"
_SIGNATURE_SIZE = const(64)

_GIVEN_UP = "the archive was given up before"
_OTHER_FILES = "the archive's directory tells of other files than came"
_ZIP64_WORDS = "a zip64 archive can't be taken"
_DISKS = "an archive on several disks can't be taken"

# What a member is.
_FILE = const(0)
_FOLDER = const(1)
_CONF = const(2)
_SIGNATURE = const(3)


class ArchiveReader:
    """
    Reads one archive.

    :param sink: gets the files, see above. What its methods raise comes through; the archive can't
        be read any further then
    :param str prefix: what will stand before each path on the drive, such as ``"/slots/a/"``
    :param int max_files: how many files and folders there may be
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
        self._sink = sink
        self._rules = PathRules(prefix, max_files)
        self._max_file_size = max_file_size
        self._max_total_size = max_total_size
        self._kept = memoryview(bytearray(_SECTOR))  # what the next step could not use yet
        self._count = 0
        self._step = self._read_record
        self._after = None  # the step behind what is skipped
        self._skip = 0
        self._offset = 0  # bytes used
        self._broken = False
        self._ended = False
        self._inflater = None
        self._members = 0
        self._sum = 0  # over names and CRCs of all members, less those in the directory
        self._directory = 0  # where it begins
        self._listed = 0
        self._total = 0
        self._declared = None  # name -> length, of what did not come yet; None in a plain zip
        self._largest = 0
        self.is_fwup = False
        """True if this is a fwup archive; known from the first member on."""
        self.signature = None
        """The 64 bytes of ``meta.conf.ed25519``, None if there is none."""

    def feed(self, data) -> None:
        """
        Take the next bytes.

        :param data: bytes-like, any number
        :raises UpdateError: if the archive is broken or must not be installed
        """
        if self._broken:
            raise UpdateError(_GIVEN_UP)
        self._broken = True  # until all went well
        data = memoryview(data)
        kept, count = self._kept, self._count
        at = 0
        while True:
            if count:
                more = min(_SECTOR - count, len(data) - at)
                kept[count : count + more] = data[at : at + more]
                used = self._step(kept[: count + more])
                if used is None:  # no step needs more than a sector, so there was no more
                    count += more
                    break
                if used < count:
                    count -= used
                    kept[:count] = kept[used : used + count]
                else:
                    at += used - count
                    count = 0
            else:
                used = self._step(data[at:])
                if used is None:
                    count = len(data) - at
                    kept[:count] = data[at:]
                    break
                at += used
            self._offset += used
        self._count = count
        self._broken = False

    def finish(self) -> None:
        """
        Say that nothing more comes.

        :raises UpdateError: if the archive is not complete
        """
        if self._broken:
            raise UpdateError(_GIVEN_UP)
        if not self._ended or self._skip:
            words = "the archive ends too early, after %d bytes"
            raise UpdateError(words % (self._offset + self._count))

    # Each step gets what there is, and returns how much of it was used, None if it needs more.

    def _read_record(self, view):
        if len(view) < 4:
            return None
        kind = bytes(view[:4])
        if kind == _HEADER:
            if not self._directory:
                return self._read_header(view)
        elif kind == _CENTRAL:
            return self._read_central(view)
        elif kind == _END:
            return self._read_end(view)
        elif kind in _ZIP64:
            raise UpdateError(_ZIP64_WORDS)
        if not self._offset:
            raise UpdateError("this is no zip or fwup archive")
        raise UpdateError("the archive is broken at byte %d" % self._offset)

    def _read_skip(self, view):
        used = min(self._skip, len(view))
        self._skip -= used
        if not self._skip:
            self._step = self._after
        return used or (None if self._skip else 0)

    def _skip_to(self, count: int, step) -> None:
        self._skip, self._after = count, step
        self._step = self._read_skip

    def _read_header(self, view):
        if len(view) < 30:
            return None
        flags, method, _, _, crc, packed, size, name, extra = unpack_from("<HHHHIIIHH", view, 6)
        if flags & _ENCRYPTED:
            raise UpdateError("an encrypted archive can't be taken")
        if flags & _PATCH or method not in (0, 8):
            words = "the archive's compression method %d can't be taken, only stored and deflate"
            raise UpdateError(words % method)
        if packed == 0xFFFFFFFF or size == 0xFFFFFFFF:
            raise UpdateError(_ZIP64_WORDS)
        if not 0 < name <= MAX_PATH + len(_DATA):
            raise UpdateError("the archive has a path of %d characters" % name)
        self._described = flags & _DESCRIBED
        self._stored = not method
        self._crc = 0
        self._expected_crc, self._expected_packed, self._expected_size = crc, packed, size
        self._packed = 0
        self._name_length, self._extra_length = name, extra
        self._step = self._read_name
        return 30

    def _read_name(self, view):
        if len(view) < self._name_length:
            return None
        name = bytes(view[: self._name_length])
        self._name_crc = crc32(name)
        if not self._members:
            self.is_fwup = name in (_SIGNATURE_NAME, _CONF_NAME)
        self._name = shown(name)
        size = self._expected_size
        if self._described and not size:
            size = None
        self._kind, limit, size = self._judge(name, size)
        if size is not None and size > limit:
            raise self._error("has %d bytes, %d are allowed" % (size, limit))
        if self._stored:
            if size is None:
                raise self._error("is stored, but its length is not told in front")
            if size != self._expected_packed and not (
                self._described and not self._expected_packed
            ):
                raise self._error("is stored with two different lengths")
        self._size, self._limit = size, limit
        self._skip_to(self._extra_length, self._begin)
        return self._name_length

    def _judge(self, name: bytes, size):
        """What a member is, its greatest length, and its length if that is known."""
        if self.is_fwup:
            if name == _SIGNATURE_NAME and not self._members:
                return _SIGNATURE, _SIGNATURE_SIZE, size
            if self._declared is None:
                if name == _CONF_NAME:
                    return _CONF, MAX_CONF, size
                raise self._error("comes before meta.conf")
            if name == _DATA:
                return _FOLDER, 0, 0
            if not name.startswith(_DATA):
                raise self._error("lies beside meta.conf and data/: it would never take effect")
            length = self._declared.pop(name[len(_DATA) :], None)
            if length is None:
                raise self._error("is not declared in meta.conf, or comes twice")
            if size is not None and size != length:
                raise self._error("has %d bytes, meta.conf says %d" % (size, length))
            self._path = name[len(_DATA) :].decode()
            return _FILE, length, length
        self._path = decode_path(name)
        self._rules.add(self._path)
        if self._path.endswith("/"):
            return _FOLDER, 0, size or 0
        return _FILE, min(self._max_file_size, self._max_total_size - self._total), size

    def _begin(self, view):
        """Behind the header: the data begin."""
        self._collected = None
        if self._kind == _FILE:
            self._sink.file_begin(self._path, self._size)
        else:
            self._collected = bytearray()
        if self._stored:
            self._left = self._size
            self._step = self._read_stored
            if not self._size:
                self._end_data(0)
        else:
            if self._inflater is None:
                from .inflate import Inflater  # noqa: PLC0415 stored archives do without

                self._inflater = Inflater(self._write)
            self._inflater.start(self._limit if self._size is None else self._size, self._largest)
            self._step = self._read_deflated
        return 0

    def _write(self, view) -> None:
        self._crc = crc32(view, self._crc)
        if self._collected is None:
            self._sink.file_data(view)
        else:
            self._collected.extend(view)

    def _read_stored(self, view):
        used = min(len(view), self._left)
        if used < self._left:
            used &= -_SECTOR
        if not used:
            return None
        self._write(view[:used])
        self._packed += used
        self._left -= used
        if not self._left:
            self._end_data(self._packed)
        return used

    def _read_deflated(self, view):
        if len(view) < _LOOKAHEAD:
            return None
        used = self._inflater.feed(view)
        self._packed += used
        if self._inflater.done:
            self._end_data(self._inflater.total)
        return used

    def _end_data(self, length: int) -> None:
        self._length = length
        self._step = self._read_descriptor if self._described else self._compare

    def _read_descriptor(self, view):
        if len(view) < 16:
            return None
        # Its own signature is optional, and a CRC could look like one.
        came = (self._crc, self._packed, self._length)
        start = 4
        if bytes(view[:4]) != _DESCRIPTOR or unpack_from("<III", view, 0) == came:
            start = 0
        crc, packed, size = unpack_from("<III", view, start)
        if size != self._expected_size and self._expected_size:
            raise self._error("has two different lengths")
        if packed != self._expected_packed and self._expected_packed:
            raise self._error("has two different compressed lengths")
        self._expected_crc, self._expected_packed, self._expected_size = crc, packed, size
        self._compare(view)
        return start + 12

    def _compare(self, view):
        """Is the member what the archive says?"""
        if self._length != self._expected_size or self._size not in (None, self._length):
            words = "has %d bytes, the archive says %d"
            raise self._error(words % (self._length, self._size or self._expected_size))
        if self._packed != self._expected_packed:
            words = "has %d compressed bytes, the archive says %d"
            raise self._error(words % (self._packed, self._expected_packed))
        if self._crc != self._expected_crc:
            raise self._error("is damaged, its CRC-32 is wrong")
        self._members += 1
        self._sum += self._name_crc ^ self._crc
        self._step = self._read_record
        if self._kind == _FILE:
            self._total += self._length
            self._sink.file_end(self._crc)
        elif self._kind == _CONF:
            self._read_conf(bytes(self._collected))
        elif self._kind == _SIGNATURE:
            if self._length != _SIGNATURE_SIZE:
                raise self._error("has %d bytes instead of 64" % self._length)
            self.signature = bytes(self._collected)
        self._collected = None
        return 0

    def _read_conf(self, conf: bytes) -> None:
        if len(conf) < MIN_CONF:
            raise self._error("is shorter than %d bytes" % MIN_CONF)
        declared = {}
        total = 0
        for name, values in resources(conf):
            self._rules.add(decode_path(name))
            length = length_of(values)
            if length > self._max_file_size:
                words = "'%s' has %d bytes, %d are allowed"
                raise UpdateError(words % (name.decode(), length, self._max_file_size))
            declared[name] = length
            total += length
            self._largest = max(self._largest, length)
        if total > self._max_total_size:
            words = "the files have %d bytes, %d are allowed"
            raise UpdateError(words % (total, self._max_total_size))
        self._rules = None  # from now on the declared names are the rule
        self._declared = declared
        self._sink.archive_meta(conf)

    def _read_central(self, view):
        if len(view) < 46:
            return None
        if not self._directory:
            self._begin_directory()
        crc, _, _, length, extra, comment, disk = unpack_from("<IIIHHHH", view, 16)
        if disk:
            raise UpdateError(_DISKS)
        if length > MAX_PATH + len(_DATA):
            raise UpdateError(_OTHER_FILES)
        if len(view) < 46 + length:
            return None
        name = bytes(view[46 : 46 + length])
        if view[41] & 0xF0 == 0xA0 and view[5] == 3:
            raise UpdateError("'%s' is a symbolic link, FAT has none" % shown(name))
        self._sum -= crc32(name) ^ crc
        self._listed += 1
        self._skip_to(extra + comment, self._read_record)
        return 46 + length

    def _begin_directory(self) -> None:
        self._directory = self._offset
        self._inflater = None  # its memory is free again
        if self.is_fwup and self._declared is None:
            raise UpdateError("the archive has no meta.conf")
        if self._declared:
            words = "'%s' is declared in meta.conf, and did not come"
            raise UpdateError(words % min(self._declared).decode())

    def _read_end(self, view):
        if len(view) < 22:
            return None
        if not self._members:
            raise UpdateError("the archive is empty")
        disk, other, here, total, size, start, comment = unpack_from("<HHHHIIH", view, 4)
        if disk or other:
            raise UpdateError(_DISKS)
        if here != self._members or total != self._members or self._listed != self._members:
            words = "%d files and folders came, the archive's directory tells of %d"
            raise UpdateError(words % (self._members, min(here, total, self._listed)))
        if self._sum:
            raise UpdateError(_OTHER_FILES)
        if start != self._directory or size != self._offset - start:
            raise UpdateError("the archive's directory is not where it should be")
        self._ended = True
        self._skip_to(comment, self._refuse_more)
        return 22

    def _refuse_more(self, view):
        if len(view):
            raise UpdateError("something lies behind the end of the archive")
        return None

    def _error(self, words: str) -> UpdateError:
        return UpdateError("'%s' %s" % (self._name, words))
