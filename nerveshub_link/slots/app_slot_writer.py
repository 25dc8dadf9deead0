# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.slots.app_slot_writer`
====================================================

The `FwupWriter` for the application: files in one of two slots, on any board. It needs a drive that
``nerveshub-link board prepare`` has laid out, with the boot guard on it.

======================  ============================================================================
step                    what is on the drive after a power cut in it
======================  ============================================================================
``fwup_begin``          the running slot, untouched; it was never the one that is written
first file of the       the idle slot is no slot any more: its manifest goes first, then all else
archive
``fwup_chunk``          some of the new files, each read back when it is complete
``fwup_finish``         all files, then the manifest; at last the record: "try that slot". Only this
                        last write, of one sector, changes what starts next
next start              the guard counts it, checks the slot, runs it with the watchdog on
``fwup_confirm``        the record: confirmed
======================  ============================================================================

Nothing is staged: the archive is unpacked as it arrives. Behind this module nobody knows of slots.
It is longer than most modules, since all that a slot's record says is read and written here.
"""

import gc

from adafruit_ticks import ticks_ms
from micropython import const

from ..client import reschedule
from ..common.memory import forget
from ..common.ticks import elapsed
from ..errors import UpdateError, describe, mask_cut
from ..release.fw_reader import FwReader
from ..update.fwup_writer import FwupWriter
from .record import DeviceState, StateError, pack
from .slot_files import Slot
from .slot_manifest import Manifest, read_meta

_STEADY = const(10 * 60 * 1000)  # the guard's "ten steady minutes"
_RETRY = const(60 * 1000)
# For a drive that can't be written: each offer is an attempt to the server, and three of them bring
# a penalty (its lib/nerves_hub/devices/updates.ex).
_LATER = const(60 * 60 * 1000)
_WORDS = {
    "crashed": "crashed",
    "hung": "hung",
    "power": "was cut off by the power",
    "unconfirmed": "was not confirmed in time",
    "torn": "had torn files",
}


class AppSlotWriter(FwupWriter):
    """
    Writes application updates into the slots ``/slots/a`` and ``/slots/b``. Takes a fwup ``.fw``
    archive or a plain zip.

    :param str root: the drive
    :param int trial_timeout: seconds from the start within which a new release must be confirmed;
        then the board goes back
    :param int max_files: how many files a release may have
    :param clock: function that returns ticks as ``adafruit_ticks.ticks_ms`` does
    :raises ValueError: if the drive was not prepared, or this application was not started by the
        boot guard; the text says what to do

    On a drive that code can't write to, the device joins all the same: `last_failure` and
    `AppSlotWriter.health` say why, and updates are put off with that reason.
    """

    def __init__(
        self, root: str = "/", *, trial_timeout: int = 900, max_files: int = 400, clock=ticks_ms
    ) -> None:
        if isinstance(trial_timeout, bool) or not isinstance(trial_timeout, int):
            raise ValueError("trial_timeout must be a whole number of seconds")
        if not 60 <= trial_timeout <= 86400:
            raise ValueError("trial_timeout must be from 60 to 86400 seconds")
        self._root = root = root.rstrip("/")
        from .slot_drive import check, read_only, running  # noqa: PLC0415 see there

        self._read_only = read_only(root)  # why, in words; None if code can write
        check(root, self._read_only is None)
        self._record = DeviceState(root)
        self._state = self._record.load()
        self._running = running(root, self._state)
        del check, read_only, running
        forget("slots.slot_drive", "config.settings")
        self._clock = clock
        self._trial_timeout = trial_timeout * 1000
        self._max_files = max_files
        # What runs is what was started, whatever the record says now.
        self._meta = _release(root, self._running)
        self._begun = clock()
        self._slot = None
        self._reader = None
        self._uuid = ""  # of the release that is written
        self._saving = False  # may the record name a release that is not installed?
        self._finished = None  # slot of the last `fwup_finish`, and the record before
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
        Return the metadata of the running slot's release, as NervesHub sent it with the update.
        """
        return self._meta

    @property
    def installed(self) -> int:
        """The number of the installation that runs (read-only)."""
        return (read_meta(self._path(self._running)) or {}).get("n", 0) if self._running else 0

    def firmware_validated(self) -> bool:
        """Return False while the running slot is on trial."""
        return not self._on_trial

    def firmware_auto_reverted(self) -> bool:
        """Return True from going back until the next installation."""
        return bool(self._state.get("rev"))

    def last_failure(self):
        """Return what went wrong in earlier starts, in words; None if nothing did."""
        state = self._state
        words = []
        if self._read_only:
            words.append(self._read_only + ", no updates")
        if not self._running:
            words.append("no whole application is left, the rescue application runs")
        if state.get("rev"):
            why = _WORDS.get(state.get("why"), "failed")
            words.append("went back: release %s %s" % (state.get("bad"), why))
        if state.get("safe"):
            words.append("%d starts in safe mode" % state["safe"])
        if state.get("tb"):
            from ..common.brief import brief  # noqa: PLC0415 after a failure only

            words.append(brief(mask_cut(state["tb"])))
        return ": ".join(words) or None

    def health(self) -> dict:
        """
        Tell the boot guard's counters, how often the record was written in all, the slot that runs,
        and why updates are put off, if they are: for the default health report.
        """
        state = self._state
        told = {
            "boot_crashes": max(state.get("crashes", 0), 0),
            "boot_safe_modes": state.get("safe", 0),
            "boot_trial_starts": len(state.get("ends", "")),
            "record_writes": self._record.writes,
            "slot": self._running or "rescue",
        }
        if self._read_only:
            told["updates"] = "put off: " + self._read_only
        return told

    def fwup_check(self, meta: dict, deployment: bool):
        """
        Put off a deployment's release that crashed or hung here, or was installed three times
        without a confirmation; and everything while the running one is on trial, since the idle
        slot is what it would go back to, and while the drive can't be written.
        """
        if self._read_only:
            return reschedule(_LATER, self._read_only)
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
        forget("update.bad_release")  # unpacking wants its memory
        return answer

    def fwup_accepts(self, first, conf) -> bool:
        """Take a zip file, unless it is a ``.fw`` with nothing but one ``.bin`` in it."""
        if bytes(first[:2]) != b"PK":
            return False
        names = [] if conf is None else conf.split('file-resource "')[1:]
        return not (len(names) == 1 and names[0].split('"')[0].endswith(".bin"))

    # An update

    def fwup_begin(self, size, meta: dict) -> None:
        """Choose the idle slot. What is in it goes when the first file comes."""
        self.fwup_abort()
        if self._read_only:
            raise UpdateError(self._read_only)
        idle = "b" if self._running == "a" else "a"
        if not self._running and self._state.get("run") == idle:
            idle = "b"  # from the rescue application: keep what may be mended
        self._slot = Slot(self._path(idle), self._root or "/")
        self._slot.check_room(size)
        self._uuid = uuid = meta.get("uuid") or ""
        # Will there be room for what the boot guard may have to write down, should it go back?
        worst = {"bad": uuid, "why": "unconfirmed", "ends": "???", "crashes": 9, "safe": 9999}
        pack(0, dict(self._state, tried=[1 << 30, 3], rev=1, **worst))
        _autoreload(False)
        gc.collect()  # the window for inflating wants up to 32 KB in one piece
        kept = {key: meta[key] for key in meta if meta[key] is not None}
        kept["n"] = max(self._newest() + 1, self.next_install)
        self._slot.manifest = Manifest(kept)
        self._idle = idle
        self._reader = FwReader(self._slot, "/slots/a/", self._max_files)

    def _newest(self) -> int:
        return max((read_meta(self._path(slot)) or {}).get("n", 0) for slot in ("a", "b"))

    def fwup_chunk(self, data: memoryview) -> None:
        """Unpack the next bytes of the archive."""
        self._reader.feed(data)

    def fwup_finish(self) -> None:
        """
        Check that all is there and nothing else, write the manifest, and then the record. If any of
        that fails, what ran before starts next.
        """
        before = self._state
        try:
            self._reader.finish()
            self._reader = None
            from ..update.bad_release import after_install  # noqa: PLC0415 with an update only

            # The rescue application is no slot to go back to: the guard comes back to it by itself.
            state = after_install(
                self._state, self._idle, self._running, self._uuid, self.by_deployment
            )
            self._slot.finish()
            self._saving = True
            self._remember(state)
        except Exception:
            self.fwup_abort()
            raise
        self._finished = self._slot, before
        self._slot, self._saving = None, False

    def fwup_abort(self) -> None:
        """
        Forget the new files. They are removed before the next try. If `fwup_finish` was broken off,
        or something behind it raised, the record becomes again what it was.
        """
        slot, self._slot, self._reader = self._slot, None, None
        if slot is None and self._finished is not None:
            slot, self._state = self._finished
            self._saving = True
        self._finished = None
        if slot is None:
            return
        gc.collect()
        slot.close()
        # Record and manifest may be written although an error was reported: by reading them back,
        # or for lack of memory. The release must start neither next nor some day later.
        saving, self._saving = self._saving, False
        try:
            if saving:
                self._record.save(self._state)  # over the copy in doubt: the other one holds this
        except Exception as error:
            self.log("error", "fwup_abort: " + describe(error))
        try:
            slot.discard()
        except Exception as error:
            self.log("error", "fwup_abort: " + describe(error))
        _autoreload(True)

    def fwup_confirm(self) -> None:
        """
        Keep the running release. The watchdog of its trial is disarmed, or gets the timeout that
        the application wants; should that fail, it is fed on, and the release is confirmed all the
        same.
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

    def _path(self, slot: str) -> str:
        return self._root + "/slots/" + slot


def _autoreload(on: bool) -> None:
    """A file saved from outside must not restart the board while it unpacks."""
    try:
        import supervisor  # noqa: PLC0415 only boards have it

        supervisor.runtime.autoreload = on
    except (ImportError, AttributeError):
        pass


def _release(root: str, slot: str):
    meta = read_meta(root + "/slots/" + slot if slot else root + "/app")
    if meta is not None:
        meta.pop("n", None)
    return meta
