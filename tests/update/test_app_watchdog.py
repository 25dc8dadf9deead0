# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
One watchdog for two users: the launcher arms it for a release on trial, the application for itself.
"""

import sys
from types import SimpleNamespace

import pytest
from support.applications import META
from support.banks import BOARD, image
from support.banks import Board as BankBoard
from support.desk import Desk, RecordingWriter
from support.fakes import FakeClock
from support.machine import Machine

from nerveshub_link import AppSlotWriter, DualBankWriter, FileWriter
from nerveshub_link.release.writer_choice import WriterChoice

RESET = "watchdog.WatchDogMode.RESET"
CODE = """
import test
from nerveshub_link import AppSlotWriter
test.main(AppSlotWriter(test.root, clock=test.clock))
"""
OWN_FIRST = """
from microcontroller import watchdog
from watchdog import WatchDogMode
watchdog.mode = None
watchdog.timeout = 8
watchdog.mode = WatchDogMode.RESET
"""


class Trial:
    """A release on trial, in slot b: `run` starts it as the guard and the launcher do."""

    def __init__(self, folder):
        self.machine = Machine(folder)
        self.board = self.machine.board
        self.machine.install("a", {"code.py": "pass"}, number=1, **dict(META, uuid="old"))
        self.install(CODE)
        self.machine.remember(run="b", old="a", trial=1)

    def install(self, code):
        self.machine.install("b", {"code.py": code}, number=2, **dict(META, uuid="new"))

    def run(self, main):
        self.machine.power_on()
        names = {"main": main, "root": self.machine.root, "clock": FakeClock()}
        how = self.machine.run(**names)
        assert how == "end", self.board._traceback

    @property
    def armed(self):
        dog = self.board.watchdog
        return dog.mode and dog.timeout

    def feeds(self, writer):
        """How often three calls of poll() feed it."""
        before = self.board.fed
        for _ in range(3):
            writer.poll()
        return self.board.fed - before


@pytest.fixture(name="trial")
def release_on_trial(tmp_path):
    return Trial(tmp_path)


def test_poll_feeds_the_launcher_s_watchdog_until_the_confirmation_disarms_it(trial):
    def main(writer):
        assert (trial.armed, trial.feeds(writer)) == (90, 3)
        assert writer.watchdog_seconds == 90
        writer.fwup_confirm()
        assert (trial.armed, trial.feeds(writer)) == (None, 0)
        assert writer.watchdog_seconds is None

    trial.run(main)


@pytest.mark.parametrize("wanted, on_trial", [(20, 20), (300, 90)])
def test_the_shorter_one_holds_on_trial_and_then_the_application_s(trial, wanted, on_trial):
    def main(writer):
        assert writer.watchdog(wanted) is True
        assert (trial.armed, trial.feeds(writer)) == (on_trial, 3)
        assert writer.watchdog_seconds == on_trial
        writer.fwup_confirm()
        assert (trial.armed, trial.feeds(writer)) == (wanted, 3)
        assert writer.watchdog_seconds == wanted

    trial.run(main)


def test_without_the_launcher_s_the_application_s_holds_on_trial_too(trial):
    def main(writer):
        assert (trial.armed, trial.feeds(writer)) == (None, 0)
        writer.watchdog(300)
        assert (trial.armed, trial.feeds(writer)) == (300, 3)

    trial.machine.set("NERVESHUB_WATCHDOG = 0")
    trial.run(main)


def test_a_watchdog_of_the_application_s_own_is_neither_fed_nor_stopped(trial):
    def main(writer):
        assert (trial.armed, trial.feeds(writer)) == (8, 0)
        writer.fwup_confirm()
        assert (trial.armed, trial.feeds(writer)) == (8, 0)

    trial.install(OWN_FIRST + CODE)
    trial.run(main)


def test_the_same_if_the_application_arms_it_after_it_has_made_the_writer(trial):
    def main(writer):
        exec(OWN_FIRST, {})
        assert trial.feeds(writer) == 0
        writer.fwup_confirm()
        assert (trial.armed, trial.feeds(writer)) == (8, 0)

    trial.run(main)


def test_a_watchdog_that_can_t_be_disarmed_does_not_undo_the_confirmation(trial, monkeypatch):
    told = []

    def main(writer):
        writer.log = lambda level, text: told.append((level, text))
        dog = type(trial.board.watchdog)
        with monkeypatch.context() as patched:
            patched.setattr(dog, "mode", property(lambda dog: RESET))
            writer.fwup_confirm()
        assert writer.firmware_validated()
        assert trial.feeds(writer) == 3

    trial.run(main)
    assert trial.machine.record["trial"] == 0
    assert [level for level, _ in told] == ["error"]
    assert "watchdog" in told[0][1]


def test_a_confirmed_application_has_what_it_asked_for(trial):
    def main(writer):
        writer.watchdog(60)
        assert (trial.armed, trial.feeds(writer)) == (60, 3)
        writer.watchdog(120)
        assert (trial.armed, trial.feeds(writer)) == (120, 3)

    trial.machine.remember(run="b", old="a", trial=0)
    trial.run(main)


@pytest.fixture(name="small_chip")
def chip_whose_watchdog_waits_for_8_seconds_at_most(trial, monkeypatch):
    class Chip(type(trial.board.watchdog)):
        @property
        def timeout(self):
            return super().timeout

        @timeout.setter
        def timeout(self, seconds):
            if seconds > 8:
                raise ValueError("timeout must be <= 8")
            super(Chip, type(self)).timeout.fset(self, seconds)

    monkeypatch.setattr("nerveshub_tools.board_modules.WatchDogTimer", Chip)
    return trial


def test_what_is_too_long_for_the_chip_is_told_and_changes_nothing(small_chip):
    def main(writer):
        writer.watchdog(6)
        with pytest.raises(ValueError, match="timeout must be <= 8"):
            writer.watchdog(60)
        assert (small_chip.armed, small_chip.feeds(writer)) == (6, 3)

    small_chip.machine.remember(run="b", old="a", trial=0)
    small_chip.run(main)


def test_what_proves_too_long_at_the_confirmation_leaves_the_trial_s_watchdog(small_chip):
    def main(writer):
        writer.watchdog(60)
        writer.fwup_confirm()
        assert (small_chip.armed, small_chip.feeds(writer)) == (6, 3)

    small_chip.machine.set("NERVESHUB_WATCHDOG = 6")
    small_chip.run(main)


def test_a_writer_of_firmware_has_the_same(monkeypatch):
    board = BankBoard(image("10.1.0"))
    writer = board.start()
    monkeypatch.setitem(sys.modules, "microcontroller", board.modules()["microcontroller"])
    monkeypatch.setitem(
        sys.modules, "watchdog", type(sys)("watchdog", "the stand-in has only what is needed")
    )
    sys.modules["watchdog"].WatchDogMode = type("WatchDogMode", (), {"RESET": RESET})
    assert isinstance(writer, DualBankWriter) and BOARD
    writer.watchdog(60)
    writer.poll()
    assert board.heard[-3:] == [60, RESET, "feed"]
    both = WriterChoice([FileWriter("unused"), writer])
    assert both.watchdog_seconds == 60


def test_it_is_fed_on_when_the_writer_s_poll_has_raised_and_is_not_called_for_a_minute():
    class Failing(RecordingWriter):
        polled = fed = 0

        def poll(self):
            self.polled += 1
            raise OSError(5)

        def feed(self):
            self.fed += 1

    writer = Failing()
    desk = Desk(fwup_writer=writer)
    desk.joined()
    writer.fed = 0
    desk.wait(10)
    assert writer.polled == 1
    assert 350 <= writer.fed <= 400


def test_where_there_is_no_watchdog_nothing_is_armed(tmp_path):
    writer = FileWriter(str(tmp_path / "firmware.bin"))
    assert writer.watchdog(60) is False
    assert writer.watchdog_seconds is None
    assert writer.poll() is False


@pytest.mark.parametrize("seconds", [0, -1, 2.5, True, "60", None, 86401])
def test_a_wrong_number_of_seconds_is_told(tmp_path, seconds):
    writer = FileWriter(str(tmp_path / "firmware.bin"))
    with pytest.raises(
        ValueError, match="watchdog: seconds must be a whole number from 1 to 86400"
    ):
        writer.watchdog(seconds)


@pytest.mark.parametrize("armed", [0, 90])
def test_a_slot_s_writer_takes_no_watchdog_for_the_launcher_s_that_it_did_not_arm(trial, armed):
    # Whoever armed it, it is the application's.
    trial.board.boot()
    trial.board.install()
    trial.board.watchdog.timeout = 8
    trial.board.watchdog.mode = RESET
    trial.board.read_only = False
    sys.modules["nh_launcher"] = SimpleNamespace(slot="b", armed=armed)
    try:
        writer = AppSlotWriter(trial.machine.root, clock=FakeClock())
        assert writer.watchdog_seconds is None
        writer.fwup_confirm()
        assert trial.armed == 8
    finally:
        del sys.modules["nh_launcher"]
        trial.board.uninstall()
