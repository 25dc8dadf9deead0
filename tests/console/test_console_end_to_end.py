# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Console, files and scripts between a real link and the hub, over real sockets."""

import base64
import random

import pytest
from nerveshub_tools.server import HubThread
from nerveshub_tools.tls import ServerTls
from support.ca import ThrowawayCa
from support.hub_board import Board

from nerveshub_link import Console

DATA = random.Random(3).randbytes(50_000)


@pytest.fixture(params=["tcp", "tls"])
def board(request, tmp_path):
    """A board with a console, at a hub."""
    ca = ThrowawayCa(tmp_path) if request.param == "tls" else None
    tls = ServerTls(*ca.issue("localhost", "127.0.0.1")) if ca else None
    console = Console({"answer": 42}, upload_folder=str(tmp_path / "uploads"))
    with (
        HubThread(tls=tls) as hub,
        Board(
            hub,
            ssl_context=ca.client_context() if ca else None,
            console=console,
            scripts={"answer": 41},
        ) as found,
    ):
        found.until(lambda: "console" in topics(found))
        yield found
        assert hub.violations == []
        assert found.link.last_error is None


def topics(board):
    return board.device.topics if "dev-1" in board.hub.identifiers() else ()


def push(board, event, payload):
    board.hub.push("dev-1", "console", event, payload)


def type_keys(board, keys, until):
    before = len(board.device.console)
    push(board, "dn", {"data": keys})
    board.until(lambda: until in board.device.console[before:])
    return board.device.console[before:]


def test_an_operator_types_and_reads(board):
    push(board, "window_size", {"height": 24, "width": 80})
    board.until(lambda: ">>> " in board.device.console)
    assert type_keys(board, "answer + 1\r", "43\r\n>>> ").startswith("answer + 1\r\n43")
    out = type_keys(board, "print('é' * 6000)\r", "é\r\n>>> ")
    assert out.count("é") == 6001


def test_files_go_both_ways(board, tmp_path):
    push(board, "file-data/start", {"filename": "data.bin", "uploaded_by": 1})
    for at in range(0, len(DATA), 1024):
        data = base64.b64encode(DATA[at : at + 1024]).decode()
        push(board, "file-data", {"filename": "data.bin", "chunk": at // 1024 % 7, "data": data})
    push(board, "file-data/stop", {"filename": "data.bin", "uploaded_by": 1})
    board.until(lambda: "50000 bytes received]" in board.device.console)
    assert (tmp_path / "uploads" / "data.bin").read_bytes() == DATA
    command = "download(%r)\r" % str(tmp_path / "uploads" / "data.bin")
    type_keys(board, command, "download of 50000 bytes sent]")
    events = [(event, payload) for _, event, payload in board.device.events if "file-data" in event]
    assert events[0] == ("file-data/start", {"filename": "data.bin"})
    assert events[-1] == ("file-data/stop", {"filename": "data.bin"})
    assert b"".join(base64.b64decode(payload["data"]) for _, payload in events[1:-1]) == DATA


def test_a_script_is_answered(board):
    ref = board.hub.run_script("dev-1", "print('here')\nanswer")
    board.until(lambda: board.device.scripts[ref] is not None)
    assert board.device.scripts[ref] == "here\n\n41"


def test_a_console_whose_channel_crashes_is_there_again(board):
    type_keys(board, "x = 6\r", "\n>>> ")
    board.hub.crash("dev-1", "console")
    board.until(lambda: not board.link._channels.is_joined("console"))
    board.ahead += 6000
    board.until(lambda: "console" in board.device.topics)
    board.until(lambda: board.link._channels.is_joined("console"))
    type_keys(board, "x * 7\r", "\r\n42\r\n>>> ")
