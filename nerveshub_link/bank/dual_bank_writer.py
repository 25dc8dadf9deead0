# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.bank.dual_bank_writer`
====================================================

`DualBankWriter` updates CircuitPython itself, on boards with a second firmware bank. This module
checks the update; `nerveshub_link.bank.firmware_bank` writes it to the bank, and
`nerveshub_link.bank.bank_trial` handles the starts after that.

Nothing is erased before the archive's ``meta.conf`` and the first 304 bytes of the image have been
checked. The switch follows only after the whole image has been checked.

Longer than other modules: all methods of the writer, and what each checks, must be seen together.
"""

import os

from adafruit_ticks import ticks_ms
from micropython import const

from ..common.memory import forget
from ..common.ticks import elapsed
from ..errors import UpdateError, printable
from ..update.fwup_writer import FwupWriter
from .bank_trial import BankTrial
from .esp_image import Search, is_word_part, read_head
from .firmware_bank import ERASE_SECONDS, HOW_TO_SHRINK, RESTART, FirmwareBank, is_extended
from .nvm_copy import NvmCopy

_MINUTE = const(60 * 1000)
_LATER = const(10 * 60 * 1000)
# Followed by os.uname().version, "; " and the board's name.
_BANNER = const(b"Adafruit CircuitPython ")
_VERSION = const(64)
_RESTART_DUE = const("a restart into other firmware is due")
_ON_TRIAL = (
    "the running CircuitPython is not confirmed yet, and may have to go back to the other bank"
)


class DualBankWriter(FwupWriter):
    """
    Writes CircuitPython to the second firmware bank: a ``.fw`` archive by ``nerveshub-link pack``
    with one ``.bin`` file, whose ``meta-platform`` is this board's id; or that file itself, the
    build's ``circuitpython-firmware.bin``, which must contain the board's id.

    Construct it at the beginning of ``code.py``: it counts the starts of new firmware. After the
    last one it goes back, for which it resets the board.

    :param public_keys: list of public keys, each the text of a ``.pub`` file, or its 32 bytes: from
        then on only archives are taken that one of them has signed, and no ``.bin`` by itself. None
        for those in NERVESHUB_PUBLIC_KEYS of ``settings.toml``, several with a space between; where
        there is no such setting, signatures are not checked
    :param dict firmware_meta: metadata to report until the first update was installed, and if the
        NVM was lost
    :param int trial_starts: starts within which new firmware must be confirmed, 1 to 10
    :param int trial_timeout: seconds after a start within which it must be confirmed, 60 to 86400
    :param int bank_size: bytes of a bank
    :param str board_id: replaces ``board.board_id``
    :param dualbank: replaces the module of that name
    :param microcontroller: replaces the module of that name
    :param uname: replaces ``os.uname()``
    :param end: replaces the function that tells how the last start ended, see `BankTrial`
    :param clock: function that returns ticks, such as ``adafruit_ticks.ticks_ms``
    :raises ValueError: if an option is wrong, or this board has no second bank, or its drive is
        extended over it; the text says what to do
    """

    def __init__(  # noqa: PLR0913 most of them are for tests
        self,
        *,
        public_keys=None,
        firmware_meta=None,
        trial_starts: int = 3,
        trial_timeout: int = 1800,
        bank_size: int = 2048 * 1024,
        board_id=None,
        dualbank=None,
        microcontroller=None,
        uname=None,
        end=None,
        clock=ticks_ms,
    ) -> None:
        _check("trial_starts", trial_starts, 1, 10)
        _check("trial_timeout", trial_timeout, 60, 86400)
        _check("bank_size", bank_size, 4096, 1 << 25)
        from ..release.public_keys import read_keys  # noqa: PLC0415 its memory is wanted back

        self.public_keys = read_keys(public_keys)
        forget("release.public_keys", "config.settings")
        dualbank = dualbank or _find_dualbank()
        if is_extended(dualbank):
            raise ValueError("DualBankWriter: " + HOW_TO_SHRINK)
        if microcontroller is None:
            import microcontroller  # noqa: PLC0415 only boards have it
        if board_id is None:
            import board  # noqa: PLC0415 only boards have it

            board_id = board.board_id
        uname = uname or os.uname()
        chip = uname[0].lower()
        self._chip = chip if chip.startswith("esp32") else None
        self._board_id = board_id
        self._firmware_meta = firmware_meta
        self._trial_timeout = trial_timeout * 1000
        self._clock = clock
        self._begun = clock()
        self._changed = 0  # ticks of the last abort
        self._asked = None  # ticks when a restart was requested
        self._put_off = None  # uuid of the bad firmware that was put off last
        self.description = None
        """`AppDescription` of the last image, or None."""
        self._bank = FirmwareBank(dualbank, microcontroller.watchdog, bank_size)
        self._clear()
        store = NvmCopy(microcontroller.nvm)
        self._trial = BankTrial(store, uname[3], end or _end, self._bank.switch, trial_starts)
        if self._trial.going_back:
            microcontroller.reset()  # now, since the application may never reach its first poll()

    def _clear(self) -> None:
        self._meta = None  # metadata of the running update
        self._reader = self._archive = None
        self._searches = ()
        self._ended = False
        self._bank.forget()

    # What runs

    @property
    def installed(self) -> int:
        """Number of the running firmware's installation (read-only)."""
        return self._trial.installed

    def firmware_meta(self):
        """Return the running firmware's metadata; before the first update, ``firmware_meta``."""
        return self._trial.meta or self._firmware_meta

    def firmware_validated(self) -> bool:
        """Return False until the running firmware is confirmed; also if the NVM has no record."""
        return not self._trial.on_trial

    def firmware_auto_reverted(self) -> bool:
        """Return True from going back until the next installation."""
        return self._trial.reverted

    def last_failure(self):
        """Return in words why the last update failed, or None."""
        return self._trial.why

    def fwup_confirm(self) -> None:
        """Confirm the running CircuitPython."""
        if self._trial.on_trial:
            self._trial.confirm()

    def poll(self) -> bool:
        """
        Feed the watchdog, and check the deadlines: of a trial, and of the restart that is needed a
        minute after an update was interrupted.

        :return: True if the board should restart; again each minute until it does
        """
        self.feed()
        now = self._clock()
        trial = self._trial
        if trial.can_go_back and elapsed(now, self._begun) >= self._trial_timeout:
            trial.expire()
        if not trial.restart_due and not self._bank.broken:
            if self._meta is not None or not self._bank.is_open:
                self._asked = None
                return False
            if elapsed(now, self._changed) < _MINUTE:
                return False
        if self._asked is not None and elapsed(now, self._asked) < _MINUTE:
            return False
        self._asked = now
        return True

    # Offers

    def fwup_check(self, meta: dict, deployment: bool):
        """
        Reschedule a deployment's firmware that failed its trial here; and any firmware while the
        running one is on trial, and while a restart is due. See `FwupWriter.fwup_check`.
        """
        from ..client import reschedule  # noqa: PLC0415 with an update only

        uuid = meta.get("uuid")
        bad = self._trial.refused(uuid) if deployment else None
        if bad:
            from ..update.bad_release import put_off  # noqa: PLC0415 with such an update only

            last, self._put_off = self._put_off, uuid
            return put_off(
                uuid, last, "this firmware %s on this device; push it by hand to try again" % bad
            )
        if self._trial.on_trial:
            return reschedule(_LATER, _ON_TRIAL)
        if self._trial.installed_other:
            return reschedule(2 * _MINUTE, _RESTART_DUE)
        if not self._bank.takes(uuid):
            return reschedule(2 * _MINUTE, RESTART)
        return None

    def fwup_accepts(self, first, conf) -> bool:
        """Accept ESP-IDF images, and ``.fw`` archives that hold only ``.bin`` files."""
        if conf is None:
            # Not images, but meant for this writer, whose error says what is wrong.
            start = bytes(first[:4])
            return start[:1] == b"\xe9" or start in (b"UF2\n", b"\xff\xff\xff\xff")
        from ..release.fwup_meta import resources  # noqa: PLC0415 with an update only

        names = [name for name, _ in resources(conf.encode())]
        return bool(names) and all(name.endswith(b".bin") for name in names)

    @property
    def blocks_next(self) -> int:
        """Seconds that the next `fwup_chunk` may block, since it may erase the bank; else 0."""
        if self._meta is None or self._bank.is_open:
            return 0
        if self.public_keys and (self._archive is None or not self._archive.checked):
            return 0  # nothing is erased before
        return ERASE_SECONDS

    # An update

    def fwup_begin(self, size, meta: dict) -> None:
        """Prepare an update; the bank is erased later. Raises while a trial is running."""
        self._clear()
        if self._trial.on_trial:
            raise UpdateError(_ON_TRIAL)
        if self._trial.installed_other:
            raise UpdateError(_RESTART_DUE)
        self._bank.begin(meta.get("uuid"), self._check_head)
        self._prepare("?" * _VERSION, meta, "9" * 29 if self.public_keys else None)
        self._meta = meta

    def fwup_chunk(self, data: memoryview):
        """
        Write the next bytes of an archive or of an image, which the first byte distinguishes.

        :return: False while the archive's signature is checked: call it again, without data
        """
        if not self._searches and len(data):
            self._look_at(data)
        if self._reader is not None:
            return self._reader.feed(data)
        self.write(data)
        return None

    def _look_at(self, first) -> None:
        searches = [Search(_BANNER, _VERSION, _is_version)]
        if first[0] == 0x50:  # "PK"
            from ..release.fw_reader import FwReader  # noqa: PLC0415 with such an update only
            from .firmware_archive import FirmwareArchive  # noqa: PLC0415 likewise

            lowest = self._trial.min_version
            self._archive = FirmwareArchive(self._board_id, self, self.public_keys, lowest)
            self._reader = FwReader(self._archive)
        elif self.public_keys:
            raise UpdateError(
                "an image by itself is not signed, and this device takes signed ones only: pack it"
                " with: nerveshub-link pack --private-key"
            )
        else:
            searches.append(Search(self._board_id.encode(), 1, _is_whole))
        self._searches = searches  # last: until then, nothing is written

    # Called by the FirmwareArchive

    def check_size(self, size: int) -> None:
        """Check that an image of so many bytes has room."""
        self._bank.check_size(size)

    def write(self, view) -> None:
        """Write the next bytes of the image."""
        for search in self._searches:
            search.feed(view)
        self._bank.write(view)

    def end(self) -> None:
        """The image is complete."""
        self._bank.end()
        self._ended = True

    def _check_head(self, head) -> None:
        self.description = read_head(head, self._chip)
        self.log("info", "firmware: " + str(self.description))

    def fwup_finish(self) -> None:
        """Check that the image is complete and for this board, then switch to it."""
        if self._reader is not None:
            self._reader.finish()
        elif self._searches:
            self.end()
        if not self._ended:
            raise UpdateError("the update has no firmware image")
        if len(self._searches) > 1 and self._searches[1].found is None:
            raise UpdateError("the image is not for this board: %s is not in it" % self._board_id)
        version = (self._searches[0].found or b"").split(b";")[0]
        lowest = self._archive.min_version if self._archive is not None else None
        self._trial.install(self._prepare(printable(version.decode()), self._meta, lowest))
        self._clear()

    def _prepare(self, version: str, meta: dict, lowest) -> dict:
        return self._trial.prepare(version, meta, self.next_install, self.by_deployment, lowest)

    def fwup_abort(self) -> None:
        """Drop the update. The bank keeps its bytes, in case the same image comes again."""
        archive = self._archive
        self._clear()
        self._changed = self._clock()
        if archive is not None:
            archive.drop()


def _find_dualbank():
    try:
        import dualbank  # noqa: PLC0415 only boards have it
    except ImportError:
        raise ValueError(
            "DualBankWriter: this CircuitPython has no module dualbank. Boards with 4 MB flash have"
            " one firmware bank: update them by USB"
        ) from None
    return dualbank


def _is_version(before: int, after: bytes) -> bool:
    """Tell whether a version follows, such as ``10.1.0 on 2025-12-01;``."""
    end = after.find(b";")
    return end > 0 and after[:end].find(b" on ") > 0


def _is_whole(before: int, after: bytes) -> bool:
    """Tell whether the id ends here, since it may be a part of another board's id."""
    return not is_word_part(before) and not is_word_part(after[0])


def _check(name: str, value, least: int, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ValueError("%s must be a whole number from %d to %d" % (name, least, most))


def _end():
    """
    Tell how the last start ended, see `BankTrial`.

    A hard fault and an intended reset have the same reset reason, SOFTWARE.
    """
    import microcontroller  # noqa: PLC0415 only boards have it
    import supervisor  # noqa: PLC0415

    traceback = supervisor.get_previous_traceback()
    if traceback:
        return "c", traceback
    run, reset = supervisor.RunReason, microcontroller.ResetReason
    if supervisor.runtime.run_reason in (run.REPL_RELOAD, run.AUTO_RELOAD):
        return "", None
    reason = microcontroller.cpu.reset_reason
    if reason == reset.DEEP_SLEEP_ALARM:
        return "", None
    if reason == reset.WATCHDOG:
        return "h", None
    # If the boot guard ran since then, it has stored the traceback.
    from ..slots.record import DeviceState  # noqa: PLC0415

    state = DeviceState().load()
    if state.get("crashes"):
        return "c", state.get("tb")
    return "p" if reason in (reset.POWER_ON, reset.BROWNOUT) else "u", None
