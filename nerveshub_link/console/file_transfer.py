# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.console.file_transfer`
====================================================

Transfers files over the ``console`` topic, both ways: ``file-data/start``, ``file-data`` with 1,024
bytes in base64, ``file-data/stop``. Nothing is acknowledged. The browser restarts the chunks'
numbers with each of its reads, so chunks are appended in the order of their arrival.

Imported with the first file. The caller passes events to `FileTransfer.handle`, calls
`FileTransfer.poll`, and `FileTransfer.lost` when the connection is lost.
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
_PART = const("/.upload.part")  # no upload has this name: safe_name removes a dot at the beginning


def _why(error) -> str:
    number = error.args[0] if isinstance(error, OSError) and error.args else None
    if number == _READ_ONLY:
        return "the drive is read-only for code; boot.py has to call storage.remount('/', False)"
    if number == _FULL:
        return "the drive is full"
    return describe(error)


def _room(folder: str):
    """Return the free bytes for a file, or None if the system can't tell."""
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
    Uploads and downloads of one console.

    :param str folder: folder for an operator's uploads; None to accept none
    :param int upload_limit: bytes of the longest file that is accepted
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
        self._scarce = None  # ticks since which there is no memory for the next piece

    def handle(self, event: str, payload: dict) -> None:
        """
        Handle one event of the server.

        :param str event: ``file-data/start``, ``file-data`` or ``file-data/stop``
        :param dict payload: its payload
        """
        if self._receiver is not None:
            self._receiver.handle(event, payload)
        elif event == "file-data/start":
            self._notice("this board accepts no files: upload_folder is None")

    def download(self, path: str) -> int:
        """
        Begin to send a file.

        :param str path: path of the file
        :return: its length in bytes
        :raises RuntimeError: if another file is being sent
        :raises ValueError: if the file is too long
        :raises OSError: if it can't be read
        """
        if self._sender is not None:
            raise RuntimeError("another download is running: " + self._sender.path)
        from .file_sender import FileSender  # noqa: PLC0415 with the first download

        self._sender = FileSender(path, self._download_limit)
        return self._sender.size

    def poll(self, now: int) -> bool:
        """
        Send the next piece, and check the upload's timeout.

        :param int now: ticks in milliseconds
        :return: True while a file is being transferred
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
        """True while a file is being transferred (read-only)."""
        return self._sender is not None or (self._receiver is not None and self._receiver.busy)

    def cancel(self) -> None:
        """Cancel the download, if there is one."""
        if self._sender is not None:
            self._end("download cancelled")

    def _end(self, how: str) -> None:
        sender, self._sender = self._sender, None
        sender.close()
        self._notice(sender.path + ": " + how)

    def missed(self) -> None:
        """Drop the upload: a message was skipped, so the file may be incomplete."""
        if self._receiver is not None:
            self._receiver.abort("a part was skipped")

    def lost(self, why: str) -> None:
        """
        Drop the upload and cancel the download: the connection is lost.

        :param str why: the reason, for the operator
        """
        if self._receiver is not None:
            self._receiver.abort(why)
        self.cancel()


class FileReceiver:
    """
    Receives files, one at a time, and renames each to its name when it is complete.

    :param str folder: folder of the files; created if it is missing
    :param int limit: bytes of the longest file
    :param notice: function of a text for the operator
    """

    def __init__(self, folder: str, limit: int, notice) -> None:
        self._folder = folder
        self._limit = limit
        self._notice = notice
        self._file = None
        self._came = ""  # the name that the browser sent, which each chunk repeats
        self._path = self._part = ""
        self._count = self._most = 0
        self._lost = False  # the operator knows already that these chunks are ignored
        self._since = None

    @property
    def busy(self) -> bool:
        """True while a file is open (read-only)."""
        return self._file is not None

    def handle(self, event: str, payload: dict) -> None:
        """
        Handle one event.

        :param str event: ``file-data/start``, ``file-data`` or ``file-data/stop``
        :param dict payload: its payload
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
        self._lost = True  # if the file can't be opened, its chunks need no further notice
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
            raise ValueError("file data is not text")
        data = binascii.a2b_base64(data)
        self._count += len(data)
        if self._count > self._most:
            raise ValueError("longer than the limit of %d bytes" % self._most)
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
        Drop the incomplete file, if there is one, with a notice.

        :param str why: the reason, for the operator
        """
        path, file = self._path, self._file
        self._path, self._file = "", None
        self._lost = True
        if not path:
            return
        # Each in its own try: the file must be removed even if closing it fails on a full drive.
        for function, argument in ((_close, file), (os.remove, self._part)):
            try:
                function(argument)
            except Exception as error:
                keep_timeout(error)
        self._notice("%s was not received: %s" % (path, why))

    def poll(self, now: int) -> None:
        """
        Drop a file of which nothing came for a minute.

        :param int now: ticks in milliseconds
        """
        if self._file is None:
            return
        if self._since is None:
            self._since = now
        elif elapsed(now, self._since) >= _STALLED:
            self.abort("no data for %d s" % (_STALLED // 1000))
