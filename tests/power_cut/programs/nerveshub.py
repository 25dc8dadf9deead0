# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
What the applications see of the world: they ``import outside`` and call ``serve``. That stands for
the link and for NervesHub: a join, an update if another release is wanted, a confirmation.
"""

import os

_CHUNK = 4096
_FOLDER_BIT = 0x4000
_MINUTE = 60 * 1000


class Releases:
    """
    All releases of the test.

    :param folder: where the host has put them: a folder of files and two archives each
    """

    def __init__(self, folder):
        self.files = {}
        """Of each release: dict of paths and bytes."""
        self._archives = {}
        for name in os.listdir(folder):
            if name.endswith(".fw"):
                self._archives[name] = _read(folder + "/" + name)
            else:
                self.files[name] = read_all(folder + "/" + name)

    def archive(self, name, kind):
        """The archive of a release: ``stored`` or ``deflated``."""
        return self._archives["%s.%s.fw" % (name, kind)]

    def identify(self, folder):
        """Name of the release that a folder holds, byte for byte and nothing else; else None."""
        try:
            found = read_all(folder)
        except (OSError, ValueError):
            return None
        for name in self.files:
            if self.files[name] == found:
                return name
        return None

    @staticmethod
    def meta(name):
        """What NervesHub says of a release."""
        return {"uuid": "uuid-" + name, "version": name, "product": "weather", "vcs": None}


def _read(path):
    with open(path, "rb") as file:
        return file.read()


def read_all(folder):
    """All files in a folder and below, but for ``.nh``: dict of paths and bytes."""
    found = {}
    folders = [""]
    while folders:
        here = folders.pop()
        for name in os.listdir(folder + "/" + here if here else folder):
            path = here + "/" + name if here else name
            if os.stat(folder + "/" + path)[0] & _FOLDER_BIT:
                if path != ".nh":
                    folders.append(path)
            else:
                found[path] = _read(folder + "/" + path)
    return found


class Outside:
    """
    NervesHub, and the link to it.

    :param Releases releases: what it may hand out
    :param content: exception class to raise when nothing is left to do
    """

    def __init__(self, releases, content):
        self._releases = releases
        self._content = content
        self.machine = None
        self.costs = None
        self.want()

    def want(self, release=None, kind="stored", aborted=False, crashes=0, steady=False):
        """
        Say what is to happen.

        :param release: the release that NervesHub wants there
        :param kind: its archive
        :param aborted: the first try breaks off
        :param crashes: so many times the application crashes after it has joined
        :param steady: at the end it runs for ten minutes
        """
        self.release = release
        self._kind = kind
        self._aborted = aborted
        self._crashes = crashes
        self._steady = steady
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
        meta = writer.firmware_meta()
        known = meta["version"] if meta else "rescue"
        assert known == release, "reports %s and is %s" % (known, release)
        self.joins.append((release, writer.firmware_validated(), writer.firmware_auto_reverted()))
        if not writer.firmware_validated():
            self._poll(writer, 1)
            writer.fwup_confirm()
        if self._crashes:
            self._crashes -= 1
            raise RuntimeError("crashes as it was told")
        if self.release not in (None, release) and self._update(writer):
            reset()
        if self._steady:
            self._poll(writer, 11)
        raise self._content

    def _poll(self, writer, minutes):
        for _ in range(minutes):
            self.machine.now += _MINUTE
            assert not writer.poll()

    def _update(self, writer):
        decision = writer.fwup_check(self._releases.meta(self.release), True)
        if decision is not None:
            self.refused.append(decision.reason)
            return False
        archive = self._releases.archive(self.release, self._kind)
        if self._aborted:
            self._aborted = False
            self._install(writer, archive, len(archive) * 2 // 3)
            writer.fwup_abort()
        self._install(writer, archive, len(archive))
        writer.fwup_finish()
        return True

    def _install(self, writer, archive, length):
        writer.fwup_begin(len(archive), self._releases.meta(self.release))
        view = memoryview(archive)
        for at in range(0, length, _CHUNK):
            writer.fwup_chunk(view[at : min(at + _CHUNK, length)])
