# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Files over the console of a link on the desk, both ways, with real files."""

import base64
import errno
import json
import os
import types

import pytest
from support.desk import Desk
from support.terminal import Operator

from nerveshub_link import Console
from nerveshub_link.console.file_names import safe_name

DATA = bytes(range(256)) * 10


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "uploads"


@pytest.fixture
def somebody(folder):
    return made(folder)


def made(folder, **options):
    return Operator(Desk(console=Console(upload_folder=folder and str(folder), **options)))


def chunks(data, size=1024):
    return [base64.b64encode(data[at : at + size]).decode() for at in range(0, len(data), size)]


def start(somebody, name="data.bin"):
    somebody.push("file-data/start", {"filename": name, "uploaded_by": 1}, 0)


def send(somebody, data, name="data.bin"):
    for text in chunks(data):
        # The browser begins to count anew at each of its reads.
        somebody.push("file-data", {"filename": name, "chunk": 0, "data": text}, 0)


def stop(somebody, name="data.bin"):
    somebody.push("file-data/stop", {"filename": name, "uploaded_by": 1})
    return somebody.read()


def upload(somebody, data, name="data.bin"):
    start(somebody, name)
    send(somebody, data, name)
    return stop(somebody, name)


def left(folder):
    return sorted(os.listdir(folder)) if folder.exists() else []


# To the board


def test_a_file_is_put_together_in_the_order_of_arrival(somebody, folder):
    assert upload(somebody, DATA) == "\r\n[%s/data.bin: 2560 bytes received]\r\n" % folder
    assert (folder / "data.bin").read_bytes() == DATA
    assert left(folder) == ["data.bin"]


def test_an_upload_alone_opens_no_prompt(somebody):
    upload(somebody, DATA)
    somebody.desk.wait(1)
    assert somebody.read() == ""


def test_the_line_that_is_being_typed_comes_back_below_the_notice(somebody, folder):
    somebody.type("1 +")
    assert upload(somebody, b"") == "\r\n[%s/data.bin: 0 bytes received]\r\n>>> 1 +" % folder
    assert somebody.type(" 1\r") == " 1\r\n2\r\n>>> "


def test_a_file_of_the_same_name_is_replaced_when_the_new_one_is_whole(somebody, folder):
    upload(somebody, b"old")
    start(somebody)
    send(somebody, b"new")
    somebody.desk.wait(0.1)
    assert (folder / "data.bin").read_bytes() == b"old"
    stop(somebody)
    assert (folder / "data.bin").read_bytes() == b"new"


@pytest.mark.parametrize(
    "name, safe",
    [
        ("boot.py", "boot.py"),
        ("../../boot.py", "boot.py"),
        ("/etc/passwd", "passwd"),
        ("C:\\temp\\a b.txt", "a b.txt"),
        ("..", "upload"),
        ("", "upload"),
        ("a/", "upload"),
        (".hidden", "hidden"),
        ("a:b*c?.txt", "a_b_c_.txt"),
        ("tab\there\x00.py\x1b[2J", "tab_here_.py_[2J"),
        ("übung.py", "übung.py"),
        ("数据.csv", "数据.csv"),
        ("\U0001f600.txt", "\U0001f600.txt"),
        ("a\u202egnp.exe\ufeff\x85\ud800", "a_gnp.exe___"),
        ("x" * 100 + ".py", "x" * 61 + ".py"),
    ],
)
def test_a_name_leads_nowhere_else(name, safe):
    assert safe_name(name) == safe


def test_a_file_that_takes_the_place_of_another_says_so(somebody, folder):
    upload(somebody, b"old")
    words = "\r\n[%s/data.bin: 3 bytes received, replacing the old file]\r\n"
    assert upload(somebody, b"new") == words % folder
    assert left(folder) == ["data.bin"]


def test_files_whose_names_are_not_ascii_do_not_replace_one_another(somebody, folder):
    names = ["数据.csv", "测试.csv", "größe.csv", "grüße.csv"]
    for name in names:
        assert "received]" in upload(somebody, name.encode(), name)
    assert {name: (folder / name).read_text() for name in names} == {name: name for name in names}


def test_files_whose_names_become_the_same_do_not_replace_one_another(somebody, folder):
    upload(somebody, b"one", "a:b.csv")
    text = upload(somebody, b"two", "a?b.csv")
    assert "a_b-2.csv: 3 bytes received, since another file has the name a_b.csv]" in text
    upload(somebody, b"three", "a*b.csv")
    upload(somebody, b"four", "x" * 70 + "-long")
    upload(somebody, b"five", "y" * 70 + "x" * 59 + "-long")
    assert {path.name[-12:]: path.read_bytes() for path in folder.iterdir()} == {
        "a_b.csv": b"one",
        "a_b-2.csv": b"two",
        "a_b-3.csv": b"three",
        "xxxxxxx-long": b"four",
        "xxxxx-long-2": b"five",
    }


def test_a_file_that_fat_takes_for_another_one_does_not_replace_it(somebody, folder, monkeypatch):
    upload(somebody, b"small", "data.csv")
    monkeypatch.setattr("nerveshub_link.console.file_names.os", Fat(folder))
    assert "DATA-2.CSV: 5 bytes received" in upload(somebody, b"large", "DATA.CSV")
    assert (folder / "data.csv").read_bytes() == b"small"


class Fat:
    """``os`` of a drive that finds names in any case."""

    def __init__(self, folder):
        self._folder = folder

    def __getattr__(self, name):
        return getattr(os, name)

    def stat(self, path):
        names = {name.lower(): name for name in os.listdir(self._folder)}
        head, _, name = path.rpartition("/")
        return os.stat(head + "/" + names.get(name.lower(), name))


def test_a_file_of_the_operator_with_the_ending_part_stays(somebody, folder):
    upload(somebody, b"mine", "data.bin.part")
    upload(somebody, DATA)
    assert (folder / "data.bin.part").read_bytes() == b"mine"


def test_a_file_lands_in_the_folder_whatever_its_name(somebody, folder):
    assert "received]" in upload(somebody, b"x", "../../../evil.py")
    assert left(folder) == ["evil.py"]


@pytest.mark.parametrize("data", ["%%%=", "QQ", 5, None, ["QUJD"]])
def test_what_is_no_base64_drops_the_file(somebody, folder, data):
    start(somebody)
    send(somebody, b"good")
    somebody.push("file-data", {"filename": "data.bin", "chunk": 0, "data": data}, 0)
    text = stop(somebody)
    if data == "%%%=":  # junk is passed over, by the board's decoder, too
        return
    assert "data.bin was not received: " in text
    assert left(folder) == []


def test_data_without_a_start_is_ignored_and_told_once(somebody, folder):
    send(somebody, DATA)
    assert stop(somebody) == "\r\n[file data without a start is ignored]\r\n"
    assert left(folder) == []


def test_a_start_without_a_name_is_ignored(somebody, folder):
    start(somebody, None)
    send(somebody, b"x", None)
    assert stop(somebody, None) == "\r\n[a file without a name is ignored]\r\n"
    assert left(folder) == []


def test_a_second_start_drops_the_first_file(somebody, folder):
    start(somebody, "one")
    send(somebody, b"1", "one")
    text = upload(somebody, b"2", "two")
    assert "one was not received: another file began before it was complete]" in text
    assert "two: 1 bytes received]" in text
    assert left(folder) == ["two"]


def test_data_of_another_file_does_not_get_into_this_one(somebody, folder):
    start(somebody, "mine")
    send(somebody, b"theirs", "theirs")
    send(somebody, b"mine", "mine")
    stop(somebody, "mine")
    assert (folder / "mine").read_bytes() == b"mine"


def test_a_part_that_the_link_had_to_pass_over_drops_the_file(somebody, folder):
    start(somebody)
    send(somebody, b"one")
    text = base64.b64encode(bytes(20_000)).decode()  # more than max_message_size
    somebody.push("file-data", {"filename": "data.bin", "chunk": 1, "data": text}, 0)
    send(somebody, b"three")
    said = stop(somebody)
    assert " bytes was skipped; " in said
    assert "data.bin was not received: a part was skipped]" in said
    assert left(folder) == []


def test_a_file_too_long_is_dropped_as_soon_as_it_is(folder):
    somebody = made(folder, upload_limit=2000)
    text = upload(somebody, DATA)
    assert "was not received: ValueError: longer than the limit of 2000 bytes]" in text
    assert text.count("[") == 1
    assert left(folder) == []


def test_a_lost_connection_drops_what_came_and_says_so(somebody, folder):
    start(somebody)
    send(somebody, DATA)
    somebody.desk.wait(0.1)
    assert left(folder) == [".upload.part"]
    somebody.peer.end()
    somebody.desk.wait(0.1)
    assert left(folder) == []
    somebody.peer = somebody.desk.joined()
    somebody.accept()
    assert "data.bin was not received: the connection was lost]" in somebody.read()


def test_a_file_that_is_whole_is_not_told_to_be_lost_later(somebody, folder):
    assert upload(somebody, DATA) == "\r\n[%s/data.bin: 2560 bytes received]\r\n" % folder
    somebody.peer.end()
    somebody.desk.wait(0.1)
    somebody.peer = somebody.desk.joined()
    somebody.accept()
    assert somebody.read() == ""
    assert left(folder) == ["data.bin"]


def test_a_file_whose_rest_never_comes_is_dropped(somebody, folder):
    start(somebody)
    send(somebody, b"x")
    somebody.wait(59)
    assert left(folder) == [".upload.part"]
    somebody.wait(2)
    assert left(folder) == []
    assert "was not received: no data for 60 s]" in somebody.read()


def test_a_board_without_a_folder_takes_no_files():
    somebody = made(None)
    assert upload(somebody, DATA) == "\r\n[this board accepts no files: upload_folder is None]\r\n"


@pytest.mark.parametrize(
    "number, words",
    [
        (30, "the drive is read-only for code; boot.py has to call storage.remount('/', False)"),
        (28, "the drive is full"),
        (errno.EIO, "OSError: [Errno 5]"),
    ],
)
def test_a_drive_that_refuses_is_told_in_words(somebody, folder, monkeypatch, number, words):
    def refuse(*_):
        raise OSError(number, "refused")

    monkeypatch.setattr("builtins.open", refuse)
    text = upload(somebody, DATA)
    monkeypatch.undo()
    assert "data.bin was not received: " + words in text
    assert text.count("[") <= 2
    assert left(folder) == []


def test_room_stays_free_on_the_drive(somebody, folder, monkeypatch):
    monkeypatch.setattr(os, "statvfs", lambda path: (512, 512, 100, 34, 34, 0, 0, 0, 0, 255))
    text = upload(somebody, DATA)
    assert "longer than the limit of 1024 bytes" in text
    monkeypatch.setattr(os, "statvfs", lambda path: (512, 512, 100, 32, 32, 0, 0, 0, 0, 255))
    assert "data.bin was not received: the drive is full]" in upload(somebody, b"x")
    assert left(folder) == []


def test_a_folder_in_the_place_of_the_file_is_told(somebody, folder):
    (folder / "data.bin").mkdir(parents=True)
    assert "data.bin was not received: " in upload(somebody, b"x")
    assert left(folder) == ["data.bin"]


# From the board


def sent_files(somebody):
    return [(event, payload) for event, payload in somebody.sent if event != "up"]


def test_download_sends_a_file_in_chunks_as_the_browser_wants_them(somebody, tmp_path):
    (tmp_path / "log.txt").write_bytes(DATA)
    somebody.type("download(%r)\r" % str(tmp_path / "log.txt"), 1)
    name = {"filename": "log.txt"}
    wanted = [("file-data/start", name)]
    wanted += [
        ("file-data", dict(name, chunk=number, data=data))
        for number, data in enumerate(chunks(DATA))
    ]
    assert sent_files(somebody) == [*wanted, ("file-data/stop", name)]
    text = "".join(payload["data"] for event, payload in somebody.sent if event == "up")
    assert "[sending 2560 bytes; ctrl-c cancels]\r\n" in text
    assert "log.txt: download of 2560 bytes sent]\r\n>>> " in text


def test_an_empty_file_is_sent_too(somebody, tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    somebody.type("download(%r)\r" % str(tmp_path / "empty"), 1)
    assert [event for event, _ in sent_files(somebody)] == ["file-data/start", "file-data/stop"]


@pytest.mark.parametrize("path, words", [("/no/such", "ENOENT|No such file"), ("/", "directory")])
def test_what_can_t_be_sent_is_an_error_of_the_command(somebody, path, words):
    text = somebody.type("download(%r)\r" % path, 1)
    assert "Traceback" in text and any(word in text for word in words.split("|"))
    assert sent_files(somebody) == []


def test_a_file_too_long_is_not_sent(folder, tmp_path):
    somebody = made(folder, download_limit=100)
    (tmp_path / "long").write_bytes(DATA)
    text = somebody.type("download(%r)\r" % str(tmp_path / "long"), 1)
    assert "long has 2560 bytes, more than 100" in text


def test_one_download_at_a_time_and_ctrl_c_cancels_it(somebody, tmp_path):
    (tmp_path / "long").write_bytes(DATA * 100)
    line = "download(%r)\r" % str(tmp_path / "long")
    assert "another download is running" in somebody.type(line + line, 0.5)
    text = somebody.type("\x03", 0.5)
    assert "long: download cancelled]" in text
    count = len(sent_files(somebody))
    somebody.desk.wait(2)
    somebody.hear()
    assert len(sent_files(somebody)) == count
    assert "file-data/stop" not in [event for event, _ in sent_files(somebody)]


def test_a_lost_connection_cancels_a_download(somebody, tmp_path):
    (tmp_path / "long").write_bytes(DATA * 100)
    somebody.type("download(%r)\r" % str(tmp_path / "long"), 0.5)
    somebody.peer.end()
    somebody.desk.wait(0.1)
    somebody.peer = somebody.desk.joined()
    somebody.accept()
    assert "long: download cancelled]" in somebody.read()


@pytest.fixture
def scarce(monkeypatch):
    """So many bytes are the longest message for which there is memory."""
    limits, dumps = [], json.dumps

    def dumps_or_not(value):
        text = dumps(value)
        if limits and len(text) > limits[0]:
            raise MemoryError("memory allocation failed, allocating %d bytes" % len(text))
        return text

    with_limit = types.SimpleNamespace(loads=json.loads, dumps=dumps_or_not)
    monkeypatch.setattr("nerveshub_link.wire.phoenix.json", with_limit)
    return limits


def test_a_download_goes_on_in_smaller_pieces_where_memory_is_short(somebody, tmp_path, scarce):
    (tmp_path / "data.bin").write_bytes(DATA)
    scarce.append(600)
    somebody.type("download(%r)\r" % str(tmp_path / "data.bin"), 5)
    sent = [payload for event, payload in somebody.sent if event == "file-data"]
    assert b"".join(base64.b64decode(payload["data"]) for payload in sent) == DATA
    assert [payload["chunk"] for payload in sent] == list(range(len(sent)))
    assert "file-data/stop" in dict(somebody.sent)


def test_a_download_for_which_no_memory_comes_ends_after_a_minute(somebody, tmp_path, scarce):
    (tmp_path / "data.bin").write_bytes(DATA)
    scarce.append(200)
    somebody.type("download(%r)\r" % str(tmp_path / "data.bin"), 5)
    assert "download failed" not in somebody.read()
    somebody.wait(70)
    assert "file-data" not in dict(somebody.sent)
    scarce.clear()
    somebody.desk.wait(1)
    assert "download failed: MemoryError" in somebody.read()


def test_a_file_that_shrinks_or_grows_meanwhile_ends_all_the_same(somebody, tmp_path):
    path = tmp_path / "log"
    for change in (lambda: path.write_bytes(b""), lambda: path.write_bytes(DATA * 50)):
        path.write_bytes(DATA * 10)
        somebody.type("download(%r)\r" % str(path), 0.2)
        change()
        somebody.desk.wait(5)
        somebody.hear()
        assert sent_files(somebody)[-1][0] == "file-data/stop"
        data = [payload["data"] for event, payload in sent_files(somebody) if event == "file-data"]
        assert sum(len(base64.b64decode(text)) for text in data) <= len(DATA) * 10
        somebody.sent.clear()


def test_chunks_wait_while_the_network_is_congested(somebody, tmp_path):
    (tmp_path / "long").write_bytes(DATA * 20)
    link = somebody.desk.link
    socket = link._connection.socket
    somebody.type("\r")
    socket._transport.room = [0] * 200
    somebody.push("dn", {"data": "download(%r)\r" % str(tmp_path / "long")}, 3)
    assert len(socket._queue) <= 12
    socket._transport.room = []
    somebody.desk.wait(5)
    somebody.hear()
    data = [base64.b64decode(payload["data"]) for event, payload in sent_files(somebody)[1:-1]]
    assert b"".join(data) == DATA * 20
