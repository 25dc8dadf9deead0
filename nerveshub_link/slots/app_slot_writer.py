# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.slots.app_slot_writer`
====================================================

The `FwupWriter` for the application: an image in one of two slots, on any board. The drive must
have been prepared by ``nerveshub-link board prepare``, which also installs the boot guard.

======================  ============================================================================
step                    state of the drive after a power cut in it
======================  ============================================================================
``fwup_begin``          unchanged. The running slot is never written
chunk table of the      the idle slot has no release any more: its header is erased first
release
``fwup_chunk``          a part of the new image; each chunk is checked before it is written
``fwup_finish``         the image is read back in slices; then its header is written; then the
                        record: "try that slot". Only this last write, of one sector, changes which
                        slot starts next
next start              the guard counts it, checks the slot, runs it with the watchdog on
``fwup_confirm``        the record: confirmed
======================  ============================================================================

The image is written directly to the slot as it arrives. `ImageInstall` implements the format of a
release, `SlotFile` the access to a slot. This module is longer than most modules, since all of the
record's values about slots are read and written here.
"""

from ..common.memory import forget, load

# Each module after those that it imports, so that the heap is less fragmented.
load(
    *"client update.fwup_writer release.fw_reader release.chunk_table slots.slot_file"
    " slots.image_install slots.record".split(" ")
)

from adafruit_ticks import ticks_ms
from micropython import const

from ..client import reschedule
from ..common.ticks import elapsed
from ..errors import UpdateError, describe
from ..release.fw_reader import FwReader
from ..update.fwup_writer import FwupWriter
from .image_install import ImageInstall
from .record import DeviceState, StateError, pack
from .slot_file import SlotFile

# Modules that an update needs for a moment; those in _SIGNED only if it is signed.
_ONCE = ("release.fwup_meta", "slots.release_meta")
_SIGNED = (
    "release.sha512",
    "release.ed25519",
    "release.min_version",
    "release.signed_only",
    "slots.delta",
    "slots.chunk_match",
    "update.part_answer",
)
_STEADY = const(10 * 60 * 1000)  # the guard's "ten steady minutes"
_RETRY = const(60 * 1000)
# For a drive that can't be written: the server counts each offer as an attempt, and blocks the
# device after three of them (its lib/nerves_hub/devices/updates.ex).
_LATER = const(60 * 60 * 1000)


class AppSlotWriter(FwupWriter):
    """
    Writes application updates into the slots ``/images/a/app.img`` and ``/images/b/app.img``.
    Accepts releases that ``nerveshub-link pack`` makes of a folder.

    From the first update on, the board must only be restarted by a reset, never by the end of the
    program or ``supervisor.reload()`` (`slot_file` tells why): the link's restart is a reset, and
    the launcher resets the board if the application ends.

    :param str root: path of the drive
    :param public_keys: list of public keys, each the text of a ``.pub`` file, or its 32 bytes: only
        releases signed by one of them are accepted. None for the setting NERVESHUB_PUBLIC_KEYS in
        ``settings.toml``, several keys separated by spaces; without option and setting, signatures
        are not checked
    :param int trial_timeout: seconds after the start within which a new release must be confirmed;
        otherwise the board goes back
    :param clock: function that returns ticks, such as ``adafruit_ticks.ticks_ms``
    :raises ValueError: if a key is invalid, or the drive was not prepared, or this application was
        not started by the boot guard; the text says what to do

    If code can't write to the drive, or the idle slot's file is lost or fragmented, the device
    joins nevertheless: `last_failure` and `AppSlotWriter.health` report why, and updates are
    rescheduled with that reason.
    """

    def __init__(
        self, root: str = "/", *, public_keys=None, trial_timeout: int = 900, clock=ticks_ms
    ) -> None:
        if isinstance(trial_timeout, bool) or not isinstance(trial_timeout, int):
            raise ValueError("trial_timeout must be a whole number of seconds")
        if not 60 <= trial_timeout <= 86400:
            raise ValueError("trial_timeout must be from 60 to 86400 seconds")
        root = root.rstrip("/")
        from ..release.public_keys import read_keys  # noqa: PLC0415 removed from memory below

        self.public_keys = read_keys(public_keys)
        # A module's names (qstrs) stay in memory after it was removed. Allocate them now, so that
        # they do not fragment the heap during an update.
        for names in (_ONCE, _SIGNED) if self.public_keys else (_ONCE,):
            load(*names)
            forget(*names)
        from . import slot_drive  # noqa: PLC0415 removed from memory below

        self._read_only = slot_drive.read_only(root)  # why, in words; None if code can write
        self._running = running = slot_drive.running(root)
        self._record = DeviceState(root)
        self._state = self._record.load()
        # The running slot is the one that was started, which the record may not show any more.
        self._meta, self._number = slot_drive.release(root, running)
        self._newest = slot_drive.newest(root)
        self._idle, why = slot_drive.idle_slot(root, running, self._state)
        self._refuses = self._read_only or why  # why no update is accepted, in words
        self._path = slot_drive.path_of(root, self._idle)
        # The slot from which chunks are copied: only for releases that are verified here.
        copies = self.public_keys and running and not self._refuses
        self._copies_from = slot_drive.path_of(root, running) if copies else None
        del slot_drive
        forget("slots.slot_drive", "release.public_keys", "config.settings")
        self._clock = clock
        self._trial_timeout = trial_timeout * 1000
        self._begun = clock()
        self._install = None
        self._reader = None
        self._delta = None  # `delta.Delta`, where only what changed travels
        self._parts = 0  # of the archive that were asked for, before there was a delta
        self._uuid = ""  # of the release that is written
        self._read = False  # has the archive come whole?
        self._before = None  # the record before that of the release, which may be written
        self._put_off = None  # uuid of the bad release that was put off last
        if self._on_trial:
            from ..update.app_watchdog import of_the_launcher  # noqa: PLC0415 on trial only

            self._dog = of_the_launcher()

    @property
    def _on_trial(self) -> bool:
        return bool(self._state.get("trial")) and self._state.get("run") == self._running

    # What the device reports

    def firmware_meta(self):
        """
        Return the running release's metadata: product, version, platform, architecture and uuid,
        from the slot's header, or from the rescue application's ``meta.json``.
        """
        return self._meta

    @property
    def installed(self) -> int:
        """Number of the running release's installation (read-only)."""
        return self._number

    def firmware_validated(self) -> bool:
        """Return False while the running slot is on trial."""
        return not self._on_trial

    def firmware_auto_reverted(self) -> bool:
        """Return True from going back until the next installation."""
        return bool(self._state.get("rev"))

    def last_failure(self):
        """Return the failures of earlier starts, in words, or None."""
        state = self._state
        failed = state.get("rev") or state.get("safe") or state.get("tb")
        if self._running and not self._refuses and not failed:
            return None
        from .earlier_starts import failures_of  # noqa: PLC0415 after a failure only

        words = failures_of(state, self._running, self._refuses)
        del failures_of
        forget("slots.earlier_starts", "common.brief")
        return words

    def health(self) -> dict:
        """
        Return values for the default health report: the boot guard's counters, how often the record
        was written in all, the running slot, and why updates are rescheduled, if they are.
        """
        state = self._state
        told = {
            "boot_crashes": max(state.get("crashes", 0), 0),
            "boot_safe_modes": state.get("safe", 0),
            "boot_trial_starts": len(state.get("ends", "")),
            "record_writes": self._record.writes,
            "slot": self._running or "rescue",
        }
        if self._refuses:
            told["updates"] = "put off: " + self._refuses
        return told

    def fwup_check(self, meta: dict, deployment: bool):
        """
        Reschedule a deployment's release that crashed or hung here, or was installed three times
        without a confirmation; and every release while the running one is on trial, since the idle
        slot holds the release to go back to, and while the idle slot can't be written.
        """
        if self._refuses:
            return reschedule(_LATER, self._refuses)
        if self._on_trial:
            return reschedule(_RETRY, "the running release is not confirmed yet")
        state = self._state
        if not deployment or ("bad" not in state and "tried" not in state):
            return None
        from ..update.bad_release import (  # noqa: PLC0415 after something went wrong
            put_off,
            refusal,
        )

        why, answer = refusal(state, meta.get("uuid")), None
        if why is not None:
            last, self._put_off = self._put_off, meta["uuid"]
            answer = put_off(self._put_off, last, why)
        forget("update.bad_release")  # free its memory for the update
        return answer

    def fwup_accepts(self, first, conf) -> bool:
        """Accept a ``.fw``, unless it holds only one ``.bin``."""
        if bytes(first[:2]) != b"PK":
            return False
        names = [] if conf is None else conf.split('file-resource "')[1:]
        return not (len(names) == 1 and names[0].split('"')[0].endswith(".bin"))

    # An update

    def fwup_begin(self, size, meta: dict) -> None:
        """Prepare the idle slot. Its release stays until the new one's table has been checked."""
        self.fwup_abort()
        if self._refuses:
            raise UpdateError(self._refuses)
        self._uuid = uuid = meta.get("uuid") or ""
        # Check that the record has room for everything that the boot guard writes if it goes back.
        worst = {"bad": uuid, "why": "unconfirmed", "ends": "???", "crashes": 9, "safe": 9999}
        if self.public_keys:
            worst["soon"] = "9" * 29
        pack(0, dict(self._state, tried=[1 << 30, 3], rev=1, **worst))
        number = max(self._newest + 1, self.next_install)
        slot, device = SlotFile(self._path), self._meta or {}
        lowest = self._state.get("min")
        self._install = ImageInstall(slot, device, uuid, number, self.public_keys, lowest)
        self._reader = FwReader(self._install)
        self._read = False
        self._parts = 1
        _autoreload(False)

    def fwup_chunk(self, data: memoryview) -> bool:
        """
        Unpack and write the next bytes of the archive, at most 4 KB of the image with each call.

        :param memoryview data: the bytes
        :return: True if they were written; False if there is more work: call it again without data
        """
        return self._reader.feed(data)

    @property
    def fwup_first(self) -> int:
        """
        How many bytes of the archive hold the chunk table, if it is like that of the running slot;
        0 if there is none, or the release's signature is not checked here (read-only).
        """
        if self._copies_from is None:
            return 0
        try:
            from .delta import first_part  # noqa: PLC0415 signed releases only

            return first_part(self._copies_from)
        except MemoryError:
            return 0  # for the module: then all travels
        finally:
            forget("slots.delta")

    def fwup_next(self, received: int, kept: bool):
        """Copy a chunk from the running slot, or return the part of the archive that is next."""
        if self._copies_from is None:
            return received, 0
        from .delta import next_part  # noqa: PLC0415 signed releases only

        part = next_part(self, self._copies_from, received, kept)
        if part == (received, 0) and self._reader is not self._delta:
            self._end_delta()  # all that is left comes, which wants the memory
        return part

    def _end_delta(self) -> None:
        delta, self._delta = self._delta, None
        if delta is not None:
            delta.close()
            del delta
            forget("slots.delta")

    @property
    def finished_percent(self) -> int:
        """How much of the image `fwup_finish` has read back, 0 to 100 (read-only)."""
        return self._install.percent if self._install is not None else 0

    def fwup_finish(self):
        """
        Check that the archive is complete, and read the image back, a piece with each call; then
        write the header, and then the record. If any of that fails, the running release also starts
        next.

        :return: False if there is more work: call it again; True if the new release starts next
        """
        try:
            if not self._read:
                self._reader.finish()
                self._read = True
                self._reader = None
                self._end_delta()
            if not self._install.verify():
                return False
            from ..update.bad_release import after_install  # noqa: PLC0415 with an update only

            # From the rescue application there is no slot to go back to: the guard runs it again.
            state = after_install(
                self._state, self._idle, self._running, self._uuid, self.by_deployment
            )
            state.pop("soon", None)
            if self._install.min_version is not None:
                state["soon"] = self._install.min_version
            self._install.commit()
            self._before = self._state
            self._remember(state)
        except Exception:
            self.fwup_abort()
            raise
        return True

    def fwup_abort(self) -> None:
        """
        Drop the new release. If `fwup_finish` was interrupted, or something after it raised, the
        old record is written again, and the header is erased.
        """
        install, self._install, self._reader = self._install, None, None
        self._end_delta()
        before, self._before = self._before, None
        if install is None:
            return
        # Record and header may be written although an exception was raised: by reading them back,
        # or for lack of memory. The release must not start next, nor later.
        try:
            if before is not None:
                self._state = before
                self._record.save(before, instead=True)
        except Exception as error:
            self.log("error", "fwup_abort: " + describe(error))
        try:
            install.abort()
        except Exception as error:
            self.log("error", "fwup_abort: " + describe(error))
        _autoreload(True)

    def fwup_confirm(self) -> None:
        """
        Confirm the running release. The watchdog of its trial is disarmed, or gets the
        application's timeout. If that fails, the watchdog is still fed, and the release is
        confirmed nevertheless.
        """
        state = dict(self._state)
        for key in ("ends", "crashes", "safe", "tb"):
            state.pop(key, None)
        uuid = (self._meta or {}).get("uuid")
        if state.get("bad") == uuid:
            state.pop("bad")
            state.pop("why", None)
        if "tried" in state:
            from ..update.bad_release import confirmed  # noqa: PLC0415 once for each release

            if confirmed(state["tried"], uuid) is None:
                state.pop("tried")
        soon = state.pop("soon", None)
        if soon is not None and not state.get("rev"):
            from ..release.min_version import higher  # noqa: PLC0415 seldom needed

            state["min"] = higher(state.get("min"), soon)
        state["trial"] = 0
        self._remember(state)
        try:
            if self._dog is not None and not self._dog.confirmed():
                self._dog = None
        except Exception as error:
            self.log("error", "the watchdog of the trial can't be changed: " + describe(error))

    def poll(self) -> bool:
        """
        Feed the watchdog and look at the time: after ten steady minutes earlier crashes are
        forgotten; a trial that was not confirmed in time has failed.

        :return: True if the board must restart, to go back
        """
        self.feed()
        if self._begun is None or self._read_only:
            return False
        passed = elapsed(self._clock(), self._begun)
        if self._on_trial:
            if passed < self._trial_timeout:
                return False
            state = dict(self._state)
            state["ends"] = state.get("ends", "?")[:-1] + "u"
            self._remember(state)
            self._begun = None
            return True
        if passed >= _STEADY:
            state = dict(self._state)
            for key in ("crashes", "safe", "tb"):
                state.pop(key, None)
            if len(state) != len(self._state):
                self._remember(state)
            self._begun = None
        return False

    def _remember(self, state: dict) -> None:
        if self._read_only:
            raise StateError("the record can't be written: " + self._read_only)
        self._record.save(state)
        self._state = state


def _autoreload(on: bool) -> None:
    """Switch auto-reload: a file that a computer saves must not restart it during an update."""
    try:
        import supervisor  # noqa: PLC0415 only boards have it

        supervisor.runtime.autoreload = on
    except (ImportError, AttributeError):
        pass
