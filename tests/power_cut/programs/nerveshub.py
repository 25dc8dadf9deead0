# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
The applications' environment: they ``import outside`` and call ``serve``, which stands for the link
and for NervesHub: a join, an update if another release is wanted, a confirmation.
"""

import os

_CHUNK = 4096
_FOLDER_BIT = 0x4000
_MINUTE = 60 * 1000
_OWN_FILE = "/data/log.txt"


class Crash(Exception):
    """Raised by an application. It has what MicroPython's exceptions lack."""

    __traceback__ = None


class Releases:
    """
    All releases of the test.

    :param folder: where the host has put them: an archive and an image each, and the files of the
        rescue application
    """

    def __init__(self, folder):
        self.images, self.archives = {}, {}
        for name in os.listdir(folder):
            if name.endswith(".fw"):
                self.archives[name[:-3]] = _read(folder + "/" + name)
            elif name.endswith(".img"):
                self.images[name[:-4]] = _read(folder + "/" + name)
        self.rescue = read_all(folder + "/sources/rescue")

    @staticmethod
    def meta(name):
        """What NervesHub says of a release."""
        return {
            "uuid": "uuid-" + name,
            "version": "1.0.0",
            "product": "weather",
            "platform": "board",
            "architecture": "xtensa",
        }


def _read(path):
    with open(path, "rb") as file:
        return file.read()


def read_all(folder):
    """All files in a folder and below: dict of paths and bytes."""
    found = {}
    folders = [""]
    while folders:
        here = folders.pop()
        for name in os.listdir(folder + "/" + here if here else folder):
            path = here + "/" + name if here else name
            if os.stat(folder + "/" + path)[0] & _FOLDER_BIT:
                folders.append(path)
            else:
                found[path] = _read(folder + "/" + path)
    return found


class Outside:
    """
    NervesHub, and the link to it.

    :param Releases releases: what it may hand out
    """

    def __init__(self, releases):
        self._releases = releases
        self.machine = None
        self.want()

    def want(  # noqa: PLR0913 wishes
        self, release=None, *, aborted=False, crashes=0, steady=False, ends=None, own=False
    ):
        """
        Say what is to happen.

        :param release: the release that NervesHub wants there
        :param aborted: the first try breaks off
        :param crashes: so many times the application crashes after it has joined
        :param steady: at the end it runs for ten minutes
        :param ends: how the application ends in the middle of the first try: ``crash``, ``exit``,
            ``reload``, or ``interrupt`` by Ctrl-C
        :param own: the application writes a file of its own meanwhile, which grows
        """
        self.release = release
        self._aborted = aborted
        self._crashes = crashes
        self._steady = steady
        self._ends = ends
        self._own = own
        self.joins = []
        """What joined: (release, validated, reverted)."""
        self.refused = []
        """Why it did not take a release."""

    def serve(self, release):
        """
        The application's main loop.

        :param release: which one the application thinks it is
        """
        from microcontroller import reset

        from nerveshub_link.slots.app_slot_writer import AppSlotWriter

        writer = AppSlotWriter("/")
        known = writer.firmware_meta()["uuid"]
        assert known == "uuid-" + release, "reports %s and is %s" % (known, release)
        self.joins.append((release, writer.firmware_validated(), writer.firmware_auto_reverted()))
        if not writer.firmware_validated():
            self._poll(writer, 1)
            writer.fwup_confirm()
        if self._crashes:
            self._crashes -= 1
            raise Crash("crashes as it was told")
        if self.release not in (None, release) and self._update(writer):
            reset()
        if self._steady:
            self._poll(writer, 11)
        self.machine.content()

    def _poll(self, writer, minutes):
        for _ in range(minutes):
            self.machine.now += _MINUTE
            assert not writer.poll()

    def _update(self, writer):
        decision = writer.fwup_check(self._releases.meta(self.release), True)
        if decision is not None:
            self.refused.append(decision.reason)
            return False
        archive = self._releases.archives[self.release]
        if self._aborted:
            self._aborted = False
            self._install(writer, archive, len(archive) * 2 // 3)
            writer.fwup_abort()
        if self._ends:
            ends, self._ends = self._ends, None
            self._install(writer, archive, len(archive) // 2)
            self._end(ends)
        self._install(writer, archive, len(archive))
        while writer.fwup_finish() is False:
            pass
        return True

    def _install(self, writer, archive, length):
        writer.fwup_begin(len(archive), self._releases.meta(self.release))
        view = memoryview(archive)
        for at in range(0, length, _CHUNK):
            piece = view[at : min(at + _CHUNK, length)]
            while writer.fwup_chunk(piece) is False:
                piece = view[:0]
            if self._own:
                with open(_OWN_FILE, "ab") as file:
                    file.write(bytes(300))

    @staticmethod
    def _end(how):
        import supervisor

        if how == "crash":
            raise Crash("crashes in the middle of an update")
        if how == "interrupt":
            raise KeyboardInterrupt
        if how == "reload":
            supervisor.reload()
        raise SystemExit
