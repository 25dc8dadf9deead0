# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Updates of CircuitPython: what is accepted and refused, and the other bank's content then."""

import hashlib
import io
import zipfile
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nerveshub_tools import packer
from support.banks import (
    BANK_SIZE,
    BOARD,
    WATCHDOG_MODES,
    Board,
    image,
    install,
    is_valid,
    meta_of,
)

from nerveshub_link.bank.dual_bank_writer import DualBankWriter
from nerveshub_link.errors import UpdateError

OLD = image("10.1.0", 6000)
NEW = image("10.2.0", 20000)
META = meta_of("10.2.0")


@pytest.fixture(autouse=True, scope="module")
def without_collections():
    # CPython's takes 50 ms in a whole test run, for each access to the NVM.
    with mock.patch("nerveshub_link.bank.nvm_copy.gc.collect"):
        yield


@pytest.fixture(name="board")
def fresh_board():
    board = Board(OLD)
    board.start()
    board.writer.fwup_confirm()
    return board


def archive(  # noqa: PLR0913 each of them may be wrong
    data=NEW,
    platform=BOARD,
    names=("firmware.bin",),
    compression=zipfile.ZIP_STORED,
    sha256=None,
    length=None,
):
    conf = ["meta-product=greenhouse", "meta-version=10.2.0", f'meta-platform="{platform}"']
    for name in names:
        conf += [f'file-resource "{name}" {{', f"length={length or len(data)}"]
        conf += [f"sha256={sha256}"] if sha256 else []
        conf += ["}"]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", compression) as file:
        file.writestr("meta.conf", "\n".join(conf) + "\n")
        for name in names:
            file.writestr("data/" + name, data)
    return packed.getvalue()


def holds(board, data):
    """The other bank holds exactly this."""
    return board.dualbank.other == data + b"\xff" * (BANK_SIZE - len(data))


def refused(board, data, meta=META, piece=4096):
    """The update fails, and nothing is switched; return the reason."""
    with pytest.raises(UpdateError) as caught:
        install(board.writer, data, meta, piece)
    board.writer.fwup_abort()
    assert board.dualbank.boots == board.dualbank.running
    return str(caught.value)


# What comes in


def test_an_image_gets_into_the_other_bank_and_starts_after_a_reset(board):
    install(board.writer, NEW, META)
    assert holds(board, NEW)
    assert board.dualbank.running == 0
    writer = board.start()
    assert board.dualbank.running == 1
    assert writer.firmware_meta()["version"] == "10.2.0"


def test_the_first_piece_is_304_bytes_and_all_others_but_the_last_are_multiples_of_16(board):
    data = image("10.2.0", 20001)
    install(board.writer, data, META, piece=777)
    erase, first, *middle, last, switch = board.dualbank.calls
    assert (erase, first, switch) == ("erase", 304, "switch")
    assert [length % 16 for length in middle] == [0] * len(middle)
    assert last == 1
    assert holds(board, data)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 1500), min_size=1, max_size=200), st.integers(1000, 9000))
def test_however_it_is_cut_into_pieces_the_bank_holds_exactly_the_image(sizes, length):
    board = Board(OLD)
    writer = board.start()
    writer.fwup_confirm()
    data = image("10.2.0", length)
    writer.fwup_begin(len(data), META)
    at = turn = 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        writer.fwup_chunk(memoryview(data)[at : at + size])
        at, turn = at + size, turn + 1
    writer.fwup_finish()
    assert holds(board, data)


@pytest.mark.parametrize("sha256", [None, "right", "RIGHT"])
@pytest.mark.parametrize("piece", [1, 100, 4096])
def test_an_archive_with_one_image_for_this_board_is_taken(board, sha256, piece):
    data = image("10.2.0", 3000)
    digest = hashlib.sha256(data).hexdigest()
    digest = {None: None, "right": digest, "RIGHT": digest.upper()}[sha256]
    install(board.writer, archive(data, sha256=digest), META, piece)
    assert holds(board, data)


def test_what_the_packer_makes_of_an_image_is_taken(board, tmp_path):
    data = image("10.2.0", 3000)
    (tmp_path / "firmware.bin").write_bytes(data)
    meta = dict(product="greenhouse", version="10.2.0", platform=BOARD, architecture="xtensa")
    packer.pack(tmp_path / "firmware.bin", tmp_path / "firmware.fw", meta)
    install(board.writer, (tmp_path / "firmware.fw").read_bytes(), META)
    assert holds(board, data)


def test_an_archive_needs_no_board_id_in_its_image(board):
    data = image("10.2.0", board="something_else")
    install(board.writer, archive(data), META)
    assert holds(board, data)


@pytest.mark.parametrize("cut", range(0, 60))
def test_the_board_id_is_found_across_the_borders_of_pieces(board, cut):
    at = NEW.find(BOARD.encode()) - 20 + cut
    writer = board.writer
    writer.fwup_begin(len(NEW), META)
    writer.fwup_chunk(memoryview(NEW)[:at])
    writer.fwup_chunk(memoryview(NEW)[at:])
    writer.fwup_finish()


def test_the_application_hears_what_the_image_says_of_itself(board):
    heard = []
    board.writer.log = lambda level, text: heard.append((level, text))
    install(board.writer, NEW, META)
    assert heard == [
        (
            "info",
            "firmware: circuitpython 10.2.0 for esp32s3, built Dec  1 2025 12:00:00 with ESP-IDF "
            "v5.5.1",
        )
    ]
    assert board.writer.description.sha256 == bytes(range(32)).hex()


# What is refused, before anything is erased


SEND = "; send the build's circuitpython-firmware.bin"


@pytest.mark.parametrize(
    "data, reason",
    [
        (b"\xe9" + bytes(5000), "a bootloader or a combined firmware.bin" + SEND),
        (b"\xff" * 5000, "it begins with ffffffff, not with e9: a combined firmware.bin?" + SEND),
        (b"UF2\n" + bytes(5000), "this is a .uf2 file" + SEND),
        (b"<html>" + bytes(5000), "not a firmware image: it begins with 3c68746d"),
        (image("10.2.0", chip=2), "the image is for esp32s2, this board is esp32s3"),
        (image("10.2.0", chip=77), "the image is for chip 77, this board is esp32s3"),
        (image("10.1.0"), "the board runs this version already"),
        (NEW[:200], "not a firmware image: only 200 bytes"),
        (NEW[:303], "not a firmware image: only 303 bytes"),
        (archive(platform="another_board"), f"is for another_board, this board is {BOARD}"),
        (archive(platform=""), f"is for an unnamed board, this board is {BOARD}"),
        (archive(names=("a.bin", "b.bin")), "must hold one .bin file, this one holds a.bin, b.bin"),
        (archive(names=("code.py",)), "must hold one .bin file, this one holds code.py"),
        (archive(names=()), "must hold one .bin file, this one holds none"),
        (
            archive(image("10.2.0", BANK_SIZE + 16)),
            "the image has 32784 bytes or more, a bank 32768",
        ),
        (archive(compression=zipfile.ZIP_DEFLATED), "'meta.conf' is deflated, as fwup packs"),
        (
            archive(length=5),
            f"'firmware.bin' has {len(NEW)} bytes, meta.conf says 5 of firmware.bin",
        ),
        (b"PK\x03\x04" + bytes(50), ""),
    ],
)
def test_what_is_no_firmware_for_this_board_is_refused_before_anything_is_erased(
    board, data, reason
):
    assert reason in refused(board, data)
    assert board.dualbank.calls == []


def test_a_plain_zip_is_refused(board):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("firmware.bin", NEW)
    assert "comes before meta.conf: this is not a .fw archive" in refused(board, packed.getvalue())
    assert board.dualbank.calls == []


def test_an_empty_update_is_refused(board):
    assert refused(board, b"") == "the update has no firmware image"


# What is refused before it is switched to


def test_an_image_without_the_boards_id_is_never_switched_to(board):
    reason = refused(board, image("10.2.0", board="another_board"))
    assert reason == f"the image is not for this board: {BOARD} is not in it"


@pytest.mark.parametrize("other", [BOARD + "_tft", BOARD + "2", "my_" + BOARD])
def test_a_board_whose_id_contains_this_boards_id_is_another_board(board, other):
    assert "the image is not for this board" in refused(board, image("10.2.0", board=other))


def test_an_image_that_the_chip_finds_invalid_is_not_switched_to(board):
    bad = bytearray(NEW)
    bad[5000] ^= 1
    assert refused(board, bytes(bad)) == "the image in the bank is not valid"
    assert not is_valid(board.dualbank.other)
    # Only a reset helps now: it is asked for, and until then nothing is flashed.
    assert board.writer.poll() is True
    assert "must restart first" in refused(board, NEW)
    writer = board.start()
    assert writer.last_failure() == "the switch failed: the image in the bank is not valid"
    assert writer.firmware_validated()
    install(writer, NEW, META)


def test_an_image_larger_than_the_bank_stops_where_the_bank_ends(board):
    assert "a bank 32768" in refused(board, image("10.2.0", BANK_SIZE + 16))


def test_an_archive_that_ends_early_is_not_switched_to(board):
    assert "the archive ends before its content does" in refused(board, archive()[:-300])


def test_an_archive_with_another_image_than_it_says_is_not_switched_to(board):
    reason = refused(board, archive(sha256="ab" * 32))
    assert reason == "the image's SHA-256 differs from meta.conf"


# Broken off


def begin(board, data=NEW, meta=META, count=9000):
    board.writer.fwup_begin(len(data), meta)
    board.writer.fwup_chunk(memoryview(data)[:count])
    board.writer.fwup_abort()


def test_the_same_image_goes_on_in_the_same_run_without_a_second_erase(board):
    begin(board, count=9001)
    begin(board, count=4000)
    begin(board, count=13000)
    install(board.writer, NEW, META, piece=1000)
    assert holds(board, NEW)
    assert board.dualbank.calls.count("erase") == 1


def test_an_image_that_has_changed_meanwhile_does_not_go_on(board):
    begin(board)
    changed = bytearray(NEW)
    changed[8000] ^= 1
    assert "has changed since the last try" in refused(board, bytes(changed))
    assert board.writer.poll() is True


def test_an_image_that_became_shorter_does_not_go_on(board):
    begin(board)
    assert "shorter than at the last try" in refused(board, NEW[:5000])


def test_another_image_waits_for_a_restart_and_is_never_appended(board):
    begin(board)
    written = bytes(board.dualbank.other)
    other = meta_of("10.3.0", 3)
    decision = board.writer.fwup_check(other, True)
    assert (decision.kind, decision.delay) == ("reschedule", 120000)
    assert "must restart first" in decision.reason
    assert "must restart first" in refused(board, image("10.3.0"), other)
    assert board.dualbank.other == written
    assert board.writer.fwup_check(META, True) is None


def test_a_minute_after_an_update_was_broken_off_a_restart_is_asked_for_once_a_minute(board):
    begin(board)
    board.wait(59)
    assert board.writer.poll() is False
    board.wait(1)
    assert [board.writer.poll() for _ in range(3)] == [True, False, False]
    board.wait(60)
    assert board.writer.poll() is True
    writer = board.start()
    assert writer.poll() is False
    install(writer, image("10.3.0"), meta_of("10.3.0", 3))


def test_a_restart_that_was_asked_for_days_ago_does_not_put_off_the_next_one(board):
    begin(board)
    board.wait(60)
    assert board.writer.poll() is True
    board.writer.fwup_begin(len(NEW), META)
    board.writer.fwup_chunk(memoryview(NEW)[:12000])
    assert board.writer.poll() is False
    board.wait(round(5.9 * 86_400))
    board.writer.fwup_abort()
    board.wait(60)
    assert board.writer.poll() is True


def test_no_restart_is_asked_for_while_an_update_goes_on_or_nothing_was_erased(board):
    board.writer.fwup_begin(len(NEW), META)
    board.writer.fwup_chunk(memoryview(NEW)[:300])
    board.writer.fwup_abort()
    board.wait(100)
    assert board.writer.poll() is False
    begin(board)
    board.wait(59)
    board.writer.fwup_begin(len(NEW), META)
    board.writer.fwup_chunk(memoryview(NEW)[:12000])
    board.wait(100)
    assert board.writer.poll() is False


def test_a_second_writer_in_the_same_run_knows_what_is_open(board):
    begin(board)
    writer = board.make()
    assert writer.fwup_check(meta_of("10.3.0", 3), False).kind == "reschedule"


def test_a_reload_is_enough_after_an_update_that_was_broken_off(board):
    begin(board)
    writer = board.reload()
    install(writer, image("10.3.0"), meta_of("10.3.0", 3))


def test_a_flash_that_fails_half_way_wants_a_restart(board):
    board.writer.fwup_begin(len(NEW), META)
    board.writer.fwup_chunk(memoryview(NEW)[:8000])
    board.dualbank.fails = 1
    with pytest.raises(UpdateError, match="can't be written: RuntimeError: Update failed. The boa"):
        board.writer.fwup_chunk(memoryview(NEW)[8000:])
    board.writer.fwup_abort()
    assert board.writer.poll() is True
    assert board.writer.fwup_check(META, True).kind == "reschedule"


# The erase


def test_the_erase_is_announced_and_the_watchdog_waits_for_it():
    board = Board(OLD)
    board.arm(20)
    writer = board.start()
    writer.fwup_confirm()
    seen = []
    board.dualbank.erasing = lambda: seen.append(list(board.heard))
    assert writer.blocks_next == 0
    writer.fwup_begin(len(NEW), META)
    assert writer.blocks_next == 90
    writer.fwup_chunk(memoryview(NEW)[:4096])
    assert seen == [["feed", 90]]
    assert board.heard == ["feed", 90, "feed", 20]
    assert board.watchdog.timeout == 20
    assert writer.blocks_next == 0
    writer.fwup_abort()
    assert writer.blocks_next == 0


@pytest.mark.parametrize("seconds", [20, 90, 120])
def test_an_update_succeeds_whatever_the_watchdog_of_the_application(seconds):
    board = Board(OLD)
    board.arm(seconds)
    board.start().fwup_confirm()
    install(board.writer, NEW, META)
    assert board.dualbank.calls[-1] == "switch"
    assert (board.watchdog.timeout, board.watchdog.mode) == (seconds, WATCHDOG_MODES.RESET)


def test_a_watchdog_that_takes_no_other_timeout_fails_no_update(monkeypatch):
    board = Board(OLD)
    board.arm(20)
    board.start().fwup_confirm()
    dog = type(board.watchdog)
    monkeypatch.setattr(dog, "timeout", property(lambda dog: 20))  # setting it raises
    install(board.writer, NEW, META)
    assert board.dualbank.calls[-1] == "switch"


def test_a_watchdog_that_is_off_stays_off(board):
    install(board.writer, NEW, META)
    assert board.heard == []
    assert board.watchdog.mode is None


# At construction


def test_a_board_without_dualbank_is_told_why():
    with pytest.raises(ValueError, match="no module dualbank. Boards with 4 MB flash have one"):
        DualBankWriter()


def test_extended_storage_is_found_without_writing_and_the_text_says_how_to_change_it():
    board = Board(OLD)
    board.dualbank.extended = True
    with pytest.raises(ValueError) as caught:
        board.start()
    assert "storage.erase_filesystem(extended=False)" in str(caught.value)
    assert "ERASES the whole CIRCUITPY" in str(caught.value)
    assert board.dualbank.calls == []
    assert (board.nvm.reads, board.nvm.writes) == (0, 0)


@pytest.mark.parametrize(
    "option, value, reason",
    [
        ("trial_starts", 0, "trial_starts must be a whole number from 1 to 10"),
        ("trial_starts", True, "trial_starts must be a whole number"),
        ("trial_timeout", 59, "trial_timeout must be a whole number from 60 to 86400"),
        ("trial_timeout", 90.0, "trial_timeout must be a whole number"),
        ("bank_size", 100, "bank_size must be a whole number"),
    ],
)
def test_a_wrong_option_is_named(option, value, reason):
    with pytest.raises(ValueError, match=reason):
        Board(OLD).start(**{option: value})


def test_too_little_nvm_is_told():
    board = Board(OLD)
    board.nvm.data = bytearray(256)
    with pytest.raises(ValueError, match="microcontroller.nvm must have 1536 bytes"):
        board.start()


# Whose update it is


def test_images_and_archives_of_images_are_accepted():
    writer = Board(OLD).start()
    conf = 'meta-platform=x\nfile-resource "%s" {\nlength=1\n}\n'
    assert writer.fwup_accepts(NEW[:4], None)
    assert writer.fwup_accepts(memoryview(b"UF2\n"), None)
    assert not writer.fwup_accepts(b"PK\x03\x04", None)
    assert writer.fwup_accepts(b"PK\x03\x04", conf % "firmware.bin")
    assert not writer.fwup_accepts(b"PK\x03\x04", conf % "code.py")
    assert not writer.fwup_accepts(b"PK\x03\x04", conf % "code.py" + conf % "firmware.bin")
    assert not writer.fwup_accepts(b"PK\x03\x04", "meta-platform=x\n")


def test_an_idle_poll_does_nothing_to_the_nvm(board):
    before = board.nvm.reads, board.nvm.writes
    for _ in range(100):
        board.writer.poll()
    assert (board.nvm.reads, board.nvm.writes) == before
