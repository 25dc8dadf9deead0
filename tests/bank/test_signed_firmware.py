# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""CircuitPython itself on a device with public keys: only what one of them has signed."""

from unittest import mock

import pytest
from nerveshub_tools import packer
from nerveshub_tools.fw_file import section
from support.archives import Member, join
from support.banks import BOARD, Board, image, install, meta_of
from support.signing import Signer
from support.update_bench import Bench, head

from nerveshub_link import FwupWriter
from nerveshub_link.errors import UpdateError
from nerveshub_link.release.writer_choice import WriterChoice
from nerveshub_link.slots.record import StateError

OURS, FOREIGN = Signer(1), Signer(3)
OLD, NEW = image("10.1.0", 6000), image("10.2.0", 9000)


class Idle(FwupWriter):
    """Takes nothing."""

    def fwup_accepts(self, first, conf):
        return False


@pytest.fixture(autouse=True, scope="module")
def without_collections():
    # CPython's takes 50 ms in a whole test run, for each access to the NVM.
    with mock.patch("nerveshub_link.bank.nvm_copy.gc.collect"):
        yield


@pytest.fixture(name="board")
def fresh_board(monkeypatch):
    monkeypatch.delenv("NERVESHUB_PUBLIC_KEYS", raising=False)
    board = Board(OLD)
    board.start(public_keys=[OURS.text])
    board.writer.fwup_confirm()
    return board


def archive(data=NEW, signer=OURS, version="10.2.0", lowest=None, replace=("", "")):
    """``replace``: a text in meta.conf and what stands there instead."""
    meta = {"product": "greenhouse", "version": version, "platform": BOARD}
    more = {} if lowest is None else {"min-version": lowest}
    text = section("firmware.bin", data, more)
    conf = packer.meta_conf(dict(meta, architecture="xtensa"), text)
    conf = conf.replace(*[part.encode() for part in replace])
    signature = [] if signer is None else [Member("meta.conf.ed25519", signer.sign(conf))]
    return join(*signature, Member("meta.conf", conf), Member("data/firmware.bin", data))


def refused(board, data, version="10.2.0"):
    """Nothing was erased; returns why."""
    before = len(board.dualbank.calls)
    with pytest.raises(UpdateError) as caught:
        install(board.writer, data, meta_of(version))
    board.writer.fwup_abort()
    assert len(board.dualbank.calls) == before
    return str(caught.value)


def test_an_archive_signed_by_our_key_is_installed(board):
    install(board.writer, archive(), meta_of("10.2.0"))
    board.start(public_keys=[OURS.text])
    assert board.dualbank.running == 1


def test_an_image_by_itself_is_refused_with_the_fix(board):
    words = refused(board, NEW)
    assert "not signed" in words and "nerveshub-link pack --private-key" in words


def test_what_comes_behind_an_image_that_was_refused_is_refused_too(board):
    writer = board.writer
    writer.fwup_begin(len(NEW), meta_of("10.2.0"))
    for _ in range(2):
        with pytest.raises(UpdateError):
            writer.fwup_chunk(memoryview(NEW))
    assert not board.dualbank.calls


def test_an_archive_that_is_unsigned_or_signed_by_another_key_is_refused(board):
    assert refused(board, archive(signer=None)).startswith("not signed, but this device")
    assert refused(board, archive(signer=FOREIGN)).startswith("the signature is not by the key")


def test_a_signature_that_does_not_cover_the_image_is_refused(board):
    data = archive(replace=("sha256=", "sha255="))
    words = refused(board, data)
    assert words.startswith("meta.conf has no sha256 of firmware.bin, so the signature does not")


def test_an_image_of_another_release_is_never_switched_to(board):
    data = archive().replace(NEW, image("10.2.0", 9000, chip=9)[:-4] + b"abcd")
    with pytest.raises(UpdateError):
        install(board.writer, data, meta_of("10.2.0"))
    assert board.dualbank.boots == board.dualbank.running == 0


@pytest.mark.parametrize("wrap", [lambda writer: writer, lambda one: WriterChoice((Idle(), one))])
def test_the_erase_is_announced_just_before_it_and_not_before_the_signature_was_checked(
    board, wrap
):
    data = archive()
    packets = [data[at : at + 1000] for at in range(0, len(data), 1000)]
    bench = Bench(head(len(data)), *packets, writer=wrap(board.writer))
    order = []
    board.dualbank.erasing = lambda: order.append("erase")
    bench.client.doing["handle_blocking"] = lambda: order.append(bench.client.heard[-1][1:])
    bench.offer(data, firmware_meta=dict(meta_of("10.2.0"), platform=BOARD))
    while bench.manager.active:
        archive_ = board.writer._archive
        if archive_ is not None and archive_._signed is not None:
            order.append("check")
        action = bench.step()
        order += [action] if action is not None else []
    assert order.count("check") > 10
    assert order[-4:] == ["blocks", ("erase", 90), "erase", "reboot"]
    assert [what for what in order if what != "check"] == [("download", 7), *order[-4:]]
    assert bench.statuses[-1] == {"status": "completed"}


def test_without_keys_all_of_them_are_taken_as_before(board):
    for data in (archive(signer=FOREIGN), archive(signer=None), NEW):
        board = Board(OLD)
        writer = board.start()
        writer.fwup_confirm()
        install(writer, data, meta_of("10.2.0"))
        assert board.dualbank.boots == 1


def test_the_keys_of_settings_toml_count(monkeypatch):
    monkeypatch.setenv("NERVESHUB_PUBLIC_KEYS", OURS.text)
    board = Board(OLD)
    board.start()
    board.writer.fwup_confirm()
    assert refused(board, archive(signer=FOREIGN)).startswith("the signature is not by the key")


def test_a_min_version_counts_from_the_confirmation_on_and_only_rises(board):
    install(board.writer, archive(lowest="10.1.5"), meta_of("10.2.0"))
    writer = board.start(public_keys=[OURS.text])
    assert writer._trial.min_version is None
    writer.fwup_confirm()
    assert writer._trial.min_version == "10.1.5"

    older = archive(image("10.1.4", 8000), version="10.1.4")
    words = "version 10.1.4 is older than 10.1.5, the lowest that this device accepts"
    assert refused(board, older, "10.1.4") == words

    between = archive(image("10.1.9", 8000), version="10.1.9", lowest="10.0.0")
    install(board.writer, between, meta_of("10.1.9", 2))
    writer = board.start(public_keys=[OURS.text])
    writer.fwup_confirm()
    assert writer._trial.min_version == "10.1.5"


def test_the_min_version_of_firmware_that_went_back_does_not_count(board):
    install(board.writer, archive(lowest="10.2.0"), meta_of("10.2.0"))
    for _ in range(5):
        writer = board.start("c", public_keys=[OURS.text])
    assert board.dualbank.running == 0 and writer.firmware_auto_reverted()
    assert writer._trial.min_version is None


def test_what_fwup_begin_has_room_for_can_be_remembered_with_a_min_version(board):
    def meta(size):
        return dict(meta_of("10.2.0"), product="p" * size)

    size = 2000
    while size:
        try:
            board.writer.fwup_begin(1, meta(size))
            break
        except StateError:
            size -= 1
    board.writer.fwup_abort()
    assert size > 100
    data = archive(lowest="999999.99999999.99999999", version="999999.99999999.99999999")
    install(board.writer, data, meta(size))
    assert board.dualbank.boots == 1
