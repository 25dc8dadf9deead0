# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.bank.bank_trial`
====================================================

Which CircuitPython runs, whether it is on trial, and going back. Apart from `DualBankWriter`, which
knows how an image gets into the bank: this knows what happens to it afterwards.

CircuitPython does not tell which bank runs. But ``os.uname().version`` tells the build, and both
are remembered: that of the running one, and that of the new one, which is found in its image.

======================  ============================  =================================
remembered              the new one runs              the old one runs
======================  ============================  =================================
`CONFIRMED`             all is well                   (there is no other)
`INSTALLING`            its trial begins              the power was cut before ``switch()``
`SWITCHED`              its trial begins              at first: reset once more, for a mere
                                                      reload does not switch. Then: it never
                                                      reached Python; refused from now on
`ON_TRIAL`              a start more; too many, or    somebody put it back by other means;
                        too late: go back             the new one is refused from now on
`GOING_BACK`            go back again                 it went back
======================  ============================  =================================

If a third one runs, somebody has flashed it by USB: there is nothing to go back to then, and all is
forgotten. If nothing is remembered (a new board, or a power cut while the NVM was written), a trial
begins: nothing is ever taken for confirmed that is not known to be.

Longer than most modules, since the record and what each start makes of it can't be told apart.
"""

from micropython import const

from ..errors import UpdateError, describe, mask_cut, printable

CONFIRMED = 0
INSTALLING = 1
SWITCHED = 2
ON_TRIAL = 3
GOING_BACK = 4

_META_KEYS = ("uuid", "product", "architecture", "version", "platform")
_ENDS = {
    "c": "crashed",
    "h": "hung",
    "p": "lost power",
    "u": "was not confirmed",
    "n": "did not reach Python",
    "o": "was replaced by other means",
    "t": "was installed 3 times and never confirmed",
}
_WORST = "cnohpu"  # in this order: one crash says more than three power cuts
_REFUSED = "chnot"
_TRACEBACK = const(160)
_ROOM = const(300)
_TRIES = const(2)  # to go back, before it stays where it is


class BankTrial:
    """
    The record of the banks, and what follows from it. Counts this start.

    :param store: `NvmCopy`, or something alike
    :param str version: of the CircuitPython that runs, as ``os.uname().version`` tells
    :param end: function that returns how the last start ended, and its traceback or None: ``"c"``,
        ``"h"``, ``"p"``, ``"u"``, or ``""`` if this is no new start (Ctrl-C, deep sleep)
    :param switch: ``dualbank.switch``
    :param int starts: how many starts a trial has
    """

    def __init__(self, store, version: str, end, switch, starts: int) -> None:
        self._store = store
        self._version = version
        self._switch = switch
        self._starts = starts
        self.restart_due = False
        """True if the board must restart, for a switch to take effect."""
        self._stuck = False  # there is nothing to go back to
        self._record = store.load()
        try:
            self._begin(end)
        except (KeyError, TypeError, AttributeError):
            # Foreign, though its CRC is right.
            self._record = None
            self._begin(end)

    def _begin(self, end) -> None:
        record = self._record
        if record is None:
            blank = "is blank" if self._store.blank else "holds something else"
            self._unknown("the NVM %s: whether this firmware is good is not known" % blank)
            self._record["t"] = ON_TRIAL
            self._start(end)
            return
        state, run, old = record["t"], record["run"], record["old"]
        # From a firmware of which nothing was known it goes back to another of that kind.
        before = old["v"] if old else (self._version if state == GOING_BACK else None)
        if self._version == run["v"] or (not run["v"] and self._version != before):
            self._new_runs(state, end)
        elif state and self._version == before:
            self._old_runs(state, end)
        else:
            self._unknown("another CircuitPython runs than was installed: by USB?")
            self._save_quietly()

    def _unknown(self, why: str) -> None:
        self._record = _record({"v": self._version, "m": None, "n": 0})
        self._record["why"] = why

    def _new_runs(self, state: int, end) -> None:
        record = self._record
        if state == GOING_BACK:
            # The power was cut in the wrong moment, or the other bank's image does not start.
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
            why = record["why"] or "the power was cut before the new firmware was switched to"
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
                meta["uuid"] if meta else "(nothing more is known)",
                _ENDS[letter],
            )
            if letter == "c" and record["tb"]:
                why += ": " + record["tb"]
            if meta and letter not in _REFUSED and record.get("tried"):
                from ..update.bad_release import used_up  # noqa: PLC0415 once for each such release

                letter = "t" if used_up(record["tried"], meta["uuid"]) else letter
            if meta and letter in _REFUSED:
                record["bad"] = [meta["uuid"], letter]
            self._keep_old(printable(why), letter, end)
        self._save_quietly()

    def _keep_old(self, why: str, reverted: str, end) -> None:
        record = self._record
        old = record["old"] or {"v": self._version, "m": None, "n": 0}
        self._record = _record(old)
        for key in ("bad", "n", "tried"):
            self._record[key] = record.get(key)
        self._record["why"] = why
        self._record["rev"] = reverted
        if not old.get("ok"):
            # It was never confirmed either: whichever reaches NervesHub first, stays.
            self._record["t"] = ON_TRIAL
            self._record["old"] = record["run"]
            self._start(end)

    def _start(self, end) -> None:
        """Count this start, and find out how the one before ended."""
        record = self._record
        how, traceback = end()
        ends = record["ends"]
        if ends.endswith("?"):
            if not how:
                return
            ends = ends[:-1] + how
            if how == "c" and traceback:
                from ..common.brief import brief  # noqa: PLC0415 after a failure only

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
        """There is nothing to go back to."""
        self._stuck = True
        self._record["t"] = ON_TRIAL
        self._record["why"] = printable("it can't go back: " + why)
        self._record["ends"] = "?"
        self._save_quietly()

    def _save_quietly(self) -> None:
        """Going on without having counted is better than not going on."""
        try:
            self._store.save(self._record)
        except Exception as error:
            self._record["why"] = "the NVM can't be written: " + describe(error)

    # What is asked

    @property
    def on_trial(self) -> bool:
        """True until what runs is confirmed (read-only)."""
        return self._record["t"] == ON_TRIAL or self._record["t"] == GOING_BACK

    @property
    def going_back(self) -> bool:
        """True if the board must restart to go back (read-only)."""
        return self._record["t"] == GOING_BACK

    @property
    def installed_other(self) -> bool:
        """True if other firmware waits for the restart (read-only)."""
        return self._record["t"] == SWITCHED

    @property
    def can_go_back(self) -> bool:
        """True while what runs may still have to go back (read-only)."""
        return self._record["t"] == ON_TRIAL and not self._stuck

    @property
    def installed(self) -> int:
        """Number of the install that runs (read-only)."""
        return self._running()["n"]

    @property
    def meta(self):
        """Metadata of what runs, or None (read-only)."""
        return self._running()["m"]

    def _running(self) -> dict:
        state = self._record["t"]
        # After an install the old one runs until the restart.
        return self._record["old" if state == SWITCHED else "run"]

    @property
    def reverted(self) -> bool:
        """True from going back until the next install (read-only)."""
        return bool(self._record["rev"])

    @property
    def why(self):
        """What went wrong, in words, or None (read-only)."""
        return self._record["why"] or None

    def refused(self, uuid):
        """
        Tell why a firmware must not be installed by a deployment.

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

    # What changes

    def prepare(self, version: str, meta: dict, number: int, by_deployment: bool) -> dict:
        """
        Return the record of an install to come, for `install`.

        :param str version: ``os.uname().version`` of the new one, as far as its image tells
        :param dict meta: of the update
        :param int number: of the install, at least
        :param bool by_deployment: False for a push by hand
        :raises UpdateError: if it is too long to be remembered
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
        record["n"] = number
        record["t"] = INSTALLING
        record["why"] = " " * _ROOM  # what may have to be written down during the trial
        self._store.encode(record)
        record["why"] = ""
        return record

    def install(self, record: dict) -> None:
        """
        Remember an install, switch to it, and remember that.

        The switch is the last step that may fail: there is none back before a restart. What fails
        before it leaves the bank that runs the one that starts next.

        :param dict record: of `prepare`
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
            # Nobody knows whether it took effect all the same. So the new one stays remembered as
            # `INSTALLING`: if it starts after all, it is on trial.
            self._record = record
            self._save_quietly()
            self._record = before
            raise
        self._record = record
        record["t"] = SWITCHED
        # It starts all the same, if this can't be written.
        self._save_quietly()

    def confirm(self) -> None:
        """What runs is good."""
        record = dict(self._record)
        record["t"] = CONFIRMED
        record["ends"] = record["tb"] = record["why"] = ""
        uuid = record["run"]["m"]["uuid"] if record["run"]["m"] else None
        if record["bad"] and record["bad"][0] == uuid:
            record["bad"] = None
        if record.get("tried"):
            from ..update.bad_release import confirmed  # noqa: PLC0415 once for each install

            record["tried"] = confirmed(record["tried"], uuid)
        self._store.save(record)
        self._record = record

    def expire(self) -> None:
        """The time for the confirmation is over: go back."""
        self._record["ends"] = self._record["ends"].replace("?", "u")
        self._go_back()


def _record(run: dict) -> dict:
    return {
        # v: os.uname().version, m: metadata, n: number of the install, ok: was confirmed
        "run": run,
        "old": None,
        "t": CONFIRMED,
        "ends": "",
        "wait": 0,
        "bad": None,  # [uuid, why]: the release that was given up last
        "tried": None,  # see `nerveshub_link.update.bad_release`
        "rev": "",
        "why": "",
        "tb": "",
        "n": run["n"],
    }
