# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.device.archives`
====================================================

Downloads archives: files that NervesHub has for a device beside its firmware. The server announces
one at each join (its ``lib/nerves_hub/device_link.ex``) and expects no answer. One archive at a
time is downloaded, one piece per tick. Archives and firmware updates share the downloader: an
update interrupts an archive's download, which is begun again after the update.

In the folder: ``<uuid>.fw`` is a complete archive; ``<uuid>.part`` an incomplete one;
``archives.json`` lists the uuids that the application has accepted, so that they are not downloaded
again after the next join.

An archive has no checksum: the download checks its length only, and each try begins at zero, since
a mix of two files would not be detected. An incomplete file is deleted by the next try, by another
archive, or at the next start. On a device with public keys (those of its writer, or of
``settings.toml``) a complete one is verified by its signature, in pieces (`ArchiveCheck`);
`Client.archive_ready` is told whether that succeeded.

Longer than most modules: what each state does with an archive must be seen together.
"""

import json
import os

from micropython import const

from ..common.ticks import LONGEST, elapsed
from ..errors import NervesHubError, UpdateError, describe
from ..update.downloader import DATA, DONE, HEAD

_REMEMBERED = const(16)  # uuids
_ROOM = const(8192)  # bytes that stay free on the drive
_RETRY = const(30 * 1000)
_MAX_TRIES = const(10)  # each one begins at zero and wears the flash

_IDLE = const(0)
_WAITING = const(1)  # for the client to be asked again
_DUE = const(2)  # the download begins as soon as no update is running
_RUNNING = const(3)
_CHECKING = const(4)  # it is complete, and is verified now


class Archives:
    """
    Downloads archives, one after the other.

    :param Config config: ``archive_folder``, ``client``, ``connect_timeout``
    :param Downloader downloader: fetches them; shared with the updates
    :param UpdateManager updates: an update goes first
    :param call: function that calls a callback of the application and catches its exceptions
    :param log: function of level and text
    :param tuple keys: public keys by which archives are verified, each 32 bytes
    """

    def __init__(  # noqa: PLR0913, PLR0917 what it is made of
        self, config, downloader, updates, call, log, keys: tuple = ()
    ) -> None:
        self._config = config
        self._downloader = downloader
        self._updates = updates
        self._call = call
        self._log = log
        self._folder = config.archive_folder.rstrip("/")
        self._state = _IDLE
        self._info = None
        self._uuid = None
        self._file = None
        self._check = None
        self._keys = keys
        self.alone = False
        """True while the download needs the WebSocket's memory: the link must stay closed."""
        self._sweep()

    def _sweep(self) -> None:
        """Delete incomplete files of earlier downloads."""
        try:
            for name in os.listdir(self._folder):
                if name.endswith(".part") and _is_uuid(name[: -len(".part")]):
                    os.remove(self._folder + "/" + name)
        except OSError:
            pass  # no such folder, or the drive is read-only: a download will report it

    def offer(self, payload: dict, now: int) -> None:
        """
        Handle the server's event ``archive``.

        :param dict payload: its payload
        :param int now: ticks in milliseconds
        """
        uuid = payload.get("uuid")
        if self._state != _IDLE and uuid == self._uuid:
            self._renew(payload)
            return
        self._stop()
        try:
            _check(payload)
            if uuid in self._remembered():
                return
            self._info, self._uuid = payload, uuid
            if _size(self._path(".fw")) == payload["size"]:
                self._hand_over()  # the callback has raised last time
            else:
                self._decide(now)
        except Exception as error:
            self._fail(error)

    def _renew(self, payload: dict) -> None:
        """Take over a new URL, since a URL is valid for an hour only."""
        try:
            _check(payload)
            if payload["size"] == self._info["size"]:
                self._info = payload
                if self._state == _RUNNING:
                    self._downloader.renew(payload["url"])
        except Exception as error:
            self._fail(error)

    def _path(self, ending: str) -> str:
        return self._folder + "/" + self._uuid + ending

    def _decide(self, now: int) -> None:
        self._state = _IDLE
        try:
            info = dict(self._info)
            info.pop("url", None)
            decision = self._config.client.archive_available(info)
            kind, delay = decision.kind, decision.delay
        except Exception as error:
            self._log("error", "archive_available: " + describe(error))
            return
        if kind in ("download", "apply"):
            self._tries = 0
            self._pause(now, 0)
        elif kind == "reschedule":
            self._state = _WAITING
            self._since, self._delay = now, min(delay, LONGEST * 1000)

    # The work

    def tick(self, now: int) -> bool:
        """
        Do the next step of the download. Never raises.

        :param int now: ticks in milliseconds
        :return: True if the WebSocket must be closed: there is no memory for a second connection
        """
        if self._state == _IDLE:
            return False
        try:
            if self._updates.active:
                self._end_check()  # the update uses the downloader, and wants the memory
                return False
            if self._state == _RUNNING:
                return self._step(now)
            if self._state == _CHECKING:
                from .archive_check import verify  # noqa: PLC0415 with public keys only

                verify(self, self._path(".fw"))
                return False
            if elapsed(now, self._since) >= self._delay:
                if self._state == _WAITING:
                    self._decide(now)
                else:
                    self._start()
        except Exception as error:
            self._fail(error)
        return False

    def _start(self) -> None:
        self._drop_part()
        size = self._info["size"]
        _need_room(self._folder, size)
        self._downloader.start(self._info["url"], size, self)
        self._state = _RUNNING

    def evicted(self) -> None:
        """Handle that an update has taken the downloader: begin again after the update."""
        self.alone = False
        self._close_file()
        self._state, self._delay = _DUE, 0

    def _step(self, now: int) -> bool:
        loader = self._downloader
        if loader.connects_next:
            self._call(self._config.client.handle_blocking, "archive", self._config.connect_timeout)
            if self._state != _RUNNING:
                return False  # closed by the callback
        try:
            result = loader.step(now)
        except (NervesHubError, MemoryError) as error:
            return self._broke(error, now)
        if result == HEAD:
            self._file = open(self._path(".part"), "wb")
        elif result == DATA:
            if self._file.write(loader.data) != len(loader.data):
                raise OSError(28)
            loader.taken()
        elif result == DONE:
            self._finish()
        return False

    def _broke(self, error: Exception, now: int) -> bool:
        loader = self._downloader
        scarce = isinstance(error, MemoryError) or getattr(error, "no_memory", False)
        if scarce and loader.connects_next and not self.alone:
            self.alone = True
            return True
        then = getattr(error, "then", None)
        self._tries += 1
        if self._tries >= _MAX_TRIES or then == "renew":
            raise error  # the next join brings a new URL
        if isinstance(error, UpdateError) and then is None:
            raise error
        loader.hang_up()
        self._log("info", "archive: " + describe(error) + "; next try in 30 s")
        self._pause(now, _RETRY)
        return False

    def _pause(self, now: int, delay: int) -> None:
        self.alone = False
        self._close_file()
        self._state = _DUE
        self._since, self._delay = now, delay

    def _finish(self) -> None:
        self.alone = False
        self._downloader.release(self)
        self._close_file()
        path = self._path(".part")
        if _size(path) != self._info["size"]:
            raise OSError(28)
        target = self._path(".fw")
        if _size(target) >= 0:
            os.remove(target)
        os.rename(path, target)
        self._log("info", "archive %s is complete" % self._uuid)
        self._hand_over()

    def _hand_over(self) -> None:
        if self._keys:
            self._state = _CHECKING
        else:
            self._give(False)

    def _give(self, verified: bool) -> None:
        """Hand the archive over."""
        self._state = _IDLE
        uuid = self._uuid
        if self._call(self._config.client.archive_ready, self._path(".fw"), verified):
            known = self._remembered()
            known.append(uuid)
            with open(self._folder + "/archives.json", "wb") as file:
                file.write(json.dumps(known[-_REMEMBERED:]).encode())

    def _remembered(self) -> list:
        try:
            with open(self._folder + "/archives.json", "rb") as file:
                known = json.loads(file.read().decode())
            return known if isinstance(known, list) else []
        except (OSError, ValueError):
            return []

    def _fail(self, error: Exception) -> None:
        self._log("error", "archive: " + describe(error) + _hint(error))
        self._stop()

    def _stop(self) -> None:
        self.alone = False
        self._downloader.release(self)
        self._close_file()
        self._end_check()
        if self._state != _IDLE:
            self._state = _IDLE
            self._drop_part()

    def _end_check(self) -> None:
        """What was verified so far does not count; the next piece is the first one again."""
        check, self._check = self._check, None
        if check is not None:
            _close(check, self._log)

    def _drop_part(self) -> None:
        try:
            os.remove(self._path(".part"))
        except OSError:
            pass  # it does not exist

    def _close_file(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            _close(file, self._log)

    def close(self) -> None:
        """Stop, and delete an incomplete file. Never raises."""
        self._stop()


def _close(file, log) -> None:
    try:
        file.close()
    except OSError as error:
        log("error", "archive: " + describe(error))


def _is_uuid(text: str) -> bool:
    return len(text) == 36 and not text.lower().strip("0123456789abcdef-")


def _check(payload: dict) -> None:
    uuid, size, url = payload.get("uuid"), payload.get("size"), payload.get("url")
    if not isinstance(uuid, str) or not _is_uuid(uuid):
        raise UpdateError("it has no uuid")
    if isinstance(size, bool) or not isinstance(size, int) or size <= 0:
        raise UpdateError("its size is invalid")
    if not isinstance(url, str):
        raise UpdateError("it has no url")


def _size(path: str) -> int:
    try:
        return os.stat(path)[6]
    except OSError:
        return -1


def _need_room(folder: str, count: int) -> None:
    if hasattr(os, "statvfs"):
        found = os.statvfs(folder)
        free = found[1] * found[4]
        if free < count + _ROOM:
            raise UpdateError("it needs %d bytes on the drive, %d are free" % (count, free))


def _hint(error: Exception) -> str:
    number = error.args[0] if isinstance(error, OSError) and error.args else None
    if number == 2:
        return ": does archive_folder exist?"
    if number == 30:
        return ": the drive is read-only for code, see storage.remount() in boot.py"
    return ""
