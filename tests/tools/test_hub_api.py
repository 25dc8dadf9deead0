# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""The operator's HTTP interface, call by call, to a device that speaks the console's side."""

import asyncio
import base64
import json
import threading
import urllib.error
import urllib.request

import hub_replay
import pytest
from nerveshub_tools import terminals as terminals_module
from nerveshub_tools.changes import until
from nerveshub_tools.hub import Hub, OperatorError
from nerveshub_tools.received_files import MAX_SIZE, FileReceiver
from nerveshub_tools.scrollback import Scrollback
from nerveshub_tools.server import HubThread
from support.console_device import ConsoleDevice

assert hub_replay  # it puts the tools of the working tree on the path
DEVICE = "/devices/dev%201"


@pytest.fixture(name="hub")
def served_hub():
    with HubThread() as hub:
        hub.add_firmware(b"image", {"uuid": "u-2", "version": "2.0.0"})
        yield hub


@pytest.fixture(name="board")
def connected_board(hub):
    with ConsoleDevice(hub.port, hub.product_key, hub.product_secret, "dev 1") as board:
        hub.wait(lambda hub: len(hub.device("dev 1").attached) == 4 and hub.device("dev 1").console)
        hub.wait(lambda hub: hub.device("dev 1").health and hub.device("dev 1").location)
        yield board


def call(hub, path, body=None):
    """Status and JSON (or text) of an answer to the user; with a body it is a POST."""
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Authorization": f"token {hub.organization.token}"}
    asked = urllib.request.Request(f"http://localhost:{hub.port}/api{path}", data, headers)
    try:
        with urllib.request.urlopen(asked, timeout=10) as answer:
            code, text = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            code, text = error.code, error.read()
    try:
        return code, json.loads(text)
    except ValueError:
        return code, text


def data(hub, path):
    code, answer = call(hub, path)
    assert code == 200
    return answer["data"]


def pushed(board, *events):
    """What the device was told of these kinds."""
    return [(event, fields) for _, event, fields in board.received if event in events]


def test_devices_are_listed_with_the_state_of_their_update(hub, board):
    (found,) = data(hub, "/devices")
    assert (found["identifier"], found["connected"], found["joined"]) == ("dev 1", True, True)
    assert found["meta"]["version"] == "1.4.2"
    assert (found["inflight"], found["progress"]) == (None, [None, None])
    assert call(hub, DEVICE + "/upgrade", {"uuid": "u-2"}) == (204, b"")
    board.wait(lambda board: pushed(board, "update"))
    board.send("device", "fwup_progress", {"value": 7, "stage": "downloading"})
    hub.wait(lambda hub: hub.device("dev 1").progress == ("downloading", 7))
    found = data(hub, DEVICE + "/state")
    assert found["progress"] == ["downloading", 7]
    assert (found["inflight"]["uuid"], found["inflight"]["status"]) == ("u-2", "downloading")
    # The real server fails, too: an update is in flight.
    assert call(hub, DEVICE + "/upgrade", {"uuid": "u-2"})[0] == 500
    # What can be long has paths of its own.
    assert not {"logs", "health", "files", "frames", "events", "terminals"} & set(found)


def test_a_new_update_begins_with_no_progress_of_the_last_one(hub, board):
    hub.push_update("dev 1", "u-2")
    board.send("device", "status_update", {"status": "failed", "reason": "why not"})
    hub.wait(lambda hub: hub.device("dev 1").progress == ("failed", None))
    hub.push_update("dev 1", "u-2")
    assert data(hub, DEVICE + "/state")["progress"] == ["requested", None]


def test_firmware_is_deployed_to_a_group(hub, board):
    assert data(hub, "/firmwares")[0]["uuid"] == "u-2"
    assert call(hub, "/deployments", {"uuid": "u-2", "identifiers": ["dev 1"]})[0] == 204
    board.wait(lambda board: pushed(board, "update"))
    assert pushed(board, "update")[0][1]["deployment_id"] == 1
    assert data(hub, "/deployments") == [
        {
            "id": 1,
            "uuid": "u-2",
            "identifiers": ["dev 1"],
            "failure_threshold": 3,
            "failure_rate_amount": 5,
            "failure_rate_seconds": 180,
            "penalty_seconds": 86400,
            "name": "group 1",
            "tags": None,
            "version": "",
            "active": True,
            "release": 1,
            "released_at": 0,
        }
    ]


@pytest.mark.parametrize("action", ["identify", "reboot"])
def test_actions_reach_the_device(hub, board, action):
    assert call(hub, f"{DEVICE}/{action}", b"") == (204, b"")
    board.wait(lambda board: pushed(board, action) == [(action, {})])


def test_reconnect_closes_the_socket(hub, board):
    assert call(hub, DEVICE + "/reconnect", b"")[0] == 204
    board.wait(lambda board: board.ended)


def test_script_is_waited_for_and_answered_as_text(hub, board):
    assert call(hub, DEVICE + "/scripts", {"text": "6 * 7"}) == (200, 42)
    assert call(hub, DEVICE + "/scripts", {"text": "1 / 0"})[1].startswith(b"ZeroDivisionError")


def test_script_without_an_answer_is_refused_after_the_time_given(hub, board):
    board.silent = True
    code, answer = call(hub, DEVICE + "/scripts", {"text": "6 * 7", "timeout": 50})
    assert (code, answer) == (403, {"errors": {"detail": "device not available or responding"}})


def test_logs_health_location_and_identities_are_there(hub, board):
    board.log("warning", "late")
    hub.wait(lambda hub: hub.device("dev 1").logs)
    assert [line["message"] for line in data(hub, DEVICE + "/logs")] == ["late"]
    assert call(hub, DEVICE + "/health", b"")[0] == 204
    hub.wait(lambda hub: len(hub.device("dev 1").health) == 2)
    first, second = data(hub, DEVICE + "/health")
    assert first["report"]["metrics"] == {"mem_used_percent": 41.0, "cpu_temp": 38.5}
    assert first["received_at"] <= second["received_at"]
    assert data(hub, DEVICE + "/location")["latitude"] == 52.37
    assert data(hub, DEVICE + "/network_identities") == []


def test_console_is_typed_into_and_read(hub, board):
    before = data(hub, DEVICE + "/console")
    assert before == {"text": "Adafruit CircuitPython\r\n>>> ", "end": 28}
    assert call(hub, DEVICE + "/console", {"data": "1+1\r"}) == (204, b"")
    # Waits until something was printed, and gives only that.
    after = data(hub, DEVICE + f"/console?after={before['end']}&wait=10")
    assert after == {"text": "1+1\r\n2\r\n>>> ", "end": 40}
    assert data(hub, DEVICE + "/console?after=40&wait=0.01") == {"text": "", "end": 40}
    assert call(hub, DEVICE + "/code", {"code": "3"})[0] == 204
    board.wait(lambda board: pushed(board, "dn")[1:] == [("dn", {"data": x}) for x in "3\r"])


def test_console_is_resized_and_restarted(hub, board):
    size = {"height": 30, "width": 100}
    assert call(hub, DEVICE + "/console/window_size", size)[0] == 204
    assert call(hub, DEVICE + "/console/restart", b"")[0] == 204
    board.wait(lambda board: pushed(board, "restart"))
    assert pushed(board, "window_size", "restart") == [("window_size", size), ("restart", {})]


def test_local_shell_is_typed_into_resized_and_read(hub, board):
    size = {"rows": 30, "cols": 100}
    assert call(hub, DEVICE + "/shell/window_size", size)[0] == 204
    assert call(hub, DEVICE + "/shell", {"data": "ls\r"})[0] == 204
    board.wait(lambda board: pushed(board, "local_shell:window_size"))
    assert pushed(board, "local_shell:window_size") == [("local_shell:window_size", size)]
    hub.wait(lambda hub: hub.device("dev 1").shell.count("$") == 2)
    assert data(hub, DEVICE + "/shell")["text"] == "/ $ ls\r\n\r\n/ $ "


def test_file_is_sent_in_chunks_whose_numbers_begin_anew(hub, board, monkeypatch):
    monkeypatch.setattr(terminals_module, "READ", 2048)
    sent = bytes(range(256)) * 20
    assert call(hub, DEVICE + "/files?name=a%20b.bin", sent)[0] == 204
    board.wait(lambda board: pushed(board, "file-data/stop"))
    who = {"filename": "a b.bin", "uploaded_by": 1}
    assert pushed(board, "file-data/start") == [("file-data/start", who)]
    assert pushed(board, "file-data/stop") == [("file-data/stop", who)]
    chunks = [fields for _, fields in pushed(board, "file-data")]
    assert [chunk["chunk"] for chunk in chunks] == [0, 1, 0, 1, 0]
    assert {len(base64.b64decode(chunk["data"])) for chunk in chunks} == {1024}
    assert board.files == {"a b.bin": sent}


def test_file_of_the_device_is_fetched_under_a_harmless_name(hub, board):
    board.offer_file("../a\r\nb.txt", b"hello" * 500)
    hub.wait(lambda hub: hub.device("dev 1").files)
    (found,) = data(hub, DEVICE + "/files")
    assert (found["number"], found["name"], found["size"]) == (0, "../a\r\nb.txt", 2500)
    url = f"http://localhost:{hub.port}/api{DEVICE}/files/0"
    with urllib.request.urlopen(url, timeout=10) as answer:
        assert answer.read() == b"hello" * 500
        disposition = answer.headers["content-disposition"]
    assert disposition == "attachment; filename*=UTF-8''.._a__b.txt"
    assert call(hub, DEVICE + "/files/1")[0] == 404


@pytest.mark.parametrize(
    ("path", "body", "expected", "detail"),
    [
        ("/upgrade", {"uuid": "u-9"}, 500, "Sorry, an unexpected error occurred."),
        ("/upgrade", {"uuid": ["u-2"]}, 500, "Sorry, an unexpected error occurred."),
        ("/upgrade", [], 400, "the body must be a JSON object"),
        ("/scripts", {}, 400, "text must be a text"),
        ("/scripts", {"text": "1", "timeout": "soon"}, 400, "timeout must be a number, 0 or more"),
        ("/console", {"data": 1}, 400, "data must be a text"),
        ("/console/window_size", {"height": 0, "width": 1}, 400, "height must be a whole number"),
        ("/console/window_size", {"height": 1}, 400, "width must be a whole number above 0"),
        ("/code", {"code": None}, 400, "code or body parameter required"),
        ("/files", b"data", 400, "?name= must say what the file is to be called"),
        ("/files?name=x", bytes(MAX_SIZE + 1), 413, "Too Large"),
        ("/nothing", {}, 404, "Resource Not Found or Authorization Insufficient"),
    ],
)
@pytest.mark.usefixtures("board")
def test_mistakes_are_told_and_nothing_is_sent(hub, path, body, expected, detail):
    count = sum(sender == "server" for sender, _ in hub.device("dev 1").frames)
    code, answer = call(hub, DEVICE + path, body)
    assert (code, detail in answer["errors"]["detail"]) == (expected, True), answer
    assert sum(sender == "server" for sender, _ in hub.device("dev 1").frames) == count


@pytest.mark.parametrize("after", ["-1", "x", "nan", "inf"])
def test_reading_after_no_number_is_refused(hub, board, after):
    assert call(hub, f"{DEVICE}/console?after={after}")[0] == 400


def test_mistakes_of_a_deployment_are_told(hub):
    for given in ({"uuid": "u-2", "identifiers": "dev"}, {"uuid": "u-2", "number": True}):
        assert call(hub, "/deployments", given)[0] == 400
    assert call(hub, "/deployments", {"uuid": "u-9"})[0] == 404
    assert call(hub, "/deployments", b"{")[0] == 400


def test_what_a_device_has_not_joined_cannot_be_used(hub, board):
    hub.crash("dev 1", "console")
    assert call(hub, DEVICE + "/console", {"data": "x"})[0] == 409
    board.send("extensions", "local_shell:detached", {})
    hub.wait(lambda hub: "local_shell" not in hub.device("dev 1").attached)
    code, answer = call(hub, DEVICE + "/shell", {"data": "x"})
    assert (code, answer["errors"]["detail"]) == (409, "dev 1 has not attached local_shell")
    assert call(hub, "/devices/nobody/console")[0] == 404


def test_wrong_method_is_refused_in_json(hub, board):
    code, answer = call(hub, DEVICE + "/reboot")
    assert (code, answer["errors"]["detail"]) == (405, "Method Not Allowed")


# Pieces


def test_scrollback_keeps_1024_lines_and_counts_everything():
    kept = Scrollback()
    for number in range(2000):
        kept.write(f"{number}\r\n")
    assert kept.text.startswith("977\r\n")
    assert kept.text.endswith("1999\r\n")
    assert kept.text.count("\n") == 1023  # and the line that has not ended yet
    end = kept.end
    kept.write("x")
    assert (kept.since(end), kept.since(kept.end), kept.end - end) == ("x", "", 1)
    assert kept.since(end + 100) == kept.text  # a reader that knew another hub


def receiver():
    files, complaints = [], []
    return FileReceiver(files, lambda: 7.0, complaints.append), files, complaints


def test_pieces_of_a_file_are_taken_in_the_order_of_arrival():
    received, files, complaints = receiver()
    received.handle("file-data/start", {"filename": "a"})
    for number in (0, 1, 0):
        received.handle("file-data", {"filename": "a", "chunk": number, "data": "QUI="})
    received.handle("file-data/stop", {"filename": "a"})
    assert [(item.name, item.data, item.received_at) for item in files] == [("a", b"ABABAB", 7.0)]
    assert not complaints


@pytest.mark.parametrize(
    ("payload", "complaint"),
    [
        ({"filename": "a", "data": "?"}, "is not in base64"),
        ({"filename": "a", "data": None}, "is not in base64"),
        ({"filename": "a"}, "is not in base64"),
        ({"filename": "a", "data": "A" * (MAX_SIZE // 3 * 4 + 8)}, "is larger than"),
    ],
)
def test_nonsense_in_a_file_is_told_and_the_file_given_up(payload, complaint):
    received, files, complaints = receiver()
    received.handle("file-data/start", {"filename": "a"})
    received.handle("file-data", payload)
    assert complaint in complaints[0]
    received.handle("file-data", {"filename": "a", "data": "QUI="})
    received.handle("file-data/stop", {"filename": "a"})
    assert len(complaints) == 1
    assert not files


@pytest.mark.parametrize(
    ("payload", "complaint"),
    [
        ({"filename": "b", "data": ""}, "did not start"),
        ({"data": ""}, "without a filename"),
        ({"filename": ""}, "without a filename"),
        ([], "without a filename"),
    ],
)
def test_piece_of_no_file_is_told(payload, complaint):
    received, files, complaints = receiver()
    received.handle("file-data", payload)
    received.handle("file-data/stop", payload)
    assert [complaint in text for text in complaints] == [True, True]
    assert not files


def test_files_that_never_end_do_not_pile_up():
    received, files, complaints = receiver()
    for number in range(100):
        received.handle("file-data/start", {"filename": str(number)})
    assert len(complaints) == 96
    for number in range(100):
        received.handle("file-data/start", {"filename": "x"})
        received.handle("file-data/stop", {"filename": "x"})
    assert len(files) == 20


def test_waiting_wakes_with_the_change_and_leaves_nothing_behind():
    hub = Hub(public_url="http://hub")

    async def wait():
        looked = []
        task = asyncio.ensure_future(
            until(hub, lambda hub: looked.append(1) or list(hub.deployments), 3600)
        )
        await asyncio.sleep(0)
        assert looked == [1]
        threading.Thread(target=hub.deploy, args=("u-1",)).start()
        found = await asyncio.wait_for(task, 10)
        assert await until(hub, lambda hub: None, 0) is None
        return found

    assert asyncio.run(wait()) == [1]
    assert hub.wakers == []


def test_terminal_that_is_closed_sees_nothing_more():
    hub = Hub(public_url="http://hub")
    seen = []
    terminal = hub.terminals.open("dev", "shell", lambda *shown: seen.append(shown))
    device = hub.connect("dev").device
    hub.terminals.printed(device, "shell", {"data": "a"})
    terminal.close()
    terminal.close()
    hub.terminals.printed(device, "shell", {"data": "b"})
    assert seen == [("output", {"data": ""}), ("output", {"data": "a"})]
    with pytest.raises(ValueError, match="no terminal"):
        hub.terminals.open("dev", "tty", print)
    with pytest.raises(ValueError, match="a shell knows no"):
        hub.terminals.send("dev", "shell", "restart", {})
    with pytest.raises(OperatorError, match="not attached"):
        terminal.send("input", {"data": "x"})
