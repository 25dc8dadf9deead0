# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""What happens to the board, phase by phase, when nobody cuts its power."""

import os
import sys

import vfs
from board_modules import Bag
from fat_map import owners, table_sectors
from flash import SECTOR, Flash
from machine import Machine, Prompt
from nerveshub import Outside, Releases, read_all

_IMAGE_AT = 8  # sector in a slot's file
_SLOT = 180  # sectors of a slot: room for the small releases


class Phase:
    """
    A part of the story, from one switching on to the moment when all is well.

    :param name: what it is called
    :param runs: the release that runs at its beginning, and the one that may run after a cut, too
    :param wish: arguments of `Outside.want`
    :param then: what NervesHub wants after a cut
    :param safe_mode: reason of the safe mode in which it begins
    :param edit: a computer writes to the drive before it
    :param desk: a computer is attached, and the application is interrupted
    :param writes_tables: is it one of the named exceptions: what writes boot record, FAT or root
        directory?
    :param may_lose: a cut may lose the slot that is written, for good
    """

    def __init__(  # noqa: PLR0913, PLR0917 a record
        self,
        name,
        runs,
        wish,
        then,
        safe_mode="NONE",
        edit=False,
        desk=False,
        writes_tables=False,
        may_lose=False,
    ):
        self.name = name
        self.old, self.new = runs
        self.wish = wish
        self.then = then
        self.safe_mode = safe_mode
        self.edit = edit
        self.desk = desk
        self.writes_tables = writes_tables
        self.may_lose = may_lose


PHASES = (
    Phase("make", ("rescue", "rescue"), {}, "1", writes_tables=True, may_lose=True),
    Phase("first", ("rescue", "1"), {"release": "1"}, "1"),
    Phase("update", ("1", "2"), {"release": "2"}, "2"),
    Phase("again", ("2", "3"), {"release": "3", "aborted": True}, "3"),
    Phase("bad", ("3", "3"), {"release": "bad"}, "1"),
    Phase("good", ("3", "1"), {"release": "1"}, "1"),
    Phase("crashes", ("1", "1"), {"crashes": 2, "steady": True}, "2"),
    Phase("safemode", ("1", "1"), {"steady": True}, "2", "BROWNOUT"),
    Phase("back", ("1", "3"), {"crashes": 5}, "2"),
    Phase("crash in an update", ("3", "4"), {"release": "4", "ends": "crash"}, "4"),
    Phase("end in an update", ("4", "2"), {"release": "2", "ends": "exit"}, "2"),
    Phase("reload in an update", ("2", "5"), {"release": "5", "ends": "reload"}, "5"),
    Phase("noise in an update", ("5", "3"), {"release": "3", "ends": "interrupt"}, "3"),
    Phase("own files", ("3", "4"), {"release": "4", "own": True}, "4", writes_tables=True),
    Phase("edits", ("4", "2"), {"release": "2"}, "2", edit=True, writes_tables=True),
    Phase(
        "Ctrl-C at the desk",
        ("2", "5"),
        {"release": "5", "ends": "interrupt"},
        "5",
        desk=True,
        may_lose=True,
    ),
)


class Story:
    """
    The board, its drive and NervesHub, before the first phase.

    :param int sectors: of the drive, None for the usual number
    :param int slot: sectors of a slot
    :param format: function that makes a file system on a block device; None for that of FatFs
    """

    def __init__(self, sectors=None, slot=_SLOT, format=None):
        host = os.getcwd()
        self.releases = Releases("releases")
        guard = read_all("board")
        self.flash = flash = Flash(*([sectors] if sectors else []))
        (format or vfs.VfsFat.mkfs)(flash.port())
        flash.table_sectors = table_sectors(flash.view)
        vfs.umount("/")
        vfs.mount(vfs.VfsFat(flash.port()), "/")
        vfs.mount(vfs.VfsPosix(host), "/host")
        sys.path[:] = ["/host", ".frozen"]
        self.outside = Outside(self.releases)
        # What applications import as ``outside``: the same object in each VM.
        self.machine = Machine(flash, self.identify, Bag(serve=self.outside.serve))
        self.outside.machine = self.machine
        self.machine.board.install()
        from layout import prepare

        import nerveshub_link.slots.app_slot_writer  # noqa: F401 kept in memory for all

        prepare(guard, self.releases.rescue, self.releases.meta("rescue"), slot)
        self.machine.keep_modules()
        self.machine.start_once()  # as the documentation says: boot_out.txt is made anew
        self.places = {}
        """First sector of each slot's file."""
        self.moving = True
        """Are the slots' files made in this phase?"""

    def locate(self):
        """
        Find the slots' files.

        :return: does each lie in one piece?
        """
        found = owners(self.flash.view)
        for slot in ("a", "b"):
            sectors = [at for at in found if found[at] == "/images/%s/app.img" % slot]
            sectors.sort()
            if not sectors or sectors[-1] - sectors[0] != len(sectors) - 1:
                return False
            self.places[slot] = sectors[0]
        return True

    def identify(self, folder):
        """Name of the release that a folder or a slot holds, byte for byte; else None."""
        try:
            if not folder.startswith("/images/"):
                return "rescue" if self._is_rescue(folder) else None
            images = self.releases.images
            data = self._read(folder) if self.moving else self.flash.view
            at = 0 if self.moving else (self.places[folder[-1]] + _IMAGE_AT) * SECTOR
            for name in images:
                if data[at : at + len(images[name])] == images[name]:
                    return name
        except (OSError, ValueError):
            pass
        return None

    @staticmethod
    def _read(folder):
        with open(folder + "/app.img", "rb") as file:
            file.seek(_IMAGE_AT * SECTOR)
            return file.read()

    def _is_rescue(self, folder):
        found = read_all(folder)
        found.pop("meta.json", None)
        return found == self.releases.rescue

    def is_image(self, sector):
        """Is it a sector of an image, or of the table behind it?"""
        for slot in self.places:
            if 0 <= sector - self.places[slot] - _IMAGE_AT < _SLOT - _IMAGE_AT:
                return True
        return False

    def play(self, phase):
        """Let a phase happen."""
        self.outside.want(**phase.wish)
        if phase.edit:
            self._edit()
        try:
            self.machine.power_on(safe_mode=phase.safe_mode, usb_connected=phase.desk)
        except Prompt:
            self.machine.power_on()  # whoever was there has gone, and takes the cable along
        if self.moving:
            assert self.locate()

    def _edit(self):
        """A computer edits files, makes some, and removes others."""
        self.machine.mount()
        with open("/settings.toml", "wb") as file:
            file.write(b'CIRCUITPY_WIFI_SSID = "work"\n' * 30)
        for number in range(4):
            with open("/notes %d.txt" % number, "wb") as file:
                file.write(bytes(900 * number))
        with open("/data/table.csv", "wb") as file:
            for _ in range(3):
                file.write(b"1;2;3\n" * 200)
                file.flush()
        os.remove("/notes 1.txt")
        os.rename("/notes 2.txt", "/data/notes.txt")

    def record(self):
        """What the drive's record says."""
        from nerveshub_link.slots.record import DeviceState

        return DeviceState().load()
