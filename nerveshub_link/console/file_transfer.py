# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.console.file_transfer`
====================================================

Files over the ``console`` topic, both ways: ``file-data/start``, ``file-data`` with 1,024 bytes in
base64, ``file-data/stop``. Nothing is acknowledged. The chunks' numbers begin anew now and then
(the browser counts each of its reads), so they are appended in the order of their arrival.

Imported with the first file. The caller gives events to `FileTransfer.handle`, calls
`FileTransfer.poll`, and tells it when the connection is lost.
"""

import binascii
import os

from micropython import const

from ..common.ticks import elapsed
from ..errors import describe, keep_timeout
from .file_names import place, safe_name

_RESERVE = const(16384)  # bytes that stay free on the drive
_STALLED = const(60 * 1000)
_READ_ONLY = const(30)  # EROFS, which CircuitPython's errno lacks
_FULL = const(28)
_PART = "/.upload.part"  # a name that no upload can have: safe_name drops a dot at the beginning


def _why(error) -> str:
    number = error.args[0] if isinstance(error, OSError) and error.args else None
    if number == _READ_ONLY:
        return "the drive is read-only for code; boot.py has to call storage.remount('/', False)"
    if number == _FULL:
        return "the drive is full"
    return describe(error)


def _room(folder: str):
    """Bytes that a file may take, or None where nobody can tell."""
    try:
        found = os.statvfs(folder)
    except AttributeError:
        return None
    return found[4] * found[1] - _RESERVE


def _close(file) -> None:
    if file is not None:
        file.close()


class FileTransfer:
    """
    Both ways of one console.

    :param str folder: where files of an operator go; None to take none
    :param int upload_limit: bytes of the longest file that is taken
    :param int download_limit: bytes of the longest file that is sent
    :param push: function of event and payload that returns False if it could not be sent
    :param notice: function of a text for the operator
    """

    def __init__(self, folder, upload_limit: int, download_limit: int, push, notice) -> None:
        self._receiver = None
        if folder is not None:
            self._receiver = FileReceiver(folder, upload_limit, notice)
        self._download_limit = download_limit
        self._push = push
        self._notice = notice
        self._sender = None
        self._scarce = None  # since when there is no memory for the next piece

    def handle(self, event: str, payload: dict) -> None:
        """
        Take one event of the server.

        :param str event: ``file-data/start``, ``file-data`` or ``file-data/stop``
        :param dict payload: what came with it
        """
        if self._receiver is not None:
            self._receiver.handle(event, payload)
        elif event == "file-data/start":
            self._notice("this board takes no files: upload_folder is None")

    def download(self, path: str) -> int:
        """
        Begin to send a file.

        :param str path: where it is
        :return: its bytes
        :raises RuntimeError: if another one is under way
        """
        if self._sender is not None:
            raise RuntimeError("a download is under way: " + self._sender.path)
        from .file_sender import FileSender  # noqa: PLC0415 with the first download

        self._sender = FileSender(path, self._download_limit)
        return self._sender.size

    def poll(self, now: int) -> bool:
        """
        Do what is due.

        :param int now: ticks in milliseconds
        :return: True while a file is on its way
        """
        if self._receiver is not None:
            self._receiver.poll(now)
        if self._sender is not None:
            try:
                if self._sender.step(self._push):
                    self._end("download of %d bytes sent" % self._sender.size)
                self._scarce = None
            except MemoryError as error:
                if self._scarce is None:
                    self._scarce = now
                elif elapsed(now, self._scarce) >= _STALLED:
                    self._end("download failed: " + describe(error))
            except Exception as error:
                self._end("download failed: " + describe(error))
        return self.busy

    @property
    def busy(self) -> bool:
        """True while a file is on its way (read-only)."""
        return self._sender is not None or (self._receiver is not None and self._receiver.busy)

    def cancel(self) -> None:
        """Stop sending, if something is being sent."""
        if self._sender is not None:
            self._end("download cancelled")

    def _end(self, how: str) -> None:
        sender, self._sender = self._sender, None
        sender.close()
        self._notice(sender.path + ": " + how)

    def missed(self) -> None:
        """A message was passed over: what comes may have a hole."""
        if self._receiver is not None:
            self._receiver.abort("a part of it was passed over")

    def lost(self, why: str) -> None:
        """
        Nothing goes on: drop what was under way.

        :param str why: in words
        """
        if self._receiver is not None:
            self._receiver.abort(why)
        self.cancel()


class FileReceiver:
    """
    Takes files, one at a time, and puts each into a folder when it is complete.

    :param str folder: where to; made if it is missing
    :param int limit: bytes of the longest file
    :param notice: function of a text for the operator
    """

    def __init__(self, folder: str, limit: int, notice) -> None:
        self._folder = folder
        self._limit = limit
        self._notice = notice
        self._file = None
        self._came = ""  # the name as it came: chunks are told apart by it
        self._path = self._part = ""
        self._count = self._most = 0
        self._lost = False  # was it told that chunks come for nothing?
        self._since = None

    @property
    def busy(self) -> bool:
        """True while a file is open (read-only)."""
        return self._file is not None

    def handle(self, event: str, payload: dict) -> None:
        """
        Take one event.

        :param str event: ``file-data/start``, ``file-data`` or ``file-data/stop``
        :param dict payload: what came with it
        """
        name = payload.get("filename")
        self._since = None
        try:
            if event == "file-data/start":
                self._begin(name)
            elif self._file is None or name != self._came:
                if not self._lost:
                    self._lost = True
                    self._notice("file data without a start is ignored")
            elif event == "file-data":
                self._append(payload.get("data"))
            else:
                self._finish()
        except Exception as error:
            self.abort(_why(error))

    def _begin(self, name) -> None:
        self.abort("another file began before it was complete")
        self._lost = True  # until it is open, chunks of it are not worth another word
        if not isinstance(name, str):
            self._notice("a file without a name is ignored")
            return
        folder = self._folder.rstrip("/")
        self._path = folder + "/" + safe_name(name)
        self._part = folder + _PART
        try:
            os.stat(self._folder)
        except OSError:
            os.mkdir(self._folder)
        room = _room(self._folder)
        self._most = self._limit if room is None else min(room, self._limit)
        if self._most <= 0:
            raise OSError(_FULL)
        self._file = open(self._part, "wb")
        self._came = name
        self._count = 0
        self._lost = False

    def _append(self, data) -> None:
        if not isinstance(data, str):
            raise ValueError("file data that is no text")
        data = binascii.a2b_base64(data)
        self._count += len(data)
        if self._count > self._most:
            raise ValueError("it is longer than the %d bytes that may be taken" % self._most)
        self._file.write(data)

    def _finish(self) -> None:
        self._file.close()
        self._file = None
        path, words = place(self._path, self._came)
        os.rename(self._part, path)
        self._path = ""
        self._notice("%s: %d bytes received%s" % (path, self._count, words))

    def abort(self, why: str) -> None:
        """
        Drop the file under way, if there is one, and say so.

        :param str why: in words
        """
        path, file = self._path, self._file
        self._path, self._file = "", None
        self._lost = True
        if not path:
            return
        # One by one: the file must go even if closing it fails, for lack of room.
        for function, argument in ((_close, file), (os.remove, self._part)):
            try:
                function(argument)
            except Exception as error:
                keep_timeout(error)
        self._notice("%s was not received: %s" % (path, why))

    def poll(self, now: int) -> None:
        """
        Drop a file whose rest does not come.

        :param int now: ticks in milliseconds
        """
        if self._file is None:
            return
        if self._since is None:
            self._since = now
        elif elapsed(now, self._since) >= _STALLED:
            self.abort("nothing came for %d s" % (_STALLED // 1000))
