# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.bank.bank_trial`
====================================================

Tells which CircuitPython runs and whether it is on trial, and goes back to the old one.
`DualBankWriter` writes an image to the bank; this module decides what happens at the starts after
that.

CircuitPython does not tell which bank runs. But ``os.uname().version`` identifies the build, and
the record holds two versions: that of the running firmware, and that of the new one, which is found
in its image.

======================  ============================  =================================
state in the record     the new firmware runs         the old firmware runs
======================  ============================  =================================
`CONFIRMED`             normal operation              (there is no other)
`INSTALLING`            its trial begins              the power was cut before ``switch()``
`SWITCHED`              its trial begins              first time: reset once more, since a
                                                      reload does not switch. Second time: the
                                                      new one never reached Python; refuse it
`ON_TRIAL`              count the start; too many or  it was replaced by other means; refuse
                        too late: go back             the new one from now on
`GOING_BACK`            go back again                 it went back
======================  ============================  =================================

If a third firmware runs, it was flashed by USB: the record is cleared, and there is nothing to go
back to. Without a record (a new board, or a power cut while the NVM was written) a trial begins:
firmware counts as confirmed only if the record says so.

Longer than most modules, since it holds the record and its whole state machine.
"""

from micropython import const

from ..errors import UpdateError, describe, printable

CONFIRMED = 0
INSTALLING = 1
SWITCHED = 2
ON_TRIAL = 3
GOING_BACK = 4

_META_KEYS = const(("uuid", "product", "architecture", "version", "platform"))
_ENDS = {
    "c": "crashed",
    "h": "hung",
    "p": "lost power",
    "u": "was not confirmed",
    "n": "did not reach Python",
    "o": "was replaced by other means",
    "t": "was installed 3 times and never confirmed",
}
_WORST = const("cnohpu")  # the most important first: one crash says more than three power cuts
_REFUSED = const("chnot")
_TRACEBACK = const(160)
_ROOM = const(300)
_TRIES = const(2)  # attempts to go back, before the new firmware is kept


class BankTrial:
    """
    The record of the banks, and the decisions that follow from it. Counts this start.

    :param store: `NvmCopy`, or an object with the same methods
    :param str version: the running CircuitPython's ``os.uname().version``
    :param end: function that returns how the last start ended, and its traceback or None: ``"c"``
        (crash), ``"h"`` (hang), ``"p"`` (power cut), ``"u"`` (not confirmed), or ``""`` if this is
        not a new start (Ctrl-C, deep sleep)
    :param switch: ``dualbank.switch``
    :param int starts: number of starts of a trial
    """

    def __init__(self, store, version: str, end, switch, starts: int) -> None:
        self._store = store
        self._version = version
        self._switch = switch
        self._starts = starts
        self.restart_due = False
        """True if the board must restart, for a switch to take effect."""
        self._stuck = False  # going back is not possible
        self._record = store.load()
        try:
            self._begin(end)
        except (KeyError, TypeError, AttributeError):
            # The record of another program, though its CRC is right.
            self._record = None
            self._begin(end)

    def _begin(self, end) -> None:
        record = self._record
        if record is None:
            blank = "is blank" if self._store.blank else "holds something else"
            self._unknown("the NVM %s: not known whether this firmware is confirmed" % blank)
            self._record["t"] = ON_TRIAL
            self._start(end)
            return
        state, run, old = record["t"], record["run"], record["old"]
        # Without an old firmware in the record it went back to one without metadata.
        before = old["v"] if old else (self._version if state == GOING_BACK else None)
        if self._version == run["v"] or (not run["v"] and self._version != before):
            self._new_runs(state, end)
        elif state and self._version == before:
            self._old_runs(state, end)
        else:
            self._unknown("an unknown CircuitPython runs: flashed by USB?")
            self._save_quietly()

    def _unknown(self, why: str) -> None:
        lowest = self.min_version
        self._record = _record({"v": self._version, "m": None, "n": 0})
        self._record["why"], self._record["min"] = why, lowest

    def _new_runs(self, state: int, end) -> None:
        record = self._record
        if state == GOING_BACK:
            # The power was cut before the switch, or the other bank's image does not start.
            record["wait"] += 1
            if record["wait"] > _TRIES:
                self._stay("the other bank does not start")
            else:
                self._go_back()
        elif state:
            if state != ON_TRIAL:
                record["t"] = ON_TRIAL
                record["ends"] = ""
            self._start(end)

    def _old_runs(self, state: int, end) -> None:
        record = self._record
        if state == SWITCHED and not record["wait"]:
            record["wait"] = 1
            self.restart_due = True
        elif state == INSTALLING:
            why = record["why"] or "the power was cut before the switch to the new firmware"
            self._keep_old(why, "", end)
        else:
            if state == SWITCHED:
                record["ends"] = "n"
            elif state == ON_TRIAL:
                record["ends"] += "o"
            ends = [letter for letter in _WORST if letter in record["ends"]]
            letter = ends[0] if ends else "u"
            meta = record["run"]["m"]
            why = "went back from %s %s: it %s" % (
                meta["version"] if meta else record["run"]["v"],
                meta["uuid"] if meta else "(uuid unknown)",
                _ENDS[letter],
            )
            if letter == "c" and record["tb"]:
                why += ": " + record["tb"]
            if meta and letter not in _REFUSED and record.get("tried"):
                from ..update.bad_release import used_up  # noqa: PLC0415 only after a failed trial

                letter = "t" if used_up(record["tried"], meta["uuid"]) else letter
            if meta and letter in _REFUSED:
                record["bad"] = [meta["uuid"], letter]
            self._keep_old(printable(why), letter, end)
        self._save_quietly()

    def _keep_old(self, why: str, reverted: str, end) -> None:
        record = self._record
        old = record["old"] or {"v": self._version, "m": None, "n": 0}
        self._record = _record(old)
        for key in ("bad", "n", "tried", "min"):
            self._record[key] = record.get(key)
        self._record["why"] = why
        self._record["rev"] = reverted
        if not old.get("ok"):
            # The old firmware was not confirmed either: the first one that is confirmed stays.
            self._record["t"] = ON_TRIAL
            self._record["old"] = record["run"]
            self._start(end)

    def _start(self, end) -> None:
        """Count this start, and record how the previous one ended."""
        record = self._record
        how, traceback = end()
        ends = record["ends"]
        if ends.endswith("?"):
            if not how:
                return
            ends = ends[:-1] + how
            if how == "c" and traceback:
                from ..common.brief import brief, mask_cut  # noqa: PLC0415 after a failure only

                record["tb"] = printable(brief(mask_cut(traceback)))[:_TRACEBACK]
        record["ends"] = ends
        if len(ends) >= self._starts:
            self._go_back()
        else:
            record["ends"] += "?"
            self._save_quietly()

    def _go_back(self) -> None:
        self._record["t"] = GOING_BACK
        self._save_quietly()
        try:
            self._switch()
            self.restart_due = True
        except Exception as error:
            self._stay(describe(error))

    def _stay(self, why: str) -> None:
        """Keep the new firmware on trial, since going back is not possible."""
        self._stuck = True
        self._record["t"] = ON_TRIAL
        self._record["why"] = printable("can't go back: " + why)
        self._record["ends"] = "?"
        self._save_quietly()

    def _save_quietly(self) -> None:
        """Save the record; if that fails, go on, since an uncounted start is better than none."""
        try:
            self._store.save(self._record)
        except Exception as error:
            self._record["why"] = "the NVM can't be written: " + describe(error)

    # State

    @property
    def on_trial(self) -> bool:
        """True until the running firmware is confirmed (read-only)."""
        return self._record["t"] == ON_TRIAL or self._record["t"] == GOING_BACK

    @property
    def going_back(self) -> bool:
        """True if the board must restart to go back (read-only)."""
        return self._record["t"] == GOING_BACK

    @property
    def installed_other(self) -> bool:
        """True if new firmware starts with the next reset (read-only)."""
        return self._record["t"] == SWITCHED

    @property
    def can_go_back(self) -> bool:
        """True while the running firmware can go back (read-only)."""
        return self._record["t"] == ON_TRIAL and not self._stuck

    @property
    def installed(self) -> int:
        """Number of the running firmware's installation (read-only)."""
        return self._running()["n"]

    @property
    def meta(self):
        """Metadata of the running firmware, or None (read-only)."""
        return self._running()["m"]

    def _running(self) -> dict:
        state = self._record["t"]
        # After an installation the old firmware runs until the reset.
        return self._record["old" if state == SWITCHED else "run"]

    @property
    def reverted(self) -> bool:
        """True from going back until the next installation (read-only)."""
        return bool(self._record["rev"])

    @property
    def why(self):
        """The last failure in words, or None (read-only)."""
        return self._record["why"] or None

    @property
    def min_version(self):
        """Version below which no signed firmware is taken, or None (read-only)."""
        return self._record.get("min") if self._record is not None else None

    def refused(self, uuid):
        """
        Tell why a deployment must not install a firmware.

        :param str uuid: the firmware's uuid
        :return: the reason, or None
        """
        bad, tried = self._record["bad"], self._record.get("tried")
        if bad and bad[0] == uuid:
            return _ENDS[bad[1]]
        if tried:
            from ..update.bad_release import used_up  # noqa: PLC0415 after an update only

            if used_up(tried, uuid):
                return _ENDS["t"]
        return None

    # Changes

    def prepare(  # noqa: PLR0913, PLR0917 what is remembered
        self, version: str, meta: dict, number: int, by_deployment: bool, lowest=None
    ) -> dict:
        """
        Make the record of an installation, for `install`.

        :param str version: ``os.uname().version`` of the new firmware, as found in its image
        :param dict meta: the update's metadata
        :param int number: minimum of the installation's number
        :param bool by_deployment: False for a push by hand
        :param lowest: version below which none is taken once this one is confirmed, or None
        :return: the record
        :raises UpdateError: if a field of the metadata is missing
        :raises StateError: if the record does not fit into the NVM
        """
        from ..update.bad_release import counted  # noqa: PLC0415 with an update only

        kept = {}
        for key in _META_KEYS:
            kept[key] = meta.get(key)
            if not isinstance(kept[key], str):
                raise UpdateError("the update's metadata has no " + key)
        number = max(number, self._record["n"] + 1)
        record = _record({"v": version, "m": kept, "n": number})
        record["old"] = dict(self._record["run"])
        record["old"]["v"] = self._version
        record["old"]["ok"] = 1
        record["bad"] = self._record["bad"]
        record["tried"] = counted(self._record.get("tried"), kept["uuid"], by_deployment)
        record["min"] = self.min_version
        if lowest is not None:
            record["run"]["min"] = lowest
        record["n"] = number
        record["t"] = INSTALLING
        record["why"] = " " * _ROOM  # check that a failure's text will fit, too
        self._store.encode(record)
        record["why"] = ""
        return record

    def install(self, record: dict) -> None:
        """
        Save the record of an installation, switch to the new firmware, and save that, too.

        The switch is the last step that may fail, since it can't be undone before a reset. If
        an earlier step fails, the running bank also starts next.

        :param dict record: as returned by `prepare`
        :raises Exception: if saving or the switch fails
        """
        before = self._record
        try:
            self._store.save(record)
        except Exception as error:
            before["why"] = printable("the NVM can't be written: " + describe(error))
            self._save_quietly()
            raise
        try:
            self._switch()
        except Exception as error:
            before["why"] = record["why"] = printable("the switch failed: " + describe(error))
            record["tried"] = before.get("tried")
            # The switch may have taken effect nevertheless. So the record stays `INSTALLING`: if
            # the new firmware starts, it is on trial.
            self._record = record
            self._save_quietly()
            self._record = before
            raise
        self._record = record
        record["t"] = SWITCHED
        # If this can't be saved, the new firmware starts nevertheless.
        self._save_quietly()

    def confirm(self) -> None:
        """Confirm the running firmware."""
        record = dict(self._record)
        record["t"] = CONFIRMED
        record["ends"] = record["tb"] = record["why"] = ""
        uuid = record["run"]["m"]["uuid"] if record["run"]["m"] else None
        if record["bad"] and record["bad"][0] == uuid:
            record["bad"] = None
        if record.get("tried"):
            from ..update.bad_release import confirmed  # noqa: PLC0415 once for each install

            record["tried"] = confirmed(record["tried"], uuid)
        if record["run"].get("min"):
            from ..release.min_version import higher  # noqa: PLC0415 seldom needed

            record["min"] = higher(self.min_version, record["run"]["min"])
        self._store.save(record)
        self._record = record

    def expire(self) -> None:
        """Go back, since the time for the confirmation is over."""
        self._record["ends"] = self._record["ends"].replace("?", "u")
        self._go_back()


def _record(run: dict) -> dict:
    return {
        # v: os.uname().version, m: metadata, n: number of the installation, ok: was confirmed, min:
        # what "min" below becomes when this one is confirmed
        "run": run,
        "old": None,
        "t": CONFIRMED,
        "ends": "",
        "wait": 0,
        "bad": None,  # [uuid, letter of _ENDS]: the last release that failed its trial
        "tried": None,  # see `nerveshub_link.update.bad_release`
        "min": None,  # version below which no signed firmware is taken; it only rises
        "rev": "",
        "why": "",
        "tb": "",
        "n": run["n"],
    }
