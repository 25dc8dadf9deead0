# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""FileWriter on a real file system: a complete image is installed at every moment."""

import builtins
import errno
import json
import os
import types

import pytest

from nerveshub_link import FileWriter
from nerveshub_link.errors import UpdateError

FIRST = {
    "uuid": "1",
    "product": "demo",
    "architecture": "a",
    "version": "1.0.0",
    "platform": "p",
}
SECOND = dict(FIRST, uuid="2", version="2.0.0")
THIRD = dict(FIRST, uuid="3", version="3.0.0")


@pytest.fixture(name="path")
def image_path(tmp_path):
    return tmp_path / "image.bin"


def install(path, meta, *pieces, writer=None):
    writer = writer or FileWriter(str(path), FIRST)
    writer.fwup_begin(sum(len(piece) for piece in pieces), meta)
    for piece in pieces:
        writer.fwup_chunk(memoryview(piece))
    writer.fwup_finish()
    return writer


def names(path):
    return sorted(entry.name for entry in path.parent.iterdir())


class Full:
    """A file that takes ``room`` bytes. Then it takes a part, or raises like a full disk."""

    def __init__(self, path, room, raising, at_close):
        self._file = open(path, "wb")
        self._room = room
        self._raising = raising
        self._at_close = at_close

    def write(self, data):
        if self._at_close:
            return len(data)  # buffered; the disk is asked at close
        count = min(len(data), self._room)
        self._room -= count
        self._file.write(data[:count])
        if count < len(data) and self._raising:
            raise OSError(errno.ENOSPC, "No space left on device")
        return count

    def close(self):
        self._file.close()
        if self._at_close:
            raise OSError(errno.ENOSPC, "No space left on device")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def fill_disk(monkeypatch, ending, room=0, raising=True, at_close=False):
    """Let every file with this ending be opened on a disk that is full."""
    real = builtins.open

    def opened(path, mode="r", *args, **kwargs):
        if str(path).endswith(ending) and "w" in mode:
            monkeypatch.setattr(builtins, "open", real)  # Full itself opens
            file = Full(path, room, raising, at_close)
            monkeypatch.setattr(builtins, "open", opened)
            return file
        return real(path, mode, *args, **kwargs)

    monkeypatch.setattr(builtins, "open", opened)


def test_before_the_first_update_the_option_tells_what_runs(path):
    writer = FileWriter(str(path), FIRST)
    assert writer.firmware_meta() == FIRST
    assert writer.firmware_validated() is True
    assert writer.firmware_auto_reverted() is False
    assert FileWriter(str(path)).firmware_meta() is None
    assert names(path) == []


def test_image_arrives_piece_by_piece(path):
    install(path, SECOND, b"one", b"", b"two" * 1000)
    assert path.read_bytes() == b"one" + b"two" * 1000
    assert names(path) == ["image.bin", "image.bin.json"]


def test_chunk_may_be_reused_after_the_call(path):
    writer = FileWriter(str(path))
    writer.fwup_begin(6, SECOND)
    buffer = bytearray(b"abc")
    writer.fwup_chunk(memoryview(buffer))
    buffer[:] = b"xyz"
    writer.fwup_chunk(memoryview(buffer))
    writer.fwup_finish()
    assert path.read_bytes() == b"abcxyz"


def test_update_counts_from_the_next_start_on(path):
    writer = install(path, SECOND, b"new")
    assert writer.firmware_meta() == FIRST
    assert writer.firmware_validated() is True
    restarted = FileWriter(str(path), FIRST)
    assert restarted.firmware_meta() == SECOND
    assert restarted.firmware_validated() is False


def test_confirmation_persists(path):
    install(path, SECOND, b"new")
    running = FileWriter(str(path), FIRST)
    running.fwup_confirm()
    assert running.firmware_validated() is True
    restarted = FileWriter(str(path), FIRST)
    assert (restarted.firmware_meta(), restarted.firmware_validated()) == (SECOND, True)


def test_confirmation_without_any_update_writes_nothing(path):
    writer = FileWriter(str(path), FIRST)
    writer.fwup_confirm()
    assert writer.firmware_validated() is True
    assert names(path) == []


def test_confirmation_of_what_runs_leaves_the_update_that_waits_for_the_restart_alone(path):
    install(path, SECOND, b"2nd")
    running = FileWriter(str(path), FIRST)
    install(path, THIRD, b"3rd", writer=running)
    running.fwup_confirm()
    assert running.firmware_validated() is True
    restarted = FileWriter(str(path), FIRST)
    assert (restarted.firmware_meta(), restarted.firmware_validated()) == (THIRD, False)


def test_confirmation_that_fails_is_not_believed(path, monkeypatch):
    install(path, SECOND, b"new")
    running = FileWriter(str(path), FIRST)
    fill_disk(monkeypatch, ".json.part")
    with pytest.raises(OSError, match="No space"):
        running.fwup_confirm()
    assert running.firmware_validated() is False
    monkeypatch.undo()
    assert FileWriter(str(path), FIRST).firmware_meta() == SECOND


def test_installed_image_stays_whole_until_the_new_one_is(path):
    install(path, SECOND, b"the old one")
    writer = FileWriter(str(path), FIRST)
    writer.fwup_begin(8, THIRD)
    assert path.read_bytes() == b"the old one"
    writer.fwup_chunk(memoryview(b"half"))
    assert path.read_bytes() == b"the old one"
    assert FileWriter(str(path)).firmware_meta() == SECOND  # as after a power cut


def test_power_cut_during_a_download_leaves_nothing_that_matters(path):
    writer = FileWriter(str(path), FIRST)
    writer.fwup_begin(8, SECOND)
    writer.fwup_chunk(memoryview(b"half"))
    restarted = FileWriter(str(path), FIRST)
    assert restarted.firmware_meta() == FIRST
    install(path, SECOND, b"whole", writer=restarted)
    assert path.read_bytes() == b"whole"
    assert names(path) == ["image.bin", "image.bin.json"]


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_power_cut_during_finish_leaves_one_of_the_two_whole(path, monkeypatch, lost):
    install(path, SECOND, b"second")
    writer = FileWriter(str(path), FIRST)
    writer.fwup_begin(5, THIRD)
    writer.fwup_chunk(memoryview(b"third"))
    real, left = os.rename, [lost]

    def rename(*args):
        if not left[0]:
            raise KeyboardInterrupt  # nothing catches it on the way: the power is gone
        left[0] -= 1
        real(*args)

    monkeypatch.setattr(os, "rename", rename)
    if lost < 2:
        with pytest.raises(KeyboardInterrupt):
            writer.fwup_finish()
    else:
        writer.fwup_finish()
    monkeypatch.undo()
    meta = FileWriter(str(path), FIRST).firmware_meta()
    assert (path.read_bytes(), meta) == [
        (b"second", SECOND),
        # The record is the old image's, and names its length, so it is not believed: the server
        # will offer the update again.
        (b"third", FIRST),
        (b"third", THIRD),
    ][lost]


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b"ne"),
        lambda path: path.write_bytes(b"new and longer"),
    ],
)
def test_record_whose_image_is_missing_or_another_is_ignored(path, change):
    install(path, SECOND, b"new")
    change(path)
    assert FileWriter(str(path), FIRST).firmware_meta() == FIRST


@pytest.mark.parametrize("record", [b"", b"{", b"[]", b"null", b'{"meta": {}}', b"\xff\xfe", b"7"])
def test_record_that_is_invalid_is_ignored(path, record):
    install(path, SECOND, b"new")
    (path.parent / "image.bin.json").write_bytes(record)
    writer = FileWriter(str(path), FIRST)
    assert (writer.firmware_meta(), writer.firmware_validated()) == (FIRST, True)


def test_abort_removes_what_was_written(path):
    install(path, SECOND, b"the old one")
    writer = FileWriter(str(path), FIRST)
    writer.fwup_begin(8, THIRD)
    writer.fwup_chunk(memoryview(b"half"))
    writer.fwup_abort()
    assert names(path) == ["image.bin", "image.bin.json"]
    assert path.read_bytes() == b"the old one"
    writer.fwup_abort()  # a second one, and one without a beginning, do no harm
    assert FileWriter(str(path), FIRST).firmware_meta() == SECOND


def test_begin_forgets_an_attempt_that_nobody_ended(path):
    writer = FileWriter(str(path), FIRST)
    writer.fwup_begin(8, SECOND)
    writer.fwup_chunk(memoryview(b"half"))
    install(path, THIRD, b"whole", writer=writer)
    assert path.read_bytes() == b"whole"
    assert FileWriter(str(path)).firmware_meta() == THIRD


def test_full_disk_that_takes_a_part_is_an_error(path, monkeypatch):
    fill_disk(monkeypatch, ".part", room=5, raising=False)
    writer = FileWriter(str(path), FIRST)
    writer.fwup_begin(8, SECOND)
    writer.fwup_chunk(memoryview(b"1234"))
    with pytest.raises(UpdateError, match="no space left for .*image.bin.part"):
        writer.fwup_chunk(memoryview(b"5678"))
    writer.fwup_abort()
    assert names(path) == []


def test_full_disk_that_raises_is_an_error(path, monkeypatch):
    fill_disk(monkeypatch, ".part", room=5)
    writer = FileWriter(str(path), FIRST)
    writer.fwup_begin(8, SECOND)
    writer.fwup_chunk(memoryview(b"1234"))
    with pytest.raises(OSError, match="No space"):
        writer.fwup_chunk(memoryview(b"5678"))
    writer.fwup_abort()
    assert names(path) == []


def test_full_disk_that_shows_at_close_leaves_nothing_after_the_abort(path, monkeypatch):
    fill_disk(monkeypatch, ".bin.part", at_close=True)
    writer = FileWriter(str(path), FIRST)
    writer.fwup_begin(4, SECOND)
    writer.fwup_chunk(memoryview(b"1234"))
    with pytest.raises(OSError, match="No space"):
        writer.fwup_finish()
    writer.fwup_abort()
    assert names(path) == []


def test_full_disk_for_the_record_keeps_the_old_image(path, monkeypatch):
    # An update that is reported as failed must not be what starts next.
    install(path, SECOND, b"the old one")
    writer = FileWriter(str(path), FIRST)
    writer.fwup_begin(3, THIRD)
    writer.fwup_chunk(memoryview(b"new"))
    fill_disk(monkeypatch, ".json.part")
    with pytest.raises(OSError, match="No space"):
        writer.fwup_finish()
    writer.fwup_abort()
    monkeypatch.undo()
    assert path.read_bytes() == b"the old one"
    assert FileWriter(str(path), FIRST).firmware_meta() == SECOND
    assert not (path.parent / "image.bin.part").exists()


def test_folder_that_does_not_exist_fails_at_the_beginning(tmp_path):
    writer = FileWriter(str(tmp_path / "nowhere" / "image.bin"), FIRST)
    assert writer.firmware_meta() == FIRST
    with pytest.raises(OSError, match="nowhere"):
        writer.fwup_begin(1, SECOND)
    writer.fwup_abort()


def test_record_is_json_that_a_person_can_read(path):
    install(path, dict(SECOND, author=None), b"new")
    record = json.loads((path.parent / "image.bin.json").read_text())
    assert record == {"meta": dict(SECOND, author=None), "size": 3, "validated": False}


def test_a_board_refuses_it_since_nothing_there_would_run_the_file(path, monkeypatch):
    board = types.SimpleNamespace(name="circuitpython", version=(10, 2, 1))
    monkeypatch.setattr(
        "nerveshub_link.update.file_writer.sys", types.SimpleNamespace(implementation=board)
    )
    with pytest.raises(ValueError, match="nothing on a board runs it. Use AppSlotWriter"):
        FileWriter(str(path), FIRST)
    assert FileWriter(str(path), FIRST, on_board=True).firmware_meta() == FIRST
