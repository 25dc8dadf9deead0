# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
A board with two firmware banks: ``dualbank``, the NVM, the bootloader and the reasons of a reset,
with the traps of the real ones (CircuitPython's
``ports/espressif/common-hal/dualbank/__init__.c`` and ``common-hal/nvm/ByteArray.c``, ESP-IDF's
``esp_ota_ops.c``). Runs in MicroPython, too.
"""

import struct

try:
    from nerveshub_tools.board_modules import WATCHDOG_MODES, Bag, WatchDogTimer
except ImportError:  # inside the VM it lies beside
    from board_modules import WATCHDOG_MODES, Bag, WatchDogTimer

BANK_SIZE = 32 * 1024
HEAD = 24 + 8 + 256
BOARD = "test_board_esp32s3"


class Nvm:
    """
    Erases everything before it writes, so that a power cut in between leaves zeros.

    :param data: its content at first
    """

    def __init__(self, data=None, size=8192):
        self.data = bytearray(data or bytes(size))
        self.reads = 0
        self.writes = 0
        self.cut_in = None  # number of writes until the power is cut

    def __len__(self):
        return len(self.data)

    def __getitem__(self, where):
        self.reads += 1
        return bytearray(self.data[where])

    def __setitem__(self, where, value):
        self.writes += 1
        old = bytearray(self.data)
        self.data[:] = bytes(len(old))
        if self.cut_in is not None:
            self.cut_in -= 1
            if self.cut_in < 0:
                self.cut_in = None
                raise PowerCut
        assert len(old[where]) == len(value)
        old[where] = value
        self.data[:] = old


class PowerCut(BaseException):
    """The program ends here. No ``except Exception`` catches it."""


class Reset(BaseException):
    """``microcontroller.reset()`` does not return."""


def image(version, size=8192, board=BOARD, chip=9):
    """
    A firmware image: an application description, the banner, the board's id, and a checksum at its
    end, which here stands for the SHA-256 that the bootloader checks.
    """
    head = bytearray(HEAD)
    head[0] = 0xE9
    struct.pack_into("<H", head, 12, chip)
    head[32:36] = b"\x32\x54\xcd\xab"
    for start, text in (
        (48, version),
        (80, "circuitpython"),
        (112, "12:00:00"),
        (128, "Dec  1 2025"),
    ):
        raw = text.encode()
        head[start : start + len(raw)] = raw
    head[144:150] = b"v5.5.1"
    head[176:208] = bytes(range(32))
    body = "\0Adafruit CircuitPython %s on 2025-12-01; Test with ESP32S3\0Board ID:\0%s\0"
    body = (body % (version, board)).encode()
    seed = 7
    filler = bytearray(size - HEAD - len(body) - 4)
    for index in range(len(filler)):
        seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
        filler[index] = seed >> 16 & 255
    half = len(filler) // 2
    data = bytes(head) + bytes(filler[:half]) + body + bytes(filler[half:])
    return data + struct.pack("<I", sum(data) & 0xFFFFFFFF)


def version_of(bank):
    """The 32 bytes that dualbank compares."""
    return bytes(bank[48:80])


def is_valid(bank):
    """Check an image as esp_image_verify does. It ends where the erased bytes begin."""
    end = len(bytes(bank).rstrip(b"\xff"))
    # A checksum may end in 0xFF itself, or in an erased word.
    for length in range(end, min(end + 5, len(bank)) + 1):
        if length > HEAD and bank[0] == 0xE9:
            if (
                struct.unpack_from("<I", bank, length - 4)[0]
                == sum(bank[: length - 4]) & 0xFFFFFFFF
            ):
                return True
    return False


class DualBank:
    """
    The module ``dualbank``. `end_vm` stands for the end of a VM, `reset` for a reset.

    :param running: the image in the running bank
    """

    def __init__(self, running, size=BANK_SIZE):
        self.size = size
        self.banks = [bytearray(b"\xff" * size), bytearray(b"\xff" * size)]
        self.banks[0][: len(running)] = running
        self.running = 0
        self.boots = 0
        self.extended = False
        self.calls = []  # lengths flashed, "erase", "switch"
        self.erasing = None  # called at the erase
        self.cut_in = None  # number of calls of switch() until the power is cut before one
        self.fails = 0  # the next flash() call fails, if this is not 0
        self._handle = None  # dualbank's handle; "dead" if the IDF does not know it any more
        self._written = 0

    @property
    def other(self):
        """The bank that does not run."""
        return self.banks[1 - self.running]

    def flash(self, *args, **kwargs):
        if self.extended:
            raise RuntimeError("storage is extended")  # before the arguments are checked
        return self._flash(*args, **kwargs)

    def _flash(self, buffer, *, offset=0):
        data = bytes(buffer)
        if self._handle is None:
            if len(data) <= HEAD:
                raise RuntimeError("Firmware is too big")
            if version_of(data) == version_of(self.banks[self.running]):
                raise RuntimeError("Firmware is duplicate")
            for at in range(0, self.size, 512):
                self.other[at : at + 512] = b"\xff" * 512
            self.calls.append("erase")
            if self.erasing is not None:
                self.erasing()
            self._handle = "open"
            self._written = 0
        self.calls.append(len(data))
        if self.fails or self._handle == "dead":
            self.fails = 0
            raise RuntimeError("Update failed")
        if offset == 0:
            if self._written == 0 and data[0] != 0xE9:
                raise RuntimeError("Update failed")
            offset = self._written
        if offset + len(data) > self.size:
            raise RuntimeError("Update failed")
        bank = self.other
        if bank[offset : offset + len(data)] == b"\xff" * len(data):
            bank[offset : offset + len(data)] = data
        else:
            for index, byte in enumerate(data):
                bank[offset + index] &= byte  # flash only ever goes from 1 to 0
        self._written += len(data)

    def switch(self):
        if self.extended:
            raise RuntimeError("storage is extended")
        if self.cut_in is not None:
            self.cut_in -= 1
            if self.cut_in < 0:
                self.cut_in = None
                raise PowerCut
        self.calls.append("switch")
        valid = is_valid(self.other)
        if self._handle is not None:
            # esp_ota_end frees it in any case; dualbank drops it only after a success.
            self._handle = None if self._handle == "open" and valid else "dead"
        if not valid:
            raise RuntimeError("Firmware is invalid")
        self.boots = 1 - self.running

    def end_vm(self):
        """Code ended, or was reloaded: esp_ota_abort, which does not know a dead handle."""
        if self._handle == "open":
            self._handle = None

    def reset(self):
        """Start the bank that was switched to, as the bootloader does."""
        self._handle = None
        self.running = self.boots


class Board:
    """
    The whole board, as `DualBankWriter` sees it.

    :param running: the image that runs at first
    """

    def __init__(self, running, size=BANK_SIZE):
        self.dualbank = DualBank(running, size)
        self.nvm = Nvm()
        self.heard = []  # the watchdog's settings, and "feed"
        self.watchdog = WatchDogTimer(self.heard.append)
        self.ticks = (1 << 29) - 1000
        self.how = ("p", None)  # how the last start ended
        self.writer = None

    def arm(self, seconds):
        """The application arms its watchdog."""
        self.watchdog.timeout = seconds
        self.watchdog.mode = WATCHDOG_MODES.RESET
        del self.heard[:]

    def clock(self):
        return self.ticks

    def wait(self, seconds):
        self.ticks = (self.ticks + seconds * 1000) & ((1 << 29) - 1)

    @property
    def uname(self):
        """Of the image that runs."""
        bank = bytes(self.dualbank.banks[self.dualbank.running])
        start = bank.find(b"CircuitPython ") + 14
        return ("ESP32S3", "ESP32S3", "x", bank[start : bank.find(b";", start)].decode(), "Test")

    def reset(self):
        raise Reset

    def start(self, how=None, **options):
        """
        Reset and start; when the writer resets, start again, as code.py does.

        :return: the writer
        """
        if how is not None:
            self.how = how if isinstance(how, tuple) else (how, None)
        for _ in range(10):
            self.forget_vm()
            self.dualbank.reset()
            try:
                return self.make(**options)
            except Reset:
                self.how = ("u", None)
        raise AssertionError("it resets again and again")

    def reload(self, how="", **options):
        """Ctrl-D: a new VM, without a reset."""
        self.how = (how, None)
        self.forget_vm()
        return self.make(**options)

    def forget_vm(self):
        """Reset the module's state, and dualbank's, as the end of a VM does."""
        from nerveshub_link.bank import firmware_bank

        firmware_bank._open = None
        self.dualbank.end_vm()

    def modules(self):
        """The native modules for the writer."""
        bank = self.dualbank
        return {
            "dualbank": Bag(flash=bank.flash, switch=bank.switch),
            "microcontroller": Bag(watchdog=self.watchdog, nvm=self.nvm, reset=self.reset),
        }

    def make(self, **options):
        from nerveshub_link.bank.dual_bank_writer import DualBankWriter

        given = self.modules()
        further = {
            "board_id": BOARD,
            "uname": self.uname,
            "bank_size": self.dualbank.size,
            "end": lambda: self.how,
            "clock": self.clock,
        }
        given.update(further)
        given.update(options)
        self.writer = DualBankWriter(**given)
        return self.writer


def meta_of(version, number=1):
    """The metadata of an update, as the server sends it."""
    return {
        "uuid": "%08d-0000-5000-0000-000000000000" % number,
        "product": "greenhouse",
        "architecture": "xtensa",
        "version": version,
        "platform": BOARD,
        "author": None,
    }


def install(writer, data, meta, piece=4096):
    """An update, as the update manager does it."""
    writer.fwup_begin(len(data), meta)
    for start in range(0, len(data), piece):
        view = memoryview(data)[start : start + piece]
        while writer.fwup_chunk(view) is False:
            view = memoryview(b"")
    writer.fwup_finish()
