# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Trials of new firmware: it is started and confirmed, or the board goes back; with power cuts."""

from unittest import mock

import pytest
from support.banks import Board, Nvm, PowerCut, image, install, meta_of

from nerveshub_link.bank.nvm_copy import NvmCopy
from nerveshub_link.errors import NervesHubError, UpdateError

OLD = image("10.1.0", 3000)
NEW = image("10.2.0", 4000)
NEXT = image("10.3.0", 5000)
FIRST = dict(meta_of("10.1.0", 9), author="somebody")
META = meta_of("10.2.0")
UUID = META["uuid"]
HOUR = 3_600_000


def board_with(data=OLD):
    """A board whose firmware is confirmed."""
    board = Board(data)
    board.start(firmware_meta=FIRST)
    board.writer.fwup_confirm()
    return board


@pytest.fixture(autouse=True, scope="module")
def without_collections():
    # CPython's takes 50 ms in a whole test run, for each access to the NVM.
    with mock.patch("nerveshub_link.bank.nvm_copy.gc.collect"):
        yield


@pytest.fixture(name="board")
def updated_board():
    """New firmware is in the other bank and switched to; the reset is due."""
    board = board_with()
    install(board.writer, NEW, META)
    return board


def is_old(writer, reverted=False):
    return (writer.firmware_meta(), writer.firmware_validated()) == (FIRST, True) and (
        writer.firmware_auto_reverted() is reverted
    )


def start(board, how="p", **options):
    return board.start(how, firmware_meta=FIRST, **options)


# Well done


def test_new_firmware_is_on_trial_until_it_is_confirmed(board):
    writer = start(board)
    assert writer.firmware_meta() == {key: META[key] for key in META if key != "author"}
    assert writer.firmware_validated() is False
    assert (writer.installed, writer.last_failure()) == (1, None)
    writer.fwup_confirm()
    assert writer.firmware_validated() is True
    writer = start(board)
    assert (writer.firmware_meta()["uuid"], writer.firmware_validated()) == (UUID, True)


def test_until_the_restart_the_old_firmware_is_what_runs(board):
    assert is_old(board.writer)
    assert board.writer.installed == 0


def test_until_the_restart_nothing_else_is_installed_and_nothing_is_asked_for(board):
    other = meta_of("10.3.0", 3)
    assert board.writer.fwup_check(other, False).reason == "a restart into other firmware is due"
    with pytest.raises(UpdateError, match="a restart into other firmware is due"):
        board.writer.fwup_begin(len(NEXT), other)
    board.writer.fwup_abort()
    board.wait(3600)
    assert board.writer.poll() is False
    assert start(board).firmware_meta()["uuid"] == UUID


def test_confirmed_firmware_starts_as_often_as_it_likes_and_writes_nothing(board):
    start(board).fwup_confirm()
    writes = board.nvm.writes
    for how in "chpu" * 3:
        writer = start(board, how)
    assert writer.firmware_validated() and board.dualbank.running == 1
    assert board.nvm.writes == writes


def test_a_start_reads_the_nvm_once_and_a_start_on_trial_writes_it_once(board):
    before = board.nvm.reads, board.nvm.writes
    start(board)
    assert (board.nvm.reads, board.nvm.writes) == (
        before[0] + 2,
        before[1] + 1,
    )  # and reads it back
    board.writer.fwup_confirm()
    before = board.nvm.reads, board.nvm.writes
    start(board)
    assert (board.nvm.reads, board.nvm.writes) == (before[0] + 1, before[1])


def test_one_update_follows_the_other(board):
    start(board).fwup_confirm()
    install(board.writer, NEXT, meta_of("10.3.0", 3))
    writer = start(board)
    assert (writer.firmware_meta()["version"], writer.installed) == ("10.3.0", 2)
    assert board.dualbank.running == 0


# While it is on trial


def test_nothing_is_installed_over_the_way_back(board):
    writer = start(board)
    for deployment in (True, False):
        decision = writer.fwup_check(meta_of("10.3.0", 3), deployment)
        assert (decision.kind, decision.delay) == ("reschedule", 600000)
        assert "not confirmed yet, and may have to go back" in decision.reason
    with pytest.raises(UpdateError, match="have to go back"):
        writer.fwup_begin(len(NEXT), meta_of("10.3.0", 3))
    assert board.dualbank.calls.count("erase") == 1


@pytest.mark.parametrize("how", ["c", "h", "p", "u"])
def test_three_starts_are_a_trial_the_fourth_goes_back(board, how):
    for _ in range(3):
        assert start(board, how).firmware_validated() is False
    writer = start(board, how)
    assert board.dualbank.running == 0
    assert is_old(writer, reverted=True)


def test_the_number_of_starts_is_an_option(board):
    start(board, trial_starts=1)
    start(board, "c", trial_starts=1)
    assert board.dualbank.running == 0


def test_ctrl_c_and_deep_sleep_use_up_no_start(board):
    start(board)
    for _ in range(20):
        board.reload("")
    assert board.dualbank.running == 1
    start(board, "c")
    start(board, "c")
    assert board.dualbank.running == 1


def test_without_confirmation_it_goes_back_when_the_time_is_over(board):
    writer = start(board)
    board.wait(1799)
    assert writer.poll() is False
    board.wait(1)
    assert [writer.poll() for _ in range(3)] == [True, False, False]
    assert writer.firmware_validated() is False
    writer = start(board)
    assert is_old(writer, reverted=True)
    assert writer.last_failure() == f"went back from 10.2.0 {UUID}: it was not confirmed"


def test_a_confirmation_in_time_ends_it(board):
    writer = start(board, trial_timeout=60)
    writer.fwup_confirm()
    board.wait(100)
    assert writer.poll() is False


def test_a_confirmation_that_can_not_be_written_is_not_believed(board):
    writer = start(board)
    board.nvm.data = bytearray(8192)
    real, Nvm.__setitem__ = Nvm.__setitem__, lambda *_: None
    try:
        with pytest.raises(NervesHubError, match="does not hold"):
            writer.fwup_confirm()
    finally:
        Nvm.__setitem__ = real
    assert writer.firmware_validated() is False
    writer.fwup_confirm()
    assert writer.firmware_validated() is True


# After going back


def go_back(board, ends):
    for how in ("p", *ends):
        start(board, how)
    assert board.dualbank.running == 0
    return board.writer


@pytest.mark.parametrize(
    "ends, word",
    [("ppc", "crashed"), ("hpp", "hung"), ("uhc", "crashed"), ("hhh", "hung")],
)
def test_what_crashed_or_hung_is_refused_for_deployments_but_a_manual_push_is_taken(
    board, ends, word
):
    writer = go_back(board, ends)
    decision = writer.fwup_check(META, True)
    assert (decision.kind, decision.delay) == ("reschedule", HOUR)
    assert decision.reason == f"this firmware {word} on this device; push it by hand to try again"
    assert writer.fwup_check(META, False) is None
    assert writer.fwup_check(meta_of("10.3.0", 3), True) is None
    # And so it stays after another start.
    assert f"this firmware {word}" in start(board).fwup_check(META, True).reason


@pytest.mark.parametrize(
    "ends, word", [("ppp", "lost power"), ("upu", "lost power"), ("uuu", "was")]
)
def test_what_was_merely_cut_off_may_be_tried_again(board, ends, word):
    writer = go_back(board, ends)
    assert writer.fwup_check(META, True) is None
    assert word in writer.last_failure()


def test_bad_firmware_is_put_off_by_an_hour_then_by_four_so_that_a_new_one_is_not_kept_out(board):
    writer = go_back(board, "ccc")
    delays = [writer.fwup_check(META, True).delay for _ in range(4)]
    assert delays == [HOUR, 4 * HOUR, 4 * HOUR, 4 * HOUR]
    assert writer.fwup_check(meta_of("10.3.0", 3), True) is None


def not_confirmed(board, how="u", by_deployment=True):
    """One more installation, which goes back; return the writer that runs then."""
    board.writer.by_deployment = by_deployment
    install(board.writer, NEW, META)
    return go_back(board, how * 3)


@pytest.mark.parametrize("how", ["u", "p"])
def test_what_a_deployment_installed_three_times_without_a_confirmation_is_bad(how):
    board = board_with()
    for _ in range(2):
        assert not_confirmed(board, how).fwup_check(META, True) is None
    decision = not_confirmed(board, how).fwup_check(META, True)
    assert (decision.kind, decision.delay) == ("reschedule", HOUR)
    assert decision.reason == (
        "this firmware was installed 3 times and never confirmed on this device;"
        " push it by hand to try again"
    )
    # And it stays so after another one was installed.
    install(board.writer, NEXT, meta_of("10.3.0", 3))
    start(board).fwup_confirm()
    assert "never confirmed" in board.writer.fwup_check(META, True).reason


def test_a_push_by_hand_and_a_confirmation_set_the_count_to_zero():
    board = board_with()
    for _ in range(2):
        not_confirmed(board)
    not_confirmed(board, by_deployment=False)
    for _ in range(2):
        assert not_confirmed(board).fwup_check(META, True) is None
    board.writer.by_deployment = True
    install(board.writer, NEW, META)
    start(board).fwup_confirm()
    assert board.writer.fwup_check(META, True) is None


def test_a_record_of_a_library_that_did_not_count_is_read_and_counts_from_now_on():
    board = board_with()
    store = NvmCopy(board.nvm)
    record = store.load()
    del record["tried"]
    store.save(record)
    assert start(board).firmware_validated() is True
    for _ in range(3):
        writer = not_confirmed(board)
    assert "never confirmed" in writer.fwup_check(META, True).reason


def test_the_traceback_of_the_crash_is_told_with_the_error_first(board):
    traceback = (
        'Traceback (most recent call last):\r\n  File "code.py", line 9, in <module>\r\n'
        '  File "lib/pump.py", line 7, in start\r\nOSError: 5\r\n'
    )
    go_back(board, [("c", traceback), "u", "u"])
    assert board.writer.last_failure() == (
        f"went back from 10.2.0 {UUID}: it crashed:"
        ' OSError: 5 (File "lib/pump.py", line 7, in start)'
    )


def test_it_is_told_until_the_next_installation(board):
    go_back(board, "ccc")
    writer = start(board)
    assert is_old(writer, reverted=True)
    install(writer, NEXT, meta_of("10.3.0", 3))
    writer = start(board)
    assert writer.firmware_auto_reverted() is False
    writer.fwup_confirm()
    # The bad one stays refused.
    assert "this firmware crashed" in writer.fwup_check(META, True).reason


def test_what_was_pushed_by_hand_and_confirmed_is_refused_no_more(board):
    writer = go_back(board, "ccc")
    install(writer, NEW, META)
    start(board).fwup_confirm()
    assert board.writer.fwup_check(META, True) is None
    assert board.writer.installed == 2


# The switch has no effect, or others have one


def test_a_reload_after_an_update_asks_for_the_reset_that_switches(board):
    writer = board.reload(firmware_meta=FIRST)
    assert is_old(writer)
    assert writer.fwup_check(meta_of("10.3.0", 3), False).kind == "reschedule"
    assert writer.poll() is True
    assert start(board).firmware_meta()["uuid"] == UUID


def test_firmware_that_never_reaches_python_is_refused_once_the_old_one_was_put_back(board):
    # It hangs in the bootloader, until somebody flashes the old one by USB.
    board.dualbank.boots = 0
    writer = start(board)
    assert is_old(writer)
    assert writer.poll() is True
    writer = start(board)
    assert is_old(writer, reverted=True)
    assert writer.last_failure() == f"went back from 10.2.0 {UUID}: it did not reach Python"
    assert "did not reach Python" in writer.fwup_check(META, True).reason
    assert board.dualbank.calls.count("switch") == 1  # never by itself into what does not start


def test_an_old_one_put_back_during_the_trial_is_noticed(board):
    start(board)
    board.dualbank.boots = 0
    writer = start(board)
    assert is_old(writer, reverted=True)
    assert "it was replaced by other means" in writer.last_failure()


@pytest.mark.parametrize("confirmed", [True, False])
def test_another_one_flashed_by_usb_is_no_trial_and_has_no_way_back(board, confirmed):
    start(board)
    if confirmed:
        board.writer.fwup_confirm()
    board.dualbank.banks[1] = bytearray(NEXT + b"\xff" * (board.dualbank.size - len(NEXT)))
    writer = start(board)
    assert is_old(writer)
    assert writer.installed == 0
    assert "an unknown CircuitPython runs" in writer.last_failure()
    for _ in range(5):
        start(board, "c")
    assert board.dualbank.running == 1


def test_where_the_other_bank_holds_nothing_it_stays_and_says_so():
    board = Board(OLD)  # and nothing in the NVM
    for _ in range(10):
        writer = board.start("c", firmware_meta=FIRST)
    assert board.dualbank.running == 0
    assert writer.firmware_validated() is False
    assert "can't go back: the image in the bank is not valid" in writer.last_failure()
    board.wait(3000)
    writer.poll()
    writer.fwup_confirm()
    assert writer.firmware_validated() and writer.last_failure() is None


def test_a_way_back_that_does_not_start_ends_after_two_resets_more(board):
    start(board)

    def reset():
        board.dualbank._handle = None  # the bootloader takes the new one again and again

    board.dualbank.reset = reset
    for _ in range(4):
        writer = start(board, "c")
    assert board.dualbank.running == 1
    assert "can't go back: the other bank does not start" in writer.last_failure()
    assert board.dualbank.calls.count("switch") == 1 + 3


# What the NVM holds


def test_a_blank_nvm_begins_a_trial_and_never_confirms_silently():
    writer = Board(OLD).start(firmware_meta=FIRST)
    assert writer.firmware_validated() is False
    assert writer.firmware_meta() == FIRST
    assert writer.last_failure() == "the NVM is blank: not known whether this firmware is confirmed"


def test_an_nvm_with_something_else_in_it_begins_a_trial_too():
    board = Board(OLD)
    board.nvm.data = bytearray(b"mine" * 2048)
    writer = board.start()
    assert writer.firmware_validated() is False
    assert "the NVM holds something else" in writer.last_failure()
    assert board.nvm.data[:6000] == (b"mine" * 2048)[:6000]  # the application's own part


@pytest.mark.parametrize("values", [{}, {"t": 3}, {"t": 0, "run": 5, "old": None}, {"t": "x"}])
def test_a_record_of_somebody_else_is_no_record(values):
    board = Board(OLD)
    NvmCopy(board.nvm).save(values)
    assert board.start(firmware_meta=FIRST).firmware_validated() is False


def test_a_torn_record_is_told_from_a_blank_one():
    nvm = Nvm()
    store = NvmCopy(nvm)
    assert (store.load(), store.blank) == (None, True)
    store.save({"a": 1})
    assert (NvmCopy(nvm).load(), store.blank) == ({"a": 1}, True)
    nvm.data[-1536 + 14] ^= 1
    assert (store.load(), store.blank) == (None, False)


def test_a_record_is_framed_as_the_one_on_the_drive():
    nvm = Nvm()
    NvmCopy(nvm).save({"a": 1})
    frame = bytes(nvm.data[-1536:])
    assert frame[:20] == b'NHst\x01\x00\x08\x00\x01\x00\x00\x00{"a": 1}'
    assert not frame[24:].strip(b"\0")


def test_metadata_too_long_to_be_remembered_stops_the_update_before_the_erase():
    board = board_with()
    with pytest.raises(NervesHubError, match="the record has 2"):
        board.writer.fwup_begin(100, dict(META, product="p" * 2000))
    with pytest.raises(UpdateError, match="metadata has no platform"):
        board.writer.fwup_begin(100, dict(META, platform=None))
    assert board.dualbank.calls == []


# fwup_finish fails


def test_an_nvm_that_fails_after_it_was_written_leaves_what_ran_before():
    board = board_with()
    board.writer.fwup_begin(len(NEW), META)
    board.writer.fwup_chunk(NEW)
    real, left = Nvm.__getitem__, [1]

    def read(self, where):
        if left.pop():
            left.append(0)
            raise MemoryError
        left.append(0)
        return real(self, where)

    with mock.patch.object(Nvm, "__getitem__", read), pytest.raises(MemoryError):
        board.writer.fwup_finish()
    board.writer.fwup_abort()
    assert "switch" not in board.dualbank.calls
    assert is_old(board.writer)
    writer = start(board)
    assert is_old(writer)
    assert writer.last_failure() == "the NVM can't be written: MemoryError"
    install(writer, NEW, META)


def test_a_switch_that_failed_and_took_effect_all_the_same_begins_a_trial():
    board = board_with()
    real = board.dualbank.switch

    def switch():
        real()
        raise RuntimeError("Update failed")

    board.dualbank.switch = switch
    start(board)
    with pytest.raises(UpdateError):
        install(board.writer, NEW, META)
    board.writer.fwup_abort()
    assert is_old(board.writer)
    board.dualbank.switch = real
    writer = start(board)
    assert (writer.firmware_meta()["uuid"], writer.firmware_validated()) == (UUID, False)
    go_back(board, "cc")
    assert is_old(board.writer, reverted=True)


# Power cuts


def test_wherever_the_power_is_cut_during_the_installation_a_good_firmware_runs():
    outcomes = set()
    for write in range(3):
        for switch in (None, 0):
            board = board_with()
            board.nvm.cut_in = write
            board.dualbank.cut_in = switch
            try:
                install(board.writer, NEW, META)
            except PowerCut:
                pass
            board.nvm.cut_in = board.dualbank.cut_in = None
            writer = start(board)
            lost = writer.last_failure() and "NVM is blank" in writer.last_failure()
            new_one_known = board.dualbank.running == 1 and not lost
            assert writer.firmware_meta()["uuid"] == (META if new_one_known else FIRST)["uuid"]
            assert not (writer.firmware_validated() and (lost or board.dualbank.running == 1))
            outcomes.add((board.dualbank.running, writer.firmware_validated()))
            if not writer.firmware_validated():
                writer.fwup_confirm()
            # Whatever it was: the update can be completed.
            if board.dualbank.running == 0:
                install(writer, NEW, META)
                assert start(board).firmware_meta()["uuid"] == UUID
    assert outcomes == {(0, True), (0, False), (1, False)}


def test_a_cut_before_the_switch_leaves_the_old_one_and_the_new_one_may_come_again():
    board = board_with()
    board.dualbank.cut_in = 0
    with pytest.raises(PowerCut):
        install(board.writer, NEW, META)
    writer = start(board)
    assert is_old(writer)
    assert writer.last_failure() == "the power was cut before the switch to the new firmware"
    assert writer.fwup_check(META, True) is None


def test_wherever_the_power_is_cut_on_the_way_back_it_gets_there():
    for write in range(3):
        for switch in (None, 0):
            board = board_with()
            install(board.writer, NEW, META)
            for _ in range(3):
                start(board, "c")
            board.nvm.cut_in = write
            board.dualbank.cut_in = switch
            for _ in range(20):
                try:
                    writer = start(board, "c")
                except PowerCut:
                    board.nvm.cut_in = None
                    continue
                if board.dualbank.running == 0:
                    writer.fwup_confirm()  # the old one is good, the new one crashes
            assert board.dualbank.running == 0
            assert writer.firmware_validated() and writer.firmware_meta() == FIRST


def test_of_two_firmwares_of_which_nothing_is_known_each_gets_its_trial_until_one_is_confirmed():
    board = board_with()
    install(board.writer, NEW, META)
    start(board)
    board.nvm.data = bytearray(8192)
    seen = []
    for _ in range(14):
        writer = start(board, "c")
        seen.append(board.dualbank.running)
        assert writer.firmware_validated() is False
    assert seen == [1, 1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1]
    writer.fwup_confirm()
    for _ in range(5):
        assert start(board, "c").firmware_validated() is True
    assert board.dualbank.running == 1


def test_a_start_that_can_not_be_counted_goes_on(board):
    start(board)
    real, Nvm.__setitem__ = Nvm.__setitem__, lambda *_: None
    try:
        writer = start(board)
    finally:
        Nvm.__setitem__ = real
    assert writer.firmware_meta()["uuid"] == UUID
    assert "the NVM can't be written" in writer.last_failure()
