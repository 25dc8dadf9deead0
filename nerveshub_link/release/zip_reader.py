# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.release.zip_reader`
====================================================

Reads a zip archive as it arrives, in pieces of any size: the records in sequence, each member's
data, and at the end the directory, which has to tell of just what came. What the members are good
for, a subclass knows (`nerveshub_link.release.fw_reader`).

Stored and deflated members, with their lengths and CRC in front or behind (PKWARE's APPNOTE 6.3).
Encryption, zip64, several disks and other methods are refused.
"""

import gc
from binascii import crc32
from struct import unpack_from

from micropython import const

from ..errors import UpdateError
from .member_paths import MAX_NAME, shown

_SECTOR = const(512)
_LOOKAHEAD = const(16)  # inflate.LOOKAHEAD
_MAX_WINDOW = const(32768)  # as inflate's

_HEADER = b"PK\x03\x04"
_CENTRAL = b"PK\x01\x02"
_END = b"PK\x05\x06"
_DESCRIPTOR = b"PK\x07\x08"
_ZIP64 = (b"PK\x06\x06", b"PK\x06\x07")

_ENCRYPTED = const(0x2041)  # and with a masked header
_PATCH = const(0x20)
_DESCRIBED = const(8)  # lengths and CRC come behind the data, too

_GIVEN_UP = "the archive was given up before"
_OTHER_FILES = "the archive's directory tells of other files than came"
_NO_ZIP64 = "a zip64 archive can't be taken"
_NO_DISKS = "an archive on several disks can't be taken"


class ZipReader:
    """
    Reads one archive. A subclass has the methods that raise NotImplementedError here; each may
    raise what it likes, and the archive can't be read any further then.
    """

    def __init__(self) -> None:
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
        self._sum = 0  # over all members, less those that the directory tells of: see _mark
        self._directory = 0  # where that begins
        self._listed = 0

    def _member(self, name: bytes, size) -> tuple:
        """
        A member's header came. Raise `UpdateError` unless it is welcome.

        :param bytes name: its path
        :param int size: bytes, None if that is not told in front
        :return: ``(size, limit)``: the same or better known, and bytes that it may have at most
        """
        raise NotImplementedError

    def _member_begin(self, size) -> None:
        """Its data begin."""
        raise NotImplementedError

    def _member_data(self, view: memoryview) -> None:
        """Its next bytes, valid during the call only; multiples of 512, except at its end."""
        raise NotImplementedError

    def _member_end(self, length: int, crc: int) -> None:
        """It is complete, and what the archive says."""
        raise NotImplementedError

    def _members_end(self) -> None:
        """No further member comes."""
        raise NotImplementedError

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
        if kind == _HEADER and not self._directory:
            return self._read_header(view)
        if kind == _CENTRAL:
            return self._read_central(view)
        if kind == _END:
            return self._read_end(view)
        if kind in _ZIP64:
            raise UpdateError(_NO_ZIP64)
        if not self._offset:
            raise UpdateError("this is no zip or fwup archive")
        raise UpdateError("the archive is broken at byte %d" % self._offset)

    def _skip_to(self, count: int, step) -> None:
        self._skip, self._after = count, step
        self._step = self._read_skip

    def _read_skip(self, view):
        used = min(self._skip, len(view))
        self._skip -= used
        if not self._skip:
            self._step = self._after
        elif not used:
            return None
        return used

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
            raise UpdateError(_NO_ZIP64)
        if not 0 < name <= MAX_NAME:
            raise UpdateError("the archive has a path of %d characters" % name)
        self._described = flags & _DESCRIBED
        self._stored = not method
        self._told = (crc, packed, size)
        self._name_length, self._extra_length = name, extra
        self._start = self._offset
        self._step = self._read_name
        return 30

    def _read_name(self, view):
        used = self._name_length
        if len(view) < used:
            return None
        name = bytes(view[:used])
        self._name = shown(name)
        self._name_crc = crc32(name)
        _, packed, size = self._told
        if self._described and not size:
            size = None
        self._size, self._limit = size, limit = self._member(name, size)
        if size is None and self._stored:
            raise self._error("is stored, but its length is not told in front")
        if size is not None and size > limit:
            raise self._error("has %d bytes, %d are allowed" % (size, limit))
        if self._stored and size != packed and not (self._described and not packed):
            raise self._error("is stored with two different lengths")
        self._skip_to(self._extra_length, self._begin)
        return used

    def _begin(self, view):
        """Behind the header: the data begin."""
        self._crc = self._packed = self._length = 0
        self._member_begin(self._size)
        if self._stored:
            self._step = self._read_stored
            if not self._size:
                self._end_data()
        else:
            if self._inflater is None:
                gc.collect()  # the window wants memory in one piece: keep what stays together
                from .inflate import Inflater  # noqa: PLC0415 stored archives do without

                self._inflater = Inflater(self._write)
                # As much as any stream can need, while it is to be had: see `Inflater.fit`.
                self._inflater.reserve(_MAX_WINDOW)
            self._inflater.start(self._limit if self._size is None else self._size)
            self._step = self._read_deflated
        return 0

    def _write(self, view) -> None:
        self._crc = crc32(view, self._crc)
        self._length += len(view)
        self._member_data(view)

    def _read_stored(self, view):
        left = self._size - self._packed
        used = min(len(view), left)
        if used < left:
            used &= -_SECTOR
        if not used:
            return None
        self._write(view[:used])
        self._packed += used
        if used == left:
            self._end_data()
        return used

    def _read_deflated(self, view):
        if len(view) < _LOOKAHEAD:
            return None
        used = self._inflater.feed(view)
        self._packed += used
        if self._inflater.done:
            self._end_data()
        return used

    def _end_data(self) -> None:
        self._step = self._read_descriptor if self._described else self._end_member

    def _read_descriptor(self, view):
        if len(view) < 16:
            return None
        # Its own signature is optional, and a CRC could look like one.
        start = 4
        came = (self._crc, self._packed, self._length)
        if bytes(view[:4]) != _DESCRIPTOR or unpack_from("<III", view, 0) == came:
            start = 0
        _, packed, size = self._told
        self._told = unpack_from("<III", view, start)
        if packed not in (0, self._told[1]) or size not in (0, self._told[2]):
            raise self._error("has two different lengths")
        self._end_member(view)
        return start + 12

    def _end_member(self, view):
        """Is the member what the archive says?"""
        crc, packed, size = self._told
        if self._length != size or self._size not in (None, size):
            words = "has %d bytes, the archive says %d"
            raise self._error(words % (self._length, self._size or size))
        if self._packed != packed:
            words = "has %d compressed bytes, the archive says %d"
            raise self._error(words % (self._packed, packed))
        if self._crc != crc:
            raise self._error("is damaged, its CRC-32 is wrong")
        self._members += 1
        self._sum += _mark(self._name_crc, crc, size, self._start)
        self._step = self._read_record
        self._member_end(size, crc)
        return 0

    def _read_central(self, view):
        if len(view) < 46:
            return None
        if not self._directory:
            self._directory = self._offset
            self._inflater = None  # its memory is free again
            self._members_end()
        crc, _, size, length, extra, comment, disk = unpack_from("<IIIHHHH", view, 16)
        if disk:
            raise UpdateError(_NO_DISKS)
        if length > MAX_NAME:
            raise UpdateError(_OTHER_FILES)
        if len(view) < 46 + length:
            return None
        name = bytes(view[46 : 46 + length])
        if view[5] == 3 and view[41] & 0xF0 == 0xA0:  # made on Unix; the file's type there
            raise UpdateError("'%s' is a symbolic link, FAT has none" % shown(name))
        self._sum -= _mark(crc32(name), crc, size, unpack_from("<I", view, 42)[0])
        self._listed += 1
        self._skip_to(extra + comment, self._read_record)
        return 46 + length

    def _read_end(self, view):
        if len(view) < 22:
            return None
        if not self._members:
            raise UpdateError("the archive is empty")
        disk, other, here, total, size, start, comment = unpack_from("<HHHHIIH", view, 4)
        if disk or other:
            raise UpdateError(_NO_DISKS)
        for listed in (self._listed, here, total):
            if listed != self._members:
                words = "%d files and folders came, the archive's directory tells of %d"
                raise UpdateError(words % (self._members, listed))
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

    def _error(self, words: str) -> UpdateError:
        return UpdateError("'%s' %s" % (self._name, words))


def _mark(name_crc: int, crc: int, size: int, start: int) -> int:
    """A number for a member: a directory in any order gives the same sum, a wrong one hardly."""
    return (name_crc ^ crc) + (size ^ start)
