# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""What happens to the board, phase by phase, when nobody cuts its power."""

import os
import sys

import vfs
from board_modules import Bag
from flash import Flash
from machine import Content, Machine
from nerveshub import Outside, Releases, read_all


class Phase:
    """
    A part of the story, from one switching on to the moment when all is well.

    :param name: what it is called
    :param runs: the release that runs at its beginning, and the one that may run after a cut, too
    :param wish: arguments of `Outside.want`
    :param then: what NervesHub wants after a cut
    :param safe_mode: reason of the safe mode in which it begins
    """

    def __init__(self, name, runs, wish, then, safe_mode="NONE"):
        self.name = name
        self.old, self.new = runs
        self.wish = wish
        self.then = then
        self.safe_mode = safe_mode


FRESH = (Phase("first", ("rescue", "1"), {"release": "1"}, "1"),)
HOLES = (Phase("holes", ("1", "2"), {"release": "2"}, "2"),)
PREPARED = (
    Phase("update", ("1", "2"), {"release": "2"}, "2"),
    Phase("again", ("2", "3"), {"release": "3", "kind": "deflated", "aborted": True}, "3"),
    Phase("bad", ("3", "3"), {"release": "bad"}, "1"),
    Phase("good", ("3", "1"), {"release": "1", "kind": "deflated"}, "1"),
    Phase("crashes", ("1", "1"), {"crashes": 2, "steady": True}, "2"),
    Phase("safemode", ("1", "1"), {"steady": True}, "2", "BROWNOUT"),
    Phase("back", ("1", "3"), {"crashes": 5}, "2"),
)


class Story:
    """
    The board, its drive and NervesHub, before a phase.

    :param str name: the phase
    """

    def __init__(self, name):
        host = os.getcwd()
        self.releases = Releases("releases")
        guard = read_all("board")
        self.flash = Flash()
        vfs.VfsFat.mkfs(self.flash)
        vfs.umount("/")
        vfs.mount(vfs.VfsFat(self.flash), "/")
        vfs.mount(vfs.VfsPosix(host), "/host")
        sys.path[:] = ["/host", ".frozen"]
        self.outside = Outside(self.releases, Content)
        # What applications import as ``outside``: the same object in each VM.
        self.machine = Machine(self.flash, self.releases.identify, Bag(serve=self.outside.serve))
        self.outside.machine = self.machine
        self.machine.board.install()
        self._lay_out(guard, name)
        self.machine.keep_modules()
        self.machine.start_once()  # as the documentation says: boot_out.txt is made anew
        self.phase = self._go_to(name)

    def _lay_out(self, guard, name):
        from layout import prepare

        import nerveshub_link.slots.app_slot_writer  # noqa: F401 kept in memory for all

        files = self.releases.files
        if name == "first":
            prepare(guard, files["rescue"])
        else:
            holes = name == "holes"
            prepare(guard, files["rescue"], files["1"], self.releases.meta("1"), holes)

    def _go_to(self, name):
        for phase in FRESH + HOLES + PREPARED:
            if phase.name == name:
                return phase
            if phase in PREPARED:
                self.play(phase)
        raise ValueError(name)

    def play(self, phase):
        """Let a phase happen."""
        self.outside.want(**phase.wish)
        self.machine.power_on(safe_mode=phase.safe_mode)

    def record(self):
        """What the drive's record says."""
        from nerveshub_link.slots.record import DeviceState

        return DeviceState().load()
