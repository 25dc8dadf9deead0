# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.slots.app_slot_writer`
====================================================

The `FwupWriter` for the application: an image in one of two slots, on any board. The drive must
have been prepared by ``nerveshub-link board prepare``, which also installs the boot guard.

======================  ============================================================================
step                    what is on the drive after a power cut in it
======================  ============================================================================
``fwup_begin``          the running slot, untouched; it was never the one that is written
chunk table of the      the idle slot holds no release any more: its header goes first
release
``fwup_chunk``          some of the new image, each chunk checked before it was written
``fwup_finish``         the image, read back in slices; then its header; at last the record: "try
                        that slot". Only this last write, of one sector, changes what starts next
next start              the guard counts it, checks the slot, runs it with the watchdog on
``fwup_confirm``        the record: confirmed
======================  ============================================================================

Nothing is staged: the image is written as it arrives. What the format of a release is, and how a
slot may be written, `ImageInstall` and `SlotFile` know. This module is longer than most modules,
since all that the record says about slots is read and written here.
"""

from ..common.memory import forget, load

# From the bottom up, so that less of the heap is lost between them.
load(
    *"client update.fwup_writer release.fwup_meta release.fw_reader release.chunk_table"
    " slots.slot_file slots.release_meta slots.image_install slots.record".split(" ")
)

from adafruit_ticks import ticks_ms
from micropython import const

from ..client import reschedule
from ..common.ticks import elapsed
from ..errors import UpdateError, describe, mask_cut
from ..release.fw_reader import FwReader
from ..update.fwup_writer import FwupWriter
from .image_install import ImageInstall
from .record import DeviceState, StateError, pack
from .slot_file import SlotFile

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
# For a drive that can't be written: each offer is an attempt to the server, and three of them bring
# a penalty (its lib/nerves_hub/devices/updates.ex).
_LATER = const(60 * 60 * 1000)
_WORDS = {
    "crashed": "crashed",
    "hung": "hung",
    "power": "was cut off by the power",
    "unconfirmed": "was not confirmed in time",
    "torn": "had a torn image",
}


class AppSlotWriter(FwupWriter):
    """
    Writes application updates into the slots ``/images/a/app.img`` and ``/images/b/app.img``. Takes
    what ``nerveshub-link pack`` makes of a folder.

    From the first update on, the board may only be restarted by a reset, never by the end of the
    program or ``supervisor.reload()`` (why, `slot_file` tells): the link's restart is one, and the
    launcher resets the board if the application ends.

    :param str root: the drive
    :param public_keys: list of public keys, each the text of a ``.pub`` file, or its 32 bytes: from
        then on only releases are taken that one of them has signed. None for those in
        NERVESHUB_PUBLIC_KEYS of ``settings.toml``, several with a space between; where there is no
        such setting, signatures are not checked
    :param int trial_timeout: seconds from the start within which a new release must be confirmed;
        then the board goes back
    :param clock: function that returns ticks as ``adafruit_ticks.ticks_ms`` does
    :raises ValueError: if a key is none, or the drive was not prepared, or this application was not
        started by the boot guard; the text says what to do

    On a drive that code can't write to, or where the idle slot's file is lost or in pieces, the
    device joins all the same: `last_failure` and `AppSlotWriter.health` say why, and updates are
    put off with that reason.
    """

    def __init__(
        self, root: str = "/", *, public_keys=None, trial_timeout: int = 900, clock=ticks_ms
    ) -> None:
        if isinstance(trial_timeout, bool) or not isinstance(trial_timeout, int):
            raise ValueError("trial_timeout must be a whole number of seconds")
        if not 60 <= trial_timeout <= 86400:
            raise ValueError("trial_timeout must be from 60 to 86400 seconds")
        root = root.rstrip("/")
        from ..release.public_keys import read_keys  # noqa: PLC0415 its memory is wanted back

        self.public_keys = read_keys(public_keys)
        if self.public_keys:
            # The names in a module stay when it goes. So they come now, where they lie out of the
            # way of the buffers of an update.
            load(*_SIGNED)
            forget(*_SIGNED)
        from . import slot_drive  # noqa: PLC0415 its memory is wanted back

        self._read_only = slot_drive.read_only(root)  # why, in words; None if code can write
        self._running = running = slot_drive.running(root)
        self._record = DeviceState(root)
        self._state = self._record.load()
        # What runs is what was started, whatever the record says now.
        self._meta, self._number = slot_drive.release(root, running)
        self._newest = slot_drive.newest(root)
        self._idle, why = slot_drive.idle_slot(root, running, self._state)
        self._refuses = self._read_only or why  # why no update is taken, in words
        self._path = slot_drive.path_of(root, self._idle)
        # The slot whose chunks need not travel: only for releases that are verified here.
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
        Return the metadata of what runs: product, version, platform, architecture and uuid, from
        the slot's header, or from the rescue application's ``meta.json``.
        """
        return self._meta

    @property
    def installed(self) -> int:
        """The number of the installation that runs (read-only)."""
        return self._number

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
        if self._refuses:
            words.append(self._refuses + ", no updates")
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
        if self._refuses:
            told["updates"] = "put off: " + self._refuses
        return told

    def fwup_check(self, meta: dict, deployment: bool):
        """
        Put off a deployment's release that crashed or hung here, or was installed three times
        without a confirmation; and everything while the running one is on trial, since the idle
        slot is what it would go back to, and while the idle slot can't be written.
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
        forget("update.bad_release")  # the update wants its memory
        return answer

    def fwup_accepts(self, first, conf) -> bool:
        """Take a ``.fw``, unless there is nothing but one ``.bin`` in it."""
        if bytes(first[:2]) != b"PK":
            return False
        names = [] if conf is None else conf.split('file-resource "')[1:]
        return not (len(names) == 1 and names[0].split('"')[0].endswith(".bin"))

    # An update

    def fwup_begin(self, size, meta: dict) -> None:
        """Get the idle slot ready. What is in it stays until the release has been checked."""
        self.fwup_abort()
        if self._refuses:
            raise UpdateError(self._refuses)
        self._uuid = uuid = meta.get("uuid") or ""
        # Will there be room for what the boot guard may have to write down, should it go back?
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
        Write what the next bytes of the archive become, one window of 4 KB with each call.

        :return: True if they were taken; False if there is more to do: call it again, without data
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
        """Copy a chunk that the running slot has, or tell which part of the archive is next."""
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
        Check that all is there, and read the image back, a piece with each call; then write the
        header, and then the record. If any of that fails, what ran before starts next.

        :return: False if there is more to do: call it again; True if the release starts next
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

            # The rescue application is no slot to go back to: the guard comes back to it by itself.
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
        Forget the new release. If `fwup_finish` was broken off, or something behind it raised, the
        record becomes again what it was, and the header is erased.
        """
        install, self._install, self._reader = self._install, None, None
        self._end_delta()
        before, self._before = self._before, None
        if install is None:
            return
        # Record and header may be written although an error was reported: by reading them back, or
        # for lack of memory. The release must start neither next nor some day later.
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
    """A file saved from outside must not restart the board during an update."""
    try:
        import supervisor  # noqa: PLC0415 only boards have it

        supervisor.runtime.autoreload = on
    except (ImportError, AttributeError):
        pass
