# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Archives: decided about, fetched whole, handed over once, and never beside an update."""

import json
import os
import types

import pytest
from support.desk import META, Desk, RecordingClient, RecordingWriter, update
from support.signing import Signer, signed_archive

from nerveshub_link import (
    APPLY,
    DOWNLOAD,
    IGNORE,
    TransportError,
    ignore,
    reschedule,
)

UUID = "19f0bd7b-932a-5f8c-b810-25ab44c051ab"
OTHER = "29f0bd7b-932a-5f8c-b810-25ab44c051ab"
DATA = bytes(range(256)) * 40
URL = "http://files.example/uploads/archives/%s.fw?signature=hidden"


def archive(data=DATA, uuid=UUID, **tweaks):
    payload = {
        "uuid": uuid,
        "size": len(data),
        "version": "1.0.0",
        "description": None,
        "platform": "generic",
        "architecture": "generic",
        "uploaded_at": "2026-11-23T18:26:05",
        "url": URL % uuid,
    }
    payload.update(tweaks)
    return payload


class Taker(RecordingClient):
    """Takes every archive, unless ``decision`` says else."""

    def __init__(self, decision=DOWNLOAD, *raising):
        super().__init__(*raising)
        self.archive_decision = decision

    def archive_available(self, info):
        self.note("archive_available", info)
        return self.archive_decision

    def archive_ready(self, path, verified):
        with open(path, "rb") as file:
            self.note("archive_ready", path, verified, file.read())


@pytest.fixture
def folder(tmp_path):
    return tmp_path


def link(folder, client=None, **options):
    """A link that is joined."""
    client = client or Taker()
    desk = Desk(client=client, archive_folder=str(folder), heartbeat_interval=150, **options)
    desk.hub = desk.joined()
    return desk


def announce(desk, **tweaks):
    """The server announces an archive; return the connection of the download."""
    count = len(desk.network.peers)
    desk.hub.say(None, None, "device", "archive", archive(**tweaks))
    desk.until(lambda: len(desk.network.peers) > count and desk.peer.asked, 1)
    return desk.peer


def wait_and_answer_heartbeats(desk, seconds):
    for _ in range(seconds // 8):
        desk.wait(8)
        for frame in desk.hub.heard():
            if frame[2] == "phoenix":
                desk.hub.reply(frame[1], "phoenix")


def ready(desk):
    return [call[1:] for call in desk.client.named("archive_ready")]


def test_archive_is_fetched_and_handed_over_unverified(folder):
    desk = link(folder)
    files = announce(desk)
    assert files.target == "/uploads/archives/" + UUID + ".fw?signature=hidden"
    files.answer(200, body=DATA)
    desk.wait(1)
    path = str(folder / (UUID + ".fw"))
    assert ready(desk) == [(path, False, DATA)]
    assert sorted(os.listdir(folder)) == [UUID + ".fw", "archives.json"]
    assert files.closed
    assert ("handle_blocking", "archive", 10) in desk.client.heard
    assert desk.hub.events() == [("report_network_interface", {"interface": "wlan0"})]


def test_client_is_asked_with_all_but_the_url(folder):
    desk = link(folder)
    announce(desk)
    info = archive()
    del info["url"]
    assert desk.client.named("archive_available") == [("archive_available", info)]


def test_archive_comes_a_piece_at_a_time_while_the_link_goes_on(folder):
    data = bytes(300_000)
    desk = link(folder)
    files = announce(desk, data=data)
    files.answer(200, body=data)
    desk.wait(0.2)
    assert (folder / (UUID + ".part")).exists()
    assert ready(desk) == []
    desk.hub.say(None, None, "device", "identify", {})
    desk.wait(0.1)
    assert desk.client.named("identify") == [("identify",)]
    desk.wait(5)
    assert len(ready(desk)) == 1


@pytest.mark.parametrize("decision", [IGNORE, ignore("no room")])
def test_archive_that_is_ignored_is_asked_about_again_at_the_next_join(folder, decision):
    desk = link(folder, Taker(decision))
    for _ in range(2):
        desk.hub.say(None, None, "device", "archive", archive())
        desk.wait(1)
    assert len(desk.client.named("archive_available")) == 2
    assert len(desk.network.attempts) == 1
    assert os.listdir(folder) == []


def test_default_client_ignores_archives(folder):
    client = RecordingClient()
    desk = link(folder, client)
    desk.hub.say(None, None, "device", "archive", archive())
    desk.wait(1)
    assert len(desk.network.attempts) == 1


def test_apply_means_download(folder):
    desk = link(folder, Taker(APPLY))
    announce(desk)


def test_archive_that_is_put_off_is_asked_about_after_the_delay(folder):
    desk = link(folder, Taker(reschedule(60_000)))
    desk.hub.say(None, None, "device", "archive", archive())
    desk.wait(59)
    assert len(desk.client.named("archive_available")) == 1
    desk.client.archive_decision = DOWNLOAD
    desk.until(lambda: len(desk.network.peers) == 2 and desk.peer.asked, 2)
    desk.peer.answer(200, body=DATA)
    desk.wait(1)
    assert len(ready(desk)) == 1


def test_client_that_raises_gets_no_archive_and_does_no_harm(folder):
    desk = link(folder, Taker(DOWNLOAD, "archive_available"))
    desk.hub.say(None, None, "device", "archive", archive())
    desk.wait(1)
    assert "archive_available: RuntimeError" in desk.link.last_error
    assert len(desk.network.attempts) == 1
    assert desk.link.connected


def test_archive_that_was_taken_is_not_fetched_again_not_even_after_a_restart(folder):
    desk = link(folder)
    announce(desk).answer(200, body=DATA)
    desk.wait(1)
    desk.hub.say(None, None, "device", "archive", archive())
    desk.wait(1)
    os.remove(folder / (UUID + ".fw"))  # the application has used it up
    again = link(folder)
    again.hub.say(None, None, "device", "archive", archive())
    again.wait(1)
    assert len(desk.network.attempts) == 2
    assert len(again.network.attempts) == 1
    assert again.client.named("archive_available") == []


def test_application_that_fails_gets_the_same_file_again_at_the_next_join(folder):
    desk = link(folder, Taker(DOWNLOAD, "archive_ready"))
    announce(desk).answer(200, body=DATA)
    desk.wait(1)
    assert "archive_ready: RuntimeError" in desk.link.last_error
    desk.client.raising.clear()
    desk.hub.say(None, None, "device", "archive", archive())
    desk.wait(1)
    assert len(ready(desk)) == 2
    assert len(desk.network.attempts) == 2


def test_list_of_taken_archives_that_is_broken_is_no_list(folder):
    (folder / "archives.json").write_bytes(b'["' + UUID.encode())
    desk = link(folder)
    announce(desk).answer(200, body=DATA)
    desk.wait(1)
    assert json.loads((folder / "archives.json").read_text()) == [UUID]


def test_list_of_taken_archives_stays_short(folder):
    (folder / "archives.json").write_text(json.dumps([str(number) for number in range(16)]))
    desk = link(folder)
    announce(desk).answer(200, body=DATA)
    desk.wait(1)
    known = json.loads((folder / "archives.json").read_text())
    assert known == [str(number) for number in range(1, 16)] + [UUID]


# What goes wrong


def cut_off(files, data=DATA, count=4000):
    """The server sends so many bytes of head and body; return the rest."""
    files.answer(200, body=data)
    (packet,) = files.incoming
    files.incoming[:] = [packet[:count]]
    return packet[count:]


def test_download_that_broke_off_begins_at_zero_since_nobody_would_notice_halves_of_two(folder):
    desk = link(folder)
    files = announce(desk)
    cut_off(files, bytes(len(DATA)))
    files.end()
    desk.until(lambda: desk.peer is not files and desk.peer.asked, 35)
    assert "range" not in desk.peer.headers
    desk.peer.answer(200, body=DATA)
    desk.wait(1)
    assert [data for _, _, data in ready(desk)] == [DATA]
    assert sorted(os.listdir(folder)) == [UUID + ".fw", "archives.json"]


def test_download_begins_at_zero_after_a_restart_of_the_device(folder):
    (folder / (UUID + ".part")).write_bytes(DATA[:5000])
    desk = link(folder)
    assert os.listdir(folder) == []
    files = announce(desk)
    assert "range" not in files.headers
    files.answer(200, body=DATA)
    desk.wait(1)
    assert [data for _, _, data in ready(desk)] == [DATA]


def test_what_was_left_of_downloads_is_deleted_at_the_start_and_nothing_else(folder):
    for name in (UUID + ".part", OTHER + ".part", OTHER + ".fw", "my.part", "archives.json"):
        (folder / name).write_bytes(b"[]")
    link(folder)
    assert sorted(os.listdir(folder)) == [OTHER + ".fw", "archives.json", "my.part"]


def test_archives_that_replace_one_another_leave_nothing_behind(folder):
    desk = link(folder)
    for number in range(3):
        files = announce(desk, data=bytes(300_000), uuid="%d" % number + UUID[1:])
        cut_off(files, bytes(300_000), 100_000)
        desk.wait(1)
    assert [name[0] for name in os.listdir(folder)] == ["2"]


def test_an_archive_that_breaks_off_again_and_again_is_given_up_and_leaves_nothing(folder):
    desk = link(folder)
    files = announce(desk)
    for _ in range(10):
        cut_off(desk.peer)
        desk.peer.end()
        wait_and_answer_heartbeats(desk, 32)
    assert len(desk.network.attempts) == 11
    assert files.closed
    assert os.listdir(folder) == []
    assert "archive: " in desk.link.last_error
    announce(desk).answer(200, body=DATA)  # the next join
    desk.wait(1)
    assert [data for _, _, data in ready(desk)] == [DATA]


def test_url_that_has_expired_waits_for_the_next_join(folder):
    desk = link(folder)
    files = announce(desk)
    files.answer(200, body=DATA)
    (packet,) = files.incoming
    files.incoming[:] = [packet[:4000]]
    files.end()
    desk.until(lambda: desk.peer is not files and desk.peer.asked, 35)
    desk.peer.answer(403)
    desk.wait(100)
    assert len(desk.network.attempts) == 3
    assert "HTTP 403" in desk.link.last_error and "hidden" not in desk.log.text
    assert os.listdir(folder) == []
    announce(desk).answer(200, body=DATA)
    desk.wait(1)
    assert len(ready(desk)) == 1


def test_server_that_never_has_it_is_given_up_in_the_end(folder):
    desk = link(folder)
    announce(desk)
    for _ in range(10):
        desk.peer.answer(500)
        wait_and_answer_heartbeats(desk, 32)
    assert len(desk.network.attempts) == 11
    assert "archive: HTTP 500" in desk.link.last_error
    wait_and_answer_heartbeats(desk, 96)
    assert len(desk.network.attempts) == 11
    assert desk.link.connected


@pytest.mark.parametrize(
    "tweaks",
    [
        {"uuid": None},
        {"uuid": "../../code.py"},
        {"uuid": "x" * 36},
        {"uuid": 5},
        {"size": 0},
        {"size": None},
        {"size": True},
        {"size": "5719"},
        {"url": None},
        {"url": "ftp://files.example/x"},
    ],
    ids=repr,
)
def test_announcement_that_makes_no_sense_is_told_and_does_nothing(folder, tweaks):
    desk = link(folder)
    desk.hub.say(None, None, "device", "archive", dict(archive(), **tweaks))
    desk.wait(1)
    assert desk.link.last_error.startswith("archive: ")
    assert os.listdir(folder) == []
    assert len(desk.network.attempts) == 1
    assert desk.link.connected


def test_archive_without_room_on_the_drive_is_not_begun(folder, monkeypatch):
    monkeypatch.setattr(os, "statvfs", lambda path: (512, 512, 4000, 30, 30, 0, 0, 0, 0, 255))
    desk = link(folder)
    desk.hub.say(None, None, "device", "archive", archive())
    desk.wait(1)
    assert desk.link.last_error == "archive: it needs 10240 bytes on the drive, 15360 are free"
    assert len(desk.network.attempts) == 1


def test_folder_that_is_missing_is_told(folder):
    desk = link(folder / "nosuch")
    desk.hub.say(None, None, "device", "archive", archive())
    desk.wait(1)
    assert "does archive_folder exist?" in desk.link.last_error
    assert desk.link.connected


def test_drive_that_is_full_after_all_is_told(folder, monkeypatch):
    desk = link(folder)
    files = announce(desk)
    full = types.SimpleNamespace(write=lambda data: 0, close=lambda: None)
    monkeypatch.setattr("builtins.open", lambda *args: full)
    files.answer(200, body=DATA)
    desk.wait(1)
    assert "archive: OSError: 28" in desk.link.last_error
    assert files.closed
    assert desk.link.connected


def test_link_without_a_folder_ignores_archives():
    desk = Desk(client=Taker())
    desk.joined().say(None, None, "device", "archive", archive())
    desk.wait(1)
    assert desk.client.named("archive_available") == []
    assert len(desk.network.attempts) == 1


# Beside other things


def test_newer_archive_takes_the_place_of_the_one_under_way(folder):
    desk = link(folder)
    first = announce(desk)
    second = announce(desk, uuid=OTHER, data=b"newer")
    assert first.closed
    second.answer(200, body=b"newer")
    desk.wait(1)
    assert [os.path.basename(path) for path, _, _ in ready(desk)] == [OTHER + ".fw"]


def test_same_archive_announced_again_goes_on(folder):
    desk = link(folder)
    files = announce(desk)
    desk.hub.say(None, None, "device", "archive", archive())
    desk.wait(1)
    assert not files.closed
    files.answer(200, body=DATA)
    desk.wait(1)
    assert len(ready(desk)) == 1
    assert len(desk.client.named("archive_available")) == 1


def test_update_goes_first_and_the_archive_begins_anew_after_it(folder):
    image = bytes(20_000)
    desk = link(folder, fwup_writer=RecordingWriter("fwup_finish", meta=META))
    files = announce(desk)
    files.answer(200, body=DATA)
    (packet,) = files.incoming
    files.incoming[:] = [packet[:4000]]
    desk.wait(0.3)
    desk.hub.say(None, None, "device", "update", update(image))
    desk.until(lambda: desk.peer is not files and desk.peer.asked, 2)
    firmware = desk.peer
    assert files.closed
    desk.wait(2)
    assert desk.peer is firmware  # one at a time
    firmware.answer(200, body=image)
    desk.until(lambda: desk.peer is not firmware and desk.peer.asked, 3)
    assert desk.client.named("fwup_error")  # and what runs goes on running
    assert "range" not in desk.peer.headers
    desk.peer.answer(200, body=DATA)
    desk.wait(1)
    assert [data for _, _, data in ready(desk)] == [DATA]
    assert desk.network.most == 2


@pytest.mark.parametrize(
    "tweaks",
    [{"checksum": None}, {"checksum": "no"}, {"size": -1}, {"firmware_url": "ftp://files/x"}],
    ids=repr,
)
def test_an_update_that_is_refused_leaves_the_archive_under_way_alone(folder, tweaks):
    desk = link(folder, fwup_writer=RecordingWriter(meta=META))
    files = announce(desk)
    rest = cut_off(files)
    desk.wait(0.3)
    desk.hub.say(None, None, "device", "update", update(b"image", **tweaks))
    desk.wait(1)
    assert desk.client.named("fwup_error") and not files.closed
    files.put(rest)
    desk.wait(1)
    assert [data for _, _, data in ready(desk)] == [DATA]
    assert len(desk.network.attempts) == 2


def test_an_update_that_is_ignored_leaves_the_archive_under_way_alone(folder):
    desk = link(folder, fwup_writer=RecordingWriter(meta=META))
    desk.client.decision = ignore("not now")
    files = announce(desk)
    cut_off(files)
    desk.wait(0.3)
    desk.hub.say(None, None, "device", "update", update(b"image"))
    desk.wait(1)
    assert not files.closed


def test_archive_announced_during_an_update_waits(folder):
    image = bytes(20_000)
    desk = link(folder, fwup_writer=RecordingWriter("fwup_finish", meta=META))
    desk.hub.say(None, None, "device", "update", update(image))
    desk.until(lambda: desk.peer is not desk.hub and desk.peer.asked, 2)
    firmware = desk.peer
    desk.hub.say(None, None, "device", "archive", archive())
    desk.wait(2)
    assert desk.peer is firmware
    firmware.answer(200, body=image)
    desk.until(lambda: desk.peer is not firmware and desk.peer.asked, 3)
    desk.peer.answer(200, body=DATA)
    desk.wait(1)
    assert len(ready(desk)) == 1


def test_where_two_connections_have_no_room_the_link_hangs_up_and_comes_back(folder):
    desk = link(folder)
    desk.network.refusals += [TransportError("no memory", no_memory=True)]
    desk.hub.say(None, None, "device", "archive", archive())
    desk.until(lambda: desk.peer is not desk.hub and desk.peer.asked, 2)
    files = desk.peer
    assert desk.hub.closed
    assert "/uploads/" in files.target
    desk.wait(5)
    assert desk.peer is files  # the link stays away meanwhile
    files.answer(200, body=DATA)
    desk.wait(0.5)
    assert len(ready(desk)) == 1
    desk.join()
    assert desk.link.connected


def test_deinit_closes_the_connection_and_leaves_no_half_file(folder):
    desk = link(folder)
    files = announce(desk)
    files.answer(200, body=DATA)
    (packet,) = files.incoming
    files.incoming[:] = [packet[:4000]]
    desk.wait(0.3)
    desk.link.deinit()
    assert files.closed
    assert os.listdir(folder) == []


def test_deinit_within_the_callback_is_final(folder):
    client = Taker()
    desk = link(folder, client)
    client.doing["handle_blocking"] = desk.link.deinit
    desk.hub.say(None, None, "device", "archive", archive())
    desk.wait(5)
    assert desk.link.state == "closed"
    assert desk.network.open_connections == 0
    assert "fault" not in desk.log.text


# On a device with public keys

SIGNER = Signer()
SIGNED = signed_archive(META, {"a.txt": b"hello" * 500, "b.txt": b"world"}, SIGNER)


@pytest.fixture(name="keys")
def keys_in_settings(monkeypatch):
    monkeypatch.setenv("NERVESHUB_PUBLIC_KEYS", SIGNER.text)


def fetched(desk, data):
    announce(desk, data=data).answer(200, body=data)
    desk.wait(5)


def test_an_archive_with_a_right_signature_is_handed_over_as_verified(folder, keys):
    desk = link(folder)
    fetched(desk, SIGNED)
    assert ready(desk) == [(str(folder / (UUID + ".fw")), True, SIGNED)]
    assert json.loads((folder / "archives.json").read_text()) == [UUID]


def test_one_with_a_wrong_signature_is_handed_over_as_unverified_and_the_log_says_why(folder, keys):
    wrong = signed_archive(META, {"a.txt": b"hello"}, Signer(3))
    desk = link(folder)
    fetched(desk, wrong)
    assert ready(desk) == [(str(folder / (UUID + ".fw")), False, wrong)]
    words = "the archive is not verified: the signature is not by the key that this device was"
    assert any(words in text for _, text in desk.log.lines)


def test_the_keys_of_the_writer_count_before_those_of_settings_toml(folder, keys):
    writer = RecordingWriter()
    writer.public_keys = (Signer(3).public,)
    desk = link(folder, fwup_writer=writer)
    fetched(desk, SIGNED)
    assert ready(desk)[0][1] is False


def test_the_link_goes_on_while_an_archive_is_verified(folder, keys):
    desk = link(folder)
    announce(desk, data=SIGNED).answer(200, body=SIGNED)
    desk.until((folder / (UUID + ".fw")).exists, 5)
    assert ready(desk) == []
    desk.hub.say(None, None, "device", "identify", {})
    desk.until(lambda: desk.client.named("identify"), 1)
    desk.until(lambda: ready(desk), 5)
    assert ready(desk)[0][1] is True


def test_one_that_the_application_did_not_take_is_verified_again_at_the_next_join(folder, keys):
    (folder / (UUID + ".fw")).write_bytes(SIGNED)
    desk = link(folder)
    desk.hub.say(None, None, "device", "archive", archive(SIGNED))
    desk.wait(5)
    assert ready(desk) == [(str(folder / (UUID + ".fw")), True, SIGNED)]
    assert len(desk.network.attempts) == 1


def test_an_update_gets_the_memory_of_a_verification_which_begins_again_after_it(folder, keys):
    desk = link(folder, fwup_writer=RecordingWriter())
    files = announce(desk, data=SIGNED)
    files.answer(200, body=SIGNED)
    archives = desk.link._archives
    desk.until(lambda: archives._check is not None, 5)
    check = archives._check
    desk.hub.say(None, None, "device", "update", update(b"image"))
    desk.until(lambda: desk.link._updates.active, 1)
    desk.wait(0.1)
    assert archives._check is None and check._file.closed
    desk.until(lambda: desk.peer is not files and desk.peer.asked, 5)
    assert ready(desk) == []
    desk.peer.answer(404, body=b"")
    desk.until(lambda: ready(desk), 5)
    assert ready(desk)[0][1] is True


def test_a_file_that_can_not_be_closed_does_not_keep_the_link_from_closing(folder, keys):
    desk = link(folder)
    announce(desk, data=SIGNED).answer(200, body=SIGNED)
    desk.until(lambda: desk.link._archives._check is not None, 5)

    def fails():
        raise OSError(5)

    desk.link._archives._check.close = fails
    desk.link.deinit()
    assert desk.link.state == "closed" and "OSError: 5" in desk.log.text


def test_a_close_while_an_archive_is_verified_leaves_it_for_the_next_start(folder, keys):
    desk = link(folder)
    announce(desk, data=SIGNED).answer(200, body=SIGNED)
    desk.until((folder / (UUID + ".fw")).exists, 5)
    desk.link.deinit()
    assert ready(desk) == []
    assert (folder / (UUID + ".fw")).read_bytes() == SIGNED


def test_a_wrong_key_in_settings_toml_raises_when_the_link_is_made(folder, monkeypatch):
    monkeypatch.setenv("NERVESHUB_PUBLIC_KEYS", "nonsense")
    with pytest.raises(ValueError, match="^NERVESHUB_PUBLIC_KEYS: each key must be"):
        link(folder)
